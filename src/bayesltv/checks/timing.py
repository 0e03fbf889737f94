"""Whether purchases are as irregular as the model takes them to be, and the first one like the others."""

import json
from dataclasses import dataclass
from functools import partial, update_wrapper

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv import names
from bayesltv.base.group_scales import group_scales
from bayesltv.checks.result import Check, CheckResult, FunctionCheck, not_applicable, warning_where
from bayesltv.data.day_lists import day_lists
from bayesltv.families.bg_cnbd import MOST_STAGES
from bayesltv.languages.language import as_kept, mark
from bayesltv.numerics.arrays import Flags, Floats

FEW = 100
"""Pairs of waits below which nothing is said."""
REGULARITY = (0.7, 2.5)
"""Shape of a gamma distribution of waits that does little harm, in multiples of the model's own."""
FIRST_WAIT = 0.05
"""Distance of the first wait's mean share of two waits from a half."""
FIRST_AMOUNT = 1.25
"""Factor between first and repeat amounts that does little harm."""
CLEAR = 3.0
"""Standard errors from which a deviation is none of chance."""


@dataclass(frozen=True)
class Pairs:
    """Successive waits, two by two; the pairs of one customer do not overlap.

    Attributes
    ----------
    share : ndarray of float64, shape (pair,)
        Of their sum, what the first one takes.
    total : ndarray of float64, shape (pair,)
        Their sum, in days.
    is_first : ndarray of bool, shape (pair,)
        Whether the first one is the wait after the first purchase.
    """

    share: Floats
    total: Floats
    is_first: Flags


def regular_timing(
    fit: xr.DataTree,
    summary: pd.DataFrame | None,
    *,
    pairs: Pairs | None = None,
) -> CheckResult:
    """Warn where customers buy much more regularly, or more in bursts, than the model takes them to.

    Given the sum S of two successive waits, the first one's share is uniform if waits are exponential,
    whatever the customer's rate, and Beta(k, k) if they are gamma with shape k (Wheat & Morrison 1990). In
    whole days, of which a wait takes one at least, a uniform share has the variance (S − 2) / (12 S), so that
    the width of a day is not taken for regularity. Neither dropout nor the end of observation looks at the
    share.
    """
    name = "regular_timing"
    pairs = pairs_of_waits(summary) if pairs is None else pairs
    if pairs is None:
        return not_applicable(name, mark("needs a summary with repeat_days"))
    share, total = pairs.share, pairs.total
    if share.size < FEW:
        return not_applicable(name, as_kept("only {n} pairs of waits", n=f"{share.size:,}"))
    expected = (total - 2) / (12 * total)
    excess = (share - 0.5) ** 2 - expected
    ratio = 1 + float(excess.mean() / expected.mean())
    error = float(excess.std(ddof=1) / np.sqrt(share.size) / expected.mean())
    variance = ratio / 12
    shape = (1 - 4 * variance) / (8 * variance)
    own = _own_shape(fit)
    low, high = (own * factor for factor in REGULARITY)
    strange = not low <= shape <= high and abs(ratio - 3 / (2 * own + 1)) > CLEAR * error
    text = mark("waits are spread as gamma with shape {shape} ({own} in the model), over {pairs} pairs")
    if strange:
        text = _MORE_REGULAR if shape > own else _LESS_REGULAR
    histogram = np.histogram(share, bins=10, range=(0, 1))[0]
    table = pd.DataFrame({"share_from": np.arange(10) / 10, "pairs": histogram, "expected": share.size / 10})
    found = as_kept(text, shape=f"{shape:.2f}", own=own, pairs=f"{share.size:,}")
    measured, advice = (shape, high if shape > own else low), _advice(shape, own) if strange else ""
    return warning_where(strange, name, measured, found, advice, table=table)


_MORE_REGULAR = mark(
    "waits are spread as gamma with shape {shape} ({own} in the model), over {pairs} pairs: customers buy "
    "more regularly than the model takes them to"
)
_LESS_REGULAR = mark(
    "waits are spread as gamma with shape {shape} ({own} in the model), over {pairs} pairs: customers buy "
    "less regularly than the model takes them to"
)
_FIRST_AMOUNT = mark(
    "the first wait takes {share} of the first two; the first amount is {factor} times the repeat ones"
)
_FIRST_LEVEL = mark(
    "the first wait takes {share} of the first two; the first amount is {factor} times the repeat ones "
    "(delta of the fit)"
)


def _own_shape(fit: xr.DataTree) -> int:
    """Return the shape of waits in the fit's family: 1, exponential, or k."""
    return json.loads(fit.attrs["spec"])["purchase"].get("k") or 1


def _advice(shape: float, own: int) -> str:
    """Return what to do where waits are unlike the model's; totals may err either way."""
    if shape < REGULARITY[0]:
        return mark(
            "Bursts look like many purchases and then dropout: merge purchases of a few days into one"
        )
    near = min(max(round(shape), 1), MOST_STAGES)
    rival = f"mbg_cnbd with k = {near}" if near > 1 else "mbg_nbd"
    if near == own:
        return mark("P(alive) after a silence and totals may be off, either way: judge them by a hold-out")
    return as_kept(
        "P(alive) after a silence and totals may be off, either way: compare with {rival} by a hold-out "
        "(ltv.backtest), which alone tells whether it forecasts better",
        rival=rival,
    )


