"""``CustomerBase.forecast``: what the business will bring by period, new customers included."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.arrivals.coming import Coming, coming_of_fit, coming_of_plan
from bayesltv.arrivals.newcomers import NewSums, simulate_new
from bayesltv.arrivals.periods import Periods, make_periods
from bayesltv.arrivals.plan import AcquisitionPlan, read_plan
from bayesltv.arrivals.result import PERIOD, TOTAL, WHOLE, Forecast, dataset_of, tabulated
from bayesltv.base.gate import told_of_totals
from bayesltv.base.placed_base import PlacedBase
from bayesltv.clock_processes import seasonal
from bayesltv.cohorts.known import Purchases, known_purchases
from bayesltv.data.day_lists import day_number
from bayesltv.data.log.reading import LogReading
from bayesltv.data.summary.weeks import CHANNEL, NEW_CUSTOMERS, WEEK
from bayesltv.errors import DataError, SpecError, shown, warn
from bayesltv.languages.language import mark
from bayesltv.names import COMMON_SHOCKS, DRAW
from bayesltv.numerics.arrays import Floats
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.prediction.tracking import BinSums, futures_in_bins
from bayesltv.specs import checked
from bayesltv.specs.model.clock import ClockSpec
from bayesltv.units import DAYS_PER, DAYS_PER_YEAR

NO_CLOCK = mark(
    "the fit has no shared clock: what moves all customers together is left out of existing customers and of "
    "repeats, so that their intervals and those of totals are too narrow"
)
NO_SEASON = mark(
    "the log holds two years or more and the fit's clock has no season: what comes back every year is not in "
    "the forecast of existing customers (spec clock_season)"
)
FAR = 0.005
ArrivalsLike = xr.DataTree | pd.DataFrame | str | Path
"""Fitted arrivals, or a plan."""


@dataclass(frozen=True)
class ForecastAsked:
    """What is asked of a base; see ``CustomerBase.forecast``.

    Attributes
    ----------
    horizon : str or int
        Whole days ahead, from the last day observed on.
    by : "week", "month" or "quarter"
    margin : float, optional
        Contribution margin, in (0, 1]; without one no margins are told.
    cac : number or mapping, optional
        Cost of acquisition per customer, for all or by channel; a plan has its own.
    plan : DataFrame or path, optional
        Beside fitted arrivals: how likely its numbers of customers are reached.
    target : float, optional
        Revenue of the whole horizon: how likely it is reached.
    reading : LogReading
        How the log is read.

    Raises
    ------
    SpecError
        Where a margin or target cannot be.
    """

    horizon: str | int = "13 weeks"
    by: str = "month"
    margin: float | None = None
    cac: float | Mapping[str, float] | None = None
    plan: pd.DataFrame | str | Path | None = None
    target: float | None = None
    reading: LogReading = field(default_factory=LogReading)

    def __post_init__(self) -> None:
        if self.margin is not None:
            checked.number("margin", self.margin, above=0.0, at_most=1.0)
        if self.target is not None:
            checked.number("target", self.target, above=0.0)


def forecast_base(
    base: PlacedBase,
    arrivals: ArrivalsLike,
    asked: ForecastAsked,
    *,
    log: object | None = None,
    threads: int | None = None,
) -> Forecast:
    """Return what existing and new customers will bring by period; see ``CustomerBase.forecast``.

    Parameters
    ----------
    base : PlacedBase
    arrivals : DataTree, DataFrame or path
        Fitted arrivals, or a plan.
    asked : ForecastAsked
    log : path or frame, optional
        For first amounts, where the fit has no level of them.
    threads : int, optional
        Changes speed, never a number.

    Raises
    ------
    CheckFailed, DataError, SpecError, StoreError
    """
    base.require_customers()
    end = day_number(base.require_end())
    periods = make_periods(end, asked.horizon, asked.by)
    coming = _coming(base, arrivals, asked, periods)
    has_spend = base.posterior.spec.spend is not None
    _require_money(asked, has_spend=has_spend)
    bought = _bought(base, log, asked) if has_spend else None
    old = _existing(base, periods, threads)
    new = simulate_new(base, coming, bought, days=periods.days, threads=threads)
    draws = _dataset(old, new, coming, periods, has_spend=has_spend)
    found = Forecast(pd.DataFrame(), draws, None, _told(base, asked, coming, periods))
    found = replace(found, table=tabulated(found, periods.table()))
    return replace(found, reached=_reached(found, base, asked, periods))


def _coming(
    base: PlacedBase,
    arrivals: ArrivalsLike,
    asked: ForecastAsked,
    periods: Periods,
) -> Coming:
    draws = base.hyperparameters(DRAWS).draws.size
    if isinstance(arrivals, xr.DataTree):
        return coming_of_fit(
            arrivals, end=periods.end, days=periods.days, draws=draws, seed=base.seed, cac=asked.cac,
            accept_failed=base.accept_failed,
        )  # fmt: skip
    if asked.cac is not None or asked.plan is not None:
        raise SpecError("a plan has its own costs, and none beside it: leave cac= and plan= out")
    plan = read_plan(arrivals, columns=base.posterior.columns, end=periods.end)
    last = periods.end + periods.days
    if plan.last_day < last:
        warn(
            f"the plan ends on {np.datetime64(plan.last_day, 'D')}, and the horizon on "
            f"{np.datetime64(last, 'D')}: in between nobody new comes"
        )
    return coming_of_plan(plan, draws=draws, seed=base.seed)


def _require_money(asked: ForecastAsked, *, has_spend: bool) -> None:
    if not has_spend and (asked.margin is not None or asked.target is not None):
        raise SpecError("the fit has no spend model: leave margin= and target= out, purchases alone are told")


def _bought(base: PlacedBase, log: object | None, asked: ForecastAsked) -> Purchases | None:
    """Return the purchases that first amounts are drawn from, where the fit has no level of them."""
    spend = base.posterior.spec.spend
    if spend is not None and spend.first_amounts:
        return None
    if log is None:
        raise DataError(
            "the fit has no level of first amounts, so that those of new customers come from the log: pass "
            "log= (and reading=), or fit with spend.first_amounts"
        )
    return known_purchases(base, log, asked.reading)


def _existing(base: PlacedBase, periods: Periods, threads: int | None) -> BinSums:
    _, population, people = base.placed(DRAWS)
    unit = DAYS_PER[base.posterior.time_unit]
    return futures_in_bins(
        population, people, seed=base.seed, width=1.0 / unit, bins=periods.days, horizon=periods.days / unit,
        threads=threads,
    )  # fmt: skip


def _dataset(old: BinSums, new: NewSums, coming: Coming, periods: Periods, *, has_spend: bool) -> xr.Dataset:
    sums = {
        "purchases": [periods.summed(each) for each in (old.purchases, new.first.sum(axis=1), new.repeat)]
    }
    if has_spend:
        money = (old.spent, new.first_money, new.repeat_money)
        sums["revenue"] = [periods.summed(each) * np.float64(new.step) for each in money]
    came = np.moveaxis(new.first, 0, 1)
    made = dataset_of(sums, periods.summed(came), coming.channels, periods.labels)
    spent = periods.summed(new.spent)
    if np.isfinite(spent).all():
        made["acquisition"] = ((DRAW, PERIOD), spent)
    elif np.isfinite(coming.cac).any():
        pairs = zip(coming.labels, coming.cac, strict=True)
        unknown = sorted({label for label, cac in pairs if np.isnan(cac)})
        warn(f"{', '.join(unknown[:5])}: no cost of acquisition in some week, so that costs are left out")
    return made


def _told(base: PlacedBase, asked: ForecastAsked, coming: Coming, periods: Periods) -> dict[str, Any]:
    """Return what a forecast says about itself, in JSON's types."""
    calendar = base.posterior.calendar
    return {
        "by": asked.by,
        "horizon": asked.horizon,
        "horizon_days": periods.days,
        "margin": asked.margin,
        "target": asked.target,
        "source": coming.source,
        "channels": list(coming.channels),
        "observation_end": base.require_end().date().isoformat(),
        "currency": base.fit.attrs.get("currency") or base.summary.attrs.get("currency"),
        "seed": int(base.seed),
        "draws": int(coming.counts.shape[1]),
        "customers": len(base),
        "has_clock": calendar is not None,
        "said": _said(base.posterior.spec.clock, calendar),
        COMMON_SHOCKS: told_of_totals(base.fit),
    }


