"""A log walked in the order of its customers' ids: no more than a few batches in memory at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bayesltv import names
from bayesltv.data import sql
from bayesltv.data.day_lists import day_lists_of_arrow, day_numbers
from bayesltv.data.fingerprint import HASHED, hash_sum, written
from bayesltv.data.log.attributes import attribute_select
from bayesltv.data.log.histories import Histories, summary_rows, walk_histories
from bayesltv.data.log.log_warnings import (
    Tally,
    empty_tally,
    warn_midlife,
    warn_nobody_repeats,
    warn_oddities,
    warn_refunds_without_purchase,
)
from bayesltv.data.log.odd_days import warn_odd_days
from bayesltv.data.log.reading import Late
from bayesltv.data.log.refunds import DAYS, PURCHASES, RefundReport, make_purchases
from bayesltv.data.log.request import Request
from bayesltv.data.log.transactions import ROWS, read_rows
from bayesltv.errors import DataError
from bayesltv.machine import available_processors
from bayesltv.numerics.arrays import Codes

if TYPE_CHECKING:
    import duckdb

ATTRIBUTES = "attribute_rows"
_BATCH = 250_000


@dataclass(frozen=True)
class _Part:
    """Rows of the summary, and what is counted of them."""

    rows: pa.Table
    histories: Histories
    earlier: int
    hashes: int


@dataclass(frozen=True)
class _Seen:
    """What is known of all parts: to warn of, and for the attributes."""

    tally: Tally
    hashes: int
    earlier: int
    repeaters: int
    first_days: Codes


def walk_summary(log: object, request: Request, take: Callable[[pa.Table], None]) -> dict[str, Any]:
    """Hand the summary of a log to `take`, part by part and sorted by customer_id; return its attributes.

    Raises
    ------
    StoreError, DataError
        As `summarize`; then what has been taken so far is not the summary.
    """
    columns, asked, reading = request.columns, request.asked, request.asked.reading
    with sql.connect(memory_limit=asked.memory_limit, threads=asked.threads) as connection:
        read_rows(
            connection,
            log,
            columns=columns,
            timezone=reading.timezone,
            datetime_format=reading.datetime_format,
        )
        end, cut = _window(connection, request.observation_end, asked.late)
        report = make_purchases(connection, rows=ROWS, policy=reading.refunds, last_day=end.isoformat())
        warn_odd_days(connection, ROWS, end)
        seen = _seen(_parts(connection, request, end), take)
        _require_customers(seen, request)
        if request.has_amounts or columns.order_id is not None:
            warn_oddities(
                connection,
                seen.tally,
                rows=ROWS,
                days=DAYS,
                has_orders=columns.order_id is not None,
                last_day=end.isoformat(),
            )
    if request.acquired_from is None:
        warn_midlife(seen.first_days.astype(np.int64))
    if report.unmatched_rows:
        warn_refunds_without_purchase(report.unmatched_rows, report.unmatched_amount)
    if not seen.repeaters:
        warn_nobody_repeats(seen.first_days.size)
    return {
        names.TIME_UNIT: request.time_unit,
        names.OBSERVATION_END: end.isoformat(),
        names.CURRENCY: asked.currency,
        names.GROUPS: list(request.groups),
        names.SET_ASIDE: _set_aside(cut, report, seen.earlier),
        names.FINGERPRINT: written(seen.hashes, covers_first=request.has_amounts),
    }


def _seen(parts: Iterable[_Part], take: Callable[[pa.Table], None]) -> _Seen:
    """Hand on the rows of each part, and return what was seen."""
    tally, hashes, earlier, repeaters, first_days = empty_tally(), 0, 0, 0, [np.zeros(0, np.int32)]
    for part in parts:
        take(part.rows)
        tally = tally + part.histories
        hashes += part.hashes
        earlier += part.earlier
        repeaters += int((part.histories.frequency > 0).sum())
        first_days.append(part.histories.first_day.astype(np.int32))
    return _Seen(tally, hashes, earlier, repeaters, np.concatenate(first_days))


def as_frame(part: pa.Table) -> pd.DataFrame:
    """Return rows of a summary as pandas has them: text as "str", lists of days as arrays."""
    frame: pd.DataFrame = part.to_pandas(split_blocks=True)
    frame[names.CUSTOMER_ID] = frame[names.CUSTOMER_ID].astype("str")
    return frame


def _parts(connection: duckdb.DuckDBPyConnection, request: Request, end: dt.date) -> Iterator[_Part]:
    def work(some: Histories) -> _Part:
        kept = some if request.acquired_from is None else some.since(request.acquired_from)
        rows = summary_rows(kept, end=end, **request.layout)
        return _Part(rows, kept, len(some.ids) - len(kept.ids), _hash_sum(rows))

    extra = _attribute_rows(connection, request, end)
    mark = ", mark" if request.has_amounts else ""
    query = f"SELECT customer_id, day, amount{mark} FROM {PURCHASES} ORDER BY customer_id, day"
    batches = sql.batches(connection.sql(query), _BATCH)
    threads = request.asked.threads or available_processors()
    for part in walk_histories(batches, work, threads=threads):
        yield part if extra is None else _joined(part, extra)


def _hash_sum(rows: pa.Table) -> int:
    ids = rows.column(names.CUSTOMER_ID).combine_chunks().cast(pa.large_string())
    columns = {
        name: rows.column(name).to_numpy().astype(np.float64)
        for name in (*HASHED, names.FIRST_AMOUNT)
        if name in rows.column_names
    }
    columns[names.FIRST_PURCHASE] = day_numbers(rows.column(names.FIRST_PURCHASE).to_pandas())
    with_days = names.REPEAT_DAYS in rows.column_names
    repeats = day_lists_of_arrow(rows.column(names.REPEAT_DAYS)) if with_days else None
    return hash_sum(ids, columns, repeats)


# ------------------------------------------------------------------------------------- groups and covariates


class _Ahead:
    """Rows of a sorted relation, to be taken some at a time."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, query: str) -> None:
        self._cursor = cursor  # kept, or DuckDB 1.4 closes it
        self._batches = iter(sql.batches(cursor.sql(query), _BATCH))
        self._left: pa.Table | None = None

    def take(self, count: int) -> pa.Table:
        have: list[pa.Table] = [] if self._left is None else [self._left]
        while sum(table.num_rows for table in have) < count:
            have.append(pa.Table.from_batches([next(self._batches)]))
        table = pa.concat_tables(have)
        self._left = table.slice(count)
        return table.slice(0, count)


