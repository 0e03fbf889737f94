"""A log read once: typed rows of all its customers, or of some of them drawn by lot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from bayesltv.comparison.origins import Origins
from bayesltv.data import sql
from bayesltv.data.log.reading import Carried, LogReading
from bayesltv.data.log.transactions import ROWS, Columns, read_rows
from bayesltv.dates import Date, as_day
from bayesltv.names import AMOUNT, CUSTOMER_ID, DATE
from bayesltv.streams import customer_keys

if TYPE_CHECKING:
    import duckdb

NOTHING = Carried()


@dataclass(frozen=True)
class PlainLog:
    """Rows whose ids, stamps and amounts have been read, and how what is still open about them is read.

    Attributes
    ----------
    rows : DataFrame
        customer_id (text), date (local stamps), amount where there are any, groups and covariates.
    reading : LogReading
    carried : Carried
        Its groups and covariates.
    first, last : Timestamp
        First and last day of the whole log; the last is that of `log_end` where that is later.
    customers : int
        In the whole log, acquired in time.
    acquired_from : date, optional
        Since when.
    """

    rows: pd.DataFrame
    reading: LogReading
    carried: Carried
    first: pd.Timestamp
    last: pd.Timestamp
    customers: int
    acquired_from: Date | None = None

    @property
    def ids(self) -> list[str]:
        """The customers of the rows."""
        return list(self.rows[CUSTOMER_ID].unique())

    def upto(self, day: pd.Timestamp) -> pd.DataFrame:
        """Return the rows dated up to a day, that day included."""
        return self.rows[self.rows[DATE] < day + pd.Timedelta(days=1)]


def log_extent(
    log: object, reading: LogReading, *, log_end: Date | None = None
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the first and the last day of a log."""
    with sql.connect() as connection:
        _read(connection, log, reading)
        return _extent(connection, log_end)


def read_plain(
    log: object,
    reading: LogReading,
    origins: Origins,
    *,
    until: pd.Timestamp,
    carried: Carried = NOTHING,
) -> PlainLog:
    """Return all rows of the customers who first bought up to a day, or of as many as are asked for.

    Which ones are drawn of a larger log depends on the seed and their ids alone.

    Raises
    ------
    StoreError, DataError
        Where the log cannot be used.
    """
    since = as_day(origins.acquired_from, "acquired_from")
    with sql.connect() as connection:
        _read(connection, log, reading, carried)
        first, last = _extent(connection, origins.log_end)
        early = "" if since is None else f" AND min(day) >= DATE {sql.text(since.isoformat())}"
        ids = sql.column(
            connection,
            f"SELECT customer_id FROM {ROWS} GROUP BY customer_id "
            f"HAVING min(day) <= DATE {sql.text(until.date().isoformat())}{early} ORDER BY customer_id",
        )
        chosen = np.asarray(ids, dtype=object)[
            np.argsort(customer_keys(origins.seed, "sample", ids))[: origins.customers]
        ]
        connection.register("chosen", pa.table({CUSTOMER_ID: pa.array(chosen, pa.string())}))
        amount = "" if reading.monetary_value_col is None else f", CAST(amount AS DOUBLE) AS {AMOUNT}"
        kept = {"group": carried.groups, "covariate": carried.covariates}
        more = "".join(
            f", {kind}_{k} AS {sql.quote(name)}"
            for kind, names in kept.items()
            for k, name in enumerate(names)
        )
        rows = sql.frame(
            connection,
            f"SELECT customer_id, stamp AS {DATE}{amount}{more} FROM {ROWS} SEMI JOIN chosen "
            "USING (customer_id) ORDER BY customer_id, stamp",
        )
    plain = replace(LogReading(refunds=reading.refunds), monetary_value_col=AMOUNT if amount else None)
    return PlainLog(rows, plain, carried, first, last, len(ids), origins.acquired_from)


def _read(
    connection: duckdb.DuckDBPyConnection, log: object, reading: LogReading, carried: Carried = NOTHING
) -> None:
    columns = Columns(
        reading.customer_id_col, reading.datetime_col, reading.monetary_value_col,
        groups=tuple(carried.groups), covariates=tuple(carried.covariates),
    )  # fmt: skip
    read_rows(
        connection, log, columns=columns, timezone=reading.timezone, datetime_format=reading.datetime_format
    )


def _extent(connection: duckdb.DuckDBPyConnection, log_end: Date | None) -> tuple[pd.Timestamp, pd.Timestamp]:
    first, last = map(pd.Timestamp, sql.one(connection, f"SELECT min(day), max(day) FROM {ROWS}"))
    end = as_day(log_end, "log_end")
    return first, last if end is None else max(last, pd.Timestamp(end))
