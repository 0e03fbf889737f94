"""A customer summary that can be trusted: every rule with its own message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from bayesltv import names
from bayesltv.data.arguments import require_summary
from bayesltv.data.day_lists import DayLists, day_lists, unreadable_lists
from bayesltv.data.fingerprint import fingerprint as fingerprint
from bayesltv.data.frames import require_columns
from bayesltv.data.ids import id_texts
from bayesltv.data.log.histories import MICROS
from bayesltv.data.summary.rules import repeat_rules, rules
from bayesltv.dates import Date, as_day, stamps_of_text
from bayesltv.errors import DataError
from bayesltv.units import time_unit_of

REQUIRED = (names.CUSTOMER_ID, names.FREQUENCY, names.RECENCY, names.T)
_NO_ID = (
    "give every customer an id. pandas takes ids like NA and null for missing: "
    "pd.read_csv(path, dtype=str, keep_default_na=False) does not, nor does as_summary(path)"
)


def validate_summary(
    summary: pd.DataFrame,
    *,
    time_unit: str | None = None,
    observation_end: Date | None = None,
    groups: Sequence[str] = (),
    allow_empty: bool = False,
) -> pd.DataFrame:
    """Return a checked copy of a customer summary, with canonical dtypes and attributes.

    Parameters
    ----------
    summary : DataFrame
        Columns customer_id, frequency, recency, T (the latter two in `time_unit`), and monetary_value and
        spend statistics where there is spend.
    time_unit, observation_end : optional
        Needed where `summary.attrs` has lost them; must agree with it where it has not.
    groups : sequence of str
        Columns that must be there; they become text.
    allow_empty : bool
        Whether no customers are fine (they are for scoring, not for a fit).

    Returns
    -------
    DataFrame
        A fresh RangeIndex and the rows in their given order; customer_id and groups text, frequency and
        spend_count int64, the other numbers float64; first_amount is made from value_to_date and spend_sum
        where it is not there, and missing where it is 0. `attrs` hold at least time_unit, observation_end (or
        None), groups and the fingerprint recomputed from the rows.

    Raises
    ------
    DataError
        For the first rule broken: what, how many of how many customers, a few ids, and the cure.
    """
    require_summary(summary)
    unit = resolve_time_unit(summary, time_unit)
    end = resolve_observation_end(summary, observation_end)
    _require_columns(summary, [*REQUIRED, *groups])
    if summary.empty and not allow_empty:
        raise DataError("the summary has no customers: there is nothing to learn from")
    checked = canonical(summary, groups)
    for what, broken, cure in rules(checked, unit, end):
        if broken.any():
            _refuse(checked, what, broken, cure)
    repeats = _repeat_days(checked)
    if repeats is not None:
        for what, broken, cure in repeat_rules(checked, repeats, unit, end):
            if broken.any():
                _refuse(checked, what, broken, cure)
    checked.attrs = {
        **summary.attrs,
        names.TIME_UNIT: unit,
        names.OBSERVATION_END: None if end is None else end.date().isoformat(),
        names.CURRENCY: summary.attrs.get(names.CURRENCY),
        names.GROUPS: list(groups) or list(summary.attrs.get(names.GROUPS, [])),
        names.FINGERPRINT: fingerprint(checked, repeats),
    }
    return checked


def _require_columns(summary: pd.DataFrame, wanted: Sequence[str]) -> None:
    present = [str(c) for c in summary.columns]
    twice = [c for c in dict.fromkeys(present) if present.count(c) > 1]
    if twice:
        raise DataError(f"the summary has more than one column named {twice[0]!r}: drop or rename one")
    cure = "make it with summarize(log), or with as_summary(frame) from another package's frame"
    require_columns(present, wanted, title="the summary", cure=cure)


def resolve_time_unit(summary: pd.DataFrame, time_unit: str | None = None) -> str:
    """Return the unit of recency and T: the keyword, or what the summary's attributes say.

    Raises
    ------
    DataError
        Where neither is there, or they disagree.
    """
    require_summary(summary)
    kept = summary.attrs.get(names.TIME_UNIT)
    if time_unit is None and kept is None:
        raise DataError(
            "the summary has no time_unit (attributes are lost in merge, join and CSV): pass "
            'time_unit="week", '
            "or whatever recency and T are counted in"
        )
    if kept is None or time_unit is None:
        return time_unit_of(kept if time_unit is None else time_unit)
    if time_unit_of(kept) != time_unit_of(time_unit):
        raise DataError(
            f"time_unit={time_unit!r}, but the summary's attributes say {kept!r}: leave the keyword out, or "
            f"drop summary.attrs[{names.TIME_UNIT!r}] where it is wrong"
        )
    return time_unit_of(time_unit)


def resolve_observation_end(
    summary: pd.DataFrame, observation_end: Date | None = None
) -> pd.Timestamp | None:
    """Return the last day observed: the keyword, or what the summary's attributes say, or None.

    Raises
    ------
    DataError
        Where it is no date, or the two disagree.
    """
    own = as_day(summary.attrs.get(names.OBSERVATION_END), names.OBSERVATION_END)
    asked = as_day(observation_end, names.OBSERVATION_END)
    if own is not None and asked is not None and own != asked:
        raise DataError(
            f"observation_end={asked}, but the summary's attributes say {own}: summarize the log again up to "
            "the day you mean"
        )
    end = own if asked is None else asked
    return None if end is None else pd.Timestamp(end)


def required_end(end: pd.Timestamp | None) -> pd.Timestamp:
    """Return the last day observed; raise DataError where it is not known."""
    if end is None:
        raise DataError("the summary does not say when observation ended: pass observation_end=")
    return end


def canonical(summary: pd.DataFrame, groups: Sequence[str]) -> pd.DataFrame:
    """Return a copy with text ids and groups and float64 numbers; what can be none is refused by name."""
    copy = summary.reset_index(drop=True)
    ids = copy[names.CUSTOMER_ID]
    copy[names.CUSTOMER_ID] = id_texts(ids, names.CUSTOMER_ID, cure=_NO_ID)
    for group in groups:
        copy[group] = id_texts(copy[group], group, cure='fill it, for example with "unknown"')
    spend = (names.MONETARY_VALUE, *names.SPEND_STATISTICS, names.FIRST_AMOUNT, names.VALUE_TO_DATE)
    numbers = (*REQUIRED[1:], *spend)
    for name in numbers:
        if name in copy:
            copy[name] = _floats(copy[name], copy[names.CUSTOMER_ID])
    for name in (names.FREQUENCY, names.SPEND_COUNT):
        if name in copy:
            copy[name] = _whole(copy[name], copy)
    for name in (names.FIRST_PURCHASE, names.LAST_PURCHASE):
        if name in copy:
            copy[name] = _dates(copy[name], copy)
    if names.MONETARY_VALUE in copy:  # other packages write 0 where there is no repeat purchase to average
        nothing = (copy[names.FREQUENCY] == 0) & (copy[names.MONETARY_VALUE] == 0)
        copy[names.MONETARY_VALUE] = copy[names.MONETARY_VALUE].mask(nothing)
    return _with_first_amounts(copy)


def _with_first_amounts(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a summary of canonical numbers with ``first_amount``, where it can be told.

    Zero is missing: a first purchase without an amount says nothing of spend. Where the column is not there
    it is value_to_date − spend_sum, counted in millionths, so that 0 stays 0.
    """
    if names.FIRST_AMOUNT in summary:
        first = summary[names.FIRST_AMOUNT]
    elif {names.VALUE_TO_DATE, names.SPEND_SUM} <= set(summary.columns):
        total, repeat = (np.rint(summary[name] * MICROS) for name in (names.VALUE_TO_DATE, names.SPEND_SUM))
        first = (total - repeat) / MICROS
        # beyond 2**53 millionths a float holds no single ones
        first = first.mask(first.abs() <= 4 * np.spacing(summary[names.VALUE_TO_DATE].abs()), 0.0)
    else:
        return summary
    return summary.assign(**{names.FIRST_AMOUNT: first.mask(first == 0)})


