"""Sample: a posed test becomes draws of what each arm does in each cell."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bayesltv.base.placed_base import PlacedBase
from bayesltv.base.seal import FORMAT, UPLIFT, stamped
from bayesltv.data.experiment import Experiment
from bayesltv.errors import SpecError
from bayesltv.experiments.effects import HAZARD_RATIO, RATE_FACTOR
from bayesltv.experiments.latents import calibrate
from bayesltv.experiments.likelihoods import ARM, CELL, SPREAD_SHARE, TREATED, Part, money, parts_of
from bayesltv.experiments.posed import PosedUplift
from bayesltv.fitting.sampling import Sampling
from bayesltv.machine import available_processors, versions
from bayesltv.names import CHAIN, DRAW
from bayesltv.numerics.arrays import Integers
from bayesltv.numerics.random_numbers import open_stream
from bayesltv.numerics.slices import Chain, sample_cells
from bayesltv.specs.model.settings import SamplerSpec
from bayesltv.streams import stream_key

SAMPLER = SamplerSpec(tune=200, draws=1500)
"""Sweeps before the first draw, and draws of each chain."""
SETTLE, EACH = 3, 3
"""Sweeps after a change of tables, and for each draw."""
ENOUGH = 4000
"""Draws that R-hat looks at, at least: of 500 independent ones it is often above 1.01."""


def sample_uplift(
    posed: PosedUplift, sampling: Sampling, base: PlacedBase | None = None
) -> tuple[xr.DataTree, xr.DataTree]:
    """Return the posterior of a test's effects, and the run that its checks look at.

    A fit may have few draws, of which R-hat would say little: the run has several for each that is kept.

    Raises
    ------
    DataError
        Where the base is not of the test's customers as they were when the arms were assigned.
    SpecError
        Where a setting of the sampler cannot be.
    """
    counts, run = posed.counts, _run_of(sampling, base)
    calibrated = None if base is None else calibrate(posed, base)
    parts = parts_of(counts) if calibrated is None else calibrated.parts
    drawn = [_drawn(name, part, counts, run, sampling, posed.effect_sd[name]) for name, part in parts.items()]
    whole = xr.merge(drawn).transpose(CHAIN, DRAW, ...)
    posterior = whole.isel({DRAW: slice(run.repeats - 1, None, run.repeats)})
    posterior = posterior.assign_coords({DRAW: range(run.draws)})
    paid = money(posterior, counts.unit) if calibrated is None else calibrated.money(posterior)
    outcome = paid["outcome"]
    treated = outcome.isel({ARM: slice(1, None)}).rename({ARM: TREATED})
    effect = treated - outcome.isel({ARM: 0}, drop=True)
    tree = xr.DataTree.from_dict(
        {"posterior": paid.assign(effect=effect), "constant_data": _constant_data(counts)}
    )
    tree.attrs = {
        "format": FORMAT,
        "kind": UPLIFT,
        "experiment": json.dumps(posed.told | ({} if calibrated is None else calibrated.told)),
        "unit": counts.unit,
        "rate_is": HAZARD_RATIO if calibrated is None else RATE_FACTOR,
        "effect_source": "test" if posed.randomised else "not randomised",
        "sampler": json.dumps(run._asdict()),
        "seed": int(sampling.seed),
        "customers": int(counts.customers.sum()),
        "versions": json.dumps(versions()),
    }
    watched = xr.DataTree.from_dict({"posterior": whole})
    watched.attrs = tree.attrs
    return stamped(tree), watched


class Run(NamedTuple):
    """How long the sampler runs: chains, sweeps before the first draw, draws kept of each chain."""

    chains: int
    tune: int
    draws: int

    @property
    def repeats(self) -> int:
        """How many draws the run has for each that is kept."""
        return -(-ENOUGH // (self.chains * self.draws))


def _run_of(sampling: Sampling, base: PlacedBase | None) -> Run:
    """Return how long to run: with a base, a draw for each of the fit's."""
    settings = SAMPLER.overridden(sampling.overrides)
    if base is None:
        return Run(settings.chains, settings.tune, settings.draws)
    given = [name for name in ("chains", "draws") if name in sampling.overrides]
    if given:
        raise SpecError(f"{given[0]} cannot be chosen: draw d of the effects goes with draw d of the fit")
    return Run(base.posterior.chains, settings.tune, base.posterior.draws_per_chain)


def _drawn(
    name: str, part: Part, counts: Experiment, run: Run, sampling: Sampling, effect_sd: float
) -> xr.Dataset:
    """Return the draws of a part: log multipliers by cell and arm, their means over cells and sds."""
    rows, cells = len(counts.arms), len(counts.labels)
    sets = np.repeat(part.sets_of(run.chains, run.draws), run.repeats, axis=1)
    shape = sets.shape
    chain = Chain(*(np.empty((*shape, *more)) for more in ((rows, cells), (rows,), (rows,), ())))
    key = np.frombuffer(stream_key(sampling.seed, "uplift", name)[:8], np.uint64)[0]
    priors = part.priors((effect_sd, SPREAD_SHARE[name] * effect_sd), rows - 1)

    def walk(at: int) -> None:
        state = np.empty(4, np.uint64)
        open_stream(state, key, np.uint64(at))
        own = Chain(*(each[at] for each in chain))
        sample_cells(part.tables, sets[at], priors, (run.tune, SETTLE, EACH), state, own)

    with ThreadPoolExecutor(sampling.cores or available_processors()) as pool:
        list(pool.map(walk, range(run.chains)))
    return _labelled(name, part, counts, chain, sets)


def _labelled(name: str, part: Part, counts: Experiment, chain: Chain, sets: Integers) -> xr.Dataset:
    rows = chain.mean.shape[-1]
    base, effects = chain.values[:, :, :1] + part.centre, chain.values[:, :, 1:]
    logs = np.concatenate([base, base + effects], axis=2).swapaxes(2, 3)
    one = len(counts.labels) == 1
    means = chain.values[..., 0] if one else chain.mean
    draw: tuple[str, ...] = (CHAIN, DRAW)
    variables: dict[str, Any] = {
        f"{name}_base": (draw, means[:, :, 0] + part.centre),
        f"{name}_effect": ((*draw, TREATED), means[:, :, 1:]),
        f"log_{name}": ((*draw, CELL, ARM), logs),
    }
    if not one:
        variables |= {
            f"{name}_base_sd": (draw, chain.sd[:, :, 0]),
            f"{name}_effect_sd": ((*draw, TREATED), chain.sd[:, :, 1:]),
        }
    if rows > 2:
        variables[f"{name}_arms_sd"] = (draw, chain.wide)
    variables |= {f"{name}_{what}": ((*draw, ARM), each[sets]) for what, each in part.told.items()}
    arms = list(counts.arms)
    coords = {CELL: list(counts.labels), ARM: arms, TREATED: arms[1:]}
    return xr.Dataset(variables, coords=coords | {CHAIN: range(sets.shape[0]), DRAW: range(sets.shape[1])})


def _constant_data(experiment: Experiment) -> xr.Dataset:
    dims = (CELL, ARM)
    variables: dict[str, Any] = {
        "customers": (dims, experiment.customers),
        "converted": (dims, experiment.converted),
        "total": (dims, experiment.total),
        "square": (dims, experiment.square),
    }
    for at, column in enumerate(experiment.groups.columns):
        levels = [levels[at] for levels in experiment.groups.combinations]
        variables[f"cell_{column}"] = (CELL, np.array(levels, dtype=object))
    coords = {CELL: list(experiment.labels), ARM: list(experiment.arms)}
    return xr.Dataset(variables, coords=coords)
