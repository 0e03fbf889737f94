"""A log as rows with types: id as text, a local stamp and its day, an exact amount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bayesltv.data import sql
from bayesltv.data.databases.reading import forget, is_in_database, open_database
from bayesltv.data.ids import FLOATS, WHOLE
from bayesltv.data.log.labels import drop_zeros, label_sql, unlike
from bayesltv.data.log.sources import Part, Source, explained, open_source
from bayesltv.data.log.stamps import stamps_sql
from bayesltv.data.log_columns import Columns as Columns
from bayesltv.errors import DataError, warn
from bayesltv.held import watch

if TYPE_CHECKING:
    import duckdb

ROWS = "purchase_rows"
"""Temporary table: customer_id, stamp, day, amount, order_id, group columns and covariates (numbered)."""

SMALL_AMOUNT = "0.0005"
"""Below this six decimals may move an amount by more than one in a thousand."""


_WHOLE = r"[+-]?(\d+|\d{1,3}(\.\d{3})+)"
COMMA_AMOUNT, IN_COMMAS = rf"{_WHOLE},\d{{1,2}}", rf"{_WHOLE}(,\d{{1,2}})?"
"""An amount that can only be meant with a decimal comma, and one of a column that has some."""


def read_rows(
    connection: duckdb.DuckDBPyConnection,
    log: object,
    *,
    columns: Columns,
    timezone: str | None = None,
    datetime_format: str | None = None,
) -> None:
    """Fill the table `ROWS` of `connection` from `log`.

    Parameters
    ----------
    connection : DuckDB connection
    log : path, frame, DatabaseTable or Ibis table
        See `bayesltv.data.log.sources.open_source`.
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
    is_elsewhere = is_in_database(log)
    watched = watch(None if is_elsewhere else log)
    if is_elsewhere:
        opened = open_database(connection, log, columns, timezone, datetime_format)
        source, columns, timezone = opened.source, opened.columns, opened.timezone
    else:
        source = open_source(connection, log, columns=columns.wanted)
    with explained(source.path):
        expressions = _expressions(connection, source, columns, timezone, datetime_format)
        _fill(connection, source, expressions)
        if _has_decimal_commas(connection, source, columns.amount):
            expressions = _with_commas(source, columns.amount, expressions)
            _fill(connection, source, expressions)
        _refuse_bad_rows(connection, source, columns, expressions)
    if is_elsewhere:
        forget(connection)
    watched.require_unchanged()


Expressions = Mapping[str, Mapping[str, str]]
"""Relation of a part -> name of a typed column -> SQL."""


def _fill(connection: duckdb.DuckDBPyConnection, source: Source, expressions: Expressions) -> None:
    typed = source.union(lambda part: _typed(part, expressions[part.relation]))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {ROWS} AS SELECT *, CAST(stamp AS DATE) AS day FROM ({typed})"
    )


def _has_decimal_commas(connection: duckdb.DuckDBPyConnection, source: Source, name: str | None) -> bool:
    """Return whether amounts could not be read, and some of them end in a comma and one or two digits."""
    if name is None or not sql.one(connection, f"SELECT count(*) FROM {ROWS} WHERE amount IS NULL")[0]:
        return False
    x = _trimmed(sql.quote(name))
    written = source.union(
        lambda part: f"SELECT regexp_full_match({x}, '{COMMA_AMOUNT}') AS has FROM {part.relation}"
    )
    return bool(sql.one(connection, f"SELECT coalesce(bool_or(has), false) FROM ({written})")[0])


def _with_commas(source: Source, name: str | None, expressions: Expressions) -> Expressions:
    """Return the expressions with amounts whose comma is a decimal one, points between thousands."""
    assert name is not None
    x = _trimmed(sql.quote(name))
    plain = f"replace(replace({x}, '.', ''), ',', '.')"
    amount = f"CASE WHEN regexp_full_match({x}, '{IN_COMMAS}') THEN TRY_CAST({plain} AS {sql.MONEY}) END"
    warn(
        f"amounts in column {name!r} of {source.title} have a decimal comma, and are read so: 1.234,50 is "
        "one thousand and some"
    )
    return {at: {**each, "amount": amount} for at, each in expressions.items()}


def _typed(part: Part, expressions: Mapping[str, str]) -> str:
    columns = sql.comma(f"{value} AS {name}" for name, value in expressions.items())
    return f"SELECT {columns} FROM {part.relation}"


