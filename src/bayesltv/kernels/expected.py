"""Integrals over a horizon and medians of a wait, on either clock."""

import math

import numpy as np

from bayesltv.families import verbs
from bayesltv.kernels.calendar import AsIs, Placed, Running, Still, time_at
from bayesltv.numerics.compile import compiled, verb, way
from bayesltv.numerics.quadrature import calendar_space, work_space

_STEPS, _STEPS_ON_CLOCK, _LAST_STEP = 60, 80, 1e-4


@verb
def scratch_of(clock):
    """Return the scratch arrays of one thread."""


@verb
def lay(customer, futures, discount, scratch):
    """Lay nodes of quadrature over the customer's horizon for all futures at once; return their number."""


@verb
def expect(customer, draw, futures, terms, nodes, scratch, given):
    """Fill purchases, discounted purchases and discounted time alive in the horizon: rows 3 to 5.

    `terms` begins with the horizon and the rate of discount.
    """


@verb
def median_wait(customer, futures, alive, farthest):
    """Return the median time to the next purchase, the root of mean A (1 − P(none within s)) = 1/2.

    `futures` are laws by draw and `alive` their A. NaN where the customer more likely than not does not buy
    within `farthest`, a century: a longer wait is none that could be named.
    """


@way(scratch_of, Still)
def _scratch(clock):
    return work_space()


@way(lay, AsIs)
def _lay(customer, futures, discount, scratch):
    return 0


@way(expect, AsIs)
def _expect(customer, draw, futures, terms, nodes, scratch, given):
    verbs.fill_expected(futures, draw, terms[0], terms[1], scratch, given)


@compiled
def _bought_by(wait, futures, alive):
    """Return P(next purchase within `wait`) and two derivatives by ln wait, averaged over draws."""
    total, slope, bend = 0.0, 0.0, 0.0
    for d in range(alive.size):
        tail, steep, further = verbs.wait_and_slopes(verbs.at(futures, 0, d), wait)
        silent = alive[d] * tail
        total += alive[d] - silent
        slope += silent * steep
        bend += silent * steep * further
    return total / alive.size, slope / alive.size, bend / alive.size


@way(median_wait, AsIs)
def _median_wait(customer, futures, alive, farthest):
    """Halley's steps in ln s, from the usual wait; an error of the last step's size is cubed by it."""
    ever = alive.mean()
    if ever <= 0.5:
        return np.nan
    wait = verbs.usual_wait(futures, ever)
    if math.isnan(wait):
        return np.nan
    if wait > farthest:
        if _bought_by(farthest, futures, alive)[0] <= 0.5:
            return np.nan
        wait = farthest
        while _bought_by(0.5 * wait, futures, alive)[0] > 0.5:  # flat out there: no slope leads back
            wait *= 0.5
    for _ in range(_STEPS):
        bought, slope, bend = _bought_by(wait, futures, alive)
        short = 0.5 - bought
        step = max(-1.0, min(1.0, 2.0 * short * slope / (2.0 * slope * slope + short * bend)))
        wait *= math.exp(step)
        if abs(step) <= _LAST_STEP:
            break
    return wait if wait <= farthest else np.nan


@way(scratch_of, Running)
def _scratch_on_clock(clock):
    """Usual length of each segment by clock, nodes, and room to work."""
    steps = np.empty((clock.times.shape[0], clock.edges.size - 1))
    for c in range(clock.times.shape[0]):
        for j in range(clock.edges.size - 1):
            steps[c, j] = (clock.times[c, :, j + 1] - clock.times[c, :, j]).mean()
    laid, work = calendar_space(clock.edges.size)
    return steps, laid, work


@way(lay, Placed)
def _lay_on_clock(customer, futures, discount, scratch):
    steps, laid, _ = scratch
    return verbs.lay_nodes(
        futures, steps[customer.clock], customer.edges, customer.end, customer.until, discount, laid
    )


@way(expect, Placed)
def _expect_on_clock(customer, draw, futures, terms, nodes, scratch, given):
    table, law = customer.times[draw], verbs.at(futures, 0, draw)
    now = time_at(table, customer.end)
    found = verbs.expected_at_nodes(law, nodes, scratch[1], table, customer.edges, now, scratch[2])
    given[3, 0, draw], given[4, 0, draw], given[5, 0, draw] = found


@compiled
def _bought_by_place(place, times, now, futures, alive):
    """Return P(next purchase before a place) and its derivative by the place, averaged over draws."""
    total, slope = 0.0, 0.0
    j = min(int(place), times.shape[1] - 2)
    for d in range(alive.size):
        step = times[d, j + 1] - times[d, j]
        wait = times[d, j] + (place - j) * step - now[d]
        tail, steep, _ = verbs.wait_and_slopes(verbs.at(futures, 0, d), wait)
        silent = alive[d] * tail
        total += alive[d] - silent
        slope += silent * steep / wait * step
    return total / alive.size, slope / alive.size


@way(median_wait, Placed)
def _median_wait_on_clock(customer, futures, alive, farthest):
    """Newton's steps in the place, no further than a bracket: within a segment the probability is smooth."""
    ever = alive.mean()
    if ever <= 0.5:
        return np.nan
    times, edges, end, start = customer.times, customer.edges, customer.end, customer.segment
    now = np.empty(alive.size)
    for d in range(alive.size):
        now[d] = time_at(times[d], end)
    place = end + verbs.usual_wait(futures, ever) / (times[:, start + 1] - times[:, start]).mean()
    low, high = end, math.inf
    if not place <= customer.century:
        if _bought_by_place(customer.century, times, now, futures, alive)[0] <= 0.5:
            return np.nan
        place = high = customer.century
    for _ in range(_STEPS_ON_CLOCK):
        bought, slope = _bought_by_place(place, times, now, futures, alive)
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
    return time_at(edges, place) - customer.today if place <= customer.century else np.nan


@compiled
def expect_newborns(law, coins, times, out):
    """Fill the purchases expected within each time of who has just made the first one, shape (group, time).

    The law is that of the first draw; times are in operational time.
    """
    work = work_space()
    for g in range(out.shape[0]):
        alive, future = verbs.newborn(verbs.at(law, g, 0), coins)
        for j in range(times.size):
            out[g, j] = alive * verbs.expected(future, times[j], 0.0, work)[0] if times[j] > 0.0 else 0.0


@compiled
def silence_of_newborns(law, coins, group, times, out):
    """Fill P(no purchase within a time of the first one) of each customer, shape (customer,)."""
    for i in range(out.size):
        alive, future = verbs.newborn(verbs.at(law, group[i], 0), coins)
        out[i] = 1.0 - alive * verbs.p_bought(future, times[i])
