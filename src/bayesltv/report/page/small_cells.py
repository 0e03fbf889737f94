"""Counts of few people are not shown: of less than so many the figures tell of persons, not of a group."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.numerics.arrays import Flags

COUNTS = ("customers", "eligible", "chosen", "treated", "control")
"""Columns that count people."""
WHOLE = ("total", "all")
"""Labels of rows that add others up."""


def is_small(counts: NDArray[Any], below: int) -> Flags:
    """Return which parts of a whole must not be shown.

    Parameters
    ----------
    counts : ndarray, shape (part,)
    below : int

    Returns
    -------
    ndarray of bool, shape (part,)
        Counts from 1 to below it; where that is one part alone, also the next smallest, since the whole less
        all others would tell the one.
    """
    small: Flags = (counts > 0) & (counts < below)
    others = np.flatnonzero(~small & (counts > 0))
    if small.sum() == 1 and others.size:
        small[others[np.argmin(counts[others])]] = True
    return small


def without_small(table: pd.DataFrame, below: int, *, within: str | None = None) -> pd.DataFrame:
    """Return a table without the figures of rows that count too few people; their counts say "<10", or "–".

    Parameters
    ----------
    table : DataFrame
        Rows called "total" or "all" add the others up.
    below : int
        0 or 1: everything is shown.
    within : str, optional
        Column of what the rows are parts of; default one whole.
    """
    names = [name for name in COUNTS if name in table]
    if below <= 1 or not names or table.empty:
        return table
    hidden = _hidden(table, names, below, within)
    if not hidden.any():
        return table
    figures = [name for name in table.select_dtypes("number") if name not in names]
    made = table.assign(**{str(name): table[name].where(~hidden) for name in figures})
    for name in names:
        counted = [_said(n, below) if gone else n for n, gone in zip(table[name], hidden, strict=True)]
        made[name] = pd.Series(counted, index=table.index, dtype=object)
    return made


def _hidden(table: pd.DataFrame, names: list[str], below: int, within: str | None) -> Flags:
    whole = table.select_dtypes(exclude="number").isin(WHOLE).any(axis=1).to_numpy()
    block = np.zeros(len(table)) if within is None else pd.factorize(table[within])[0]
    hidden = np.zeros(len(table), dtype=bool)
    for name in names:
        counts = table[name].to_numpy(float)
        hidden |= whole & (counts > 0) & (counts < below)
        for each in np.unique(block):
            parts = np.flatnonzero((block == each) & ~whole)
            hidden[parts] |= is_small(counts[parts], below)
    return hidden


def _said(number: float, below: int) -> str:
    return f"<{below}" if 0 < number < below else "–"
