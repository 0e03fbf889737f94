"""Pareto/NBD given the hyperparameters, for NumPy arrays: likelihood and P(alive). Everything broadcasts.

`k` is taken for the sake of families with dropout coins, and not used.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaln

from bayesltv.families.pareto_nbd.integral import silent_odds
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.compile import compiled


@compiled
def _log_odds(t_x, T, alpha, beta, shape, s, out):
    for i in range(out.size):
        total, fall, _, _, _, _ = silent_odds(t_x[i], T[i], alpha[i], beta[i], shape[i], s[i])
        out[i] = fall + math.log(s[i] * total) if total > 0.0 else -np.inf


def log_odds_dead(
    x: ArrayLike,
    k: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    r: ArrayLike,
    alpha: ArrayLike,
    s: ArrayLike,
    beta: ArrayLike,
) -> Floats:
    """Return the log odds of having left; -inf where no time has passed since the last purchase."""
    given = np.broadcast_arrays(*(np.asarray(each, np.float64) for each in (x, t_x, T, r, alpha, s, beta)))
    flat = [np.ascontiguousarray(each.ravel()) for each in given]
    out = np.empty(flat[0].size)
    _log_odds(flat[1], flat[2], flat[4], flat[6], flat[0] + flat[3], flat[5], out)
    return out.reshape(given[0].shape)


def log_likelihood(
    x: ArrayLike,
    k: ArrayLike,
    t_x: ArrayLike,
    T: ArrayLike,
    r: ArrayLike,
    alpha: ArrayLike,
    s: ArrayLike,
    beta: ArrayLike,
) -> Floats:
    """Return each customer's log likelihood."""
    odds = log_odds_dead(x, k, t_x, T, r, alpha, s, beta)
    x, T, r, alpha, s, beta = (np.asarray(each, np.float64) for each in (x, T, r, alpha, s, beta))
    known = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    alive = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
    return np.asarray(known + alive + np.logaddexp(0.0, odds))
