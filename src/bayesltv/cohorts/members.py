"""Who belongs to which cohort, and what rows of a table the cohorts add up to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.data.summary.days import Days
from bayesltv.dates import COHORTS, cohort_column, cohort_labels
from bayesltv.errors import DataError, shown
from bayesltv.names import GROUP_SEPARATOR
from bayesltv.numerics.arrays import Integers

ALL = "all"
KNOWN, NEW, LEVEL, WHOLE = "cohort", "new", "level", "all"
"""Kinds of rows: acquired customers, planned ones, sums over a level of one column, the sum of the known."""


@dataclass(frozen=True)
class Members:
    """The cohorts of customers.

    Attributes
    ----------
    columns : tuple of str
    labels : tuple of tuple of str
        One level per column, of each cohort; the known first, then the new.
    cohort : ndarray of int64, shape (customer,)
        Of the known customers.
    start : ndarray of int64, shape (known cohort,)
        Day of the first member's first purchase, since 1970-01-01.
    sizes : ndarray of int64, shape (cohort,)
        All members, whoever never came back.
    """

    columns: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    cohort: Integers
    start: Integers
    sizes: Integers

    @property
    def known(self) -> int:
        """Number of cohorts of known customers."""
        return self.start.size

    @property
    def names(self) -> list[str]:
        """Labels of the cohorts as texts: "2024-05 | web"."""
        return [GROUP_SEPARATOR.join(levels) for levels in self.labels]


def members_of(summary: pd.DataFrame, days: Days, by: Sequence[str]) -> Members:
    """Return the cohorts of a summary's customers, sorted by label.

    Raises
    ------
    DataError
        Where a column is not there, or a label is missing.
    """
    columns = tuple(cohort_column(each) if each in COHORTS else each for each in by)
    parts = [_column(summary, days, name, each) for name, each in zip(columns, by, strict=True)]
    codes, combined = np.zeros(len(summary), np.int64), []
    levels = [np.unique(part, return_inverse=True) for part in parts]
    for names, at in levels:
        codes = codes * names.size + at
        combined.append(names)
    found, cohort = np.unique(codes, return_inverse=True)
    start = np.full(found.size, np.iinfo(np.int64).max)
    np.minimum.at(start, cohort, days.first)
    places = np.unravel_index(found, [names.size for names in combined])
    labels = zip(*(names[at] for names, at in zip(combined, places, strict=True)), strict=True)
    return Members(columns, tuple(labels), cohort, start, np.bincount(cohort, minlength=found.size))


def _column(summary: pd.DataFrame, days: Days, name: str, asked: str) -> NDArray[np.object_]:
    """Return the labels of one column, as text; those of the calendar are made where they are not stored."""
    if name in summary.columns:
        labels = summary[name]
        if labels.isna().any():
            raise DataError(f"column {name!r} is missing for {int(labels.isna().sum()):,} customers")
        return labels.astype(str).to_numpy(dtype=object)
    if asked in COHORTS:
        return cohort_labels(days.first, asked)
    raise DataError(
        f'by={shown(asked)}: the summary has no such column. Use "month", "week", or a column that '
        "summarize(groups=[...]) carries over"
    )


@dataclass(frozen=True)
class TableRows:
    """Rows of a table: each cohort, sums over the levels of each of several columns, and all known ones.

    Attributes
    ----------
    labels : tuple of tuple of str
        One level per column; "all" where a row adds a column's levels up.
    kinds : tuple of str
    sums : tuple of ndarray of int64
        The cohorts of the rows that come after the cohorts.
    """

    labels: tuple[tuple[str, ...], ...]
    kinds: tuple[str, ...]
    sums: tuple[Integers, ...]

    def of[Number: np.generic](self, cohorts: NDArray[Number]) -> NDArray[Number]:
        """Return the rows of an array whose first axis is the cohorts: cohorts, then their sums."""
        added = [cohorts[chosen].sum(axis=0, keepdims=True) for chosen in self.sums]
        return np.concatenate([cohorts, *added])


def rows_of(members: Members) -> TableRows:
    """Return the rows of a table of cohorts."""
    known, width = members.labels[: members.known], len(members.columns)
    kinds = [KNOWN] * len(known) + [NEW] * (len(members.labels) - len(known))
    labels, sums = list(members.labels), []
    if width > 1:
        for at in range(width):
            for level in dict.fromkeys(sorted(each[at] for each in known)):
                labels.append(tuple(level if i == at else ALL for i in range(width)))
                sums.append(np.flatnonzero([each[at] == level for each in known]))
                kinds.append(LEVEL)
    labels.append((ALL,) * width)
    sums.append(np.arange(len(known)))
    return TableRows(tuple(labels), (*kinds, WHOLE), tuple(sums))
