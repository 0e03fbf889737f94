"""When a new customer has paid for being acquired."""

import math

import numpy as np

from bayesltv.families.verbs import at, expected, expected_at_nodes, lay_nodes, newborn, put, room_for
from bayesltv.kernels.calendar import AsIs, Placed, road_of, stand, time_at
from bayesltv.kernels.expected import scratch_of
from bayesltv.numerics.compile import compiled, verb, way

_STEPS = 60
_GRID = 40


@verb
def expect_until(customer, draw, time, discount, law, scratch):
    """Return what ``expected.expect`` does, at one draw and within any time from today."""


@way(expect_until, AsIs)
def _expect_until(customer, draw, time, discount, law, scratch):
    return expected(law, time, discount, scratch)


@way(expect_until, Placed)
def _expect_until_on_clock(customer, draw, time, discount, law, scratch):
    table, edges, end = customer.times[draw], customer.edges, customer.end
    _, laid, work = scratch
    until, alone = _place_after(road_of(customer, draw), time), room_for(law, 1)
    put(alone, 0, law)
    count = lay_nodes(alone, np.diff(table), edges, end, until, discount, laid)
    return expected_at_nodes(law, count, laid, table, edges, time_at(table, end), work)


@compiled
def _place_after(road, time):
    """Return where the time `time` after the end of observation stands among the edges."""
    _, edges, j, today = road
    at, last = today + time, edges.size - 2
    while j < last and edges[j + 1] < at:
        j += 1
    return j + (at - edges[j]) / (edges[j + 1] - edges[j])


@compiled
def _earned_by(time, who, draw, worth, mixture, terms, scratch):
    """Return expected value from new customers' purchases in [0, time], the first included: their mean.

    `who` are the people, their laws and the clock; `worth` is what a purchase is worth, and the first one in
    such units, by row and draw; `mixture` the share of each row and the rows meant.
    """
    (unit, first), (share, begin, end), (_, discount, _, service) = worth, mixture, terms
    people, purchase, clock = who
    total = 0.0
    for i in range(begin, end):
        earned = unit[i, draw] * first[i, draw]
        if time > 0.0:
            alive, law = newborn(at(purchase, people.group[i], draw), people.histories[1, i])
            _, purchases, present = expect_until(stand(clock, people, i), draw, time, discount, law, scratch)
            earned = unit[i, draw] * (first[i, draw] + alive * purchases) - service * alive * present
        total += share[i] * earned
    return total


@compiled
def payback_times(people, purchase, clock, worth, mixture, costs, terms, times):
    """Fill the first time at which expected value covers the cost of acquisition, given hyperparameters.

    Parameters
    ----------
    people : People
        New customers, one per row, group after group: histories of zeros, but for the coins of a first
        purchase.
    purchase : law of a family by (row of the population, draw)
    clock : Still or Running
    worth : tuple of ndarray of float64, shape (row, draw)
        Margin times mean amount, NaN where that is infinite; level of the first order against later ones.
    mixture : tuple of ndarray
        Share of each row in its group, shape (row,); where each group's rows end, shape (group,).
    costs : ndarray of float64, shape (group,)
        Money per new customer; NaN where it is not known.
    terms : tuple of float
        Horizon H, continuous discount rate, margin (not used), service cost per unit of time alive.
    times : ndarray of float64, shape (group, draw)
        Filled; infinity where it is not covered within H, NaN where it cannot be said.
    """
    scratch, horizon, who = scratch_of(clock), terms[0], (people, purchase, clock)
    share, ends = mixture
    for g in range(costs.size):
        rows = (share, 0 if g == 0 else ends[g - 1], ends[g])
        for d in range(times.shape[1]):
            cost = costs[g]
            at_once = _earned_by(0.0, who, d, worth, rows, terms, scratch)
            if rows[1] == rows[2] or math.isnan(at_once) or math.isnan(cost):
                times[g, d] = np.nan
                continue
            if at_once >= cost:
                times[g, d] = 0.0
                continue
            # value may fall again by service cost: find the first step of a grid that covers, then halve
            low, high, found = 0.0, 0.0, False
            for step in range(1, _GRID + 1):
                low, high = high, horizon * step / _GRID
                if _earned_by(high, who, d, worth, rows, terms, scratch) >= cost:
                    found = True
                    break
            if not found:
                times[g, d] = np.inf
                continue
            for _ in range(_STEPS):
                middle = 0.5 * (low + high)
                if _earned_by(middle, who, d, worth, rows, terms, scratch) >= cost:
                    high = middle
                else:
                    low = middle
                if high - low <= 1e-9 * horizon:
                    break
            times[g, d] = high
