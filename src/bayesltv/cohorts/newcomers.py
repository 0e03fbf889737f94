"""New cohorts on day 0: customers who have just made their first purchase, from the hierarchy of the fit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv import names
from bayesltv.base.meeting import Meeting
from bayesltv.base.placed_base import PlacedBase, Placement, place_customers
from bayesltv.cohorts.known import Purchases
from bayesltv.cohorts.members import Members
from bayesltv.cohorts.simulated import BLOCK, walk_draws
from bayesltv.data.log.histories import MICROS
from bayesltv.data.summary.days import Days, history_days
from bayesltv.data.summary.groups import labels_of
from bayesltv.dates import COHORTS
from bayesltv.errors import DataError
from bayesltv.kernels.tracking import count_first_amounts
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.prediction.packed import laws_of, people_of, streams_of
from bayesltv.prediction.scores.engine import Threads
from bayesltv.prediction.scores.scoring import DRAWS, make_scoring, score_rows
from bayesltv.prediction.scores.thresholds import find_thresholds
from bayesltv.prediction.scores.tiers import tier_labels
from bayesltv.prediction.totals import step_of
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.streams import generator

CUSTOMERS = "customers"
FIRST = "first amounts"
YEAR = 365
MOST = 1_000_000
LARGEST_POOL = 10_000
REPLICATES = 100
"""New customers of a group whose draws are averaged: with 1,000 draws P(tier) is good to 0.2 %."""


@dataclass(frozen=True)
class Newcomers:
    """Planned customers of new cohorts.

    Attributes
    ----------
    placement : Placement
    days : Days
    labels : tuple of tuple of str
        Of the new cohorts, one level per column of the cohorts.
    cohort : ndarray of int64, shape (customer,)
        Counted from the first new cohort.
    """

    placement: Placement
    days: Days
    labels: tuple[tuple[str, ...], ...]
    cohort: Integers


def make_newcomers(
    base: PlacedBase, new: pd.DataFrame, members: Members, by: Sequence[str], *, draws: int
) -> Newcomers:
    """Return new customers, acquired on the last day observed.

    Parameters
    ----------
    base : PlacedBase
    new : DataFrame
        ``customers``, the fit's group columns, and the cohorts' columns; one of the calendar may be missing.
        Levels that the fit has not seen have their own draw, where the base allows unknown groups: the same
        in every table.
    members : Members
        The known cohorts.
    by : sequence of str
    draws : int

    Raises
    ------
    DataError
        Where a column is missing, a number is no count, a cohort is known already, or the fit has covariates.
    """
    frame = _checked(base, new, members, by)
    counts = frame[CUSTOMERS].to_numpy(np.int64)
    each = frame.loc[frame.index.repeat(counts)].reset_index(drop=True)
    groups = labels_of(
        each, [*members.columns, *(c for c in base.posterior.columns if c not in members.columns)]
    )
    number = each.groupby(np.asarray(groups, dtype=object)).cumcount().astype(str)
    summary = as_summary(base, each, pd.Series(groups, dtype="str") + "\x1fnew " + number)
    placement = place_customers(
        base.posterior, base.hyperparameters(draws), summary, unknown_groups=base.unknown_groups,
        seed=base.seed,
    )  # fmt: skip
    keys = list(map(tuple, each[list(members.columns)].astype(str).to_numpy()))
    labels = tuple(dict.fromkeys(keys))
    place = {label: at for at, label in enumerate(labels)}
    cohort = np.array([place[key] for key in keys], dtype=np.int64)
    return Newcomers(placement, history_days(summary), labels, cohort)


def _checked(base: PlacedBase, new: pd.DataFrame, members: Members, by: Sequence[str]) -> pd.DataFrame:
    """Return the table of new cohorts with all columns that are needed."""
    refuse_covariates(base)
    frame = new.reset_index(drop=True)
    for name, asked in zip(members.columns, by, strict=True):
        if name not in frame.columns and asked in COHORTS and name not in base.posterior.columns:
            frame = frame.assign(**{name: "new"})
    absent = [c for c in (*members.columns, *base.posterior.columns, CUSTOMERS) if c not in frame.columns]
    if absent:
        raise DataError(
            f"new= lacks the column {absent[0]!r}: it needs the cohorts' columns, the fit's groups "
            f"and {CUSTOMERS!r}"
        )
    counts = pd.to_numeric(frame[CUSTOMERS], errors="coerce")
    if counts.isna().any() or (counts < 1).any() or (counts != counts.round()).any() or counts.sum() > MOST:
        raise DataError(f"new=: {CUSTOMERS!r} must be whole numbers from 1, at most {MOST:,} in all")
    known = set(members.labels)
    twice = [key for key in map(tuple, frame[list(members.columns)].astype(str).to_numpy()) if key in known]
    if twice:
        raise DataError(
            f"new=: {names.GROUP_SEPARATOR.join(twice[0])!r} is a cohort of known customers already"
        )
    return frame.assign(**{CUSTOMERS: counts.astype(np.int64)})


def refuse_covariates(base: PlacedBase) -> None:
    """Refuse a fit with covariates: new customers have none yet."""
    if base.posterior.spec.covariates:
        raise DataError("the fit has covariates, and new customers have none yet: ask a fit without them")


def as_summary(
    base: PlacedBase, each: pd.DataFrame, ids: "pd.Series[str]", *, first: Integers | None = None
) -> pd.DataFrame:
    """Return new customers as rows of a validated summary: histories of zeros.

    Parameters
    ----------
    base : PlacedBase
    each : DataFrame
        Group columns of the fit, one row per customer.
    ids : Series of str
    first : ndarray of int64, shape (customer,), optional
        Day of the first purchase, in days since 1970-01-01; default: the last day observed.
    """
    zeros = np.zeros(len(each))
    end = base.require_end()
    acquired = end if first is None else first.astype("datetime64[D]").astype("datetime64[us]")
    made = {
        names.CUSTOMER_ID: ids.astype("str"),
        names.FREQUENCY: zeros.astype(np.int64),
        names.RECENCY: zeros,
        names.T: zeros,
        names.SPEND_COUNT: zeros.astype(np.int64),
        names.SPEND_SUM: zeros,
        names.SPEND_LOG_SUM: zeros,
        names.FIRST_AMOUNT: np.nan,
        names.FIRST_PURCHASE: acquired,
        names.LAST_PURCHASE: acquired,
    }
    summary = pd.DataFrame(made).assign(**{name: each[name].astype(str) for name in base.posterior.columns})
    summary.attrs = {names.TIME_UNIT: base.posterior.time_unit, names.OBSERVATION_END: end.date().isoformat()}
    return summary


def first_amounts(
    base: PlacedBase, bought: Purchases, new: Newcomers, draws: NDArray[np.uint64], *, threads: int | None
) -> Floats:
    """Return what new customers of each cohort pay on their first day, shape (new cohort, draw).

    Where the fit has a level of first amounts, each customer's is drawn from the mean that repeat amounts are
    drawn from. Without one, from the first amounts of the last 365 days of the same groups of the fit, or of
    all groups where there are none, by the Bayesian bootstrap: each draw has weights of its own.
    """
    spend = base.posterior.spec.spend
    if spend is not None and spend.first_amounts:
        return _own_amounts(base, new, threads)
    return _past_amounts(base, bought, new, draws)


def _own_amounts(base: PlacedBase, new: Newcomers, threads: int | None) -> Floats:
    _, population, people = new.placement
    streams = streams_of(population, people, seed=base.seed)
    streams = streams._replace(amounts=people.keys(base.seed, FIRST))
    placed, step = people_of(population, people, 0.0), step_of(population.typical_amount)

    def work(block: slice) -> Integers:
        part = population.of_draws(block)
        money = np.zeros((len(new.labels), part.draws.size), np.int64)
        own = streams._replace(draws=part.draws)
        count_first_amounts(own, placed, laws_of(part).spend, new.cohort, step, money)
        return money

    parts = walk_draws(work, population.draws.size, size=BLOCK, threads=threads)
    return np.concatenate(parts, axis=1) * np.float64(step)


def past_amounts(base: PlacedBase, bought: Purchases, groups: Sequence[str]) -> dict[str, Floats]:
    """Return the first amounts of the last 365 days by group; of all groups where one has none.

    Parameters
    ----------
    base : PlacedBase
    bought : Purchases
        With amounts.
    groups : sequence of str
        Labels of the fit's groups.
    """
    assert bought.amount is not None
    days = history_days(base.summary)
    recent = days.end.max() - days.first < YEAR
    is_first = (bought.age == 0) & recent[bought.customer]
    is_first = is_first if is_first.any() else bought.age == 0
    pool = bought.amount[is_first] / MICROS
    columns = list(base.posterior.columns)
    of_pool = np.asarray(labels_of(base.summary, columns), dtype=object)[bought.customer[is_first]]
    found = {group: pool[of_pool == group] for group in dict.fromkeys(groups)}
    return {group: _representative(own if own.size else pool) for group, own in found.items()}


def _past_amounts(base: PlacedBase, bought: Purchases, new: Newcomers, draws: NDArray[np.uint64]) -> Floats:
    theirs = np.asarray(labels_of(new.placement.summary, list(base.posterior.columns)), dtype=object)
    total = np.zeros((len(new.labels), draws.size))
    for group, own in past_amounts(base, bought, list(theirs)).items():
        counts = np.bincount(new.cohort[theirs == group], minlength=len(new.labels))
        for cohort in np.flatnonzero(counts):
            total[cohort] += _bootstrapped(
                own, int(counts[cohort]), draws, base.seed, (group, *new.labels[cohort])
            )
    return total


def _representative(pool: Floats) -> Floats:
    """Return amounts that are spread as a pool's: itself, or evenly spaced ranks of a large one."""
    if pool.size <= LARGEST_POOL:
        return pool
    return np.sort(pool)[(np.arange(LARGEST_POOL) + 0.5).astype(np.int64) * pool.size // LARGEST_POOL]


def _bootstrapped(
    pool: Floats, number: int, draws: NDArray[np.uint64], seed: int, key: Sequence[str]
) -> Floats:
    """Return sums of `number` amounts from a pool, draw by draw, under weights of the Bayesian bootstrap."""
    sums = np.zeros(draws.size)
    for at, draw in enumerate(draws):
        rng = generator(seed, FIRST, *key, str(int(draw)))
        weights = rng.standard_exponential(pool.size)
        sums[at] = rng.multinomial(number, weights / weights.sum()) @ pool
    return sums


def newcomers_base(
    base: PlacedBase,
    decision: DecisionSpec,
    *,
    levels: pd.DataFrame | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Return what to expect of customers who have just made their first purchase: value and tier on day 0.

    Scores are those of `REPLICATES` customers of each group: their draws differ, their history does not.

    Parameters
    ----------
    base : PlacedBase
    decision : DecisionSpec
    levels : DataFrame, optional
        Group columns of the fit, one row per group; default: all that were fitted.
    threads : int, optional
        Changes speed, never a number.

    Returns
    -------
    DataFrame
        One row per group: the group columns, ``expected_purchases``, ``ltv_mean`` (to come, without the
        first purchase), ``p_tier_<name>`` and ``tier``. Tiers that are relative to other customers begin
        where they do among the base's.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed.
    DataError
        Where a column is missing, a level is unknown and not allowed to be, or the fit has covariates.
    """
    accepted, columns = base.require_usable(), list(base.posterior.columns)
    refuse_covariates(base)
    groups = levels if levels is not None else pd.DataFrame(base.posterior.combinations, columns=columns)
    absent = [name for name in columns if name not in groups.columns]
    if absent:
        raise DataError(f"levels= lacks the column {absent[0]!r} of the fit's groups")
    groups = groups[columns].astype(str).drop_duplicates(ignore_index=True) if columns else pd.DataFrame([{}])
    each = groups.loc[groups.index.repeat(REPLICATES)]
    code = each.index.to_numpy()
    each = each.reset_index(drop=True)
    number = pd.Series(np.tile(np.arange(REPLICATES), len(groups)).astype(str), dtype="str")
    summary = as_summary(base, each, pd.Series(labels_of(each, columns), dtype="str") + "\x1fday 0 " + number)
    meeting = Meeting(base.seed, DRAWS if base.draws is None else base.draws, base.unknown_groups)
    scoring = make_scoring(base.fit, decision, meeting, base.posterior, accepted=accepted)
    if scoring.is_relative:
        everyone = Threads(scoring, lambda: [base.placed(DRAWS)], threads)
        scoring = replace(scoring, thresholds=find_thresholds(scoring, everyone, customers=len(base)))
    table = score_rows(scoring, scoring.place(summary), observation_end=base.end, threads=threads).table
    shown = [name for name in table if str(name).startswith("p_tier_")]
    means = table[[c for c in ("expected_purchases", "ltv_mean", *shown) if c in table]].groupby(code).mean()
    found = pd.concat([groups, means], axis=1)
    if shown and decision.tiers is not None:
        at = tier_labels(found[shown].to_numpy(np.float64), decision.tiers)
        found["tier"] = np.asarray(decision.tiers.names, dtype=object)[at]
    return found
