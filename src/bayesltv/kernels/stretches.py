"""What a customer does over a stretch of the calendar, in closed form given the latents.

Purchases come at the rate λ dU/dt, U the operational time of `bayesltv.kernels.calendar`, and U is linear
within a segment. With weight w (discounting and survival) where a segment begins, length t and pace u =
dU/dt in it, it holds w·λu·D(t, λup + δ) discounted purchases and w·D(t, λup + δ) of discounted time alive,
D(t, q) = (1 − e^{−qt})/q, and the next segment begins with the weight w·e^{−(λup+δ)t}.

Without a clock U is the time itself: one segment, [0, 1], that goes on for ever, with the first purchase at
0. Places and times are then those numbers themselves, to the last bit.
"""

import math

from bayesltv.numerics.compile import compiled, inlined
from bayesltv.numerics.special import discounted_time


@compiled
def live(road, begin, until, rate, coin, discount):
    """Return what lies between two times of a life that is led at one rate and with one dropout coin.

    Parameters
    ----------
    road : tuple
        U at the edges and the edges, ndarrays of float64 in time units; segment and time of the end of
        observation.
    begin, until : float
        Since the end of observation; the weight is 1 at `begin`.
    rate, coin : float
        Purchases per unit of operational time; probability of dropout after each.
    discount : float
        Continuous rate per unit of the calendar.

    Returns
    -------
    bought, lived, weight : float
        Discounted purchases per unit of `rate`; discounted time alive; weight at `until`.
    """
    table, edges, j, today = road
    bought, lived, weight, now, last = 0.0, 0.0, 1.0, begin, edges.size - 2
    while now < until:
        while j < last and edges[j + 1] - today <= now:
            j += 1
        then = until if j == last else min(until, edges[j + 1] - today)
        pace = (table[j + 1] - table[j]) / (edges[j + 1] - edges[j])
        leaving = rate * pace * coin + discount
        time = weight * discounted_time(then - now, leaving)
        bought += pace * time
        lived += time
        weight *= math.exp(-leaving * (then - now))
        now = then
    return bought, lived, weight


@inlined
def passed_within(road, time):
    """Return the operational time that passes within `time` of the end of observation."""
    table, edges, j, today = road
    at, last = today + time, edges.size - 2
    begin = table[j] + (today - edges[j]) * (table[j + 1] - table[j]) / (edges[j + 1] - edges[j])
    while j < last and edges[j + 1] < at:
        j += 1
    return table[j] + (at - edges[j]) * (table[j + 1] - table[j]) / (edges[j + 1] - edges[j]) - begin


@inlined
def time_after(road, passed):
    """Return when so much operational time has passed since the end of observation: `passed_within`, back."""
    table, edges, j, today = road
    last = edges.size - 2
    at = table[j] + (today - edges[j]) * (table[j + 1] - table[j]) / (edges[j + 1] - edges[j]) + passed
    while j < last and table[j + 1] < at:
        j += 1
    return edges[j] + (at - table[j]) * (edges[j + 1] - edges[j]) / (table[j + 1] - table[j]) - today