def _expressions(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    columns: Columns,
    timezone: str | None,
    datetime_format: str | None,
) -> Expressions:
    ids = label_sql(connection, source, columns.customer_id)
    stamps = stamps_sql(connection, source, columns.date, timezone, datetime_format)
    order = columns.order_id
    orders = None if order is None else label_sql(connection, source, order, is_id=False)
    groups = [label_sql(connection, source, group, is_id=False) for group in columns.groups]
    covariates = [_covariates(connection, source, name) for name in columns.covariates]
    return {
        at: {
            "customer_id": ids[at],
            "stamp": stamps[at],
            "amount": "0" if columns.amount is None else _amount(columns.amount, part.types[columns.amount]),
            "order_id": f"CAST({'NULL' if orders is None else orders[at]} AS VARCHAR)",
            **{f"group_{i}": group[at] for i, group in enumerate(groups)},
            **{f"covariate_{i}": covariate[at] for i, covariate in enumerate(covariates)},
        }
        for part in source.parts
        for at in [part.relation]
    }


def _amount(name: str, kind: str) -> str:
    """Return SQL for the exact amount; NULL where it is missing, not a number or not finite."""
    x = sql.quote(name)
    if kind == "VARCHAR" or kind.startswith("ENUM"):
        x, kind = f"TRY_CAST({_trimmed(x)} AS DOUBLE)", "DOUBLE"
    if kind in FLOATS:
        return f"CASE WHEN isfinite({x}) THEN TRY_CAST({x} AS {sql.MONEY}) END"
    if kind in WHOLE or kind.startswith("DECIMAL"):
        return f"TRY_CAST({x} AS {sql.MONEY})"
    raise DataError(f"amounts in column {name!r} are of type {kind}: give numbers")


def _covariates(connection: duckdb.DuckDBPyConnection, source: Source, name: str) -> Mapping[str, str]:
    """Return, by part, SQL for a covariate in its own type; a file's text that is all numbers is numbers."""
    kinds = {part.types[name] for part in source.parts}
    if kinds <= {"VARCHAR"} and source.path is not None:
        x = _filed_text(connection, source, name)
        return {part.relation: x for part in source.parts}
    are_numbers = all(kind in (*WHOLE, *FLOATS) or kind.startswith("DECIMAL") for kind in kinds)
    are_texts = all(kind == "VARCHAR" or kind.startswith("ENUM") for kind in kinds)
    if len(kinds) > 1 and not are_numbers and not are_texts:
        raise unlike(source, name, "write it as one type in every file")
    found = {part.relation: _covariate(name, part.types[name]) for part in source.parts}
    if len(kinds) == 1 or are_texts:
        return found
    return {at: f"CAST({x} AS DOUBLE)" for at, x in found.items()}


def _covariate(name: str, kind: str) -> str:
    x = sql.quote(name)
    if kind.startswith("ENUM"):
        return f"CAST({x} AS VARCHAR)"
    return f"CASE WHEN isfinite({x}) THEN {x} END" if kind in FLOATS else x


def _filed_text(connection: duckdb.DuckDBPyConnection, source: Source, name: str) -> str:
    x = f"nullif({_trimmed(sql.quote(name))}, '')"
    # TRY_CAST would round 0.5 to a whole number, and "007" is a code
    whole, code = r"[+-]?(0|[1-9][0-9]{0,17})", r"[+-]?0[0-9].*"
    texts = source.union(lambda part: f"SELECT {x} AS x FROM {part.relation}")
    filled, wholes, numbers = sql.one(
        connection,
        f"SELECT count(x), count(*) FILTER (regexp_full_match(x, '{whole}')), count(TRY_CAST(x AS DOUBLE)) "
        f"FILTER (NOT regexp_full_match(x, '{code}')) FROM ({texts})",
    )
    if wholes == filled:
        return f"TRY_CAST({x} AS BIGINT)"
    return f"TRY_CAST({x} AS DOUBLE)" if numbers == filled else x


def _trimmed(x: str) -> str:
    # a bare TRY_CAST of a column is pushed into DuckDB's CSV reader, which then raises instead of giving NULL
    return f"trim(CAST({x} AS VARCHAR))"


