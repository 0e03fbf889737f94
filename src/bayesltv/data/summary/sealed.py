"""A Parquet file that says what it holds: written with digests of its columns, and read against them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from bayesltv.data.summary.content import Content
from bayesltv.errors import BayesltvError, StoreError
from bayesltv.held import Held

if TYPE_CHECKING:
    import pyarrow.parquet as pq

PANDAS = b"pandas"
"""Key under which pandas keeps the attributes of a frame, and the types of its columns."""
SEAL = b"bayesltv"
"""Key of a file's metadata under which the digests of its columns and attributes stand.

It is none of a frame's attributes: what pandas writes again carries no digest of earlier rows.
"""


def seal_of(content: Content, metadata: bytes) -> str:
    """Return what a file is to say of its rows and of what pandas keeps there: attributes and types."""
    return json.dumps({"columns": content.told(), "attributes": sha256(metadata).hexdigest()})


def is_sealed(schema: pa.Schema) -> bool:
    """Return whether a file of this schema carries digests."""
    return SEAL in (schema.metadata or {})


def sealed_parts(source: Held, rows: int | None, *, left_out: tuple[str, ...] = ()) -> Iterator[pa.Table]:
    """Yield tables of `rows` rows, or a whole one, in the file's order and whatever its row groups.

    Digests are compared once the last part has been taken; a file without any is read as it stands.

    Raises
    ------
    StoreError
        Where the file cannot be read, or does not hold what it says.
    """
    import pyarrow.parquet as pq

    content = Content()
    try:
        with pq.ParquetFile(source.from_start()) as file:
            columns = [name for name in file.schema_arrow.names if name not in left_out]
            schema = file.schema_arrow
            for part in [file.read(columns)] if rows is None else _parts(file, rows, columns):
                content.add(part)
                schema = part.schema  # Arrow keeps metadata twice: these are those that pandas will see
                yield part
            if is_sealed(schema) or is_sealed(file.schema_arrow):
                _require_told(source.path, schema, content, left_out)
    except BayesltvError:
        raise
    except Exception as error:  # whatever damaged bytes make Arrow and pandas raise
        raise StoreError(
            f"{source.path} is not a readable Parquet file ({{quoted}}): is it cut short, or another format?",
            quoted=(str(error).splitlines() or [type(error).__name__])[0],
        ) from error


def _parts(file: pq.ParquetFile, rows: int, columns: list[str]) -> Iterator[pa.Table]:
    waiting = file.schema_arrow.empty_table().select(columns)
    yielded = False
    for batch in file.iter_batches(batch_size=rows, columns=columns):
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch]).cast(waiting.schema)])
        while waiting.num_rows >= rows:
            yield waiting.slice(0, rows)
            waiting, yielded = waiting.slice(rows), True
    if waiting.num_rows or not yielded:
        yield waiting


def _require_told(path: Path, schema: pa.Schema, content: Content, left_out: tuple[str, ...]) -> None:
    """Raise where columns or attributes are not those that the file's seal speaks of."""
    told = json.loads(schema.metadata[SEAL])
    wanted = {name: digest for name, digest in told["columns"].items() if name not in left_out}
    found = content.told()
    differs = [name for name in {**wanted, **found} if wanted.get(name) != found.get(name)]
    if sha256(schema.metadata.get(PANDAS, b"")).hexdigest() != told["attributes"]:
        differs.append("its attributes")
    if differs:
        raise StoreError(
            f"{path} does not hold what was written ({', '.join(differs)} differ): it was damaged or edited. "
            "Make it again with `bayesltv summarize`; where you changed it yourself, as_summary(frame) "
            "gives its rows a fresh fingerprint"
        )
