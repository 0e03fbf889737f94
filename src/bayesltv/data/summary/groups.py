"""Group columns of a summary: their levels, the observed combinations, and each customer's code."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.errors import DataError, warn
from bayesltv.names import CUSTOMER_ID, GROUP_SEPARATOR
from bayesltv.numerics.arrays import Codes, Integers


@dataclass(frozen=True)
class Groups:
    """The observed combinations of the group columns, sorted.

    Attributes
    ----------
    columns : tuple of str
        Group columns, in spec order; empty for one population.
    combinations : tuple of tuple of str
        One level per column; a single empty combination where there are no columns.
    """

    columns: tuple[str, ...]
    combinations: tuple[tuple[str, ...], ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the combinations: "web | north"."""
        return tuple(GROUP_SEPARATOR.join(levels) for levels in self.combinations)

    def levels(self, column: str) -> tuple[str, ...]:
        """Levels of `column`, sorted."""
        at = self.columns.index(column)
        return tuple(sorted({levels[at] for levels in self.combinations}))

    def level_codes(self, column: str) -> Integers:
        """Position of each combination's level among ``levels(column)``; shape (group,)."""
        at, place = self.columns.index(column), {level: i for i, level in enumerate(self.levels(column))}
        return np.array([place[levels[at]] for levels in self.combinations], dtype=np.int64)


def make_groups(summary: pd.DataFrame, columns: Sequence[str]) -> tuple[Groups, Codes]:
    """Return the groups that `summary` holds and each customer's code among them.

    A column with a single level tells nothing apart: it is dropped with a warning.

    Raises
    ------
    DataError
        Where a column is missing or holds missing values.
    """
    check_group_columns(summary, columns)
    constant = [column for column in columns if summary[column].nunique() < 2]
    if constant:
        named = ", ".join(f"{column!r} (only {summary[column].iloc[0]!r})" for column in constant)
        warn(f"group column with a single level dropped: {named}")
    kept = tuple(column for column in columns if column not in constant)
    if not kept:
        return Groups((), ((),)), np.zeros(len(summary), dtype=np.int32)
    rows = summary[list(kept)].astype(str)
    combinations = tuple(sorted(map(tuple, rows.drop_duplicates().to_numpy().tolist())))
    return Groups(kept, combinations), codes_of(summary, kept, combinations)


def codes_of(summary: pd.DataFrame, columns: Sequence[str], combinations: Sequence[tuple[str, ...]]) -> Codes:
    """Return each row's position among `combinations`, -1 where its combination is not among them."""
    if not columns:
        return np.zeros(len(summary), dtype=np.int32)
    place = {levels: i for i, levels in enumerate(combinations)}
    number, distinct = pd.MultiIndex.from_frame(summary[list(columns)].astype(str)).factorize()
    lookup = np.array([place.get(tuple(levels), -1) for levels in distinct], dtype=np.int32)
    codes: Codes = lookup[number]
    return codes


def check_group_columns(summary: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise DataError where a group column is missing, or a customer has no value in it."""
    missing = [column for column in columns if column not in summary.columns]
    if missing:
        raise DataError(
            f"group column {missing[0]!r} is not in the summary: pass groups={list(columns)} to summarize "
            f"(its columns are {', '.join(map(str, summary.columns))})"
        )
    for column in columns:
        empty = summary[column].isna()
        if empty.any():
            raise DataError(
                f"group column {column!r} is missing for {int(empty.sum()):,} of {len(summary):,} customers "
                "({ids}): fill it in, for instance with 'unknown'",
                ids=summary.loc[empty, CUSTOMER_ID],
            )


def labels_of(table: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.object_]:
    """Return the label of each row's group, as totals and `Groups.labels` have it; "" without columns."""
    if not columns:
        return np.full(len(table), "", dtype=object)
    parts = [table[column].astype(str) for column in columns]
    return np.array([GROUP_SEPARATOR.join(each) for each in zip(*parts, strict=True)], dtype=object)
