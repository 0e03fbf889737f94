"""What cohorts will do, draw by draw: blocks of draws walked by the kernel, and reduced to what is asked."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bayesltv.base.customers import Customers
from bayesltv.base.population import Population
from bayesltv.cohorts.asked import CohortsAsked
from bayesltv.cohorts.known import KnownSums
from bayesltv.cohorts.members import Members, TableRows
from bayesltv.data.summary.days import Days
from bayesltv.kernels.block import People, Streams
from bayesltv.kernels.tracking import AgeCounts, Standing, count_by_age
from bayesltv.machine import available_processors
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.prediction.packed import clock_of, laws_of, people_of, streams_of
from bayesltv.units import DAYS_PER

BLOCK = 64
"""Draws per block: 3,000 customers x 64 draws took 190 ns a draw where 1,000 draws side by side took 415."""
_CURVE = 53


class Crowd(NamedTuple):
    """Customers in the population in which they stand, in the order in which they are walked."""

    population: Population
    people: People
    streams: Streams
    standing: Standing


class Sums(NamedTuple):
    """Sums of what is simulated, by row of the table and draw.

    Attributes
    ----------
    bought, second : ndarray of float64, shape (row, draw, age)
        By the ages of the grid.
    active : ndarray of float64, shape (row, draw, period)
    money, service : ndarray of float64, shape (row, draw, age)
        Spend, and cost of service, discounted by age.
    payback : ndarray of float64, shape (row, draw)
        Age at which margins cover the cost; infinity where they do not, NaN where no cost is known.
    payback_day : ndarray of float64, shape (row, draw)
        Day of the cohort; NaN for rows that are no cohort of known customers.
    """

    bought: Floats
    second: Floats
    active: Floats
    money: Floats
    service: Floats
    payback: Floats
    payback_day: Floats


@dataclass(frozen=True)
class Reckoning:
    """What blocks are reduced by.

    Attributes
    ----------
    asked : CohortsAsked
    members : Members
    rows : TableRows
    known : KnownSums
    step : float
        Money of one step.
    first : ndarray of float64, shape (new cohort, draw)
        First amounts of new customers.
    cost : ndarray of float64, shape (row, 1 or draw), or None
        Money spent on acquisition; NaN where it is not known.
    """

    asked: CohortsAsked
    members: Members
    rows: TableRows
    known: KnownSums
    step: float
    first: Floats
    cost: Floats | None

    @property
    def grid(self) -> Integers:
        """The ages at which sums are kept: those asked for, ends of periods, and a curve between."""
        oldest, width = self.asked.oldest, self.asked.width
        curve = np.arange(0, oldest + 1, max(1, -(-oldest // _CURVE)))
        ends = np.arange(self.asked.periods + 1) * width
        return np.unique(np.concatenate([curve, ends, np.array(self.asked.ages), [oldest]]))

    @property
    def worth(self) -> Floats:
        """What money at each age is worth."""
        worth: Floats = np.exp(-self.asked.value.terms(1).discount * np.arange(self.asked.oldest + 1))
        return worth


def make_crowd(
    population: Population, people: Customers, standing: tuple[Integers, Days], asked: CohortsAsked, *,
    start: Integers, seed: int, time_unit: str,
) -> Crowd:  # fmt: skip
    """Return customers as the kernel walks them: those whose oldest age lies ahead, sorted by cohort.

    Parameters
    ----------
    population : Population
    people : Customers
    standing : tuple
        Cohort of each, and days.
    asked : CohortsAsked
    start : ndarray of int64, shape (cohort,)
        The cohorts' first days.
    seed : int
    time_unit : str
    """
    cohort, days = standing
    age, last = days.end - days.first, days.last - days.first
    left = np.maximum(asked.oldest - age, 0)
    asks_gone = asked.value.service_cost_per_year > 0
    chosen = np.arange(age.size) if asks_gone else np.flatnonzero(left > 0)
    x, k, t_x, T = people.histories[:4, chosen]
    order = chosen[np.lexsort((t_x, T, k, x, people.group[chosen], cohort[chosen]))]
    ahead = left[order] / DAYS_PER[time_unit]
    some = people.rows(order)
    return Crowd(
        population,
        people_of(population, some, ahead),
        streams_of(population, some, seed=seed),
        Standing(cohort[order], age[order], last[order], (days.first - start[cohort])[order], ahead),
    )


def simulate(
    crowds: Sequence[Crowd], reckoning: Reckoning, *, days_per_unit: float, threads: int | None
) -> Sums:
    """Return sums over the customers of crowds, draw by draw.

    Blocks of draws are independent of each other: threads and blocks change no byte.
    """

    def work(block: slice) -> Sums:
        counts = _empty(reckoning, block.stop - block.start)
        for crowd in crowds:
            part = crowd.population.of_draws(block)
            streams = crowd.streams._replace(draws=crowd.streams.draws[block])
            scale = days_per_unit, reckoning.asked.width, reckoning.step
            count_by_age(streams, crowd.people, laws_of(part), clock_of(part), crowd.standing, scale, counts)
        return _reduced(counts, reckoning, block)

    parts = walk_draws(work, crowds[0].population.draws.size, size=BLOCK, threads=threads)
    return Sums(*(np.concatenate(each, axis=1) for each in zip(*parts, strict=True)))


def walk_draws[Result](
    work: Callable[[slice], Result], draws: int, *, size: int, threads: int | None
) -> list[Result]:
    """Return `work` of each block of draws, in order; blocks run in threads."""
    blocks = [slice(at, min(at + size, draws)) for at in range(0, draws, size)]
    count = min(threads or available_processors(), len(blocks))
    if count == 1:
        return [work(block) for block in blocks]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, blocks))


def _empty(reckoning: Reckoning, draws: int) -> AgeCounts:
    asked, cohorts = reckoning.asked, reckoning.members.sizes.size
    rulers = 1 if reckoning.cost is None else 2
    by_day = (cohorts, draws, asked.oldest + 1)
    asks_gone = asked.value.service_cost_per_year > 0
    shapes: list[Any] = [
        by_day, by_day, (cohorts, draws, asked.periods + 1), (rulers, *by_day), (rulers * asks_gone, *by_day),
    ]  # fmt: skip
    return AgeCounts(*(np.zeros(shape, np.int64) for shape in shapes))


def _reduced(counts: AgeCounts, reckoning: Reckoning, block: slice) -> Sums:
    """Return a block at the ages of the grid, and when it has paid back."""
    rows, grid, known = reckoning.rows, reckoning.grid, reckoning.members.known
    money = counts.money.astype(np.float64) * reckoning.step
    money[0, known:, :, 0] += reckoning.first[:, block]
    spent = np.cumsum(rows.of(money[0]) * reckoning.worth, axis=2)
    service = _service(counts, reckoning)
    whole = [np.cumsum(rows.of(each), axis=2)[:, :, grid] for each in (counts.bought, counts.second)]
    shape = (len(rows.labels), spent.shape[1])
    back, back_day = np.full(shape, np.nan), np.full(shape, np.nan)
    if reckoning.cost is not None:
        back = _payback(spent, service, reckoning, block)
        back_day[:known] = _payback_day(money[1, :known], counts, reckoning, block)
    kept = spent[:, :, grid], np.broadcast_to(service, spent.shape)[:, :, grid]
    sums = [each.astype(np.float64) for each in (*whole, rows.of(counts.active), *kept)]
    return Sums(*[*sums, back, back_day])


def _service(counts: AgeCounts, reckoning: Reckoning) -> Floats:
    """Return discounted service costs by row, draw and age; a day that has begun is paid."""
    cost, rows = reckoning.asked.value.terms(1).service_cost, reckoning.rows
    if not counts.gone.shape[0]:
        return np.zeros((1, 1, reckoning.worth.size))
    members = np.repeat(rows.of(reckoning.members.sizes)[:, None, None], reckoning.worth.size, axis=2)
    return cost * _days_alive(members, rows.of(counts.gone[0]), reckoning.worth)


def _days_alive(members: Integers, gone: Integers, worth: Floats) -> Floats:
    """Return customers' days alive, added up to each day; `gone` is by the day after which they are gone."""
    alive = (members - np.cumsum(gone, axis=2))[:, :, :-1] * worth[1:]
    return np.concatenate([np.zeros((*alive.shape[:2], 1)), np.cumsum(alive, axis=2)], axis=2)


