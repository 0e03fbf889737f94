"""The kernels of prediction in operational time: T, recency and horizon differ from draw to draw.

Days come as places among the edges of a timeline (segment + share of it that has passed), U at the edges as a
table by clock and draw. Within a segment U is linear, so that a place is a look-up and the day of an event is
found by walking the edges. Everything else is that of the plain kernels, from the same random streams.
"""

import math

import numpy as np

from bayesltv.kernels.closed_forms import p_alive
from bayesltv.kernels.compile import compiled, inlined
from bayesltv.kernels.expectations import calendar_space, expected_at_nodes, lay_nodes
from bayesltv.kernels.futures import discounted_time, purchase_after
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
from bayesltv.kernels.purchase_counts import purchase_probability
from bayesltv.kernels.random_numbers import gamma, open_branch, open_stream, uniform

FIRST, LAST, END, UNTIL = range(4)
"""Rows of places: first and last purchase, end of observation, end of the horizon."""
MONTH, QUARTER, CENTURY = 4, 5, 6
"""Further rows for closed forms: 30 and 90 days after the end of observation."""
_STEPS = 80


@inlined
def time_at(times, place):
    """Return U at a place; past the last edge the last segment goes on."""
    j = min(int(place), times.size - 2)
    return times[j] + (place - j) * (times[j + 1] - times[j])


@inlined
def day_of(times, edges, j, time):
    """Return the day on which U is `time`, from segment `j` or a later one."""
    while time > times[j + 1] and j < times.size - 2:
        j += 1
    return edges[j] + (time - times[j]) / (times[j + 1] - times[j]) * (edges[j + 1] - edges[j])


@compiled
def draw_clocked_futures(
    latent_keys, event_keys, amount_keys, draws, customers, places, group, clocks, times, edges, unit,
    purchase, spend, terms, alive, purchases, amount, value,
):  # fmt: skip
    """Fill (customer, draw) arrays with what a block of customers does until the end of the horizon.

    Parameters
    ----------
    places : ndarray of float64, shape (4, customer)
        See ``FIRST`` to ``UNTIL``.
    clocks : ndarray of int64, shape (group,)
    times : ndarray of float64, shape (clock, draw, edge)
    edges : ndarray of float64, shape (edge,)
        Days.
    unit : float
        Days per time unit.
    terms : tuple of float
        As in ``futures.draw_futures``: discount and service cost run over the calendar.

    Others are those of ``futures.draw_futures``.
    """
    horizon, discount, margin, service = terms
    latents, coins, events = np.empty(4, np.uint64), np.empty(4, np.uint64), np.empty(4, np.uint64)
    amounts = np.empty(4, np.uint64)
    with_spend = spend.shape[1] > 0
    whole = service * discounted_time(horizon, discount)
    for i in range(latent_keys.size):
        x, k, count, total = customers[0, i], customers[1, i], customers[4, i], customers[5, i]
        g = group[i]
        segment = min(int(places[END, i]), edges.size - 2)
        today = edges[segment] + (places[END, i] - segment) * (edges[segment + 1] - edges[segment])
        for d in range(draws.size):
            alive[i, d], purchases[i, d], amount[i, d], value[i, d] = False, 0, 0.0, 0.0
            table = times[clocks[g], d]
            first, now = time_at(table, places[FIRST, i]), time_at(table, places[END, i])
            T, ahead = now - first, time_at(table, places[UNTIL, i]) - now
            t_x = time_at(table, places[LAST, i]) - first
            r, alpha, a, b = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d], purchase[3, g, d]
            open_stream(latents, latent_keys[i], draws[d])
            if not draw_alive(latents, inverse_p_alive(x, k, t_x, T, r, alpha, a, b)):
                continue
            alive[i, d], value[i, d] = True, 0.0 - whole
            u = uniform(latents)
            shape, rate = r + x, alpha + T
            time = wait_of(u, shape, rate)
            if time >= ahead:
                continue
            b += k
            lam, p, nu, each = draw_rate(latents, time, shape, rate), 0.0, 1.0, 0.0
            open_branch(coins, latent_keys[i], draws[d], COIN_BRANCH)
            open_stream(events, event_keys[i], draws[d])
            if with_spend:
                each = spend[0, g, d]
                q, v = spend[1, g, d], spend[2, g, d]
                nu = draw_spend_latent(amounts, latent_keys[i], draws[d], count, total, each, q, v)
                open_stream(amounts, amount_keys[i], draws[d])
            n, spent, worth, last = 0, 0.0, 0.0, 0.0
            while time < ahead:
                n, last = n + 1, time
                if with_spend:
                    z = gamma(amounts, each) / nu
                    spent += z
                    if discount != 0.0:
                        z *= math.exp(-discount * (day_of(table, edges, segment, now + time) - today) / unit)
                    worth += z
                if n == COINS + 1:
                    p = draw_dropout_after_coins(coins, a, b)
                time = purchase_after(time, n, events, coins, lam, p, a, b)
            until = horizon
            if time == math.inf:
                until = (day_of(table, edges, segment, now + last) - today) / unit
            purchases[i, d], amount[i, d] = n, spent
            value[i, d] = margin * worth - service * discounted_time(until, discount)


