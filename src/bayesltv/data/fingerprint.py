"""What a summary says, as one number that does not depend on the order of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv import names

if TYPE_CHECKING:
    import pyarrow as pa

HASHED = (names.FREQUENCY, names.RECENCY, names.T, names.MONETARY_VALUE, *names.SPEND_STATISTICS)
_MISSING = np.uint64(0x7FF8000000000000)  # the bits of one particular NaN, of which there are many
_BLOCK = 1 << 15


def fingerprint(summary: pd.DataFrame) -> str:
    """Return 16 hex digits that stand for ids, histories and exact spend of a customer summary.

    The sum, modulo 2**64, of one 64-bit hash per row over customer_id, frequency, recency, T, monetary_value,
    spend_count, spend_sum and spend_log_sum: the same for any order of rows and columns, whatever other
    columns and attributes there are. A spend column that is absent counts as one that is missing throughout.

    Parameters
    ----------
    summary : DataFrame
        Columns customer_id, frequency, recency and T at least.

    Returns
    -------
    str
        Hexadecimal, 16 digits.

    Examples
    --------
    >>> rows = pd.DataFrame({"customer_id": ["a", "b"], "frequency": [1, 0], "recency": [2, 0], "T": [5, 4]})
    >>> fingerprint(rows) == fingerprint(rows.iloc[::-1])
    True
    """
    import pyarrow as pa

    ids = pa.array(summary[names.CUSTOMER_ID].astype("str"), pa.large_string())
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    columns = {
        name: summary[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in HASHED if name in summary
    }
    return written(hash_sum(ids, columns))


def hash_sum(ids: pa.LargeStringArray, columns: Mapping[str, NDArray[np.float64]]) -> int:
    """Return the sum of the hashes of rows: add up those of parts, and `written` gives the fingerprint."""
    total = 0
    for start in range(0, len(ids), _BLOCK):  # blocks that stay in the processor's cache
        state = text_hashes(ids.slice(start, _BLOCK))
        for name in HASHED:
            column = columns.get(name)
            values = np.full(state.size, np.nan) if column is None else column[start : start + _BLOCK]
            if name == names.MONETARY_VALUE:  # other packages write 0 for "no repeat spend"
                values = np.where(values == 0, np.nan, values)
            state = mixed(state ^ _bits(values))
        total += int(state.sum(dtype=np.uint64))
    return total


def written(total: int) -> str:
    """Return a sum of hashes as text."""
    return f"{total % 2**64:016x}"


def text_hashes(texts: pa.LargeStringArray) -> NDArray[np.uint64]:
    """Return a 64-bit hash of the UTF-8 bytes of each text: its length, then eight bytes after the other."""
    offsets = np.frombuffer(texts.buffers()[1], dtype="<i8")[texts.offset : texts.offset + len(texts) + 1]
    start, length = offsets[:-1], np.diff(offsets)
    state = mixed(length.astype(np.uint64))
    if not offsets.size or offsets[-1] == offsets[0]:
        return state
    data = np.frombuffer(texts.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]]
    padded = np.concatenate([data, np.zeros(8, dtype=np.uint8)])
    words = np.ndarray(data.size + 1, dtype="<u8", buffer=padded, strides=(1,))  # one at every byte
    rows, at = np.arange(length.size), start - offsets[0]
    for done in range(0, int(length.max()), 8):
        rows = rows[length[rows] > done]
        unused = 8 * np.maximum(done + 8 - length[rows], 0).astype(np.uint64)
        word = words[at[rows] + done] << unused >> unused  # bytes of the text after it
        state[rows] = mixed(state[rows] ^ word)
    return state


def added(prints: Iterable[str]) -> str:
    """Return the fingerprint of a summary from those of its parts, in any order."""
    return written(sum(int(each, 16) for each in prints))


def _bits(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    floats = values + 0.0  # -0.0 becomes 0.0
    bits: NDArray[np.uint64] = floats.view(np.uint64)
    return np.where(np.isnan(floats), _MISSING, bits)


def mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit over all bits: the finaliser of splitmix64 (Steele, Lea & Flood 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
