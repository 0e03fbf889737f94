"""What a customer has one value of: group columns and covariates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from bayesltv.data import sql
from bayesltv.errors import DataError

if TYPE_CHECKING:
    import duckdb

GroupConflict = Literal["error", "first", "last"]
CONFLICTS = ("error", "first", "last")


def attribute_select(
    connection: duckdb.DuckDBPyConnection,
    *,
    rows: str,
    customers: str,
    last_day: str,
    groups: Sequence[str],
    covariates: Sequence[str],
    conflict: GroupConflict,
) -> str | None:
    """Return SQL with one row per customer: customer_id, groups (as text) and covariates (in their own type).

    Parameters
    ----------
    connection : DuckDB connection
    rows : str
        Table with customer_id, stamp, day, group_0, ... and covariate_0, ...
    customers : str
        Table with the customer_id that count: others may be in conflict with themselves.
    last_day : str
        ISO date; rows after it are not looked at.
    groups, covariates : sequence of str
        Their names in the summary.
    conflict : {"error", "first", "last"}
        What to do where a customer has two values; first and last go by the stamp.

    Returns
    -------
    str or None
        None where neither is asked for.

    Raises
    ------
    DataError
        Where a value is missing, or a customer has two under "error".
    """
    if conflict not in CONFLICTS:
        raise DataError(f"group_conflict={conflict!r} is unknown: use one of {', '.join(CONFLICTS)}")
    columns = {f"group_{i}": g for i, g in enumerate(groups)}
    columns |= {f"covariate_{i}": c for i, c in enumerate(covariates)}
    if not columns:
        return None
    concerned = (
        f"(SELECT * FROM {rows} WHERE day <= DATE {sql.text(last_day)} "
        f"AND customer_id IN (SELECT customer_id FROM {customers}))"
    )
    for column, name in columns.items():
        _refuse_missing(connection, concerned, column, name)
        if conflict == "error":
            _refuse_conflict(connection, concerned, column, name)
    picked = [f"{_pick(column, conflict)} AS {sql.quote(name)}" for column, name in columns.items()]
    return f"SELECT customer_id, {sql.comma(picked)} FROM {concerned} GROUP BY customer_id"


def _pick(column: str, conflict: GroupConflict) -> str:
    if conflict == "error":
        return f"min({column})"
    aggregate = "min" if conflict == "first" else "max"
    # the value breaks ties of the stamp, so that neither row order nor threads choose
    return f"{aggregate}(struct_pack(stamp := stamp, value := {column})).value"


def _refuse_missing(connection: duckdb.DuckDBPyConnection, rows: str, column: str, name: str) -> None:
    count, people, missing = sql.one(
        connection,
        f"SELECT count(*) FILTER ({column} IS NULL), count(DISTINCT customer_id) FILTER ({column} IS NULL), "
        f"count(*) FROM {rows}",
    )
    if not count:
        return
    ids = sql.column(
        connection, f"SELECT DISTINCT customer_id FROM {rows} WHERE {column} IS NULL ORDER BY 1 LIMIT 6"
    )
    raise DataError(
        f"column {name!r} is missing in {count:,} of {missing:,} rows, {people:,} customers ({{ids}}): "
        'fill it, for example with "unknown"',
        ids=ids,
    )


def _refuse_conflict(connection: duckdb.DuckDBPyConnection, rows: str, column: str, name: str) -> None:
    people = (
        f"SELECT customer_id, CAST(min({column}) AS VARCHAR) AS low, CAST(max({column}) AS VARCHAR) AS high "
        f"FROM {rows} GROUP BY customer_id HAVING min({column}) <> max({column})"
    )
    found = connection.execute(f"SELECT * FROM ({people}) ORDER BY customer_id LIMIT 6").fetchall()
    if not found:
        return
    count, total = sql.one(
        connection, f"SELECT (SELECT count(*) FROM ({people})), count(DISTINCT customer_id) FROM {rows}"
    )
    _, low, high = found[0]
    raise DataError(
        f"column {name!r} has more than one value for {count:,} of {total:,} customers ({{ids}}; the first "
        "has "
        f'{low!r} and {high!r}): pass group_conflict="first" or "last", or map each customer to one value',
        ids=[row[0] for row in found],
    )
