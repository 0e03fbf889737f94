"""What is asked of a log: which columns, which days, and the rules for what is ambiguous."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bayesltv import names
from bayesltv.data.attributes import GroupConflict
from bayesltv.data.refunds import Refunds
from bayesltv.data.transactions import Columns
from bayesltv.dates import Date, as_day
from bayesltv.errors import DataError
from bayesltv.units import time_unit_of

Late = Literal["cut", "error"]


@dataclass(frozen=True)
class Request:
    """The arguments of `summarize`, checked."""

    columns: Columns
    time_unit: str
    observation_end: dt.date | None
    acquired_from: dt.date | None
    group_conflict: GroupConflict
    refunds: Refunds
    timezone: str | None
    late: Late
    currency: str | None
    datetime_format: str | None
    repeat_days: bool
    memory_limit: str | None
    threads: int | None

    @property
    def has_amounts(self) -> bool:
        """Whether the log has amounts."""
        return self.columns.amount is not None


def make_request(
    *,
    observation_end: Date | None = None,
    time_unit: str = "week",
    customer_id_col: str = names.CUSTOMER_ID,
    datetime_col: str = names.DATE,
    monetary_value_col: str | None = names.AMOUNT,
    order_id_col: str | None = None,
    groups: Sequence[str] = (),
    covariates: Sequence[str] = (),
    group_conflict: GroupConflict = "error",
    refunds: Refunds = "net",
    timezone: str | None = None,
    acquired_from: Date | None = None,
    late: Late = "cut",
    currency: str | None = None,
    datetime_format: str | None = None,
    repeat_days: bool = True,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> Request:
    """Return the request that these keywords of `summarize` make.

    Raises
    ------
    DataError
        Where one of them cannot be.
    """
    if late not in ("cut", "error"):
        raise DataError(f'late={late!r} is unknown: use "cut" or "error"')
    columns = Columns(
        customer_id=customer_id_col,
        date=datetime_col,
        amount=monetary_value_col,
        order_id=order_id_col,
        groups=_names(groups, "groups"),
        covariates=_names(covariates, "covariates"),
    )
    _refuse_reserved(columns)
    return Request(
        columns=columns,
        time_unit=time_unit_of(time_unit),
        observation_end=as_day(observation_end, "observation_end"),
        acquired_from=as_day(acquired_from, "acquired_from"),
        group_conflict=group_conflict,
        refunds=refunds,
        timezone=timezone,
        late=late,
        currency=currency,
        datetime_format=datetime_format,
        repeat_days=repeat_days,
        memory_limit=memory_limit,
        threads=threads,
    )


def _names(columns: Sequence[str], argument: str) -> tuple[str, ...]:
    if isinstance(columns, str):
        raise DataError(f'{argument}={columns!r} is text: give a list of columns, {argument}=["{columns}"]')
    return tuple(dict.fromkeys(columns))


def _refuse_reserved(columns: Columns) -> None:
    carried = (*columns.groups, *columns.covariates)
    reserved = [c for c in carried if c in names.SUMMARY_COLUMNS or carried.count(c) > 1]
    if reserved:
        raise DataError(
            f"column {reserved[0]!r} cannot be carried over: the summary has a column of that name already, "
            "or it is "
            "named as group and covariate: rename it in the log"
        )
