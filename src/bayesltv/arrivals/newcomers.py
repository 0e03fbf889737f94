"""What new customers buy from the day they come on: first orders, repeats, and what both are worth."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.arrivals.coming import Coming
from bayesltv.base.placed_base import PlacedBase, place_customers
from bayesltv.base.population import Population
from bayesltv.base.seal import ARRIVALS
from bayesltv.cohorts.known import Purchases
from bayesltv.cohorts.newcomers import FIRST, as_summary, past_amounts, refuse_covariates
from bayesltv.cohorts.simulated import walk_draws
from bayesltv.data.day_lists import day_number
from bayesltv.data.summary.groups import labels_of
from bayesltv.data.summary.weeks import WEEK
from bayesltv.errors import DataError, counted, shown
from bayesltv.kernels.block import People, Streams
from bayesltv.kernels.tracking import Bins, count_first_amounts, count_in_bins
from bayesltv.names import GROUP_SEPARATOR
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.prediction.packed import clock_of, laws_of, people_of, streams_of
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.prediction.totals import step_of
from bayesltv.streams import generator
from bayesltv.units import DAYS_PER


class NewSums(NamedTuple):
    """What new customers do by day ahead; money in steps of `step`.

    Attributes
    ----------
    first : ndarray of int64, shape (draw, channel, day)
        First purchases, and so new customers.
    repeat, first_money, repeat_money : ndarray of int64, shape (draw, day)
    spent : ndarray of float64, shape (draw, day)
        Cost of acquisition; NaN where one is not known.
    step : float
    """

    first: Integers
    repeat: Integers
    first_money: Integers
    repeat_money: Integers
    spent: Floats
    step: float


def simulate_new(
    base: PlacedBase, coming: Coming, bought: Purchases | None, *, days: int, threads: int | None
) -> NewSums:
    """Return what the new customers of each draw buy within so many days.

    Customer j of a week of a channel is the same in every draw that has more than j of them: the same day,
    the same streams, another draw of what is not known.

    Parameters
    ----------
    base : PlacedBase
    coming : Coming
    bought : Purchases, optional
        What first amounts are drawn from where the fit has no level of them; None counts purchases alone.
    days : int
    threads : int, optional
        Changes speed, never a number.

    Raises
    ------
    DataError
        Where the fit has covariates or a group that no channel tells, or a channel is unknown.
    """
    refuse_covariates(base)
    crowd = _crowd(base, coming, days)
    work = partial(_of_draw, crowd, coming, days)
    parts = walk_draws(work, coming.counts.shape[1], size=1, threads=threads)
    first, repeat, own, later, spent = (np.stack(each) for each in zip(*parts, strict=True))
    step = _step(base)
    if crowd.population.has_spend and not _has_own_amounts(base) and bought is not None:
        own = _bootstrapped(base, coming, crowd, bought, days, step)
    return NewSums(first, repeat, own, later, spent, step)


class _Crowd(NamedTuple):
    """All new customers of any draw within the horizon."""

    population: Population
    people: People
    streams: Streams
    firsts: NDArray[np.uint64]
    cell: Integers
    rank: Integers
    day: Integers
    labels: NDArray[np.object_]
    start: Floats
    until: float
    width: float
    step: float

    def present(self, counts: Integers) -> Integers:
        """Return the rows of a draw's customers, from its counts by cell."""
        return np.flatnonzero(self.rank < counts[self.cell])


def _step(base: PlacedBase) -> float:
    return step_of(base.hyperparameters(DRAWS).typical_amount)


def _has_own_amounts(base: PlacedBase) -> bool:
    spend = base.posterior.spec.spend
    return spend is not None and spend.first_amounts


def _crowd(base: PlacedBase, coming: Coming, days: int) -> _Crowd:
    end = day_number(base.require_end())
    most = coming.counts.max(axis=1)
    cell = np.repeat(np.arange(most.size), most)
    rank = np.arange(cell.size) - np.repeat(np.cumsum(most) - most, most)
    day = coming.start[cell] + _weekdays(base.seed, coming, most)
    inside = day <= end + days
    cell, rank, day = cell[inside], rank[inside], day[inside].astype(np.int64)
    each = _groups_of(base, coming).iloc[cell].reset_index(drop=True)
    starts = [str(np.datetime64(int(at), "D")) for at in coming.start]
    names = [f"{label}\x1fweek {at}" for label, at in zip(coming.labels, starts, strict=True)]
    ids = pd.Series([f"{names[c]} {j}" for c, j in zip(cell, rank, strict=True)], dtype="str")
    summary = as_summary(base, each, ids, first=day)
    placed, population, people = place_customers(
        base.posterior,
        base.hyperparameters(DRAWS),
        summary,
        unknown_groups=base.unknown_groups,
        seed=base.seed,
    )
    unit = DAYS_PER[base.posterior.time_unit]
    start, until = (day - end) / unit, days / unit
    return _Crowd(
        population, people_of(population, people, until - start),
        streams_of(population, people, seed=base.seed),
        people.keys(base.seed, FIRST), cell, rank, day - end - 1,
        np.asarray(labels_of(placed, list(base.posterior.columns)), dtype=object),
        start, until, 1.0 / unit, _step(base),
    )  # fmt: skip


