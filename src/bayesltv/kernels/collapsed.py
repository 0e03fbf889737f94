"""The collapsed log likelihoods and their gradients, compiled: what a sampler evaluates at every step.

Log-gamma terms are evaluated at the distinct (frequency, group), logs at the distinct (T, group) and
(recency, group); what is left per cell is one exp and, where it holds several customers, one log1p, and per
repeater one log. Values equal those of ``beta_geometric.log_likelihood`` and
``gamma_gamma.log_likelihood_of_amounts`` summed over customers.
"""

import math

import numpy as np

from bayesltv.kernels.compile import compiled

_LARGEST, _LEAST = 1e9, 1e-12
"""Of shapes, and of b: beyond, differences of log gammas are rounding errors that look like likelihood."""


@compiled
def digamma(x):
    """Return ψ(x) for x > 0: recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.3.18)."""
    if not x > 0.0:
        return math.nan
    shift = 0.0
    while x < 10.0:
        shift -= 1.0 / x
        x += 1.0
    z = 1.0 / (x * x)
    series = z * (
        1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760)))))
    )
    return shift + math.log(x) - 0.5 / x - series


@compiled
def _all_proper(parameters, shapes):
    """Whether all are positive and finite, and `shapes` such that rounding leaves their log gammas right."""
    return np.all((parameters > 0.0) & (parameters < np.inf)) and np.all(shapes < _LARGEST)


@compiled
def purchase_value_and_gradient(
    parameters, weight, frequency, x_code, T_code, t_code,
    x, k, x_group, x_weight, T, T_group, T_weight, T_purchases, t, t_group,
):  # fmt: skip
    """Return the log likelihood of all customers and its gradient by r, alpha, a, b of each group.

    Parameters
    ----------
    parameters : ndarray of float64, shape (4, group)
        r, alpha (a rate), a, b.
    weight, frequency : ndarray of float64, shape (cell,)
        Customers in the cell; x. Only cells with a dropout coin; the others are in the distinct values alone.
    x_code, T_code, t_code : ndarray of int64, shape (cell,)
        Where the cell's frequency, T and recency stand among the distinct ones.
    x, k, x_weight : ndarray of float64, shape (distinct frequency,)
        Frequency, dropout coins, customers.
    T, T_weight, T_purchases : ndarray of float64, shape (distinct T,)
        T, customers, Σ of their frequencies.
    t : ndarray of float64, shape (distinct recency,)
    x_group, T_group, t_group : ndarray of int64
        Group of each distinct value.

    Returns
    -------
    float, ndarray of float64, shape (4, group)
    """
    value, gradient, _, _ = value_and_slopes(
        parameters, weight, frequency, x_code, T_code, t_code,
        x, k, x_group, x_weight, T, T_group, T_weight, T_purchases, t, t_group,
    )  # fmt: skip
    return value, gradient


@compiled
def value_and_slopes(
    parameters, weight, frequency, x_code, T_code, t_code,
    x, k, x_group, x_weight, T, T_group, T_weight, T_purchases, t, t_group,
):  # fmt: skip
    """Return what `purchase_value_and_gradient` does, and the derivatives by each distinct T and recency."""
    r, alpha, a, b = parameters[0], parameters[1], parameters[2], parameters[3]
    gradient = np.zeros_like(parameters)
    slope_T, slope_t = np.zeros(T.size), np.zeros(t.size)
    has_proper_coins = np.all(parameters[2:] < _LARGEST) and np.all(b > _LEAST)
    if not (has_proper_coins and _all_proper(parameters, parameters[:1])):
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


@compiled
def spend_value_and_gradient(
    parameters, count, total, group, n, n_group, n_weight, purchases, log_total, log_mean, is_full
):
    """Return the log likelihood of all repeaters' spend and its gradient by p, q, v of each group.

    Parameters
    ----------
    parameters : ndarray of float64, shape (3, group)
        p, q, v (a rate).
    count, total : ndarray of float64, shape (repeater,)
        Number and sum of the positive repeat amounts.
    group : ndarray of int64, shape (repeater,)
    n, n_weight : ndarray of float64, shape (distinct count,)
        Distinct counts and the repeaters that have them.
    n_group : ndarray of int64, shape (distinct count,)
    purchases, log_total, log_mean : ndarray of float64, shape (group,)
        Σ count; full form Σ ln z, mean form Σ count · ln(count · mean); mean form Σ ln mean (full form: 0).
    is_full : bool
        Single amounts (True) or means (False).

    Returns
    -------
    float, ndarray of float64, shape (3, group)
    """
    p, q, v = parameters[0], parameters[1], parameters[2]
    gradient = np.zeros_like(parameters)
    if not _all_proper(parameters, parameters[:2]):
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
