"""The collapsed log likelihood of cells and its gradient, compiled: what a sampler evaluates at every step.

Log-gamma terms are evaluated at the distinct (frequency, group), logs at the distinct (T, group) and
(recency, group); what is left per cell is one exp and, where it holds several customers, one log1p. Values
equal those of ``formulas.log_likelihood`` summed over customers.
"""

import math

import numpy as np

from bayesltv.numerics.compile import compiled, inlined
from bayesltv.numerics.special import LARGEST, all_proper, digamma

LEAST = 1e-12
"""Of b: below, differences of log gammas are rounding errors too."""


@inlined
def is_proper(parameters):
    """Whether there is such a process, to the precision of differences of log gammas."""
    has_proper_coins = np.all(parameters[2:] < LARGEST) and np.all(parameters[3] > LEAST)
    return has_proper_coins and all_proper(parameters, parameters[:1])


@inlined
def count_terms(parameters, cells, stages, gradient):
    """Return the log gammas of groups and distinct counts, and each count's log odds ln(a/(b + k − 1)).

    `gradient` is filled with theirs.
    """
    r, alpha, a, b = parameters[0], parameters[1], parameters[2], parameters[3]
    x, k, x_group, x_weight = cells.x, cells.k, cells.x_group, cells.x_weight
    value, constant = 0.0, math.lgamma(stages)
    coin_odds, members = np.empty(x.size), np.zeros(r.size)
    for j in range(x.size):
        members[x_group[j]] += x_weight[j]
    for g in range(r.size):
        customers = members[g]
        value += customers * (
            r[g] * math.log(alpha[g]) - math.lgamma(r[g]) + math.lgamma(a[g] + b[g]) - math.lgamma(b[g])
        )
        both = digamma(a[g] + b[g])
        gradient[0, g] = customers * (math.log(alpha[g]) - digamma(r[g]))
        gradient[1, g] = customers * r[g] / alpha[g]
        gradient[2, g] = customers * both
        gradient[3, g] = customers * (both - digamma(b[g]))
    for j in range(x.size):
        g, w = x_group[j], x_weight[j]
        shape, coins, total = r[g] + stages * x[j], b[g] + k[j], a[g] + b[g] + k[j]
        value += w * (math.lgamma(shape) + math.lgamma(coins) - math.lgamma(total) - x[j] * constant)
        falling = digamma(total)
        gradient[0, g] += w * digamma(shape)
        gradient[2, g] -= w * falling
        gradient[3, g] += w * (digamma(coins) - falling)
        coin_odds[j] = math.log(a[g]) - math.log(coins - 1.0) if k[j] > 0 else -np.inf
    return value, coin_odds


@inlined
def time_terms(value, parameters, cells, stages, gradient, slope_T):
    """Return `value` less the rates' powers, and the logs of α + T and α + t_x; fill in their slopes."""
    r, alpha, T, t = parameters[0], parameters[1], cells.T, cells.t
    log_T, log_t = np.empty(T.size), np.empty(t.size)
    for j in range(T.size):
        g = cells.T_group[j]
        log_T[j] = math.log(alpha[g] + T[j])
        shapes = r[g] * cells.T_weight[j] + stages * cells.T_purchases[j]
        value -= shapes * log_T[j]
        gradient[0, g] -= cells.T_weight[j] * log_T[j]
        slope_T[j] = -shapes
    for j in range(t.size):
        log_t[j] = math.log(alpha[cells.t_group[j]] + t[j])
    return value, log_T, log_t


@inlined
def finish_slopes(parameters, cells, dead, in_stages, gradient, slope_T, slope_t):
    """Carry what cells left to the parameters: the dead of each count, and slopes by logs of times.

    `in_stages` is what the slopes by recency have beside.
    """
    alpha, a, b = parameters[1], parameters[2], parameters[3]
    for j in range(cells.x.size):
        if cells.k[j] > 0:
            g = cells.x_group[j]
            gradient[2, g] += dead[j] / a[g]
            gradient[3, g] -= dead[j] / (b[g] + cells.k[j] - 1.0)
    for j in range(cells.T.size):
        slope_T[j] /= alpha[cells.T_group[j]] + cells.T[j]
        gradient[1, cells.T_group[j]] += slope_T[j]
    for j in range(cells.t.size):
        slope_t[j] = slope_t[j] / (alpha[cells.t_group[j]] + cells.t[j]) + in_stages[j]
        gradient[1, cells.t_group[j]] += slope_t[j]


@compiled
def value_and_slopes(parameters, cells):
    """Return the log likelihood of all customers and its derivatives.

    Parameters
    ----------
    parameters : ndarray of float64, shape (4, group)
        r, alpha (a rate), a, b.
    cells : Cells

    Returns
    -------
    float
    ndarray of float64, shape (4, group)
        By r, alpha, a, b of each group.
    ndarray of float64, shape (distinct T,) and (distinct recency,)
    """
    weight, frequency, x_code, T_code, t_code = cells[:5]
    r, x_group = parameters[0], cells.x_group
    gradient = np.zeros_like(parameters)
    slope_T, slope_t = np.zeros(cells.T.size), np.zeros(cells.t.size)
    if not is_proper(parameters):
        return -np.inf, gradient, slope_T, slope_t
    by_x, in_stages = np.zeros(cells.x.size), np.zeros(cells.t.size)
    value, coin_odds = count_terms(parameters, cells, 1, gradient)
    value, log_T, log_t = time_terms(value, parameters, cells, 1, gradient, slope_T)
    product = 1.0  # of 1 + odds over cells of one customer: a logarithm for hundreds of them
    for c in range(weight.size):
        j = x_code[c]
        g = x_group[j]
        shape = r[g] + frequency[c]
        stretch = log_T[T_code[c]] - log_t[t_code[c]]
        odds = coin_odds[j] + shape * stretch
        small = math.exp(-abs(odds))
        value += weight[c] * max(odds, 0.0)
        if weight[c] == 1.0:
            product *= 1.0 + small
            if product > 1e200:
                value += math.log(product)
                product = 1.0
        else:
            value += weight[c] * math.log1p(small)
        dead = weight[c] * (1.0 if odds >= 0.0 else small) / (1.0 + small)
        by_x[j] += dead
        slope_T[T_code[c]] += dead * shape
        slope_t[t_code[c]] -= dead * shape
        gradient[0, g] += dead * stretch
    value += math.log(product)
    finish_slopes(parameters, cells, by_x, in_stages, gradient, slope_T, slope_t)
    return value, gradient, slope_T, slope_t