def _refuse_bad_rows(
    connection: duckdb.DuckDBPyConnection, source: Source, columns: Columns, expressions: Expressions
) -> None:
    count, no_id, no_day, no_amount, small, zeros = sql.one(
        connection,
        "SELECT count(*), count(*) FILTER (customer_id IS NULL), count(*) FILTER (day IS NULL), "
        f"count(*) FILTER (amount IS NULL), count(*) FILTER (abs(amount) < {SMALL_AMOUNT}), "
        f"count(*) FILTER (suffix(customer_id, '.0')) FROM {ROWS}",
    )
    if count == 0:
        raise DataError(f"{source.title} holds no rows: there is nothing to summarize")
    if no_id:
        raise DataError(
            f"{columns.customer_id!r} is missing in {no_id:,} of {count:,} rows of {source.title}: "
            "drop purchases that belong to nobody, or give them an id"
        )
    if zeros and source.is_csv:
        drop_zeros(connection, ROWS, columns.customer_id, source.title)
    if no_day:
        cure = (
            "write ISO dates with four digits of the year (2024-01-31), or give datetime_format= as strptime "
            'has it ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%y")'
        )
        raise _bad_values(connection, source, columns.date, "stamp", expressions, cure)
    if no_amount and columns.amount is not None:
        cure = "give finite numbers below 1e12 in absolute size, written like 1234.50"
        raise _bad_values(connection, source, columns.amount, "amount", expressions, cure)
    if small and columns.amount is not None:
        _warn_of_rounded(connection, source, columns.amount, expressions)


def _bad_values(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    name: str,
    part: str,
    expressions: Expressions,
    cure: str,
) -> DataError:
    """Error with counts, ids and examples; only now is it worth reading the source again."""
    x = f"nullif(trim(CAST({sql.quote(name)} AS VARCHAR)), '')"
    bad = source.union(
        lambda each: (
            f"SELECT {expressions[each.relation]['customer_id']} AS customer_id, {x} AS written "
            f"FROM {each.relation} WHERE ({expressions[each.relation][part]}) IS NULL"
        )
    )
    rows = sql.one(connection, f"SELECT count(*) FROM {ROWS}")[0]
    missing, unreadable = sql.one(
        connection, f"SELECT count(*) FILTER (written IS NULL), count(written) FROM ({bad})"
    )
    ids = sql.column(connection, f"SELECT DISTINCT customer_id FROM ({bad}) ORDER BY 1 LIMIT 6")
    shown = sql.column(
        connection, f"SELECT DISTINCT written[:40] FROM ({bad}) WHERE written IS NOT NULL ORDER BY 1 LIMIT 3"
    )
    examples = f" (such as {', '.join(map(repr, shown))})" if shown else ""
    return DataError(
        f"column {name!r} of {source.title}: {missing:,} missing and {unreadable:,} unreadable{examples} "
        f"in {rows:,} rows ({{ids}}): {cure}",
        ids=ids,
    )


def _warn_of_rounded(
    connection: duckdb.DuckDBPyConnection, source: Source, name: str, expressions: Expressions
) -> None:
    """Warn of amounts that six decimals turn into 0 or move by more than one in a thousand."""
    rounded = source.union(lambda part: _rounded(part, name, expressions[part.relation]))
    count, least, ids = sql.one(
        connection, f"SELECT count(*), min(size), list_sort(list(DISTINCT customer_id))[:6] FROM ({rounded})"
    )
    if count:
        warn(moved_message(name, count, f"{least:.3g}"), ids=ids)


def moved_message(name: str | None, count: int, least: str) -> str:
    """Return what to say of amounts too small for six decimals; ``{ids}`` stands for the customers."""
    return (
        f"{count:,} amounts in column {name!r} are so small, {least} or so, that keeping them to six "
        "decimals turns them into 0 or moves them by more than 1 in 1,000 ({ids}): give amounts in a "
        "smaller unit of money, such as thousandths"
    )


def _rounded(part: Part, name: str, expressions: Mapping[str, str]) -> str:
    x = sql.quote(name)
    size = f"abs(TRY_CAST({_trimmed(x)} AS DOUBLE))"
    moved = f"abs(abs(CAST({expressions['amount']} AS DOUBLE)) - {size}) > {size} / 1000"
    return (
        f"SELECT {expressions['customer_id']} AS customer_id, {size} AS size FROM {part.relation} "
        f"WHERE {size} > 0 AND {size} < {SMALL_AMOUNT} AND {moved}"
    )
