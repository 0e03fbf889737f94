"""Replicated customers: new latents from the population, lived through the time each was observed.

A life is led in operational time (`bayesltv.kernels.clocked`); without a clock that is the time since the
first purchase, as in `bayesltv.kernels.stretches`. Purchases are dated as a log dates them: one at time t
belongs to day ceil(t), and purchases of one day are one purchase.
"""

import math

import numpy as np

from bayesltv.kernels.clocked import day_of, time_at
from bayesltv.kernels.compile import compiled
from bayesltv.kernels.latents import draw_purchase_latents, draw_spend_latent
from bayesltv.kernels.random_numbers import exponential, gamma, open_stream, uniform


@compiled
def draw_replicas(
    latent_keys,
    event_keys,
    amount_keys,
    draws,
    observed,
    first,
    group,
    clocks,
    times,
    edges,
    purchase,
    spend,
    coins,
    days,
    frequency,
    recency,
    total,
    log_total,
):
    """Fill (customer, draw) arrays with the histories of customers like those observed.

    Parameters
    ----------
    latent_keys, event_keys, amount_keys : ndarray of uint64, shape (customer,)
        Keys of the three streams.
    draws : ndarray of uint64, shape (draw,)
        Number of each posterior draw.
    observed : ndarray of float64, shape (customer,)
        T of each customer, in the time unit.
    first : ndarray of float64, shape (customer,)
        Place of the first purchase among the edges.
    group : ndarray of int32, shape (customer,)
    clocks : ndarray of int64, shape (group,)
        The clock that each group goes by.
    times : ndarray of float64, shape (clock, draw, edge)
        Operational time at the edges.
    edges : ndarray of float64, shape (edge,)
        In time units.
    purchase : ndarray of float64, shape (4, group, draw)
        r, alpha (a rate), a, b.
    spend : ndarray of float64, shape (3, group, draw), or (3, 0, 0) where there is no spend model
        p, q, v (a rate).
    coins : float
        Dropout coins that the first purchase brings.
    days : float
        Days of the time unit.
    frequency, recency, total, log_total : ndarray, shape (customer, draw)
        Filled here: repeat purchase days (int32), time from first to last purchase in the time unit, sum and
        log sum of the repeat amounts.
    """
    latents, events, amounts = np.empty(4, np.uint64), np.empty(4, np.uint64), np.empty(4, np.uint64)
    with_spend = spend.shape[1] > 0
    for i in range(latent_keys.size):
        g, last = group[i], math.floor(observed[i] * days + 0.5)
        segment = min(int(first[i]), edges.size - 2)
        began = edges[segment] + (first[i] - segment) * (edges[segment + 1] - edges[segment])
        for d in range(draws.size):
            frequency[i, d], recency[i, d], total[i, d], log_total[i, d] = 0, 0.0, 0.0, 0.0
            r, alpha, a, b = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d], purchase[3, g, d]
            is_alive, lam, coin = draw_purchase_latents(
                latents, latent_keys[i], draws[d], 0.0, coins, 0.0, 0.0, r, alpha, a, b
            )
            if not is_alive:
                continue
            open_stream(events, event_keys[i], draws[d])
            table = times[clocks[g], d]
            start = time_at(table, first[i])
            time = exponential(events) / lam
            passed = (day_of(table, edges, segment, start + time) - began) * days
            if passed > last:
                continue
            nu, shape = 1.0, 0.0
            if with_spend:
                shape = spend[0, g, d]
                nu = draw_spend_latent(
                    latents, latent_keys[i], draws[d], 0.0, 0.0, shape, spend[1, g, d], spend[2, g, d]
                )
                open_stream(amounts, amount_keys[i], draws[d])
            before = 0.0
            while passed <= last:
                day = max(math.ceil(passed), 1.0)
                if day > before:
                    frequency[i, d] += 1
                    if with_spend:
                        z = gamma(amounts, shape) / nu
                        total[i, d] += z
                        log_total[i, d] += math.log(z)
                before = day
                if uniform(events) < coin:
                    break
                time += exponential(events) / lam
                passed = (day_of(table, edges, segment, start + time) - began) * days
            recency[i, d] = before / days