@compiled
def count_clocked_in_bins(
    latent_keys, event_keys, amount_keys, draws, customers, places, group, clocks, times, edges, unit,
    purchase, spend, start, width, step, counts, money,
):  # fmt: skip
    """Add purchases of a block of customers, and what they spend, to the bin of the calendar they fall in.

    Parameters are those of ``tracking.count_in_bins`` and `draw_clocked_futures`; `start` is where the
    customer's ``END`` lies on the calendar, in time units from the first bin's beginning.
    """
    latents, coins, events = np.empty(4, np.uint64), np.empty(4, np.uint64), np.empty(4, np.uint64)
    amounts, with_spend = np.empty(4, np.uint64), spend.shape[1] > 0
    last_bin = counts.shape[1] - 1
    for i in range(latent_keys.size):
        x, k, g = customers[0, i], customers[1, i], group[i]
        segment = min(int(places[END, i]), edges.size - 2)
        today = edges[segment] + (places[END, i] - segment) * (edges[segment + 1] - edges[segment])
        for d in range(draws.size):
            table = times[clocks[g], d]
            first, now = time_at(table, places[FIRST, i]), time_at(table, places[END, i])
            T, ahead = now - first, time_at(table, places[UNTIL, i]) - now
            t_x = time_at(table, places[LAST, i]) - first
            r, alpha, a, b = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d], purchase[3, g, d]
            open_stream(latents, latent_keys[i], draws[d])
            if not draw_alive(latents, inverse_p_alive(x, k, t_x, T, r, alpha, a, b)):
                continue
            time = wait_of(uniform(latents), r + x, alpha + T)
            if not 0.0 <= time < ahead:
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
            while time < ahead:
                n += 1
                passed = (day_of(table, edges, segment, now + time) - today) / unit
                at = min(int((start[i] + passed) / width), last_bin)
                counts[d, at] += 1
                if with_spend:
                    money[d, at] += np.int64(np.rint(gamma(amounts, each) / nu / step))
                if n == COINS + 1:
                    p = draw_dropout_after_coins(coins, a, b + k)
                time = purchase_after(time, n, events, coins, lam, p, a, b + k)


@compiled
def clocked_probabilities(cells, places, counts, group, clocks, times, purchase, out):
    """Fill `out` with P(X* = y) of each cell, averaged over draws; see ``mean_purchase_probabilities``."""
    n_draws = purchase.shape[2]
    for i in range(counts.size):
        x, k, g, total = cells[0, i], cells[1, i], group[i], 0.0
        for d in range(n_draws):
            r, alpha, a, b = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d], purchase[3, g, d]
            table = times[clocks[g], d]
            first, now = time_at(table, places[FIRST, i]), time_at(table, places[END, i])
            T, t_x = now - first, time_at(table, places[LAST, i]) - first
            ahead = time_at(table, places[UNTIL, i]) - now
            alive = p_alive(x, k, t_x, T, r, alpha, a, b)
            total += purchase_probability(counts[i], ahead, alive, r + x, alpha + T, a, b + k)
        out[i] = total / n_draws


@compiled
def _fill_given_alive(x, k, place, g, c, times, edges, unit, purchase, discount, steps, given, laid, work):
    """Fill the rows of `given`: what is true of a future given alive, as in ``closed_forms``."""
    rate, shape, leaves = 0.0, 0.0, 0.0
    for d in range(purchase.shape[2]):
        passed = time_at(times[c, d], place[END]) - time_at(times[c, d], place[FIRST])
        rate += (purchase[1, g, d] + passed) / purchase.shape[2]
        shape = max(shape, x + purchase[0, g, d])
        leaves = max(leaves, purchase[2, g, d] / (purchase[2, g, d] + purchase[3, g, d] + k))
    count = lay_nodes(
        steps[c], edges, unit, place[END], place[UNTIL], discount, shape, rate, leaves, laid
    )  # fmt: skip
    for d in range(purchase.shape[2]):
        table = times[c, d]
        now, first = time_at(table, place[END]), time_at(table, place[FIRST])
        given[8, d], given[9, d] = first, now - first
        shape, rate = x + purchase[0, g, d], purchase[1, g, d] + now - first
        given[0, d], given[1, d] = shape, rate
        for row, at in ((2, MONTH), (3, QUARTER), (4, UNTIL)):
            given[row, d] = -math.expm1(-shape * math.log1p((time_at(table, place[at]) - now) / rate))
        given[5, d], given[6, d], given[7, d] = expected_at_nodes(
            count, laid, table, edges, unit, now, shape, rate, purchase[2, g, d], purchase[3, g, d] + k, work
        )


