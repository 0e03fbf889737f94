"""The collapsed log likelihood of spend and its gradient, compiled: one logarithm per repeater."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesltv.numerics.compile import compiled
from bayesltv.numerics.special import all_proper, digamma


class Repeaters(NamedTuple):
    """Customers with positive repeat amounts, and what they share.

    Attributes
    ----------
    counts, total : ndarray of float64, shape (repeater,)
        Number and sum of the positive repeat amounts.
    group : ndarray of int64, shape (repeater,)
    n, n_weight : ndarray of float64, shape (distinct count,)
        Distinct counts and the repeaters that have them.
    n_group : ndarray of int64, shape (distinct count,)
    purchases, log_total, log_mean : ndarray of float64, shape (group,)
        Σ count; full form Σ ln z, mean form Σ count · ln(count · mean); mean form Σ ln mean (full form: 0).
    is_full : bool, or ndarray of bool, shape ()
        Single amounts (True) or means (False).
    """

    counts: NDArray[np.float64]
    total: NDArray[np.float64]
    group: NDArray[np.int64]
    n: NDArray[np.float64]
    n_group: NDArray[np.int64]
    n_weight: NDArray[np.float64]
    purchases: NDArray[np.float64]
    log_total: NDArray[np.float64]
    log_mean: NDArray[np.float64]
    is_full: bool


@compiled
def spend_value_and_gradient(parameters, *repeaters):
    """Return the log likelihood of all repeaters' spend and its gradient by p, q, v of each group.

    Parameters
    ----------
    parameters : ndarray of float64, shape (3, group)
        p, q, v (a rate).
    *repeaters : ndarray
        The fields of `Repeaters`.

    Returns
    -------
    float, ndarray of float64, shape (3, group)
    """
    count, total, group, n, n_group, n_weight, purchases, log_total, log_mean, is_full = Repeaters(*repeaters)
    p, q, v = parameters[0], parameters[1], parameters[2]
    gradient = np.zeros_like(parameters)
    if not all_proper(parameters, parameters[:2]):
        return -np.inf, gradient
    value = 0.0
    for j in range(n.size):
        g, w = n_group[j], n_weight[j]
        shape = p[g] * n[j] + q[g]
        rising = digamma(shape)
        value += w * (math.lgamma(shape) + q[g] * math.log(v[g]) - math.lgamma(q[g]))
        gradient[0, g] += w * n[j] * rising
        gradient[1, g] += w * (rising + math.log(v[g]) - digamma(q[g]))
        gradient[2, g] += w * q[g] / v[g]
        if not is_full:
            value -= w * math.lgamma(p[g] * n[j])
            gradient[0, g] -= w * n[j] * digamma(p[g] * n[j])
    for g in range(p.size):
        value += p[g] * log_total[g] - (log_total[g] if is_full else log_mean[g])
        gradient[0, g] += log_total[g]
        if is_full:
            value -= purchases[g] * math.lgamma(p[g])
            gradient[0, g] -= purchases[g] * digamma(p[g])
    for i in range(count.size):
        g = group[i]
        shape, rate = p[g] * count[i] + q[g], v[g] + total[i]
        log_rate = math.log(rate)
        value -= shape * log_rate
        gradient[0, g] -= count[i] * log_rate
        gradient[1, g] -= log_rate
        gradient[2, g] -= shape / rate
    return value, gradient
