"""The customers of a summary as kernels see them, and walking over them block by block."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.data.summary.cells import spend_rows
from bayesltv.data.summary.days import history_days
from bayesltv.families.family import Family
from bayesltv.machine import available_processors
from bayesltv.names import CUSTOMER_ID, FREQUENCY, RECENCY, T
from bayesltv.numerics.arrays import Codes, Floats, Integers
from bayesltv.streams import customer_keys

LATENTS, EVENTS, AMOUNTS = "latents", "events", "amounts"
"""Names of the three random streams of a customer's future."""


@dataclass(frozen=True)
class Customers:
    """Histories and group codes of the rows of a summary.

    Attributes
    ----------
    ids : ndarray of object, shape (customer,)
        Text.
    histories : ndarray of float64, shape (7, customer)
        Frequency x, dropout coins k, recency t_x, T, count of positive repeat amounts, their sum, first
        amount (0: none that says anything).
    group : ndarray of int32, shape (customer,)
    days : ndarray of float64, shape (3, customer), or (3, 0) without a clock
        First purchase, last purchase, end of observation, in days since 1970-01-01.
    own : ndarray of float64, shape (customer, stretch, 3), or (0, 0, 3) where nobody has any
        Stretches of the past in which a customer's own time ran by a factor: begin and end since the first
        purchase, in the time unit, and the number of the factor; see ``base.own_time``.
    """

    ids: NDArray[np.object_]
    histories: Floats
    group: Codes
    days: Floats = field(default_factory=lambda: np.zeros((3, 0)))
    own: Floats = field(default_factory=lambda: np.zeros((0, 0, 3)))

    def __len__(self) -> int:
        return int(self.ids.size)

    def rows(self, chosen: slice | Integers) -> "Customers":
        """Return some of the customers."""
        days = np.ascontiguousarray(self.days[:, chosen]) if self.days.shape[1] else self.days
        histories = np.ascontiguousarray(self.histories[:, chosen])
        own = self.own[chosen] if self.own.size else self.own
        return Customers(self.ids[chosen], histories, self.group[chosen], days, own)

    def as_newborn(self, family: Family) -> "Customers":
        """Return the customers as they were when they had just made their first purchase."""
        anew = np.zeros_like(self.histories)
        anew[1] = family.first_coins
        return Customers(self.ids, anew, self.group, self.days[[0, 0, 0]])

    @property
    def calendar(self) -> tuple[Floats, ...]:
        """Days and stretches as columns: what tells equal histories apart under a clock, or by own time."""
        days = tuple(self.days) if self.days.shape[1] else ()
        return (*days, *self.own.reshape(len(self), -1).T) if self.own.size else days

    @property
    def last_end(self) -> float | None:
        """The latest end of observation in days since 1970-01-01; None without days."""
        return float(self.days[2].max()) if self.days.shape[1] else None

    def keys(self, seed: int, stream: str) -> NDArray[np.uint64]:
        """Return each customer's key in a named stream."""
        return customer_keys(seed, stream, self.ids)


def make_customers(
    summary: pd.DataFrame,
    group: Codes,
    family: Family,
    *,
    with_spend: bool,
    with_first: bool = False,
    with_days: bool = False,
) -> Customers:
    """Return the customers of a validated summary.

    Raises
    ------
    DataError
        Where a clock needs days that the summary does not have.
    """
    frequency = summary[FREQUENCY].to_numpy(np.int64)
    histories = np.zeros((7, len(summary)))
    histories[0], histories[1] = frequency, family.coins(frequency)
    histories[2], histories[3] = summary[RECENCY].to_numpy(float), summary[T].to_numpy(float)
    rows = spend_rows(summary, group, with_first=with_first) if with_spend else None
    if rows is not None:
        histories[4:, rows.customer] = rows.count, rows.total, rows.first
    ids = summary[CUSTOMER_ID].to_numpy(dtype=object)
    codes = np.ascontiguousarray(group, dtype=np.int32)
    if not with_days:
        return Customers(ids, histories, codes)
    days = history_days(summary)
    return Customers(ids, histories, codes, np.array([days.first, days.last, days.end], dtype=np.float64))


class Rows(Protocol):
    """Anything that has one row per customer and gives some of them."""

    def __len__(self) -> int: ...

    def rows(self, chosen: slice, /) -> Self:
        """Return some of the customers."""
        ...


def walk[Part: Rows, Result](
    customers: Part, work: Callable[[Part], Result], *, block: int, threads: int | None
) -> Iterator[Result]:
    """Yield `work` of each block of customers, in order; at most a few blocks are in memory at once.

    Parameters
    ----------
    customers : Customers, or anything with their rows
    work : callable
        Block -> result; runs in threads.
    block : int
        Customers per block.
    threads : int, optional
        Default: the processors this process may use.
    """
    count = threads or available_processors()
    starts = range(0, len(customers), block)
    if count == 1 or len(starts) == 1:
        for start in starts:
            yield work(customers.rows(slice(start, start + block)))
        return
    with ThreadPoolExecutor(count) as pool:
        waiting: deque[Future[Result]] = deque()
        for start in starts:
            waiting.append(pool.submit(work, customers.rows(slice(start, start + block))))
            if len(waiting) > 2 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
