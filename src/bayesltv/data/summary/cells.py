"""What the likelihood sees of a summary: cells of identical histories with counts, and repeaters' spend."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.data.summary.days import Days, Repeats, history_days, repeats_of
from bayesltv.data.summary.groups import Groups, make_groups
from bayesltv.names import (
    FIRST_AMOUNT,
    FREQUENCY,
    MONETARY_VALUE,
    RECENCY,
    SPEND_COUNT,
    SPEND_LOG_SUM,
    SPEND_SUM,
    T,
)
from bayesltv.numerics.arrays import Codes, Flags, Floats, Integers

EQUAL = 1e-10
"""Of an amount: closer ones are equal but for rounding."""
TABLE_PER_ROW = 16
"""Combinations that are numbered by a table rather than by sorting, for each row."""


@dataclass(frozen=True)
class Rows:
    """The distinct (group, covariates) that have parameters of their own.

    Attributes
    ----------
    group : ndarray of int32, shape (row,)
    design : ndarray of float64, shape (row, feature)
        Numbers of the covariates; no columns where the spec has none, and then rows are the groups.
    """

    group: Codes
    design: Floats


@dataclass(frozen=True)
class PurchaseCells:
    """Distinct (frequency, recency, T, row) with the number of customers that share each.

    Attributes
    ----------
    frequency, count : ndarray of int64, shape (cell,)
    recency, T : ndarray of float64, shape (cell,)
        In the summary's time unit.
    group : ndarray of int32, shape (cell,)
        Row among `Rows`: without covariates, the group.
    cell_of_customer : ndarray of int64, shape (customer,)
        Where each customer of the summary went.
    days : Days, optional
        Calendar days of each cell, where a clock needs them; then cells also share first day and end.
    """

    frequency: Integers
    recency: Floats
    T: Floats
    group: Codes
    count: Integers
    cell_of_customer: Integers
    days: Days | None = None


@dataclass(frozen=True)
class SpendRows:
    """The customers with positive amounts: repeaters, and with first amounts those who have one.

    Attributes
    ----------
    form : "full" or "mean"
        Whether single amounts enter (through sums and log sums), or only each customer's mean.
    count : ndarray of int64, shape (spender,)
        Number of positive repeat amounts; in the mean form the frequency.
    total, log_total : ndarray of float64, shape (spender,)
        Sum and log sum of those amounts; in the mean form count × mean and count × log mean.
    first : ndarray of float64, shape (spender,)
        First amount; 0 where there is none, or it is not asked for.
    group : ndarray of int32, shape (spender,)
    customer : ndarray of int64, shape (spender,)
        Row of the summary.
    """

    form: Literal["full", "mean"]
    count: Integers
    total: Floats
    log_total: Floats
    first: Floats
    group: Codes
    customer: Integers

    @property
    def is_repeater(self) -> Flags:
        """Who has positive repeat amounts."""
        return self.count > 0

    @property
    def of_repeaters(self) -> "SpendRows":
        """Return the rows of those who have repeat amounts."""
        names = ("count", "total", "log_total", "first", "group", "customer")
        return replace(self, **{name: getattr(self, name)[self.is_repeater] for name in names})

    @property
    def unit(self) -> float:
        """Geometric mean of the repeat amounts: what spend priors are relative to."""
        return float(np.exp(self.log_total.sum() / self.count.sum()))


@dataclass(frozen=True)
class Cells:
    """All that a model is built from.

    Attributes
    ----------
    groups : Groups
    purchase : PurchaseCells
    spend : SpendRows, optional
        None where there is nothing to learn spend from.
    repeats : Repeats, optional
        Single repeat purchases, where a clock needs them.
    row_of_customer : ndarray of int32, shape (customer,)
    """

    groups: Groups
    purchase: PurchaseCells
    spend: SpendRows | None
    rows: Rows
    repeats: Repeats | None = None
    row_of_customer: Codes | None = None

    @property
    def group_of_cell(self) -> Codes:
        """Group of each purchase cell."""
        return self.rows.group[self.purchase.group]


def make_cells(
    summary: pd.DataFrame,
    columns: Sequence[str],
    *,
    with_spend: bool,
    with_first: bool = False,
    with_days: bool = False,
    design: Floats | None = None,
) -> Cells:
    """Return the cells of a validated summary.

    Parameters
    ----------
    summary : DataFrame
        One row per customer.
    columns : sequence of str
        Group columns.
    with_spend : bool
        Whether the spec has a spend section.
    with_first : bool
        Whether it uses first amounts.
    with_days : bool
        Whether it has a clock.
    design : ndarray of float64, shape (customer, feature), optional
        Numbers of the covariates.

    Raises
    ------
    DataError
        Where a clock's days are missing or contradict the rest.
    """
    groups, codes = make_groups(summary, columns)
    if design is None or not design.shape[1]:
        every = np.arange(len(groups.combinations), dtype=np.int32)
        rows = Rows(every, np.zeros((every.size, 0)))
    else:
        number, first = number_rows(codes, *design.T)
        rows, codes = Rows(codes[first], design[first]), number.astype(np.int32)
    days = history_days(summary) if with_days else None
    spend = spend_rows(summary, codes, with_first=with_first) if with_spend else None
    if spend is not None and not spend.is_repeater.any():
        spend = None
    repeats = None if days is None else repeats_of(summary, days)
    return Cells(groups, purchase_cells(summary, codes, days), spend, rows, repeats, codes)


def purchase_cells(summary: pd.DataFrame, codes: Codes, days: Days | None = None) -> PurchaseCells:
    """Return the distinct histories of `summary`, in lexicographic order, with counts."""
    columns = (codes, *(summary[name].to_numpy() for name in (FREQUENCY, RECENCY, T)))
    calendar = () if days is None else (days.first, days.end)
    cell_of_customer, first = number_rows(*columns, *calendar)
    count = np.bincount(cell_of_customer, minlength=first.size).astype(np.int64)
    group, frequency, recency, horizon = (column[first] for column in columns)
    return PurchaseCells(
        frequency.astype(np.int64),
        recency.astype(np.float64),
        horizon.astype(np.float64),
        group.astype(np.int32),
        count,
        cell_of_customer,
        None if days is None else days.rows(first),
    )


def number_rows(*columns: NDArray[np.generic]) -> tuple[Integers, Integers]:
    """Return the number of each row's combination, in lexicographic order, and the first row that has each.

    Distinct values are found by hashing, and combinations in a table of all that could be, so that a million
    rows take a tenth of a second; sorting is kept for where that table would be far larger than the rows.
    """
    key, size = np.zeros(columns[0].size, dtype=np.int64), 1
    for column in columns:
        code, distinct = pd.factorize(column, sort=True)
        if size * distinct.size > TABLE_PER_ROW * (key.size + 1024):
            numbers, key = np.unique(key, return_inverse=True)
            size = numbers.size
        key = key * distinct.size + code
        size = size * distinct.size
    if size > TABLE_PER_ROW * (key.size + 1024):
        _, first, number = np.unique(key, return_index=True, return_inverse=True)
        return number.astype(np.int64), first.astype(np.int64)
    seen = np.full(size, key.size, dtype=np.int64)
    seen[key[::-1]] = np.arange(key.size - 1, -1, -1)  # the first row writes last
    occurs = seen < key.size
    return (np.cumsum(occurs) - 1)[key], seen[occurs]


def spend_rows(summary: pd.DataFrame, codes: Codes, *, with_first: bool = False) -> SpendRows | None:
    """Return the spend of those who have any, None where nobody has; first amounts only where asked for.

    The full form is used where the summary carries spend statistics, the mean form where it has only means.
    """
    if MONETARY_VALUE not in summary.columns:
        return None
    if {SPEND_COUNT, SPEND_SUM, SPEND_LOG_SUM} <= set(summary.columns):
        form: Literal["full", "mean"] = "full"
        count, total, log_total = (summary[c].to_numpy() for c in (SPEND_COUNT, SPEND_SUM, SPEND_LOG_SUM))
        count, total, log_total = (
            count.astype(np.int64),
            total.astype(np.float64),
            log_total.astype(np.float64),
        )
    else:
        form = "mean"
        count, mean = summary[FREQUENCY].to_numpy(np.int64), summary[MONETARY_VALUE].to_numpy(np.float64)
        count = np.where(mean > 0, count, 0)
        total = np.where(count > 0, count * mean, 0.0)
        log_total = np.where(count > 0, count * np.log(np.where(count > 0, mean, 1.0)), 0.0)
    first = np.zeros(count.size)
    if with_first and has_first_amounts(summary):
        first = np.nan_to_num(summary[FIRST_AMOUNT].to_numpy(np.float64))
    rows = np.flatnonzero((count > 0) | (first > 0))
    if rows.size == 0:
        return None
    return SpendRows(
        form, count[rows], total[rows], log_total[rows], first[rows], codes[rows], rows.astype(np.int64)
    )


def has_first_amounts(summary: pd.DataFrame) -> bool:
    """Whether a validated summary tells a first amount of anybody."""
    return FIRST_AMOUNT in summary and bool((summary[FIRST_AMOUNT] > 0).any())


def equal_amounts(rows: SpendRows | None) -> tuple[int, str] | None:
    """Return how many amounts equal one they are compared with, and that in words; None where some differ.

    Amounts are equal where all are, or where no customer's own differ from each other (each has a price of
    their own, as in a plan): then nothing tells how one customer's amounts vary.
    """
    if rows is None or not rows.is_repeater.any():
        return None
    rows = rows.of_repeaters
    mean = rows.total / rows.count
    is_one = np.ptp(mean) <= EQUAL * mean.max()
    if rows.form == "mean":  # single amounts are not told: only one mean for all leaves no spread at all
        surplus = rows.count.size - 1
        found = f"all {rows.count.size:,} repeaters have the same mean amount ({mean[0]:,.4g})"
        return (surplus, found) if is_one and surplus else None
    if np.any(np.log(mean) - rows.log_total / rows.count > EQUAL):  # not negative: Jensen
        return None
    amounts = int(rows.count.sum())
    if is_one:
        return (
            (amounts - 1, f"all {amounts:,} repeat amounts are equal ({mean[0]:,.4g})")
            if amounts > 1
            else None
        )
    surplus = amounts - rows.count.size
    found = (
        f"no customer's repeat amounts differ: {amounts:,} of {rows.count.size:,} repeaters, equal for each"
    )
    return (surplus, found) if surplus else None
