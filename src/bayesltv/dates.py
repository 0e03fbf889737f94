"""Days: one rule of what a day is, for arguments in Python, options, specs and columns of stored tables."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.errors import BayesltvError, DataError

Date = str | dt.date | pd.Timestamp
COHORTS = ("month", "week")
"""Stretches of the calendar in which customers were acquired."""
_WRITTEN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}")
_BEGINS = re.compile(r"\s*[0-9]{4}(-[0-9]{2}-[0-9]{2}|[0-9]{4})(?![0-9])")
_LONGER = ("Y", "M", "W", "generic")
"""Units of datetime64 that name more than a day, or none."""
_SHOWN = 80


def as_day(value: Any, name: str, *, error: type[BayesltvError] = DataError) -> dt.date | None:  # noqa: ANN401
    """Return the day that is meant: text like 2024-01-31 or 20240131, a date, or a time stamp at midnight.

    Nothing is guessed: 03/09/1997 has two meanings, and a month, a week or a time of day is not a day.

    Parameters
    ----------
    value : str, date, datetime, Timestamp or datetime64, optional
        None stays None.
    name : str
        Which argument it is, for the message.
    error : type
        Family of the error.

    Raises
    ------
    DataError
        Or `error`, where `value` is no day.

    Examples
    --------
    >>> as_day("2024-01-31", "log_end")
    datetime.date(2024, 1, 31)
    """
    if value is None:
        return None
    shown = f"{name}={repr(value)[:_SHOWN]}"
    if isinstance(value, str):
        day = _of_text(value.strip())
    elif isinstance(value, np.datetime64):
        day = _of_stamp(value, shown, error) if np.datetime_data(value)[0] not in _LONGER else None
    elif isinstance(value, dt.datetime):
        day = _of_stamp(value, shown, error)
    else:
        day = value if isinstance(value, dt.date) else None
    if day is None:
        raise error(f"{shown} is not a date: write it like 2024-01-31 (year, month, day)")
    return day


def require_day(value: Any, name: str, *, error: type[BayesltvError] = DataError) -> dt.date:  # noqa: ANN401
    """Return the day that is meant, as `as_day` has it; None is none.

    Raises
    ------
    DataError
        Or `error`, where `value` is no day, or is missing.
    """
    day = as_day(value, name, error=error)
    if day is None:
        raise error(f"{name} is missing: give a day like 2024-01-31")
    return day


def day_column(values: pd.Series[Any], name: str) -> pd.Series[pd.Timestamp]:
    """Return a column of days as time stamps at midnight; a missing one stays missing.

    Raises
    ------
    DataError
        Where text is no day like 2024-01-31.
    """
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "M":
        midnights: pd.Series[pd.Timestamp] = values.dt.normalize()
        return midnights
    days = {text: pd.Timestamp(require_day(text, name)) for text in values.dropna().unique()}
    return pd.to_datetime(values.map(days))


def stamps_of_text(values: pd.Series[str]) -> pd.Series[pd.Timestamp]:
    """Return dates or stamps in ISO 8601 with a day; NaT where one is missing or is none."""
    days = values.where(values.str.match(_BEGINS, na=False))
    try:
        stamps: pd.Series[pd.Timestamp] = pd.to_datetime(days, errors="coerce", format="ISO8601")
    except ValueError:  # some with a time zone, others without, or with another
        return pd.Series(pd.NaT, index=values.index)
    return stamps


def cohort_labels(days: NDArray[np.int64], by: str) -> NDArray[np.object_]:
    """Return the month ("2024-05") or ISO week ("2024-W18") of whole days since 1970-01-01.

    Raises
    ------
    DataError
        Where `by` is neither "month" nor "week".
    """
    if by not in COHORTS:
        raise DataError(f'cohort={by!r} is unknown: use "month" or "week"')
    distinct, at = np.unique(days, return_inverse=True)
    stamps = pd.DatetimeIndex(distinct.astype("datetime64[D]"))
    if by == "month":
        labels = [f"{stamp:%Y-%m}" for stamp in stamps]
    else:
        labels = [f"{year}-W{week:02d}" for year, week, _ in (stamp.isocalendar() for stamp in stamps)]
    named = np.empty(distinct.size, dtype=np.object_)
    named[:] = labels
    return named[at]


def cohort_column(by: str) -> str:
    """Return the group column of cohorts by month or week of acquisition: "cohort_month"."""
    return f"cohort_{by}"


def _of_text(text: str) -> dt.date | None:
    if not _WRITTEN.fullmatch(text):
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None


def _of_stamp(value: dt.datetime | np.datetime64, shown: str, error: type[BayesltvError]) -> dt.date | None:
    try:
        stamp = pd.Timestamp(value)
        day = None if pd.isna(stamp) else stamp.date()
    except (ValueError, OverflowError, NotImplementedError):  # years that a date cannot hold
        return None
    if day is None:
        return None
    if stamp.tzinfo is not None:
        raise error(f"{shown} has a time zone: give the day alone, like {day}")
    if stamp != stamp.normalize():
        raise error(f"{shown} has a time of day: give the day alone, like {day}")
    return day
