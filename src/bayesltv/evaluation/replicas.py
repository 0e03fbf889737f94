"""Replicated customers of a block, and the statistics by which they are compared with real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesltv.base.customers import Customers, walk
from bayesltv.base.population import Population
from bayesltv.kernels.replicas import Replicated, draw_replicas
from bayesltv.numerics.arrays import Codes, Flags, Floats
from bayesltv.prediction.packed import clock_of, laws_of, people_of, streams_of

REPLICA = "replica "
"""Streams of replicas are apart from those of futures and of tracks."""
CLASSES = 8
"""Frequencies 0, 1, ..., 7 and more."""
_PER_BLOCK = 250_000


@dataclass(frozen=True)
class Histories:
    """Histories of customers; all arrays have shape (customer, draw).

    Attributes
    ----------
    frequency : ndarray of int32
    recency : ndarray of float64
        In the time unit.
    count : ndarray of int32
        Positive repeat amounts.
    total, log_total : ndarray of float64
        Their sum and log sum.
    first : ndarray of float64
        First amounts; 0 where there is none, or the model does not use it.
    """

    frequency: Codes
    recency: Floats
    count: Codes
    total: Floats
    log_total: Floats
    first: Floats


@dataclass(frozen=True)
class Tally:
    """Sums over customers, one column per draw.

    Attributes
    ----------
    frequency : ndarray, shape (class, draw)
        Customers by frequency.
    recency : ndarray, shape (class, draw)
        Sum of recency / T by frequency.
    repeaters : ndarray, shape (group, draw)
    purchases : ndarray, shape (draw,)
        Repeat purchases.
    spend : ndarray, shape (tenth, draw)
        Repeaters by mean repeat amount, in tenths of the real ones.
    spenders, log_mean : ndarray, shape (draw,)
        Repeaters with spend, and the sum of the logarithms of their mean amounts.
    spread, spread_of : ndarray, shape (draw,)
        Sum of ln(mean amount) − mean ln(amount) over customers with two amounts or more, and their number.
    first_of, log_first : ndarray, shape (draw,)
        Customers with a first amount, and the sum of its logarithms.
    moments : ndarray, shape (6, draw)
        Of a = ln(first amount) and b = ln(mean repeat amount) of customers with both: their number, and sums
        of a, b, a², b², ab.
    """

    frequency: Floats
    recency: Floats
    repeaters: Floats
    purchases: Floats
    spend: Floats
    spenders: Floats
    log_mean: Floats
    spread: Floats
    spread_of: Floats
    first_of: Floats
    log_first: Floats
    moments: Floats

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, n) + getattr(other, n) for n in Tally.__dataclass_fields__))


def simulate_replicas(
    population: Population, customers: Customers, *, seed: int, days_per_unit: float
) -> Histories:
    """Return one replicated history per customer and posterior draw, by the clock where there is one."""
    shape = (len(customers), population.draws.size)
    frequency = np.empty(shape, np.int32)
    recency, total, log_total = (np.empty(shape) for _ in range(3))
    first = np.zeros(shape)
    draw_replicas(
        streams_of(population, customers, seed=seed, prefix=REPLICA),
        people_of(population, customers.as_newborn(population.family), 0.0),
        laws_of(population),
        clock_of(population),
        np.ascontiguousarray(customers.histories[3]),
        days_per_unit,
        population.uses_first_amounts,
        Replicated(frequency, recency, total, log_total, first),
    )
    count = frequency if population.has_spend else np.zeros_like(frequency)
    return Histories(frequency, recency, count, total, log_total, first)


def tally(histories: Histories, T: Floats, group: Codes, *, groups: int, edges: Floats) -> Tally:
    """Return the sums over customers of a block.

    Parameters
    ----------
    histories : Histories
    T : ndarray, shape (customer,)
    group : ndarray of int32, shape (customer,)
    groups : int
        Number of groups.
    edges : ndarray, shape (tenth − 1,)
        Inner edges of the classes of mean spend.
    """
    x = np.minimum(histories.frequency, CLASSES - 1)
    share = histories.recency / np.maximum(T, 1e-12)[:, None]
    classes = [x == k for k in range(CLASSES)]
    count, spent = histories.count, histories.count > 0
    mean = np.where(spent, histories.total / np.maximum(count, 1), np.nan)
    tenth = np.where(spent, np.searchsorted(edges, mean, side="right"), -1)
    several = count > 1
    within = np.log(np.where(several, mean, 1.0)) - np.where(several, histories.log_total, 0.0) / np.maximum(
        count, 1
    )
    log_mean, has_first = np.log(np.where(spent, mean, 1.0)), histories.first > 0
    log_first = np.log(np.where(has_first, histories.first, 1.0))
    return Tally(
        np.array([each.sum(axis=0) for each in classes], dtype=float),
        np.array([np.where(each, share, 0.0).sum(axis=0) for each in classes]),
        np.array([(x[group == g] > 0).sum(axis=0) for g in range(groups)], dtype=float),
        histories.frequency.sum(axis=0, dtype=np.int64).astype(float),
        np.array([(tenth == k).sum(axis=0) for k in range(edges.size + 1)], dtype=float),
        spent.sum(axis=0).astype(float),
        log_mean.sum(axis=0),
        np.where(several, within, 0.0).sum(axis=0),
        several.sum(axis=0).astype(float),
        has_first.sum(axis=0).astype(float),
        log_first.sum(axis=0),
        _moments(log_first, log_mean, spent & has_first),
    )


def _moments(a: Floats, b: Floats, both: Flags) -> Floats:
    """Return the number of customers with both figures, and sums of a, b, a², b², ab over them, by draw."""
    powers = (np.ones_like(a), a, b, a * a, b * b, a * b)
    return np.array([np.where(both, each, 0.0).sum(axis=0) for each in powers])


def tally_replicas(
    population: Population,
    people: Customers,
    *,
    seed: int,
    days_per_unit: float,
    edges: Floats,
    threads: int | None,
) -> Tally:
    """Return the tally of replicas of all customers; memory does not grow with their number."""

    def work(some: Customers) -> Tally:
        histories = simulate_replicas(population, some, seed=seed, days_per_unit=days_per_unit)
        group = population.groups(some.group)
        return tally(histories, some.histories[3], group, groups=len(population.labels), edges=edges)

    block = max(64, _PER_BLOCK // population.draws.size)
    whole: Tally | None = None
    for part in walk(people, work, block=block, threads=threads):
        whole = part if whole is None else whole + part
    assert whole is not None
    return whole
