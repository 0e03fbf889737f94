"""A warm start: where an earlier posterior says that a model of newer data is to be sampled.

The earlier draws are put on the unconstrained space of the model of the newer data: logs and log odds of
what is positive or a share, and effects w of the levels of a group as the sampler has them now,
w √(1/sd² + λ) with the information λ of the newer data. A level that the earlier fit had not seen gets a
draw of its prior.
The draws' mean is where the search for a mode begins; mean and covariance are the coordinates of NUTS. Both
change where sampling starts and how fast it goes, and nothing of the density: the posterior is the same.

Of a calendar clock the states are not known again, since the calendar is longer: they begin as they would
without an earlier fit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pymc as pm
import xarray as xr
from pymc.distributions import transforms
from scipy.special import logit

from bayesltv.fitting.coordinates import Coordinates, coordinates_of_draws
from bayesltv.fitting.density import Density
from bayesltv.fitting.laplace.blocks import Block, places_of
from bayesltv.model.build import Problem
from bayesltv.model.pooling import OFFSET, level_errors, zero_sum_basis
from bayesltv.names import CHAIN, DRAW, effect_name, sd_name
from bayesltv.numerics.arrays import Floats

ENOUGH = 10
"""Draws per parameter from which a covariance is taken."""


@dataclass(frozen=True)
class WarmStart:
    """An earlier posterior on the unconstrained space of a model.

    Attributes
    ----------
    points : ndarray, shape (draw, size)
        NaN where the earlier fit says nothing.
    """

    points: Floats

    def start(self, otherwise: Floats) -> Floats:
        """Return the mean of the draws, shape (size,), and `otherwise` where there is none."""
        mean = self.points.mean(axis=0)
        return np.where(np.isfinite(mean), mean, otherwise)

    def coordinates(self, blocks: Sequence[Block]) -> Coordinates | None:
        """Return coordinates in which the earlier posterior is about standard normal; None where unknown."""
        draws, size = self.points.shape
        if not np.isfinite(self.points).all() or draws < ENOUGH * size:
            return None
        try:
            return coordinates_of_draws(self.points, blocks)
        except np.linalg.LinAlgError:
            return None


def warm_start(
    earlier: xr.Dataset, model: pm.Model, density: Density, problem: Problem, rng: np.random.Generator
) -> WarmStart:
    """Return the draws of an earlier posterior as points of a model of newer data.

    Parameters
    ----------
    earlier : Dataset
        Posterior of the same spec, dims (chain, draw, ...).
    model : pymc.Model
    density : Density
        Of the model.
    problem : Problem
        Which the model was made from.
    rng : numpy.random.Generator
        For levels that are new.
    """
    draws = earlier.stack(sample=(CHAIN, DRAW))
    offsets = _offsets(draws, problem, rng)
    points = np.full((draws.sizes["sample"], density.size), np.nan)
    transforms = {rv.name: model.rvs_to_transforms[rv] for rv in model.free_RVs}
    for name, where in places_of(model, density.size).items():
        values = offsets.get(name, _as_in(draws, name, model))
        if values is not None and values.shape[1] == where.size:
            points[:, where] = _unbounded(values, transforms[name])
    return WarmStart(points)


def _as_in(draws: xr.Dataset, name: str, model: pm.Model) -> Floats | None:
    """Return a variable's draws, shape (sample, value); None where it is not there, or with other labels."""
    if name not in draws or OFFSET in name:
        return None
    values, dims = draws[name], tuple(model.named_vars_to_dims.get(name) or ())
    for dim in dims:
        if values[dim].astype(str).values.tolist() != [str(each) for each in model.coords[dim]]:
            return None
    return values.transpose("sample", *dims).to_numpy().reshape(values.sizes["sample"], -1)


def _unbounded(values: Floats, transform: object) -> Floats:
    """Return values as the sampler sees them; see ``pooling.prior_variable``."""
    if transform is None:
        return values
    return logit(values) if transform is transforms.logodds else np.log(values)


def _offsets(draws: xr.Dataset, problem: Problem, rng: np.random.Generator) -> Mapping[str, Floats]:
    """Return the sampler's variables of all effects, by name, shape (sample, level - 1)."""
    spec, cells, found = problem.spec, problem.cells, {}
    for scale in spec.scales:
        for column in spec.pooled_columns(scale):
            if effect_name(scale, column) not in draws or sd_name(scale, column) not in draws:
                continue
            basis, information = zero_sum_basis(1 / level_errors(scale, column, cells) ** 2)
            sd = draws[sd_name(scale, column)].to_numpy()[:, None]
            effects = draws[effect_name(scale, column)].transpose("sample", column)
            known = effects.assign_coords({column: effects[column].astype(str)})
            levels = known.reindex({column: list(cells.groups.levels(column))}).to_numpy()
            levels = np.where(np.isnan(levels), sd * rng.standard_normal(levels.shape), levels)
            found[f"{scale}{OFFSET}{column}"] = levels @ basis * np.sqrt(1 / sd**2 + information)
    return found
