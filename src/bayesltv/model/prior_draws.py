"""Draws from the prior of a resolved spec, without compiling a model."""

from typing import Any

import numpy as np
import xarray as xr

from bayesltv.data.summary.groups import Groups
from bayesltv.families.registry import shifted
from bayesltv.model.clock_prior import clock_coords, draw_clock
from bayesltv.model.coefficients import acting, covariate_coords
from bayesltv.names import CHAIN, DRAW, GROUP, coefficients_name, covariate_dim, effect_name, sd_name
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.specs.model.timeline import Timeline


def draw_prior(
    spec: ModelSpec,
    groups: Groups,
    *,
    draws: int,
    rng: np.random.Generator,
    timeline: Timeline | None = None,
) -> xr.Dataset:
    """Return prior draws of the scales, pooling sds, effects and natural parameters.

    Parameters
    ----------
    spec : ModelSpec
        Resolved.
    groups : Groups
    draws : int
    rng : numpy.random.Generator
    timeline : Timeline, optional
        Of the clock, where the spec has one.

    Returns
    -------
    xarray.Dataset
        Dims (chain = 1, draw) and, as in the posterior, group and the group columns.
    """
    variables: dict[str, tuple[tuple[str, ...], Floats]] = {}
    levels: dict[str, Floats] = {}
    for scale in spec.scales:
        intercept = _prior(spec.priors[scale], draws, rng)
        variables[scale] = ((CHAIN, DRAW), intercept[None])
        total = np.zeros((draws, len(groups.combinations)))
        for column in spec.pooled_columns(scale):
            sd = _prior(spec.pooling[scale].scale, draws, rng)
            offset = rng.standard_normal((draws, len(groups.levels(column))))
            effect = sd[:, None] * (offset - offset.mean(axis=1, keepdims=True))
            variables[sd_name(scale, column)] = ((CHAIN, DRAW), sd[None])
            variables[effect_name(scale, column)] = ((CHAIN, DRAW, column), effect[None])
            total += effect[:, groups.level_codes(column)]
        levels[scale] = shifted(scale, intercept[:, None], np.exp(total))
        labels, sigma = acting(spec, scale)[1:]
        if labels:
            drawn = sigma * rng.standard_normal((draws, len(labels)))
            variables[coefficients_name(scale)] = ((CHAIN, DRAW, covariate_dim(scale)), drawn[None])
    natural: dict[str, Any] = spec.purchase.card.natural(levels)
    if spec.spend is not None:
        natural |= spec.spend.card.natural(levels)
    for name, value in natural.items():
        by_group = ((CHAIN, DRAW, GROUP), value[None])
        variables[name] = by_group if groups.columns else ((CHAIN, DRAW), value[None, :, 0])
    coords = group_coords(groups) | covariate_coords(spec)
    if timeline is not None:
        variables |= draw_clock(timeline.clock, groups, timeline, draws=draws, rng=rng)
        coords |= clock_coords(timeline.clock, timeline)
    return xr.Dataset(variables, coords=coords | {CHAIN: [0], DRAW: np.arange(draws)})


def group_coords(groups: Groups) -> dict[str, Any]:
    """Return the coordinates ``group`` and one per group column; none for one population."""
    if not groups.columns:
        return {}
    return {GROUP: list(groups.labels), **{column: list(groups.levels(column)) for column in groups.columns}}


def _prior(prior: Any, draws: int, rng: np.random.Generator) -> Floats:  # noqa: ANN401
    values: Floats = prior.frozen().rvs(size=draws, random_state=rng)
    return values
