"""What is asked of cohorts: ages, periods, what counts as value, and how a log is read."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bayesltv.data.log.reading import LogReading
from bayesltv.errors import DataError, SpecError, shown
from bayesltv.prediction.calendar import days_of
from bayesltv.prediction.terms import Terms, make_terms
from bayesltv.units import horizon_in

AGES = (1, 7, 30, 90, 180, 365)
PERIOD = "30 days"
OLDEST = 3653
"""Ten years: as far as a clock is continued."""


@dataclass(frozen=True, kw_only=True)
class CohortValue:
    """What a cohort's purchases are worth.

    Attributes
    ----------
    margin : float, optional
        Contribution margin, a share in (0, 1]; None counts revenue.
    annual_discount_rate : float
        Effective per year; money at age a is worth e^(−δ a), known and simulated alike. 0 for none.
    service_cost_per_year : float
        Money per year that a customer is alive; a day that has begun is paid. Taken off margins alone.

    Raises
    ------
    SpecError
        Where a number is impossible, or a service cost is asked for without a margin.

    Examples
    --------
    >>> CohortValue(margin=0.3).basis
    'margin'
    """

    margin: float | None = None
    annual_discount_rate: float = 0.0
    service_cost_per_year: float = 0.0

    def __post_init__(self) -> None:
        if self.margin is None and self.service_cost_per_year:
            raise SpecError("a service cost is taken off margins: pass margin= too")
        self.terms(1)

    @property
    def basis(self) -> str:
        """What money is, as columns say it: "revenue", "margin", "margin_discounted"."""
        what = "revenue" if self.margin is None else "margin"
        return f"{what}_discounted" if self.annual_discount_rate else what

    def terms(self, days: int) -> Terms:
        """Return the terms of so many days, by the day."""
        return make_terms(
            "day", horizon=float(days), annual_discount_rate=self.annual_discount_rate,
            margin=1.0 if self.margin is None else self.margin,
            service_cost_per_year=self.service_cost_per_year,
        )  # fmt: skip


REVENUE = CohortValue()
Cac = float | Mapping[str, Any] | pd.DataFrame


@dataclass(frozen=True)
class CohortsAsked:
    """What is asked of a base; see ``CustomerBase.cohorts``.

    Attributes
    ----------
    by : tuple of str
        "month", "week" and columns of the summary.
    ages : tuple of int
        Days after the first purchase, rising.
    width : int
        Days per period.
    value : CohortValue
    cac : number, mapping or DataFrame, optional
    new : DataFrame, optional
    first_day : int
        What the day of the first purchase is called: 0, or 1.
    reading : LogReading
    """

    by: tuple[str, ...]
    ages: tuple[int, ...]
    width: int
    value: CohortValue = REVENUE
    cac: Cac | None = None
    new: pd.DataFrame | None = None
    first_day: int = 0
    reading: LogReading = field(default_factory=LogReading)

    @property
    def oldest(self) -> int:
        """Days of the oldest age."""
        return self.ages[-1]

    @property
    def periods(self) -> int:
        """Whole periods up to the oldest age."""
        return self.oldest // self.width


def ask(
    *,
    by: str | Sequence[str] = "month",
    ages: Sequence[int | str] = AGES,
    period: int | str = PERIOD,
    value: CohortValue | None = None,
    cac: Cac | None = None,
    new: pd.DataFrame | None = None,
    first_day: int = 0,
    reading: LogReading | None = None,
) -> CohortsAsked:
    """Return what is asked of cohorts, in days: the keywords of ``CustomerBase.cohorts``.

    Parameters
    ----------
    by : str or sequence of str
        "month" or "week" of the first purchase, columns of the summary, or several of them.
    ages : sequence of int or str
        Days after the first purchase, or durations ("12 months", rounded to days).
    period : int or str
        Of retention and ARPU: days or a duration; the first day is in none.
    value : CohortValue, optional
        Margin, discount, service cost; default: revenue, not discounted.
    cac : number, mapping or DataFrame, optional
        Cost of acquisition per customer: for all; by cohort's label or level, numbers or draws; a table
        with the cohorts' columns and ``cac``, or ``cost`` of all of a cohort's customers.
    new : DataFrame, optional
        New cohorts, acquired on the last day observed: ``customers``, the fit's group columns and those
        of the cohorts.
    first_day : 0 or 1
        What the day of the first purchase is called.
    reading : LogReading, optional
        Columns of the log and how it is read, as for ``summarize``.

    Returns
    -------
    CohortsAsked

    Raises
    ------
    DataError, SpecError
        Where `by`, an age or a period cannot be, or costs are given without a margin.
    """
    columns = (by,) if isinstance(by, str) else tuple(dict.fromkeys(by))
    if not columns:
        raise DataError('by= names nothing: use "month", "week" or columns of the summary')
    if first_day not in (0, 1):
        raise SpecError(
            f"first_day={shown(first_day)} must be 0 or 1: what the first purchase's day is called"
        )
    if isinstance(ages, str) or not len(ages):
        raise SpecError(f"ages={shown(ages)} must be a list of days or durations, such as [30, 90, 365]")
    days = tuple(sorted({_days(each, "age") - first_day for each in ages}))
    if days[0] < 0 or days[-1] > OLDEST or days[-1] < 1:
        raise SpecError(
            f"ages must lie between {first_day} and {OLDEST + first_day} days, and one past the first day"
        )
    width = days_of(period) if isinstance(period, str) else _days(period, "period")
    if width < 1:
        raise SpecError(f"period={shown(period)} must be one day or longer")
    value = value or REVENUE
    if cac is not None and value.margin is None:
        raise SpecError("costs of acquisition are set against margins: pass value=CohortValue(margin=...)")
    return CohortsAsked(columns, days, width, value, cac, new, first_day, reading or LogReading())


def _days(value: int | str, what: str) -> int:
    """Return whole days; months and years are rounded."""
    if isinstance(value, str):
        return round(horizon_in(value, "day"))
    if isinstance(value, bool) or not math.isfinite(value) or value != round(value):
        raise SpecError(f'{what} {shown(value)} is no whole number of days: write 90, or "3 months"')
    return round(value)
