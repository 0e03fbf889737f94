"""A customer summary on disk: Parquet, which keeps its attributes, or somebody's CSV, which has none."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from bayesltv import names
from bayesltv.data.csv_table import read_csv_table
from bayesltv.data.fingerprint import fingerprint
from bayesltv.data.ids import whole_ids
from bayesltv.data.log.request import Request
from bayesltv.data.log.scan import as_frame, walk_summary
from bayesltv.data.log.sources import CSV_SUFFIXES, PARQUET_SUFFIXES
from bayesltv.data.summary.content import Content
from bayesltv.data.summary.sealed import PANDAS, SEAL, is_sealed, seal_of, sealed_parts
from bayesltv.dates import stamps_of_text
from bayesltv.errors import DataError, StoreError
from bayesltv.files import replacing
from bayesltv.held import Held, held

_DATES = (names.FIRST_PURCHASE, names.LAST_PURCHASE)


def require_parquet(path: str | Path) -> Path:
    """Return the path of a summary to be written.

    Raises
    ------
    StoreError
        Where it does not end in .parquet.
    """
    if not str(path).lower().endswith(PARQUET_SUFFIXES):
        raise StoreError(
            f"a summary is written as Parquet, not to {path}: a CSV would lose time unit, purchase days and "
            f"fingerprint. Name it {Path(path).with_suffix('.parquet')}"
        )
    return Path(path)


def write_summary(summary: pd.DataFrame, path: str | Path) -> Path:
    """Write a summary with its attributes; an earlier file stays until the new one is whole.

    Raises
    ------
    StoreError
        Where the name does not end in .parquet, or the file cannot be written.
    """
    import pyarrow.parquet as pq

    target = require_parquet(path)
    with replacing(target) as (part,):
        table, content = pa.Table.from_pandas(summary, preserve_index=False), Content()
        content.add(table)
        metadata = table.schema.metadata
        seal = {SEAL: seal_of(content, metadata[PANDAS])}
        pq.write_table(table.replace_schema_metadata({**metadata, **seal}), part)
    return target


def write_summary_of(
    log: object, request: Request, path: str | Path, *, progress: Callable[[int], None] | None = None
) -> tuple[int, int, dict[str, Any]]:
    """Write the summary of a log part by part, as `write_summary` would write it whole.

    `progress` is told how many customers have been written since it was last called.

    Returns
    -------
    tuple
        Number of customers, number of those who repeat, attributes.

    Raises
    ------
    StoreError, DataError
        As `summarize` and `write_summary`; then an earlier file is left as it was.
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    target = require_parquet(path)
    counts, content = {"customers": 0, "repeaters": 0}, Content()
    writer: pq.ParquetWriter | None = None
    schema = pa.schema([])
    with replacing(target) as (part,), ExitStack() as stack:

        def take(rows: pa.Table) -> None:
            nonlocal writer, schema
            if writer is None:
                schema = rows.schema
                # a stored Arrow schema would hide the metadata that is only known at the end
                writer = stack.enter_context(pq.ParquetWriter(part, schema, store_schema=False))
            writer.write_table(rows)
            content.add(rows)
            counts["customers"] += rows.num_rows
            if progress is not None:
                progress(rows.num_rows)
            counts["repeaters"] += pc.sum(pc.greater(rows[names.FREQUENCY], 0)).as_py() or 0

        attributes = walk_summary(log, request, take)
        if writer is not None:
            metadata = _pandas_metadata(schema, attributes)
            seal = {SEAL: seal_of(content, metadata)}
            writer.add_key_value_metadata({PANDAS: metadata, **seal})
    return counts["customers"], counts["repeaters"], attributes


def _pandas_metadata(schema: pa.Schema, attributes: dict[str, Any]) -> bytes:
    """Return what pandas itself would write beside such a table, so that it finds types and attributes."""
    frame = as_frame(schema.empty_table()).iloc[:0]
    frame.attrs.update(attributes)
    metadata: dict[bytes, bytes] = pa.Schema.from_pandas(frame, preserve_index=False).metadata
    return metadata[PANDAS]


@contextmanager
def held_summary(path: str | Path) -> Iterator[Held]:
    """Yield a summary file opened once, for `read_summary`, `summary_attributes` and `summary_batches`.

    Raises
    ------
    StoreError
        Where it does not exist, or is written to meanwhile.
    """
    _require_file(Path(path))
    with held(path) as file:
        yield file


