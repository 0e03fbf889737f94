"""Gamma-Gamma spend given the hyperparameters (Fader & Hardie, note 025).

An amount z of one customer is Gamma(p, rate ν); ν over customers is Gamma(q, rate v). Everything broadcasts.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]


def log_likelihood_of_amounts(
    count: ArrayLike, total: ArrayLike, log_total: ArrayLike, p: ArrayLike, q: ArrayLike, v: ArrayLike
) -> Array:
    """Return each customer's log likelihood of all single amounts, ν integrated out (full information).

    (p−1)Σ ln z + lnΓ(pn+q) − n lnΓ(p) − lnΓ(q) + q ln v − (pn+q) ln(v+Σz), n the count of positive amounts.
    """
    n, s, ln_s, p, q, v = _floats(count, total, log_total, p, q, v)
    return np.asarray(
        (p - 1) * ln_s
        + gammaln(p * n + q)
        - n * gammaln(p)
        - gammaln(q)
        + q * np.log(v)
        - (p * n + q) * np.log(v + s)
    )


def log_likelihood_of_mean(
    count: ArrayLike, mean: ArrayLike, p: ArrayLike, q: ArrayLike, v: ArrayLike
) -> Array:
    """Return each customer's log likelihood of the mean of `count` amounts (note 025, eq. 1a)."""
    n, m, p, q, v = _floats(count, mean, p, q, v)
    return np.asarray(
        gammaln(p * n + q)
        - gammaln(p * n)
        - gammaln(q)
        + q * np.log(v)
        + (p * n - 1) * np.log(m)
        + p * n * np.log(n)
        - (p * n + q) * np.log(v + n * m)
    )


def expected_spend(count: ArrayLike, total: ArrayLike, p: ArrayLike, q: ArrayLike, v: ArrayLike) -> Array:
    """Return E[mean spend per purchase] = p(v+Σz)/(pn+q−1); inf where pn+q <= 1, for there it has no mean."""
    n, s, p, q, v = _floats(count, total, p, q, v)
    excess = p * n + q - 1
    with np.errstate(divide="ignore"):
        return np.where(excess > 0, p * (v + s) / np.where(excess > 0, excess, 1.0), np.inf)


def _floats(*values: ArrayLike) -> tuple[Array, ...]:
    return tuple(np.asarray(value, dtype=np.float64) for value in values)
