"""BG/CNBD-k and MBG/CNBD-k given the hyperparameters: likelihood and P(alive).

Arguments are those of ``bg_nbd.formulas``, the number of stages of a wait last; everything broadcasts.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, expit, gammaln

from bayesltv.families.bg_nbd import formulas as bg_nbd

Array = NDArray[np.float64]


def log_likelihood(
    x: ArrayLike,
    k: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    r: ArrayLike,
    alpha: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    stages: int,
) -> Array:
    """Return each customer's log likelihood, without (stages − 1) Σ ln wait.

    That sum is a constant in one unit of time; see `log_of_waits`.
    """
    x, k, t_x, T, r, alpha, a, b = _floats(x, k, t_x, T, r, alpha, a, b)
    shape = r + stages * x
    shared = gammaln(shape) - gammaln(r) + r * np.log(alpha) + betaln(a, b + k) - betaln(a, b)
    shared = (
        shared - x * gammaln(stages) - shape * np.log(alpha + T) + _log_stages(shape, t_x, T, alpha, stages)
    )
    return np.asarray(shared + np.logaddexp(0.0, log_odds_dead(x, k, t_x, T, r, alpha, a, b, stages)))


def log_of_waits(log_waits: ArrayLike, stages: int) -> Array:
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
    stages: int,
) -> Array:
    """Return the log odds of having dropped out; -inf where no coin was met."""
    x, k, t_x, T, r, alpha, a, b = _floats(x, k, t_x, T, r, alpha, a, b)
    odds = bg_nbd.log_odds_dead(stages * x, k, t_x, T, r, alpha, a, b)
    return np.asarray(odds - _log_stages(r + stages * x, t_x, T, alpha, stages))


def p_alive(
    x: ArrayLike,
    k: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    r: ArrayLike,
    alpha: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
    stages: int,
) -> Array:
    """Return the probability that the customer is alive at T; exactly 1 where no coin was met."""
    return np.asarray(expit(-log_odds_dead(x, k, t_x, T, r, alpha, a, b, stages)))


def _log_stages(shape: Array, t_x: Array, T: Array, alpha: Array, stages: int) -> Array:
    u = (T - t_x) / (alpha + T)
    total, term = np.ones_like(shape * u), np.ones_like(shape * u)
    for j in range(1, stages):
        term = term * (shape + j - 1) * u / j
        total = total + term
    return np.asarray(np.log(total))


def _floats(*values: ArrayLike) -> tuple[Array, ...]:
    return tuple(np.asarray(value, dtype=np.float64) for value in values)
