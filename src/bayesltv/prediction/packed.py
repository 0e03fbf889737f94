"""A population and a block of its customers as compiled kernels take them, with a clock or without one."""

from dataclasses import replace

import numpy as np

from bayesltv.base.customers import AMOUNTS, EVENTS, LATENTS, Customers
from bayesltv.base.population import Population
from bayesltv.kernels.block import Laws, People, Streams
from bayesltv.kernels.calendar import NO_FACTORS, Running, Still
from bayesltv.numerics.arrays import Floats


def streams_of(population: Population, customers: Customers, *, seed: int, prefix: str = "") -> Streams:
    """Return the random streams of customers' futures; a prefix sets those of something else apart."""
    latents, events, amounts = (
        customers.keys(seed, prefix + stream) for stream in (LATENTS, EVENTS, AMOUNTS)
    )
    return Streams(latents, events, amounts, population.draws)


def laws_of(population: Population) -> Laws:
    """Return what customers buy and spend by."""
    return Laws(population.family.laws(population.purchase), population.spend_family.laws(population.spend))


def clock_of(population: Population) -> Still | Running:
    """Return the clock of a population, or the one that stands still."""
    return population.clock.for_kernels(population.factors)


def at_means(population: Population) -> Population:
    """Return a population of one draw, in which means take the place of all draws."""
    return replace(
        population,
        purchase=population.purchase.mean(axis=2, keepdims=True),
        spend=population.spend.mean(axis=2, keepdims=True) if population.has_spend else population.spend,
        draws=population.draws[:1],
        chains=1,
        clock=population.clock.at_means(),
        factors=population.factors.mean(axis=1, keepdims=True) if population.factors.size else NO_FACTORS,
    )


def people_of(
    population: Population, customers: Customers, horizon: float | Floats, *further: float
) -> People:
    """Return customers where they stand on the population's clock.

    Parameters
    ----------
    population : Population
    customers : Customers
        With days where the population has a clock.
    horizon : float or ndarray, shape (customer,)
        In the time unit.
    *further : float
        More days after the end of observation that are asked for.

    Raises
    ------
    DataError
        Where the clock begins later than a customer, or does not know the horizon.
    """
    places = population.clock.places_of(customers, horizon, *further)
    own = population.clock.own_of(customers) if customers.own.size else np.zeros((len(customers), 0, 3))
    histories = np.ascontiguousarray(customers.histories)
    return People(histories, customers.group, np.ascontiguousarray(places), np.ascontiguousarray(own))
