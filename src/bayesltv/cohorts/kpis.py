"""``CustomerBase.kpis``: how customers are doing, observed up to now and predicted from now on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.base.placed_base import PlacedBase
from bayesltv.cohorts.known import Purchases, known_purchases
from bayesltv.cohorts.members import Members, members_of, rows_of
from bayesltv.cohorts.simulated import BLOCK, Crowd, walk_draws
from bayesltv.data.log.histories import MICROS
from bayesltv.data.log.reading import LogReading
from bayesltv.data.summary.days import Days, history_days
from bayesltv.errors import DataError
from bayesltv.kernels.tracking import AgeCounts, Standing, count_by_age
from bayesltv.names import FREQUENCY, VALUE_TO_DATE
from bayesltv.numerics.arrays import Flags, Floats, Integers
from bayesltv.numerics.levels import quantiles_of
from bayesltv.prediction.draws import simulate_futures
from bayesltv.prediction.packed import clock_of, laws_of, people_of, streams_of
from bayesltv.prediction.scores.score import score_base
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.prediction.terms import make_terms
from bayesltv.prediction.totals import step_of
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.units import DAYS_PER

TIER = "tier"
WINDOWS = (30, 90)
TOP = 0.20
_WIDE = 16
"""Draws of all customers side by side, where customers are ranked within a draw."""


class Counted(NamedTuple):
    """Sums by label: arrays of shape (label,) of the past, (label, draw) of the future.

    Attributes
    ----------
    active : mapping of int to ndarray
        Customers who buy within so many days.
    before, stayed : ndarray
        Customers who bought in the period before, and those of them who bought in this one.
    again : ndarray
        Customers with two purchases or more.
    purchases, money : ndarray
        Within the period.
    top : ndarray
        Share of value of the best fifth.
    """

    active: dict[int, Floats]
    before: Floats
    stayed: Floats
    again: Floats
    purchases: Floats
    money: Floats | None
    top: Floats | None


def kpis_base(
    base: PlacedBase,
    log: object | None = None,
    *,
    by: str | Sequence[str] = (),
    days: int = 90,
    decision: DecisionSpec | None = None,
    reading: LogReading | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Return how customers are doing, observed up to now and predicted from now on, by group and tier.

    Parameters
    ----------
    base : PlacedBase
    log : path or frame, optional
        The log that the summary was made of; without it there is no observed average order, and purchases
        come from ``repeat_days``.
    by : str or sequence of str
        Columns of the summary, "month" or "week" of the first purchase, "tier"; none for all together.
    days : int
        Length of a period.
    decision : DecisionSpec, str or Path, optional
        Whose tiers are meant by "tier".
    reading : LogReading, optional
        Columns of the log and how it is read, as for ``summarize``.
    threads : int, optional
        Changes speed, never a number.

    Returns
    -------
    DataFrame
        One row per label and key figure, "all" at the end: ``customers``, ``kpi``, ``observed`` (up to
        the last day observed), and ``p05``, ``p50``, ``p95``, ``mean`` of the period to come. Figures:
        ``active_30d``, ``active_90d``, share of customers who buy within so many days; ``retention``, of
        those who bought in one period the share who buy in the next, and ``churn``, who do not;
        ``repurchase``, share with two purchases or more; ``average_order``, money per purchase day;
        ``top_20_share``, share of value to date, now and at the end of the period, of the best fifth.

    Raises
    ------
    DataError
        Where a column is not there, or tiers are asked for without a decision that has some.
    """
    base.require_customers()
    known, placed = history_days(base.summary), base.placed(DRAWS)
    asked = reading or LogReading()
    bought = known_purchases(base, log, asked if placed.population.has_spend else asked.without_amounts())
    members = _labelled(base, known, (by,) if isinstance(by, str) else tuple(by), decision, threads)
    past = _past(base, members, bought, known, days)
    now = _bought_between(bought, known, 0, days, len(base))
    future = _future(base, members, now, days=days, threads=threads)
    table = _table(members, past, future)
    return table if by else table.iloc[1::2].reset_index(drop=True)  # else all are there twice


def _labelled(
    base: PlacedBase,
    days: Days,
    by: tuple[str, ...],
    decision: DecisionSpec | None,
    threads: int | None,
) -> Members:
    """Return the customers by label; by tier where it is asked for."""
    summary = base.summary
    if TIER in by and TIER not in summary.columns:
        if decision is None or decision.tiers is None:
            raise DataError('by="tier" needs a decision with tiers: pass decision="retention"')
        summary = summary.assign(tier=score_base(base, decision, threads=threads)[TIER].to_numpy())
    if not by:
        summary, by = summary.assign(all="all"), ("all",)
    return members_of(summary, days, by)


