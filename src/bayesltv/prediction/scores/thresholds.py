"""Where tiers that are relative to other customers begin in each draw: exactly, and in little memory.

In a draw the cut of "the best 20 %" is the largest value that, with all values equal to it and above, more
than 20 % of the customers have; the tier is what lies above the cut. So customers who tie at a boundary, most
often at zero, all fall into the tier below. For "80 % of value" customers weigh their positive value.

Samples of 4,000 customers, of ten times as many, and so on up to all, tell in turn in which bracket the next
cut must lie, and only draws inside the bracket are kept: memory grows with the square root of the number of
customers. The last sample is everybody, so that the result does not depend on the others; a cut that misses
its bracket is looked for again beside it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Protocol

import numpy as np

from bayesltv.base.customers import Customers, walk
from bayesltv.base.placed_base import Placement
from bayesltv.errors import SpecError
from bayesltv.numerics.arrays import Codes, Floats, Integers
from bayesltv.numerics.reductions import Sums, gather_between
from bayesltv.prediction.draws import block_size, simulate_futures
from bayesltv.prediction.scores.scoring import Scorer, Scoring, in_order_of_history
from bayesltv.specs.decision.tiers import SHARE, TierSpec

FIRST_SAMPLE, GROWTH = 4_000, 10
COUNTS = Sums._fields
"""What a tally adds up, draw by draw."""
_SAFELY = 5.0
"""Half width of a bracket in standard errors of the sample's cut."""


@dataclass(frozen=True)
class Tally:
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
    draws: list[Codes]

    @classmethod
    def around(cls, low: Floats, high: Floats, step: float) -> "Tally":
        """Return the tally of nobody; `step` is 0 where customers are counted."""
        above, at_high, at_low, total = np.zeros((4, low.size), np.int64)
        return cls(low, high, step, above, at_high, at_low, total, np.zeros(low.size), [], [])

    @property
    def counts_customers(self) -> bool:
        """Whether customers weigh the same, whatever their value."""
        return self.step == 0.0

    def gather(self, value: Floats) -> "Tally":
        """Return the tally of a block: draws of value, shape (customer, draw)."""
        tally = Tally.around(self.low, self.high, self.step)
        found, found_in = np.empty(value.size), np.empty(value.size, np.int32)
        sums = Sums(*(getattr(tally, name) for name in COUNTS))
        size = gather_between(value, self.low, self.high, self.step, sums, found, found_in)
        tally.values.append(found[:size].copy())
        tally.draws.append(found_in[:size].copy())
        return tally

    def add(self, other: "Tally") -> None:
        """Add another tally around the same bracket."""
        for name in COUNTS:
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
class Sample:
    """The work of a pass: everybody's value is drawn again, and tallied.

    Attributes
    ----------
    low, high : ndarray of float64, shape (tier - 1, draw)
        Between which values the cuts are looked for.
    step : float
        Of money, in which customers are weighed; 0 where they are counted.
    stride : int
        Every n-th customer of a batch is in the sample.
    block : int, optional
        Changes memory and speed, nothing else.
    """

    low: Floats
    high: Floats
    step: float
    stride: int = 1
    block: int | None = None

    def nobody(self) -> list[Tally]:
        """Return the tally of nobody, of each tier but the lowest."""
        return [Tally.around(*ends, self.step) for ends in zip(self.low, self.high, strict=True)]

    def __call__(self, scoring: Scoring, placed: Placement, *, threads: int | None) -> list[Tally]:
        """Return the tally of each tier but the lowest, over the sampled customers of a batch."""
        chosen = placed.customers.rows(slice(None, None, self.stride))
        size = block_size(scoring.hyperparameters.draws.size, self.block)
        work = partial(_block_tallies, scoring.scorer(placed.population), self.nobody())
        tallies = walk(in_order_of_history(chosen)[0], work, block=size, threads=threads)
        return add_tallies(tallies, self.nobody())


class Engine(Protocol):
    """Whoever has the customers: threads here, or partitions elsewhere."""

    def map(self, work: Sample, /) -> Iterable[list[Tally]]:
        """Yield the tallies of all customers, part by part."""
        ...


