"""The calendar days of a summary: what a shared clock needs to know of each customer's history."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesltv import names
from bayesltv.data.day_lists import day_lists
from bayesltv.errors import DataError
from bayesltv.numerics.arrays import Flags, Floats, Integers
from bayesltv.units import DAYS_PER

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Days:
    """First purchase, last purchase and end of observation, in days since 1970-01-01; shape (row,)."""

    first: Integers
    last: Integers
    end: Integers

    def rows(self, chosen: Integers | slice) -> "Days":
        """Return some of the rows."""
        return Days(self.first[chosen], self.last[chosen], self.end[chosen])


@dataclass(frozen=True)
class Repeats:
    """Repeat purchases one by one.

    Attributes
    ----------
    day : ndarray of int64, shape (purchase,)
        Days since 1970-01-01.
    customer : ndarray of int64, shape (purchase,)
        Row of the summary.
    """

    day: Integers
    customer: Integers


def history_days(summary: pd.DataFrame) -> Days:
    """Return each customer's days, from the date of the first purchase and recency and T.

    Every customer has an own end of observation, first purchase + T. Without dates it is the summary's.

    Raises
    ------
    DataError
        Where neither dates nor an end of observation are there, or recency or T is not a whole number of
        days.
    """
    unit = DAYS_PER[str(summary.attrs[names.TIME_UNIT])]
    recency, observed = _whole_days(summary, names.RECENCY, unit), _whole_days(summary, names.T, unit)
    if names.FIRST_PURCHASE not in summary.columns:
        first = _end_of(summary) - observed
        return Days(first, first + recency, first + observed)
    dates = pd.to_datetime(summary[names.FIRST_PURCHASE])
    if dates.isna().any():
        raise DataError(
            f"first_purchase is missing for {int(dates.isna().sum()):,} of {len(summary):,} customers "
            "({ids}): a clock needs it",
            ids=summary.loc[dates.isna(), names.CUSTOMER_ID],
        )
    first = dates.to_numpy().astype("datetime64[D]").astype(np.int64)
    return Days(first, first + recency, first + observed)


def _end_of(summary: pd.DataFrame) -> int:
    end = summary.attrs.get(names.OBSERVATION_END)
    if end is None:
        raise DataError(
            "a clock needs the date of each first purchase, and the summary has no column "
            f"{names.FIRST_PURCHASE!r}: make it with summarize(log), or pass observation_end=, from which T "
            "counts back"
        )
    return int(np.datetime64(end, "D").astype(np.int64))


def repeats_of(summary: pd.DataFrame, days: Days) -> Repeats:
    """Return the repeat purchases of a validated summary.

    Raises
    ------
    DataError
        Where the summary has no repeat days, or they contradict frequency, recency or T.
    """
    if names.REPEAT_DAYS not in summary.columns:
        raise DataError(
            "a clock needs the day of every repeat purchase, and the summary has no column "
            f"{names.REPEAT_DAYS!r}: make it with summarize(log), or use a spec without [clock]"
        )
    lists = day_lists(summary[names.REPEAT_DAYS])
    day, customer = lists.days, lists.row
    wrong = lists.counts != summary[names.FREQUENCY].to_numpy()
    _refuse(summary, wrong, "repeat_days are not as many as frequency")
    wrong[customer[(day <= days.first[customer]) | (day > days.end[customer])]] = True
    _refuse(summary, wrong, "repeat_days lie outside first_purchase and the end of observation")
    latest = days.first.copy()
    np.maximum.at(latest, customer, day)
    _refuse(summary, latest != days.last, "the last of repeat_days is not first_purchase + recency")
    return Repeats(day, customer)


def log_waits(summary: pd.DataFrame) -> Floats:
    """Return Σ ln wait over each customer's repeat purchases, waits in the time unit; 0 without any.

    Raises
    ------
    DataError
        As `history_days` and `repeats_of`.
    """
    wait, customer = _waits(summary)
    unit = DAYS_PER[str(summary.attrs[names.TIME_UNIT])]
    sums = np.bincount(customer, weights=np.log(wait / unit), minlength=len(summary))
    return sums.astype(np.float64)


def median_wait(summary: pd.DataFrame) -> float | None:
    """Return the median wait between two purchases in days; None where the summary does not tell it."""
    if not {names.REPEAT_DAYS, names.FIRST_PURCHASE} <= set(summary.columns):
        return None
    try:
        wait, _ = _waits(summary)
    except (DataError, ValueError):
        return None
    return float(np.median(wait)) if wait.size else None


def wait_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return how often customers waited how long, in bins that grow by a half.

    Returns
    -------
    DataFrame
        ``wait_from``, ``wait_to`` (days, both within), ``waits``, ``share`` and its ``standard_error``, in
        which the waits of one customer count as one piece of news. ``attrs``: waits, customers, median.

    Raises
    ------
    DataError
        As `history_days` and `repeats_of`; and where nobody bought twice.
    """
    wait, customer = _waits(summary)
    if not wait.size:
        raise DataError(f"none of {len(summary):,} customers bought twice: there are no waits")
    edges = np.unique((1.5 ** np.arange(2 + np.log(wait.max()) / np.log(1.5))).astype(np.int64))
    bins = np.searchsorted(edges, wait, side="right") - 1
    _, mine = np.unique(customer, return_inverse=True)
    of = np.zeros((mine.max() + 1, bins.max() + 1))
    np.add.at(of, (mine, bins), 1.0)
    share = of.sum(axis=0) / wait.size
    error = np.sqrt(((of - share * of.sum(axis=1, keepdims=True)) ** 2).sum(axis=0)) / wait.size
    table = pd.DataFrame(
        {
            "wait_from": edges[: share.size],
            "wait_to": edges[1 : share.size + 1] - 1,
            "waits": of.sum(axis=0).astype(np.int64),
            "share": share,
            "standard_error": error,
        }
    )
    table.attrs = {"waits": int(wait.size), "customers": len(of), "median": float(np.median(wait))}
    return table


def _waits(summary: pd.DataFrame) -> tuple[Integers, Integers]:
    """Return the days before each repeat purchase since the one before it, and whose purchase it is."""
    days = history_days(summary)
    repeats = repeats_of(summary, days)
    order = np.lexsort([repeats.day, repeats.customer])
    day, customer = repeats.day[order], repeats.customer[order]
    is_first = np.append(True, customer[1:] != customer[:-1])[: day.size]
    return day - np.where(is_first, days.first[customer], np.roll(day, 1)), customer


def _whole_days(summary: pd.DataFrame, name: str, unit: float) -> Integers:
    days = summary[name].to_numpy(np.float64) * unit
    broken = np.abs(days - np.rint(days)) > _ROUNDING * (1 + np.abs(days))
    _refuse(summary, broken, f"{name} is not a whole number of days")
    return np.rint(days).astype(np.int64)


def _refuse(summary: pd.DataFrame, broken: Flags, what: str) -> None:
    if broken.any():
        raise DataError(
            f"{what} for {int(broken.sum()):,} of {len(summary):,} customers ({{ids}}): make the summary "
            "with summarize(log), or use a spec without [clock]",
            ids=summary.loc[broken, names.CUSTOMER_ID],
        )
