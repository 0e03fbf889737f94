"""A log cut in two at a day, and the purchase days of a stretch of the calendar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv import names
from bayesltv.data import sql
from bayesltv.data.frames import table_of
from bayesltv.data.ids import whole_ids
from bayesltv.data.log.labels import label_sql
from bayesltv.data.log.odd_days import warn_odd_days
from bayesltv.data.log.reading import LogReading
from bayesltv.data.log.refunds import DAYS, make_purchases
from bayesltv.data.log.sources import Source, explained, open_source
from bayesltv.data.log.stamps import stamps_sql
from bayesltv.data.log.transactions import ROWS, Columns, read_rows
from bayesltv.dates import Date, require_day
from bayesltv.errors import DataError
from bayesltv.numerics.arrays import Floats, Integers

if TYPE_CHECKING:
    import duckdb

_PLACE = "bayesltv_row"
_PLAINLY = LogReading()


@dataclass(frozen=True)
class Split:
    """A log in two parts.

    Attributes
    ----------
    calibration, holdout : DataFrame
        The log's own rows, columns and order: dated up to `date`, that day included, and after it.
    date : Timestamp
        Last day of the calibration period: ``observation_end`` of its summary.
    """

    calibration: pd.DataFrame
    holdout: pd.DataFrame
    date: pd.Timestamp


@dataclass(frozen=True)
class PurchaseDays:
    """One row per customer and purchase day of a stretch of the calendar.

    Attributes
    ----------
    customer_id : ndarray of object, shape (row,)
    day : ndarray of int64, shape (row,)
        Whole days since 1970-01-01.
    amount : ndarray of float64, shape (row,), or None
        Money spent that day, refunds taken off; None for a log without amounts.
    log_end : Timestamp
        Latest day of the whole log.
    """

    customer_id: NDArray[np.object_]
    day: Integers
    amount: Floats | None
    log_end: pd.Timestamp


def split(
    log: object,
    date: Date,
    *,
    customer_id_col: str = names.CUSTOMER_ID,
    datetime_col: str = names.DATE,
    monetary_value_col: str | None = names.AMOUNT,
    timezone: str | None = None,
    datetime_format: str | None = None,
) -> Split:
    """Return a log cut in two: rows dated up to `date`, that whole day included, and rows after it.

    A stamp at 23:59 of `date` is calibration, one at 00:00 of the next day is hold-out; stamps that carry an
    offset fall on the day of `timezone`. ``summarize(split.calibration, observation_end=date)`` and
    ``summarize(log, observation_end=date)`` are the same.

    Parameters
    ----------
    log : path or frame
        As for ``summarize``.
    date : date
        Last day of the calibration period.
    customer_id_col, datetime_col, monetary_value_col, timezone, datetime_format
        As for ``summarize``.

    Returns
    -------
    Split

    Raises
    ------
    StoreError, DataError
        Where the log cannot be read, or one of the two parts would be empty.

    Examples
    --------
    >>> dates = ["2024-01-01 09:00", "2024-01-31 23:59", "2024-02-01 00:00"]
    >>> log = pd.DataFrame({"customer_id": [7, 7, 7], "date": dates, "amount": [5.0, 8.0, 2.0]})
    >>> parts = split(log, "2024-01-31")
    >>> len(parts.calibration), len(parts.holdout)
    (2, 1)
    """
    day = require_day(date, "date")
    columns = Columns(customer_id=customer_id_col, date=datetime_col, amount=monetary_value_col)
    frame = _pandas(log, columns)
    numbered = frame[list(columns.wanted)].assign(**{_PLACE: np.arange(len(frame))})
    with sql.connect() as connection:
        read_rows(connection, numbered, columns=columns, timezone=timezone, datetime_format=datetime_format)
        source = open_source(connection, numbered, columns=(*columns.wanted, _PLACE))
        stamps = stamps_sql(connection, source, datetime_col, timezone, datetime_format)
        (relation, stamp), *_ = stamps.items()
        early = f"CAST({stamp} AS DATE) <= DATE {sql.text(day.isoformat())}"
        places = sql.column(connection, f"SELECT {_PLACE} FROM {relation} WHERE {early}")
    before = np.zeros(len(frame), dtype=bool)
    before[np.asarray(places, dtype=np.int64)] = True
    if before.all() or not before.any():
        which = "after" if before.all() else "up to"
        raise DataError(f"the log has no row {which} {day}: choose a date inside it")
    first, second = frame[before].reset_index(drop=True), frame[~before].reset_index(drop=True)
    return Split(first, second, pd.Timestamp(day))


def purchase_days(
    log: object, reading: LogReading = _PLAINLY, *, after: pd.Timestamp, until: pd.Timestamp
) -> PurchaseDays:
    """Return who bought on which day after `after` and up to `until`, and for how much.

    Purchases of one customer on one day are one purchase, and refunds up to `until` are taken off, as in
    ``summarize``. Refunds of purchases made up to `after` change nothing after it.

    Parameters
    ----------
    log : path or frame
    reading : LogReading
        As for ``summarize``.
    after, until : Timestamp
        The day before the first day wanted, and the last.

    Raises
    ------
    StoreError, DataError
        Where the log cannot be used.
    """
    columns = Columns(reading.customer_id_col, reading.datetime_col, reading.monetary_value_col)
    first, last = after.date().isoformat(), until.date().isoformat()
    with sql.connect() as connection:
        read_rows(
            connection, log, columns=columns, timezone=reading.timezone,
            datetime_format=reading.datetime_format,
        )  # fmt: skip
        (end,) = sql.one(connection, f"SELECT max(day) FROM {ROWS}")
        warn_odd_days(connection, ROWS, end)
        make_purchases(connection, rows=ROWS, policy=reading.refunds, last_day=last)
        rows = sql.frame(
            connection,
            "SELECT customer_id, CAST(day - DATE '1970-01-01' AS BIGINT) AS number, CAST(amount AS DOUBLE) "
            f"AS amount FROM {DAYS} WHERE day > DATE {sql.text(first)} ORDER BY customer_id, number",
        )
    amount = None if columns.amount is None else rows["amount"].to_numpy(np.float64)
    ids, days = rows["customer_id"].to_numpy(dtype=object), rows["number"].to_numpy(np.int64)
    return PurchaseDays(ids, days, amount, pd.Timestamp(end))


def _pandas(log: object, columns: Columns) -> pd.DataFrame:
    """Return the whole log as pandas, in its own order."""
    if isinstance(log, pd.DataFrame):
        return log.reset_index(drop=True)
    with sql.connect() as connection:
        connection.execute("SET preserve_insertion_order = true")
        source = open_source(connection, log, columns=columns.wanted)
        if source.path is None:
            frame: pd.DataFrame = table_of(log).to_pandas()
            return frame
        with explained(source.path):
            return _file_frame(connection, source, columns.customer_id)


def _file_frame(connection: duckdb.DuckDBPyConnection, source: Source, name: str) -> pd.DataFrame:
    """Return all columns of files, ids as ``summarize`` has them, each of a type that holds all."""
    ids = label_sql(connection, source, name)
    if len(source.parts) == 1:
        frame = sql.frame(connection, source.union(lambda part: f"SELECT * FROM {part.relation}"))
    else:
        own = {at: f"{x} AS {sql.quote(name)}" for at, x in ids.items()}
        rows = source.union(
            lambda part: f"SELECT * REPLACE ({own[part.relation]}) FROM {part.relation}", by_name=True
        )
        frame = sql.frame(connection, rows)
    if not source.is_csv:
        return frame
    return frame.assign(**{name: whole_ids(frame[name], name, title=source.title)})
