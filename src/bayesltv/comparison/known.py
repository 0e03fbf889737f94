"""A log at a day: what was known then, which is all that a forecast may see, and what came after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesltv.comparison.plain_log import PlainLog
from bayesltv.data.log.reading import LogReading
from bayesltv.data.log.split import PurchaseDays, purchase_days
from bayesltv.data.log.summarize import summarize
from bayesltv.names import CUSTOMER_ID
from bayesltv.numerics.arrays import Floats
from bayesltv.units import DAYS_PER

PURCHASES, SPEND = "purchases", "spend"
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Known:
    """What is known at a cut, and how far ahead a forecast is to reach.

    Attributes
    ----------
    rows : DataFrame
        The log up to the cut, as a `PlainLog` has it.
    reading : LogReading
    summary : DataFrame
        Of the customers to forecast, at the cut.
    first, cut : Timestamp
        First day of the log, and last day known.
    days : int
        Of the horizon.
    time_unit : str
        Of the summary.
    """

    rows: pd.DataFrame
    reading: LogReading
    summary: pd.DataFrame
    first: pd.Timestamp
    cut: pd.Timestamp
    days: int
    time_unit: str

    @property
    def horizon(self) -> float:
        """The horizon in the summary's unit."""
        return self.days / DAYS_PER[self.time_unit]

    @property
    def has_amounts(self) -> bool:
        """Whether there is money in the log."""
        return self.reading.monetary_value_col is not None

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is to be forecast: "purchases" and perhaps "spend"."""
        return (PURCHASES, SPEND) if self.has_amounts else (PURCHASES,)

    def days_upto(self, day: pd.Timestamp) -> PurchaseDays:
        """Return the purchase days up to a day, with the refunds that were known by then."""
        return purchase_days(self.rows, self.reading, after=self.first - DAY, until=day)

    def within(self, after: pd.Timestamp, days: int, ids: pd.Index[str] | None = None) -> dict[str, Floats]:
        """Return what customers, those of the summary by default, did in so many days after a day."""
        return _within(self.rows, self.reading, self.ids if ids is None else ids, after, days)

    @property
    def ids(self) -> pd.Index[str]:
        """The customers to forecast, in the order of the summary."""
        ids: pd.Index[str] = pd.Index(self.summary[CUSTOMER_ID], dtype="str")
        return ids


def known_at(
    log: PlainLog, cut: pd.Timestamp, days: int, *, time_unit: str
) -> tuple[Known, Mapping[str, Floats]]:
    """Return what a log says up to a cut, and what each customer did in the days after it."""
    reading = log.reading
    summary = summarize(
        log.rows, observation_end=cut, time_unit=time_unit, groups=log.carried.groups,
        covariates=log.carried.covariates, acquired_from=log.acquired_from, **reading.keywords,
    )  # fmt: skip
    known = Known(log.upto(cut), reading, summary, log.first, cut, days, time_unit)
    return known, _within(log.rows, reading, known.ids, cut, days)


def _within(
    rows: pd.DataFrame, reading: LogReading, ids: pd.Index[str], after: pd.Timestamp, days: int
) -> dict[str, Floats]:
    found = purchase_days(rows, reading, after=after, until=after + days * DAY)
    place = ids.get_indexer(pd.Index(found.customer_id, dtype="str"))
    known = place >= 0
    made = {PURCHASES: np.bincount(place[known], minlength=len(ids)).astype(np.float64)}
    if found.amount is not None:
        spent = np.bincount(place[known], weights=found.amount[known], minlength=len(ids))
        made[SPEND] = spent.astype(np.float64)
    return made
