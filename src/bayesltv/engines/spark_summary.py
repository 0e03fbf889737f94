"""A log that is a Spark DataFrame -> one row per customer, by the rules of `bayesltv.summarize`."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from bayesltv import names
from bayesltv.data.frames import require_columns
from bayesltv.data.log.attributes import GroupConflict
from bayesltv.data.log.histories import Histories, summary_rows
from bayesltv.data.log.odd_days import may_be_odd, odd_days, odd_message, warn_late_end
from bayesltv.data.log.reading import Carried, Late, LogReading, Summarizing
from bayesltv.data.log.refunds import Refunds, netted_rows
from bayesltv.data.log.request import Request, make_request
from bayesltv.data.log.transactions import SMALL_AMOUNT, moved_message
from bayesltv.dates import Date
from bayesltv.engines.spark_engine import METADATA, TEXT_TYPES
from bayesltv.engines.spark_session import mapped, require_spark_frame, require_workers
from bayesltv.errors import DataError, warn

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row

_ISO = r"^\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?\s*$"
"""Spark would read years of two digits, months alone, and stamps with a zone as if they had none."""


def summarize(
    log: DataFrame,
    *,
    observation_end: Date | None = None,
    time_unit: str = "week",
    customer_id_col: str = names.CUSTOMER_ID,
    datetime_col: str = names.DATE,
    monetary_value_col: str | None = names.AMOUNT,
    groups: Sequence[str] = (),
    group_conflict: GroupConflict = "error",
    refunds: Refunds = "net",
    timezone: str | None = None,
    cohort: Literal["month", "week"] | None = None,
    acquired_from: Date | None = None,
    late: Late = "cut",
    currency: str | None = None,
    repeat_days: bool = True,
) -> DataFrame:
    """Return the customer summary of a log as a Spark DataFrame, equal to that of `bayesltv.summarize`.

    Looks at the log once, to find what is wrong with it, and again when the summary is used: cache a log that
    is dear to make. Rows come in no order. Ids must be text or whole numbers, and dates text in ISO 8601,
    dates or stamps; those that Spark takes for instants need `timezone`. Covariates, order ids and most
    warnings of oddities are for local logs; odd days and small amounts are warned of here too.

    Parameters are those of `bayesltv.summarize`.

    Returns
    -------
    pyspark DataFrame
        Its column customer_id carries time_unit, observation_end, currency, groups and set_aside as metadata,
        where `score` finds them, also after Parquet. It has no fingerprint.

    Raises
    ------
    DataError
        Where the log cannot be used as it is.
    EngineError
        Where a worker lacks the package or has another version.
    """
    reading = LogReading(customer_id_col, datetime_col, monetary_value_col, refunds, timezone)
    asked = Summarizing(
        reading, Carried(groups=groups, group_conflict=group_conflict), observation_end, time_unit,
        acquired_from, late, currency, repeat_days, cohort=cohort,
    )  # fmt: skip
    return summarized(log, asked)


def summarized(log: DataFrame, asked: Summarizing) -> DataFrame:
    """Return the customer summary of a log: `summarize`, asked by the record that all engines share."""
    from pyspark.sql import functions as F

    frame, request = require_spark_frame(log, "summarize"), make_request(asked)
    require_columns(frame.columns, request.columns.wanted, title="log")
    require_workers(frame.sparkSession)
    rows = _typed(frame, request)
    facts = _looked_at(rows, request)
    end = facts["end"]
    window = rows.where(F.col("day") <= F.lit(end))
    purchases = _purchases(window, request, facts)
    parts = purchases.repartition(names.CUSTOMER_ID).sortWithinPartitions(names.CUSTOMER_ID, "day")
    first = request.acquired_from
    settings = {
        "end": end.isoformat(),
        "first": None if first is None else first.isoformat(),
        "layout": request.layout,
    }
    summary = mapped(parts, "reduce_purchases", _schema(request, end), settings)
    if request.columns.groups:
        summary = summary.join(_groups(window, request), names.CUSTOMER_ID)
    told = {
        names.TIME_UNIT: request.time_unit,
        names.OBSERVATION_END: end.isoformat(),
        names.CURRENCY: asked.currency,
        names.GROUPS: list(request.groups),
        names.SET_ASIDE: {k: facts[k] for k in ("rows_after_observation_end", "refund_rows") if facts[k]},
    }
    return summary.withMetadata(names.CUSTOMER_ID, {METADATA: json.dumps(told)})


def _typed(frame: DataFrame, request: Request) -> DataFrame:
    """Return customer_id, stamp, day, amount and groups; null where a value cannot be read."""
    from pyspark.sql import functions as F

    columns, kinds = request.columns, {f.name: f.dataType for f in frame.schema}
    labels = (columns.customer_id, *columns.groups)
    odd = next((c for c in labels if kinds[c].typeName() not in TEXT_TYPES), None)
    if odd is not None:
        raise DataError(
            f"column {odd!r} is of type {kinds[odd].simpleString()}, which cannot be a label: turn it into "
            "text or a whole number first"
        )
    amount = F.lit(0) if columns.amount is None else frame[columns.amount]
    return frame.select(
        _label(frame[columns.customer_id]).alias(names.CUSTOMER_ID),
        _stamp(frame, columns.date, request.asked.reading.timezone).alias("stamp"),
        _money(amount).alias(names.AMOUNT),
        _is_moved(amount).alias("is_moved"),
        *(_label(frame[group]).alias(f"group_{i}") for i, group in enumerate(columns.groups)),
    ).withColumn("day", F.to_date("stamp"))


def _label(column: Column) -> Column:
    from pyspark.sql import functions as F

    text = column.cast("string")
    return F.when(F.trim(text) != "", text)


def _stamp(frame: DataFrame, name: str, timezone: str | None) -> Column:
    """Return the local wall-clock stamp, as summarize has it; null where text cannot be parsed."""
    from pyspark.sql import functions as F

    column, kind = frame[name], frame.schema[name].dataType.typeName()
    if kind != "timestamp":
        if timezone is not None:
            raise DataError(
                f"stamps in column {name!r} carry no time zone, so that timezone={timezone!r} cannot be "
                "applied: leave it out and days are taken as they stand"
            )
        if kind not in ("string", "date", "timestamp_ntz"):
            raise DataError(f"dates in column {name!r} are of type {kind}: give dates, timestamps or text")
        if kind == "string":
            return _in_calendar(F.when(column.rlike(_ISO), F.trim(column)).try_cast("timestamp_ntz"))
        return _in_calendar(column.cast("timestamp_ntz"))
    if timezone is None:
        raise DataError(
            f"stamps in column {name!r} are instants: name the zone whose days count, for example "
            'timezone="Europe/Berlin" (or "UTC"), or cast them to "timestamp_ntz"'
        )
    shown = str(frame.sparkSession.conf.get("spark.sql.session.timeZone"))
    if shown not in (timezone, "UTC", "Etc/UTC"):  # the hour that a zone has twice would be ambiguous
        raise DataError(
            f"the session shows stamps in {shown}: set spark.sql.session.timeZone to UTC, or to {timezone}"
        )
    local = column.cast("timestamp_ntz")
    moved = local if shown == timezone else F.convert_timezone(F.lit("UTC"), F.lit(timezone), local)
    return _in_calendar(moved)


def _in_calendar(stamp: Column) -> Column:
    """Return null for years that a date cannot hold."""
    from pyspark.sql import functions as F

    return F.when(F.year(stamp).between(1, 9999), stamp)


def _money(column: Column) -> Column:
    return column.try_cast("decimal(18,6)")


def _is_moved(column: Column) -> Column:
    """Whether six decimals move an amount by more than one in a thousand."""
    from pyspark.sql import functions as F

    size = F.abs(column.try_cast("double"))
    stored = F.abs(_money(column).cast("double"))
    return (size > 0) & (size < float(SMALL_AMOUNT)) & (F.abs(stored - size) > size / 1000)


def _looked_at(rows: DataFrame, request: Request) -> dict[str, Any]:
    """Return first and last day, rows after the end and refunds; refuse what cannot be used."""
    from pyspark.sql import functions as F

    asked = request.observation_end
    after = F.lit(False) if asked is None else F.col("day") > F.lit(asked)
    refund = ~after & (F.col(names.AMOUNT) < 0)
    counts = {
        "rows": F.count(F.lit(1)),
        names.CUSTOMER_ID: F.count_if(F.col(names.CUSTOMER_ID).isNull()),
        "day": F.count_if(F.col("day").isNull()),
        names.AMOUNT: F.count_if(F.col(names.AMOUNT).isNull()),
        "first": F.min("day"),
        "last": F.max("day"),
        "rows_after_observation_end": F.count_if(after),
        "refund_rows": F.count_if(refund),
        "moved": F.count_if(F.col("is_moved")),
    }
    for i, _ in enumerate(request.columns.groups):
        counts[f"group_{i}"] = F.count_if(F.col(f"group_{i}").isNull() & ~after)
    found = rows.agg(*(column.alias(name) for name, column in counts.items())).first()
    if found is None or not found["rows"]:
        raise DataError("the log holds no rows: there is nothing to summarize")
    _refuse_missing(rows, request, found)
    _refuse_days(found, request)
    if found["refund_rows"] and request.asked.reading.refunds == "error":
        raise DataError(
            f'{found["refund_rows"]:,} rows have a negative amount: use refunds="net" to set them against '
            'earlier purchases, or refunds="drop"'
        )
    end = found["last"] if asked is None else asked
    _warn_of_moved(rows, request, found)
    _warn_odd_days(rows, found, end)
    return {**found.asDict(), "end": end}


def _warn_of_moved(rows: DataFrame, request: Request, found: Row) -> None:
    if found["moved"]:
        some = rows.where("is_moved").select(names.CUSTOMER_ID).distinct().limit(6).collect()
        least = f"{float(SMALL_AMOUNT):g}"
        warn(moved_message(request.columns.amount, found["moved"], least), ids=sorted(row[0] for row in some))


def _warn_odd_days(rows: DataFrame, found: Row, end: dt.date) -> None:
    from pyspark.sql import functions as F

    last = min(found["last"], end)
    if may_be_odd(found["first"], last):
        days = rows.where(F.col("day") <= F.lit(end)).groupBy("day").count().orderBy("day").collect()
        for odd in odd_days([row[0] for row in days], [row[1] for row in days]):
            between = rows.where(F.col("day").between(odd.first, odd.last))
            some = between.select(names.CUSTOMER_ID).distinct().orderBy(names.CUSTOMER_ID).limit(6).collect()
            warn(odd_message(odd), ids=[row[0] for row in some])
    warn_late_end(last, end)


def _refuse_missing(rows: DataFrame, request: Request, found: Row) -> None:
    columns = request.columns
    wanted = {names.CUSTOMER_ID: columns.customer_id, "day": columns.date, names.AMOUNT: columns.amount}
    wanted |= {f"group_{i}": group for i, group in enumerate(columns.groups)}
    for part, name in wanted.items():
        if not found[part]:
            continue
        some = rows.where(rows[part].isNull()).select(names.CUSTOMER_ID).distinct().limit(6).collect()
        raise DataError(
            f"column {name!r} is missing or unreadable in {found[part]:,} of {found['rows']:,} rows "
            "({ids}): fill or drop them; dates are ISO 8601 with four digits of the year and without a time "
            "zone (cast stamps with one to timestamps), amounts finite numbers below 1e12",
            ids=sorted(str(row[0]) for row in some),
        )


def _refuse_days(found: Row, request: Request) -> None:
    end = request.observation_end
    if end is not None and end < found["first"]:
        raise DataError(
            f"observation_end={end} lies before the first row of the log ({found['first']}): is the year "
            "right?"
        )
    if request.asked.late == "error" and found["rows_after_observation_end"]:
        raise DataError(
            f"{found['rows_after_observation_end']:,} rows are dated after observation_end={end}, up to "
            f'{found["last"]}: pass late="cut" to leave them out, or a later observation_end'
        )


def _purchases(window: DataFrame, request: Request, facts: dict[str, Any]) -> DataFrame:
    """Return customer_id, day and amount of purchases, refunds taken into account."""
    from pyspark.sql import functions as F

    columns = (names.CUSTOMER_ID, "day", names.AMOUNT)
    if not facts["refund_rows"]:
        return window.select(*columns)
    bought = F.col(names.AMOUNT) >= 0
    if request.asked.reading.refunds == "drop":
        return window.where(bought).select(*columns)
    concerned = window.where(~bought).select(names.CUSTOMER_ID).distinct()
    query = netted_rows("{log}", "TRUE", mark="0", place="monotonically_increasing_id()")
    netted = window.sparkSession.sql(query, log=window.select(*columns))
    kept = netted.where("kept > 0 OR amount = 0").select(
        names.CUSTOMER_ID, "day", F.col("kept").cast("decimal(18,6)").alias(names.AMOUNT)
    )
    return window.join(concerned, names.CUSTOMER_ID, "left_anti").select(*columns).unionByName(kept)


def _groups(window: DataFrame, request: Request) -> DataFrame:
    """Return one row per customer with the groups; refuse two values of one customer under "error"."""
    from pyspark.sql import functions as F

    groups, conflict = request.columns.groups, request.asked.carried.group_conflict
    if conflict == "error":
        differs = [F.min(f"group_{i}") != F.max(f"group_{i}") for i, _ in enumerate(groups)]
        flags = [flag.alias(f"differs_{i}") for i, flag in enumerate(differs)]
        people = window.groupBy(names.CUSTOMER_ID).agg(*flags)
        for i, group in enumerate(groups):
            some = people.where(F.col(f"differs_{i}")).orderBy(names.CUSTOMER_ID).limit(6).collect()
            if some:
                raise DataError(
                    f"column {group!r} has more than one value for some customers ({{ids}}): pass "
                    'group_conflict="first" or "last", or map each customer to one value',
                    ids=[row[0] for row in some],
                )
    pick = F.max if conflict == "last" else F.min
    values = [
        pick(F.struct("stamp", f"group_{i}"))[f"group_{i}"].alias(group) for i, group in enumerate(groups)
    ]
    return window.groupBy(names.CUSTOMER_ID).agg(*values)


def _schema(request: Request, end: dt.date) -> pa.Schema:
    whole, money = np.zeros(0, np.int64), np.zeros(0)
    ids, days = pa.array([], pa.string()), pa.array([], pa.int32())
    nobody = Histories(ids, whole, whole, whole, whole, money, money, money, money, days)
    return summary_rows(nobody, end=end, **request.layout).schema
