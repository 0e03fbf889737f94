"""Days that no purchase was made on: placeholders for a missing date, and days years away from all others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from bayesltv.data import sql
from bayesltv.errors import warn
from bayesltv.numerics.arrays import Integers

if TYPE_CHECKING:
    import duckdb

PLACEHOLDERS = tuple(
    map(
        dt.date.fromisoformat,
        (
            "0001-01-01",
            "1753-01-01",
            "1899-12-30",
            "1899-12-31",
            "1900-01-01",
            "1904-01-01",
            "1969-12-31",
            "1970-01-01",
        ),
    )
)
"""What databases, spreadsheets and clocks write where a date is missing: their day 0, or the one before."""
ALONE_DAYS = 366
"""A placeholder is a day like others where there are rows within a year of it."""
FAR_YEARS = 5
_FAR_DAYS = FAR_YEARS * 366
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class OddDays:
    """Rows on odd days.

    Attributes
    ----------
    what : str
        "placeholder", "before" or "after" (all others).
    first, last : date
        The stretch they lie in.
    rows : int
    """

    what: str
    first: dt.date
    last: dt.date
    rows: int


def odd_days(days: Sequence[dt.date], counts: Sequence[int]) -> list[OddDays]:
    """Return which days are odd.

    Placeholders first. The others fall into stretches with no gap of more than `FAR_YEARS` years; all but the
    stretch with most rows are odd.

    Parameters
    ----------
    days : sequence of date
        Distinct and sorted.
    counts : sequence of int
        Rows on each.
    """
    number, rows = np.array([(day - _EPOCH).days for day in days]), np.array(counts)
    known = np.isin(number, [(day - _EPOCH).days for day in PLACEHOLDERS])
    regular = number[~known]
    alone = known & np.array([not (np.abs(regular - each) <= ALONE_DAYS).any() for each in number])
    found = [_stretch("placeholder", number[[at]], rows[[at]]) for at in np.flatnonzero(alone)]
    stretches = _stretches(number[~alone])
    if len(stretches) < 2:
        return found
    number, rows = number[~alone], rows[~alone]
    most = max(range(len(stretches)), key=lambda at: (rows[stretches[at]].sum(), -at))
    for at, where in enumerate(stretches):
        if at != most:
            found.append(_stretch("before" if at < most else "after", number[where], rows[where]))
    return found


def may_be_odd(first: dt.date, last: dt.date) -> bool:
    """Whether a log from one day to another can have odd days: it need not be looked at otherwise."""
    return first <= PLACEHOLDERS[-1] or (last - first).days > _FAR_DAYS


def warn_odd_days(connection: duckdb.DuckDBPyConnection, rows: str, end: dt.date) -> None:
    """Warn, once each, of rows on odd days up to `end`, and of an end years after the last row.

    Parameters
    ----------
    connection : DuckDB connection
    rows : str
        Table with customer_id and day per row.
    end : date
        Last day observed.
    """
    window = f"FROM {rows} WHERE day <= DATE {sql.text(end.isoformat())}"
    first, last = sql.one(connection, f"SELECT min(day), max(day) {window}")
    if may_be_odd(first, last):
        counted = connection.execute(f"SELECT day, count(*) {window} GROUP BY day ORDER BY day").fetchall()
        for odd in odd_days(*zip(*counted, strict=True)):
            between = f"day BETWEEN DATE '{odd.first}' AND DATE '{odd.last}'"
            ids = f"SELECT DISTINCT customer_id FROM {rows} WHERE {between} ORDER BY 1 LIMIT 6"
            warn(odd_message(odd), ids=sql.column(connection, ids))
    warn_late_end(last, end)


def warn_late_end(last: dt.date, end: dt.date) -> None:
    """Warn of an end of observation years after the last row."""
    if (end - last).days > _FAR_DAYS:
        warn(
            f"observation_end={end} is {(end - last).days:,} days after the last row of the log ({last}), "
            "and all that time counts as silence: is the year right?"
        )


def odd_message(odd: OddDays) -> str:
    """Return what to say of odd days; ``{ids}`` stands for the customers."""
    if odd.what == "placeholder":
        return (
            f"{odd.rows:,} rows are dated {odd.first} ({{ids}}), which stands for a missing date in many "
            "programs: find out their days, or drop them"
        )
    span = f"{odd.first}" if odd.first == odd.last else f"{odd.first} to {odd.last}"
    cure = "; pass observation_end= so that they do not become the last day observed" * (odd.what == "after")
    return (
        f"{odd.rows:,} rows are dated {span} ({{ids}}), more than {FAR_YEARS} years {odd.what} all others: "
        f"are the years right?{cure}"
    )


def _stretches(number: Integers) -> list[slice]:
    """Return the stretches of sorted days without a gap of years."""
    cuts = [0, *(np.flatnonzero(np.diff(number) > _FAR_DAYS) + 1), number.size]
    return [slice(int(a), int(b)) for a, b in pairwise(cuts) if a < b]


def _stretch(what: str, number: Integers, rows: Integers) -> OddDays:
    first, last = (_EPOCH + dt.timedelta(days=int(number[at])) for at in (0, -1))
    return OddDays(what, first, last, int(rows.sum()))
