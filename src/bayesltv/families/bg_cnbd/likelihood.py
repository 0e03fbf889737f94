"""The collapsed log likelihood of BG/CNBD-k and MBG/CNBD-k over cells and its gradient, compiled.

As ``bg_nbd.likelihood``, with k terms more a cell: customers who are alive have passed some of the k stages
of the running gap, e_j = (R)_j u^j / j! of j, u = (T − t_x)/(α + T). Σ ln wait is left out: it is a constant.
"""

import math

import numpy as np

from bayesltv.families.bg_nbd.likelihood import count_terms, finish_slopes, is_proper, time_terms
from bayesltv.numerics.compile import compiled, inlined


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
    r, alpha, x_group, T, t = parameters[0], parameters[1], cells.x_group, cells.T, cells.t
    gradient = np.zeros_like(parameters)
    slope_T, slope_t = np.zeros(T.size), np.zeros(t.size)
    if not is_proper(parameters):
        return -np.inf, gradient, slope_T, slope_t
    by_x, in_stages = np.zeros(cells.x.size), np.zeros(t.size)
    value, coin_odds = count_terms(parameters, cells, stages, gradient)
    value, log_T, log_t = time_terms(value, parameters, cells, stages, gradient, slope_T)
    product = 1.0
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
    finish_slopes(parameters, cells, by_x, in_stages, gradient, slope_T, slope_t)
    return value, gradient, slope_T, slope_t
