"""Simulated purchases and spend by bin of the calendar, summed over customers inside each draw."""

import numpy as np

from bayesltv.kernels.compile import compiled
from bayesltv.kernels.futures import purchase_after
from bayesltv.kernels.latents import (
    COIN_BRANCH,
    COINS,
    draw_alive,
    draw_dropout_after_coins,
    draw_rate,
    draw_spend_latent,
    inverse_p_alive,
    wait_of,
)
from bayesltv.kernels.random_numbers import gamma, open_branch, open_stream, uniform


@compiled
def count_in_bins(
    latent_keys, event_keys, amount_keys, draws, customers, group, purchase, spend, start, until, width, step,
    counts, money,
):  # fmt: skip
    """Add the purchases of a block of customers, and what they spend, to the bin in which they fall.

    Streams are read as `bayesltv.kernels.futures.draw_futures` reads them: with the same keys, start 0 and
    until H, each draw's counts and money add up to the purchases and amounts that it draws.

    Parameters
    ----------
    latent_keys, event_keys, amount_keys : ndarray of uint64, shape (customer,)
        Keys of the three streams.
    draws : ndarray of uint64, shape (draw,)
        Number of each posterior draw.
    customers : ndarray of float64, shape (6, customer)
        x, k, t_x, T, count of positive repeat amounts, their sum. A row of zeros (but for k) starts a
        customer anew.
    group : ndarray of int32, shape (customer,)
    purchase : ndarray of float64, shape (4, group, draw)
        r, alpha (a rate), a, b.
    spend : ndarray of float64, shape (3, group, draw), or (3, 0, 0) where there is no spend model
        p, q, v (a rate).
    start : ndarray of float64, shape (customer,)
        Where each customer's present, T, lies on the calendar: time units from the first bin's beginning.
    until, width : float
        End of the calendar and width of a bin; what falls past the last bin by rounding counts in it.
    step : float
        Money of one unit of `money`: whole numbers add up to the same in any order.
    counts, money : ndarray of int64, shape (draw, bin)
        Added to here.
    """
    latents, coins, events = np.empty(4, np.uint64), np.empty(4, np.uint64), np.empty(4, np.uint64)
    amounts, with_spend = np.empty(4, np.uint64), spend.shape[1] > 0
    last = counts.shape[1] - 1
    for i in range(latent_keys.size):
        x, k, t_x, T = customers[0, i], customers[1, i], customers[2, i], customers[3, i]
        g, horizon = group[i], until - start[i]
        for d in range(draws.size):
            r, alpha, a, b = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d], purchase[3, g, d]
            open_stream(latents, latent_keys[i], draws[d])
            if not draw_alive(latents, inverse_p_alive(x, k, t_x, T, r, alpha, a, b)):
                continue
            time = wait_of(uniform(latents), r + x, alpha + T)
            if not 0.0 <= time < horizon:
                continue
            lam, p, n = draw_rate(latents, time, r + x, alpha + T), 0.0, 0
            open_branch(coins, latent_keys[i], draws[d], COIN_BRANCH)
            open_stream(events, event_keys[i], draws[d])
            nu, each = 1.0, 0.0
            if with_spend:
                each = spend[0, g, d]
                nu = draw_spend_latent(
                    amounts, latent_keys[i], draws[d], customers[4, i], customers[5, i], each,
                    spend[1, g, d], spend[2, g, d],
                )  # fmt: skip
                open_stream(amounts, amount_keys[i], draws[d])
            while time < horizon:
                n += 1
                at = min(int((start[i] + time) / width), last)
                counts[d, at] += 1
                if with_spend:
                    money[d, at] += np.int64(np.rint(gamma(amounts, each) / nu / step))
                if n == COINS + 1:
                    p = draw_dropout_after_coins(coins, a, b + k)
                time = purchase_after(time, n, events, coins, lam, p, a, b + k)
