"""The collapsed log likelihood of Pareto/NBD over cells and its gradient, compiled: one integral a cell."""

import math

import numpy as np

from bayesltv.families.pareto_nbd.integral import silent_odds
from bayesltv.numerics.compile import compiled
from bayesltv.numerics.special import all_proper, digamma


@compiled
def value_and_slopes(parameters, cells):
    """Return the log likelihood of all customers and its derivatives.

    Parameters
    ----------
    parameters : ndarray of float64, shape (4, group)
        r, alpha, s, beta (alpha and beta are rates).
    cells : Cells

    Returns
    -------
    float
    ndarray of float64, shape (4, group)
        By r, alpha, s, beta of each group.
    ndarray of float64, shape (distinct T,) and (distinct recency,)
    """
    r, alpha, s, beta = parameters[0], parameters[1], parameters[2], parameters[3]
    gradient, value = np.zeros_like(parameters), 0.0
    slope_T, slope_t = np.zeros(cells.T.size), np.zeros(cells.t.size)
    if not all_proper(parameters, parameters[::2]):
        return -np.inf, gradient, slope_T, slope_t
    for j in range(cells.x.size):
        g, w = cells.x_group[j], cells.x_weight[j]
        shape = r[g] + cells.x[j]
        value += w * (math.lgamma(shape) - math.lgamma(r[g]))
        value += w * (r[g] * math.log(alpha[g]) + s[g] * math.log(beta[g]))
        gradient[0, g] += w * (digamma(shape) - digamma(r[g]) + math.log(alpha[g]))
        gradient[1, g] += w * r[g] / alpha[g]
        gradient[2, g] += w * math.log(beta[g])
        gradient[3, g] += w * s[g] / beta[g]
    for c in range(cells.weight.size):
        g, w, at_T, at_t = cells.x_group[cells.x_code[c]], cells.weight[c], cells.T_code[c], cells.t_code[c]
        shape, t_x, T = r[g] + cells.frequency[c], cells.t[at_t], cells.T[at_T]
        total, fall, log_a, per_a, log_b, per_b = silent_odds(t_x, T, alpha[g], beta[g], shape, s[g])
        rate, hazard = alpha[g] + T, beta[g] + T
        log_rate, log_hazard = math.log(rate), math.log(hazard)
        odds = fall + math.log(s[g] * total) if total > 0.0 else -np.inf
        small = math.exp(-abs(odds))
        gone = (1.0 if odds >= 0.0 else small) / (1.0 + small)
        alive = (small if odds >= 0.0 else 1.0) / (1.0 + small)
        value += w * (max(odds, 0.0) + math.log1p(small) - shape * log_rate - s[g] * log_hazard)
        gradient[0, g] -= w * (alive * log_rate + gone * log_a)
        gradient[1, g] -= w * shape * (alive / rate + gone * per_a)
        gradient[2, g] -= w * (alive * log_hazard + gone * (log_b - 1.0 / s[g]))
        gradient[3, g] -= w * (alive * s[g] / hazard + gone * (s[g] + 1.0) * per_b)
        slope_T[at_T] -= w * alive * shape / rate
        slope_t[at_t] -= w * s[g] / (beta[g] + t_x) / (math.exp(-fall) + s[g] * total)
    return value, gradient, slope_T, slope_t
