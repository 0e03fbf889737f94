"""The embedded DuckDB engine: a closed connection, quoted names and text."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import duckdb
    import pandas as pd

MONEY = "DECIMAL(18, 6)"
"""Type of one amount: below 1e12 in absolute size, exact to six decimals; sums are DECIMAL(38, 6)."""

LOG_MONEY = "DECIMAL(18, 12)"
"""Type of one logarithm of an amount: decimals add up exactly, so that threads cannot change a sum."""


@contextmanager
def connect(
    *, memory_limit: str | None = None, threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield an in-memory DuckDB that neither downloads nor loads extensions.

    Parameters
    ----------
    memory_limit : str, optional
        As DuckDB writes it ("4GB"); past it the engine spills to disk.
    threads : int, optional
        Default: all cores.
    """
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if memory_limit is not None:
        config["memory_limit"] = memory_limit
    if threads is not None:
        config["threads"] = threads
    connection = duckdb.connect(":memory:", config=config)
    try:
        connection.execute(
            "SET TimeZone = 'UTC'"
        )  # aware stamps are converted by name, never by the host's clock
        connection.execute("SET preserve_insertion_order = false")
        yield connection
    finally:
        connection.close()


def quote(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Return `value` as an SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """Return the only row of `query`."""
    (row,) = connection.execute(query).fetchall()  # fetchone would leave the result open
    return row


def column(connection: duckdb.DuckDBPyConnection, query: str) -> list[Any]:
    """Return the first column of `query` as a list."""
    return [row[0] for row in connection.execute(query).fetchall()]


def frame(connection: duckdb.DuckDBPyConnection, query: str) -> pd.DataFrame:
    """Return the rows of `query` as a pandas DataFrame."""
    table: pd.DataFrame = connection.sql(query).to_arrow_table().to_pandas(date_as_object=False)
    return table


def types_of(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Return column name -> DuckDB type of `relation` (SQL that may follow FROM)."""
    rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {row[0]: str(row[1]) for row in rows}


def comma(parts: Iterable[str]) -> str:
    """Return SQL parts as a list."""
    return ", ".join(parts)
