"""A plan of new customers: how many are to come in which week, by which channel, at what cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesltv.data.csv_table import read_csv_table
from bayesltv.data.day_lists import day_numbers
from bayesltv.data.summary.weeks import ALL, WEEK
from bayesltv.errors import DataError, counted, shown
from bayesltv.names import GROUP_SEPARATOR
from bayesltv.numerics.arrays import Floats, Integers

WEEK_COLUMN, CHANNEL, CUSTOMERS, CAC, SD = "week", "channel", "customers", "cac", "sd"


@dataclass(frozen=True)
class AcquisitionPlan:
    """New customers as they are planned; one row per week and channel.

    Attributes
    ----------
    columns : tuple of str
        Columns that make a channel.
    levels : tuple of tuple of str
        Of each row.
    start : ndarray of int64, shape (row,)
        First day of the week, in days since 1970-01-01.
    customers, sd, cac : ndarray of float64, shape (row,)
        The cost is NaN where it is not known.
    """

    columns: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    start: Integers
    customers: Floats
    sd: Floats
    cac: Floats

    @property
    def labels(self) -> tuple[str, ...]:
        """The channel of each row."""
        return tuple(GROUP_SEPARATOR.join(each) or ALL for each in self.levels)

    @property
    def last_day(self) -> int:
        """Last day of the last week."""
        return int(self.start.max()) + WEEK - 1


def read_plan(plan: pd.DataFrame | str | Path, *, columns: Sequence[str], end: int) -> AcquisitionPlan:
    """Return a plan from its table or CSV: ``week`` (its first day), ``channel``, ``customers``, ``cac``.

    Parameters
    ----------
    plan : DataFrame or path
        With a fit of several group columns these stand in the place of ``channel``; without groups any
        labels will do. A column ``sd``, where there is one, is that of the number of customers.
    columns : sequence of str
        Group columns of the fit.
    end : int
        Last day observed, in days since 1970-01-01.

    Raises
    ------
    DataError
        Where a column is missing, a week is no date, overlaps another or what is observed, or a number is
        negative or none.
    StoreError
        Where the file cannot be read.
    """
    if isinstance(plan, pd.DataFrame):
        table, title = plan.reset_index(drop=True), "the plan"
    else:
        table, title = read_csv_table(plan), f"the plan {plan}"
    own = list(columns) if columns and set(columns) <= set(table.columns) else [CHANNEL]
    absent = [name for name in (WEEK_COLUMN, *own, CUSTOMERS, CAC) if name not in table.columns]
    if absent or (len(columns) > 1 and own == [CHANNEL]):
        needed = ", ".join((WEEK_COLUMN, *(columns if len(columns) > 1 else (CHANNEL,)), CUSTOMERS, CAC))
        raise DataError(
            f"{title} lacks {shown((absent or list(columns))[0])}: it needs {needed}, and may have {SD}"
        )
    if table.empty:
        raise DataError(f"{title} has no rows: there is nobody to come")
    if table[own].isna().any(axis=None):
        raise DataError(f"{title} has rows without a channel: name one in each")
    customers = _numbers(table, CUSTOMERS, title)
    if (customers != np.rint(customers)).any():
        raise DataError(
            f"{title}: {CUSTOMERS} must be whole numbers; what is uncertain of them belongs into {SD}"
        )
    found = AcquisitionPlan(
        tuple(columns) or (CHANNEL,), tuple(map(tuple, table[own].astype(str).to_numpy())),
        _weeks(table, title, end), customers,
        _numbers(table, SD, title) if SD in table else np.zeros(len(table)),
        _numbers(table, CAC, title, may_be_missing=True),
    )  # fmt: skip
    _refuse_overlaps(found, title)
    return found


def _numbers(table: pd.DataFrame, name: str, title: str, *, may_be_missing: bool = False) -> Floats:
    values = pd.to_numeric(table[name], errors="coerce")
    bad = (values.isna() & (table[name].notna() | (not may_be_missing))) | (values < 0) | np.isinf(values)
    if bad.any():
        raise DataError(
            f"{title}: {name} must be numbers of 0 or more, but {_rows(bad)} "
            f"{shown(table.loc[bad, name].iloc[0])}"
        )
    return values.to_numpy(np.float64)


def _weeks(table: pd.DataFrame, title: str, end: int) -> Integers:
    days = day_numbers(table[WEEK_COLUMN])
    if np.isnan(days).any():
        bad = pd.Series(np.isnan(days))
        found = shown(table[WEEK_COLUMN].to_numpy()[bad.to_numpy()][0])
        raise DataError(f"{title}: week must be its first day (2025-01-06), but {_rows(bad)} {found}")
    early = pd.Series(days <= end)
    if early.any():
        raise DataError(
            f"{title}: {counted(int(early.sum()), 'week overlaps', 'weeks overlap')} what is observed until "
            f"{np.datetime64(end, 'D')} ({table[WEEK_COLUMN].to_numpy()[early.to_numpy()][0]}): its "
            "customers are in the summary already. Let the plan begin on the day after"
        )
    return days.astype(np.int64)


def _rows(bad: Any) -> str:  # noqa: ANN401
    """Return "3 rows, row 5 the first, have"; the header is row 1."""
    first = int(np.flatnonzero(bad)[0]) + 2
    return f"row {first} has" if bad.sum() == 1 else f"{int(bad.sum()):,} rows, row {first} the first, have"


def _refuse_overlaps(plan: AcquisitionPlan, title: str) -> None:
    frame = pd.DataFrame({"label": plan.labels, "start": plan.start}).sort_values(["label", "start"])
    gap = frame.groupby("label")["start"].diff()
    if (gap < WEEK).any():
        row = frame.loc[gap.lt(WEEK)].iloc[0]
        raise DataError(
            f"{title}: the week of {np.datetime64(int(row['start']), 'D')} overlaps another one of "
            f"{shown(row['label'])}: weeks have seven days, and one row per channel"
        )
