"""The two clocks: one that customers share, and one that stands still, so that every kernel is written once.

Customers' days come as places among the edges of a timeline (segment + share of it that has passed), U as a
table at the edges by clock and draw. Within a segment U is linear, so that a place is a look-up and the day
of an event is found by walking the edges. `Running` is that clock. `Still` is the time itself: no look-up is
left in a kernel compiled for it, and histories are those of the summary to the last bit.

A customer's own time is ahead of the clock's, V = U + Σ_k (m_k − 1) × what U passes in stretch k of the past:
a campaign, contacts, prices of one customer. A history is in V. What lies ahead goes by the clock alone.
"""

from typing import NamedTuple

import numpy as np

from bayesltv.families.verbs import History
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.compile import inlined, verb, way

FIRST, LAST, END, UNTIL = range(4)
"""Rows of places: first and last purchase, end of observation, end of the horizon."""
MONTH, QUARTER, CENTURY = 4, 5, 6
"""Further rows for closed forms: 30 and 90 days and a century after the end of observation."""


class Still(NamedTuple):
    """Time itself: one segment, [0, 1], that goes on for ever, and in which U passes as the time does.

    `factors`, shape (factor, draw), are those of customers' own time, as in `Running`.
    """

    table: Floats
    edges: Floats
    factors: Floats


class Running(NamedTuple):
    """Operational time.

    Attributes
    ----------
    of_group : ndarray of int64, shape (group,)
        The clock that each group goes by.
    times : ndarray of float64, shape (clock, draw, edge)
        U at the edges, in time units.
    edges : ndarray of float64, shape (edge,)
        In time units.
    factors : ndarray of float64, shape (factor, draw)
        By which customers' own time ran in stretches of the past.
    """

    of_group: Integers
    times: Floats
    edges: Floats
    factors: Floats


NO_FACTORS = np.zeros((0, 0))
STILL = Still(np.array([0.0, 1.0]), np.array([0.0, 1.0]), NO_FACTORS)


@inlined
def time_at(table, place):
    """Return U at a place; past the last edge the last segment goes on."""
    j = min(int(place), table.size - 2)
    return table[j] + (place - j) * (table[j + 1] - table[j])


@inlined
def day_of(table, edges, j, time):
    """Return when U is `time`, on the scale of the edges, from segment `j` or a later one."""
    while time > table[j + 1] and j < table.size - 2:
        j += 1
    return edges[j] + (time - table[j]) / (table[j + 1] - table[j]) * (edges[j + 1] - edges[j])


@inlined
def ahead_by(table, place, own, factors, draw):
    """Return how far a customer's own time is ahead of the clock's at a place."""
    more = 0.0
    for k in range(own.shape[0]):
        begin, until = min(place, own[k, 0]), min(place, own[k, 1])
        more += (factors[int(own[k, 2]), draw] - 1.0) * (time_at(table, until) - time_at(table, begin))
    return more


@inlined
def _is_same_own(people, i, j):
    same = True
    for k in range(people.own.shape[1]):
        for at in range(3):
            same = same and people.own[i, k, at] == people.own[j, k, at]
    return same


class AsIs(NamedTuple):
    """A customer without a clock: the history of the summary."""

    history: History
    table: Floats
    edges: Floats
    own: Floats
    factors: Floats


class Placed(NamedTuple):
    """A customer on a clock: x and k, places, U by draw and edge, the edges, segment and time of today."""

    x: float
    k: float
    first: float
    last: float
    end: float
    until: float
    month: float
    quarter: float
    century: float
    clock: int
    times: Floats
    edges: Floats
    segment: int
    today: float
    own: Floats
    factors: Floats


@verb
def stand(clock, people, i):
    """Return customer `i` on the clock: what the following verbs take."""


@verb
def history_at(customer, draw):
    """Return the purchase history at a draw, in the customer's own time."""


@verb
def ahead_of(customer, draw, horizon):
    """Return how much of the clock's time the horizon holds."""


@verb
def soon_of(customer, draw, month, quarter):
    """Return how much of the clock's time 30 and 90 days hold."""


@verb
def passed_until(customer, draw, time):
    """Return how much of the calendar has passed since today when `time` has passed on the clock."""


@verb
def road_of(customer, draw):
    """Return the calendar ahead: U at the edges, the edges, segment and time of today."""


