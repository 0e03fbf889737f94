"""Predictive draws of the future: one replicate per posterior draw of each customer, event by event.

Given the latents, purchases come at exponential gaps of rate λ and after each one a coin with probability p
ends it; each amount is Gamma(p, rate ν) with the customer's own ν. The first wait and the first coins come
from `bayesltv.kernels.latents`, in the order in which a future asks for them. Latents, events and amounts
have streams of their own: the latents of a draw are the same whatever is simulated from them, purchases are
the same with and without a spend model, and a longer horizon only lengthens the path.
"""

import math

import numpy as np

from bayesltv.kernels.compile import compiled, inlined
from bayesltv.kernels.latents import (
    COIN_BRANCH,
    COINS,
    draw_alive,
    draw_dropout_after_coins,
    draw_rate,
    draw_spend_latent,
    drops_out,
    inverse_p_alive,
    wait_of,
)
from bayesltv.kernels.random_numbers import exponential, gamma, open_branch, open_stream, uniform

_SAFELY = 1e-9
"""Who is told not to buy by a bound on the wait's uniform lies beyond the horizon by this at least."""


@inlined
def discounted_time(until, discount):
    """Return ∫₀^until e^{−discount·s} ds: the present value of a unit of money per unit of time."""
    return until if discount == 0.0 else -math.expm1(-discount * until) / discount


@inlined
def purchase_after(time, n, events, coins, lam, p, a, b):
    """Return the time of the purchase after the n-th one, which is at `time`; infinity after a dropout.

    The first `COINS` coins come from the urn of (a, b'), later ones have probability p.
    """
    gone = drops_out(coins, n - 1, a, b) if n <= COINS else uniform(coins) < p
    return math.inf if gone else time + exponential(events) / lam


@compiled
def _same_history(customers, group, i, j):
    same = group[i] == group[j]
    for row in range(4):
        same = same and customers[row, i] == customers[row, j]
    return same


@compiled
def _bounds_of_history(x, k, t_x, T, g, purchase, horizon, inverse, silent):
    """Fill, per draw, 1 / P(alive) and a bound below which the wait's uniform means no purchase."""
    for d in range(inverse.size):
        r, alpha = purchase[0, g, d], purchase[1, g, d]
        inverse[d] = inverse_p_alive(x, k, t_x, T, r, alpha, purchase[2, g, d], purchase[3, g, d])
        silent[d] = math.exp(-(r + x) * math.log1p(horizon / (alpha + T))) * (1.0 - _SAFELY)


@compiled
def draw_futures(
    latent_keys,
    event_keys,
    amount_keys,
    draws,
    customers,
    group,
    purchase,
    spend,
    terms,
    alive,
    purchases,
    amount,
    value,
):
    """Fill (customer, draw) arrays with what a block of customers does in (T, T + H].

    Neighbours with equal histories share what depends on the history alone, so that a block sorted by history
    is drawn faster; the draws are the same in any order.

    Parameters
    ----------
    latent_keys, event_keys, amount_keys : ndarray of uint64, shape (customer,)
        Keys of the three streams.
    draws : ndarray of uint64, shape (draw,)
        Number of each posterior draw.
    customers : ndarray of float64, shape (6, customer)
        x, k, t_x, T, count of positive repeat amounts, their sum.
    group : ndarray of int32, shape (customer,)
    purchase : ndarray of float64, shape (4, group, draw)
        r, alpha (a rate), a, b.
    spend : ndarray of float64, shape (3, group, draw), or (3, 0, 0) where there is no spend model
        p, q, v (a rate); without it `amount` is 0 and `value` only service cost.
    terms : tuple of float
        Horizon H, continuous discount rate per unit, margin, service cost per unit of time alive.
    alive, purchases, amount, value : ndarray, shape (customer, draw)
        Filled here: bool, int32, money spent, margin × discounted spend − discounted service cost.
    """
    horizon, discount, margin, service = terms
    latents, coins, events = np.empty(4, np.uint64), np.empty(4, np.uint64), np.empty(4, np.uint64)
    amounts, inverse, silent = np.empty(4, np.uint64), np.empty(draws.size), np.empty(draws.size)
    with_spend = spend.shape[1] > 0
    whole = service * discounted_time(horizon, discount)
    for i in range(latent_keys.size):
        x, k, t_x, T, count, total = customers[:, i]
        g = group[i]
        if i == 0 or not _same_history(customers, group, i, i - 1):
            _bounds_of_history(x, k, t_x, T, g, purchase, horizon, inverse, silent)
        for d in range(draws.size):
            alive[i, d], purchases[i, d], amount[i, d], value[i, d] = False, 0, 0.0, 0.0
            open_stream(latents, latent_keys[i], draws[d])
            if not draw_alive(latents, inverse[d]):
                continue
            alive[i, d], value[i, d] = True, 0.0 - whole
            u = uniform(latents)
            if u <= silent[d]:
                continue
            shape, rate = purchase[0, g, d] + x, purchase[1, g, d] + T
            time = wait_of(u, shape, rate)
            if time >= horizon:
                continue
            a, b = purchase[2, g, d], purchase[3, g, d] + k
            lam, p, nu, each = draw_rate(latents, time, shape, rate), 0.0, 1.0, 0.0
            open_branch(coins, latent_keys[i], draws[d], COIN_BRANCH)
            open_stream(events, event_keys[i], draws[d])
            if with_spend:
                each = spend[0, g, d]
                q, v = spend[1, g, d], spend[2, g, d]
                nu = draw_spend_latent(amounts, latent_keys[i], draws[d], count, total, each, q, v)
                open_stream(amounts, amount_keys[i], draws[d])
            n, spent, worth, last = 0, 0.0, 0.0, 0.0
            while time < horizon:
                n, last = n + 1, time
                if with_spend:
                    z = gamma(amounts, each) / nu
                    spent += z
                    worth += z * math.exp(-discount * time)
                if n == COINS + 1:
                    p = draw_dropout_after_coins(coins, a, b)
                time = purchase_after(time, n, events, coins, lam, p, a, b)
            until = last if time == math.inf else horizon
            purchases[i, d], amount[i, d] = n, spent
            value[i, d] = margin * worth - service * discounted_time(until, discount)
