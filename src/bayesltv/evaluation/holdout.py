"""What the customers of a summary did after its end of observation."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesltv.data.day_lists import day_lists, day_number
from bayesltv.data.log.reading import LaterLog
from bayesltv.data.log.split import PurchaseDays, purchase_days
from bayesltv.dates import as_day
from bayesltv.errors import DataError
from bayesltv.names import CUSTOMER_ID, FIRST_PURCHASE, OBSERVATION_END, REPEAT_DAYS
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.units import DAYS_PER, convert, horizon_in


@dataclass(frozen=True)
class Holdout:
    """Purchases and spend of the hold-out period, in the order of the summary's rows.

    Attributes
    ----------
    after, until : Timestamp
        The end of observation and the last day of the horizon.
    purchases : ndarray of int64, shape (customer,)
        Purchase days.
    spend : ndarray of float64, shape (customer,), or None
        Money; None where the log has no amounts.
    days : PurchaseDays
        The single purchases of these customers.
    row : ndarray of int64, shape (purchase,)
        Row of the summary of each purchase.
    newcomers : int
        Customers who bought in the hold-out and are not in the summary: they are left out.
    newcomer_purchases : int
        Their purchases.
    """

    after: pd.Timestamp
    until: pd.Timestamp
    purchases: Integers
    spend: Floats | None
    days: PurchaseDays
    row: Integers
    newcomers: int
    newcomer_purchases: int

    def discounted_spend(self, discount: float, time_unit: str) -> Floats:
        """Return each customer's spend at `discount` per time unit, at the middle of the purchase's day."""
        assert self.days.amount is not None
        passed = (self.days.day - day_number(self.after) - 0.5) / DAYS_PER[time_unit]
        worth = self.days.amount * np.exp(-discount * passed)
        return _summed(worth, self.row, self.purchases.size)

    def with_past(self, past: PurchaseDays) -> PurchaseDays:
        """Return the single purchases of the hold-out after those of the past."""
        assert past.amount is not None
        assert self.days.amount is not None
        return PurchaseDays(
            np.concatenate([past.customer_id, self.days.customer_id]),
            np.concatenate([past.day, self.days.day]),
            np.concatenate([past.amount, self.days.amount]),
            self.days.log_end,
        )

    def as_later(self, summary: pd.DataFrame) -> pd.DataFrame:
        """Return the summary with repeat days up to the end of the hold-out, for ``actual_counts``."""
        known = day_lists(summary[REPEAT_DAYS])
        row = np.concatenate([known.row, self.row])
        order = np.argsort(row, kind="stable")
        ends = np.cumsum(np.bincount(row, minlength=len(summary)))
        frame = pd.DataFrame(
            {
                CUSTOMER_ID: summary[CUSTOMER_ID].to_numpy(),
                FIRST_PURCHASE: pd.to_datetime(summary[FIRST_PURCHASE]).to_numpy(),
                REPEAT_DAYS: np.split(np.concatenate([known.days, self.days.day])[order], ends[:-1]),
            }
        )
        frame.attrs[OBSERVATION_END] = self.until.date().isoformat()
        return frame


def observe(
    later: LaterLog,
    summary: pd.DataFrame,
    *,
    after: pd.Timestamp,
    horizon: float,
    horizon_text: str,
    time_unit: str,
) -> Holdout:
    """Return what the customers of a summary did within the horizon.

    Parameters
    ----------
    later : LaterLog
        It reaches the end of the horizon.
    summary : DataFrame
        Validated.
    after : Timestamp
        End of observation.
    horizon : float
        In `time_unit`.
    horizon_text : str
        For messages.

    Raises
    ------
    DataError
        Where the log does not reach the end of the horizon, or is about other customers.
    """
    until, covered = _last_day(after, horizon, time_unit), as_day(later.log_end, "log_end")
    days = purchase_days(later.log, later.reading, after=after, until=until)
    _require_reached(days.log_end, after, until, horizon_text, covered)
    place = pd.Index(summary[CUSTOMER_ID]).get_indexer(pd.Index(days.customer_id, dtype="str"))
    known = place >= 0
    if days.day.size and not known.any():
        raise DataError(
            f"none of the {pd.unique(days.customer_id).size:,} customers who bought between "
            f"{after.date()} and {until.date()} ({{ids}}) is in the summary: are the ids written alike?",
            ids=pd.unique(days.customer_id)[:6],
        )
    row = place[known].astype(np.int64)
    amount = None if days.amount is None else days.amount[known]
    strangers = days.customer_id[~known]
    return Holdout(
        after,
        until,
        np.bincount(row, minlength=len(summary)).astype(np.int64),
        None if amount is None else _summed(amount, row, len(summary)),
        PurchaseDays(days.customer_id[known], days.day[known], amount, days.log_end),
        row,
        int(pd.unique(strangers).size),
        int(strangers.size),
    )


def require_holdout(later: LaterLog, *, after: pd.Timestamp, horizon: str | float, time_unit: str) -> None:
    """Raise where a log does not reach the end of a horizon: to be called before anything is fitted.

    Raises
    ------
    DataError
        With the day that the log should reach.
    """
    until = _last_day(after, horizon_in(horizon, time_unit), time_unit)
    covered = as_day(later.log_end, "log_end")
    days = purchase_days(later.log, later.reading, after=after, until=until)
    _require_reached(days.log_end, after, until, worded(horizon, time_unit), covered)


def worded(horizon: str | float, time_unit: str) -> str:
    """Return a horizon as a message names it."""
    return horizon if isinstance(horizon, str) else f"{horizon:g} {time_unit}s"


def _last_day(after: pd.Timestamp, horizon: float, time_unit: str) -> pd.Timestamp:
    return after + pd.Timedelta(days=round(convert(horizon, time_unit, "day")))


def _require_reached(
    last_row: pd.Timestamp, after: pd.Timestamp, until: pd.Timestamp, horizon: str, covered: dt.date | None
) -> None:
    reached = last_row if covered is None else max(last_row, pd.Timestamp(covered))
    if reached < until:
        raise DataError(
            f"the log ends on {reached.date()}, but {horizon} after {after.date()} is {until.date()}: give a "
            "shorter horizon, a longer log, or log_end= if the log is complete up to a later day"
        )


def _summed(amounts: Floats, row: Integers, size: int) -> Floats:
    return np.bincount(row, weights=amounts, minlength=size).astype(np.float64)
