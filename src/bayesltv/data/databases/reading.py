"""A log in a database -> rows inside the embedded engine, at most one for each customer's day on the way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bayesltv.data import sql
from bayesltv.data.databases import days as at
from bayesltv.data.databases.address import DatabaseTable
from bayesltv.data.databases.connection import connected, explained_backend, run, snapshot, table_of
from bayesltv.data.frames import require_columns
from bayesltv.data.log.sources import Part, Source
from bayesltv.data.log_columns import Columns
from bayesltv.errors import DataError

if TYPE_CHECKING:
    import duckdb
    from ibis.backends.sql import SQLBackend
    from ibis.expr.types import Table

_BATCH = 100_000
_AT_ONCE = 1_000_000
"""Rows whose sums DuckDB may hold, which are within this process: about 250 MB."""
_BATCH_ROWS, _ROWS = "log_batch", "log_rows_of_database"
_COPY = "same_row"


@dataclass(frozen=True)
class Opened:
    """A log that has come from a database.

    Attributes
    ----------
    source : Source
    columns : Columns
        As the rows have them.
    timezone : str, optional
        None where the days are local already.
    """

    source: Source
    columns: Columns
    timezone: str | None


def is_in_database(log: object) -> bool:
    """Whether a log is in a database: a `DatabaseTable`, or an Ibis table."""
    return isinstance(log, DatabaseTable) or _is_ibis(log)


def _is_ibis(log: object) -> bool:
    return type(log).__module__.partition(".")[0] == "ibis"


def open_database(
    connection: duckdb.DuckDBPyConnection,
    log: Any,  # noqa: ANN401
    columns: Columns,
    timezone: str | None,
    datetime_format: str | None,
) -> Opened:
    """Return the rows of a log in a database as relations of `connection`.

    Sums by customer and day where the database can make them, else the columns that are needed, row by row;
    all of it from one state of the database.

    Raises
    ------
    DataError
        Where a table or a column is missing.
    StoreError, EngineError
        As `connected`.
    """
    with _backend(log) as (backend, table, title), snapshot(backend):
        require_columns(table.columns, columns.wanted, title=title)
        days = None if datetime_format is not None else at.days_of(backend, table, columns, timezone)
        if days is not None:
            with _zone(backend, timezone):
                opened = _summed(connection, backend, days, title)
            if opened is not None:
                return opened
        return _plain(connection, backend, table, columns, timezone, title)


@contextmanager
def _backend(log: Any) -> Iterator[tuple[SQLBackend, Table, str]]:  # noqa: ANN401
    """Yield the connection of a log, the log as an Ibis table, and how messages name it."""
    if isinstance(log, DatabaseTable):
        with connected(log.address) as backend:
            yield backend, table_of(backend, log), log.title
        return
    backend = log.get_backend()
    with explained_backend(backend):
        yield backend, log, "the Ibis table"


@contextmanager
def _zone(backend: SQLBackend, timezone: str | None) -> Iterator[None]:
    """Let the days of stamps that are instants be those of a zone."""
    if timezone is None:
        yield
        return
    ((before,),) = run(backend, "SELECT current_setting('TimeZone')")
    run(backend, f"SET TimeZone = {sql.text(timezone)}")
    try:
        yield
    finally:
        run(backend, f"SET TimeZone = {sql.text(before)}")


def _summed(
    connection: duckdb.DuckDBPyConnection, backend: SQLBackend, days: at.Days, title: str
) -> Opened | None:
    """Return the rows behind the sums, as many as there were; None where some have to be looked at."""
    ((rows, odd),) = (
        tuple(row.values()) for batch in _batches(backend, days.trouble()) for row in batch.to_pylist()
    )
    if not rows or odd:
        return None
    if backend.name == "mysql":
        run(backend, "SET SESSION group_concat_max_len = 1073741824")
    portions = days.portions(-(-rows // _AT_ONCE) if _is_read_alike(backend, days.table) else 1)
    _take(connection, backend, [each.summed() for each in portions], _expanded(days))
    marked = replace(days.columns, order_id=_COPY)
    return Opened(_source(connection, title), marked, None)


def _is_read_alike(backend: SQLBackend, table: Table) -> bool:
    """Whether a table of DuckDB says the same each time: a query or a view may draw rows at random."""
    from ibis.expr.operations import DatabaseTable as Named

    if backend.name != "duckdb" or not isinstance(table.op(), Named):
        return False
    kinds = run(
        backend,
        "SELECT table_type FROM information_schema.tables WHERE table_name = "
        f"{sql.text(table.op().name)} AND table_catalog = current_database()",
    )
    return {kind for (kind,) in kinds} == {"BASE TABLE"}


def _expanded(days: at.Days) -> str:
    """Return SQL for rows that add up to the sums: as many, equal ones equal, each refund for itself.

    Rows of one day and customer stand for each other but in their number, their sums, and the first and last
    stamp of what they carry.
    """
    columns = days.columns
    own = {at.ID: columns.customer_id, **days.carried}
    named = sql.comma(f"{name} AS {sql.quote(column)}" for name, column in own.items())
    first, last = (at.EARLIEST, at.LATEST) if days.needs_stamps else (at.DAY, at.DAY)
    each = f"CAST({at.PAID} AS HUGEINT) // {at.PAID_ROWS}"
    rest = f"CAST({at.PAID} AS HUGEINT) - ({at.PAID_ROWS} - 1) * ({each})"

    def rows(count: str, amount: str, is_first: str, same: str) -> str:
        stamp = f"CASE WHEN {is_first} THEN {first} ELSE {last} END"
        told = {columns.date: stamp, _COPY: f"CAST(greatest(0, i - {same}) AS VARCHAR)"}
        if columns.amount is not None:
            told[columns.amount] = f"CAST(CAST({amount} AS DECIMAL(19, 0)) * 0.000001 AS {sql.MONEY})"
        return (
            f"SELECT {named}, {sql.comma(f'{value} AS {sql.quote(name)}' for name, value in told.items())} "
            f"FROM (SELECT *, unnest(range({count})) AS i FROM {_BATCH_ROWS} WHERE {count} > 0)"
        )

    back = f"len(string_split({at.REFUNDS}, ' '))"
    return " UNION ALL ".join(
        (
            rows(at.PAID_ROWS,
                 f"CASE WHEN {at.PAID_ROWS} = 1 THEN CAST({at.PAID} AS HUGEINT) "
                 f"WHEN i = {at.PAID_ROWS} - 1 THEN {rest} ELSE {each} END",
                 f"i = {at.PAID_ROWS} - 1", at.SAME_PAID),
            rows(at.FREE_ROWS, "0", f"{at.PAID_ROWS} = 0 AND i = {at.FREE_ROWS} - 1", at.SAME_FREE),
            rows(back, f"string_split({at.REFUNDS}, ' ')[i + 1]",
                 f"{at.PAID_ROWS} + {at.FREE_ROWS} = 0 AND i = 0", "0"),
        )
    )  # fmt: skip


def _plain(
    connection: duckdb.DuckDBPyConnection,
    backend: SQLBackend,
    table: Table,
    columns: Columns,
    timezone: str | None,
    title: str,
) -> Opened:
    """Return the rows as they are, of the columns that are needed."""
    kinds = table.schema()
    told = {
        name: table[name].cast("string") if _is_foreign(kinds[name]) else table[name]
        for name in columns.wanted
    }
    _take(connection, backend, [table.select(**told)], f"SELECT * FROM {_BATCH_ROWS}")
    return Opened(_source(connection, title), columns, timezone)


def _is_foreign(kind: Any) -> bool:  # noqa: ANN401
    """Whether a type has no end of digits, or only the database knows it."""
    return bool(kind.is_uuid() or kind.is_unknown() or (kind.is_decimal() and kind.precision is None))


def _source(connection: duckdb.DuckDBPyConnection, title: str) -> Source:
    return Source((Part(_ROWS, sql.types_of(connection, _ROWS), title),), title)


def _take(
    connection: duckdb.DuckDBPyConnection, backend: SQLBackend, asked: list[Table], select: str
) -> None:
    """Let the engine have the answers, batch by batch: drivers do not like to be read from its threads."""

    def hand(batches: list[pa.RecordBatch], verb: str) -> None:
        connection.register(_BATCH_ROWS, pa.Table.from_batches(batches, schema))
        connection.execute(f"{verb} {select}")
        connection.unregister(_BATCH_ROWS)

    schema = _schema(asked[0])
    hand([], f"CREATE TABLE {_ROWS} AS")
    for rows in asked:
        for batch in _batches(backend, rows):
            hand([batch if batch.schema == schema else batch.cast(schema)], f"INSERT INTO {_ROWS}")


def forget(connection: duckdb.DuckDBPyConnection) -> None:
    """Drop the rows that came, when they stand elsewhere."""
    connection.execute(f"DROP TABLE {_ROWS}")


def _schema(rows: Table) -> pa.Schema:
    return rows.schema().to_pyarrow()


def _batches(backend: Any, rows: Table) -> Iterator[pa.RecordBatch]:  # noqa: ANN401
    """Yield rows as they come; Ibis would hold all of MySQL's and SQLite's at once."""
    if backend.name == "duckdb":
        yield from sql.batches(backend.con.sql(backend.compile(rows)), _BATCH)
        return
    if backend.name not in ("sqlite", "mysql"):
        yield from backend.to_pyarrow_batches(rows, chunk_size=_BATCH)
        return

    schema, cursor = _schema(rows), _cursor(backend)
    cursor.execute(backend.compile(rows))
    while some := cursor.fetchmany(_BATCH):
        columns = zip(*some, strict=True)
        yield pa.record_batch(
            [_array(v, f.type) for v, f in zip(columns, schema, strict=True)], schema=schema
        )
    cursor.close()


def _cursor(backend: Any) -> Any:  # noqa: ANN401
    if backend.name == "sqlite":
        return backend.con.cursor()
    import MySQLdb.cursors

    return backend.con.cursor(MySQLdb.cursors.SSCursor)


def _array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    """Return values that a driver hands out in types of its own."""
    if pa.types.is_integer(kind):
        return pa.array([None if v is None else int(v) for v in values], kind)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.array(
            [v.decode() if isinstance(v, bytes) else None if v is None else str(v) for v in values], kind
        )
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise DataError(
            f"a column holds values of several types, such as {values[0]!r}: cast it in a query"
        ) from None
