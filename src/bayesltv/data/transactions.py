"""A log as rows with types: id as text, a local stamp and its day, an exact amount."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bayesltv import names
from bayesltv.data import sql
from bayesltv.data.sources import Source, explained, open_source
from bayesltv.errors import DataError
from bayesltv.held import watch

if TYPE_CHECKING:
    import duckdb

ROWS = "purchase_rows"
"""Temporary table: customer_id, stamp, day, amount, order_id, group columns and covariates (numbered)."""

_OFFSET = r":[0-9.]+\s*(Z|[+-][0-9]{2}(:?[0-9]{2})?)\s*$"
_WHOLE = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
)
_FLOATS = ("FLOAT", "DOUBLE")
_NO_TEXT = ("BLOB", "STRUCT", "MAP", "UNION", "BIT")


@dataclass(frozen=True)
class Columns:
    """Which column of the log is what."""

    customer_id: str = names.CUSTOMER_ID
    date: str = names.DATE
    amount: str | None = names.AMOUNT
    order_id: str | None = None
    groups: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """Columns the log must have."""
        optional = [c for c in (self.amount, self.order_id) if c is not None]
        return tuple(dict.fromkeys([self.customer_id, self.date, *optional, *self.groups, *self.covariates]))


def read_rows(
    connection: duckdb.DuckDBPyConnection,
    log: object,
    *,
    columns: Columns,
    timezone: str | None = None,
    datetime_format: str | None = None,
) -> Source:
    """Fill the table `ROWS` of `connection` from `log` and return where the rows came from.

    Parameters
    ----------
    connection : DuckDB connection
    log : path or frame
        See `bayesltv.data.sources.open_source`.
    columns : Columns
    timezone : str, optional
        IANA name. Stamps that carry an offset become days of this zone; required for them, refused for
        others.
    datetime_format : str, optional
        strptime format of dates that are text or whole numbers; ISO 8601 needs none.

    Raises
    ------
    StoreError
        Where a path cannot be read, or changed meanwhile.
    DataError
        Where the log is empty, or ids, dates or amounts are missing, cannot be parsed or are not finite.
    """
    watched = watch(log)
    source = open_source(connection, log, columns=columns.wanted)
    with explained(source.path):
        expressions = _expressions(connection, source, columns, timezone, datetime_format)
        parts = sql.comma(f"{value} AS {name}" for name, value in expressions.items())
        typed = f"SELECT {parts} FROM {source.relation}"
        connection.execute(f"CREATE TEMP TABLE {ROWS} AS SELECT *, CAST(stamp AS DATE) AS day FROM ({typed})")
        _refuse_bad_rows(connection, source, columns, expressions)
    watched.require_unchanged()
    return source


def id_text(name: str, kind: str) -> str:
    """Return SQL for a column of type `kind` as text: blank is missing, a whole number has no ".0"."""
    x = sql.quote(name)
    if kind in _FLOATS:
        whole = f"CAST(CAST({x} AS BIGINT) AS VARCHAR)"
        return (
            f"CASE WHEN NOT isfinite({x}) THEN NULL WHEN {x} = trunc({x}) AND abs({x}) < 9e15 THEN {whole} "
            f"ELSE CAST({x} AS VARCHAR) END"
        )
    if kind.startswith("DECIMAL"):
        return rf"regexp_replace(CAST({x} AS VARCHAR), '\.0+$', '')"
    if kind.endswith("[]") or kind.startswith(_NO_TEXT):
        raise DataError(
            f"column {name!r} is of type {kind}, which cannot be a label: turn it into text first"
        )
    return f"CASE WHEN trim(CAST({x} AS VARCHAR)) = '' THEN NULL ELSE CAST({x} AS VARCHAR) END"


def _expressions(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    columns: Columns,
    timezone: str | None,
    datetime_format: str | None,
) -> dict[str, str]:
    """Name -> SQL of each typed column."""
    order = "NULL" if columns.order_id is None else id_text(columns.order_id, source.types[columns.order_id])
    parts = {
        "customer_id": id_text(columns.customer_id, source.types[columns.customer_id]),
        "stamp": stamp_sql(connection, source, columns.date, timezone, datetime_format),
        "amount": "0" if columns.amount is None else _amount(columns.amount, source.types[columns.amount]),
        "order_id": f"CAST({order} AS VARCHAR)",
    }
    parts |= {f"group_{i}": id_text(g, source.types[g]) for i, g in enumerate(columns.groups)}
    parts |= {f"covariate_{i}": _covariate(connection, source, c) for i, c in enumerate(columns.covariates)}
    return parts


def stamp_sql(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    name: str,
    timezone: str | None,
    datetime_format: str | None,
) -> str:
    """Return SQL for the local wall-clock stamp; NULL where it cannot be parsed or is infinite."""
    x, kind = sql.quote(name), source.types[name]
    if kind in _WHOLE and datetime_format is None:
        raise DataError(
            f"dates in column {name!r} are whole numbers ({kind}): say how to read them, "
            'datetime_format="%Y%m%d"'
        )
    if kind == "VARCHAR" or kind in _WHOLE or kind.startswith("ENUM"):
        x, is_aware = _parsed(connection, source, f"CAST({x} AS VARCHAR)", datetime_format, name)
    elif kind == "DATE" or kind.startswith("TIMESTAMP"):
        is_aware = kind == "TIMESTAMP WITH TIME ZONE"
    else:
        raise DataError(f"dates in column {name!r} are of type {kind}: give dates, timestamps or text")
    _check_zone(timezone, is_aware, name)
    local = f"({x}) AT TIME ZONE {sql.text(timezone)}" if timezone is not None else x
    return f"CASE WHEN isfinite({x}) THEN CAST({local} AS TIMESTAMP) END"


def _parsed(
    connection: duckdb.DuckDBPyConnection, source: Source, x: str, datetime_format: str | None, name: str
) -> tuple[str, bool]:
    """Return SQL that parses text, and whether the text carries offsets."""
    if datetime_format is not None:
        _check_format(connection, datetime_format)
        is_aware = "%z" in datetime_format or "%Z" in datetime_format
        return f"TRY_STRPTIME({x}, {sql.text(datetime_format)})", is_aware
    offset = f"regexp_matches({x}, {sql.text(_OFFSET)})"
    aware, filled = sql.one(
        connection, f"SELECT count(*) FILTER ({offset}), count(nullif(trim({x}), '')) FROM {source.relation}"
    )
    if 0 < aware < filled:
        raise DataError(
            f"{aware:,} of {filled:,} dates in column {name!r} carry a time-zone offset and the others do "
            "not: "
            "write them all one way"
        )
    return f"TRY_CAST(trim({x}) AS {'TIMESTAMPTZ' if aware else 'TIMESTAMP'})", bool(aware)


def _check_format(connection: duckdb.DuckDBPyConnection, datetime_format: str) -> None:
    import duckdb

    try:
        sql.one(connection, f"SELECT TRY_STRPTIME('', {sql.text(datetime_format)})")
    except duckdb.Error:
        raise DataError(
            f'datetime_format={datetime_format!r} is no strptime format: write it like "%Y%m%d" or "%d/%m/%Y"'
        ) from None


def _check_zone(timezone: str | None, is_aware: bool, name: str) -> None:
    if timezone is None:
        if is_aware:
            raise DataError(
                f"stamps in column {name!r} carry a time zone: name the zone whose days count, for example "
                'timezone="Europe/Berlin" (or "UTC")'
            )
        return
    if not is_aware:
        raise DataError(
            f"stamps in column {name!r} carry no time zone, so that timezone={timezone!r} cannot be applied: "
            "leave it out and days are taken as they stand"
        )
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise DataError(f'timezone={timezone!r} is unknown: use an IANA name like "Europe/Berlin"') from None


def _amount(name: str, kind: str) -> str:
    """Return SQL for the exact amount; NULL where it is missing, not a number or not finite."""
    x = sql.quote(name)
    if kind == "VARCHAR" or kind.startswith("ENUM"):
        x, kind = f"TRY_CAST({_trimmed(x)} AS DOUBLE)", "DOUBLE"
    if kind in _FLOATS:
        return f"CASE WHEN isfinite({x}) THEN TRY_CAST({x} AS {sql.MONEY}) END"
    if kind in _WHOLE or kind.startswith("DECIMAL"):
        return f"TRY_CAST({x} AS {sql.MONEY})"
    raise DataError(f"amounts in column {name!r} are of type {kind}: give numbers")


def _covariate(connection: duckdb.DuckDBPyConnection, source: Source, name: str) -> str:
    """Return SQL for a covariate in its own type; text that is all numbers (a CSV) becomes numbers."""
    x, kind = sql.quote(name), source.types[name]
    if kind.startswith("ENUM"):
        return f"CAST({x} AS VARCHAR)"
    if kind in _FLOATS:
        return f"CASE WHEN isfinite({x}) THEN {x} END"
    if kind != "VARCHAR" or source.path is None:
        return x
    x = f"nullif({_trimmed(x)}, '')"
    # TRY_CAST would round 0.5 to a whole number, and "007" is a code
    whole, code = r"[+-]?(0|[1-9][0-9]{0,17})", r"[+-]?0[0-9].*"
    filled, wholes, numbers = sql.one(
        connection,
        f"SELECT count({x}), count(*) FILTER (regexp_full_match({x}, '{whole}')), count(TRY_CAST({x} AS "
        "DOUBLE)) "
        f"FILTER (NOT regexp_full_match({x}, '{code}')) FROM {source.relation}",
    )
    if wholes == filled:
        return f"TRY_CAST({x} AS BIGINT)"
    return f"TRY_CAST({x} AS DOUBLE)" if numbers == filled else x


def _trimmed(x: str) -> str:
    # a bare TRY_CAST of a column is pushed into DuckDB's CSV reader, which then raises instead of giving NULL
    return f"trim(CAST({x} AS VARCHAR))"


def _refuse_bad_rows(
    connection: duckdb.DuckDBPyConnection, source: Source, columns: Columns, expressions: Mapping[str, str]
) -> None:
    count, no_id, no_day, no_amount = sql.one(
        connection,
        "SELECT count(*), count(*) FILTER (customer_id IS NULL), count(*) FILTER (day IS NULL), "
        f"count(*) FILTER (amount IS NULL) FROM {ROWS}",
    )
    if count == 0:
        raise DataError(f"{source.title} holds no rows: there is nothing to summarize")
    if no_id:
        raise DataError(
            f"{columns.customer_id!r} is missing in {no_id:,} of {count:,} rows of {source.title}: "
            "drop purchases that belong to nobody, or give them an id"
        )
    if no_day:
        cure = 'write ISO dates (2024-01-31), or give datetime_format= as strptime has it ("%d/%m/%Y")'
        raise _bad_values(connection, source, columns.date, "stamp", expressions, cure)
    if no_amount and columns.amount is not None:
        cure = "give finite numbers below 1e12 in absolute size, written like 1234.50"
        raise _bad_values(connection, source, columns.amount, "amount", expressions, cure)


def _bad_values(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    name: str,
    part: str,
    expressions: Mapping[str, str],
    cure: str,
) -> DataError:
    """Error with counts, ids and examples; only now is it worth reading the source again."""
    x = f"nullif(trim(CAST({sql.quote(name)} AS VARCHAR)), '')"
    bad = (
        f"SELECT {expressions['customer_id']} AS customer_id, {x} AS written FROM {source.relation} "
        f"WHERE ({expressions[part]}) IS NULL"
    )
    rows = sql.one(connection, f"SELECT count(*) FROM {ROWS}")[0]
    missing, unreadable = sql.one(
        connection, f"SELECT count(*) FILTER (written IS NULL), count(written) FROM ({bad})"
    )
    ids = sql.column(connection, f"SELECT DISTINCT customer_id FROM ({bad}) ORDER BY 1 LIMIT 6")
    shown = sql.column(
        connection, f"SELECT DISTINCT written FROM ({bad}) WHERE written IS NOT NULL ORDER BY 1 LIMIT 3"
    )
    examples = f" (such as {', '.join(map(repr, shown))})" if shown else ""
    return DataError(
        f"column {name!r} of {source.title}: {missing:,} missing and {unreadable:,} unreadable{examples} "
        f"in {rows:,} rows ({{ids}}): {cure}",
        ids=ids,
    )
