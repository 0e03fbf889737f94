"""The customers one has: what they brought, what they should bring, and what simpler reckonings would say."""

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.data.summary.groups import labels_of
from bayesltv.decisions.customers.segments import ALL
from bayesltv.names import DRAW, FIRST_PURCHASE, FREQUENCY, GROUP, RECENCY, REPEAT_DAYS, VALUE_TO_DATE, T
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.levels import ENDS, quantiles_of
from bayesltv.prediction.totals import QUANTITIES
from bayesltv.specs.decision.decision_spec import ValueSpec
from bayesltv.units import DAYS_PER

SCOPE = "existing customers only"
SILENT_DAYS = 90.0
"""Who has not bought for so long counts as churned in the simple reckoning, as in most shops' reports."""
_BIN_DAYS = 28.0
_YEAR_DAYS = DAYS_PER["year"]


def portfolio_table(
    totals: xr.Dataset, scores: pd.DataFrame, value: ValueSpec, columns: tuple[str, ...]
) -> pd.DataFrame:
    """Return totals of purchases, spend and value by group and tier, the past beside the future.

    Parameters
    ----------
    totals : Dataset
        ``scores.totals``: sums of realised draws.
    scores : DataFrame
        The table beside it.
    value : ValueSpec
    columns : tuple of str
        Group columns.

    Returns
    -------
    DataFrame
        One row per group, per tier, per group and tier, and for all ("all" stands for a sum): ``customers``;
        ``purchases``, ``spend`` and ``value`` within the horizon, each with ``_p05``, ``_p50`` and ``_p95``
        of the sum (quantiles do not add up over rows); ``value_latent``, the expected value;
        ``value_to_date``, what was spent so far, and ``past_value``, margin times it, service cost not taken
        off; ``value_basis``, ``value_kind`` and ``scope``. Tiers are the labels of ``score``.
    """
    groups = [str(each) for each in totals[GROUP].values]
    tiers = [str(each) for each in totals["tier"].values]
    levels = {
        name: np.quantile(_with_margins(totals[name]), [0.05, 0.5, 0.95], axis=2)
        for name in QUANTITIES
        if name in totals
    }
    past = _past(scores, columns, groups, tiers)
    rows = []
    for g, group in enumerate((*groups, ALL)):
        for t, tier in enumerate((*tiers, ALL)):
            is_repeated = (group != ALL and not columns) or (tier != ALL and "tier" not in scores)
            if is_repeated or (past["customers"][g, t] == 0 and group != ALL):
                continue
            row: dict[str, object] = {"group": group, "tier": tier, "customers": int(past["customers"][g, t])}
            for name, each in levels.items():
                row |= dict(zip((f"{name}_p05", f"{name}_p50", f"{name}_p95"), each[:, g, t], strict=True))
            spent = past[VALUE_TO_DATE][g, t]
            row |= {"value_latent": past["ltv_mean"][g, t], VALUE_TO_DATE: spent}
            rows.append(row | {"past_value": value.margin_share * spent})
    return pd.DataFrame(rows).assign(value_basis=value.basis, value_kind="realised", scope=SCOPE)


def simple_ltv_table(
    summary: pd.DataFrame,
    scores: pd.DataFrame,
    totals: xr.Dataset,
    value: ValueSpec,
    *,
    columns: tuple[str, ...],
    time_unit: str,
) -> pd.DataFrame:
    """Return what the model expects of the customers beside four reckonings that need no model.

    All are value in the decision's sense (margin times spend) within its horizon, per customer and of all
    together, by group and in all; the simple ones are neither discounted nor do they know service cost:

    ``order_frequency_lifetime``
        average order × orders per customer and year so far × horizon.
    ``revenue_lifetime_retention``
        revenue per customer and year so far × horizon × (1 − churn), churn the share silent for 90 days.
    ``historical``
        what customers have spent so far: the past is taken for the future.
    ``cohort_curve``
        repeat purchases per customer by age (28-day steps), read from each customer's age on to the horizon
        (the last quarter of the ages goes on) × average order; where `summary` lists repeat days.

    Returns
    -------
    DataFrame
        ``group``, ``method`` ("this_model" first), ``per_customer``, ``total``; for the model ``total_p05``
        and ``total_p95``. Empty where the summary does not say what customers have spent.
    """
    rows: list[dict[str, object]] = []
    future = totals["value"].sum("tier")
    if VALUE_TO_DATE in summary and len(summary):
        members = pd.Series(range(len(scores))).groupby(labels_of(scores, columns)).indices
        for label, rows_of in (*(members.items() if columns else ()), (ALL, np.arange(len(scores)))):
            draws = future.sum(GROUP) if label == ALL else future.sel({GROUP: label})
            ends = quantiles_of(draws.values, "total_", levels=ENDS)
            mine = float(scores["ltv_mean"].iloc[rows_of].sum(skipna=False))
            simple = simple_reckonings(
                summary.iloc[rows_of], horizon_days=value.horizon_in("day"), unit_days=DAYS_PER[time_unit]
            )
            found = {"this_model": mine} | {name: value.margin_share * x for name, x in simple.items()}
            for name, total in found.items():
                row = {"group": label, "method": name, "per_customer": total / len(rows_of), "total": total}
                rows.append(row | (ends if name == "this_model" else {}))
    names = ["group", "method", "per_customer", "total", "total_p05", "total_p95"]
    return pd.DataFrame(rows, columns=names).assign(value_basis=value.basis, scope=SCOPE)


