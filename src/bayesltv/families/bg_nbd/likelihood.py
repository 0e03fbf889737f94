"""The collapsed log likelihood of cells and its gradient, compiled: what a sampler evaluates at every step.

Log-gamma terms are evaluated at the distinct (frequency, group), logs at the distinct (T, group) and
(recency, group); what is left per cell is one exp and, where it holds several customers, one log1p. Values
equal those of ``formulas.log_likelihood`` summed over customers.
"""

import math

import numpy as np

from bayesltv.numerics.compile import compiled
from bayesltv.numerics.special import LARGEST, all_proper, digamma

LEAST = 1e-12
"""Of b: below, differences of log gammas are rounding errors too."""


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
    x, k, x_group, x_weight = cells.x, cells.k, cells.x_group, cells.x_weight
    T, T_group, T_weight, T_purchases = cells.T, cells.T_group, cells.T_weight, cells.T_purchases
    t, t_group = cells.t, cells.t_group
    r, alpha, a, b = parameters[0], parameters[1], parameters[2], parameters[3]
    gradient = np.zeros_like(parameters)
    slope_T, slope_t = np.zeros(T.size), np.zeros(t.size)
    has_proper_coins = np.all(parameters[2:] < LARGEST) and np.all(b > LEAST)
    if not (has_proper_coins and all_proper(parameters, parameters[:1])):
        return -np.inf, gradient, slope_T, slope_t
    value = 0.0
    coin_odds, by_x = np.empty(x.size), np.zeros(x.size)
    members = np.zeros(r.size)
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
        shape, coins, total = r[g] + x[j], b[g] + k[j], a[g] + b[g] + k[j]
        value += w * (math.lgamma(shape) + math.lgamma(coins) - math.lgamma(total))
        falling = digamma(total)
        gradient[0, g] += w * digamma(shape)
        gradient[2, g] -= w * falling
        gradient[3, g] += w * (digamma(coins) - falling)
        coin_odds[j] = math.log(a[g]) - math.log(coins - 1.0) if k[j] > 0 else -np.inf
    log_T = np.empty(T.size)
    for j in range(T.size):
        g = T_group[j]
        log_T[j] = math.log(alpha[g] + T[j])
        shapes = r[g] * T_weight[j] + T_purchases[j]
        value -= shapes * log_T[j]
        gradient[0, g] -= T_weight[j] * log_T[j]
        slope_T[j] = -shapes
    log_t = np.empty(t.size)
    for j in range(t.size):
        log_t[j] = math.log(alpha[t_group[j]] + t[j])
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
    for j in range(x.size):
        if k[j] > 0:
            g = x_group[j]
            gradient[2, g] += by_x[j] / a[g]
            gradient[3, g] -= by_x[j] / (b[g] + k[j] - 1.0)
    for j in range(T.size):
        slope_T[j] /= alpha[T_group[j]] + T[j]
        gradient[1, T_group[j]] += slope_T[j]
    for j in range(t.size):
        slope_t[j] /= alpha[t_group[j]] + t[j]
        gradient[1, t_group[j]] += slope_t[j]
    return value, gradient, slope_T, slope_t
