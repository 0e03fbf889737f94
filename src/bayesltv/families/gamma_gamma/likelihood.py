"""The collapsed log likelihood of spend and its gradient, compiled: one division per distinct spender.

Spenders with as many amounts in the same group have one shape, so that the logarithms of their rates enter as
that of a product, once for hundreds of them.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.compile import compiled, inlined
from bayesltv.numerics.special import all_proper, digamma


class Spenders(NamedTuple):
    """Customers with positive amounts, and what they share.

    Attributes
    ----------
    total : ndarray of float64, shape (spender,)
        Sum of the repeat amounts. Spenders stand in the order of `n`.
    first : ndarray of float64, shape (spender,)
        First amount; 0 where there is none, or it is not used.
    weight : ndarray of float64, shape (spender,)
        Customers who share all this.
    n, n_repeats, n_weight : ndarray of float64, shape (distinct count,)
        Distinct numbers of positive amounts, the first one included where it is used, the repeat ones among
        them, and the customers that have them.
    n_group, n_end : ndarray of int64, shape (distinct count,)
        Group of each, and the number of spenders up to its last one.
    purchases, log_total, log_mean : ndarray of float64, shape (group,)
        Amounts that enter one by one; full form Σ ln z, mean form Σ count · ln(count · mean), and Σ ln z of
        first amounts; what of it has no factor p in the mean form (full form: 0).
    firsts : ndarray of float64, shape (group,)
        Number of first amounts.
    is_full : bool, or ndarray of bool, shape ()
        Single amounts (True) or means (False).
    """

    total: Floats
    first: Floats
    weight: Floats
    n: Floats
    n_repeats: Floats
    n_weight: Floats
    n_group: Integers
    n_end: Integers
    purchases: Floats
    log_total: Floats
    log_mean: Floats
    firsts: Floats
    is_full: bool


@inlined
def sums_over(spenders, start, end, v, per_first):
    """Return Σ ln(rate), Σ 1/rate and Σ scaled/rate over spenders, where rate = v + total + scaled first."""
    logs, inverses, scaled_inverses = 0.0, 0.0, 0.0
    product = 1.0  # of the rates of single customers
    for i in range(start, end):
        scaled, weight = spenders.first[i] * per_first, spenders.weight[i]
        rate = v + (spenders.total[i] + scaled)
        if weight == 1.0:
            product *= rate
            if not 1e-150 < product < 1e150:  # the next one might leave the range of numbers
                logs += math.log(product)
                product = 1.0
        else:
            logs += weight * math.log(rate)
        inverse = weight / rate
        inverses += inverse
        scaled_inverses += inverse * scaled
    return logs + math.log(product), inverses, scaled_inverses


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
    every = Spenders(*spenders)
    n, n_repeats, n_end, is_full = every.n, every.n_repeats, every.n_end, every.is_full
    p, q, v, with_first = parameters[0], parameters[1], parameters[2], parameters.shape[0] > 3
    gradient = np.zeros_like(parameters)
    if not all_proper(parameters, parameters[:2]):
        return -np.inf, gradient
    value = 0.0
    for j in range(n.size):
        g, w = every.n_group[j], every.n_weight[j]
        shape, per_first = p[g] * n[j] + q[g], 1.0 / parameters[3, g] if with_first else 0.0
        start = n_end[j - 1] if j > 0 else 0
        logs, inverses, scaled_inverses = sums_over(every, start, n_end[j], v[g], per_first)
        rising = w * digamma(shape) - logs
        value += w * (math.lgamma(shape) + q[g] * math.log(v[g]) - math.lgamma(q[g])) - shape * logs
        gradient[0, g] += n[j] * rising
        gradient[1, g] += rising + w * (math.log(v[g]) - digamma(q[g]))
        gradient[2, g] += w * q[g] / v[g] - shape * inverses
        if with_first:
            gradient[3, g] += shape * scaled_inverses * per_first
        if not is_full and n_repeats[j] > 0.0:
            value -= w * math.lgamma(p[g] * n_repeats[j])
            gradient[0, g] -= w * n_repeats[j] * digamma(p[g] * n_repeats[j])
    for g in range(p.size):
        value += p[g] * every.log_total[g] - (every.log_total[g] if is_full else every.log_mean[g])
        gradient[0, g] += every.log_total[g]
        if every.purchases[g] > 0.0:
            value -= every.purchases[g] * math.lgamma(p[g])
            gradient[0, g] -= every.purchases[g] * digamma(p[g])
        if with_first:
            log_delta = math.log(parameters[3, g])
            value -= every.firsts[g] * p[g] * log_delta
            gradient[0, g] -= every.firsts[g] * log_delta
            gradient[3, g] -= every.firsts[g] * p[g] / parameters[3, g]
    return value, gradient
