"""What a table holds, column by column, as digests that do not depend on how it is cut into parts."""

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Content:
    """The SHA-256 of each column of a table that comes in parts, in their order.

    Texts count alike in any of Arrow's types for them, stamps in any unit, and a dictionary as its values: a
    Parquet file gives back others than it was given.
    """

    def __init__(self) -> None:
        self._columns: dict[str, _Column] = {}

    def add(self, part: pa.Table) -> None:
        """Take the next rows in."""
        for name in part.column_names:
            column = self._columns.setdefault(name, _Column())
            for chunk in part.column(name).chunks:
                column.add(chunk)

    def told(self) -> dict[str, str]:
        """Return the digest of each column so far, 64 hexadecimal digits."""
        return {name: column.told() for name, column in self._columns.items()}


class _Column:
    """Streams of a column's types, missing places, lengths and values: parts only lengthen them."""

    def __init__(self) -> None:
        self._kind, self._rows = "", 0
        self._nulls, self._lengths, self._values = (hashlib.sha256() for _ in range(3))
        self._inner: _Column | None = None

    def told(self) -> str:
        inner = "" if self._inner is None else self._inner.told()
        streams = [each.hexdigest() for each in (self._nulls, self._lengths, self._values)]
        return hashlib.sha256(json.dumps([self._kind, self._rows, *streams, inner]).encode()).hexdigest()

    def add(self, values: pa.Array) -> None:
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        kind = values.type
        if values.null_count:
            missing = np.flatnonzero(pc.is_null(values).to_numpy(zero_copy_only=False))
            self._nulls.update(self._rows + missing.astype("<i8"))
        self._rows += len(values)
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            self._kind, self._inner = "list", self._inner or _Column()
            self._lengths.update(_plain(pc.list_value_length(values).cast(pa.int64())))
            self._inner.add(pc.list_flatten(values))
        elif pa.types.is_timestamp(kind):
            self._kind = f"stamp {kind.tz}"
            micros = values.cast(pa.timestamp("us", kind.tz), safe=False)
            self._values.update(_plain(micros.cast(pa.int64())))
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind):
            self._kind = str(kind)
            self._values.update(_plain(values))
        elif pa.types.is_boolean(kind):
            self._kind = "bool"
            self._values.update(_plain(values.cast(pa.uint8())))
        else:
            self._kind = "text"
            self._add_texts(values.cast(pa.large_string()))

    def _add_texts(self, values: pa.Array) -> None:
        full = values.fill_null("") if values.null_count else values
        offsets = np.frombuffer(full.buffers()[1], dtype="<i8")[full.offset : full.offset + len(full) + 1]
        self._lengths.update(np.diff(offsets))
        if len(full) and offsets[-1] > offsets[0]:
            content = np.frombuffer(full.buffers()[2], dtype=np.uint8)
            self._values.update(content[offsets[0] : offsets[-1]])


def _plain(values: pa.Array) -> np.ndarray[Any, Any]:
    """Return numbers without gaps: 0 where one is missing."""
    full = values.fill_null(0) if values.null_count else values
    return np.ascontiguousarray(full.to_numpy(zero_copy_only=False))
