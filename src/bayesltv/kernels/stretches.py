"""What a customer does over a stretch of the calendar, in closed form given the latents.

Purchases come at the rate λ dU/dt, U the operational time of `bayesltv.kernels.calendar`, and U is linear
within a segment, so that what a segment holds is known to the family in closed form: see ``verbs.lead``.

Without a clock U is the time itself: one segment, [0, 1], that goes on for ever, with the first purchase at
0. Places and times are then those numbers themselves, to the last bit.
"""

from bayesltv.families.verbs import lead
from bayesltv.numerics.compile import compiled, inlined


@compiled
def live(road, begin, until, latents, discount):
    """Return what lies between two times of a life that is led by the same latents.

    Parameters
    ----------
    road : tuple
        U at the edges and the edges, ndarrays of float64 in time units; segment and time of the end of
        observation.
    begin, until : float
        Since the end of observation; the weight is 1 at `begin`.
    latents : latents of a family
        As they are at `begin`.
    discount : float
        Continuous rate per unit of the calendar.

    Returns
    -------
    bought, lived, weight : float
        Discounted purchases per unit of rate; discounted time alive; weight (survival and discount) at
        `until`.
    latents
        As they are at `until`.
    """
    table, edges, j, today = road
    bought, lived, weight, now, last = 0.0, 0.0, 1.0, begin, edges.size - 2
    while now < until:
        while j < last and edges[j + 1] - today <= now:
            j += 1
        then = until if j == last else min(until, edges[j + 1] - today)
        pace = (table[j + 1] - table[j]) / (edges[j + 1] - edges[j])
        purchases, time, weight, latents = lead(latents, weight, pace, then - now, discount)
        bought += purchases
        lived += time
        now = then
    return bought, lived, weight, latents


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
