"""From which days a log is forecast, how far ahead, and for how many of its customers."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bayesltv.dates import Date, require_day
from bayesltv.errors import DataError
from bayesltv.units import convert, horizon_in, time_unit_of

CUSTOMERS = 5000
FEWEST = 50
"""Customers at a cut."""
_WEEK = 7


@dataclass(frozen=True)
class Origins:
    """What is asked of a log's own past; None stands for what the log suggests.

    Attributes
    ----------
    cuts : sequence of date
        Last days known.
    horizon : str or float, optional
        Text with a unit, or a number in `time_unit`.
    time_unit : str
        Of summaries.
    customers : int
        At most; of a larger log so many are drawn by lot.
    acquired_from, log_end : date, optional
        As for ``summarize`` and ``evaluate``.
    seed : int
    """

    cuts: Sequence[Date] = ()
    horizon: str | float | None = None
    time_unit: str = "week"
    customers: int = CUSTOMERS
    acquired_from: Date | None = None
    log_end: Date | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "time_unit", time_unit_of(self.time_unit))
        if self.customers < FEWEST:
            raise DataError(
                f"customers={self.customers} are too few to tell forecasts apart: {FEWEST} or more"
            )

    def placed(
        self, first: pd.Timestamp, last: pd.Timestamp, *, count: int
    ) -> tuple[list[pd.Timestamp], int]:
        """Return the cuts within a log, `count` of them where none are asked for, and the horizon's days.

        The horizon is a third of the log for one cut and a sixth for three, in whole weeks. Windows follow
        one another back from the log's end; they overlap where a third of the log would not be left before
        the first.

        Raises
        ------
        DataError
            Where the log is too short, or does not reach a cut's horizon.
        """
        covered = (last - first).days + 1
        days = self._days(covered, count)
        cuts = sorted({pd.Timestamp(require_day(cut, "cuts")) for cut in self.cuts})
        latest = last - pd.Timedelta(days=days)
        if not cuts:
            earliest = max(
                first + pd.Timedelta(days=covered // 3), latest - pd.Timedelta(days=days * (count - 1))
            )
            cuts = list(pd.date_range(earliest, latest, count).floor("D")) if count > 1 else [latest]
            if days < _WEEK or (cuts[-1] - cuts[0]).days < _WEEK * (count - 1) or cuts[-1] <= first:
                raise DataError(
                    f"the log covers {covered} days, {first.date()} to {last.date()}, which is too short for "
                    f"{count} cuts with a horizon of {days} days: give a shorter horizon, or cuts of your own"
                )
        off = [cut.date() for cut in cuts if not first < cut <= latest]
        if off:
            raise DataError(
                f"the log covers {first.date()} to {last.date()}, and the cut {off[0]} with {days} days "
                "after it does not lie within: give other cuts, a shorter horizon, or log_end= if the log is "
                "complete up to a later day"
            )
        return cuts, days

    def _days(self, covered: int, count: int) -> int:
        if self.horizon is None:
            return covered // (3 if count == 1 else 2 * count) // _WEEK * _WEEK
        return round(convert(horizon_in(self.horizon, self.time_unit), self.time_unit, "day"))


def require_customers(number: int, cut: pd.Timestamp) -> None:
    """Raise where too few customers had bought up to a cut."""
    if number < FEWEST:
        raise DataError(
            f"{number:,} customers had bought up to {cut.date()}, and at least {FEWEST} are needed to tell "
            "forecasts apart: take a later cut or a larger log"
        )
