"""A shared calendar clock in a PyMC model.

s is a sum of processes, each linear in states that are normal given its sds and correlation: s = D x,
x ~ N(0, Q⁻¹). The sampler sees x through the posterior that it would have if each block's s were seen with
variance 1/n, n its repeat purchases, where the greatest likelihood has it: given sds, ρ and purchase rate,
that posterior has precision M = Q + D' diag(n) D and a mean that moves against the log rate, as the two are
confounded. With M = L L' the sampler's variable is z = L' (x − mean): nearly standard normal whatever sds, ρ
and rate are. It is given the law that makes x ~ N(0, Q⁻¹), so that the model is the same whatever was seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor import shared
from scipy.optimize import minimize

from bayesltv import names
from bayesltv.clock_processes import ar1
from bayesltv.clock_processes.process import Blocks
from bayesltv.clock_processes.registry import PROCESSES
from bayesltv.data.summary.cells import Cells
from bayesltv.data.summary.groups import Groups
from bayesltv.families.family import Family
from bayesltv.kernels.clock import clocked_value_and_gradient
from bayesltv.model.clock_prior import blocks_of, clock_priors, precision_terms, states_of_clock
from bayesltv.model.pooling import OFFSET, prior_variable
from bayesltv.model.whitening import whitened_states
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.specs.model.clock import ClockSpec
from bayesltv.specs.model.timeline import Timeline

Tensor = Any
_LOOSE, _FARTHEST = 1.0, 20.0
"""Sd of a normal that holds the rough estimate in place, on the log scale; bound of its exponents."""


@dataclass(frozen=True)
class Seen:
    """What the data say of each block, roughly.

    Attributes
    ----------
    counts : ndarray, shape (block,)
        Repeat purchases.
    log_level : ndarray, shape (block,)
        ln rate + s where the likelihood is greatest, all groups taken together.
    """

    counts: Floats
    log_level: Floats


@dataclass(frozen=True)
class ClockStates:
    """The states of a clock's processes, and what the data say of them.

    Attributes
    ----------
    clock : ClockSpec
    blocks : Blocks
    information : ndarray, shape (state, state)
        D' diag(n) D.
    pull : ndarray, shape (state, 2)
        p is the first less the second times the log rate.
    """

    clock: ClockSpec
    blocks: Blocks
    information: Floats
    pull: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """Return the parameters that the states' precision depends on, as a spec calls them."""
        return tuple(name for process in self.clock.process for name in PROCESSES[process].PRIORS)


def states_seen(clock: ClockSpec, timeline: Timeline, seen: Seen) -> ClockStates:
    """Return the states of a clock that names processes."""
    blocks = blocks_of(clock, timeline)
    weighted = states_of_clock(clock, blocks)[1] * seen.counts[:, None]
    pull = weighted.T @ np.column_stack([seen.log_level, np.ones(timeline.blocks)])
    return ClockStates(clock, blocks, weighted.T @ states_of_clock(clock, blocks)[1], pull)


def see(family: Family, data: Mapping[str, NDArray[Any]], timeline: Timeline) -> Seen:
    """Return what the data say of each block.

    Parameters
    ----------
    family : Family
    data : mapping
        Of ``ClockedPurchaseLikelihood``, in its order.
    timeline : Timeline
    """
    groups, clocks, segments = data["clock"].size, *data["repeats"].shape
    arrays, kind, size = tuple(data.values()), family.kind, len(family.parameters)

    def downhill(point: Floats) -> tuple[float, Floats]:
        natural = np.exp(np.clip(point[:size], -_FARTHEST, _FARTHEST))
        s = point[size:]
        packed = np.concatenate([np.repeat(natural, groups), np.tile(s[timeline.block], clocks)])
        value, slope = clocked_value_and_gradient(kind, packed[None], *arrays)
        by_natural = slope[0, : size * groups].reshape(size, groups).sum(axis=1) * natural
        by_segment = slope[0, size * groups :].reshape(clocks, segments).sum(axis=0)
        by_s = np.bincount(timeline.block, weights=by_segment, minlength=timeline.blocks)
        value -= 0.5 * np.sum((point[:size] / _LOOSE) ** 2) + 0.5 * np.sum((s / _LOOSE) ** 2)
        gradient = np.concatenate([by_natural, by_s]) - point / _LOOSE**2
        return (-value, -gradient) if np.isfinite(value) else (1e100, np.zeros_like(point))

    found = minimize(downhill, np.zeros(size + timeline.blocks), jac=True, method="L-BFGS-B").x
    by_block = np.bincount(timeline.block, weights=data["repeats"].sum(axis=0), minlength=timeline.blocks)
    natural = dict(zip(family.parameters, np.exp(found[:size]), strict=True))
    level = np.log(family.scaled(natural)[names.PURCHASE_RATE])
    return Seen(by_block.astype(np.float64), level + found[size:])


