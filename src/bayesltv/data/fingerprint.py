"""What a summary says, as one number that does not depend on the order of its rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv import names

_COLUMNS = (names.FREQUENCY, names.RECENCY, names.T, names.MONETARY_VALUE, *names.SPEND_STATISTICS)
_MISSING = np.uint64(0x7FF8000000000000)  # the bits of one particular NaN, of which there are many


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
    ids = summary[names.CUSTOMER_ID].astype(str).to_numpy(dtype=object)
    state = pd.util.hash_array(ids, categorize=False).astype(np.uint64)
    for position, column in enumerate(_COLUMNS, start=1):
        if column in summary:
            values = summary[column].to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            values = np.full(len(summary), np.nan)
        if column == names.MONETARY_VALUE:  # other packages write 0 for "no repeat spend"
            values = np.where(values == 0, np.nan, values)
        state = _mix(state ^ _mix(_bits(values) + np.uint64(position)))
    return f"{int(state.sum(dtype=np.uint64)):016x}"


def _bits(values: NDArray[np.float64]) -> NDArray[np.uint64]:
    floats = values + 0.0  # -0.0 becomes 0.0
    bits: NDArray[np.uint64] = floats.view(np.uint64)
    return np.where(np.isnan(floats), _MISSING, bits)


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spread every bit over all bits: the finaliser of splitmix64 (Steele, Lea & Flood 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
