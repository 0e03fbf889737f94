"""Which of several specs to use, given what each forecast at the same cuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesltv.comparison.backtest import Backtest
from bayesltv.comparison.scores import resampled_means
from bayesltv.evaluation.result import written
from bayesltv.languages.language import as_kept, mark
from bayesltv.names import CUSTOMER_ID

TELLING = 0.9
"""The interval score of a total, relative to another, from which on a clock is worth its width: with three
totals a difference of a tenth is none."""
HARM = 0.01
"""Share by which it may make the CRPS of single customers worse."""


_NO_CLOCK = mark("no clock is needed")


@dataclass(frozen=True)
class Verdict:
    """What to use and why.

    Attributes
    ----------
    name, reason : str
    is_clear : bool
        Whether it was told apart from simpler ones.
    """

    name: str
    reason: str
    is_clear: bool


@dataclass(frozen=True)
class Gap:
    """A mean difference of CRPS with its 95 % interval."""

    mean: float
    low: float
    high: float


def recommend(tried: Mapping[str, Backtest], clocked: frozenset[str]) -> Verdict:
    """Return the simplest spec that none forecasts customers better than, or its clock for the total's sake.

    Parameters
    ----------
    tried : mapping of name to Backtest
        The simplest first, all at the same cuts.
    clocked : set of str
        Names of those on a clock.
    """
    sound = {name: each for name, each in tried.items() if _failed(each) <= 1} or dict(tried)
    plain = {name: each for name, each in sound.items() if name not in clocked} or sound
    chosen = _by_customers(plain, dropped=[name for name in tried if name not in sound])
    clocks = {name: each for name, each in sound.items() if name in clocked and name != chosen.name}
    return _by_totals(chosen, sound[chosen.name], clocks) if clocks else chosen


def summed_up(tried: Mapping[str, Backtest], against: str) -> pd.DataFrame:
    """Return one row per spec; differences are from the spec `against`."""
    rows = []
    for name, found in tried.items():
        gap, table = crps_gap(found, tried[against]), found.table
        rows.append(
            {
                "spec": name,
                "crps": mean_crps(found),
                "crps_diff": gap.mean,
                "crps_low": gap.low,
                "crps_high": gap.high,
                "interval_score": interval_share(found),
                "inside_90": int(table["inside_90"].sum()),
                "relative_error": float(table["relative_error"].mean()),
                "coverage_90": float(table["coverage_90"].mean()),
                "gini": float(table["gini"].mean()),
                "cuts": len(table),
                "failed": _failed(found),
                "seconds": float(table["seconds"].sum()),
            }
        )
    return pd.DataFrame(rows)


def crps_gap(theirs: Backtest, ours: Backtest) -> Gap:
    """Return how much larger their CRPS is, over cuts and customers, resampling customers with their cuts."""
    both = pd.concat([_customers(each) for each in (theirs, ours)], axis=1, keys=["theirs", "ours"])
    gap = both["theirs"] - both["ours"]
    each = gap.groupby(level=CUSTOMER_ID).agg(["sum", "count"]).to_numpy(float).T
    drawn = resampled_means(each[0], each[1])
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Gap(float(gap.mean()), float(low), float(high))


def interval_share(found: Backtest) -> float:
    """Return the interval score of the total of purchases as a share of the actual total, mean over cuts."""
    table = found.table
    return float((table["interval_score"] * table["customers"] / table["actual"].clip(lower=1)).mean())


def _by_customers(tried: Mapping[str, Backtest], *, dropped: list[str]) -> Verdict:
    best = min(tried, key=lambda name: mean_crps(tried[name]))
    gaps = {name: crps_gap(tried[name], tried[best]) for name in tried if name != best}
    level = [name for name, gap in gaps.items() if gap.low <= 0 <= gap.high]
    chosen = next(name for name in tried if name == best or name in level)
    scale = mean_crps(tried[best])
    worse = [name for name in gaps if name not in level]
    said = [
        as_kept("its CRPS of single customers is {crps}", crps=written(scale))
        if chosen == best
        else as_kept("no difference of CRPS is seen from {best}, and it is the simpler one", best=best)
    ]
    if chosen == best and level:
        text = mark("no difference is seen from {others}, of which it is the simplest")
        said.append(as_kept(text, others=", ".join(level)))
    said += [
        as_kept(
            "{name} is worse by {mean} [{low}, {high}]",
            name=name,
            **{part: f"{getattr(gaps[name], part) / scale:.1%}" for part in ("mean", "low", "high")},
        )
        for name in worse
    ]
    said += [as_kept("{name} failed its checks at two cuts or more", name=name) for name in dropped]
    return Verdict(chosen, "; ".join(said), not level)


def _by_totals(chosen: Verdict, plain: Backtest, clocks: Mapping[str, Backtest]) -> Verdict:
    """Return the verdict on a clock where it makes the total's interval better, and hurts nobody."""
    name = min(clocks, key=lambda each: interval_share(clocks[each]))
    mine, theirs = interval_share(plain), interval_share(clocks[name])
    gap = crps_gap(clocks[name], plain)
    told = as_kept(
        "the total's interval score with a clock is {clock} of the actual, {plain} without, and its 90 % "
        "interval held at {held} against {before} of {cuts} cuts",
        clock=f"{theirs:.0%}", plain=f"{mine:.0%}", held=int(clocks[name].table["inside_90"].sum()),
        before=int(plain.table["inside_90"].sum()), cuts=len(plain.table),
    )  # fmt: skip
    share = gap.mean / mean_crps(plain)
    if gap.low > 0 and share > HARM:
        text = mark("but it makes the CRPS of single customers worse by {share}")
        reason = f"{chosen.reason}; {told}; {as_kept(text, share=f'{share:.1%}')}"
        return Verdict(chosen.name, reason, chosen.is_clear)
    if theirs < TELLING * mine:
        more = as_kept("the CRPS of single customers changes by {share}", share=f"{share:+.1%}")
        before = as_kept("Before the clock: {reason}", reason=chosen.reason)
        return Verdict(name, f"{told}; {more}. {before}", is_clear=True)
    return Verdict(chosen.name, f"{chosen.reason}; {told}; {_NO_CLOCK}", chosen.is_clear)


def mean_crps(found: Backtest) -> float:
    """Return the CRPS of single customers, mean over cuts and customers."""
    return float(_customers(found).mean())


def _customers(found: Backtest) -> pd.Series[float]:
    """Return each customer's CRPS at each cut."""
    parts = {
        cut: each.customers.set_index(CUSTOMER_ID)["purchases_crps"]
        for cut, each in found.evaluations.items()
    }
    joined: pd.Series[float] = pd.concat(parts, names=["cut"])
    return joined


def _failed(found: Backtest) -> int:
    return int((~found.table["passed"].astype(bool)).sum())
