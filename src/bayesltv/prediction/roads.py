"""The calendar of customers as kernels of actions and stages take it, with a clock or without."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesltv.base.customers import Customers
from bayesltv.base.population import Population
from bayesltv.kernels.stretches import STILL
from bayesltv.prediction.expected import places_of

Floats = NDArray[np.float64]


class Roads(NamedTuple):
    """Operational time over the calendar; without a clock it is the time since the first purchase.

    Attributes
    ----------
    clocks : ndarray of int64, shape (group,)
        The clock that each group goes by.
    times : ndarray of float64, shape (clock, draw, edge)
        Operational time at the edges.
    edges : ndarray of float64, shape (edge,)
        In time units.
    """

    clocks: NDArray[np.int64]
    times: Floats
    edges: Floats


def roads_of(population: Population) -> Roads:
    """Return the clocks of a population, or one that stands still."""
    clock = population.clock
    if clock is not None:
        return Roads(clock.of_group, clock.times, clock.edges / clock.days_per_unit)
    table, edges, *_ = STILL
    times = np.tile(table, (1, population.draws.size, 1))
    return Roads(np.zeros(population.purchase.shape[1], np.int64), times, edges)


def places_on(population: Population, customers: Customers, horizon: float) -> Floats:
    """Return where first purchase, last purchase and end of observation stand, shape (3, customer).

    Raises
    ------
    DataError
        Where the clock begins later than a customer, or does not know the horizon.
    """
    if population.clock is not None:
        return np.ascontiguousarray(places_of(population.clock, customers, horizon)[:3])
    recency, observed = customers.histories[2:4]
    return np.stack([np.zeros_like(recency), recency, observed])
