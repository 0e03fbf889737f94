"""Draws that somebody made of a model of ours with a sampler of their own, taken over as a fit."""

from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

from bayesltv.errors import FitError
from bayesltv.fitting.fit import completed
from bayesltv.fitting.sample import SAMPLE_STATS
from bayesltv.model.build import Problem, make_problem, model_of
from bayesltv.model.pooling import OFFSET
from bayesltv.names import CHAIN, DELTA, DRAW
from bayesltv.specs.model.model_spec import ModelSpec

METHOD = "own"
_PYMC_STATS = {
    "tree_depth": "depth",
    "reached_max_treedepth": "maxdepth_reached",
    "acceptance_rate": "mean_tree_accept",
    "lp": "logp",
}
"""What PyMC's own sampler calls the statistics that nutpie calls otherwise."""


def adopt_own(
    tree: xr.DataTree,
    summary: pd.DataFrame,
    spec: ModelSpec,
    *,
    seed: int,
    time_unit: str | None,
    observation_end: str | None,
) -> xr.DataTree:
    """Return draws of the model that ``build_model`` makes of summary and spec as a fit, not yet checked.

    See `bayesltv.pipeline.as_fit`.
    """
    if not isinstance(tree, xr.DataTree) or "posterior" not in tree.children:
        raise FitError("there is no posterior in it: pass the DataTree that pm.sample returned")
    if DELTA not in tree["posterior"].data_vars:
        spec = spec.without_first_amounts()  # draws of a model that had none
    problem = make_problem(summary, spec, time_unit=time_unit)
    posterior = _posterior(tree["posterior"].to_dataset(), problem)
    groups = {"posterior": posterior}
    if "sample_stats" in tree.children:
        groups["sample_stats"] = _stats(tree["sample_stats"].to_dataset())
    told = {"chains": posterior.sizes[CHAIN], "draws": posterior.sizes[DRAW]}
    return completed(
        groups, problem, summary, seed=seed, method=METHOD, sampler=told, observation_end=observation_end
    )


def _posterior(given: xr.Dataset, problem: Problem) -> xr.Dataset:
    """Return the variables that are kept of a posterior, each with the dims that the model gives it."""
    model, spec = model_of(problem), problem.spec
    parameters = spec.purchase.card.parameters + (() if spec.spend is None else spec.spend.card.parameters)
    every = [str(each.name) for each in (*model.free_RVs, *model.deterministics)]
    every = [name for name in every if OFFSET not in name]
    needs_all = bool(spec.groups or spec.covariates) or spec.has_clock
    missing = [name for name in (every if needs_all else parameters) if name not in given]
    if missing:
        raise FitError(
            f"the posterior lacks {', '.join(missing[:5])}{', ...' if len(missing) > 5 else ''}: was it "
            "sampled from build_model(summary, spec) of the same summary and spec?"
        )
    found = xr.Dataset({name: _as_in(model, given[name], name) for name in every if name in given})
    for name in parameters:
        values = found[name].values
        bad = int((~(np.isfinite(values) & (values > 0))).sum())
        if bad:
            raise FitError(f"{bad:,} of {values.size:,} draws of {name} are not positive and finite")
    return found


def _as_in(model: pm.Model, values: xr.DataArray, name: str) -> xr.DataArray:
    """Return a variable with its dims in the model's order, and the model's labels."""
    dims = (CHAIN, DRAW, *(str(dim) for dim in model.named_vars_to_dims.get(name) or ()))
    if set(values.dims) != set(dims):
        has, wanted = ", ".join(map(str, values.dims)), ", ".join(dims)
        raise FitError(f"{name} has the dims ({has}), and the model gives it ({wanted})")
    labels: dict[str, Any] = {dim: list(model.coords[dim]) for dim in dims[2:]}
    for dim, wanted_labels in labels.items():
        have = values[dim].values.tolist() if dim in values.coords else None
        if have != np.asarray(wanted_labels).tolist():
            raise FitError(
                f"{name} has other labels along {dim} than the model ({wanted_labels[:3]}, ...): was it "
                "sampled from the same summary and spec?"
            )
    return values.transpose(*dims).astype(np.float64).drop_attrs()


def _stats(given: xr.Dataset) -> xr.Dataset:
    renamed = given.rename(
        {old: new for old, new in _PYMC_STATS.items() if old in given and new not in given}
    )
    return renamed[[name for name in SAMPLE_STATS if name in renamed]]
