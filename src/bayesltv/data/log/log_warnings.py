"""What is odd about a log although it can be used: each oddity is one warning, with counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bayesltv.data import sql
from bayesltv.data.log.histories import BINS, Histories, size_of_bin
from bayesltv.errors import counted, warn
from bayesltv.numerics.arrays import Floats, Integers

if TYPE_CHECKING:
    import duckdb

DUPLICATE_SHARE = 0.02
DUPLICATE_COUNT = 10
"""Share and number of repeated rows from which a log looks loaded twice. CDNOW: 0.3 % and 0.4 %."""

EXTREME_DEVIATIONS = 8.0
EXTREME_RATIO = 100.0
"""Extreme: 8 robust deviations of the log and a factor 100 from the median (CDNOW: at most 4.8 and 58)."""

MIDLIFE_RATIO = 2.0
MIDLIFE_DEVIATIONS = 3.0
"""First block against the median block; CDNOW whole .8 to .9, cut after three months 5 to 8."""


@dataclass(frozen=True)
class Tally:
    """What the passing batches of customers are looked at for; add up.

    Attributes
    ----------
    copies : int
        Rows that repeat another one.
    sizes : ndarray of int64, shape (bin,)
        Purchase days by logarithm of their amount, as in `Histories`.
    least, most : float
        Of the positive amounts of purchase days.
    """

    copies: int
    sizes: Integers
    least: float
    most: float

    def __add__(self, other: Tally | Histories) -> Tally:
        return Tally(
            self.copies + other.copies,
            self.sizes + other.sizes,
            min(self.least, other.least),
            max(self.most, other.most),
        )


def empty_tally() -> Tally:
    """Return the tally of no customers."""
    return Tally(0, np.zeros(BINS, dtype=np.int64), math.inf, 0.0)


def warn_oddities(
    connection: duckdb.DuckDBPyConnection,
    tally: Tally,
    *,
    rows: str,
    days: str,
    has_orders: bool,
    last_day: str,
) -> None:
    """Warn, once each, of duplicate rows, repeated order ids and extreme amounts.

    Parameters
    ----------
    connection : DuckDB connection
    tally : Tally
        Of a log without amounts it counts no copies, which change nothing there, and no sizes.
    rows : str
        Table with customer_id, stamp, day, amount and order_id per row.
    days : str
        View with customer_id, day and amount per purchase day.
    has_orders : bool
        Whether order_id means anything.
    last_day : str
        ISO date; rows after it are not looked at.
    """
    window = f"day <= DATE {sql.text(last_day)}"
    if tally.copies:
        count = sql.one(connection, f"SELECT count(*) FROM {rows} WHERE {window}")[0]
        _warn_duplicates(tally.copies, count, has_orders)
    _warn_extremes(connection, tally, days)
    if has_orders:
        _warn_repeated_orders(connection, rows, window)


def warn_midlife(first_days: Integers) -> None:
    """Warn where the log seems to start in the middle of its customers' lives.

    In a log cut off on the left, customers acquired long before appear as "new" at their first purchase after
    the cut, so that the earliest block of time holds an outsized share of first purchases, which then decays.
    A cohort acquired over a few weeks, or steady acquisition, has no such peak.

    Parameters
    ----------
    first_days : ndarray of int, shape (customer,)
        Day of each customer's first purchase.
    """
    found = midlife_peak(first_days)
    if found is None:
        return
    block, first, typical = found
    warn(
        f"the log seems to start mid-life: its first {block} days hold {first:,} first purchases, a typical "
        f"{block} days after that {typical:,.0f}. Customers acquired earlier look new and their histories "
        "are cut: acquired_from= keeps only those first seen after a date"
    )


def midlife_peak(first_days: Integers) -> tuple[int, int, float] | None:
    """Return (days per block, first purchases in the first block, median of the others), or None: no peak.

    Blocks are whole weeks, an eighth of the time in which 95 % of the customers appear, at least one week and
    at most four; fewer than four full blocks say nothing.
    """
    since = first_days - first_days.min()
    span = float(np.quantile(since, 0.95))
    block = int(min(max(span // 8 // 7 * 7, 7), 28))
    full = int(span // block)
    if full < 4:
        return None
    counts = np.bincount(since[since < full * block] // block, minlength=full)
    first, typical = int(counts[0]), float(np.median(counts[1:]))
    excess = first - MIDLIFE_RATIO * typical
    return (block, first, typical) if excess > MIDLIFE_DEVIATIONS * math.sqrt(first) else None


def warn_nobody_repeats(customers: int) -> None:
    """Warn that there is no repeat purchase to learn rates and dropout from."""
    warn(
        f"none of {customers:,} customers repeats: purchase rate and dropout are known from the priors and "
        "the silence alone. Is the customer id the right column, and observation_end late enough?"
    )


def warn_refunds_without_purchase(rows: int, amount: float) -> None:
    """Warn of refunds that no earlier purchase could take up."""
    warn(
        f"{rows:,} refunds, {amount:,.2f} in sum, exceed the customer's earlier purchases and are set aside: "
        "does the log begin after the purchases they belong to?"
    )


def _warn_duplicates(copies: int, count: int, has_orders: bool) -> None:
    if has_orders:
        warn(
            f"{copies:,} of {count:,} rows repeat another row with the same customer, time, amount and order "
            "id, and their amounts are added up: was part of the log loaded twice?"
        )
    elif copies >= DUPLICATE_COUNT and copies / count > DUPLICATE_SHARE:
        warn(
            f"{copies:,} of {count:,} rows repeat another row with the same customer, time and amount, and "
            "their amounts are added up: was part of the log loaded twice?"
        )


def _warn_repeated_orders(connection: duckdb.DuckDBPyConnection, rows: str, window: str) -> None:
    """Warn where an order has two customers or two days; many lines and a later refund are fine."""
    repeated = (
        f"SELECT order_id FROM {rows} WHERE {window} AND amount >= 0 AND order_id IS NOT NULL GROUP BY "
        "order_id HAVING min(customer_id) <> max(customer_id) OR min(day) <> max(day)"
    )
    count = sql.one(connection, f"SELECT count(*) FROM ({repeated})")[0]
    if count:
        some = sql.column(connection, f"SELECT * FROM ({repeated}) ORDER BY 1 LIMIT 6")
        warn(
            f"{counted(count, 'order id appears', 'order ids appear')} on more than one day or with more "
            "than one customer ({ids}); each day counts as a purchase of its own",
            ids=some,
        )


def _warn_extremes(connection: duckdb.DuckDBPyConnection, tally: Tally, days: str) -> None:
    if not tally.sizes.any():
        return
    centre, spread = _median_and_deviation(tally.sizes)
    # 1.4826 times the median absolute deviation is the sd of a normal
    factor = max(math.exp(min(EXTREME_DEVIATIONS * 1.4826 * spread, 600.0)), EXTREME_RATIO)
    median = math.exp(centre)
    low, high = median / factor, median * factor
    if low <= tally.least and tally.most <= high:
        return
    extreme = f"amount > 0 AND (CAST(amount AS DOUBLE) > {high!r} OR CAST(amount AS DOUBLE) < {low!r})"
    found = f"SELECT customer_id, amount FROM {days} WHERE {extreme}"
    count, least, most, ids = sql.one(
        connection,
        "SELECT count(*), min(amount), max(amount), list_sort(list(DISTINCT customer_id))[:6] "
        f"FROM ({found})",
    )
    if count:
        days_with = counted(count, "purchase day has", "purchase days have")
        warn(
            f"{days_with} an extreme amount, beyond {low:,.4g} "
            f"to {high:,.4g} around the median {median:,.3g}, from {float(least):,.2f} to {float(most):,.2f} "
            "({ids}): are unit and decimal point right?",
            ids=ids,
        )


def _median_and_deviation(sizes: Integers) -> tuple[float, float]:
    """Return the median of the logarithm of amounts and their median absolute deviation, to 1/256."""
    at = np.flatnonzero(sizes)
    size, count = size_of_bin(at), sizes[at]
    centre = _weighted_median(size, count)
    return centre, _weighted_median(abs(size - centre), count)


def _weighted_median(values: Floats, count: Integers) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(count[order])
    middle = np.searchsorted(reached, [reached[-1] / 2, reached[-1] / 2 + 0.5])  # two where the count is even
    return float(values[order][middle].mean())
