"""Pose and sample: a randomised test becomes draws of what each arm does in each cell."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.base.seal import FORMAT, UPLIFT, stamped
from bayesltv.data.experiment import Experiment, balance, make_experiment, sample_ratio
from bayesltv.data.log.reading import Assignment, ExperimentReading
from bayesltv.dates import as_day
from bayesltv.errors import DataError
from bayesltv.fitting.sample import sample_nuts
from bayesltv.fitting.sampling import Sampling
from bayesltv.kernels.hurdle import expand_part, hurdle_density, part_size
from bayesltv.machine import versions
from bayesltv.model.uplift import (
    ARM,
    BASE_SD,
    CELL,
    EFFECT_SD,
    PARTS,
    RATE,
    SIGMA_SD,
    SPEND,
    SPREAD_SD,
    TREATED,
    UpliftProblem,
    build_uplift_model,
    make_uplift_problem,
)
from bayesltv.specs.model.settings import SamplerSpec
from bayesltv.streams import stream_key

Floats = NDArray[np.float64]
P_MIN = 0.001
"""Below this p a test of balance or of the sample ratio speaks against randomisation."""
SAMPLER = SamplerSpec(draws=1500, target_accept=0.95)
"""No divergence in 75 runs with 1 to 57 cells of 400 customers or more an arm; with 5 customers, so that the
test has a handful of amounts, 1 and 5 in two of 20 runs with 2 and 8 cells."""
BALANCE, RATIO = "balance", "sample_ratio"


@dataclass(frozen=True)
class PosedUplift:
    """A test that is to be fitted.

    Attributes
    ----------
    counts : Experiment
    randomised : bool
        Whether differences are effects, as was said.
    told : dict
        What a fit says of its test, in JSON's types.
    """

    counts: Experiment
    randomised: bool
    told: dict[str, Any]


def pose_uplift(experiment: pd.DataFrame, reading: ExperimentReading, assignment: Assignment) -> PosedUplift:
    """Return a test to be fitted, once its arms look assigned as they are said to be.

    Raises
    ------
    DataError
        As ``pipeline.fit_uplift``.
    """
    _require_declared(assignment.randomised)
    assigned, randomised = as_day(reading.assigned_on, "assigned_on"), bool(assignment.randomised)
    counts, rows = make_experiment(experiment, replace(reading, assigned_on=assigned))
    looks = _looks_randomised(
        counts, rows, assignment.shares, refuse=randomised, accepted=assignment.accept_failed
    )
    told = {
        "outcome": reading.outcome,
        "cells": list(counts.groups.columns),
        "arms": list(counts.arms),
        "assigned_on": None if assigned is None else assigned.isoformat(),
        "randomised": randomised,
        **looks,
    }
    return PosedUplift(counts, randomised, told)


def sample_uplift(posed: PosedUplift, sampling: Sampling) -> xr.DataTree:
    """Return the posterior of a test's effects, not yet checked.

    Raises
    ------
    SpecError, FitError
        Where a setting of the sampler cannot be, or sampling cannot be done.
    """
    counts, settings = posed.counts, SAMPLER.overridden(sampling.overrides)
    problem = make_uplift_problem(counts)
    groups = sample_nuts(
        build_uplift_model(counts), uplift_density(problem), settings,
        seed=int.from_bytes(stream_key(sampling.seed, "uplift")[:4], "little"), cores=sampling.cores,
        progress=sampling.progress, adaptation="diag",
    )  # fmt: skip
    groups["posterior"] = _with_money(groups["posterior"], problem, counts.unit)
    groups["constant_data"] = _constant_data(counts)
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {
        "format": FORMAT,
        "kind": UPLIFT,
        "experiment": json.dumps(posed.told),
        "unit": counts.unit,
        "effect_source": "test" if posed.randomised else "not randomised",
        "sampler": json.dumps({name: getattr(settings, name) for name in settings.__dataclass_fields__}),
        "seed": int(sampling.seed),
        "customers": int(counts.customers.sum()),
        "versions": json.dumps(versions()),
    }
    return stamped(tree)


@dataclass(frozen=True)
class UpliftDensity:
    """The log density of ``build_uplift_model`` on the unconstrained space, made by hand.

    Attributes
    ----------
    problem : UpliftProblem
    start : ndarray, shape (size,)
        About where the data put means and cells, the spreads over cells amid their prior.
    """

    problem: UpliftProblem
    start: Floats

    @property
    def size(self) -> int:
        """Return the dimension of the unconstrained space."""
        return self.start.size

    def __call__(self, point: Floats) -> tuple[float, Floats]:
        """Return the log density, up to a constant, and its gradient at `point`, shape (size,)."""
        problem = self.problem
        value, gradient = hurdle_density(
            np.array(point), problem.counts, problem.centres, _SCALES, problem.seen,
            problem.effect_seen, SIGMA_SD,
        )  # fmt: skip
        return value, gradient

    def expand(self, point: Floats) -> dict[str, Floats]:
        """Return the named variables of the model at `point`, without the sampler's offsets."""
        return _expanded(self.problem, point)


_SCALES = np.array([[BASE_SD, EFFECT_SD[part], SPREAD_SD[part]] for part in PARTS])


