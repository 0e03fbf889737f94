"""The collapsed log likelihood of BG/CNBD-k and MBG/CNBD-k over cells and its gradient, compiled.

As ``bg_nbd.likelihood``, with k terms more a cell: customers who are alive have passed some of the k stages
of the running gap, e_j = (R)_j u^j / j! of j, u = (T − t_x)/(α + T). Σ ln wait is left out: it is a constant.
"""

import math

import numpy as np

from bayesltv.families.bg_nbd.likelihood import LEAST
from bayesltv.numerics.compile import compiled, inlined
from bayesltv.numerics.special import LARGEST, all_proper, digamma


@inlined
def _stages_and_slopes(shape, u, stages):
    """Return S(u), and its logarithmic derivatives by shape and u."""
    total, term, harmonic, by_shape, by_u, rising = 1.0, 1.0, 0.0, 0.0, 0.0, shape
    for j in range(1, stages):
        if j > 1:
            rising *= (shape + (j - 1.0)) * u / (j - 1.0)
        by_u += rising
        term *= (shape + (j - 1.0)) * u / j
        harmonic += 1.0 / (shape + (j - 1.0))
        total += term
        by_shape += term * harmonic
    return total, by_shape / total, by_u / total


@compiled
def value_and_slopes(parameters, cells, stages):
    """Return the log likelihood of all customers and its derivatives.

    Parameters and what is returned are those of ``bg_nbd.likelihood.value_and_slopes``; `stages` is k.
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
    value, constant = 0.0, math.lgamma(stages)
    coin_odds, by_x, members = np.empty(x.size), np.zeros(x.size), np.zeros(r.size)
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
    log_T, log_t = np.empty(T.size), np.empty(t.size)
    for j in range(T.size):
        g = T_group[j]
        log_T[j] = math.log(alpha[g] + T[j])
        shapes = r[g] * T_weight[j] + stages * T_purchases[j]
        value -= shapes * log_T[j]
        gradient[0, g] -= T_weight[j] * log_T[j]
        slope_T[j] = -shapes
    for j in range(t.size):
        log_t[j] = math.log(alpha[t_group[j]] + t[j])
    product, in_stages = 1.0, np.zeros(t.size)
    for c in range(weight.size):
        j, at_T, at_t = x_code[c], T_code[c], t_code[c]
        g = x_group[j]
        shape, stretch, since = r[g] + stages * frequency[c], log_T[at_T] - log_t[at_t], T[at_T] - t[at_t]
        rate = alpha[g] + T[at_T]
        living, by_shape, by_u = _stages_and_slopes(shape, since / rate, stages)
        odds = coin_odds[j] + shape * stretch
        if odds < 300.0:  # the sum of both in one number, and a logarithm for hundreds of them
            gone = math.exp(odds)
            both = living + gone
            if weight[c] == 1.0:
                product *= both
                if product > 1e150:
                    value += math.log(product)
                    product = 1.0
            else:
                value += weight[c] * math.log(both)
            dead = gone / both
        else:
            dead = 1.0 / (1.0 + living * math.exp(-odds))
            value += weight[c] * (odds + math.log1p(living * math.exp(-odds)))
        alive, dead = weight[c] * (1.0 - dead), weight[c] * dead
        by_x[j] += dead
        slope_T[at_T] += dead * shape + alive * by_u * (alpha[g] + t[at_t]) / rate
        slope_t[at_t] -= dead * shape
        in_stages[at_t] -= alive * by_u / rate
        gradient[0, g] += dead * stretch + alive * by_shape
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
        slope_t[j] = slope_t[j] / (alpha[t_group[j]] + t[j]) + in_stages[j]
        gradient[1, t_group[j]] += slope_t[j]
    return value, gradient, slope_T, slope_t
