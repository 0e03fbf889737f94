"""What a block of customers is expected to do, in closed form, once per distinct history."""

from dataclasses import dataclass

import numpy as np

from bayesltv.base.customers import Customers
from bayesltv.base.population import Population
from bayesltv.data.summary.cells import number_rows
from bayesltv.kernels.closed_forms import COLUMNS, Forms, alive_draws, closed_forms
from bayesltv.kernels.purchase_counts import mean_purchase_probabilities
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.prediction.packed import clock_of, laws_of, people_of

MONTH_DAYS, QUARTER_DAYS, CENTURY_DAYS = 30, 90, 36_525


@dataclass(frozen=True)
class Expected:
    """Closed forms of distinct histories.

    Attributes
    ----------
    cell : ndarray of int64, shape (customer,)
        Where each customer's history stands.
    forms : Forms
        Of the distinct ones; waits are days, NaN where none within a century is the likelier outcome.
    """

    cell: Integers
    forms: Forms


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
    frequency, coins, recency, observed = customers.histories[:4]
    cell, first = number_rows(customers.group, frequency, coins, observed, recency, *customers.calendar)
    shape = (first.size, population.draws.size)
    forms = Forms(
        np.empty((len(COLUMNS), first.size)), np.empty(shape), np.empty(shape), np.empty(first.size)
    )
    people = people_of(population, customers.rows(first), horizon, MONTH_DAYS, QUARTER_DAYS, CENTURY_DAYS)
    spans = (days / days_per_unit for days in (MONTH_DAYS, QUARTER_DAYS, CENTURY_DAYS))
    terms = (horizon, discount, *spans)
    closed_forms(people, laws_of(population).purchase, clock_of(population), terms, forms)
    return Expected(cell, forms._replace(waits=forms.waits * days_per_unit))


def alive_of(population: Population, customers: Customers) -> Floats:
    """Return P(alive) at the end of observation of each customer at each draw, shape (customer, draw)."""
    out = np.empty((len(customers), population.draws.size))
    alive_draws(
        people_of(population, customers, 0.0), laws_of(population).purchase, clock_of(population), out
    )
    return out


def probability_of(population: Population, customers: Customers, counts: Integers, horizon: float) -> Floats:
    """Return P(X = y) of each customer, averaged over draws, at the customer's own y."""
    number, first = number_rows(customers.group, *customers.histories[:4], *customers.calendar, counts)
    people, out = people_of(population, customers.rows(first), horizon), np.empty(first.size)
    purchase, clock = laws_of(population).purchase, clock_of(population)
    mean_purchase_probabilities(people, counts[first], purchase, clock, horizon, out)
    return out[number]
