"""Nanoseconds with a time zone, which some versions of the engine round onto another day.

DuckDB 1.x has no type for them and cuts them towards 1970. Stamps without a zone it keeps whole: so the zone
is taken off, the instant stays, and the type says that there was one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from bayesltv.data import sql

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb

AWARE, AWARE_NS = "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"
"""Types of stamps with a zone, as DuckDB writes them."""


def without_zones(table: pa.Table) -> tuple[pa.Table, dict[str, str]]:
    """Return a table whose nanoseconds are UTC without a zone, and the types of those that had one."""
    aware = [field.name for field in table.schema if _is_affected(field.type)]
    for name in aware:
        instants = table.column(name).cast(pa.int64()).cast(pa.timestamp("ns"))
        table = table.set_column(table.column_names.index(name), name, instants)
    return table, dict.fromkeys(aware, AWARE_NS)


def exact_files(
    connection: duckdb.DuckDBPyConnection, relation: str, files: list[Path], types: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """Return a relation of the same rows, and its types, that has lost no nanosecond of Parquet files."""
    if AWARE not in types.values():
        return relation, dict(types)
    import pyarrow.dataset as ds

    rows = ds.dataset([str(file) for file in files], partitioning=_folders(files[0], types))
    if not any(_is_affected(rows.schema.field(name).type) for name in types):
        return relation, dict(types)
    nobody, kinds = without_zones(rows.schema.empty_table().select(list(types)))
    batches = (
        batch
        for some in rows.to_batches(columns=list(types))
        for batch in without_zones(pa.Table.from_batches([some]))[0].to_batches()
    )
    connection.register("log_stream", pa.RecordBatchReader.from_batches(nobody.schema, batches))
    kept = sql.quote(f"log_of_{files[0]}")
    texts = [f"CAST({sql.quote(c)} AS VARCHAR) AS {sql.quote(c)}" for c in types if types[c] == "VARCHAR"]
    replaced = f" REPLACE ({sql.comma(texts)})" if texts else ""
    connection.execute(f"CREATE TABLE {kept} AS SELECT *{replaced} FROM log_stream")
    connection.unregister("log_stream")
    return kept, {**types, **kinds}


def _folders(file: Path, types: Mapping[str, str]) -> object:
    """Return how folders named key=value are columns of text."""
    import pyarrow.dataset as ds

    keys = {part.partition("=")[0] for part in file.parts[:-1] if "=" in part} & set(types)
    return ds.partitioning(pa.schema([(key, pa.string()) for key in sorted(keys)]), flavor="hive")


def _is_affected(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) and kind.unit == "ns" and kind.tz is not None
