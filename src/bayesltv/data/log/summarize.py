"""A transaction log -> one row per customer."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd

from bayesltv import names
from bayesltv.data.log.attributes import GroupConflict
from bayesltv.data.log.reading import Carried, LogReading, Summarizing
from bayesltv.data.log.refunds import Refunds
from bayesltv.data.log.request import make_request
from bayesltv.data.log.scan import as_frame, walk_summary
from bayesltv.dates import Date


def summarize(
    log: object,
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
    cohort: Literal["month", "week"] | None = None,
    acquired_from: Date | None = None,
    late: Literal["cut", "error"] = "cut",
    currency: str | None = None,
    datetime_format: str | None = None,
    repeat_days: bool = True,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> pd.DataFrame:
    """Return the customer summary of a transaction log.

    Purchases of one customer on one day are one purchase. Time is counted in whole days and divided by the
    days of the unit. Amounts are added exactly, to six decimals, so that threads and row order change no bit.

    Parameters
    ----------
    log : path or frame
        CSV or Parquet path, a folder of either, or a frame of pandas, Polars, PyArrow or DuckDB; one row per
        purchase or order line. Each file of a folder is read by its own types.
    observation_end : date, optional
        Last day observed; default the latest day in the log. Text like 2024-01-31 or 20240131, a date, or a
        time stamp at midnight, as every other argument that is a day.
    time_unit : {"week", "day", "month", "year"}
        Unit of recency and T.
    customer_id_col, datetime_col : str
        Columns of the log. Ids are carried as text: the numbers 5 and 5.0 become "5", and so does a CSV's
        column of which every id is a whole number with ".0"; other text stays as written. Dates that are
        text are ISO 8601 with four digits of the year.
    monetary_value_col : str or None
        Column of amounts; None where the log has none, and then the summary has no spend columns. An amount
        of zero is a purchase.
    order_id_col : str, optional
        Used to find rows that were loaded twice.
    groups, covariates : sequence of str
        Columns to carry over, one value per customer; groups as text, covariates in their own type.
        cohort_month or cohort_week among the groups is made, as by `cohort`.
    group_conflict : {"error", "first", "last"}
        What to do where a customer has two values.
    refunds : {"net", "drop", "error"}
        What to do with negative amounts: see `bayesltv.data.log.refunds.make_purchases`.
    timezone : str, optional
        IANA name; needed where stamps carry a time zone, and refused where they do not.
    cohort : {"month", "week"}, optional
        Store the month ("2024-05") or ISO week ("2024-W18") of the first purchase as the group column
        cohort_month or cohort_week.
    acquired_from : date, optional
        Keep customers whose first purchase is on or after this day.
    late : {"cut", "error"}
        What to do with rows after `observation_end`.
    currency : str, optional
        Carried in `attrs`.
    datetime_format : str, optional
        strptime format of dates that are text but not ISO 8601, or whole numbers; years of two digits need
        "%y" in it.
    repeat_days : bool
        Whether the summary lists the days of repeat purchases, which a calendar clock and counts over time
        need. The lists are its dearest column: without them ten million rows take two thirds of the time.
    memory_limit : str, optional
        What the engine that reads and sorts the log may hold in memory ("2GB"); past it, it spills to a
        temporary folder. The summary itself must fit into memory; `bayesltv summarize` writes it in parts.
    threads : int, optional
        Default: the processors that this process may use.

    Returns
    -------
    DataFrame
        Sorted by the text of customer_id. Columns customer_id; frequency (repeat purchase days); recency and
        T (in `time_unit`); monetary_value (mean repeat spend per purchase day, missing where there is none);
        spend_count, spend_sum, spend_log_sum (of the positive repeat amounts); first_amount (of the first
        purchase day, missing where it is zero); first_purchase, last_purchase; value_to_date; repeat_days
        (days since 1970-01-01); groups and covariates. `attrs` hold time_unit, observation_end, currency,
        groups, set_aside (reason -> count) and fingerprint.

    Raises
    ------
    StoreError
        Where a path cannot be read, or the memory limit is too low for the log even with spilling.
    DataError
        Where the log cannot be used as it is; the message says where, how many and the cure.

    Warns
    -----
    BayesltvWarning
        For duplicate rows, repeated order ids, extreme amounts, amounts too small for six decimals, unmatched
        refunds, placeholder dates, days years away from all others, ids of a CSV written with ".0", a log
        that seems to start mid-life, and where nobody repeats.

    Examples
    --------
    >>> dates = ["2024-01-01", "2024-01-15"]
    >>> log = pd.DataFrame({"customer_id": [7, 7], "date": dates, "amount": [5.0, 8.0]})
    >>> summary = summarize(log, observation_end="2024-01-29")
    >>> list(summary[["customer_id", "frequency", "recency", "T"]].itertuples(index=False, name=None))
    [('7', 1, 2.0, 4.0)]
    """
    reading = LogReading(
        customer_id_col, datetime_col, monetary_value_col, refunds, timezone, datetime_format
    )
    carried = Carried(order_id_col, groups, covariates, group_conflict)
    asked = Summarizing(
        reading, carried, observation_end, time_unit, acquired_from, late, currency, repeat_days,
        memory_limit, threads, cohort,
    )  # fmt: skip
    return summarize_as(log, asked)


def summarize_as(log: object, asked: Summarizing) -> pd.DataFrame:
    """Return the customer summary of a log; see `summarize`."""
    parts: list[pd.DataFrame] = []
    attributes = walk_summary(log, make_request(asked), lambda part: parts.append(as_frame(part)))
    summary = pd.concat(parts, ignore_index=True)
    summary.attrs.update(attributes)
    return summary
