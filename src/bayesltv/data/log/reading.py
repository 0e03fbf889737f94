"""How a log is read, and the table of a test: which column is what, and the rules for what is ambiguous."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from bayesltv.errors import DataError
from bayesltv.names import AMOUNT, CUSTOMER_ID, DATE

if TYPE_CHECKING:
    import pandas as pd

    from bayesltv.data.log.attributes import GroupConflict
    from bayesltv.data.log.refunds import Refunds
    from bayesltv.dates import Date

Late = Literal["cut", "error"]


@dataclass(frozen=True)
class LogReading:
    """Which columns of a log hold what, and how days and refunds are read.

    The fields are keywords of ``summarize`` and ``evaluate``, and mean what they mean there.
    """

    customer_id_col: str = CUSTOMER_ID
    datetime_col: str = DATE
    monetary_value_col: str | None = AMOUNT
    refunds: Refunds = "net"
    timezone: str | None = None
    datetime_format: str | None = None

    @classmethod
    def of(cls, columns: Mapping[str, Any] | None) -> Self:
        """Return how a log is read from the keywords of ``summarize``; DataError names an unknown one."""
        names = [each.name for each in fields(cls)]
        unknown = [name for name in columns or {} if name not in names]
        if unknown:
            raise DataError(f"columns has no {unknown[0]!r}: it may have {', '.join(names)}")
        return cls(**(columns or {}))

    @property
    def keywords(self) -> dict[str, Any]:
        """The fields as keywords of ``summarize`` and ``evaluate``."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def without_amounts(self) -> Self:
        """Return how the purchases alone are read."""
        return replace(self, monetary_value_col=None)


@dataclass(frozen=True)
class LaterLog:
    """A log that goes on where a summary ends.

    Attributes
    ----------
    log : path or frame
    reading : LogReading
    log_end : date, optional
        Last day that it covers, where that is later than its last row.
    horizon : str, optional
        How far the forecasts go that are held against it.
    """

    log: Any
    reading: LogReading = LogReading()
    log_end: Date | None = None
    horizon: str | None = None


@dataclass(frozen=True)
class Carried:
    """What the rows of a log say beside purchases; the fields are keywords of ``summarize``."""

    order_id_col: str | None = None
    groups: Sequence[str] = ()
    covariates: Sequence[str] = ()
    group_conflict: GroupConflict = "error"


@dataclass(frozen=True)
class Summarizing:
    """What ``summarize`` is asked of a log; the fields are its keywords, and mean what they mean there."""

    reading: LogReading = LogReading()
    carried: Carried = Carried()
    observation_end: Date | None = None
    time_unit: str = "week"
    acquired_from: Date | None = None
    late: Late = "cut"
    currency: str | None = None
    repeat_days: bool = True
    memory_limit: str | None = None
    threads: int | None = None
    cohort: str | None = None


@dataclass(frozen=True)
class ExperimentReading:
    """Which columns of a test's table hold what, and what is known before; keywords of ``fit_uplift``."""

    outcome: str
    cells: Sequence[str] | pd.DataFrame = ()
    arm: str = "arm"
    control: Hashable | None = None
    arms: Sequence[Hashable] | None = None
    after: Sequence[str] = ()
    assigned_on: Date | None = None
    customer_id_col: str = CUSTOMER_ID
    window: str | None = None
    purchases: str | None = None
    effect_sd: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Assignment:
    """How customers came to the arms of a test, as is said; the fields are keywords of ``fit_uplift``."""

    randomised: bool | None = None
    shares: Mapping[Any, float] | None = None
    accept_failed: Sequence[str] = ()