def read_summary(path: str | Path | Held) -> pd.DataFrame:
    """Read a summary, and see that it is the one that was written; `validate_summary` judges its rows.

    A file of this package carries digests of its columns and attributes. One that pandas wrote carries the
    fingerprint that its frame had when it was made, so that rows that were chosen since want a fresh one.

    A CSV needs a header and UTF-8; every cell is read as text, so that the id "00001" keeps its zeros, and
    only an empty cell is missing. It has no attributes: its time unit must be said.

    Raises
    ------
    StoreError
        Where the file does not exist, is no Parquet and no CSV file, or is not what was written.
    DataError
        Where a CSV cannot be decoded or parsed.
    """
    if not isinstance(path, Held):
        with held_summary(path) as opened:
            return read_summary(opened)
    source = path.path
    if source.name.lower().endswith(CSV_SUFFIXES):
        return _read_csv(path)
    if not source.name.lower().endswith(PARQUET_SUFFIXES):
        raise StoreError(f"{source} is no summary: it must end in .parquet, or .csv with a header")
    (table,) = sealed_parts(path, None)
    frame = _frame_of(table, source)
    if not is_sealed(table.schema):
        found = _fingerprint(frame, frame.attrs.get(names.FINGERPRINT))
        if found is not None:
            require_own_print(source, frame.attrs, found)
    return frame


def _require_file(source: Path) -> None:
    if not os.path.isfile(source):
        raise StoreError(f"summary file {source} does not exist: make it with `bayesltv summarize`")


def summary_attributes(source: Held) -> dict[str, Any]:
    """Return the attributes of a summary on disk without reading its rows; a CSV has none.

    What cannot be read has none either: whoever reads its rows is told why.
    """
    import pyarrow.parquet as pq

    if not str(source.path).lower().endswith(PARQUET_SUFFIXES):
        return {}
    try:
        return dict(pq.read_schema(source.from_start()).empty_table().to_pandas().attrs)
    except (OSError, ValueError, pa.ArrowException):
        return {}


def summary_batches(
    source: str | Path | Held, rows: int, *, with_days: bool = False
) -> Iterator[pd.DataFrame]:
    """Yield a summary in parts of `rows` rows, in the file's order; ``repeat_days`` only where asked for.

    Every part has the summary's attributes. A summary without rows is one part without rows. A CSV is read as
    a whole, for want of attributes and types.

    Raises
    ------
    StoreError, DataError
        As `read_summary`.
    """
    if rows < 1:
        raise DataError(f"{rows} rows in a part: there must be one at least")
    if not isinstance(source, Held):
        with held_summary(source) as opened:
            yield from summary_batches(opened, rows, with_days=with_days)
        return
    if str(source.path).lower().endswith(CSV_SUFFIXES):
        whole = read_summary(source)
        yield from (whole.iloc[at : at + rows] for at in range(0, max(len(whole), 1), rows))
        return
    left_out = () if with_days else (names.REPEAT_DAYS,)
    for table in sealed_parts(source, rows, left_out=left_out):
        yield _frame_of(table, source.path)


def require_own_print(path: str | Path, attributes: Mapping[Any, Any], found: str) -> None:
    """Raise where a file's rows are not those of which it carries the fingerprint, if it carries one.

    Raises
    ------
    StoreError
    """
    carried = attributes.get(names.FINGERPRINT)
    if carried is not None and carried != found:
        raise StoreError(
            f"{path} carries the fingerprint {str(carried)[:40]}, but that of its rows is {found}: they were "
            "chosen or changed after it was made, or damaged. Where you chose them, give them a fresh one: "
            "as_summary(pandas.read_parquet(path)).to_parquet(path)"
        )


def _frame_of(table: pa.Table, path: str | Path) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = table.to_pandas()
    except Exception as error:  # whatever damaged metadata make pandas raise
        raise StoreError(
            f"{path} is damaged: its metadata cannot be read ({{quoted}})", quoted=_first_line(error)
        ) from error
    return frame


def _fingerprint(frame: pd.DataFrame, carried: object) -> str | None:
    """Return the print of rows as they stand, by the rule of the carried one; None where they have none."""
    try:
        return fingerprint(frame, like=carried)
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits.

    Raises
    ------
    StoreError
        Where it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error


def _read_csv(opened: Held) -> pd.DataFrame:
    source = opened.path
    table = read_csv_table(opened).drop(columns=names.REPEAT_DAYS, errors="ignore")  # lists, cut short
    if names.CUSTOMER_ID in table:
        ids = whole_ids(table[names.CUSTOMER_ID], names.CUSTOMER_ID, title=str(source))
        table = table.assign(**{names.CUSTOMER_ID: ids})
    return table.assign(**{name: _as_dates(table[name], source) for name in _DATES if name in table})


def _as_dates(values: pd.Series[str], source: Path) -> pd.Series[pd.Timestamp]:
    dates = stamps_of_text(values)
    broken = dates.isna() & values.notna()
    if broken.any():
        raise DataError(
            f"column {values.name!r} of {source} holds what is no date for {int(broken.sum()):,} of "
            f"{len(values):,} customers, such as {{quoted}}: write dates like 2024-01-31",
            quoted=repr(values[broken].iloc[0][:40]),
        )
    return dates


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