def _bought_between(bought: Purchases, known: Days, newest: int, oldest: int, customers: int) -> Flags:
    """Return who bought `newest` days before the end of observation or earlier, up to `oldest` days."""
    ago = (known.end - known.first)[bought.customer] - bought.age
    chosen = bought.customer[(ago >= newest) & (ago < oldest)]
    return np.bincount(chosen, minlength=customers) > 0


def _has_value(base: PlacedBase) -> bool:
    return base.placed(DRAWS).population.has_spend and VALUE_TO_DATE in base.summary.columns


def _by_label(values: NDArray[np.generic], members: Members) -> Floats:
    """Return sums over the customers of each label, then of all."""
    sums = np.bincount(members.cohort, weights=values.astype(np.float64), minlength=members.known)
    return np.append(sums, sums.sum())


def _past(base: PlacedBase, members: Members, bought: Purchases, known: Days, days: int) -> Counted:
    size = len(base)
    now, before = (_bought_between(bought, known, at, at + days, size) for at in (0, days))
    ago = (known.end - known.first)[bought.customer] - bought.age
    recent = ago < days
    rows, money, top = members.cohort[bought.customer[recent]], None, None
    counts = np.bincount(rows, minlength=members.known).astype(np.float64)
    if bought.amount is not None:
        spent = np.bincount(rows, weights=bought.amount[recent] / MICROS, minlength=members.known)
        money = np.append(spent, spent.sum())
    if _has_value(base):
        value = base.summary[VALUE_TO_DATE].to_numpy(np.float64)
        top = _top_shares(value[:, None], members)[:, 0]
    return Counted(
        {w: _by_label(_bought_between(bought, known, 0, w, size), members) for w in WINDOWS},
        _by_label(before, members),
        _by_label(before & now, members),
        _by_label(base.summary[FREQUENCY].to_numpy() > 0, members),
        np.append(counts, counts.sum()),
        money,
        top,
    )


