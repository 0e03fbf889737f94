"""Sorted purchases -> one row per customer, a batch of customers at a time: the one place of these rules.

Every engine sorts purchases its own way and hands them over as Arrow batches, so that all of them count and
add alike. Sums are integers: nothing about the batches can change a bit of the result.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bayesltv import names
from bayesltv.data.day_lists import day_number
from bayesltv.data.fingerprint import mixed
from bayesltv.dates import cohort_column, cohort_labels
from bayesltv.numerics.arrays import Flags, Floats, Integers
from bayesltv.units import DAYS_PER

MICROS = 1_000_000
"""Amounts are counted in millionths of the currency's unit, which is all that DECIMAL(18, 6) holds."""
LOG_STEPS = 1e12
"""Logarithms are rounded to twelve decimals before they are added, so that their sum is exact as well."""
BINS_PER_E = 256
BINS = 64 * BINS_PER_E
_FIRST_BIN = -16 * BINS_PER_E
_SAFE = 2**62


@dataclass(frozen=True)
class Histories:
    """Customers of one batch, in the order of their ids.

    Attributes
    ----------
    ids : pyarrow.Array of text, shape (customer,)
    frequency, positive : ndarray of int64, shape (customer,)
        Repeat purchase days, and those of them with a positive amount.
    first_day, last_day : ndarray of int64, shape (customer,)
        Days since 1970-01-01.
    total, repeat_sum : ndarray of float64, shape (customer,)
        Money of all purchases, and of all but the first day's; each sum was exact before it was rounded.
    log_sum : ndarray of float64, shape (customer,)
        Of the positive repeat amounts.
    first_sum : ndarray of float64, shape (customer,)
        Money of the first day.
    repeat_days : pyarrow.Array of int32, shape (repeat purchase,)
        Days since 1970-01-01, customer after customer.
    copies : int
        Rows that repeat another one of the same customer, day and mark.
    sizes : ndarray of int64, shape (bin,)
        Number of purchase days by logarithm of their amount.
    least, most : float
        Of the positive amounts of purchase days; infinite and 0 where there is none.
    """

    ids: pa.Array
    frequency: Integers
    positive: Integers
    first_day: Integers
    last_day: Integers
    total: Floats
    repeat_sum: Floats
    log_sum: Floats
    first_sum: Floats
    repeat_days: pa.Array
    copies: int = 0
    sizes: Integers = field(default_factory=lambda: np.zeros(BINS, dtype=np.int64))
    least: float = np.inf
    most: float = 0.0

    def since(self, first: dt.date) -> Histories:
        """Return the customers whose first purchase is on or after a day; what was counted stays."""
        kept = self.first_day >= day_number(first)
        if kept.all():
            return self
        whole = ("frequency", "positive", "first_day", "last_day")
        money = ("total", "repeat_sum", "log_sum", "first_sum")
        return replace(
            self,
            ids=self.ids.filter(pa.array(kept)),
            repeat_days=self.repeat_days.filter(pa.array(np.repeat(kept, self.frequency))),
            **{name: getattr(self, name)[kept] for name in whole + money},
        )


def walk_histories[Result](
    batches: Iterable[pa.RecordBatch], work: Callable[[Histories], Result], *, threads: int = 1
) -> Iterator[Result]:
    """Yield `work` of the customers of each batch of purchases that are sorted by customer_id and day.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Columns customer_id (text), day (date), amount (DECIMAL(18, 6), at least 0) and, where copies are to
        be found, mark (uint64, equal in rows that are copies of each other).
    work : callable
        Histories -> result; runs in threads.
    threads : int
        Work on as many batches side by side, while the next ones are read.
    """

    def reduce_and_work(table: pa.Table) -> Result:
        return work(_reduced(table))

    with ThreadPoolExecutor(threads) as pool:
        begun: deque[Future[Result]] = deque()
        for table in _whole_customers(batches):
            begun.append(pool.submit(reduce_and_work, table))
            if len(begun) > threads:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()