def uplift_density(problem: UpliftProblem) -> UpliftDensity:
    """Return the density of a problem, and where to start walking on it."""
    cells, treated = len(problem.labels), len(problem.arms) - 1
    size = part_size(cells, treated)
    start = np.zeros(2 * size + 1 if SPEND in problem.parts else size)
    for at, part in enumerate(problem.parts):
        piece = start[at * size : (at + 1) * size]
        if cells > 1:
            sds = 2 + treated + cells
            piece[1 + treated] = np.log(BASE_SD / 2)
            piece[sds : sds + treated] = np.log(SPREAD_SD[part] / 2)
    return UpliftDensity(problem, start)


def _expanded(problem: UpliftProblem, point: Floats) -> dict[str, Floats]:
    """Return the named variables of the model at a point, without the sampler's offsets."""
    cells, treated = len(problem.labels), len(problem.arms) - 1
    size = part_size(cells, treated)
    found: dict[str, Floats] = {}
    sigma = float(np.exp(point[2 * size])) if SPEND in problem.parts else 1.0
    for at, name in enumerate(problem.parts):
        piece = np.ascontiguousarray(point[at * size : (at + 1) * size])
        values, means = np.empty((cells, treated + 1)), np.empty(treated + 1)
        expand_part(
            piece, 1.0 if name == RATE else sigma**-2, _SCALES[at], problem.centres[at],
            problem.seen[at], problem.effect_seen[at], values, means, np.empty((2, cells)),
        )  # fmt: skip
        found |= {f"{name}_base": means[0], f"{name}_effect": means[1:]}
        if cells > 1:
            sds = 2 + treated + cells
            found[f"{name}_base_sd"] = np.exp(piece[1 + treated])
            found[f"{name}_effect_sd"] = np.exp(piece[sds : sds + treated])
        found[f"log_{name}"] = values
    if SPEND in problem.parts:
        found["spend_sigma"] = np.array(sigma)
    return {name: np.asarray(value, dtype=np.float64) for name, value in found.items()}


def _with_money(posterior: xr.Dataset, problem: UpliftProblem, unit: float) -> xr.Dataset:
    """Add conversion, outcome per customer and its difference to the control, in the outcome's money."""
    conversion = posterior["log_rate"].copy(data=-np.expm1(-np.exp(posterior["log_rate"].values)))
    added: dict[str, Any] = {"conversion": conversion}
    if SPEND in problem.parts:
        typical = np.exp(posterior["log_spend"] + posterior["spend_sigma"] ** 2 / 2)
        added["spend_if_converted"] = unit * typical
    else:
        added["spend_if_converted"] = unit * xr.ones_like(conversion)
    added["outcome"] = added["conversion"] * added["spend_if_converted"]
    control = added["outcome"].isel({ARM: 0}, drop=True)
    treated = added["outcome"].isel({ARM: slice(1, None)}).rename({ARM: TREATED})
    return posterior.assign(**added, effect=treated - control)


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


def _require_declared(randomised: bool | None) -> None:
    if randomised is None:
        raise DataError(
            "were the arms assigned at random? Nothing in the data can say: pass randomised=True if they "
            "were, or randomised=False to take differences that may have other causes for effects (they stay "
            'labelled "not randomised")'
        )


def _looks_randomised(
    experiment: Experiment,
    told: pd.DataFrame,
    shares: Mapping[Any, float] | None,
    *,
    refuse: bool,
    accepted: Sequence[str],
) -> dict[str, Any]:
    """Return the tests of balance and sample ratio, refusing an experiment that failed one."""
    unknown = [name for name in accepted if name not in (BALANCE, RATIO)]
    if unknown:
        raise DataError(f"accept_failed names {unknown[0]!r}, but what can be accepted is {BALANCE}, {RATIO}")
    planned, chi2, p = sample_ratio(experiment, shares)
    table = balance(told, experiment.arms, experiment.groups.columns)
    if refuse and p < P_MIN and RATIO not in accepted:
        counts = experiment.customers.sum(axis=0).astype(int)
        seen = ", ".join(f"{arm} {n:,}" for arm, n in zip(experiment.arms, counts, strict=True))
        plan = ", ".join(f"{arm} {share:.4g}" for arm, share in planned.items())
        raise DataError(
            f"sample ratio mismatch: {seen}, where shares of {plan} were planned (chi-square {chi2:.1f}, p "
            f"{p:.1e}): customers were lost or assigned otherwise. Pass the true plan as shares=, find the "
            f'loss, or accept it by name: accept_failed=["{RATIO}"]'
        )
    worst = table.nsmallest(1, "p") if len(table) else table
    if refuse and len(worst) and float(worst["p"].iloc[0]) < P_MIN / len(table) and BALANCE not in accepted:
        raise DataError(
            f"the arms differ in {worst['column'].iloc[0]!r} (chi-square {worst['chi2'].iloc[0]:.1f}, p "
            f"{worst['p'].iloc[0]:.1e}): the assignment was not random, or the cells were measured after it. "
            f'Use cells known before, or accept it by name: accept_failed=["{BALANCE}"]'
        )
    return {
        "shares": planned,
        RATIO: {"chi2": chi2, "p": p},
        BALANCE: table.to_dict("records"),
        "accepted_failed": list(accepted),
    }
