"""What is believed of a clock before any purchase: its priors by name, its coordinates, draws of it."""

import numpy as np
from numpy.typing import NDArray

from bayesltv.data.groups import Groups
from bayesltv.kernels.processes import ar1_loadings, random_walk_loadings, season_loadings
from bayesltv.names import (
    CHAIN,
    CLOCK,
    CLOCK_BLOCK,
    CLOCK_GROUP_SD,
    CLOCK_HARMONIC,
    CLOCK_RHO,
    CLOCK_SD,
    CLOCK_SEASON_SD,
    CLOCK_STEP_SD,
    DRAW,
    clock_name,
    effect_name,
    factor_name,
    sd_name,
)
from bayesltv.spec.clock import AR1, RANDOM_WALK, SEASONAL, ClockSpec
from bayesltv.spec.prior import PriorSpec
from bayesltv.spec.timeline import Timeline

Floats = NDArray[np.float64]


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
    if SEASONAL in clock.process:
        orders = range(1, clock.harmonics + 1)
        coords[CLOCK_HARMONIC] = [f"{wave} {order}" for wave in ("cos", "sin") for order in orders]
    return coords


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
    blocks, parts = timeline.blocks, {}
    if AR1 in clock.process or clock.by is not None:
        fading = np.stack([ar1_loadings(rho, blocks) for rho in drawn[clock_name(CLOCK_RHO)]])
    if AR1 in clock.process:
        shocks = rng.standard_normal((draws, blocks))
        parts[AR1] = drawn[clock_name(CLOCK_SD)][:, None] * np.einsum("dij,dj->di", fading, shocks)
    if RANDOM_WALK in clock.process:
        steps = drawn[clock_name(CLOCK_STEP_SD)][:, None] * rng.standard_normal((draws, blocks))
        parts[RANDOM_WALK] = steps @ random_walk_loadings(blocks).T
    if SEASONAL in clock.process:
        shocks = rng.standard_normal((draws, 2 * clock.harmonics))
        terms = drawn[clock_name(CLOCK_SEASON_SD)][:, None] * shocks
        found[clock_name(SEASONAL)] = ((CHAIN, DRAW, CLOCK_HARMONIC), terms[None])
        parts[SEASONAL] = terms @ season_loadings(timeline.block_middles, clock.harmonics)[:blocks].T
    for process, values in parts.items():
        if process != SEASONAL and len(parts) > 1:
            found[clock_name(process)] = ((CHAIN, DRAW, CLOCK_BLOCK), values[None])
    if parts:
        found[CLOCK] = ((CHAIN, DRAW, CLOCK_BLOCK), sum(parts.values())[None])
    if clock.by is not None:
        shocks = rng.standard_normal((draws, len(groups.levels(clock.by)), blocks))
        own = drawn[sd_name(CLOCK, clock.by)][:, None, None] * np.einsum("dij,dlj->dli", fading, shocks)
        found[effect_name(CLOCK, clock.by)] = ((CHAIN, DRAW, clock.by, CLOCK_BLOCK), own[None])
    return found
