"""What the columns of a summary owe each other: each rule with what is broken, for whom, and the cure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bayesltv import names
from bayesltv.data.day_lists import DayLists, day_numbers
from bayesltv.errors import DataError
from bayesltv.numerics.arrays import Flags
from bayesltv.units import DAYS_PER

_TOLERANCE = 1e-9
_DAY = 1.0
"""Days by which times and dates may differ: a stamp's time of day may be in either."""

Rule = tuple[str, "pd.Series[bool]", str]


def rules(checked: pd.DataFrame, unit: str, end: pd.Timestamp | None) -> Iterator[Rule]:
    """Yield every rule of a summary with canonical types, in the order in which they are to be judged."""
    yield from _history_rules(checked, end)
    yield from _date_rules(checked, unit, end)
    yield from _spend_rules(checked)


def _history_rules(checked: pd.DataFrame, end: pd.Timestamp | None) -> Iterator[Rule]:
    x, recency, age = checked[names.FREQUENCY], checked[names.RECENCY], checked[names.T]
    ids = checked[names.CUSTOMER_ID]
    yield "customer_id appears more than once", ids.duplicated(), "a summary has one row per customer"
    yield "frequency is negative", x < 0, "it counts repeat purchases"
    for name in (names.RECENCY, names.T):
        yield f"{name} is missing or infinite", ~np.isfinite(checked[name]), "fill or drop them"
        yield f"{name} is negative", checked[name] < 0, "is observation_end before the first purchase?"
    is_end = "" if end is None else f"={end.date()}"
    yield "recency > T", recency > age + _TOLERANCE * (1 + age), f"is observation_end{is_end} right?"
    yield (
        "frequency > 0 with recency 0",
        (x > 0) & (recency <= 0),
        "purchases of one day are one purchase: is recency the time from first to last purchase?",
    )
    yield (
        "frequency 0 with recency > 0",
        (x == 0) & (recency > 0),
        "recency is the time from first to last purchase, not the time since: use T - recency for that",
    )


def _date_rules(checked: pd.DataFrame, unit: str, end: pd.Timestamp | None) -> Iterator[Rule]:
    cure = "are time_unit and observation_end right?"
    if end is not None and names.FIRST_PURCHASE in checked:
        age = (end - checked[names.FIRST_PURCHASE]).dt.days
        what = f"T is not the time from first_purchase to observation_end={end.date()} in {unit}s"
        yield what, (age - checked[names.T] * DAYS_PER[unit]).abs() > _DAY, cure
    if names.LAST_PURCHASE in checked:
        yield from _last_purchase_rules(checked, unit, end)


def _last_purchase_rules(checked: pd.DataFrame, unit: str, end: pd.Timestamp | None) -> Iterator[Rule]:
    last = checked[names.LAST_PURCHASE]
    cure = "recompute it from the log, or drop the column"
    if end is not None:
        late = last >= end + pd.Timedelta(days=1)
        yield f"last_purchase is after observation_end={end.date()}", late, cure
    if names.FIRST_PURCHASE in checked:
        first = checked[names.FIRST_PURCHASE]
        yield "last_purchase is before first_purchase", last < first, cure
        recency = checked[names.RECENCY] * DAYS_PER[unit]
        off = (_days(last - first) - recency).abs() > _DAY
        yield f"recency is not the time from first_purchase to last_purchase in {unit}s", off, cure
    elif end is not None:
        since = (checked[names.T] - checked[names.RECENCY]) * DAYS_PER[unit]
        off = (_days(end - last) - since).abs() > _DAY
        yield f"T - recency is not the time since last_purchase in {unit}s", off, cure


def _days(differences: pd.Series[pd.Timedelta]) -> pd.Series[float]:
    return differences.dt.total_seconds() / 86_400


def repeat_rules(
    checked: pd.DataFrame, repeats: DayLists, unit: str, end: pd.Timestamp | None
) -> Iterator[Rule]:
    """Yield what the days of repeat purchases owe to counts and dates, both in the same rows."""
    name, cure = names.REPEAT_DAYS, "recompute them from the log, or drop the column"
    counts = repeats.counts
    yield f"{name} are not as many as frequency", _where(checked, counts != checked[names.FREQUENCY]), cure
    yield f"{name} are not in order, or a day stands twice", _where(checked, _disorder(repeats)), cure
    some = counts > 0
    ends = np.cumsum(counts)[some]
    first, last = repeats.days[ends - counts[some]], repeats.days[ends - 1]
    if names.FIRST_PURCHASE in checked:
        begin = day_numbers(checked[names.FIRST_PURCHASE])[some]
        early = _spread(first <= begin, some)
        yield f"{name} are not after first_purchase", _where(checked, early), cure
        recency = checked[names.RECENCY].to_numpy()[some] * DAYS_PER[unit]
        off = _spread(np.abs(last - begin - recency) > _DAY, some)
        yield f"recency is not the time from first_purchase to the last of {name}", _where(checked, off), cure
    if names.LAST_PURCHASE in checked:
        off = _spread(last != day_numbers(checked[names.LAST_PURCHASE])[some], some)
        yield f"the last of {name} is not last_purchase", _where(checked, off), cure
    if end is not None:
        late = _spread(last > np.datetime64(end, "D").astype(np.int64), some)
        yield f"{name} are after observation_end={end.date()}", _where(checked, late), cure


