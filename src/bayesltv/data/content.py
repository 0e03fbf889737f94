"""What a table holds, column by column, as digests that do not depend on how it is cut into parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hashlib import _Hash

    import pyarrow as pa


class Content:
    """The SHA-256 of each column of a table that comes in parts, in their order.

    Texts count alike in any of Arrow's types for them, stamps in any unit, and a dictionary as its values: a
    Parquet file gives back others than it was given.
    """

    def __init__(self) -> None:
        self._columns: dict[str, _Hash] = {}

    def add(self, part: pa.Table) -> None:
        """Take the next rows in."""
        for name in part.column_names:
            digest = self._columns.setdefault(name, hashlib.sha256())
            for chunk in part.column(name).chunks:
                _add(digest, chunk)

    def told(self) -> dict[str, str]:
        """Return the digest of each column so far, 64 hexadecimal digits."""
        return {name: digest.hexdigest() for name, digest in self._columns.items()}


def attributes_digest(attributes: Mapping[Any, Any]) -> str:
    """Return the SHA-256 of attributes, as JSON gives them back."""
    plain = {str(name): value for name, value in attributes.items()}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()


def _add(digest: _Hash, values: pa.Array) -> None:
    """Take an array in: which values there are, then what they are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = values.type
    if pa.types.is_dictionary(kind):
        _add(digest, values.dictionary_decode())
        return
    if values.null_count:
        digest.update(np.flatnonzero(pc.is_null(values).to_numpy(zero_copy_only=False)).astype("<i8"))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        digest.update(pc.list_value_length(values).fill_null(0).to_numpy(zero_copy_only=False).astype("<i8"))
        _add(digest, pc.list_flatten(values))
    elif pa.types.is_timestamp(kind):
        micros = values.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
        _add_numbers(digest, micros)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        _add_numbers(digest, values.cast(pa.uint8()) if pa.types.is_boolean(kind) else values)
    elif not pa.types.is_null(kind):
        _add_texts(digest, values.cast(pa.large_string()))


def _add_numbers(digest: _Hash, values: pa.Array) -> None:
    full = values.fill_null(0) if values.null_count else values
    digest.update(np.ascontiguousarray(full.to_numpy(zero_copy_only=False)))


def _add_texts(digest: _Hash, values: pa.Array) -> None:
    full = values.fill_null("") if values.null_count else values
    offsets = np.frombuffer(full.buffers()[1], dtype="<i8")[full.offset : full.offset + len(full) + 1]
    digest.update(np.diff(offsets))
    if len(full) and offsets[-1] > offsets[0]:
        digest.update(np.frombuffer(full.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]])
