"""Any kind of log -> relations the embedded engine can read: one, or one per kind of file in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bayesltv.data import sql
from bayesltv.data.encoding import encoding_error, require_text
from bayesltv.data.frames import require_columns, table_of
from bayesltv.data.log.nanoseconds import exact_files, without_zones
from bayesltv.errors import DataError, StoreError

if TYPE_CHECKING:
    import duckdb

CSV_SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
PARQUET_SUFFIXES = (".parquet", ".pq")
_SMALL = 1 << 24
_CSV_PARTS = tuple(suffix for suffix in CSV_SUFFIXES if ".txt" not in suffix)
# the quote is fixed, since a sniffer that sees none in its sample fails on the first one after it
_CSV_OPTIONS = "all_varchar = true, header = true, quote = '\"', escape = '\"'"
_PARQUET_OPTIONS = "binary_as_string = true, hive_types_autocast = false"


@dataclass(frozen=True)
class Part:
    """Rows of a log that have the same types.

    Attributes
    ----------
    relation : str
        SQL that may follow FROM.
    types : mapping
        Column name -> DuckDB type.
    title : str
        How messages name it: a file, and how many more.
    """

    relation: str
    types: Mapping[str, str]
    title: str


@dataclass(frozen=True)
class Source:
    """A log inside the engine.

    Attributes
    ----------
    parts : tuple of Part
        Each is given its types on its own; only then are they one table.
    title : str
        How messages name the log.
    path : Path, optional
        The file or folder, where there is one: it is read as the rows are, so that reading can still fail.
    is_csv : bool
        Whether every column is text because the file has no types.
    """

    parts: tuple[Part, ...]
    title: str
    path: Path | None = None
    is_csv: bool = False

    def union(self, select: Callable[[Part], str], *, by_name: bool = False) -> str:
        """Return the rows of a query over each part."""
        return f" UNION ALL {'BY NAME ' if by_name else ''}".join(map(select, self.parts))


def open_source(connection: duckdb.DuckDBPyConnection, log: object, *, columns: Sequence[str]) -> Source:
    """Return the rows of `log` as relations of `connection`.

    CSV and Parquet files are read by the engine itself, every CSV column as text, so that the id "00001"
    keeps its zeros. Files of a folder that have other types than the others are parts of their own. Frames of
    pandas, Polars (eager or lazy), PyArrow and DuckDB become one Arrow table of `columns`.

    Parameters
    ----------
    log : path or frame
        A path that ends in .csv, .tsv, .txt (also .gz) or .parquet, a folder of Parquet or CSV files, or a
        frame.
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
    bare, kinds = without_zones(table)
    connection.register("log_frame", bare)
    return Source((Part("log_frame", sql.types_of(connection, "log_frame") | kinds, "log"),), "log")


def _open_path(connection: duckdb.DuckDBPyConnection, path: Path, columns: Sequence[str]) -> Source:
    if not os.path.exists(path):
        raise StoreError(f"{path} does not exist: check the path")
    files = _files_in(path) if path.is_dir() else [path]
    is_csv = _is_csv(files[0])
    kinds = _csv_kinds(connection, files) if is_csv else _parquet_kinds(files, path, columns)
    parts = [_part(connection, relation, some, path, columns) for relation, some in kinds]
    return Source(tuple(parts), str(path), path, is_csv)


def _part(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    files: list[Path],
    path: Path,
    columns: Sequence[str],
) -> Part:
    title = str(path) if files == [path] else _title(files, path)
    with explained(files[0]):
        types = sql.types_of(connection, relation)
    require_columns(types, columns, title=str(files[0]))
    relation, kinds = exact_files(connection, relation, files, {c: types[c] for c in columns})
    return Part(relation, kinds, title)


def _title(files: list[Path], folder: Path) -> str:
    more = "" if len(files) == 1 else f" and {len(files) - 1:,} more"
    return f"{files[0].relative_to(folder).as_posix()}{more}"


