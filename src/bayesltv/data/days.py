"""The calendar days of a summary: what a shared clock needs to know of each customer's history."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.data.groups import Codes
from bayesltv.errors import DataError
from bayesltv.names import CUSTOMER_ID, FIRST_PURCHASE, FREQUENCY, RECENCY, REPEAT_DAYS, TIME_UNIT, T
from bayesltv.units import DAYS_PER

Integers = NDArray[np.int64]
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Days:
    """First purchase, last purchase and end of observation, in days since 1970-01-01; shape (row,)."""

    first: Integers
    last: Integers
    end: Integers

    def rows(self, chosen: NDArray[np.int64] | slice) -> "Days":
        """Return some of the rows."""
        return Days(self.first[chosen], self.last[chosen], self.end[chosen])


@dataclass(frozen=True)
class Repeats:
    """Repeat purchases one by one.

    Attributes
    ----------
    day : ndarray of int64, shape (purchase,)
        Days since 1970-01-01.
    customer : ndarray of int64, shape (purchase,)
        Row of the summary.
    """

    day: Integers
    customer: Integers


def history_days(summary: pd.DataFrame) -> Days:
    """Return each customer's days, from the date of the first purchase and recency and T.

    Every customer has an own end of observation, first purchase + T.

    Raises
    ------
    DataError
        Where the first purchase's date is missing, or recency or T is not a whole number of days.
    """
    if FIRST_PURCHASE not in summary.columns:
        raise DataError(
            "a clock needs the date of each first purchase, and the summary has no column "
            f"{FIRST_PURCHASE!r}: make it with summarize(log)"
        )
    dates = pd.to_datetime(summary[FIRST_PURCHASE])
    if dates.isna().any():
        raise DataError(
            f"first_purchase is missing for {int(dates.isna().sum()):,} of {len(summary):,} customers "
            "({ids}): a clock needs it",
            ids=summary.loc[dates.isna(), CUSTOMER_ID],
        )
    first = dates.to_numpy().astype("datetime64[D]").astype(np.int64)
    unit = DAYS_PER[str(summary.attrs[TIME_UNIT])]
    return Days(first, first + _whole_days(summary, RECENCY, unit), first + _whole_days(summary, T, unit))


def repeats_of(summary: pd.DataFrame, days: Days) -> Repeats:
    """Return the repeat purchases of a validated summary.

    Raises
    ------
    DataError
        Where the summary has no repeat days, or they contradict frequency, recency or T.
    """
    if REPEAT_DAYS not in summary.columns:
        raise DataError(
            f"a clock needs the day of every repeat purchase, and the summary has no column {REPEAT_DAYS!r}: "
            "make it with summarize(log), or use a spec without [clock]"
        )
    day, counts = listed_days(summary[REPEAT_DAYS])
    customer = np.repeat(np.arange(counts.size), counts)
    wrong = counts != summary[FREQUENCY].to_numpy()
    _refuse(summary, wrong, "repeat_days are not as many as frequency")
    wrong[customer[(day <= days.first[customer]) | (day > days.end[customer])]] = True
    _refuse(summary, wrong, "repeat_days lie outside first_purchase and the end of observation")
    latest = days.first.copy()
    np.maximum.at(latest, customer, day)
    _refuse(summary, latest != days.last, "the last of repeat_days is not first_purchase + recency")
    return Repeats(day, customer)


def listed_days(column: pd.Series) -> tuple[Integers, Integers]:
    """Return all days of a column of lists or arrays, one after the other, and how many each row has.

    A missing value has none.

    Raises
    ------
    DataError
        Where a value is no list of whole numbers: a CSV file turns lists into text.
    """
    import pyarrow as pa

    try:
        lists = pa.array(column.to_numpy(dtype=object), type=pa.large_list(pa.int64()), from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            f"{column.name} holds something else than lists of day numbers ({error}): make the summary with "
            "summarize(log), and keep it in Parquet"
        ) from None
    counts = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return lists.flatten().to_numpy(), counts.astype(np.int64)


def count_days(repeats: Repeats, codes: Codes) -> tuple[Integers, Integers, Integers]:
    """Return the distinct (day, group) of repeat purchases, and how many fall on each."""
    key = np.stack([repeats.day, codes[repeats.customer].astype(np.int64)])
    distinct, count = np.unique(key, axis=1, return_counts=True)
    return distinct[0], distinct[1], count.astype(np.int64)


def _whole_days(summary: pd.DataFrame, name: str, unit: float) -> Integers:
    days = summary[name].to_numpy(np.float64) * unit
    broken = np.abs(days - np.rint(days)) > _ROUNDING * (1 + np.abs(days))
    _refuse(summary, broken, f"{name} is not a whole number of days")
    return np.rint(days).astype(np.int64)


def _refuse(summary: pd.DataFrame, broken: NDArray[np.bool_], what: str) -> None:
    if broken.any():
        raise DataError(
            f"{what} for {int(broken.sum()):,} of {len(summary):,} customers ({{ids}}): make the summary "
            "with summarize(log), or use a spec without [clock]",
            ids=summary.loc[broken, CUSTOMER_ID],
        )
