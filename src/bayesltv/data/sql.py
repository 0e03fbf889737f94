"""The embedded DuckDB engine: a closed connection, quoted names and text."""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesltv.errors import DataError, StoreError
from bayesltv.machine import available_processors
from bayesltv.unfinished import unfinished_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import duckdb
    import pandas as pd
    import pyarrow as pa

_SIZE = re.compile(r"[0-9]+([.][0-9]+)?\s*([KMGT]i?)?B", re.IGNORECASE)

SPILL = "bayesltv-spill"
"""Name of temporary folders, within a hidden name of their own."""
MONEY = "DECIMAL(18, 6)"
"""Type of one amount: below 1e12 in absolute size, exact to six decimals; sums are DECIMAL(38, 6)."""


@contextmanager
def connect(
    *, memory_limit: str | None = None, threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield an in-memory DuckDB that neither downloads nor loads extensions.

    Parameters
    ----------
    memory_limit : str, optional
        Text with a unit ("2GB"); past it the engine spills to a temporary folder, which is removed at the
        end. Default: most of the machine's memory.
    threads : int, optional
        Default: the processors that this process may use.

    Raises
    ------
    DataError
        Where a limit is none.
    StoreError
        Where the work does not fit into the limit even with spilling, or the disk is full.
    """
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if memory_limit is not None:
        if not _SIZE.fullmatch(memory_limit.strip()):
            raise DataError(f'memory_limit={memory_limit!r} is no size: write it like "2GB" or "500MB"')
        config["memory_limit"] = memory_limit.strip()
    if threads is not None and threads < 1:
        raise DataError(f"threads={threads} must be at least 1")
    config["threads"] = threads or available_processors()
    with _spill_folder() as folder:
        connection = duckdb.connect(":memory:", config={**config, "temp_directory": str(folder)})
        try:
            # aware stamps are converted by name, never by the host's clock
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET preserve_insertion_order = false")
            yield connection
        except duckdb.OutOfMemoryException as error:
            raise StoreError(
                f"the log does not fit: {str(error).splitlines()[0]}. Raise memory_limit, use fewer threads, "
                f"or make room in {folder} (TMPDIR says where it is)"
            ) from error
        finally:
            connection.close()


@contextmanager
def _spill_folder() -> Iterator[Path]:
    """Yield a folder for what does not fit into memory; it and those of killed runs are removed."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(unfinished_folder(Path(tempfile.gettempdir()), SPILL))
        except OSError as error:
            raise StoreError(
                f"cannot make a temporary folder: {error.strerror or error}. Let TMPDIR name a folder with "
                "room and permission to write"
            ) from error
        yield folder


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


def batches(relation: duckdb.DuckDBPyRelation, rows: int) -> pa.RecordBatchReader:
    """Return the rows of a relation in Arrow batches; DuckDB 1.4 calls it by another name than 1.5."""
    read = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    return read(rows)


def types_of(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Return column name -> DuckDB type of `relation` (SQL that may follow FROM)."""
    rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {row[0]: str(row[1]) for row in rows}


def comma(parts: Iterable[str]) -> str:
    """Return SQL parts as a list."""
    return ", ".join(parts)
