"""Closed forms of BG/NBD and MBG/NBD that nothing in the package asks for: what tests hold kernels against.

Arguments are those of the formulas in `families.bg_nbd`. Given alive, the count in a horizon is min(N, K): N
negative binomial, K the number of purchases until dropout, beta-geometric. S(y) = A · P(K>=y) · P(N>=y).
"""

import math

import numpy as np
from scipy.special import betainc, expit, hyp2f1

from bayesltv.families.bg_nbd.expectations import expected_over_span, settles
from bayesltv.families.bg_nbd.formulas import log_likelihood, log_odds_dead, log_of_waits
from bayesltv.numerics.compile import compiled

__all__ = ["log_likelihood", "log_odds_dead", "log_of_waits"]
_SMALLEST = 1e-17


def p_alive(*given):
    """P(alive at T), exactly 1 where no coin was met."""
    return np.asarray(expit(-log_odds_dead(*given)))


@compiled
def expected_over_horizon(horizon, discount, shape, rate, a, b, work):
    return expected_over_span(0.0, horizon, discount, shape, rate, a, b, work)


def p_purchase_within(horizon, x, T, r, alpha):
    """Return P(at least one purchase in (T, T + horizon] | alive): 1 − (α'/(α'+H))^{r'}."""
    horizon, x, T, r, alpha = map(np.float64, (horizon, x, T, r, alpha))
    return -np.expm1(-(r + x) * np.log1p(horizon / (alpha + T)))


def p_alive_later(horizon, x, k, T, r, alpha, a, b):
    """Return P(alive at T + horizon | alive at T): ₂F₁(r', a; a+b'; −H/α').

    Evaluated as (1 + H/α')^{−a} ₂F₁(a, a+b'−r'; a+b'; H/(α'+H)), Pfaff's transformation: x cancels in the
    second argument, where SciPy's ₂F₁ of the first form is NaN from x near 200 on.
    """
    horizon, x, k, T, r, alpha, a, b = map(np.float64, (horizon, x, k, T, r, alpha, a, b))
    reach = horizon / (alpha + T)
    second, third, share = (a + b - r) + (k - x), a + b + k, reach / (1 + reach)
    series = hyp2f1(a, second, third, share)
    # where r' − a is a whole number in the hundreds SciPy gives NaN; a step aside changes the twelfth digit
    beside = np.where(np.isfinite(series), second, second + 1e-12 * third)
    return np.asarray(np.exp(-a * np.log1p(reach)) * hyp2f1(a, beside, third, share))


@compiled
def _first_count(shape, log_w, log_none):
    """First count whose negative binomial probability does not underflow, and its log probability."""
    n, log_p = 0, shape * log_none
    while log_p < -700.0:
        log_p += math.log((shape + n) / (n + 1.0)) + log_w
        n += 1
    return n, log_p


@compiled
def purchase_survival(horizon, a_alive, shape, rate, a, b, out):
    """Fill `out` with S(1), S(2), ... and return E = Σ S(y) and the number of terms needed.

    Where parameters are those of no process, everything is no number.

    Parameters
    ----------
    horizon : float
        H, in the time unit.
    a_alive : float
        P(alive at T).
    shape, rate : float
        r' = r + x and α' = α + T of the customer's purchase rate given alive.
    a, b : float
        a and b' of the dropout probability given alive.
    out : ndarray of float64
        As many values of S as fit.
    """
    out[:] = 0.0
    if a_alive <= 0.0:
        return 0.0, 1
    w = horizon / (rate + horizon)
    if not (a_alive < math.inf and settles(w, shape, a, b)):
        out[:] = math.nan
        return math.nan, 1
    first, log_pmf = _first_count(shape, math.log(w), -math.log1p(horizon / rate))
    pmf, above, reach, total = 0.0, 1.0, 1.0, 0.0
    y = 1
    while True:
        if y - 1 == first:
            pmf = math.exp(log_pmf)
            above = -math.expm1(log_pmf)
        elif y - 1 > first:
            pmf *= (shape + y - 2.0) / (y - 1.0) * w
            above = max(above - pmf, 0.0)
        survival = a_alive * reach * above
        if y <= out.size:
            out[y - 1] = survival
        total += survival
        ratio = max((shape + y - 1.0) / y * w, w)
        if y > first and ratio < 1.0 and pmf * ratio <= _SMALLEST * total * (1.0 - ratio):
            return total, y
        reach *= (b + y - 1.0) / (a + b + y - 1.0)
        y += 1


def purchase_probabilities(horizon, a_alive, shape, rate, a, b):
    """Return P(X* = 0), P(X* = 1), ... until nothing of double precision is left.

    Parameters are those of `purchase_survival`.
    """
    out = np.zeros(64)
    _, terms = purchase_survival(horizon, a_alive, shape, rate, a, b, out)
    if terms > out.size:
        out = np.zeros(terms)
        purchase_survival(horizon, a_alive, shape, rate, a, b, out)
    survival = np.concatenate([[1.0], out[:terms], [0.0]])
    return survival[:-1] - survival[1:]


def p_spend_above(threshold, probabilities, p, spend_shape, spend_rate):
    """Return P(spend in the horizon > threshold), no Monte Carlo: Σ P(X*=n) · I_{v'/(s+v')}(q+px, pn).

    Parameters
    ----------
    threshold : float
        Money, >= 0.
    probabilities : ndarray, shape (n,)
        P(X* = 0), P(X* = 1), ...
    p : float
        Shape of one amount.
    spend_shape, spend_rate : float
        q + p · count and v + Σz, the customer's posterior of ν.
    """
    n = np.arange(1, probabilities.size)
    tail = betainc(spend_shape, p * n, spend_rate / (threshold + spend_rate))
    return float(np.sum(probabilities[1:] * tail))