def _top_shares(value: Floats, members: Members) -> Floats:
    """Return the value share of labels' best fifth, (label, draw), and of all; NaN where there is none."""
    groups = [np.flatnonzero(members.cohort == at) for at in range(members.known)]
    shares = []
    for rows in (*groups, np.arange(members.cohort.size)):
        own, best = value[rows], -(-rows.size // 5)
        total = own.sum(axis=0)
        top = np.partition(own, rows.size - best, axis=0)[rows.size - best :].sum(axis=0)
        shares.append(np.divide(top, total, out=np.full(total.shape, np.nan), where=total > 0))
    return np.array(shares)


class _Ahead(NamedTuple):
    """What a block of draws counts in the period to come, (2 x label, draw): odd rows are who is active."""

    active: dict[int, Floats]
    bought: Floats
    second: Floats
    money: Floats


def _count_ahead(crowd: Crowd, block: slice, days: int, step: float, days_per_unit: float) -> _Ahead:
    part, widths = crowd.population.of_draws(block), dict.fromkeys((*WINDOWS, days))
    streams = crowd.streams._replace(draws=crowd.streams.draws[block])
    labels, oldest = int(crowd.standing.cohort.max()) + 1, max(widths)
    found, shape = {}, (labels + labels % 2, block.stop - block.start)
    for width in widths:  # the last one is the period, of which the rest is kept
        by_day = (*shape, oldest + 1)
        counts = AgeCounts(
            *(np.zeros(each, np.int64) for each in (by_day, by_day, (*shape, 2), (1, *by_day), (0, *by_day)))
        )
        scale = days_per_unit, width, step
        count_by_age(streams, crowd.people, laws_of(part), clock_of(part), crowd.standing, scale, counts)
        found[width] = counts.active[:, :, 1].astype(np.float64)
    bought, second, money = (
        each[:, :, : days + 1].sum(axis=2).astype(np.float64)
        for each in (counts.bought, counts.second, counts.money[0])
    )
    return _Ahead(found, bought, second, money * step)


def _future(
    base: PlacedBase, members: Members, past_active: Flags, *, days: int, threads: int | None
) -> Counted:
    """Return what customers do within the period to come, draw by draw."""
    crowd = _crowd(base, 2 * members.cohort + past_active, max(days, *WINDOWS))
    has_spend, step = crowd.population.has_spend, step_of(base.hyperparameters(DRAWS).typical_amount)
    unit = DAYS_PER[base.posterior.time_unit]

    def work(block: slice) -> _Ahead:
        return _count_ahead(crowd, block, days, step, unit)

    parts = walk_draws(work, crowd.population.draws.size, size=BLOCK, threads=threads)
    active = {w: np.concatenate([each.active[w] for each in parts], axis=1) for w in parts[0].active}
    bought, second, money = (
        _both(np.concatenate([getattr(each, name) for each in parts], axis=1))
        for name in ("bought", "second", "money")
    )
    return Counted(
        {width: _both(active[width]) for width in WINDOWS},
        _by_label(past_active, members)[:, None],
        _with_all(active[days][1::2]),
        _by_label(base.summary[FREQUENCY].to_numpy() > 0, members)[:, None] + second,
        bought,
        money if has_spend else None,
        _future_top(base, members, days, threads) if _has_value(base) else None,
    )


def _crowd(base: PlacedBase, cohort: Integers, oldest: int) -> Crowd:
    """Return all customers from now on, as the kernel walks them; "age" counts from the last day observed."""
    placed = base.placed(DRAWS)
    x, k, t_x, T = placed.customers.histories[:4]
    order = np.lexsort((t_x, T, k, x, placed.customers.group, cohort))
    people, zeros = placed.customers.rows(order), np.zeros(len(base), np.int64)
    ahead = np.full(len(base), oldest / DAYS_PER[base.posterior.time_unit])
    return Crowd(
        placed.population,
        people_of(placed.population, people, ahead),
        streams_of(placed.population, people, seed=base.seed),
        Standing(cohort[order].astype(np.int64), zeros, zeros, zeros, ahead),
    )


def _future_top(base: PlacedBase, members: Members, days: int, threads: int | None) -> Floats:
    """Return the share that each label's best fifth will have of value to date, draw by draw."""
    placed, unit = base.placed(DRAWS), base.posterior.time_unit
    value = base.summary[VALUE_TO_DATE].to_numpy(np.float64)[:, None]
    terms = make_terms(unit, horizon=days / DAYS_PER[unit], annual_discount_rate=0.0, margin=1.0)

    def work(block: slice) -> Floats:
        part = placed.population.of_draws(block)
        futures = simulate_futures(part, placed.customers, terms, seed=base.seed)
        return _top_shares(value + futures.spend, members)

    parts = walk_draws(work, placed.population.draws.size, size=_WIDE, threads=threads)
    return np.concatenate(parts, axis=1)


def _both(values: Floats) -> Floats:
    """Return labels and all, of rows in which who is active stands beside who is not."""
    return _with_all(values[0::2] + values[1::2])


def _with_all(values: Floats) -> Floats:
    return np.concatenate([values, values.sum(axis=0, keepdims=True)])


def _figures(counted: Counted, customers: Floats) -> dict[str, Floats]:
    """Return key figures from sums."""

    def ratio(top: Floats, bottom: Floats) -> Floats:
        shape = np.broadcast_shapes(top.shape, bottom.shape)
        found: Floats = np.divide(top, bottom, out=np.full(shape, np.nan), where=bottom > 0)
        return found

    stayed = ratio(counted.stayed, counted.before)
    made = {f"active_{w}d": ratio(number, customers) for w, number in counted.active.items()}
    made |= {"retention": stayed, "churn": 1.0 - stayed, "repurchase": ratio(counted.again, customers)}
    if counted.money is not None:
        made["average_order"] = ratio(counted.money, counted.purchases)
    if counted.top is not None:
        made["top_20_share"] = counted.top
    return made


def _table(members: Members, past: Counted, future: Counted) -> pd.DataFrame:
    """Return one row per label and key figure."""
    rows = rows_of(members)
    chosen = [*range(members.known), len(rows.labels) - 1]
    customers = np.append(members.sizes, members.sizes.sum()).astype(np.float64)
    seen, ahead = _figures(past, customers), _figures(future, customers[:, None])
    left = pd.DataFrame([rows.labels[i] for i in chosen], columns=list(members.columns))
    left["customers"] = customers.astype(np.int64)
    parts = []
    for name, draws in ahead.items():
        table = left.assign(kpi=name, observed=seen.get(name, np.full(len(left), np.nan)))
        missing = np.asarray(np.isnan(draws).any(axis=1))
        levels = quantiles_of(np.where(missing[:, None], 0.0, draws))
        table = table.assign(**{level: np.where(missing, np.nan, each) for level, each in levels.items()})
        parts.append(table.assign(mean=np.where(missing, np.nan, draws.mean(axis=1))))
    return pd.concat(parts, ignore_index=True)
