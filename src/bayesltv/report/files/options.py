"""What each action would bring each customer, on disk: one row per customer and action."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.data.summary.store import file_digest
from bayesltv.files import replacing
from bayesltv.names import CUSTOMER_ID
from bayesltv.report.files.export import CSV, safe_for_spreadsheets, score_files
from bayesltv.report.files.sealed import FORMAT, sealed

BLOCK = 50_000
"""Rows that are laid out at once."""


def option_files(path: str | Path) -> tuple[Path, Path]:
    """Return the table and its manifest: options.csv has options.manifest.json.

    Raises
    ------
    StoreError
        Where the path ends neither in .parquet nor in .csv.
    """
    files = score_files(path)
    return files.table, files.manifest


def write_options(
    options: xr.Dataset, path: str | Path, *, provenance: Mapping[str, Any], block: int = BLOCK
) -> tuple[Path, Path]:
    """Write what each action would bring each customer, and a manifest; return both paths.

    Parameters
    ----------
    options : Dataset
        ``plan.options``: dims (customer_id, action), money by customer.
    path : path
        .parquet or .csv. One row per customer and action, customers in their order: customer_id, action,
        eligible, then the variables of `options`, missing where a customer is not eligible.
    provenance : mapping
        What the manifest says, in JSON's types.
    block : int
        Rows that are laid out at once; changes memory, never a number.

    Raises
    ------
    StoreError
        Where a file cannot be written.
    """
    table, manifest = option_files(path)
    with replacing(manifest, table) as (told, rows):
        write = _append_csv if table.suffix.lower() == CSV else _append_parquet
        write(option_rows(options, block), rows)
        size = options.sizes[CUSTOMER_ID] * options.sizes["action"]
        written = {table.name: {"rows": size, "sha256": file_digest(rows)}}
        told.write_text(sealed({"format": FORMAT, **provenance, "files": written}), encoding="utf-8")
    return table, manifest


def option_rows(options: xr.Dataset, block: int = BLOCK) -> Iterator[pd.DataFrame]:
    """Yield the rows of options, some customers at a time; one table without rows where there are none."""
    keys = [CUSTOMER_ID, "action"]
    names = [*keys, "eligible", *(str(name) for name in options if name != "eligible")]
    step = max(1, block // max(1, options.sizes["action"]))
    for start in range(0, max(1, options.sizes[CUSTOMER_ID]), step):
        some = options.isel({CUSTOMER_ID: slice(start, start + step)})
        flat = some.to_dataframe(dim_order=keys).reset_index()
        yield flat[names].astype(dict.fromkeys(keys, "str"))


def _append_csv(blocks: Iterator[pd.DataFrame], part: Path) -> None:
    with part.open("w", encoding="utf-8-sig", newline="") as file:  # the mark tells spreadsheets of UTF-8
        for number, rows in enumerate(blocks):
            safe_for_spreadsheets(rows).to_csv(file, index=False, header=number == 0)


def _append_parquet(blocks: Iterator[pd.DataFrame], part: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = pa.Table.from_pandas(next(blocks), preserve_index=False)
    with pq.ParquetWriter(part, first.schema) as writer:
        writer.write_table(first)
        for rows in blocks:
            writer.write_table(pa.Table.from_pandas(rows, first.schema, preserve_index=False))
