"""Where tiers that are relative to other customers begin in each draw: exactly, and in little memory.

In a draw the cut of "the best 20 %" is the largest value that, with all values equal to it and above, more
than 20 % of the customers have; the tier is what lies above the cut. So customers who tie at a boundary, most
often at zero, all fall into the tier below. For "80 % of value" customers weigh their positive value.

Samples of 4,000 customers, of ten times as many, and so on up to all, tell in turn in which bracket the next
cut must lie, and only draws inside the bracket are kept: memory grows with the square root of the number of
customers. The last sample is everybody, so that the result does not depend on the others; a cut that misses
its bracket is looked for again beside it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.base.customers import Customers, walk
from bayesltv.errors import SpecError
from bayesltv.numerics.reductions import gather_between
from bayesltv.prediction.draws import block_size, simulate_futures
from bayesltv.prediction.scoring import Scorer, Scoring, in_order_of_history
from bayesltv.spec.tiers import SHARE, TierSpec

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Batches = Callable[[], Iterable[pd.DataFrame]]
"""Gives the validated parts of a summary, each time anew."""
FIRST_SAMPLE, GROWTH = 4_000, 10
_SAFELY = 5.0
"""Half width of a bracket in standard errors of the sample's cut."""


@dataclass(frozen=True)
class _Brackets:
    """Between which values the cuts are looked for; arrays have shape (tier - 1, draw)."""

    low: Floats
    high: Floats


@dataclass(frozen=True)
class _Tally:
    """Weights of a sample around the bracket of one tier; arrays have shape (draw,) but for the lists."""

    low: Floats
    high: Floats
    step: float
    above: Integers
    at_high: Integers
    at_low: Integers
    total: Integers
    squares: Floats
    values: list[Floats]
    draws: list[NDArray[np.int32]]

    @classmethod
    def around(cls, low: Floats, high: Floats, step: float) -> "_Tally":
        """Return the tally of nobody; `step` is 0 where customers are counted."""
        above, at_high, at_low, total = np.zeros((4, low.size), np.int64)
        return cls(low, high, step, above, at_high, at_low, total, np.zeros(low.size), [], [])

    @property
    def counts_customers(self) -> bool:
        """Whether customers weigh the same, whatever their value."""
        return self.step == 0.0

    def gather(self, value: Floats) -> "_Tally":
        """Return the tally of a block: draws of value, shape (customer, draw)."""
        tally = _Tally.around(self.low, self.high, self.step)
        found, found_in = np.empty(value.size), np.empty(value.size, np.int32)
        size = gather_between(
            value, self.low, self.high, self.step, tally.above, tally.at_high, tally.at_low, tally.total,
            tally.squares, found, found_in,
        )  # fmt: skip
        tally.values.append(found[:size].copy())
        tally.draws.append(found_in[:size].copy())
        return tally

    def add(self, other: "_Tally") -> None:
        """Add another tally around the same bracket."""
        for name in ("above", "at_high", "at_low", "total", "squares"):
            getattr(self, name)[:] += getattr(other, name)
        self.values.extend(other.values)
        self.draws.extend(other.draws)

    @cached_property
    def inside(self) -> list[Floats]:
        """The values strictly inside the bracket of each draw, falling."""
        values, draws = (
            np.concatenate([*self.values, []]),
            np.concatenate([*self.draws, np.empty(0, np.int32)]),
        )
        order = np.lexsort((-values, draws))
        ends = np.cumsum(np.bincount(draws.astype(np.int64), minlength=self.low.size))
        return np.split(values[order], ends[:-1])

    def cut(self, share: float | Floats) -> Floats:
        """Return each draw's cut; NaN where it is not in the bracket, infinity where all weigh nothing."""
        budget = np.broadcast_to(_budget(self.total, share), self.low.shape)
        return np.array([self._cut_of(d, budget[d]) for d in range(self.low.size)])

    def _cut_of(self, d: int, budget: float) -> float:
        weight = int(self.above[d])
        if self.total[d] == 0:
            return float("inf")
        if weight > budget:
            return float("nan")
        weight += int(self.at_high[d])
        if weight > budget:
            return float(self.high[d])
        values = self.inside[d]
        weights = np.ones(values.size) if self.step == 0.0 else np.rint(np.maximum(values, 0.0) / self.step)
        reached = weight + np.cumsum(weights.astype(np.int64))
        at = int(np.searchsorted(reached, budget, side="right"))
        if at < values.size:
            return float(values[at])
        weight = int(reached[-1]) if values.size else weight
        return float(self.low[d]) if weight + int(self.at_low[d]) > budget else float("nan")


@dataclass(frozen=True)
class _Walker:
    """Draws everybody's value again, and tallies it."""

    scoring: Scoring
    batches: Batches
    threads: int | None
    block: int | None

    def tallies(self, brackets: _Brackets, stride: int) -> list[_Tally]:
        """Return the tally of each tier but the lowest, over every n-th customer."""
        whole: list[_Tally] = []
        for batch in self.batches():
            _, population, people = self.scoring.place(batch.iloc[::stride])
            scorer = self.scoring.scorer(population)
            if not whole:
                whole = _nobody(scorer, brackets)
            size = block_size(self.scoring.hyperparameters.draws.size, self.block)
            work = partial(_block_tallies, scorer, whole)
            for tallies in walk(in_order_of_history(people)[0], work, block=size, threads=self.threads):
                for tally, part in zip(whole, tallies, strict=True):
                    tally.add(part)
        return whole


