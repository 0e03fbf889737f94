"""BG/NBD and MBG/NBD given the hyperparameters: likelihood, P(alive), future purchases in closed form.

x frequency, k dropout coins met (``Family.coins``), t_x recency, T time since the first purchase; purchase
rate Gamma(r, rate alpha) and dropout probability Beta(a, b) over customers. Everything broadcasts. Sources:
Fader, Hardie & Lee (2005), eq. 3 and 6; Batislam, Denizel & Filiztekin (2007).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, expit, gammaln, hyp2f1

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
) -> Array:
    """Return each customer's log likelihood.

    Γ(r')α^r / (Γ(r) B(a,b)) · { B(a,b+k)/(α+T)^{r'} + 1{k>0} B(a+1,b+k−1)/(α+t_x)^{r'} }, r' = r + x.
    """
    x, k, t_x, T, r, alpha, a, b = _floats(x, k, t_x, T, r, alpha, a, b)
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + k) - betaln(a, b)
    still_alive = -(r + x) * np.log(alpha + T)
    return np.asarray(shared + still_alive + np.logaddexp(0.0, log_odds_dead(x, k, t_x, T, r, alpha, a, b)))


def log_odds_dead(
    x: ArrayLike,
    k: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    r: ArrayLike,
    alpha: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
) -> Array:
    """Return the log odds of having dropped out: ln(a/(b+k−1)) + r' ln((α+T)/(α+t_x)); -inf where k = 0."""
    x, k, t_x, T, r, alpha, a, b = _floats(x, k, t_x, T, r, alpha, a, b)
    with np.errstate(invalid="ignore", divide="ignore"):
        odds = np.log(a) - np.log(b + k - 1) + (r + x) * (np.log(alpha + T) - np.log(alpha + t_x))
    return np.where(k > 0, odds, -np.inf)


def p_alive(
    x: ArrayLike,
    k: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    r: ArrayLike,
    alpha: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
) -> Array:
    """Return the probability that the customer is alive at T; exactly 1 where no coin was met."""
    return np.asarray(expit(-log_odds_dead(x, k, t_x, T, r, alpha, a, b)))


def p_purchase_within(
    horizon: ArrayLike, x: ArrayLike, T: ArrayLike, r: ArrayLike, alpha: ArrayLike
) -> Array:
    """Return P(at least one purchase in (T, T + horizon] | alive): 1 − (α'/(α'+H))^{r'}."""
    horizon, x, T, r, alpha = _floats(horizon, x, T, r, alpha)
    return -np.expm1(-(r + x) * np.log1p(horizon / (alpha + T)))


def p_alive_later(
    horizon: ArrayLike,
    x: ArrayLike,
    k: ArrayLike,
    T: ArrayLike,
    r: ArrayLike,
    alpha: ArrayLike,
    a: ArrayLike,
    b: ArrayLike,
) -> Array:
    """Return P(alive at T + horizon | alive at T): ₂F₁(r', a; a+b'; −H/α').

    Evaluated as (1 + H/α')^{−a} ₂F₁(a, a+b'−r'; a+b'; H/(α'+H)), Pfaff's transformation: x cancels in the
    second argument, where SciPy's ₂F₁ of the first form is NaN from x near 200 on.
    """
    horizon, x, k, T, r, alpha, a, b = _floats(horizon, x, k, T, r, alpha, a, b)
    reach = horizon / (alpha + T)
    second, third, share = (a + b - r) + (k - x), a + b + k, reach / (1 + reach)
    series = hyp2f1(a, second, third, share)
    # where r' − a is a whole number in the hundreds SciPy gives NaN; a step aside changes the twelfth digit
    beside = np.where(np.isfinite(series), second, second + 1e-12 * third)
    return np.asarray(np.exp(-a * np.log1p(reach)) * hyp2f1(a, beside, third, share))


def _floats(*values: ArrayLike) -> tuple[Array, ...]:
    return tuple(np.asarray(value, dtype=np.float64) for value in values)
