"""Gamma-Gamma spend given the hyperparameters (Fader & Hardie, note 025).

An amount z of one customer is Gamma(p, rate ν); ν over customers is Gamma(q, rate v). A first amount z₀ > 0
is Gamma(p, rate ν/δ): first orders are on the level δ of later ones. Everything broadcasts.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from bayesltv.numerics.arrays import Floats


def log_likelihood_of_amounts(
    count: ArrayLike,
    total: ArrayLike,
    log_total: ArrayLike,
    p: ArrayLike,
    q: ArrayLike,
    v: ArrayLike,
    delta: ArrayLike = 1.0,
    *,
    first: ArrayLike = 0.0,
) -> Floats:
    """Return each customer's log likelihood of all single amounts, ν integrated out (full information).

    (p−1)Σ ln z + lnΓ(pn+q) − n lnΓ(p) − lnΓ(q) + q ln v − (pn+q) ln(v+Σz), n the count of positive amounts:
    `count` repeat ones, and a `first` one, divided by δ (0 where there is none).
    """
    n, s, ln_s, p, q, v, delta, first = _floats(count, total, log_total, p, q, v, delta, first)
    h, log_first = _of_first(first)
    n, s = n + h, s + first / delta
    return np.asarray(
        (p - 1) * (ln_s + log_first)
        + gammaln(p * n + q)
        - n * gammaln(p)
        - gammaln(q)
        + q * np.log(v)
        - (p * n + q) * np.log(v + s)
        - h * p * np.log(delta)
    )


def log_likelihood_of_mean(
    count: ArrayLike,
    mean: ArrayLike,
    p: ArrayLike,
    q: ArrayLike,
    v: ArrayLike,
    delta: ArrayLike = 1.0,
    *,
    first: ArrayLike = 0.0,
) -> Floats:
    """Return each customer's log likelihood of the mean of `count` amounts (note 025, eq. 1a).

    A `first` amount beside them (0 where there is none) shares ν; the mean is not looked at where count is 0.
    """
    n, m, p, q, v, delta, first = _floats(count, mean, p, q, v, delta, first)
    h, log_first = _of_first(first)
    some = n > 0
    repeats, m = np.where(some, n, 1.0), np.where(some, m, 1.0)
    shape = p * (n + h) + q
    of_mean = (p * n - 1) * np.log(m) + p * n * np.log(repeats) - gammaln(p * repeats)
    of_first = h * ((p - 1) * log_first - p * np.log(delta) - gammaln(p))
    rate = v + np.where(some, n * m, 0.0) + first / delta
    shared = gammaln(shape) - gammaln(q) + q * np.log(v) - shape * np.log(rate)
    return np.asarray(shared + np.where(some, of_mean, 0.0) + of_first)


def expected_spend(
    count: ArrayLike,
    total: ArrayLike,
    p: ArrayLike,
    q: ArrayLike,
    v: ArrayLike,
    delta: ArrayLike = 1.0,
    *,
    first: ArrayLike = 0.0,
) -> Floats:
    """Return E[mean repeat spend per purchase] = p(v+Σz)/(pn+q−1); inf where pn+q <= 1: it has no mean there.

    A `first` amount counts as one of the n, divided by δ.
    """
    n, s, p, q, v, delta, first = _floats(count, total, p, q, v, delta, first)
    excess = p * (n + _of_first(first)[0]) + q - 1
    with np.errstate(divide="ignore"):
        return np.where(excess > 0, p * (v + s + first / delta) / np.where(excess > 0, excess, 1.0), np.inf)


def level_of_first(p: ArrayLike, q: ArrayLike, v: ArrayLike, delta: ArrayLike = 1.0) -> Floats:
    """Return δ, what a first order is worth against later ones, of each p: 1 in a fit without it."""
    return np.broadcast_to(np.asarray(delta, dtype=np.float64), np.shape(p))


def _of_first(first: Floats) -> tuple[Floats, Floats]:
    """Return the number of first amounts, 0 or 1, and their logarithm, 0 where there is none."""
    return np.where(first > 0, 1.0, 0.0), np.log(np.where(first > 0, first, 1.0))


def _floats(*values: ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.asarray(value, dtype=np.float64) for value in values)
