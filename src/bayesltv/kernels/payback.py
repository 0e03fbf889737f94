"""When a new customer has paid for being acquired."""

import math

import numpy as np

from bayesltv.kernels.clocked import END, time_at
from bayesltv.kernels.compile import compiled
from bayesltv.kernels.expectations import (
    calendar_space,
    expected_at_nodes,
    expected_over_horizon,
    lay_nodes,
    work_space,
)
from bayesltv.kernels.stretches import today_of

_STEPS = 60
_GRID = 40


@compiled
def _place_after(road, time):
    """Return where the time `time` after the end of observation stands among the edges."""
    _, edges, j, today = road
    at, last = today + time, edges.size - 2
    while j < last and edges[j + 1] < at:
        j += 1
    return j + (at - edges[j]) / (edges[j + 1] - edges[j])


@compiled
def _earned_by(time, road, place, unit, future, discount, service, laid, work):
    """Return expected value from a new customer's purchases in [0, time], the first included."""
    if time <= 0.0:
        return unit
    (alive, r, alpha, a, b), table, edges = future, road[0], road[1]
    if edges.size == 2:
        _, purchases, present = expected_over_horizon(time, discount, r, alpha, a, b, work)
    else:
        until, leaves = _place_after(road, time), a / (a + b)
        count = lay_nodes(np.diff(table), edges, 1.0, place, until, discount, r, alpha, leaves, laid)
        now = time_at(table, place)
        _, purchases, present = expected_at_nodes(count, laid, table, edges, 1.0, now, r, alpha, a, b, work)
    return unit * (1.0 + alive * purchases) - service * alive * present


@compiled
def payback_times(purchase, clocks, clock_times, edges, places, unit, costs, coins, terms, times):
    """Fill the first time at which expected value covers the cost of acquisition, given hyperparameters.

    Parameters
    ----------
    purchase : ndarray of float64, shape (4, group, draw)
        r, alpha (a rate), a, b.
    clocks, clock_times, edges, places
        As in ``actions.evaluate_actions``, of one new customer of each group.
    unit : ndarray of float64, shape (group, draw)
        Margin times mean amount; NaN where that is infinite.
    costs : ndarray of float64, shape (group,)
        Money per new customer; NaN where it is not known.
    coins : float
        Dropout coins of a new customer: 0 in BG/NBD, 1 in MBG/NBD.
    terms : tuple of float
        Horizon H, continuous discount rate, margin (not used), service cost per unit of time alive.
    times : ndarray of float64, shape (group, draw)
        Filled; infinity where it is not covered within H, NaN where it cannot be said.
    """
    horizon, discount, _, service = terms
    laid, work = calendar_space(edges.size)
    if edges.size == 2:
        work = work_space()
    for g in range(costs.size):
        segment, today = today_of(places, g, edges)
        for d in range(times.shape[1]):
            value, cost = unit[g, d], costs[g]
            if math.isnan(value) or math.isnan(cost):
                times[g, d] = np.nan
                continue
            if value >= cost:
                times[g, d] = 0.0
                continue
            road, place = (clock_times[clocks[g], d], edges, segment, today), places[END, g]
            r, alpha, a = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d]
            b = purchase[3, g, d]
            alive = 1.0 if coins == 0.0 else (b + coins - 1.0) / (a + b + coins - 1.0)
            future = alive, r, alpha, a, b + coins
            # value may fall again by service cost: find the first step of a grid that covers, then halve
            low, high, found = 0.0, 0.0, False
            for step in range(1, _GRID + 1):
                low, high = high, horizon * step / _GRID
                if _earned_by(high, road, place, value, future, discount, service, laid, work) >= cost:
                    found = True
                    break
            if not found:
                times[g, d] = np.inf
                continue
            for _ in range(_STEPS):
                middle = 0.5 * (low + high)
                if _earned_by(middle, road, place, value, future, discount, service, laid, work) >= cost:
                    high = middle
                else:
                    low = middle
                if high - low <= 1e-9 * horizon:
                    break
            times[g, d] = high
