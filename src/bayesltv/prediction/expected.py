"""What a block of customers is expected to do, in closed form, once per distinct history."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesltv.base.clock import Clock
from bayesltv.base.customers import Customers
from bayesltv.base.population import Population
from bayesltv.data.cells import number_rows
from bayesltv.kernels.clocked import clocked_closed_forms, clocked_probabilities
from bayesltv.kernels.closed_forms import COLUMNS, closed_forms
from bayesltv.kernels.purchase_counts import mean_purchase_probabilities

Floats = NDArray[np.float64]
MONTH_DAYS, QUARTER_DAYS = 30, 90
CENTURY_DAYS = 36_525
"""A median wait beyond it is missing: the heavy tail of rates near 0 gives millions of years, and no date."""


@dataclass(frozen=True)
class Expected:
    """Closed forms of distinct histories.

    Attributes
    ----------
    cell : ndarray of int64, shape (customer,)
        Where each customer's history stands.
    means : ndarray of float64, shape (column, cell)
        Averages over draws of ``kernels.closed_forms.COLUMNS``.
    purchases, time_alive : ndarray of float64, shape (cell, draw)
        Discounted.
    waits : ndarray of float64, shape (cell,)
        Median days to the next purchase, NaN where none within a century is the likelier outcome.
    """

    cell: NDArray[np.int64]
    means: Floats
    purchases: Floats
    time_alive: Floats
    waits: Floats


def expect(
    population: Population,
    customers: Customers,
    *,
    horizon: float,
    discount: float,
    days_per_unit: float = 1.0,
) -> Expected:
    """Return the closed forms of a block; the horizon and the rate of discount are in the time unit.

    `days_per_unit` matters to waits and to probabilities within 30 and 90 days alone.
    """
    histories, clock = customers.histories, population.clock
    frequency, coins, recency, observed = histories[:4]
    cell, first = number_rows(customers.group, frequency, coins, observed, recency, *customers.calendar)
    cells, group = np.ascontiguousarray(histories[:4, first]), customers.group[first]
    means, waits = np.empty((len(COLUMNS), first.size)), np.empty(first.size)
    worth, lived = (np.empty((first.size, population.draws.size)) for _ in range(2))
    if clock is None:
        month, quarter = MONTH_DAYS / days_per_unit, QUARTER_DAYS / days_per_unit
        spans = (month, quarter, CENTURY_DAYS / days_per_unit)
        closed_forms(cells, group, population.purchase, horizon, discount, spans, means, worth, lived, waits)
        waits *= days_per_unit
    else:
        places = places_of(clock, customers.rows(first), horizon, MONTH_DAYS, QUARTER_DAYS, CENTURY_DAYS)
        clocked_closed_forms(
            cells, places, group, *clock.as_tuple(), population.purchase, discount, means, worth, lived, waits
        )
    return Expected(cell, means, worth, lived, waits)


def probability_of(
    population: Population, customers: Customers, counts: NDArray[np.int64], horizon: float
) -> Floats:
    """Return P(X = y) of each customer, averaged over draws, at the customer's own y."""
    number, first = number_rows(customers.group, *customers.histories[:4], *customers.calendar, counts)
    cells, out = np.ascontiguousarray(customers.histories[:4, first]), np.empty(first.size)
    some, group, clock = counts[first], customers.group[first], population.clock
    if clock is None:
        mean_purchase_probabilities(cells, some, group, population.purchase, horizon, out)
    else:
        clocks, times, *_ = clock.as_tuple()
        places = places_of(clock, customers.rows(first), horizon)
        clocked_probabilities(cells, places, some, group, clocks, times, population.purchase, out)
    chances: Floats = out[number]
    return chances


def places_of(clock: Clock, customers: Customers, horizon: float | Floats, *further: float) -> Floats:
    """Return where each customer's days stand on the clock's timeline.

    Parameters
    ----------
    clock : Clock
    customers : Customers
        With days.
    horizon : float or ndarray, shape (customer,)
        In the time unit.
    *further : float
        More days after the end of observation that are asked for.

    Returns
    -------
    ndarray of float64, shape (4 + further, customer)
        First purchase, last purchase, end of observation, end of the horizon, the others.

    Raises
    ------
    DataError
        Where a first purchase lies before the clock begins, or the horizon ends past what it knows.
    """
    first, last, end = customers.days
    until = end + horizon * clock.days_per_unit
    if until.size:
        clock.require(float(until.max()))
    return clock.places(np.stack([first, last, end, until, *(end + days for days in further)]))
