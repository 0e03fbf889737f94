"""What was really bought in the periods of a track."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.data.day_lists import day_lists
from bayesltv.data.log.split import PurchaseDays
from bayesltv.data.summary.validate import resolve_observation_end
from bayesltv.errors import DataError
from bayesltv.names import CUSTOMER_ID, FIRST_PURCHASE, PERIOD_END, REPEAT_DAYS
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.prediction.calendar import Calendar, calendar_of


def actual_counts(
    track: xr.Dataset,
    later: pd.DataFrame,
    *,
    customers: Iterable[object] | None = None,
    amounts: PurchaseDays | None = None,
) -> xr.Dataset:
    """Return the repeat purchases that were really made in the periods of a track, and what was spent.

    Parameters
    ----------
    track : Dataset
        From ``track``.
    later : DataFrame
        Summary of the log at the end of the hold-out, or at any end from ``track``'s on. Customers who came
        after the track's end of observation are left out.
    customers : iterable, optional
        Ids that were tracked, where they are not all that came by then.
    amounts : PurchaseDays, optional
        The same purchases with their amounts, from ``data.log.split.purchase_days``: a summary does not say
        what was spent on which day.

    Returns
    -------
    xarray.Dataset
        ``purchases`` and ``cumulative_purchases`` (float), dim period_end; NaN for periods that `later` does
        not cover. With amounts also ``spend`` and ``cumulative_spend``; NaN for periods in which they are not
        of as many purchases as `later` has; if that is the past, the forecast's part of the latter starts at
        the track's ``spend_observed``.

    Raises
    ------
    DataError
        Where `later` has no repeat days, ends too early, or is about other customers.
    """
    calendar = calendar_of(track)
    known_until = resolve_observation_end(later)
    if known_until is None or known_until < calendar.end:
        raise DataError(
            f"the later summary must say that observation ended on {calendar.end.date()} or after, not "
            f"{None if known_until is None else known_until.date()}: make it by summarize(log, "
            "observation_end=...)"
        )
    absent = [name for name in (FIRST_PURCHASE, REPEAT_DAYS) if name not in later.columns]
    if absent:
        raise DataError(f"the later summary lacks {', '.join(absent)}: make it by summarize(log)")
    followed = _followed(later, calendar.end, customers, expected=int(track.attrs["customers"]))
    day = day_lists(followed[REPEAT_DAYS]).days
    # a bin's last day stands for all of it, so a bin counts once that day has been observed
    unknown = track[PERIOD_END].values > known_until.to_datetime64()
    found = {"purchases": np.where(unknown, np.nan, _binned(calendar, day))}
    if amounts is not None and amounts.amount is not None:
        day, amount = _repeats_among(amounts, followed)
        spent = _binned(calendar, day, amount)
        found["spend"] = np.where(_binned(calendar, day) == found["purchases"], spent, np.nan)
    variables: dict[str, Any] = {}
    for name, values in found.items():
        observed = float(track.attrs.get(f"{name}_observed", np.nan))
        added = _added_up(values, calendar.before, observed)
        variables |= {name: (PERIOD_END, values), f"cumulative_{name}": (PERIOD_END, added)}
    return xr.Dataset(variables, coords=track.coords, attrs=dict(track.attrs))


def _added_up(values: Floats, before: int, observed: float) -> Floats:
    """Return cumulative sums; past an unknown past they start at what the track observed."""
    past = values[:before].cumsum()
    start = past[-1] if np.isfinite(past[-1]) else observed
    return np.concatenate([past, start + values[before:].cumsum()])


def _binned(calendar: Calendar, day: Integers, weight: Floats | None = None) -> Floats:
    """Return the sum of weights, or the number, of the days in each bin."""
    place, size = calendar.bin_of(day), calendar.before + calendar.after
    inside = (place >= 0) & (place < size)
    chosen = None if weight is None else weight[inside]
    return np.bincount(place[inside], weights=chosen, minlength=size).astype(np.float64)


def _repeats_among(amounts: PurchaseDays, followed: pd.DataFrame) -> tuple[Integers, Floats]:
    """Return days and amounts of the purchases of these customers after their first one."""
    assert amounts.amount is not None
    ids = pd.Index(followed[CUSTOMER_ID].astype(str))
    row = ids.get_indexer(pd.Index(amounts.customer_id.astype(str)))
    first = pd.to_datetime(followed[FIRST_PURCHASE]).to_numpy().astype("datetime64[D]").astype(np.int64)
    is_repeat = (row >= 0) & (amounts.day > first[row])
    return amounts.day[is_repeat], amounts.amount[is_repeat]


def _followed(
    later: pd.DataFrame, end: pd.Timestamp, customers: Iterable[object] | None, *, expected: int
) -> pd.DataFrame:
    """Return the rows of `later` that were tracked."""
    kept = (later[FIRST_PURCHASE] <= end).to_numpy()
    if customers is not None:
        kept = (
            kept & later[CUSTOMER_ID].astype(str).isin({str(customer) for customer in customers}).to_numpy()
        )
    if int(kept.sum()) != expected:
        raise DataError(
            f"the later summary has {int(kept.sum()):,} customers to follow, but {expected:,} were tracked: "
            "summarize the same log, and pass customers= where only some were tracked"
        )
    return later[kept]
