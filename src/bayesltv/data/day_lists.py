"""Days as whole numbers since 1970-01-01: dates of a column, and lists of days, one per customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bayesltv.numerics.arrays import Floats, Integers

_FIRST = dt.date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class DayLists:
    """Lists of days, one after the other.

    Attributes
    ----------
    days : ndarray of int64, shape (day,)
    counts : ndarray of int64, shape (row,)
        Days of each row.
    """

    days: Integers
    counts: Integers

    @property
    def row(self) -> Integers:
        """The row of each day."""
        return np.repeat(np.arange(self.counts.size), self.counts)


def day_lists(values: Sequence[object] | pd.Series[Any]) -> DayLists:
    """Return the lists of a column; a missing one is empty.

    Raises
    ------
    ValueError
        Where a value is no list of whole numbers; `unreadable_lists` says which.
    """
    objects = np.empty(len(values), dtype=object)
    objects[:] = list(values)
    try:
        lists = pa.array(objects, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return _one_by_one(values)
    is_plain = pa.types.is_list(lists.type) and pa.types.is_integer(lists.type.value_type)
    if not is_plain or lists.flatten().null_count:  # whole numbers as floats, or something else
        return _one_by_one(values)
    counts = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return DayLists(lists.flatten().to_numpy().astype(np.int64), counts.astype(np.int64))


def unreadable_lists(values: pd.Series[Any]) -> pd.Series[bool]:
    """Return which rows hold something else than a list of whole numbers."""
    return values.map(_is_unreadable).astype(bool)


def day_lists_of_arrow(column: pa.ChunkedArray) -> DayLists:
    """Return the lists of a column of Arrow that has none missing."""
    import pyarrow.compute as pc

    days = pc.list_flatten(column).to_numpy().astype(np.int64)
    return DayLists(days, pc.list_value_length(column).to_numpy().astype(np.int64))


def day_number(day: dt.date) -> int:
    """Return the days from 1970-01-01 to a day, or to the day of a time stamp."""
    return day.toordinal() - _FIRST


def day_numbers(dates: pd.Series[Any]) -> Floats:
    """Return the days of a column of dates; NaN where one is missing or is no date."""
    texts = pd.api.types.is_string_dtype(dates) or dates.dtype == object
    stamps = pd.to_datetime(dates, errors="coerce", format="ISO8601" if texts else None)
    days = stamps.to_numpy(dtype="datetime64[D]")
    return np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(np.float64))


def _one_by_one(values: Sequence[object] | pd.Series[Any]) -> DayLists:
    lists = [_listed(value) for value in values]
    counts = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    joined = np.concatenate([np.zeros(0, np.int64), *lists])
    if joined.dtype.kind not in "iuf" or not (np.isfinite(joined) & (joined == np.floor(joined))).all():
        raise ValueError("not all days are whole numbers")
    return DayLists(joined.astype(np.int64), counts)


def _listed(value: object) -> Any:  # noqa: ANN401
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return np.zeros(0, dtype=np.int64)
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (list, tuple)):
        return np.asarray(value) if value else np.zeros(0, dtype=np.int64)
    raise ValueError(f"{type(value).__name__} is no list of days")


def _is_unreadable(value: object) -> bool:
    try:
        day_lists([value])
    except (ValueError, TypeError, OverflowError):
        return True
    return False
