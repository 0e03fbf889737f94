"""What a summary says, as one number that does not depend on the order of its rows."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from bayesltv import names
from bayesltv.data.day_lists import DayLists, day_lists, day_numbers
from bayesltv.numerics.arrays import Floats

HASHED = (names.FREQUENCY, names.RECENCY, names.T, names.MONETARY_VALUE, *names.SPEND_STATISTICS)
COVERS_FIRST = "2-"
"""Begins prints that cover first amounts; a summary without any has one that begins with nothing."""
_MISSING = np.uint64(0x7FF8000000000000)  # the bits of one particular NaN, of which there are many
_BLOCK = 1 << 15


def fingerprint(summary: pd.DataFrame, repeats: DayLists | None = None, *, like: object = None) -> str:
    """Return 16 hex digits that stand for ids, histories, days and exact spend of a customer summary.

    The sum, modulo 2**64, of one 64-bit hash per row over customer_id, frequency, recency, T, monetary_value,
    spend_count, spend_sum and spend_log_sum, and where they are present over first_purchase and repeat_days:
    the same for any order of rows and columns, whatever other columns and attributes there are. A spend
    column that is absent counts as one that is missing throughout; a summary with first_amount has a print
    that covers it too, and begins with "2-".

    Parameters
    ----------
    summary : DataFrame
        Columns customer_id, frequency, recency and T at least.
    repeats : DayLists, optional
        Its repeat_days, where they have been read already.
    like : str, optional
        A print whose rule is followed: one that was made before there were first amounts does not cover them.

    Returns
    -------
    str
        Hexadecimal, 16 digits, "2-" before them where they cover first amounts.

    Raises
    ------
    ValueError
        Where repeat_days are no lists of whole numbers.

    Examples
    --------
    >>> rows = pd.DataFrame({"customer_id": ["a", "b"], "frequency": [1, 0], "recency": [2, 0], "T": [5, 4]})
    >>> fingerprint(rows) == fingerprint(rows.iloc[::-1])
    True
    """
    ids = pa.array(summary[names.CUSTOMER_ID].astype("str"), pa.large_string())
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.combine_chunks()
    columns = {
        name: summary[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in HASHED if name in summary
    }
    if names.FIRST_PURCHASE in summary:
        columns[names.FIRST_PURCHASE] = day_numbers(summary[names.FIRST_PURCHASE])
    if repeats is None and names.REPEAT_DAYS in summary:
        repeats = day_lists(summary[names.REPEAT_DAYS])
    covers = names.FIRST_AMOUNT in summary if like is None else _covers_first(like)
    if covers:
        first = summary.get(names.FIRST_AMOUNT, pd.Series(np.nan, summary.index))
        columns[names.FIRST_AMOUNT] = first.to_numpy(dtype=np.float64, na_value=np.nan)
    return written(hash_sum(ids, columns, repeats), covers_first=covers)


def print_like(like: object, summary: pd.DataFrame) -> str:
    """Return the print of a validated summary by the rule of another print."""
    own: str = summary.attrs[names.FINGERPRINT]
    return own if _covers_first(like) == _covers_first(own) else fingerprint(summary, like=like)


def _covers_first(found: object) -> bool:
    return str(found).startswith(COVERS_FIRST)


def hash_sum(
    ids: pa.LargeStringArray,
    columns: Mapping[str, Floats],
    repeats: DayLists | None = None,
) -> int:
    """Return the sum of the hashes of rows: add up those of parts, and `written` gives the fingerprint.

    `columns` are those of ``HASHED``, first_purchase in days since 1970-01-01, and first_amount.
    """
    total, first = 0, columns.get(names.FIRST_PURCHASE)
    amount = columns.get(names.FIRST_AMOUNT)
    days = None if repeats is None else _hashes_of_lists(repeats)
    for start in range(0, len(ids), _BLOCK):  # blocks that stay in the processor's cache
        state = text_hashes(ids.slice(start, _BLOCK))
        for name in HASHED:
            column = columns.get(name)
            values = np.full(state.size, np.nan) if column is None else column[start : start + _BLOCK]
            if name == names.MONETARY_VALUE:  # other packages write 0 for "no repeat spend"
                values = _nothing_is_missing(values)
            state = mixed(state ^ _bits(values))
        if first is not None:
            state = mixed(state ^ _bits(first[start : start + _BLOCK]))
        if days is not None:
            state = mixed(state ^ days[start : start + _BLOCK])
        if amount is not None:
            state = mixed(state ^ _bits(_nothing_is_missing(amount[start : start + _BLOCK])))
        total += int(state.sum(dtype=np.uint64))
    return total


def written(total: int, *, covers_first: bool = False) -> str:
    """Return a sum of hashes as text."""
    return f"{COVERS_FIRST if covers_first else ''}{total % 2**64:016x}"


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
    parts = list(prints)
    total = sum(int(each.removeprefix(COVERS_FIRST), 16) for each in parts)
    return written(total, covers_first=any(map(_covers_first, parts)))


def _nothing_is_missing(values: Floats) -> Floats:
    return np.where(values == 0, np.nan, values)


def _hashes_of_lists(lists: DayLists) -> NDArray[np.uint64]:
    """Return a hash of each row's days that does not depend on their order."""
    sums = np.zeros(lists.days.size + 1, dtype=np.uint64)
    np.cumsum(mixed(lists.days.astype(np.uint64)), out=sums[1:])  # modulo 2**64, and so are differences
    ends = np.cumsum(lists.counts)
    hashes: NDArray[np.uint64] = sums[ends] - sums[ends - lists.counts]
    return hashes


def _bits(values: Floats) -> NDArray[np.uint64]:
    floats = values + 0.0  # -0.0 becomes 0.0
    bits: NDArray[np.uint64] = floats.view(np.uint64)
    return np.where(np.isnan(floats), _MISSING, bits)


def mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit over all bits: the finaliser of splitmix64 (Steele, Lea & Flood 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
