"""Whether purchases are as irregular as the model takes them to be, and the first one like the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.checks.result import CheckResult
from bayesltv.names import FIRST_PURCHASE, MONETARY_VALUE, REPEAT_DAYS, SPEND_COUNT, SPEND_SUM, VALUE_TO_DATE

Floats = NDArray[np.float64]
FEW = 100
"""Pairs of waits below which nothing is said."""
REGULARITY = (0.7, 1.5)
"""Shape of a gamma distribution of waits, 1 being the model's exponential, that does little harm."""
FIRST_WAIT = 0.05
"""Distance of the first wait's mean share of two waits from a half."""
FIRST_AMOUNT = 1.25
"""Factor between first and repeat amounts that does little harm."""
CLEAR = 3.0
"""Standard errors from which a deviation is none of chance."""


def regular_timing(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Warn where customers buy more regularly, or more in bursts, than with exponential waits.

    Given the sum S of two successive waits, the first one's share is uniform if waits are exponential,
    whatever the customer's rate, and Beta(k, k) if they are gamma with shape k (Wheat & Morrison 1990). Whole
    days make its variance (S − 2) / (12 S). Neither dropout nor the end of observation looks at the share.
    """
    name = "regular_timing"
    if summary is None or not {REPEAT_DAYS, FIRST_PURCHASE} <= set(summary.columns):
        return CheckResult(name, "not applicable", None, None, "needs a summary with repeat_days")
    share, total, _ = _pairs(summary)
    if share.size < FEW:
        return CheckResult(name, "not applicable", None, None, f"only {share.size:,} pairs of waits")
    expected = (total - 2) / (12 * total)
    excess = (share - 0.5) ** 2 - expected
    ratio = 1 + float(excess.mean() / expected.mean())
    error = float(excess.std(ddof=1) / np.sqrt(share.size) / expected.mean())
    variance = ratio / 12
    shape = (1 - 4 * variance) / (8 * variance)
    strange = not REGULARITY[0] <= shape <= REGULARITY[1] and abs(ratio - 1) > CLEAR * error
    how = "regularly" if shape > 1 else "in bursts"
    advice = (
        "Silence says more of regular buyers than the model thinks: their P(alive) falls too late"
        if shape > 1
        else "Bursts look like many purchases and then dropout: merge purchases of a few days into one"
    )
    histogram = np.histogram(share, bins=10, range=(0, 1))[0]
    table = pd.DataFrame({"share_from": np.arange(10) / 10, "pairs": histogram, "expected": share.size / 10})
    return CheckResult(
        name,
        "warn" if strange else "pass",
        shape,
        REGULARITY[1] if shape > 1 else REGULARITY[0],
        f"waits are spread as gamma with shape {shape:.2f} (1 in the model), over {share.size:,} pairs"
        + (f": customers buy {how}" if strange else ""),
        advice if strange else "",
        table=table,
    )


def first_purchase_effect(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:  # noqa: ARG001
    """Warn where the wait after the first purchase, or its amount, is unlike later ones.

    Of customers with two repeat purchases or more, the first wait's share of the first two waits is a half on
    average if the first is like the others.
    """
    name = "first_purchase_effect"
    if summary is None or not {REPEAT_DAYS, FIRST_PURCHASE} <= set(summary.columns):
        return CheckResult(name, "not applicable", None, None, "needs a summary with repeat_days")
    share, _, is_first = _pairs(summary)
    first = share[is_first]
    if first.size < FEW:
        few = f"only {first.size:,} customers with two repeat purchases"
        return CheckResult(name, "not applicable", None, None, few)
    mean, error = float(first.mean()), float(first.std(ddof=1) / np.sqrt(first.size))
    waits = abs(mean - 0.5) > FIRST_WAIT and abs(mean - 0.5) > CLEAR * error
    factor, factor_error = _first_amount(summary)
    money = bool(factor) and abs(np.log(factor)) > max(np.log(FIRST_AMOUNT), CLEAR * factor_error)
    found = f"the first wait takes {mean:.0%} of the first two"
    found += f"; the first amount is {factor:.2f} times the repeat ones" if factor else ""
    how = "sooner" if mean < 0.5 else "later"
    advice = []
    if waits:
        advice.append(
            f"The second purchase comes {how} than later ones: forecasts of new customers are off; is it a "
            "welcome offer? Mark its customers by a group column"
        )
    if money:
        advice.append("Value of new customers at repeat spend is not their first basket: keep the two apart")
    rows = {
        "first wait / first two waits": (mean, error),
        "first amount / repeat amounts": (factor, factor_error),
    }
    table = pd.DataFrame([{"figure": k, "value": v, "standard_error": e} for k, (v, e) in rows.items()])
    return CheckResult(
        name, "warn" if advice else "pass", mean, FIRST_WAIT, found, ". ".join(advice), table=table
    )


def _pairs(summary: pd.DataFrame) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return, of successive waits two by two: the first one's share, their sum in days, who comes first."""
    starts = summary[FIRST_PURCHASE].to_numpy().astype("datetime64[D]").astype(np.int64)
    counts = np.fromiter(map(len, summary[REPEAT_DAYS]), dtype=np.int64, count=len(summary))
    if not (counts > 1).any():
        return np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool)
    days = np.concatenate(summary[REPEAT_DAYS][counts > 0].to_list()).astype(np.int64)
    owner = np.repeat(np.arange(counts.size), counts)
    place = np.arange(days.size) - (np.cumsum(counts) - counts)[owner]
    middle = np.flatnonzero((place % 2 == 0) & (place + 1 < counts[owner]))  # of two waits
    is_first = place[middle] == 0
    before = np.where(is_first, starts[owner[middle]], days[middle - 1])
    whole = (days[middle + 1] - before).astype(float)
    kept = whole > 2  # two days in a row leave no room for a share
    share = (days[middle] - before)[kept] / whole[kept]
    return share, whole[kept], is_first[kept]


def _first_amount(summary: pd.DataFrame) -> tuple[float, float]:
    """Return the geometric mean of first over repeat amount, and the error of its log; 0 where unknown."""
    if not {MONETARY_VALUE, SPEND_COUNT, SPEND_SUM, VALUE_TO_DATE} <= set(summary.columns):
        return 0.0, 0.0
    spent = summary[summary[SPEND_COUNT] > 0]
    first = (spent[VALUE_TO_DATE] - spent[SPEND_SUM]).to_numpy(float)
    repeat = (spent[SPEND_SUM] / spent[SPEND_COUNT]).to_numpy(float)
    # one against one: the logarithm of a mean of several amounts is larger than that of one
    alone = (first > 0.005) & (spent[SPEND_COUNT].to_numpy() == 1)
    if alone.sum() < FEW:
        return 0.0, 0.0
    logs = np.log(first[alone] / repeat[alone])
    return float(np.exp(logs.mean())), float(logs.std(ddof=1) / np.sqrt(logs.size))


TIMING_CHECKS = (regular_timing, first_purchase_effect)