@verb
def is_same_day(clock, people, i, j):
    """Return whether two customers' days are the same."""


@verb
def is_same_present(clock, people, i, j):
    """Return whether first purchase and end of observation of two customers are the same."""


@way(stand, Still)
def _stand_still(clock, people, i):
    x, k, t_x, T = (
        people.histories[0, i],
        people.histories[1, i],
        people.histories[2, i],
        people.histories[3, i],
    )
    return AsIs(History(x, k, t_x, T), clock.table, clock.edges, people.own[i], clock.factors)


@way(history_at, AsIs)
def _history(customer, draw):
    x, k, t_x, T = customer.history
    table, own, factors = customer.table, customer.own, customer.factors
    longer = ahead_by(table, T, own, factors, draw)
    return History(x, k, t_x + ahead_by(table, t_x, own, factors, draw), T + longer)


@way(ahead_of, AsIs)
def _ahead(customer, draw, horizon):
    return horizon


@way(soon_of, AsIs)
def _soon(customer, draw, month, quarter):
    return month, quarter


@way(passed_until, AsIs)
def _passed(customer, draw, time):
    return time


@way(road_of, AsIs)
def _road(customer, draw):
    return customer.table, customer.edges, 0, customer.history.T


@way(is_same_day, Still)
def _is_same(clock, people, i, j):
    same = (
        people.histories[2, i] == people.histories[2, j] and people.histories[3, i] == people.histories[3, j]
    )
    return same and _is_same_own(people, i, j)


@way(is_same_present, Still)
def _is_same_present(clock, people, i, j):
    return people.histories[3, i] == people.histories[3, j] and _is_same_own(people, i, j)


@way(stand, Running)
def _stand_on_clock(clock, people, i):
    first, last, end = people.places[FIRST, i], people.places[LAST, i], people.places[END, i]
    until = people.places[UNTIL, i] if people.places.shape[0] > UNTIL else end
    month, quarter, century = end, end, end
    if people.places.shape[0] > CENTURY:
        month, quarter, century = people.places[MONTH:, i]
    at, edges = clock.of_group[people.group[i]], clock.edges
    j = min(int(end), edges.size - 2)
    today = edges[j] + (end - j) * (edges[j + 1] - edges[j])
    x, k, times = people.histories[0, i], people.histories[1, i], clock.times[at]
    own, factors = people.own[i], clock.factors
    return Placed(
        x, k, first, last, end, until, month, quarter, century, at, times, edges, j, today, own, factors
    )


@way(history_at, Placed)
def _history_on_clock(customer, draw):
    table = customer.times[draw]
    first = time_at(table, customer.first)
    t_x, T = time_at(table, customer.last) - first, time_at(table, customer.end) - first
    own, factors = customer.own, customer.factors
    t_x += ahead_by(table, customer.last, own, factors, draw)
    T += ahead_by(table, customer.end, own, factors, draw)
    return History(customer.x, customer.k, t_x, T)


@way(ahead_of, Placed)
def _ahead_on_clock(customer, draw, horizon):
    table = customer.times[draw]
    return time_at(table, customer.until) - time_at(table, customer.end)


@way(soon_of, Placed)
def _soon_on_clock(customer, draw, month, quarter):
    table = customer.times[draw]
    now = time_at(table, customer.end)
    return time_at(table, customer.month) - now, time_at(table, customer.quarter) - now


@way(passed_until, Placed)
def _passed_on_clock(customer, draw, time):
    table = customer.times[draw]
    return (
        day_of(table, customer.edges, customer.segment, time_at(table, customer.end) + time) - customer.today
    )


@way(road_of, Placed)
def _road_on_clock(customer, draw):
    return customer.times[draw], customer.edges, customer.segment, customer.today


@way(is_same_day, Running)
def _is_same_on_clock(clock, people, i, j):
    same = _is_same_own(people, i, j)
    for row in range(people.places.shape[0]):
        same = same and people.places[row, i] == people.places[row, j]
    return same


@way(is_same_present, Running)
def _is_same_present_on_clock(clock, people, i, j):
    places = people.places
    same = places[FIRST, i] == places[FIRST, j] and places[END, i] == places[END, j]
    return same and _is_same_own(people, i, j)
