"""Any kind of log -> one relation the embedded engine can read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesltv.data import sql
from bayesltv.errors import DataError, StoreError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

CSV_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
PARQUET_SUFFIXES = (".parquet", ".pq")
_MAP_COLUMNS = (
    "map columns with customer_id_col=, datetime_col=, monetary_value_col= (None where there are no amounts)"
)


@dataclass(frozen=True)
class Source:
    """Rows of a log inside the engine.

    Parameters
    ----------
    relation : str
        SQL that may follow FROM.
    types : mapping
        Column name -> DuckDB type.
    title : str
        How messages name the log.
    path : Path, optional
        The file, where there is one: it is read as the rows are, so that reading can still fail.
    """

    relation: str
    types: Mapping[str, str]
    title: str
    path: Path | None = None


def open_source(connection: duckdb.DuckDBPyConnection, log: object, *, columns: Sequence[str]) -> Source:
    """Return the rows of `log` as a relation of `connection`.

    CSV and Parquet files are read by the engine itself, every CSV column as text, so that the id "00001"
    keeps its zeros. Frames of pandas, Polars (eager or lazy), PyArrow and DuckDB become one Arrow table of
    `columns`.

    Parameters
    ----------
    log : path or frame
        A path that ends in .csv, .tsv, .txt (also .gz) or .parquet, a folder of Parquet files, or a frame.
    columns : sequence of str
        Columns that must be there; others are not touched.

    Raises
    ------
    StoreError
        Where a path does not exist or cannot be read.
    DataError
        Where a column is missing, the encoding is not UTF-8, or the object is no table.
    """
    if isinstance(log, (str, os.PathLike)):
        return _open_path(connection, Path(log), columns)
    table = table_of(log, columns)
    connection.register("log_frame", table)
    return Source("log_frame", sql.types_of(connection, "log_frame"), "log")


def require_columns(
    present: Iterable[str], wanted: Iterable[str], *, title: str, cure: str = _MAP_COLUMNS
) -> None:
    """Raise DataError, naming the nearest columns, where `wanted` are not all `present`."""
    present = list(present)
    missing = [c for c in dict.fromkeys(wanted) if c not in present]
    if not missing:
        return
    hints = [f"{c!r}{_nearest(c, present)}" for c in missing]
    plural = "s" if len(missing) > 1 else ""
    raise DataError(
        f"{title} has no column{plural} {', '.join(hints)}; its columns are {present[:20]}: {cure}"
    )


def table_of(frame: object, columns: Sequence[str] | None = None) -> pa.Table:
    """Return `columns` (default all) of a pandas, Polars, PyArrow or DuckDB frame as an Arrow table.

    Raises
    ------
    DataError
        Where the object is no frame that narwhals knows, or lacks a column.
    """
    if isinstance(frame, pd.DataFrame):
        return _table_of_pandas(frame, columns)
    import narwhals as nw

    try:
        narrow: Any = nw.from_native(frame)
        present = narrow.collect_schema().names()
    except (TypeError, AttributeError):
        kind = f"{type(frame).__module__}.{type(frame).__name__}"
        raise DataError(
            f"a log of type {kind} cannot be read: give a CSV or Parquet path, or a frame of pandas, Polars, "
            "PyArrow or DuckDB"
        ) from None
    wanted = list(dict.fromkeys(columns)) if columns is not None else present
    require_columns(present, wanted, title="log")
    chosen = narrow.select(wanted)
    if isinstance(chosen, nw.LazyFrame):
        chosen = chosen.collect("pyarrow")
    return chosen.to_arrow()


def plain_text(value: object) -> str:
    """Return an id as text; a float that is whole loses its ".0"."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _table_of_pandas(frame: pd.DataFrame, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow as pa

    present = [str(c) for c in frame.columns]
    wanted = list(dict.fromkeys(columns)) if columns is not None else present
    require_columns(present, wanted, title="log")
    twice = [c for c in wanted if present.count(c) > 1]
    if twice:
        raise DataError(f"log has more than one column named {twice[0]!r}: rename one")
    arrays = [_array_of(frame.iloc[:, present.index(c)]) for c in wanted]
    return pa.table(dict(zip(wanted, arrays, strict=True)))


def _array_of(series: pd.Series[Any]) -> pa.Array:
    """Arrow array of a column; mixed Python objects, which Arrow has no type for, become text."""
    import pyarrow as pa

    try:
        array = pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        missing = series.isna()
        array = pa.array(
            [None if gone else plain_text(v) for v, gone in zip(series, missing, strict=True)],
            type=pa.string(),
        )
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _open_path(connection: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[str]) -> Source:
    if not os.path.exists(path):
        raise StoreError(f"{path} does not exist: check the path")
    reader = _reader(path)
    with explained(path):
        types = sql.types_of(connection, reader)
    require_columns(types, columns, title=str(path))
    return Source(reader, {c: types[c] for c in columns}, str(path), path)


@contextmanager
def explained(path: Path | None) -> Iterator[None]:
    """Turn what the engine says about a file into an error that names the file and the cure."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        if path is None or isinstance(error, duckdb.OutOfMemoryException):
            raise
        raise _file_error(path, error) from None


def _reader(path: Path) -> str:
    name = path.name.lower()
    if path.is_dir():
        if not any(path.rglob("*.parquet")):
            raise StoreError(f"{path} is a folder without Parquet files: give a CSV or Parquet file")
        return f"read_parquet({sql.text(_unglobbed(path) + '/**/*.parquet')}, binary_as_string = true)"
    if name.endswith(PARQUET_SUFFIXES):
        return f"read_parquet({sql.text(_unglobbed(path))}, binary_as_string = true)"
    if name.endswith(CSV_SUFFIXES):
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty (0 bytes): it needs a header line and one row per purchase")
        # the quote is fixed, since a sniffer that sees none in its sample fails on the first one after it
        options = "all_varchar = true, header = true, quote = '\"', escape = '\"'"
        return f"read_csv({sql.text(_unglobbed(path))}, {options})"
    raise StoreError(
        f"{path} is neither CSV nor Parquet by its name: use {', '.join(CSV_SUFFIXES + PARQUET_SUFFIXES)}"
    )


def _unglobbed(path: Path) -> str:
    return "".join(f"[{c}]" if c in "[*?" else c for c in str(path))


def _file_error(path: Path, error: Exception) -> DataError | StoreError:
    reason = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
    if "unicode" in str(error) or "utf-8" in str(error).lower():
        return DataError(
            f"{path} is not UTF-8 ({{quoted}}): convert it first, for example "
            f"`iconv -f latin1 -t utf-8 {path.name} > utf8.csv` (utf-16 where a spreadsheet wrote it)",
            quoted=reason,
        )
    if path.name.lower().endswith(CSV_SUFFIXES):
        cure = "is every row quoted and separated alike?"
        return DataError(f"{path} cannot be read as CSV: {{quoted}}: {cure}", quoted=reason)
    return StoreError(f"{path} cannot be read as Parquet: {{quoted}}", quoted=reason)


def _nearest(name: str, present: list[str]) -> str:
    lowered = {c.lower(): c for c in present}
    close = [lowered[c] for c in get_close_matches(name.lower(), list(lowered), n=2, cutoff=0.5)]
    return f" (nearest: {', '.join(close)})" if close else ""
