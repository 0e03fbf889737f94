"""What cohorts are known to have done: exact sums by day of age."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesltv.base.placed_base import PlacedBase
from bayesltv.cohorts.asked import CohortsAsked
from bayesltv.cohorts.members import Members
from bayesltv.data.log.histories import MICROS
from bayesltv.data.log.reading import LogReading
from bayesltv.data.log.split import purchase_days
from bayesltv.data.summary.days import Days, history_days, repeats_of
from bayesltv.errors import DataError, warn
from bayesltv.names import CUSTOMER_ID, FIRST_PURCHASE, FREQUENCY, REPEAT_DAYS, SPEND_SUM
from bayesltv.numerics.arrays import Floats, Integers


@dataclass(frozen=True)
class Purchases:
    """Purchases of the customers of a base up to its end of observation, sorted by customer and day.

    Attributes
    ----------
    customer : ndarray of int64, shape (purchase,)
        Row of the summary.
    age : ndarray of int64, shape (purchase,)
        Whole days after the first purchase.
    amount : ndarray of int64, shape (purchase,), or None
        Millionths of money; None where there is no log.
    """

    customer: Integers
    age: Integers
    amount: Integers | None


def known_purchases(base: PlacedBase, log: object | None, reading: LogReading) -> Purchases:
    """Return the purchases of a base's customers, from their log or, without amounts, from repeat days.

    Raises
    ------
    DataError
        Where the log is not the one that the summary was made of, or there are neither log nor repeat days.
    """
    if FIRST_PURCHASE not in base.summary.columns:
        base.require_end()
    days = history_days(base.summary)
    if log is None:
        if REPEAT_DAYS not in base.summary.columns:
            raise DataError("without repeat_days in the summary purchases by age need the log: pass log=")
        repeats = repeats_of(base.summary, days)
        customer = np.concatenate([np.arange(len(base), dtype=np.int64), repeats.customer])
        day = np.concatenate([days.first, repeats.day])
        order = np.lexsort((day, customer))
        return Purchases(customer[order], (day - days.first[customer])[order], None)
    return _of_log(base, days, log, reading)


def _of_log(base: PlacedBase, days: Days, log: object, reading: LogReading) -> Purchases:
    after = pd.Timestamp(np.datetime64(int(days.first.min()) - 1, "D"))
    found = purchase_days(log, reading, after=after, until=base.require_end())
    place = pd.Index(base.summary[CUSTOMER_ID]).get_indexer(pd.Index(found.customer_id, dtype="str"))
    ours = place >= 0
    if not ours.all():
        strangers = pd.unique(found.customer_id[~ours])
        warn(
            f"{strangers.size:,} customers of the log are not in the summary ({{ids}}): they are left out",
            ids=strangers[:6],
        )
    customer, day = place[ours].astype(np.int64), found.day[ours]
    order = np.lexsort((day, customer))
    customer, day = customer[order], day[order]
    amount = None
    if found.amount is not None:
        amount = np.rint(found.amount[ours][order] * MICROS).astype(np.int64)
    bought = Purchases(customer, day - days.first[customer], amount)
    _require_same(base.summary, days, bought)
    return bought


def _require_same(summary: pd.DataFrame, days: Days, bought: Purchases) -> None:
    """Raise where days, counts or sums are not those of the summary."""
    count = np.bincount(bought.customer, minlength=len(summary))
    last = np.full(len(summary), -1)
    np.maximum.at(last, bought.customer, bought.age)
    first = np.full(len(summary), np.iinfo(np.int64).max)
    np.minimum.at(first, bought.customer, bought.age)
    differs = (count != summary[FREQUENCY].to_numpy() + 1) | (first != 0) | (last != days.last - days.first)
    what = "days of purchases"
    if not differs.any() and bought.amount is not None and SPEND_SUM in summary.columns:
        repeat = np.where(bought.age > 0, bought.amount, 0) / MICROS
        spent = np.bincount(bought.customer, weights=repeat, minlength=len(summary))
        known = summary[SPEND_SUM].to_numpy(np.float64)
        differs, what = np.abs(spent - known) > 1e-6 * (1 + np.abs(known)), "amounts"
    if differs.any():
        raise DataError(
            f"{what} of {int(differs.sum()):,} of {len(summary):,} customers ({{ids}}) are not the same in "
            "log and summary: pass the log that the summary was made of, with the same observation_end and "
            "the same columns and rules (reading=)",
            ids=summary.loc[differs, CUSTOMER_ID],
        )


@dataclass(frozen=True)
class KnownSums:
    """What is known of cohorts by day of age 0, 1, ..., the oldest.

    Attributes
    ----------
    bought, second : ndarray of int64, shape (cohort, day)
        Purchases, the first included; customers' second purchases.
    active : ndarray of int64, shape (cohort, period)
        Customers who bought in a period of their age; period 0 is the first day.
    passed : ndarray of int64, shape (cohort, day)
        Members who have been observed for that long.
    born : ndarray of int64, shape (cohort, day)
        Members acquired on that day of the cohort's.
    money : ndarray of float64, shape (2, cohort, day), or None
        By the customer's age, and by the cohort's.
    """

    bought: Integers
    second: Integers
    active: Integers
    passed: Integers
    born: Integers
    money: Floats | None


def known_sums(bought: Purchases, members: Members, days: Days, asked: CohortsAsked) -> KnownSums:
    """Return the sums of cohorts; of new customers the first purchase alone is known, without its amount."""
    shape = (members.sizes.size, asked.oldest + 1)
    observed, birth = days.end - days.first, days.first - members.start[members.cohort]
    cohort = members.cohort[bought.customer]
    is_second = np.diff(bought.customer, prepend=-1) == 0
    is_second[2:] &= bought.customer[2:] != bought.customer[:-2]
    period = -(-bought.age // asked.width)
    enters = (np.diff(bought.customer, prepend=-1) != 0) | (np.diff(period, prepend=-1) != 0)
    passed = np.cumsum(_counted(members.cohort, observed, shape, beyond=True)[:, ::-1], axis=1)[:, ::-1]
    count = _counted(cohort, bought.age, shape)
    count[members.known :, 0] = members.sizes[members.known :]
    money = None
    if bought.amount is not None:
        rulers = (bought.age, bought.age + birth[bought.customer])
        money = np.stack([_counted(cohort, at, shape, weight=bought.amount) for at in rulers]) / MICROS
    return KnownSums(
        count,
        _counted(cohort[is_second], bought.age[is_second], shape),
        _counted(cohort[enters], period[enters], (shape[0], asked.periods + 1)),
        passed,
        _counted(members.cohort, birth, shape),
        money,
    )


def _counted(
    cohort: Integers,
    at: Integers,
    shape: tuple[int, int],
    *,
    weight: Integers | None = None,
    beyond: bool = False,
) -> Integers:
    """Return whole numbers added up by cohort and place; past the last are left out, or in it."""
    sums = np.zeros(shape, np.int64)
    place = np.minimum(at, shape[1] - 1) if beyond else at
    inside = place < shape[1]
    np.add.at(sums, (cohort[inside], place[inside]), 1 if weight is None else weight[inside])
    return sums
