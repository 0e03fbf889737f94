"""Days ahead as weeks, months or quarters."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.data.summary.weeks import WEEK
from bayesltv.errors import SpecError, shown
from bayesltv.numerics.arrays import Integers
from bayesltv.units import horizon_in

BY = ("week", "month", "quarter")
MOST_DAYS = 1096
"""Three years: further ahead arrivals are not known to any use."""


@dataclass(frozen=True)
class Periods:
    """Periods of the calendar that days ahead fall in.

    Attributes
    ----------
    labels : tuple of str
        "2025-01-06" (a week's first day), "2025-01", "2025Q1".
    of_day : ndarray of int64, shape (day,)
        Period of each day ahead, the first after the end of observation at 0.
    end : int
        Last day observed, in days since 1970-01-01.
    """

    labels: tuple[str, ...]
    of_day: Integers
    end: int

    @property
    def days(self) -> int:
        """Days ahead."""
        return self.of_day.size

    def summed(self, by_day: NDArray[Any]) -> NDArray[Any]:
        """Return sums by period of what is by day, on the last axis."""
        starts = np.flatnonzero(np.diff(self.of_day, prepend=-1))
        return np.asarray(np.add.reduceat(by_day, starts, axis=-1))

    def table(self) -> pd.DataFrame:
        """Return one row per period: its label and the first and last of its days that are told."""
        day = self.end + 1 + np.arange(self.days)
        starts = np.flatnonzero(np.diff(self.of_day, prepend=-1))
        last = np.append(starts[1:], self.days) - 1
        dates = [day[at].astype("datetime64[D]").astype("datetime64[us]") for at in (starts, last)]
        return pd.DataFrame({"period": list(self.labels), "first_day": dates[0], "last_day": dates[1]})


def make_periods(end: int, horizon: str | int, by: str) -> Periods:
    """Return the periods of a horizon, which is cut to whole days; the first and the last may be cut short.

    Raises
    ------
    SpecError
        Where `by` is no period, or the horizon no duration, below a day or above three years.
    """
    if by not in BY:
        raise SpecError(f'by={shown(by)} is no period: use "week", "month" or "quarter"')
    days = int(horizon_in(horizon, "day") + 1e-9)
    if not 1 <= days <= MOST_DAYS:
        raise SpecError(f"horizon={shown(horizon)} must lie between a day and {MOST_DAYS:,} days")
    number = np.arange(days, dtype=np.int64)
    dates = pd.DatetimeIndex((end + 1 + number).astype("datetime64[D]").astype("datetime64[us]"))
    if by == "week":
        names = [str(day.date()) for day in dates[::WEEK]]
        return Periods(tuple(names), number // WEEK, end)
    codes, labels = pd.factorize(dates.to_period("M" if by == "month" else "Q"))
    return Periods(tuple(map(str, labels)), codes.astype(np.int64), end)
