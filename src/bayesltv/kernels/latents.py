"""Exact draws of a customer's latents: alive, purchase rate λ, dropout probability p, spend rate ν.

The posterior is a two-component mixture of independent conjugates: alive, λ ~ Gamma(r+x, rate α+T) and p ~
Beta(a, b+k); dropped out, λ ~ Gamma(r+x, rate α+t_x) and p ~ Beta(a+1, b+k−1). ν ~ Gamma(q+p·n, rate v+Σz).

What comes first in a future is drawn before the latent that governs it, and the latent given it. The wait
for the next purchase is Lomax, P(wait > s) = (α'/(α'+s))^{r'}, and λ | wait ~ Gamma(r'+1, rate α'+wait). The
coins are Pólya's urn: with n tossed and none of them a dropout, the next one is with probability a/(a+b'+n),
and p ~ Beta(a+1, b'+n) if so. The joint distribution is the same, and most futures need neither λ nor p: who
does not buy within the horizon has no more than a wait, who leaves at once no more than a coin.
"""

import math

import numpy as np

from bayesltv.kernels.compile import compiled, inlined
from bayesltv.kernels.random_numbers import (
    beta,
    gamma,
    gamma_above_one,
    open_branch,
    open_stream,
    uniform,
)

COINS = 8
"""So many coins come from the urn; who has outlasted them all gets a p for the rest."""
COIN_BRANCH, SPEND_BRANCH = np.uint64(1), np.uint64(2)
"""Streams beside the latent one: coins and p; ν."""


@inlined
def inverse_p_alive(x, k, t_x, T, r, alpha, a, b):
    """Return 1 / P(alive) = 1 + 1{k>0} a/(b+k−1) ((α+T)/(α+t_x))^{r+x}; infinity where that overflows."""
    if k <= 0.0:
        return 1.0
    return 1.0 + math.exp(math.log(a / (b + k - 1.0)) + (r + x) * math.log((alpha + T) / (alpha + t_x)))


@inlined
def draw_alive(state, inverse):
    """Return whether the customer is alive, given 1 / P(alive): the latent stream's first number."""
    return uniform(state) * inverse < 1.0


@inlined
def wait_of(u, shape, rate):
    """Return the time to the next purchase of who is alive, from the second number of the stream."""
    return rate * math.expm1(-math.log(u) / shape)


@inlined
def draw_rate(state, wait, shape, rate):
    """Return λ given the wait: the latent stream's last number; no number where no process has such a λ.

    Time does not pass at an infinite or negative rate: purchases would never end.
    """
    lam = gamma_above_one(state, shape + 1.0) / (rate + wait)
    return lam if 0.0 <= lam < math.inf else math.nan


@inlined
def drops_out(coins, tossed, a, b):
    """Return whether the next coin is the dropout, after `tossed` < COINS that were not; b is b'."""
    return uniform(coins) * (a + b + tossed) < a


@compiled
def draw_dropout_after_coins(coins, a, b):
    """Return p of who has outlasted the urn's coins; b is b'."""
    return beta(coins, a, b + COINS)


@compiled
def _draw_dropout(coins, alive, k, a, b):
    if not alive:
        return beta(coins, a + 1.0, b + k - 1.0)
    for tossed in range(COINS):
        if drops_out(coins, tossed, a, b + k):
            return beta(coins, a + 1.0, b + k + tossed)
    return draw_dropout_after_coins(coins, a, b + k)


@compiled
def draw_purchase_latents(state, key, draw, x, k, t_x, T, r, alpha, a, b):
    """Return alive, λ and p of a customer at a draw, given the key of the latent stream."""
    open_stream(state, key, draw)
    alive = draw_alive(state, inverse_p_alive(x, k, t_x, T, r, alpha, a, b))
    since = alpha + (T if alive else t_x)
    lam = draw_rate(state, wait_of(uniform(state), r + x, since), r + x, since)
    open_branch(state, key, draw, COIN_BRANCH)
    return alive, lam, _draw_dropout(state, alive, k, a, b)


@inlined
def draw_spend_latent(state, key, draw, count, total, p, q, v):
    """Return ν of a customer at a draw, given the key of the latent stream."""
    open_branch(state, key, draw, SPEND_BRANCH)
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
            alive[i, d], rate[i, d], dropout[i, d] = draw_purchase_latents(
                state, keys[i], draws[d], x, k, t_x, T, r, alpha, a, b
            )
            if spend.shape[1] > 0:
                spend_rate[i, d] = draw_spend_latent(
                    state, keys[i], draws[d], count, total, spend[0, g, d], spend[1, g, d], spend[2, g, d]
                )