def add_tallies(parts: Iterable[list[Tally]], whole: list[Tally]) -> list[Tally]:
    """Add the tallies of parts to those of the whole, tier by tier, and return these."""
    for tallies in parts:
        for tally, part in zip(whole, tallies, strict=True):
            tally.add(part)
    return whole


def _block_tallies(scorer: Scorer, around: Sequence[Tally], people: Customers) -> list[Tally]:
    value = simulate_futures(scorer.population, people, scorer.terms, seed=scorer.seed).value
    return [tally.gather(value) for tally in around]


def find_thresholds(scoring: Scoring, engine: Engine, *, customers: int, block: int | None = None) -> Floats:
    """Return where each tier but the lowest begins in each draw.

    Parameters
    ----------
    scoring : Scoring
        With relative tiers.
    engine : Engine
        Has the customers; it maps over them once per sample.
    customers : int
        How many they are.
    block : int, optional

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
    step = scoring.step if tiers.kind == SHARE else 0.0
    work = Sample(np.full(shape, -np.inf), np.full(shape, np.inf), step, block=block)
    for stride in _strides(customers):
        sample = replace(work, stride=stride)
        work = _narrowed(work, add_tallies(engine.map(sample), sample.nobody()), tiers.tops)
    cuts = np.full(shape, np.nan)
    while np.isnan(cuts).any():
        tallies = add_tallies(engine.map(work), work.nobody())
        cuts = np.stack([tally.cut(top) for tally, top in zip(tallies, tiers.tops, strict=True)])
        work = _beside(work, tallies, tiers.tops, cuts)
    return _begins(cuts)


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
    nobody = Tally.around(*everything, step if tiers.kind == SHARE else 0.0)
    tally = nobody.gather(np.ascontiguousarray(value))
    cuts = np.stack([tally.cut(top) for top in tiers.tops])
    return _begins(cuts)


def _begins(cuts: Floats) -> Floats:
    """Return the next numbers above cuts, the largest of all where nothing is above."""
    return np.minimum(np.nextafter(cuts, np.inf), np.finfo(np.float64).max)


def _strides(customers: int) -> list[int]:
    """Return that every n-th customer is in a sample, sample by sample; the last one, of all, is left out."""
    strides, stride = [], customers // FIRST_SAMPLE
    while stride > 1:
        strides.append(stride)
        stride //= GROWTH
    return strides


def _narrowed(sample: Sample, tallies: Sequence[Tally], tops: Sequence[float]) -> Sample:
    """Return a sample of all, around where its cuts will lie, all but certainly."""
    low, high = [], []
    for tally, top in zip(tallies, tops, strict=True):
        # the standard error of a weighted share, at most
        error = _SAFELY * max(top, 1.0 - top) * np.sqrt(tally.squares) / np.maximum(tally.total, 1)
        if tally.counts_customers:
            error = error * np.sqrt(min(top, 1.0 - top) / max(top, 1.0 - top))
        lower, upper = tally.cut(top + error), tally.cut(top - error)
        low.append(np.where(np.isnan(lower), tally.low, lower))
        high.append(np.where(np.isnan(upper), tally.high, upper))
    return replace(sample, low=np.stack(low), high=np.stack(high))


def _beside(sample: Sample, tallies: Sequence[Tally], tops: Sequence[float], cuts: Floats) -> Sample:
    """Return it around the cuts which missed their brackets; those of the others shut on what was found."""
    low, high = cuts.copy(), cuts.copy()
    for k, (tally, top) in enumerate(zip(tallies, tops, strict=True)):
        missed = np.isnan(cuts[k])
        is_above = tally.above > _budget(tally.total, top)
        low[k, missed] = np.where(is_above, tally.high, -np.inf)[missed]
        high[k, missed] = np.where(is_above, np.inf, tally.low)[missed]
    return replace(sample, low=low, high=high)


def _budget(total: Integers, share: float | Floats) -> Floats:
    """Return the whole weight that a share of the total allows; 29 % of 100 is 29, not 28.999..."""
    return np.floor(share * total.astype(np.float64) * (1.0 + 1e-12))