def _attribute_rows(connection: duckdb.DuckDBPyConnection, request: Request, end: dt.date) -> _Ahead | None:
    """Return groups and covariates of the summary's customers, in the order of their ids."""
    first = request.acquired_from
    early = "" if first is None else f" HAVING min(day) >= DATE {sql.text(first.isoformat())}"
    query = attribute_select(
        connection,
        rows=ROWS,
        customers=f"(SELECT customer_id FROM {PURCHASES} GROUP BY customer_id{early})",
        last_day=end.isoformat(),
        groups=request.columns.groups,
        covariates=request.columns.covariates,
        conflict=request.asked.carried.group_conflict,
    )
    if query is None:
        return None
    connection.execute(f"CREATE TABLE {ATTRIBUTES} AS {query}")
    # a cursor of its own, since two results of one cannot be open at once; it sees no TEMP tables
    return _Ahead(connection.cursor(), f"SELECT * FROM {ATTRIBUTES} ORDER BY customer_id")


def _joined(part: _Part, extra: _Ahead) -> _Part:
    rows = part.rows
    beside = extra.take(rows.num_rows) if rows.num_rows else None
    if beside is None:
        return part
    if not beside.column(names.CUSTOMER_ID).equals(rows.column(names.CUSTOMER_ID)):
        raise AssertionError("groups and histories are not of the same customers")
    for name in beside.column_names[1:]:
        rows = rows.append_column(name, beside.column(name))
    return replace(part, rows=rows)


# ------------------------------------------------------------------------------------------- what is left out


def _window(
    connection: duckdb.DuckDBPyConnection, observation_end: dt.date | None, late: Late
) -> tuple[dt.date, int]:
    """Return the last day observed and how many rows lie after it."""
    first, last = sql.one(connection, f"SELECT min(day), max(day) FROM {ROWS}")
    if observation_end is None:
        return last, 0
    if observation_end < first:
        raise DataError(
            f"observation_end={observation_end} lies before the first row of the log ({first}): is the year "
            "right?"
        )
    after = f"FROM {ROWS} WHERE day > DATE {sql.text(observation_end.isoformat())}"
    cut = sql.one(connection, f"SELECT count(*) {after}")[0]
    if cut and late == "error":
        ids = sql.column(connection, f"SELECT DISTINCT customer_id {after} ORDER BY 1 LIMIT 6")
        raise DataError(
            f"{cut:,} rows are dated after observation_end={observation_end}, up to {last} ({{ids}}): pass "
            'late="cut" '
            "to leave them out, or a later observation_end",
            ids=ids,
        )
    return observation_end, cut


def _require_customers(seen: _Seen, request: Request) -> None:
    if seen.first_days.size:
        return
    if not seen.earlier:
        raise DataError("no purchase is left: every amount is a refund, or was netted to zero by one")
    raise DataError(
        f"acquired_from={request.acquired_from} leaves none of {seen.earlier:,} customers: is it before "
        "observation_end?"
    )


def _set_aside(cut: int, report: RefundReport, earlier: int) -> dict[str, int | float]:
    counts: dict[str, int | float] = {
        "rows_after_observation_end": cut,
        "refund_rows": report.rows,
        "refund_rows_dropped": report.dropped_rows,
        "refund_rows_unmatched": report.unmatched_rows,
        "refund_amount_unmatched": report.unmatched_amount,
        "purchase_days_netted_to_zero": report.netted_to_zero,
        "customers_without_purchase": report.customers_without_purchase,
        "customers_acquired_earlier": earlier,
    }
    return {reason: count for reason, count in counts.items() if count}
