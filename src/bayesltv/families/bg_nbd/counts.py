"""The distribution of the number of future purchases, walked by recurrence.

Given alive, the count in a horizon is min(N, K): N negative binomial (Poisson with the customer's Gamma
rate), K the number of purchases until dropout, beta-geometric. S(y) = A · P(K>=y) · P(N>=y).
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from bayesltv.families.bg_nbd.expectations import settles
from bayesltv.numerics.compile import compiled

_SMALLEST = 1e-17


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


def purchase_probabilities(
    horizon: float, a_alive: float, shape: float, rate: float, a: float, b: float
) -> NDArray[np.float64]:
    """Return P(X* = 0), P(X* = 1), ... until nothing of double precision is left.

    Parameters are those of `purchase_survival`.
    """
    out = np.zeros(64)
    _, terms = purchase_survival(horizon, a_alive, shape, rate, a, b, out)
    if terms > out.size:
        out = np.zeros(terms)
        purchase_survival(horizon, a_alive, shape, rate, a, b, out)
    survival: NDArray[np.float64] = np.concatenate([[1.0], out[:terms], [0.0]])
    return survival[:-1] - survival[1:]


def p_spend_above(
    threshold: float, probabilities: NDArray[np.float64], p: float, spend_shape: float, spend_rate: float
) -> float:
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


@compiled
def purchase_probability(y, horizon, a_alive, shape, rate, a, b):
    """Return P(X* = y), as a sum of positive terms: A [P(K = y) P(N >= y) + P(K > y) P(N = y)].

    Parameters
    ----------
    y : int
        Purchases in the horizon.
    horizon, a_alive, shape, rate, a, b : float
        As in `purchase_survival`.
    """
    w = horizon / (rate + horizon)
    log_none, log_w = -math.log1p(horizon / rate), math.log(w)
    if y == 0:
        return 1.0 - a_alive + a_alive * math.exp(shape * log_none)
    reach, below = 1.0, 0.0  # P(K >= y), P(N < y)
    log_pmf = shape * log_none
    for n in range(y):
        below += math.exp(log_pmf)
        log_pmf += math.log((shape + n) / (n + 1.0)) + log_w
        if n > 0:
            reach *= (b + n - 1.0) / (a + b + n - 1.0)
    leaves = a / (a + b + y - 1.0)
    return a_alive * reach * (leaves * max(1.0 - below, 0.0) + (1.0 - leaves) * math.exp(log_pmf))
