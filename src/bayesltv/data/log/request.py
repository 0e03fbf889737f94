"""What is asked of a log: which columns, which days, and the rules for what is ambiguous."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bayesltv import names
from bayesltv.data.log.reading import Summarizing
from bayesltv.data.log.transactions import Columns
from bayesltv.dates import COHORTS, as_day, cohort_column
from bayesltv.errors import DataError, shown
from bayesltv.units import time_unit_of


@dataclass(frozen=True)
class Request:
    """The arguments of `summarize`, checked: its columns, unit, days and cohort as they are meant."""

    asked: Summarizing
    columns: Columns
    time_unit: str
    observation_end: dt.date | None
    acquired_from: dt.date | None
    cohort: str | None

    @property
    def groups(self) -> tuple[str, ...]:
        """Group columns of the summary: the log's, and the cohort's."""
        return (*self.columns.groups, *([] if self.cohort is None else [cohort_column(self.cohort)]))

    @property
    def has_amounts(self) -> bool:
        """Whether the log has amounts."""
        return self.columns.amount is not None

    @property
    def layout(self) -> dict[str, Any]:
        """What rows of the summary hold: keywords of `summary_rows`."""
        own = {"time_unit": self.time_unit, "has_amounts": self.has_amounts, "cohort": self.cohort}
        return {**own, "repeat_days": self.asked.repeat_days}


def make_request(asked: Summarizing) -> Request:
    """Return what `summarize` is asked, checked.

    Raises
    ------
    DataError
        Where one of them cannot be.
    """
    if asked.late not in ("cut", "error"):
        raise DataError(f'late={asked.late!r} is unknown: use "cut" or "error"')
    reading, carried = asked.reading, asked.carried
    groups, cohort = _cohort_of(_names(carried.groups, "groups"), asked.cohort)
    columns = Columns(
        customer_id=reading.customer_id_col,
        date=reading.datetime_col,
        amount=reading.monetary_value_col,
        order_id=carried.order_id_col,
        groups=groups,
        covariates=_names(carried.covariates, "covariates"),
    )
    _refuse_reserved(columns, cohort)
    return Request(
        asked=asked,
        columns=columns,
        time_unit=time_unit_of(asked.time_unit),
        observation_end=as_day(asked.observation_end, "observation_end"),
        acquired_from=as_day(asked.acquired_from, "acquired_from"),
        cohort=cohort,
    )


def _names(columns: Sequence[str], argument: str) -> tuple[str, ...]:
    if isinstance(columns, str):
        raise DataError(f'{argument}={columns!r} is text: give a list of columns, {argument}=["{columns}"]')
    return tuple(dict.fromkeys(columns))


def _cohort_of(groups: tuple[str, ...], cohort: str | None) -> tuple[tuple[str, ...], str | None]:
    """Return the groups that the log has, and the cohort that is made: asked for, or among the groups."""
    if cohort is not None and cohort not in COHORTS:
        raise DataError(f'cohort={shown(cohort)} is unknown: use "month" or "week"')
    made = {cohort_column(each): each for each in COHORTS}
    asked = {made[name] for name in groups if name in made} | ({cohort} if cohort else set())
    if len(asked) > 1:
        raise DataError("cohorts by month and by week at once: name one of them")
    return tuple(name for name in groups if name not in made), next(iter(asked), None)


def _refuse_reserved(columns: Columns, cohort: str | None) -> None:
    carried, made = (*columns.groups, *columns.covariates), [] if cohort is None else [cohort_column(cohort)]
    taken = (*names.SUMMARY_COLUMNS, *made)
    reserved = [c for c in carried if c in taken or carried.count(c) > 1]
    if reserved:
        raise DataError(
            f"column {reserved[0]!r} cannot be carried over: the summary has a column of that name already, "
            "or it is named as group and covariate: rename it in the log"
        )
