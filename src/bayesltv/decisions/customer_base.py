"""The customers one has: what they brought, what they should bring, and what simpler reckonings would say."""

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.decisions.segments import ALL
from bayesltv.names import (
    DRAW,
    FIRST_PURCHASE,
    FREQUENCY,
    GROUP,
    GROUP_SEPARATOR,
    RECENCY,
    REPEAT_DAYS,
    VALUE_TO_DATE,
    T,
)
from bayesltv.prediction.totals import QUANTITIES
from bayesltv.spec.decision_spec import ValueSpec
from bayesltv.units import DAYS_PER

Floats = NDArray[np.float64]
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
    group = _group_labels(scores, columns)
    tier = scores["tier"].to_numpy(object) if "tier" in scores else np.full(len(scores), ALL, dtype=object)
    groups = [str(each) for each in totals[GROUP].values] if columns else []
    tiers = [str(each) for each in totals["tier"].values] if "tier" in scores else []
    rows = []
    for g in (*groups, ALL):
        for t in (*tiers, ALL):
            here = ((group == g) | (g == ALL)) & ((tier == t) | (t == ALL))
            if not here.any() and g != ALL:
                continue
            rows.append({"group": g, "tier": t, "customers": int(here.sum())})
            rows[-1] |= _future(_summed(totals, g, t)) | _past(scores[here], value)
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
    rows = []
    group = _group_labels(scores, columns)
    for label in (*dict.fromkeys(sorted(group)), ALL) if columns else (ALL,):
        here = (group == label) | (label == ALL)
        some = summary[here]
        if VALUE_TO_DATE not in some or not len(some):
            continue
        low, high = np.quantile(_summed(totals, label, ALL)["value"].values, [0.05, 0.95])
        mine = float(scores.loc[here, "ltv_mean"].sum(skipna=False))
        rows.append(
            {"group": label, "method": "this_model", "total": mine, "total_p05": low, "total_p95": high}
        )
        simple = simple_reckonings(some, horizon_days=value.horizon_in("day"), unit_days=DAYS_PER[time_unit])
        for name, spend in simple.items():
            rows.append({"group": label, "method": name, "total": value.margin_share * spend})
        for row in rows[-len(simple) - 1 :]:
            row["per_customer"] = row["total"] / len(some)
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
    exposed = np.clip(ages[:, None] - edges[:-1], 0.0, _BIN_DAYS).sum(axis=0)
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


def _group_labels(scores: pd.DataFrame, columns: tuple[str, ...]) -> NDArray[np.object_]:
    if not columns:
        return np.full(len(scores), ALL, dtype=object)
    parts = [scores[column].astype(str) for column in columns]
    return np.array([GROUP_SEPARATOR.join(each) for each in zip(*parts, strict=True)], dtype=object)


def _summed(totals: xr.Dataset, group: str, tier: str) -> xr.Dataset:
    """Return totals of a group and tier, or of all of them, dims (draw,)."""
    chosen = totals.sum(GROUP) if group == ALL else totals.sel({GROUP: group})
    return chosen.sum("tier") if tier == ALL else chosen.sel(tier=tier)


def _future(totals: xr.Dataset) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in (name for name in QUANTITIES if name in totals):
        levels = totals[name].quantile([0.05, 0.5, 0.95], dim=DRAW).values
        found |= {f"{name}_{part}": float(x) for part, x in zip(("p05", "p50", "p95"), levels, strict=True)}
    return found


def _past(some: pd.DataFrame, value: ValueSpec) -> dict[str, float]:
    spent = float(some[VALUE_TO_DATE].sum()) if VALUE_TO_DATE in some else np.nan
    return {
        "value_latent": float(some["ltv_mean"].sum(skipna=False)) if "ltv_mean" in some else np.nan,
        VALUE_TO_DATE: spent,
        "past_value": value.margin_share * spent,
    }