def _payback(spent: Floats, service: Floats, reckoning: Reckoning, block: slice) -> Floats:
    """Return the first age at which a row's margins cover its cost."""
    assert reckoning.cost is not None
    assert reckoning.known.money is not None
    margin = reckoning.asked.value.terms(1).margin
    known = np.cumsum(reckoning.rows.of(reckoning.known.money[0]) * reckoning.worth, axis=1)
    return _first_covered(margin * (known[:, None, :] + spent) - service, _part(reckoning.cost, block))


def _payback_day(money: Floats, counts: AgeCounts, reckoning: Reckoning, block: slice) -> Floats:
    """Return the first day of each known cohort on which its undiscounted margins cover its whole cost."""
    assert reckoning.cost is not None
    assert reckoning.known.money is not None
    terms, cohorts = reckoning.asked.value.terms(1), money.shape[0]
    known = np.cumsum(reckoning.known.money[1, :cohorts], axis=1)[:, None, :]
    cash = terms.margin * (known + np.cumsum(money, axis=2))
    if counts.gone.shape[0]:
        born = np.cumsum(reckoning.known.born[:cohorts], axis=1)[:, None, :]
        cash -= terms.service_cost * _days_alive(born, counts.gone[1, :cohorts], np.ones(cash.shape[2]))
    return _first_covered(cash, _part(reckoning.cost, block)[:cohorts])


def _part(cost: Floats, block: slice) -> Floats:
    return cost if cost.shape[1] == 1 else cost[:, block]


def _first_covered(cash: Floats, cost: Floats) -> Floats:
    """Return the first place on the last axis where cash is no less than the cost; see `Sums.payback`."""
    # sums of millionths in floating point: what is equal on paper must not miss by a rounding
    covered = cash >= cost[:, :, None] * (1 - 1e-12)
    found = np.where(covered.any(axis=2), covered.argmax(axis=2).astype(np.float64), np.inf)
    return np.where(np.isnan(cost), np.nan, found)
