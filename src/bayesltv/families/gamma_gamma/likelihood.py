"""The collapsed log likelihood of spend and its gradient, compiled: one logarithm per distinct spender."""

import math
from typing import NamedTuple

import numpy as np

from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.compile import compiled
from bayesltv.numerics.special import all_proper, digamma


class Spenders(NamedTuple):
    """Customers with positive amounts, and what they share.

    Attributes
    ----------
    counts, total : ndarray of float64, shape (spender,)
        Number of positive amounts, the first one included where it is used, and sum of the repeat ones.
    first : ndarray of float64, shape (spender,)
        First amount; 0 where there is none, or it is not used.
    weight : ndarray of float64, shape (spender,)
        Customers who share all this.
    group : ndarray of int64, shape (spender,)
    n, n_repeats, n_weight : ndarray of float64, shape (distinct count,)
        Distinct counts, the repeat ones among them, and the customers that have them.
    n_group : ndarray of int64, shape (distinct count,)
    purchases, log_total, log_mean : ndarray of float64, shape (group,)
        Amounts that enter one by one; full form Σ ln z, mean form Σ count · ln(count · mean), and Σ ln z of
        first amounts; what of it has no factor p in the mean form (full form: 0).
    firsts : ndarray of float64, shape (group,)
        Number of first amounts.
    is_full : bool, or ndarray of bool, shape ()
        Single amounts (True) or means (False).
    """

    counts: Floats
    total: Floats
    first: Floats
    weight: Floats
    group: Integers
    n: Floats
    n_repeats: Floats
    n_group: Integers
    n_weight: Floats
    purchases: Floats
    log_total: Floats
    log_mean: Floats
    firsts: Floats
    is_full: bool


@compiled
def spend_value_and_gradient(parameters, *spenders):
    """Return the log likelihood of all customers' spend and its gradient by the parameters of each group.

    Parameters
    ----------
    parameters : ndarray of float64, shape (3 or 4, group)
        p, q, v (a rate); δ where first amounts are used.
    *spenders : ndarray
        The fields of `Spenders`.

    Returns
    -------
    float, ndarray of float64, shape (3 or 4, group)
    """
    (count, total, first, weight, group, n, n_repeats, n_group, n_weight, purchases, log_total, log_mean,
     firsts, is_full) = Spenders(*spenders)  # fmt: skip
    p, q, v, with_first = parameters[0], parameters[1], parameters[2], parameters.shape[0] > 3
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
        if not is_full and n_repeats[j] > 0.0:
            value -= w * math.lgamma(p[g] * n_repeats[j])
            gradient[0, g] -= w * n_repeats[j] * digamma(p[g] * n_repeats[j])
    for g in range(p.size):
        value += p[g] * log_total[g] - (log_total[g] if is_full else log_mean[g])
        gradient[0, g] += log_total[g]
        if purchases[g] > 0.0:
            value -= purchases[g] * math.lgamma(p[g])
            gradient[0, g] -= purchases[g] * digamma(p[g])
        if with_first:
            log_delta = math.log(parameters[3, g])
            value -= firsts[g] * p[g] * log_delta
            gradient[0, g] -= firsts[g] * log_delta
            gradient[3, g] -= firsts[g] * p[g] / parameters[3, g]
    for i in range(count.size):
        g, w = group[i], weight[i]
        scaled = first[i] / parameters[3, g] if with_first else 0.0
        shape, rate = p[g] * count[i] + q[g], v[g] + (total[i] + scaled)
        log_rate = math.log(rate)
        value -= w * (shape * log_rate)
        gradient[0, g] -= w * (count[i] * log_rate)
        gradient[1, g] -= w * log_rate
        gradient[2, g] -= w * (shape / rate)
        if with_first:
            gradient[3, g] += w * (shape / rate) * scaled / parameters[3, g]
    return value, gradient
