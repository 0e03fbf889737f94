"""The first purchases that arrivals are counted from: of a log, or of a summary that holds them."""

from collections.abc import Sequence

import pandas as pd

from bayesltv.data.log.reading import LogReading
from bayesltv.data.log.summarize import summarize
from bayesltv.dates import Date
from bayesltv.errors import DataError
from bayesltv.names import FIRST_PURCHASE, TIME_UNIT, T


def first_purchases(
    log: object, by: Sequence[str], reading: LogReading, *, observation_end: Date | None
) -> pd.DataFrame:
    """Return a customer summary with the columns `by`; a log's customers are of the first level seen.

    Raises
    ------
    DataError
        Where the log cannot be used, or a summary has an end of its own.
    """
    if isinstance(log, pd.DataFrame) and {FIRST_PURCHASE, T} <= set(log.columns) and TIME_UNIT in log.attrs:
        if observation_end is not None:
            raise DataError("a summary has its own end: leave observation_end= out, or pass the log")
        return log
    return summarize(
        log, observation_end=observation_end, groups=by, group_conflict="first", time_unit="day",
        **reading.without_amounts().keywords,
    )  # fmt: skip