def _weekdays(seed: int, coming: Coming, most: Integers) -> Integers:
    """Return the days of their week, 0 to 6, on which the customers of all cells come."""
    streams = (
        generator(seed, ARRIVALS, "day", *each)
        for each in zip(coming.labels, map(str, coming.start), strict=True)
    )
    days = [rng.integers(0, WEEK, number) for rng, number in zip(streams, most, strict=True)]
    return np.concatenate([*days, np.zeros(0, np.int64)])


def _groups_of(base: PlacedBase, coming: Coming) -> pd.DataFrame:
    """Return the fit's group columns of each cell."""
    columns, own = list(base.posterior.columns), list(coming.columns)
    table = pd.DataFrame(list(coming.levels), columns=own, dtype="str")
    if len(columns) == len(own) == 1:  # one column is the channel, whatever it is called
        table.columns = pd.Index(columns)
    absent = [name for name in columns if name not in table]
    if absent:
        raise DataError(
            f"new customers need the group {shown(absent[0])} of the fit: fit_arrivals(log, by={columns!r}), "
            "or a plan with that column"
        )
    found = table[columns]
    if columns and base.unknown_groups == "error":
        known = set(base.posterior.combinations)
        strange = sorted({each for each in map(tuple, found.to_numpy()) if each not in known})
        if strange:
            named = ", ".join(shown(GROUP_SEPARATOR.join(each)) for each in strange[:5])
            raise DataError(
                f"{counted(len(strange), 'channel is', 'channels are')} unknown to the customers' fit "
                f"({named}): "
                'correct the labels, or allow them with unknown_groups="population"'
            )
    return found


def _of_draw(crowd: _Crowd, coming: Coming, days: int, draw: slice) -> tuple[Any, ...]:
    """Return what one draw's customers do by day: first and repeat purchases, money of both; their cost."""
    chosen = crowd.present(coming.counts[:, draw.start])
    part, one = crowd.population.of_draws(draw), (1, days)
    latents, events, amounts, _ = crowd.streams
    streams = Streams(latents[chosen], events[chosen], amounts[chosen], part.draws)
    every = crowd.people
    people = People(
        np.ascontiguousarray(every.histories[:, chosen]), every.group[chosen],
        np.ascontiguousarray(every.places[:, chosen]), every.own[chosen],
    )  # fmt: skip
    repeat, later, own = (np.zeros(one, np.int64) for _ in range(3))
    bins = Bins(crowd.start[chosen], crowd.until, crowd.width, crowd.step, repeat, later)
    count_in_bins(streams, people, laws_of(part), clock_of(part), bins)
    if crowd.population.has_spend:
        keyed = streams._replace(amounts=crowd.firsts[chosen])
        by_day = np.zeros((days, 1), np.int64)
        count_first_amounts(keyed, people, laws_of(part).spend, crowd.day[chosen], crowd.step, by_day)
        own = by_day.T
    first, spent = np.zeros((len(coming.channels), days), np.int64), np.zeros(days)
    np.add.at(first, (coming.channel[crowd.cell[chosen]], crowd.day[chosen]), 1)
    np.add.at(spent, crowd.day[chosen], coming.cac[crowd.cell[chosen]])
    return first, repeat[0], own[0], later[0], spent


def _bootstrapped(
    base: PlacedBase, coming: Coming, crowd: _Crowd, bought: Purchases, days: int, step: float
) -> Integers:
    """Return first amounts by draw and day from those of the last year, by the Bayesian bootstrap."""
    found = np.zeros((coming.counts.shape[1], days), np.int64)
    for group, pool in past_amounts(base, bought, list(crowd.labels)).items():
        rows = np.flatnonzero(crowd.labels == group)
        for d, draw in enumerate(crowd.population.draws):
            rng = generator(base.seed, FIRST, ARRIVALS, group, str(int(draw)))
            upto = np.cumsum(rng.standard_exponential(pool.size))
            here = crowd.rank[rows] < coming.counts[crowd.cell[rows], d]
            chosen = np.searchsorted(upto, rng.random(rows.size)[here] * upto[-1], side="right")
            amount = np.rint(pool[np.minimum(chosen, pool.size - 1)] / step).astype(np.int64)
            np.add.at(found[d], crowd.day[rows[here]], amount)
    return found