def first_purchase_effect(
    fit: xr.DataTree,
    summary: pd.DataFrame | None,
    *,
    pairs: Pairs | None = None,
) -> CheckResult:
    """Warn where the wait after the first purchase, or its amount, is unlike later ones.

    Of customers with two repeat purchases or more, the first wait's share of the first two waits is a half on
    average if the first is like the others. A fit that uses first amounts knows the level of first orders:
    then that is told, and is no cause to warn.
    """
    name = "first_purchase_effect"
    pairs = pairs_of_waits(summary) if pairs is None else pairs
    if summary is None or pairs is None:
        return not_applicable(name, mark("needs a summary with repeat_days"))
    first = pairs.share[pairs.is_first]
    if first.size < FEW:
        few = as_kept("only {n} customers with two repeat purchases", n=f"{first.size:,}")
        return not_applicable(name, few)
    mean, error = float(first.mean()), float(first.std(ddof=1) / np.sqrt(first.size))
    waits = abs(mean - 0.5) > FIRST_WAIT and abs(mean - 0.5) > CLEAR * error
    level = _delta(fit)
    factor, factor_error = _first_amount(summary) if level is None else level
    harmful = max(np.log(FIRST_AMOUNT), CLEAR * factor_error)
    money = bool(factor) and level is None and abs(np.log(factor)) > harmful
    text = mark("the first wait takes {share} of the first two")
    if factor:
        text = _FIRST_AMOUNT if level is None else _FIRST_LEVEL
    found = as_kept(text, share=f"{mean:.0%}", factor=f"{factor or 0:.2f}")
    advice = []
    if waits:
        advice.append(
            mark(
                "The second purchase comes sooner than later ones: forecasts of new customers are off; is it "
                "a welcome offer? Mark its customers by a group column"
            )
            if mean < 0.5
            else mark(
                "The second purchase comes later than later ones: forecasts of new customers are off; is it "
                "a welcome offer? Mark its customers by a group column"
            )
        )
    if money:
        advice.append(
            mark("Value of new customers at repeat spend is not their first basket: keep the two apart")
        )
    limit = 0.5 - FIRST_WAIT, 0.5 + FIRST_WAIT
    rows = [(mark("first wait / first two waits"), mean, error, 0.5, *limit)]
    if factor:
        amounts = (factor, factor * factor_error, 1.0, 1 / FIRST_AMOUNT, FIRST_AMOUNT)
        rows.append((mark("first amount / repeat amounts"), *amounts))
    table = pd.DataFrame(
        rows, columns=["figure", "value", "standard_error", "alike", "alike_from", "alike_to"]
    )
    measured = abs(mean - 0.5), FIRST_WAIT
    return warning_where(bool(advice), name, measured, found, ". ".join(advice), table=table)


def pairs_of_waits(summary: pd.DataFrame | None) -> Pairs | None:
    """Return the successive waits of a summary's customers two by two; None where it does not tell them.

    Customers whose repeat days are missing, or not as many as their frequency, are left out.
    """
    if summary is None or not {names.REPEAT_DAYS, names.FIRST_PURCHASE} <= set(summary.columns):
        return None
    try:
        lists = day_lists(summary[names.REPEAT_DAYS])
    except ValueError:
        return None
    day, count = lists.days, lists.counts
    dates = pd.to_datetime(summary[names.FIRST_PURCHASE])
    first = dates.to_numpy().astype("datetime64[D]").astype(np.int64)
    usable = (count == summary[names.FREQUENCY].to_numpy()) & dates.notna().to_numpy()
    start = np.cumsum(count) - count
    customer = lists.row
    position = np.arange(day.size) - start[customer]
    # the second of each two waits ends on a day of odd position; the two began two purchases before it
    ends = np.flatnonzero((position % 2 == 1) & usable[customer])
    is_first = position[ends] == 1
    begun = np.where(is_first, first[customer[ends]], day[ends - 2 + is_first])
    total = (day[ends] - begun).astype(np.float64)
    kept = total > 2  # two days in a row leave no room for a share
    return Pairs((day[ends - 1] - begun)[kept] / total[kept], total[kept], is_first[kept])


def _delta(fit: xr.DataTree) -> tuple[float, float] | None:
    """Return the geometric mean of delta, over groups too, and its log's error; None without a delta."""
    scales = group_scales(fit)
    if names.SPEND_FIRST not in scales:
        return None
    logs = np.log(scales[names.SPEND_FIRST].values)
    return float(np.exp(logs.mean())), float(logs.reshape(*logs.shape[:2], -1).mean(axis=2).std())


def _first_amount(summary: pd.DataFrame) -> tuple[float, float]:
    """Return the geometric mean of first over repeat amount, and the error of its log; 0 where unknown."""
    if not {names.MONETARY_VALUE, names.SPEND_COUNT, names.SPEND_SUM, names.VALUE_TO_DATE} <= set(
        summary.columns
    ):
        return 0.0, 0.0
    spent = summary[summary[names.SPEND_COUNT] > 0]
    first = (spent[names.VALUE_TO_DATE] - spent[names.SPEND_SUM]).to_numpy(float)
    repeat = (spent[names.SPEND_SUM] / spent[names.SPEND_COUNT]).to_numpy(float)
    # one against one: the logarithm of a mean of several amounts is larger than that of one
    alone = (first > 0.005) & (spent[names.SPEND_COUNT].to_numpy() == 1)
    if alone.sum() < FEW:
        return 0.0, 0.0
    logs = np.log(first[alone] / repeat[alone])
    return float(np.exp(logs.mean())), float(logs.std(ddof=1) / np.sqrt(logs.size))


def timing_checks(summary: pd.DataFrame | None) -> tuple[Check, ...]:
    """Return the checks of timing; they share the waits of the summary, which are found once."""
    pairs = pairs_of_waits(summary)
    return tuple(
        FunctionCheck(update_wrapper(partial(each, pairs=pairs), each))
        for each in (regular_timing, first_purchase_effect)
    )
