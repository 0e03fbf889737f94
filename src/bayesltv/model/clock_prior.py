"""What is believed of a clock before any purchase: its priors by name, its coordinates, draws of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesltv.clock_processes import ar1, seasonal
from bayesltv.clock_processes.process import Blocks, Terms
from bayesltv.clock_processes.registry import PROCESSES
from bayesltv.data.summary.groups import Groups
from bayesltv.names import (
    CHAIN,
    CLOCK,
    CLOCK_BLOCK,
    CLOCK_GROUP_SD,
    CLOCK_HARMONIC,
    CLOCK_RHO,
    DRAW,
    clock_name,
    effect_name,
    factor_name,
    sd_name,
)
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.model.clock import ClockSpec
from bayesltv.specs.model.timeline import Timeline
from bayesltv.specs.prior import PriorSpec


def clock_priors(clock: ClockSpec) -> dict[str, PriorSpec]:
    """Return the prior of every parameter of the clock, by its name in the posterior."""
    own = {parameter_name(clock, name): prior for name, prior in clock.priors.items()}
    events = {} if clock.events is None else clock.events.priors
    return own | {factor_name(event): prior for event, prior in events.items()}


def parameter_name(clock: ClockSpec, name: str) -> str:
    """Return the name in the posterior of a parameter that the spec calls `name`."""
    return sd_name(CLOCK, clock.by) if name == CLOCK_GROUP_SD and clock.by is not None else clock_name(name)


def clock_coords(clock: ClockSpec, timeline: Timeline) -> dict[str, list[str]]:
    """Return the coordinates of the clock: blocks by their last day, and the season's terms."""
    coords = {CLOCK_BLOCK: timeline.labels}
    if seasonal.NAME in clock.process:
        coords[CLOCK_HARMONIC] = seasonal.labels(clock.harmonics)
    return coords


def blocks_of(clock: ClockSpec, timeline: Timeline) -> Blocks:
    """Return the blocks of a timeline as processes see them."""
    return Blocks(timeline.block_middles, timeline.blocks, clock.harmonics)


def states_of_clock(clock: ClockSpec, blocks: Blocks) -> tuple[dict[str, slice], Floats]:
    """Return where the states of each process stand, and the design from all of them to s."""
    designs = {name: PROCESSES[name].design(blocks) for name in clock.process}
    ends = np.cumsum([each.shape[1] for each in designs.values()])
    places = {
        name: slice(int(end) - each.shape[1], int(end))
        for (name, each), end in zip(designs.items(), ends, strict=True)
    }
    return places, np.concatenate(list(designs.values()), axis=1)


def precision_terms(clock: ClockSpec, blocks: Blocks, values: Mapping[str, Any]) -> Terms:
    """Return the precision of all states, a sum of numbers times matrices of shape (state, state)."""
    places, design = states_of_clock(clock, blocks)
    terms = []
    for name, place in places.items():
        for number, matrix in PROCESSES[name].precision(values, blocks):
            whole = np.zeros(2 * (design.shape[1],))
            whole[place, place] = matrix
            terms.append((number, whole))
    return terms


def summed(terms: Terms) -> Floats:
    """Return matrices, shape (n, state, state), where the numbers of `terms` are arrays of shape (n,)."""
    numbers, matrices = zip(*terms, strict=True)
    whole: Floats = np.einsum("tn,tij->nij", np.array(numbers), np.array(matrices))
    return whole


def draw_clock(
    clock: ClockSpec, groups: Groups, timeline: Timeline, *, draws: int, rng: np.random.Generator
) -> dict[str, tuple[tuple[str, ...], Floats]]:
    """Return prior draws of every variable of the clock, with their dims, as in the posterior."""
    drawn = {
        name: prior.frozen().rvs(size=draws, random_state=rng) for name, prior in clock_priors(clock).items()
    }
    found: dict[str, tuple[tuple[str, ...], Floats]] = {
        name: ((CHAIN, DRAW), value[None]) for name, value in drawn.items()
    }
    blocks, parts = blocks_of(clock, timeline), {}
    for process in (PROCESSES[name] for name in clock.process):
        values = {name: drawn[clock_name(name)] for name in process.PRIORS}
        precision = summed(process.precision(values, blocks))
        shocks = rng.standard_normal((draws, process.size(blocks), 1))
        upper = np.swapaxes(np.linalg.cholesky(precision), 1, 2)
        terms: Floats = np.linalg.solve(upper, shocks)[..., 0].astype(np.float64)
        parts[process.NAME] = terms @ process.design(blocks).T
        if process.HAS_TERMS:
            found[clock_name(process.NAME)] = ((CHAIN, DRAW, CLOCK_HARMONIC), terms[None])
        elif len(clock.process) > 1:
            found[clock_name(process.NAME)] = ((CHAIN, DRAW, CLOCK_BLOCK), parts[process.NAME][None])
    if parts:
        found[CLOCK] = ((CHAIN, DRAW, CLOCK_BLOCK), np.sum(list(parts.values()), axis=0)[None])
    if clock.by is not None:
        fading = np.stack([ar1.fading(rho, timeline.blocks) for rho in drawn[clock_name(CLOCK_RHO)]])
        shocks = rng.standard_normal((draws, len(groups.levels(clock.by)), timeline.blocks))
        own = drawn[sd_name(CLOCK, clock.by)][:, None, None] * np.einsum("dij,dlj->dli", fading, shocks)
        found[effect_name(CLOCK, clock.by)] = ((CHAIN, DRAW, clock.by, CLOCK_BLOCK), own[None])
    return found