@compiled
def clocked_closed_forms(
    cells, places, group, clocks, times, edges, unit, purchase, discount, means, discounted, time_alive, waits
):
    """Fill the closed forms of each cell; see ``closed_forms.closed_forms``.

    Parameters
    ----------
    cells : ndarray of float64, shape (2, cell)
        x, k.
    places : ndarray of float64, shape (7, cell)
        See ``FIRST`` to ``CENTURY``.
    waits : ndarray of float64, shape (cell,)
        Filled with the median days to the next purchase, NaN where it lies past ``CENTURY``.

    Others are those of `draw_clocked_futures` and ``closed_forms``.
    """
    n_draws = purchase.shape[2]
    given, alive = np.empty((10, n_draws)), np.empty(n_draws)
    laid, work = calendar_space(edges.size)
    steps = np.empty((times.shape[0], edges.size - 1))
    for c in range(times.shape[0]):
        for j in range(edges.size - 1):
            steps[c, j] = (times[c, :, j + 1] - times[c, :, j]).mean()
    for i in range(group.size):
        x, k, g = cells[0, i], cells[1, i], group[i]
        c = clocks[g]
        if i == 0 or not _same_future(cells, places, group, i, i - 1):
            _fill_given_alive(
                x, k, places[:, i].copy(), g, c, times, edges, unit, purchase, discount, steps, given, laid,
                work,
            )  # fmt: skip
        sums = np.zeros(5)
        for d in range(n_draws):
            t_x = time_at(times[c, d], places[LAST, i]) - given[8, d]
            share = p_alive(
                x,
                k,
                t_x,
                given[9, d],
                purchase[0, g, d],
                purchase[1, g, d],
                purchase[2, g, d],
                purchase[3, g, d],
            )
            alive[d] = share
            sums[0] += share
            for row in range(1, 5):
                sums[row] += share * given[row + 1, d]
            discounted[i, d], time_alive[i, d] = share * given[6, d], share * given[7, d]
        means[:, i] = sums / n_draws
        end, farthest = places[END, i], places[CENTURY, i]
        waits[i] = _median_wait(alive, given[0], given[1], times[c], edges, end, farthest)


@compiled
def _same_future(cells, places, group, i, j):
    same = group[i] == group[j] and cells[0, i] == cells[0, j] and cells[1, i] == cells[1, j]
    return same and places[FIRST, i] == places[FIRST, j] and places[END, i] == places[END, j]


@compiled
def _bought_by(place, alive, shape, rate, times, now):
    """Return P(next purchase before a place) and its derivative by the place, averaged over draws."""
    total, slope = 0.0, 0.0
    j = min(int(place), times.shape[1] - 2)
    for d in range(alive.size):
        step = times[d, j + 1] - times[d, j]
        due = rate[d] + times[d, j] + (place - j) * step - now[d]
        silent = alive[d] * math.exp(shape[d] * math.log(rate[d] / due))
        total += alive[d] - silent
        slope += silent * shape[d] * step / due
    return total / alive.size, slope / alive.size


@compiled
def _median_wait(alive, shape, rate, times, edges, end, farthest):
    """Return the median days to the next purchase, NaN where P(buys again before place `farthest`) <= 0.5.

    Newton's steps in the place, no further than a bracket allows: within a segment the probability is smooth.
    """
    ever = alive.mean()
    if ever <= 0.5:
        return np.nan
    now = np.empty(alive.size)
    for d in range(alive.size):
        now[d] = time_at(times[d], end)
    wait = rate.mean() * math.expm1(-math.log1p(-0.5 / ever) / shape.mean())
    start = min(int(end), edges.size - 2)
    place = end + wait / (times[:, start + 1] - times[:, start]).mean()
    low, high = end, math.inf
    if not place <= farthest:
        if _bought_by(farthest, alive, shape, rate, times, now)[0] <= 0.5:
            return np.nan
        place = high = farthest
    for _ in range(_STEPS):
        bought, slope = _bought_by(place, alive, shape, rate, times, now)
        if bought < 0.5:
            low = place
        else:
            high = place
        step = (0.5 - bought) / slope if slope > 0.0 else math.inf
        moved = place + step
        if not low < moved < high:
            moved = 0.5 * (low + high) if high < math.inf else 2.0 * place + 1.0
        if abs(moved - place) <= 1e-10 * (1.0 + place) or abs(bought - 0.5) < 1e-12:
            break
        place = moved
    return _day_at(edges, place) - _day_at(edges, end) if place <= farthest else np.nan


@inlined
def _day_at(edges, place):
    j = min(int(place), edges.size - 2)
    return edges[j] + (place - j) * (edges[j + 1] - edges[j])