def _disorder(repeats: DayLists) -> Flags:
    """Return which rows have a day that is not after the one before it."""
    found = np.zeros(repeats.counts.size, dtype=np.bool_)
    ends = np.cumsum(repeats.counts)
    falls = np.flatnonzero(np.diff(repeats.days) <= 0) + 1  # positions of the later day of each pair
    rows = np.searchsorted(ends, falls, side="right")
    same = falls > (ends - repeats.counts)[rows]
    found[rows[same]] = True
    return found


def _spread(values: Flags, rows: Flags) -> Flags:
    """Return values of some rows as those of all: False elsewhere."""
    whole = np.zeros(rows.size, dtype=np.bool_)
    whole[rows] = values
    return whole


def _where(checked: pd.DataFrame, values: Flags | pd.Series[bool]) -> pd.Series[bool]:
    return pd.Series(np.asarray(values), index=checked.index)


def _spend_rules(checked: pd.DataFrame) -> Iterator[Rule]:
    x = checked[names.FREQUENCY]
    if names.VALUE_TO_DATE in checked:
        spent = checked[names.VALUE_TO_DATE]
        cure = "it is all spend so far: fill it, or drop the column"
        yield f"{names.VALUE_TO_DATE} is missing or infinite", ~np.isfinite(spent), cure
        yield (
            f"{names.VALUE_TO_DATE} is negative",
            spent < 0,
            'net refunds first: summarize(log, refunds="net")',
        )
    if names.MONETARY_VALUE in checked:
        mean = checked[names.MONETARY_VALUE]
        yield "monetary_value is infinite", np.isinf(mean), "fill or drop them"
        yield "monetary_value is negative", mean < 0, 'net refunds first: summarize(log, refunds="net")'
        yield (
            "frequency 0 with repeat spend (monetary_value)",
            (x == 0) & (mean > 0),
            "monetary_value is the mean of repeat purchases only, the first one left out",
        )
        if names.SPEND_COUNT not in checked:
            yield (
                "monetary_value is missing although frequency > 0",
                (x > 0) & mean.isna(),
                "give 0 where repeat purchases were free",
            )
    if names.FIRST_AMOUNT in checked:
        first = checked[names.FIRST_AMOUNT]
        yield "first_amount is infinite", np.isinf(first), "leave it empty where it is not known"
        yield "first_amount is negative", first < 0, 'net refunds first: summarize(log, refunds="net")'
    present = [name for name in names.SPEND_STATISTICS if name in checked]
    if present:
        missing = [name for name in names.SPEND_STATISTICS if name not in checked]
        if missing:
            raise DataError(
                f"the summary has {', '.join(present)} but not {', '.join(missing)}: give all three or none"
            )
        yield from _statistic_rules(checked)
    if names.VALUE_TO_DATE in checked and (present or names.MONETARY_VALUE in checked):
        repeat = checked[names.SPEND_SUM] if present else (checked[names.MONETARY_VALUE] * x).fillna(0.0)
        less = checked[names.VALUE_TO_DATE] < repeat - 1e-6 * (1 + repeat)
        yield f"{names.VALUE_TO_DATE} is less than repeat spend", less, "it counts the first purchase too"
        if names.FIRST_AMOUNT in checked:
            spent = checked[names.VALUE_TO_DATE]
            off = (spent - repeat - checked[names.FIRST_AMOUNT]).abs() > 1e-6 * (1 + spent)
            cure = "have both from one currency and one log, or leave first_amount empty"
            yield f"first_amount is not {names.VALUE_TO_DATE} less repeat spend", off, cure


def _statistic_rules(checked: pd.DataFrame) -> Iterator[Rule]:
    """Yield what count, sum and log sum of positive amounts owe each other."""
    x, count = checked[names.FREQUENCY], checked[names.SPEND_COUNT]
    total, logs = checked[names.SPEND_SUM], checked[names.SPEND_LOG_SUM]
    for name in (names.SPEND_SUM, names.SPEND_LOG_SUM):
        yield (
            f"{name} is missing or infinite",
            ~np.isfinite(checked[name]),
            "give 0 where there is no repeat spend",
        )
    yield "spend_count is negative", count < 0, "it counts repeat purchases with a positive amount"
    yield "spend_count > frequency", count > x, "only repeat purchase days count"
    yield "spend_sum is negative", total < 0, "it adds up positive amounts"
    yield (
        "spend_sum > 0 with spend_count 0, or the other way round",
        (total > 0) != (count > 0),
        "recompute both",
    )
    yield "spend_log_sum is not 0 with spend_count 0", (count == 0) & (logs != 0), "recompute it"
    # the geometric mean is at most the arithmetic mean
    n = count.clip(lower=1)
    bound = n * np.log(np.where(total > 0, total, 1.0) / n)
    yield (
        "spend_log_sum exceeds what spend_sum and spend_count allow",
        (count > 0) & (logs > bound + 1e-6 * n),
        "it is the sum of ln(amount): recompute it",
    )
    if names.MONETARY_VALUE in checked:
        mean = checked[names.MONETARY_VALUE].fillna(0.0)
        yield (
            "monetary_value is not spend_sum / frequency",
            (total - mean * x).abs() > 1e-6 * (1 + total),
            "have both from one currency and one log",
        )