def clock_variable(
    clock: ClockSpec, cells: Cells, timeline: Timeline, rate: Tensor, known: ClockStates | None
) -> Tensor:
    """Add the clock to the model in context; return s, shape (clock, segment).

    Parameters
    ----------
    clock : ClockSpec
    cells : Cells
        With the single repeat purchases.
    timeline : Timeline
        Of the fit.
    rate : tensor
        The intercept of the purchase rate.
    known : ClockStates, optional
        None where the clock has no processes, but events.
    """
    priors = {name: prior_variable(name, prior) for name, prior in clock_priors(clock).items()}
    s = pt.zeros((1, timeline.blocks))
    if known is not None:
        s = _common(known, priors, rate)[None]
    if clock.by is not None:
        s = s + _own(clock, cells.groups, timeline, priors)
    s = s[:, shared(timeline.block)]
    if clock.events is not None:
        factors = pt.stack([pt.log(priors[names.factor_name(event)]) for event in clock.events.names])
        s = s + pt.dot(factors, shared(timeline.events))[None]
    return s


def clocks_of_rows(clock: ClockSpec, cells: Cells) -> Integers:
    """Return the clock that each row goes by: the common one, or that of its level."""
    if clock.by is None:
        return np.zeros(cells.rows.group.size, dtype=np.int64)
    return cells.groups.level_codes(clock.by)[cells.rows.group]


def repeat_counts(cells: Cells, timeline: Timeline, clocks: Integers) -> Floats:
    """Return the repeat purchases of each clock and segment, shape (clock, segment)."""
    assert cells.repeats is not None
    assert cells.row_of_customer is not None
    own = clocks[cells.row_of_customer[cells.repeats.customer]]
    shape = (int(clocks.max()) + 1, timeline.block.size)
    key = own * shape[1] + timeline.segment_of(cells.repeats.day)
    return np.bincount(key, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)


def _common(known: ClockStates, priors: Mapping[str, Tensor], rate: Tensor) -> Tensor:
    """Return s of the blocks, shape (block,)."""
    places, design = states_of_clock(known.clock, known.blocks)
    values = {name: priors[names.clock_name(name)] for name in known.names}
    terms = precision_terms(known.clock, known.blocks, values)
    # all that depends on the number of blocks is an argument: a longer calendar compiles nothing
    prior = sum(number * shared(matrix) for number, matrix in terms)
    pull = shared(known.pull[:, 0]) - shared(known.pull[:, 1]) * pt.log(rate)
    precision = prior + shared(known.information)
    size = shared(np.int64(design.shape[1]))
    drawn = whitened_states(f"{names.CLOCK}{OFFSET}blocks", prior, precision, pull, size)
    parts = [_part(name, design, place, drawn) for name, place in places.items()]
    return pm.Deterministic(names.CLOCK, sum(parts), dims=names.CLOCK_BLOCK)


def _part(name: str, design: Floats, place: slice, drawn: Tensor) -> Tensor:
    """Return the s of one process; keep it, or its states where these are terms."""
    process, is_alone = PROCESSES[name], place.stop - place.start == design.shape[1]
    own = drawn if is_alone else pt.dot(shared(np.eye(design.shape[1])[place]), drawn)
    if process.HAS_TERMS:
        pm.Deterministic(names.clock_name(name), own, dims=names.CLOCK_HARMONIC)
        return pt.dot(shared(design[:, place]), own)
    return own if is_alone else pm.Deterministic(names.clock_name(name), own, dims=names.CLOCK_BLOCK)


def _own(clock: ClockSpec, groups: Groups, timeline: Timeline, priors: Mapping[str, Tensor]) -> Tensor:
    """Return how each level's clock deviates, shape (level, block): AR(1) with the common ρ."""
    assert clock.by is not None
    offset = pm.Normal(
        f"{names.CLOCK}{OFFSET}{clock.by}", shape=(len(groups.levels(clock.by)), timeline.blocks)
    )
    fading = ar1.fading(priors[names.clock_name(names.CLOCK_RHO)], timeline.blocks)
    deviations = priors[names.sd_name(names.CLOCK, clock.by)] * pt.dot(offset, fading.T)
    return pm.Deterministic(
        names.effect_name(names.CLOCK, clock.by), deviations, dims=(clock.by, names.CLOCK_BLOCK)
    )