def _said(clock: ClockSpec | None, calendar: tuple[int, int] | None) -> str:
    """Return what a forecast leaves out: what moves all customers, or a season though two years are known."""
    if not clock or calendar is None:
        return NO_CLOCK
    knows = calendar[1] - calendar[0] >= 2 * DAYS_PER_YEAR - 1
    return NO_SEASON if knows and seasonal.NAME not in clock.process else ""


def _reached(
    found: Forecast, base: PlacedBase, asked: ForecastAsked, periods: Periods
) -> pd.DataFrame | None:
    """Return the probability that a plan, and a target, are reached."""
    rows: list[dict[str, Any]] = []
    if asked.plan is not None:
        plan = read_plan(asked.plan, columns=base.posterior.columns, end=periods.end)
        rows += _against_plan(found, plan, periods)
    if asked.target is not None:
        rows.append(_row(found.total(), asked.target, WHOLE, TOTAL, "revenue"))
    return pd.DataFrame(rows) if rows else None


def _against_plan(found: Forecast, plan: AcquisitionPlan, periods: Periods) -> list[dict[str, Any]]:
    """Return how likely each channel's planned customers come, by period and in all."""
    came = {
        str(label): each
        for label, each in zip(found.draws[CHANNEL].values, found.draws[NEW_CUSTOMERS].values, strict=True)
    }
    unknown = sorted(set(plan.labels) - came.keys())
    if unknown:
        raise DataError(
            f"the plan names {', '.join(map(shown, unknown[:5]))}, which the arrivals do not: they have "
            f"{', '.join(map(shown, came))}"
        )
    rows = []
    for label in dict.fromkeys(plan.labels):
        planned = _by_day(plan, label, periods)
        for at, name in enumerate(periods.labels):
            rows.append(_row(came[label][:, at], periods.summed(planned)[at], name, label, NEW_CUSTOMERS))
        rows.append(_row(came[label].sum(axis=1), planned.sum(), WHOLE, label, NEW_CUSTOMERS))
    return rows


def _by_day(plan: AcquisitionPlan, label: str, periods: Periods) -> Floats:
    """Return planned customers by day ahead: a week's are spread evenly over its days."""
    found = np.zeros(periods.days)
    for own, start, customers in zip(plan.labels, plan.start, plan.customers, strict=True):
        at = int(start) - periods.end - 1
        if own == label and at < periods.days:
            found[at : at + WEEK] += customers / WEEK
    return found


def _row(draws: NDArray[Any], planned: float, period: str, channel: str, quantity: str) -> dict[str, Any]:
    share = float((draws >= planned).mean())
    low, high = np.quantile(draws, [FAR, 1 - FAR])
    return {
        "period": period, "channel": channel, "quantity": quantity, "planned": float(planned),
        "p_reached": share, "is_far": bool(not low <= planned <= high),
    }  # fmt: skip
