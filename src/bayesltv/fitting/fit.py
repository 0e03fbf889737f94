"""Pose and sample: a summary and a spec become a DataTree that ArviZ reads and the toolkit takes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayesltv import names
from bayesltv.base.seal import FORMAT, stamped
from bayesltv.data.summary.cells import equal_amounts
from bayesltv.data.summary.validate import resolve_observation_end
from bayesltv.errors import DataError, warn
from bayesltv.fitting.coordinates import Coordinates, coordinates, plain_coordinates
from bayesltv.fitting.density import make_density
from bayesltv.fitting.laplace.blocks import Block, independent_blocks
from bayesltv.fitting.laplace.posterior import sample_laplace
from bayesltv.fitting.sample import sample_nuts
from bayesltv.fitting.sampling import Sampling
from bayesltv.fitting.warm_start import warm_start
from bayesltv.machine import versions
from bayesltv.model.build import Problem, make_problem, model_of
from bayesltv.model.clock_prior import clock_priors
from bayesltv.model.coefficients import acting
from bayesltv.model.prior_draws import draw_prior
from bayesltv.specs.model.events import Events
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.specs.model.settings import SamplerSpec
from bayesltv.specs.model.timeline import Timeline
from bayesltv.streams import generator, stream_key

PRIOR_DRAWS = 1000
FEW_EQUAL = 10
"""Equal amounts from which the mode of p, with the shipped priors, lies beyond 1e5: a spread of 0.3 %."""
PLAIN_TUNE = 1000
"""Tuning steps at least where there are no coordinates, and a mass matrix has to be found."""
FEW_LEVELS, SURE_ACCEPT = 5, 0.95
"""With fewer levels, or without coordinates, steps are accepted so often at least. On CDNOW at 0.8, 56 fits
of 5 to 40 groups, even or not, had no divergence, and five of 16 with two or three very uneven ones had."""


def pose(summary: pd.DataFrame, spec: ModelSpec, *, time_unit: str | None) -> Problem:
    """Return a summary and a spec as a problem to sample.

    Parameters
    ----------
    summary : DataFrame
        Customer summary.
    spec : ModelSpec
    time_unit : str, optional
        For a summary that has lost its attributes.

    Raises
    ------
    DataError, SpecError
        Where they make no model.

    Warns
    -----
    BayesltvWarning
        Where the data can say little.
    """
    problem = make_problem(summary, spec, time_unit=time_unit)
    refuse_one_price(problem)
    warn_of_thin_data(problem)
    warn_of_rare_events(problem)
    return problem


def sample(
    problem: Problem, summary: pd.DataFrame, sampling: Sampling, *, observation_end: str | None
) -> xr.DataTree:
    """Return the posterior of a problem, not yet checked.

    Parameters
    ----------
    problem : Problem
        From `pose`.
    summary : DataFrame
        What it was made of.
    sampling : Sampling
        The same seed, data, spec and versions give the same draws on the same kind of processor, in a new
        process too, whether or not compiled code is cached.
    observation_end : str, optional
        For a summary that has lost its attributes.

    Returns
    -------
    xarray.DataTree
        ``posterior``, ``sample_stats``, ``prior``, ``log_prior``, ``constant_data`` (the cells), and
        provenance in ``attrs``. No customer ids.

    Raises
    ------
    SpecError
        Where a setting of the sampler cannot be.
    FitError
        Where sampling cannot be done.
    """
    settings = problem.spec.sampler.overridden(sampling.overrides)
    drawn, used = _drawn(problem, settings, sampling)
    return completed(
        drawn, problem, summary, seed=sampling.seed, method=sampling.method, sampler=asdict(used),
        observation_end=observation_end,
    )  # fmt: skip


def _drawn(
    problem: Problem, settings: SamplerSpec, sampling: Sampling
) -> tuple[Mapping[str, xr.Dataset], SamplerSpec]:
    """Return what the sampler gives, ``posterior`` and ``sample_stats``, and the settings it ran with."""
    model = model_of(problem)
    density = make_density(model)
    warm = None
    if sampling.earlier is not None:
        rng = generator(sampling.seed, "warm start")
        warm = warm_start(sampling.earlier, model, density, problem, rng)
        density = replace(density, start=warm.start(density.start))
    if sampling.method == "laplace":
        rng = generator(sampling.seed, "laplace")
        return sample_laplace(model, density, problem, settings, rng=rng, cores=sampling.cores), settings
    blocks = independent_blocks(model, density, problem)
    timeline, rng = problem.timeline, generator(sampling.seed, "coordinates")
    has_own = timeline is not None and timeline.clock.by is not None  # the approximation is far off there
    frame = None if warm is None else warm.coordinates(blocks)
    if frame is None:
        frame = plain_coordinates(density) if has_own else coordinates(density, blocks, rng)
    settings = settings if has_own else _careful(settings, frame, blocks)
    has_sds = any(block.hypers.size for block in blocks)
    drawn = sample_nuts(
        model, density, settings, seed=int.from_bytes(stream_key(sampling.seed, "nuts")[:4], "little"),
        frame=frame, cores=sampling.cores, progress=sampling.progress,
        adaptation="diag" if frame.scale is not None and has_sds else "low_rank",
    )  # fmt: skip
    return drawn, settings


def _careful(settings: SamplerSpec, frame: Coordinates, blocks: Sequence[Block]) -> SamplerSpec:
    """Return the settings with as much tuning and acceptance as this posterior needs at least."""
    is_plain = frame.scale is None
    has_few = any(pool.basis.shape[0] < FEW_LEVELS for block in blocks for pool in block.pools)
    return replace(
        settings,
        tune=max(settings.tune, PLAIN_TUNE) if is_plain else settings.tune,
        target_accept=max(settings.target_accept, SURE_ACCEPT if is_plain or has_few else 0.0),
    )


def completed(
    groups: Mapping[str, xr.Dataset],
    problem: Problem,
    summary: pd.DataFrame,
    *,
    seed: int,
    method: str,
    sampler: Mapping[str, Any],
    observation_end: str | None,
) -> xr.DataTree:
    """Return a fit: what was sampled, and beside it prior, log prior, cells and provenance."""
    whole = dict(groups)
    whole["prior"] = draw_prior(
        problem.spec,
        problem.cells.groups,
        draws=PRIOR_DRAWS,
        rng=generator(seed, "prior"),
        timeline=problem.timeline,
    )
    if set(problem.spec.scales) <= set(groups["posterior"]):  # a posterior made elsewhere may lack them
        whole["log_prior"] = log_prior(groups["posterior"], problem.spec)
    whole["constant_data"] = _constant_data(problem)
    tree = xr.DataTree.from_dict({name: without_clocks(dataset) for name, dataset in whole.items()})
    end = resolve_observation_end(summary, observation_end)
    tree.attrs = {
        "format": FORMAT,
        "spec": json.dumps(problem.spec.to_dict()),
        "spec_hash": problem.spec.hash(),
        "method": method,
        "sampler": json.dumps(dict(sampler)),
        "seed": int(seed),
        names.TIME_UNIT: str(problem.spec.time_unit),
        names.OBSERVATION_END: "" if end is None else end.date().isoformat(),
        names.CURRENCY: str(summary.attrs.get(names.CURRENCY) or ""),
        names.FINGERPRINT: problem.fingerprint,
        "customers": int(problem.cells.purchase.count.sum()),
        "cells": int(problem.cells.purchase.count.size),
        "repeaters": 0 if problem.cells.spend is None else int(problem.cells.spend.is_repeater.sum()),
        "spend_form": "" if problem.cells.spend is None else problem.cells.spend.form,
        "versions": json.dumps(versions()),
    }
    return stamped(tree)


def warn_of_thin_data(problem: Problem) -> None:
    """Warn where the data can say little: nobody repeats."""
    purchase = problem.cells.purchase
    if not (purchase.frequency > 0).any():
        warn(
            f"none of {int(purchase.count.sum()):,} customers has a repeat purchase: the posterior of "
            "dropout is its prior, and that of the purchase rate only bounded from above"
        )


def refuse_one_price(problem: Problem) -> None:
    """Refuse amounts that do not differ; warn of so few that they say little.

    With nothing but equal amounts the likelihood rises without end in p, the shape within customers, by
    p^(n/2) for n amounts beyond what they are compared with: the posterior is where the prior's tail ends it,
    far beyond what cents can tell. Means, which a customer's single amounts are hidden behind, are alike in
    this.

    Raises
    ------
    DataError
        Where there are `FEW_EQUAL` such amounts or more.
    """
    found = equal_amounts(problem.cells.spend)
    if found is None:
        return
    surplus, said = found
    cure = (
        "leave spend out (monetary_value_col=None in summarize, or a spec without [spend]) and multiply "
        "expected purchases by the price"
    )
    if surplus >= FEW_EQUAL:
        raise DataError(f"{said}: Gamma-Gamma has nothing to learn the spread of amounts from. Cure: {cure}")
    warn(f"{said}: how far amounts vary is known from the priors alone; or {cure}")


def log_prior(posterior: xr.Dataset, spec: ModelSpec) -> xr.Dataset:
    """Return the log prior density of each scale and pooling sd at each draw, dims (chain, draw)."""
    priors = {scale: spec.priors[scale] for scale in spec.scales}
    for scale in spec.scales:
        priors |= {
            names.sd_name(scale, column): spec.pooling[scale].scale for column in spec.pooled_columns(scale)
        }
    priors |= clock_priors(spec.clock) if spec.clock else {}
    densities = {
        name: posterior[name].copy(data=prior.frozen().logpdf(posterior[name].values))
        for name, prior in priors.items()
    }
    for scale in spec.scales:
        _, labels, sigma = acting(spec, scale)
        if labels:
            values = posterior[names.coefficients_name(scale)]
            each = stats.norm.logpdf(values.values, scale=sigma)
            densities[names.coefficients_name(scale)] = values.isel(
                {names.covariate_dim(scale): 0}, drop=True
            ).copy(data=each.sum(-1))
    return xr.Dataset(densities)


def _constant_data(problem: Problem) -> xr.Dataset:
    cells, groups = problem.cells.purchase, problem.cells.groups
    variables: dict[str, Any] = {
        name: ("cell", getattr(cells, name)) for name in ("frequency", "recency", "T", "count")
    }
    variables["group_code"] = ("cell", problem.cells.group_of_cell)
    if groups.columns:
        for at, column in enumerate(groups.columns):
            levels = np.array([levels[at] for levels in groups.combinations], dtype=object)
            variables[names.level_name(column)] = ("group", levels)
    coords = {"group": list(groups.labels)} if groups.columns else {}
    if problem.timeline is not None:
        variables |= _calendar(problem.timeline, problem)
    return xr.Dataset(variables, coords=coords)


def _calendar(timeline: Timeline, problem: Problem) -> dict[str, Any]:
    """Return the clock's first and last day, the days of the cells, and how often each event was seen."""
    days = problem.cells.purchase.days
    assert days is not None
    variables: dict[str, Any] = {
        names.CLOCK_START: int(timeline.edges[0]),
        names.CLOCK_END: timeline.end,
        **{f"{name}_day": ("cell", getattr(days, name)) for name in ("first", "last", "end")},
    }
    events = timeline.clock.events
    if events is not None:
        variables |= {names.seen_name(event): times for event, times in events_seen(events, timeline).items()}
    return variables


def events_seen(events: Events, timeline: Timeline) -> dict[str, int]:
    """Return how many times each event took place within the fit's calendar."""
    first, last = int(timeline.edges[0]), timeline.end
    return {
        event: sum(each.last_day > first and each.first_day <= last for each in events.of(event))
        for event in events.names
    }


def warn_of_rare_events(problem: Problem) -> None:
    """Warn of events that the calendar holds once or never: what is said of them leans on their priors."""
    timeline = problem.timeline
    if timeline is None or timeline.clock.events is None:
        return
    seen = events_seen(timeline.clock.events, timeline)
    rare = [f"{event} ({'once' if times else 'never'})" for event, times in seen.items() if times < 2]
    if rare:
        warn(f"the calendar holds {', '.join(rare)}: their factors lean on the declared priors")


def without_clocks(dataset: xr.Dataset) -> xr.Dataset:
    """Drop attributes with clocks in them, so that the same fit is the same file."""
    named = {key: value for key, value in dataset.attrs.items() if key.startswith("inference_library")}
    kept = {key: value for key, value in named.items() if isinstance(value, str)}
    return dataset.assign_attrs({}).drop_attrs().assign_attrs(kept)