def _files_in(folder: Path) -> list[Path]:
    """Return the files of a folder, of one kind, in the order of their names."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parquet = [path for path in files if path.name.lower().endswith(PARQUET_SUFFIXES)]
    csv = [path for path in files if path.name.lower().endswith(_CSV_PARTS)]
    if parquet and csv:
        raise StoreError(
            f"{folder} holds {len(parquet):,} Parquet and {len(csv):,} CSV files ({parquet[0].name}, "
            f"{csv[0].name}): leave one kind in it"
        )
    if not parquet and not csv:
        raise StoreError(
            f"{folder} is a folder without Parquet or CSV files: give a CSV or Parquet file, or a folder of "
            "either"
        )
    return parquet or csv


def _is_csv(path: Path) -> bool:
    name = path.name.lower()
    if name.endswith(PARQUET_SUFFIXES):
        return False
    if name.endswith(CSV_SUFFIXES):
        return True
    raise StoreError(
        f"{path} is neither CSV nor Parquet by its name: use {', '.join(CSV_SUFFIXES + PARQUET_SUFFIXES)}; "
        "save a spreadsheet as CSV (UTF-8)"
    )


def _csv_kinds(connection: duckdb.DuckDBPyConnection, files: list[Path]) -> Iterator[tuple[str, list[Path]]]:
    """Yield a reader for the files that are separated alike and have the same columns, kind by kind."""
    alike: dict[object, list[Path]] = {}
    for file in files:
        if file.stat().st_size == 0:
            raise DataError(f"{file} is empty (0 bytes): it needs a header line and one row per purchase")
        require_text(file)
        alike.setdefault(_dialect(connection, file) if len(files) > 1 else None, []).append(file)
    for dialect, some in alike.items():
        delimiter = f", delim = {sql.text(dialect[0])}" if isinstance(dialect, tuple) else ""
        yield f"read_csv({_listed(some)}, {_CSV_OPTIONS}{delimiter})", some


def _dialect(connection: duckdb.DuckDBPyConnection, file: Path) -> tuple[str, ...]:
    """Return delimiter and columns."""
    with explained(file):
        reader = f"sniff_csv({sql.text(_unglobbed(file))}, {_CSV_OPTIONS})"
        found = sql.one(connection, f"SELECT Delimiter, Columns FROM {reader}")
    return found[0], *(column["name"] for column in found[1])


def _parquet_kinds(files: list[Path], path: Path, columns: Sequence[str]) -> Iterator[tuple[str, list[Path]]]:
    """Yield a reader for the files in which `columns` have the same types, kind by kind."""
    alike: dict[object, list[Path]] = {}
    for file in files:
        alike.setdefault(_schema(file, path, columns) if len(files) > 1 else None, []).append(file)
    for some in alike.values():
        yield f"read_parquet({_listed(some)}, {_PARQUET_OPTIONS})", some


def _schema(file: Path, folder: Path, columns: Sequence[str]) -> tuple[object, ...]:
    """Return the types of `columns` in a file, and which columns its folders stand for."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(file)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _file_error(file, error) from None
    types = {field.name: str(field.type) for field in schema}
    folders = file.relative_to(folder).parts[:-1]
    keys = sorted(each.partition("=")[0] for each in folders if "=" in each)
    return (*keys, *(types.get(column) for column in columns))


def _listed(files: list[Path]) -> str:
    return f"[{sql.comma(sql.text(_unglobbed(file)) for file in files)}]"


@contextmanager
def explained(path: Path | None) -> Iterator[None]:
    """Turn what the engine says about a file into an error that names the file and the cure."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        if path is None or isinstance(error, duckdb.OutOfMemoryException):
            raise
        raise _file_error(_culprit(path, str(error)), error) from None


def _culprit(path: Path, said: str) -> Path:
    """Return the file of a folder that the engine's message names, or else the folder."""
    if not path.is_dir():
        return path
    return next((file for file in _files_in(path) if str(file) in said), path)


def _unglobbed(path: Path) -> str:
    return "".join(f"[{c}]" if c in "[*?" else c for c in str(path))


def _file_error(path: Path, error: Exception) -> DataError | StoreError:
    said = str(error)
    reason = said.splitlines()[0].removeprefix("Invalid Input Error: ")
    if path.is_dir():
        return DataError(f"{path} cannot be read: {{quoted}}: are all files alike?", quoted=reason)
    if not _is_csv(path):
        return StoreError(f"{path} cannot be read as Parquet: {{quoted}}", quoted=reason)
    broken = encoding_error(path)
    if broken is not None:
        return broken
    cure = "is every row quoted and separated alike?"
    if "unterminated quote" in said or _has_open_quote(path):
        cure = 'a quote is opened and not closed: close it, or double it where it belongs to the text ("")'
    return DataError(f"{path} cannot be read as CSV: {{quoted}}: {cure}", quoted=reason)


def _has_open_quote(path: Path) -> bool:
    """Whether a small file has an odd number of quotes."""
    is_small = path.suffix.lower() != ".gz" and path.stat().st_size <= _SMALL
    return is_small and path.read_bytes().count(b'"') % 2 == 1