def _nobody(scorer: Scorer, brackets: _Brackets) -> list[_Tally]:
    tiers = scorer.decision.tiers
    step = scorer.step if tiers is not None and tiers.kind == SHARE else 0.0
    return [_Tally.around(*ends, step) for ends in zip(brackets.low, brackets.high, strict=True)]


def _block_tallies(scorer: Scorer, around: Sequence[_Tally], people: Customers) -> list[_Tally]:
    value = simulate_futures(scorer.population, people, scorer.terms, seed=scorer.seed).value
    return [tally.gather(value) for tally in around]


def find_thresholds(
    scoring: Scoring,
    batches: Batches,
    *,
    customers: int,
    threads: int | None = None,
    block: int | None = None,
) -> Floats:
    """Return where each tier but the lowest begins in each draw.

    Parameters
    ----------
    scoring : Scoring
        With relative tiers.
    batches : callable
        Gives the validated parts of the summary; called once per sample.
    customers : int
        In all parts together.
    threads, block : int, optional

    Returns
    -------
    ndarray of float64, shape (tier - 1, draw)
        Money: the next number above the cut. The largest of all numbers where nobody has positive value to
        share.
    """
    tiers = scoring.decision.tiers
    if tiers is None:
        raise SpecError("the decision has no tiers")
    shape = (len(tiers.tops), scoring.hyperparameters.draws.size)
    brackets = _Brackets(np.full(shape, -np.inf), np.full(shape, np.inf))
    walker = _Walker(scoring, batches, threads, block)
    for stride in _strides(customers)[:-1]:
        tallies = walker.tallies(brackets, stride)
        brackets = _narrowed(tallies, tiers.tops)
    cuts = np.full(shape, np.nan)
    while np.isnan(cuts).any():
        tallies = walker.tallies(brackets, 1)
        cuts = np.stack([tally.cut(top) for tally, top in zip(tallies, tiers.tops, strict=True)])
        brackets = _beside(tallies, tiers.tops, cuts)
    begins: Floats = np.minimum(np.nextafter(cuts, np.inf), np.finfo(np.float64).max)
    return begins


def thresholds_among(value: Floats, tiers: TierSpec, *, step: float) -> Floats:
    """Return where tiers begin among values that are all at hand: `find_thresholds` without the walk.

    Parameters
    ----------
    value : ndarray of float64, shape (customer, draw)
    tiers : TierSpec
        Relative ones.
    step : float
        In which money is weighed.

    Returns
    -------
    ndarray of float64, shape (tier - 1, draw)
    """
    draws = value.shape[1]
    everything = np.full(draws, -np.inf), np.full(draws, np.inf)
    nobody = _Tally.around(*everything, step if tiers.kind == SHARE else 0.0)
    tally = nobody.gather(np.ascontiguousarray(value))
    cuts = np.stack([tally.cut(top) for top in tiers.tops])
    begins: Floats = np.minimum(np.nextafter(cuts, np.inf), np.finfo(np.float64).max)
    return begins


def _strides(customers: int) -> list[int]:
    """Return that every n-th customer is in a sample, sample by sample, 1 at last."""
    strides = [1]
    while customers / (strides[0] * GROWTH) >= FIRST_SAMPLE:
        strides.insert(0, strides[0] * GROWTH)
    return strides


def _narrowed(tallies: Sequence[_Tally], tops: Sequence[float]) -> _Brackets:
    """Return where the cuts of a larger sample will lie, all but certainly."""
    low, high = [], []
    for tally, top in zip(tallies, tops, strict=True):
        # the standard error of a weighted share, at most
        error = _SAFELY * max(top, 1.0 - top) * np.sqrt(tally.squares) / np.maximum(tally.total, 1)
        if tally.counts_customers:
            error = error * np.sqrt(min(top, 1.0 - top) / max(top, 1.0 - top))
        lower, upper = tally.cut(top + error), tally.cut(top - error)
        low.append(np.where(np.isnan(lower), tally.low, lower))
        high.append(np.where(np.isnan(upper), tally.high, upper))
    return _Brackets(np.stack(low), np.stack(high))


def _beside(tallies: Sequence[_Tally], tops: Sequence[float], cuts: Floats) -> _Brackets:
    """Return brackets that hold the cuts which missed theirs; those of the others shut on what was found."""
    low, high = cuts.copy(), cuts.copy()
    for k, (tally, top) in enumerate(zip(tallies, tops, strict=True)):
        missed = np.isnan(cuts[k])
        is_above = tally.above > _budget(tally.total, top)
        low[k, missed] = np.where(is_above, tally.high, -np.inf)[missed]
        high[k, missed] = np.where(is_above, np.inf, tally.low)[missed]
    return _Brackets(low, high)


def _budget(total: Integers, share: float | Floats) -> Floats:
    """Return the whole weight that a share of the total allows; 29 % of 100 is 29, not 28.999..."""
    allowed: Floats = np.floor(share * total.astype(np.float64) * (1.0 + 1e-12))
    return allowed