def _floats(values: pd.Series[Any], ids: pd.Series[str]) -> pd.Series[float]:
    numbers = pd.to_numeric(values, errors="coerce")
    broken = (numbers.isna() & values.notna()).to_numpy(dtype=bool)
    if broken.any():
        raise DataError(
            f"{values.name!r} is no number for {broken.sum():,} of {len(values):,} customers ({{ids}}), such "
            f"as {values[broken].iloc[0]!r}: give numbers",
            ids=ids[broken][:6],
        )
    return pd.Series(numbers.to_numpy(dtype=np.float64, na_value=np.nan), index=values.index)


def _dates(values: pd.Series[Any], checked: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    """Dates without a time zone; text as ISO 8601, since 01/02/2024 has two meanings."""
    name = str(values.name)
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "M":
        dates = values
    else:
        given = values.mask(values.map(lambda value: isinstance(value, (bool, int, float))))
        texts = isinstance(values.dtype, pd.StringDtype) or pd.api.types.infer_dtype(given) == "string"
        dates = stamps_of_text(given) if texts else pd.to_datetime(given, errors="coerce")
        broken = dates.isna() & values.notna()
        if broken.any():
            cure = f"such as {values[broken].iloc[0]!r}: write dates like 2024-01-31"
            _refuse(checked, f"{name} is no date", broken, cure)
    _refuse_where(checked, f"{name} is missing", dates.isna(), "fill it, or drop the column")
    return dates if dates.dt.tz is None else dates.dt.tz_localize(None)


def _repeat_days(checked: pd.DataFrame) -> DayLists | None:
    """Return the purchase days of each customer, where they are kept; what are no days is refused."""
    if names.REPEAT_DAYS not in checked:
        return None
    try:
        return day_lists(checked[names.REPEAT_DAYS])
    except (ValueError, TypeError, OverflowError):
        cure = "drop the column, or make the summary with summarize(log)"
        broken = unreadable_lists(checked[names.REPEAT_DAYS])
        _refuse(checked, f"{names.REPEAT_DAYS} is no list of whole days", broken, cure)


def _whole(values: pd.Series[float], checked: pd.DataFrame) -> pd.Series[int]:
    """int64, after the rules that only a float column can break."""
    name = str(values.name)
    _refuse_where(
        checked, f"{name} is missing or infinite", values.isna() | np.isinf(values), "fill or drop them"
    )
    _refuse_where(checked, f"{name} is not a whole number", values != np.floor(values), "it counts purchases")
    return values.astype(np.int64)


def _refuse_where(checked: pd.DataFrame, what: str, broken: pd.Series[bool], cure: str) -> None:
    if broken.any():
        _refuse(checked, what, broken, cure)


def _refuse(checked: pd.DataFrame, what: str, broken: pd.Series[bool], cure: str) -> NoReturn:
    raise DataError(
        f"{what} for {int(broken.sum()):,} of {len(checked):,} customers ({{ids}}): {cure}",
        ids=checked.loc[broken, names.CUSTOMER_ID].head(6),
    )
