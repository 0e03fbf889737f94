"""Predictive draws: the future of each customer, one replicate per posterior draw, event by event.

Given the latents, purchases come at exponential gaps of rate λ and after each one a coin with probability p
ends it; each amount is Gamma(p, rate ν) with the customer's own ν. Latents, events and amounts have streams
of their own: the latents of a draw are the same whatever is simulated from them, purchases are the same with
and without a spend model, and a longer horizon only lengthens the path.
"""

import math

import numpy as np

from bayesltv.kernels.compile import compiled
from bayesltv.kernels.latents import draw_alive_and_rate, draw_dropout, draw_spend_rate
from bayesltv.kernels.random_numbers import exponential, gamma, open_stream, uniform


@compiled
def discounted_time(until, discount):
    """Return ∫₀^until e^{−discount·s} ds: the present value of a unit of money per unit of time."""
    return until if discount == 0.0 else -math.expm1(-discount * until) / discount


@compiled
def first_purchase(events, lam):
    """Return the time from now to the next purchase of a customer who is alive: the first of `events`."""
    return exponential(events) / lam


@compiled
def purchase_after(time, events, lam, coin):
    """Return the time of the purchase after the one at `time`; infinity where the customer drops out."""
    if uniform(events) < coin:
        return math.inf
    return time + exponential(events) / lam


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
    latents, events, amounts = np.empty(4, np.uint64), np.empty(4, np.uint64), np.empty(4, np.uint64)
    with_spend = spend.shape[1] > 0
    for i in range(latent_keys.size):
        x, k, t_x, T, count, total = customers[:, i]
        g = group[i]
        for d in range(draws.size):
            alive[i, d], purchases[i, d], amount[i, d], value[i, d] = False, 0, 0.0, 0.0
            a, b = purchase[2, g, d], purchase[3, g, d]
            open_stream(latents, latent_keys[i], draws[d])
            is_alive, lam = draw_alive_and_rate(
                latents, x, k, t_x, T, purchase[0, g, d], purchase[1, g, d], a, b
            )
            if not is_alive:
                continue
            alive[i, d] = True
            open_stream(events, event_keys[i], draws[d])
            time, until = first_purchase(events, lam), horizon
            if time < horizon:
                coin, nu, shape = draw_dropout(latents, True, k, a, b), 1.0, 0.0
                if with_spend:
                    shape = spend[0, g, d]
                    nu = draw_spend_rate(latents, count, total, shape, spend[1, g, d], spend[2, g, d])
                    open_stream(amounts, amount_keys[i], draws[d])
                n, spent, worth, last = 0, 0.0, 0.0, 0.0
                while time < horizon:
                    n, last = n + 1, time
                    if with_spend:
                        z = gamma(amounts, shape) / nu
                        spent += z
                        worth += z * math.exp(-discount * time)
                    time = purchase_after(time, events, lam, coin)
                if time == math.inf:
                    until = last
                purchases[i, d], amount[i, d], value[i, d] = n, spent, margin * worth
            value[i, d] -= service * discounted_time(until, discount)
