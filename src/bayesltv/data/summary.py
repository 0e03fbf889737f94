"""A transaction log -> one row per customer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from bayesltv import names
from bayesltv.data import sql
from bayesltv.data.attributes import GroupConflict, attribute_select
from bayesltv.data.fingerprint import fingerprint
from bayesltv.data.oddities import (
    warn_midlife,
    warn_nobody_repeats,
    warn_oddities,
    warn_refunds_without_purchase,
)
from bayesltv.data.refunds import RefundReport, Refunds, make_days
from bayesltv.data.transactions import ROWS, Columns, read_rows
from bayesltv.errors import DataError
from bayesltv.units import DAYS_PER, time_unit_of

if TYPE_CHECKING:
    import duckdb

DAYS = "purchase_days"
CUSTOMERS = "customer_rows"
Date = str | dt.date | pd.Timestamp


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
    acquired_from: Date | None = None,
    late: Literal["cut", "error"] = "cut",
    currency: str | None = None,
    datetime_format: str | None = None,
) -> pd.DataFrame:
    """Return the customer summary of a transaction log.

    Purchases of one customer on one day are one purchase. Time is counted in whole days and divided by the
    days of the unit. Amounts are added exactly, to six decimals, so that threads and row order change no bit.

    Parameters
    ----------
    log : path or frame
        CSV or Parquet path, or a frame of pandas, Polars, PyArrow or DuckDB; one row per purchase or order
        line.
    observation_end : date, optional
        Last day observed; default the latest day in the log.
    time_unit : {"week", "day", "month", "year"}
        Unit of recency and T.
    customer_id_col, datetime_col : str
        Columns of the log. Ids are carried as text: 5 and 5.0 become "5".
    monetary_value_col : str or None
        Column of amounts; None where the log has none, and then the summary has no spend columns. An amount
        of zero is a purchase.
    order_id_col : str, optional
        Used to find rows that were loaded twice.
    groups, covariates : sequence of str
        Columns to carry over, one value per customer; groups as text, covariates in their own type.
    group_conflict : {"error", "first", "last"}
        What to do where a customer has two values.
    refunds : {"net", "drop", "error"}
        What to do with negative amounts: see `bayesltv.data.refunds.make_days`.
    timezone : str, optional
        IANA name; needed where stamps carry a time zone, and refused where they do not.
    acquired_from : date, optional
        Keep customers whose first purchase is on or after this day.
    late : {"cut", "error"}
        What to do with rows after `observation_end`.
    currency : str, optional
        Carried in `attrs`.
    datetime_format : str, optional
        strptime format of dates that are text but not ISO 8601, or whole numbers.

    Returns
    -------
    DataFrame
        Sorted by the text of customer_id. Columns customer_id; frequency (repeat purchase days); recency and
        T (in `time_unit`); monetary_value (mean repeat spend per purchase day, missing where there is none);
        spend_count, spend_sum, spend_log_sum (of the positive repeat amounts); first_purchase, last_purchase;
        value_to_date; repeat_days (days since 1970-01-01); groups and covariates. `attrs` hold time_unit,
        observation_end, currency, groups, set_aside (reason -> count) and fingerprint.

    Raises
    ------
    StoreError
        Where a path cannot be read.
    DataError
        Where the log cannot be used as it is; the message says where, how many and the cure.

    Warns
    -----
    BayesltvWarning
        For duplicate rows, repeated order ids, extreme amounts, unmatched refunds, a log that seems to start
        mid-life, and where nobody repeats.

    Examples
    --------
    >>> dates = ["2024-01-01", "2024-01-15"]
    >>> log = pd.DataFrame({"customer_id": [7, 7], "date": dates, "amount": [5.0, 8.0]})
    >>> summary = summarize(log, observation_end="2024-01-29")
    >>> list(summary[["customer_id", "frequency", "recency", "T"]].itertuples(index=False, name=None))
    [('7', 1, 2.0, 4.0)]
    """
    unit = time_unit_of(time_unit)
    columns = Columns(
        customer_id=customer_id_col,
        date=datetime_col,
        amount=monetary_value_col,
        order_id=order_id_col,
        groups=_names(groups, "groups"),
        covariates=_names(covariates, "covariates"),
    )
    _refuse_reserved(columns)
    with sql.connect() as connection:
        read_rows(connection, log, columns=columns, timezone=timezone, datetime_format=datetime_format)
        end, cut = _window(connection, as_day(observation_end, "observation_end"), late)
        report = make_days(connection, rows=ROWS, days=DAYS, policy=refunds, last_day=end.isoformat())
        warn_oddities(
            connection,
            rows=ROWS,
            days=DAYS,
            has_amounts=columns.amount is not None,
            has_orders=order_id_col is not None,
            last_day=end.isoformat(),
        )
        earlier = _make_customers(connection, as_day(acquired_from, "acquired_from"))
        attributes = attribute_select(
            connection,
            rows=ROWS,
            customers=CUSTOMERS,
            last_day=end.isoformat(),
            groups=columns.groups,
            covariates=columns.covariates,
            conflict=group_conflict,
        )
        table = _fetch(connection, attributes, has_amounts=columns.amount is not None)
    summary = _in_units(table, end, unit)
    if acquired_from is None:
        warn_midlife(_days(summary[names.FIRST_PURCHASE]))
    if report.unmatched_rows:
        warn_refunds_without_purchase(report.unmatched_rows, report.unmatched_amount)
    if not (summary[names.FREQUENCY] > 0).any():
        warn_nobody_repeats(len(summary))
    summary.attrs = {
        names.TIME_UNIT: unit,
        names.OBSERVATION_END: end.isoformat(),
        names.CURRENCY: currency,
        names.GROUPS: list(columns.groups),
        names.SET_ASIDE: _set_aside(cut, report, earlier),
        names.FINGERPRINT: fingerprint(summary),
    }
    return summary


def as_day(value: Date | None, name: str) -> dt.date | None:
    """Return a date from text, a date or a time stamp; the time of day is dropped.

    Raises
    ------
    DataError
        Where `value` is no date; `name` says which argument it is.
    """
    if value is None:
        return None
    try:
        stamp = None if isinstance(value, (int, float)) else pd.Timestamp(value)
    except (ValueError, TypeError):
        stamp = None
    if stamp is None or pd.isna(stamp):
        raise DataError(f"{name}={value!r} is not a date: write it like 2024-01-31")
    return stamp.date()


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


def _window(
    connection: duckdb.DuckDBPyConnection, observation_end: dt.date | None, late: str
) -> tuple[dt.date, int]:
    """Return the last day observed and how many rows lie after it."""
    first, last = sql.one(connection, f"SELECT min(day), max(day) FROM {ROWS}")
    if late not in ("cut", "error"):
        raise DataError(f'late={late!r} is unknown: use "cut" or "error"')
    if observation_end is None:
        return last, 0
    if observation_end < first:
        raise DataError(
            f"observation_end={observation_end} lies before the first row of the log ({first}): is the year "
            "right?"
        )
    after = f"FROM {ROWS} WHERE day > DATE {sql.text(observation_end.isoformat())}"
    cut = sql.one(connection, f"SELECT count(*) {after}")[0]
    if cut and late == "error":
        ids = sql.column(connection, f"SELECT DISTINCT customer_id {after} ORDER BY 1 LIMIT 6")
        raise DataError(
            f"{cut:,} rows are dated after observation_end={observation_end}, up to {last} ({{ids}}): pass "
            'late="cut" '
            "to leave them out, or a later observation_end",
            ids=ids,
        )
    return observation_end, cut


def _make_customers(connection: duckdb.DuckDBPyConnection, acquired_from: dt.date | None) -> int:
    """Fill the table `CUSTOMERS` from `DAYS` and return how many were acquired too early."""
    # everything, less the first day: sums of decimals are exact, so the difference is too
    connection.execute(
        f"CREATE TEMP TABLE {CUSTOMERS} AS SELECT customer_id, count(*) - 1 AS frequency, min(day) AS "
        "first_day, "
        "max(day) AS last_day, sum(amount) AS total, arg_min(amount, day) AS first_amount, "
        "count(*) FILTER (amount > 0) AS positive, "
        f"coalesce(sum(CAST(ln(nullif(amount, 0)) AS {sql.LOG_MONEY})), 0) AS log_total, "
        "list_sort(list(CAST(day - DATE '1970-01-01' AS INTEGER)))[2:] AS repeat_days "
        f"FROM {DAYS} GROUP BY customer_id"
    )
    count = sql.one(connection, f"SELECT count(*) FROM {CUSTOMERS}")[0]
    if not count:
        raise DataError("no purchase is left: every amount is a refund, or was netted to zero by one")
    if acquired_from is None:
        return 0
    early = f"first_day < DATE {sql.text(acquired_from.isoformat())}"
    dropped = int(sql.one(connection, f"SELECT count(*) FROM {CUSTOMERS} WHERE {early}")[0])
    if dropped == count:
        raise DataError(
            f"acquired_from={acquired_from} leaves none of {count:,} customers: is it before observation_end?"
        )
    connection.execute(f"DELETE FROM {CUSTOMERS} WHERE {early}")
    return dropped


def _fetch(
    connection: duckdb.DuckDBPyConnection, attributes: str | None, *, has_amounts: bool
) -> pd.DataFrame:
    spend = (
        "CASE WHEN repeat_sum > 0 THEN CAST(repeat_sum AS DOUBLE) / frequency END AS monetary_value, "
        "positive - CAST(first_amount > 0 AS BIGINT) AS spend_count, CAST(repeat_sum AS DOUBLE) AS "
        "spend_sum, "
        f"CAST(log_total - coalesce(CAST(ln(nullif(first_amount, 0)) AS {sql.LOG_MONEY}), 0) AS DOUBLE) "
        "AS spend_log_sum, "
    )
    value = "CAST(total AS DOUBLE) AS value_to_date, " if has_amounts else ""
    extra = ", attribute_rows.* EXCLUDE (customer_id)" if attributes else ""
    join = f"JOIN ({attributes}) AS attribute_rows USING (customer_id)" if attributes else ""
    query = (
        f"SELECT customer_id, frequency, {spend if has_amounts else ''}first_day AS first_purchase, "
        f"last_day AS last_purchase, {value}repeat_days{extra} "
        f"FROM (SELECT *, total - first_amount AS repeat_sum FROM {CUSTOMERS}) {join} ORDER BY customer_id"
    )
    return sql.frame(connection, query)


def _in_units(table: pd.DataFrame, end: dt.date, unit: str) -> pd.DataFrame:
    first, last = _days(table[names.FIRST_PURCHASE]), _days(table[names.LAST_PURCHASE])
    days = DAYS_PER[unit]
    table = table.copy()
    table[names.CUSTOMER_ID] = table[names.CUSTOMER_ID].astype("str")
    table[names.RECENCY] = (last - first) / days
    table[names.T] = ((end - dt.date(1970, 1, 1)).days - first) / days
    for name in (names.FIRST_PURCHASE, names.LAST_PURCHASE):
        table[name] = table[name].astype("datetime64[us]")
    return table[_in_order(table)]


def _in_order(table: pd.DataFrame) -> list[str]:
    return [c for c in names.SUMMARY_COLUMNS if c in table] + [
        c for c in table.columns if c not in names.SUMMARY_COLUMNS
    ]


def _days(dates: pd.Series[pd.Timestamp]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return dates.to_numpy().astype("datetime64[D]").astype(np.int64)


def _set_aside(cut: int, report: RefundReport, earlier: int) -> dict[str, int | float]:
    counts: dict[str, int | float] = {
        "rows_after_observation_end": cut,
        "refund_rows": report.rows,
        "refund_rows_dropped": report.dropped_rows,
        "refund_rows_unmatched": report.unmatched_rows,
        "refund_amount_unmatched": report.unmatched_amount,
        "purchase_days_netted_to_zero": report.netted_to_zero,
        "customers_without_purchase": report.customers_without_purchase,
        "customers_acquired_earlier": earlier,
    }
    return {reason: count for reason, count in counts.items() if count}
