"""Scales in a PyMC model: an intercept and, over group columns, partially pooled effects.

Effects of the levels of a column are zero-sum normals with a common sd: deviations from the mean of the
observed levels, each with prior variance sd² (1 − 1/levels). Zero-sum deviations take the ridge between
intercept and effects out of the posterior.

The sampler sees them partially centred. Were level k known from its own data with standard error δ_k, the
posterior precision of the deviations given sd would be 1/sd² + λ_j along the eigenvectors of the zero-sum
part of diag(1/δ²), which are found once. Along each the sampler's variable is scaled by sd / √(1 + sd² λ_j):
nearly centred where data say much, nearly non-centred where they say little, and the model is the same
whatever the δ. On three CDNOW cohorts at target_accept .95 this took divergences from 1-6 a run to none and
the smallest effective sample size from 800 to 3,000 at half the steps.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions import transforms
from pytensor import shared

from bayesltv.data.summary.cells import Cells
from bayesltv.families.registry import SCALES, shifted
from bayesltv.names import effect_name, sd_name
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.specs.prior import PriorSpec

Tensor = Any
OFFSET = "_offset_"
"""Part of the names of the sampler's own variables, which are kept out of the posterior."""


def prior_variable(name: str, prior: PriorSpec) -> Tensor:
    """Add the random variable `name` with this prior to the model in context.

    The sampler's scale is always log odds or log. PyMC's own choice is not enough: its LogitNormal has no
    transform, and a sampler runs into the walls at 0 and 1.
    """
    numbers = {key: number(value, f"{name}_{key}") for key, value in prior.parameters.items()}
    scale = transforms.logodds if prior.support == "unit" else transforms.log
    return getattr(pm, prior.family)(name, default_transform=scale, **numbers)


def scale_variable(scale: str, spec: ModelSpec, cells: Cells) -> Tensor:
    """Add `scale` to the model in context: scalar for one population, else a vector over groups.

    Parameters
    ----------
    scale : str
        One of the families' scales.
    spec : ModelSpec
        Resolved.
    cells : Cells
        For the groups, and for what they say about each level.
    """
    intercept = prior_variable(scale, spec.priors[scale])
    if not cells.groups.columns:
        return intercept
    effects = [level_effects(scale, column, spec, cells) for column in spec.pooled_columns(scale)]
    return shifted(scale, intercept, pt.exp(sum(effects, pt.zeros(len(cells.groups.combinations)))))


def level_effects(scale: str, column: str, spec: ModelSpec, cells: Cells) -> Tensor:
    """Add the effects of the levels of `column` on `scale`; return that of each group, shape (group,)."""
    basis, information = zero_sum_basis(1 / level_errors(scale, column, cells) ** 2)
    levels = information.size
    basis, information = shared(basis), shared(information)
    sd = prior_variable(sd_name(scale, column), spec.pooling[scale].scale)
    stretch = pt.sqrt(1 + sd**2 * information)
    offset = pm.Normal(f"{scale}{OFFSET}{column}", sigma=stretch, shape=levels)
    deviations = pt.sum(basis * (sd / stretch * offset), axis=1)
    effect = pm.Deterministic(effect_name(scale, column), deviations, dims=column)
    return effect[shared(cells.groups.level_codes(column))]


def number(value: float, name: str | None = None) -> Tensor:
    """Return a number that is no part of the model's structure: models that differ in it compile once."""
    return shared(np.asarray(value, dtype=np.float64), name=name)


def zero_sum_basis(precision: Floats) -> tuple[Floats, Floats]:
    """Return an orthonormal basis of the deviations that sum to zero, in which `precision` is diagonal.

    Parameters
    ----------
    precision : ndarray, shape (level,)
        Of each level's own data.

    Returns
    -------
    basis : ndarray, shape (level, level - 1)
        Standard normals times the basis are zero-sum normals with marginal variance 1 − 1/level.
    information : ndarray, shape (level - 1,)
        Precision along each basis vector.
    """
    levels = precision.size
    complement = np.linalg.qr(np.column_stack([np.ones(levels), np.eye(levels)[:, 1:]]))[0][:, 1:]
    information, rotation = np.linalg.eigh(complement.T @ (precision[:, None] * complement))
    return complement @ rotation, information


def level_errors(scale: str, column: str, cells: Cells) -> Floats:
    """Return about the standard error of each level's effect, were it estimated from its own data alone."""
    level = cells.groups.level_codes(column)[cells.group_of_cell]
    repeaters = np.bincount(level, weights=cells.purchase.count * (cells.purchase.frequency > 0))
    return np.sqrt(SCALES[scale].error / (1 + repeaters))
