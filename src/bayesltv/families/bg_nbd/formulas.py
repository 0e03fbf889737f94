"""BG/NBD, MBG/NBD and, with stages of a wait, their CNBD relatives given the hyperparameters: the likelihood.

x frequency, k dropout coins met (``Family.coins``), t_x recency, T time since the first purchase; purchase
rate Gamma(r, rate alpha) and dropout probability Beta(a, b) over customers. Everything broadcasts. Sources:
Fader, Hardie & Lee (2005), eq. 3 and 6; Batislam, Denizel & Filiztekin (2007); Reutterer, Platzer & Schröder
(2021).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, gammaln

from bayesltv.numerics.arrays import Floats


def log_likelihood(
    x: ArrayLike,
    k: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    r: ArrayLike,
    alpha: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    stages: int = 1,
) -> Floats:
    """Return each customer's log likelihood; with stages, without (stages − 1) Σ ln wait (`log_of_waits`).

    Γ(r')α^r / (Γ(r) B(a,b)) · { B(a,b+k)/(α+T)^{r'} + 1{k>0} B(a+1,b+k−1)/(α+t_x)^{r'} }, r' = r + x, where a
    wait has one stage.
    """
    x, k, t_x, T, r, alpha, a, b = _floats(x, k, t_x, T, r, alpha, a, b)
    shape = r + stages * x
    shared = gammaln(shape) - gammaln(r) + r * np.log(alpha) + betaln(a, b + k) - betaln(a, b)
    alive = (
        shared - x * gammaln(stages) - shape * np.log(alpha + T) + _log_stages(shape, t_x, T, alpha, stages)
    )
    return np.asarray(alive + np.logaddexp(0.0, log_odds_dead(x, k, t_x, T, r, alpha, a, b, stages)))


def log_of_waits(log_waits: ArrayLike, stages: int) -> Floats:
    """Return what single waits add to the log likelihood: (stages − 1) Σ ln wait."""
    return (stages - 1) * np.asarray(log_waits, dtype=np.float64)


def log_odds_dead(
    x: ArrayLike,
    k: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    r: ArrayLike,
    alpha: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    stages: int = 1,
) -> Floats:
    """Return the log odds of having dropped out: ln(a/(b+k−1)) + r' ln((α+T)/(α+t_x)); -inf where k = 0."""
    x, k, t_x, T, r, alpha, a, b = _floats(x, k, t_x, T, r, alpha, a, b)
    shape = r + stages * x
    with np.errstate(invalid="ignore", divide="ignore"):
        odds = np.log(a) - np.log(b + k - 1) + shape * (np.log(alpha + T) - np.log(alpha + t_x))
    return np.where(k > 0, odds - _log_stages(shape, t_x, T, alpha, stages), -np.inf)


def _log_stages(shape: Floats, t_x: Floats, T: Floats, alpha: Floats, stages: int) -> Floats:
    """Return the log of the sum over stages that may have been passed since t_x; 0 where there is but one."""
    if stages == 1:
        return np.zeros(())
    u = (T - t_x) / (alpha + T)
    total = term = np.ones_like(shape * u)
    for j in range(1, stages):
        term = term * (shape + j - 1) * u / j
        total = total + term
    return np.asarray(np.log(total))


def _floats(*values: ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.asarray(value, dtype=np.float64) for value in values)
