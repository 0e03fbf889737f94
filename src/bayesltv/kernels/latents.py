"""Exact draws of a customer's latents: alive, purchase rate λ, dropout probability p, spend rate ν.

The posterior is a two-component mixture of independent conjugates: alive, λ ~ Gamma(r+x, rate α+T) and p ~
Beta(a, b+k); dropped out, λ ~ Gamma(r+x, rate α+t_x) and p ~ Beta(a+1, b+k−1). ν ~ Gamma(q+p·n, rate v+Σz).
"""

import math

import numpy as np

from bayesltv.kernels.compile import compiled
from bayesltv.kernels.random_numbers import beta, gamma, open_stream, uniform


@compiled
def draw_alive_and_rate(state, x, k, t_x, T, r, alpha, a, b):
    """Return (alive, λ): the first two numbers of a customer's latent stream."""
    u = uniform(state)
    alive = True
    if k > 0:
        log_odds = math.log(a / (b + k - 1.0)) + (r + x) * math.log((alpha + T) / (alpha + t_x))
        alive = u * (1.0 + math.exp(log_odds)) < 1.0
    return alive, gamma(state, r + x) / (alpha + (T if alive else t_x))


@compiled
def draw_dropout(state, alive, k, a, b):
    """Return p, the next number of the latent stream."""
    if alive:
        return beta(state, a, b + k)
    return beta(state, a + 1.0, b + k - 1.0)


@compiled
def draw_spend_rate(state, count, total, p, q, v):
    """Return ν, the last number of the latent stream."""
    return gamma(state, q + p * count) / (v + total)


@compiled
def draw_latents(keys, draws, customers, group, purchase, spend, alive, rate, dropout, spend_rate):
    """Fill (customer, draw) arrays with the latents of a block.

    Parameters
    ----------
    keys : ndarray of uint64, shape (customer,)
        Keys of the latent stream.
    draws : ndarray of uint64, shape (draw,)
        Number of each posterior draw.
    customers : ndarray of float64, shape (6, customer)
        x, k, t_x, T, count of positive repeat amounts, their sum.
    group : ndarray of int32, shape (customer,)
    purchase : ndarray of float64, shape (4, group, draw)
        r, alpha (a rate), a, b.
    spend : ndarray of float64, shape (3, group, draw), or (3, 0, 0) where there is no spend model
        p, q, v (a rate).
    alive, rate, dropout, spend_rate : ndarray, shape (customer, draw)
        Filled here.
    """
    state = np.empty(4, np.uint64)
    for i in range(keys.size):
        x, k, t_x, T, count, total = customers[:, i]
        g = group[i]
        for d in range(draws.size):
            r, alpha, a, b = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d], purchase[3, g, d]
            open_stream(state, keys[i], draws[d])
            is_alive, lam = draw_alive_and_rate(state, x, k, t_x, T, r, alpha, a, b)
            alive[i, d], rate[i, d] = is_alive, lam
            dropout[i, d] = draw_dropout(state, is_alive, k, a, b)
            if spend.shape[1] > 0:
                spend_rate[i, d] = draw_spend_rate(
                    state, count, total, spend[0, g, d], spend[1, g, d], spend[2, g, d]
                )