def simple_reckonings(some: pd.DataFrame, *, horizon_days: float, unit_days: float) -> dict[str, float]:
    """Return what customers will spend together within the horizon, by each simple reckoning, in money."""
    orders = some[FREQUENCY].to_numpy(np.float64) + 1.0
    spent = float(some[VALUE_TO_DATE].sum())
    years = float((some[T] * unit_days).sum()) / _YEAR_DAYS
    silent = (some[T] - some[RECENCY]).to_numpy(np.float64) * unit_days > SILENT_DAYS
    lifetime = horizon_days / _YEAR_DAYS
    revenue = len(some) * spent / years if years > 0 else np.nan
    average, frequency = spent / orders.sum(), len(some) * orders.sum() / years if years > 0 else np.nan
    found = {
        "order_frequency_lifetime": average * frequency * lifetime,
        "revenue_lifetime_retention": revenue * lifetime * (1.0 - float(silent.mean())),
        "historical": spent,
    }
    if REPEAT_DAYS in some and FIRST_PURCHASE in some:
        found["cohort_curve"] = _purchases_by_curve(some, horizon_days, unit_days) * average
    return found


def _purchases_by_curve(some: pd.DataFrame, horizon_days: float, unit_days: float) -> float:
    """Return repeat purchases of all within the horizon, by the curve of purchases over age."""
    ages = some[T].to_numpy(np.float64) * unit_days
    first = some[FIRST_PURCHASE].to_numpy("datetime64[D]").astype(np.int64)
    days = [np.asarray(each if each is not None else [], np.float64) for each in some[REPEAT_DAYS]]
    since = np.concatenate([each - start for each, start in zip(days, first, strict=True)])
    edges = np.arange(0.0, max(float(ages.max()), _BIN_DAYS) + _BIN_DAYS, _BIN_DAYS)
    in_order = np.sort(ages)
    older = np.searchsorted(in_order, edges, side="right")
    lived = np.append(0.0, np.cumsum(in_order))[older] + edges * (ages.size - older)  # sum of min(age, edge)
    exposed = np.diff(lived)
    known = exposed > 0
    rate = np.histogram(since, edges)[0][known] / exposed[known]
    late = max(1, rate.size // 4)
    last = np.average(rate[-late:], weights=exposed[known][-late:])
    reached = np.append(0.0, np.cumsum(rate * _BIN_DAYS))
    ends = edges[: reached.size]

    def by(age: Floats) -> Floats:
        curve: Floats = np.interp(age, ends, reached) + last * np.maximum(age - ends[-1], 0.0)
        return curve

    return float((by(ages + horizon_days) - by(ages)).sum())


def _with_margins(sums: xr.DataArray) -> Floats:
    """Return totals by group and tier with sums over each appended, shape (group + 1, tier + 1, draw)."""
    values = sums.transpose(GROUP, "tier", DRAW).values.astype(np.float64)
    return _appended(_appended(values, 0), 1)


def _appended(values: Floats, axis: int) -> Floats:
    return np.concatenate([values, values.sum(axis=axis, keepdims=True)], axis=axis)


def _past(
    scores: pd.DataFrame, columns: tuple[str, ...], groups: list[str], tiers: list[str]
) -> dict[str, Floats]:
    """Return customers, spend so far and expected value by group and tier, with sums over each appended."""
    g = (
        pd.Index(groups).get_indexer(pd.Index(labels_of(scores, columns)))
        if columns
        else np.zeros(len(scores), int)
    )
    t = (
        pd.Index(tiers).get_indexer(pd.Index(scores["tier"]))
        if "tier" in scores
        else np.zeros(len(scores), int)
    )
    found = {"customers": np.ones(len(scores))}
    for name in (VALUE_TO_DATE, "ltv_mean"):
        found[name] = scores[name].to_numpy(np.float64) if name in scores else np.full(len(scores), np.nan)
    sums = {}
    for name, each in found.items():
        sums[name] = np.zeros((len(groups), len(tiers)))
        np.add.at(sums[name], (g, t), each)
        sums[name] = _appended(_appended(sums[name], 0), 1)
    return sums