def _whole_customers(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Cut anew between customers: the last one of a batch may go on in the next."""
    waiting: pa.Table | None = None
    for batch in batches:
        if not batch.num_rows:
            continue
        table = pa.Table.from_batches([batch])
        if waiting is not None:
            table = pa.concat_tables([waiting, table])
        cut = _start_of_last(table.column(names.CUSTOMER_ID))
        waiting = table.slice(cut)
        if cut:
            yield table.slice(0, cut)
    if waiting is not None:
        yield waiting


def summary_rows(
    some: Histories,
    *,
    end: dt.date,
    time_unit: str,
    has_amounts: bool,
    repeat_days: bool,
    cohort: str | None = None,
) -> pa.Table:
    """Return customers as rows of a summary, without groups and covariates."""
    days = DAYS_PER[time_unit]
    columns: dict[str, Any] = {
        names.CUSTOMER_ID: some.ids,
        names.FREQUENCY: some.frequency,
        names.RECENCY: (some.last_day - some.first_day) / days,
        names.T: (day_number(end) - some.first_day) / days,
    }
    if has_amounts:
        nothing = some.repeat_sum == 0
        mean = some.repeat_sum / np.where(nothing, 1, some.frequency)
        columns |= {
            names.MONETARY_VALUE: pa.array(mean, mask=nothing),
            names.SPEND_COUNT: some.positive,
            names.SPEND_SUM: some.repeat_sum,
            names.SPEND_LOG_SUM: some.log_sum,
            names.FIRST_AMOUNT: pa.array(some.first_sum, mask=some.first_sum == 0),
        }
    columns |= {names.FIRST_PURCHASE: _stamps(some.first_day), names.LAST_PURCHASE: _stamps(some.last_day)}
    if has_amounts:
        columns[names.VALUE_TO_DATE] = some.total
    if repeat_days:
        offsets = np.concatenate([[0], np.cumsum(some.frequency)]).astype(np.int32)
        columns[names.REPEAT_DAYS] = pa.ListArray.from_arrays(pa.array(offsets), some.repeat_days)
    if cohort is not None:
        columns[cohort_column(cohort)] = pa.array(cohort_labels(some.first_day, cohort), pa.string())
    return pa.table(columns)


def _start_of_last(ids: pa.ChunkedArray) -> int:
    """Return the row where the last customer's rows begin."""
    last = ids[len(ids) - 1]
    for step in (64, 4096, len(ids)):  # customers are short, as a rule
        start = max(len(ids) - step, 0)
        same = pc.equal(ids.slice(start), last).to_numpy(zero_copy_only=False)
        if not same[0] or start == 0:
            return start + int(np.argmax(same))
    raise AssertionError("the whole column has been looked at")


def _reduced(table: pa.Table) -> Histories:
    ids, day, amount = _column(table, names.CUSTOMER_ID), _days(table), _micros(table)
    new_customer = _changes(ids)
    new_day = new_customer.copy()
    new_day[1:] |= day[1:] != day[:-1]
    starts = np.flatnonzero(new_day)
    first = np.flatnonzero(new_customer[starts])
    if _may_overflow(amount, starts, first):
        amount = amount.astype(object)
    spent, day = np.add.reduceat(amount, starts), day[starts]
    frequency = np.diff(np.append(first, starts.size)) - 1
    total = np.add.reduceat(spent, first)
    repeats = np.ones(starts.size, dtype=np.bool_)
    repeats[first] = False
    positive = spent > 0
    money = np.asarray(spent[positive] / MICROS, dtype=np.float64)
    logarithm = np.zeros(starts.size)
    logarithm[positive] = np.log(money)
    steps = np.rint(logarithm * LOG_STEPS).astype(np.int64)
    return Histories(
        ids=ids.take(pa.array(starts[first])),
        frequency=frequency,
        positive=np.add.reduceat((positive & repeats).astype(np.int64), first),
        first_day=day[first],
        last_day=day[np.append(first[1:], starts.size) - 1],
        total=(total / MICROS).astype(np.float64),
        repeat_sum=((total - spent[first]) / MICROS).astype(np.float64),
        log_sum=np.add.reduceat(np.where(repeats, steps, 0), first) / LOG_STEPS,
        first_sum=(spent[first] / MICROS).astype(np.float64),
        repeat_days=pa.array(day[repeats], pa.int32()),
        copies=_copies(table, new_day),
        sizes=np.bincount(_bin_of(logarithm[positive]), minlength=BINS).astype(np.int64),
        least=float(money.min(initial=np.inf)),
        most=float(money.max(initial=0.0)),
    )


def size_of_bin(at: NDArray[np.intp]) -> Floats:
    """Return the logarithm of the amount in the middle of bins of `Histories.sizes`; 1/256 wide."""
    return (at + _FIRST_BIN + 0.5) / BINS_PER_E


def _bin_of(logarithm: Floats) -> NDArray[np.intp]:
    return np.floor(logarithm * BINS_PER_E).astype(np.intp) - _FIRST_BIN


def _column(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _changes(ids: pa.Array) -> Flags:
    """Whether each id differs from the one before it."""
    changed = np.ones(len(ids), dtype=np.bool_)
    differs = pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1))
    changed[1:] = differs.to_numpy(zero_copy_only=False)
    return changed


def _days(table: pa.Table) -> Integers:
    days: Integers = _column(table, "day").view("int32").to_numpy().astype(np.int64)
    return days


def _micros(table: pa.Table) -> Integers:
    """Return the integers behind DECIMAL(18, 6): the low words of 128 bits."""
    amounts = _column(table, names.AMOUNT).cast(pa.decimal128(38, 6))
    words = np.frombuffer(amounts.buffers()[1], dtype="<i8").reshape(-1, 2)[:, 0]
    return np.ascontiguousarray(words[amounts.offset : amounts.offset + len(amounts)])


def _may_overflow(amount: Integers, starts: NDArray[np.intp], first: NDArray[np.intp]) -> bool:
    """Whether one customer's sum might leave 64 bits: then Python's integers add, slowly and exactly."""
    longest = int(np.diff(np.append(starts[first], amount.size)).max())
    return int(amount.max()) * longest >= _SAFE


def _copies(table: pa.Table, new_day: Flags) -> int:
    if "mark" not in table.column_names:
        return 0
    shared = ~new_day
    shared[:-1] |= shared[1:]  # the first row of a day with several, too
    if not shared.any():
        return 0
    mark = _column(table, "mark").to_numpy()[shared]
    which = np.cumsum(new_day)[shared].astype(np.uint64)
    keys = mixed(mixed(which) ^ mark)
    keys.sort()
    return int((keys[1:] == keys[:-1]).sum())


def _stamps(days: Integers) -> NDArray[np.datetime64]:
    return days.astype("datetime64[D]").astype("datetime64[us]")
