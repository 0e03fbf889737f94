"""Scales in a PyMC model: an intercept and, over group columns, partially pooled effects.

Effects of the levels of a column are sd × zero-sum standard normals: deviations from the mean of the observed levels,
each with prior variance sd² (1 − 1/levels). Zero-sum deviations take the ridge between intercept and effects out of
the posterior, which a non-centred parameterisation keeps and which makes it diverge with few levels.
"""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc_extras.prior import Prior

from bayesltv.data.groups import Groups
from bayesltv.kernels.scales import shifted
from bayesltv.names import effect_name, sd_name
from bayesltv.spec.model_spec import ModelSpec
from bayesltv.spec.prior import PriorSpec

Tensor = Any
OFFSET = "_offset_"
"""Part of the names of the sampler's own variables, which are kept out of the posterior."""


def prior_variable(name: str, prior: PriorSpec) -> Tensor:
    """Add the random variable `name` with this prior to the model in context."""
    # float64 arrays: PyMC takes logs of plain Python floats in single precision
    numbers = {key: np.float64(value) for key, value in prior.parameters.items()}
    return Prior(prior.family, **numbers).create_variable(name)


def scale_variable(scale: str, spec: ModelSpec, groups: Groups) -> Tensor:
    """Add `scale` to the model in context: scalar for one population, else a vector over groups.

    Parameters
    ----------
    scale : str
        One of ``names.PURCHASE_SCALES`` or ``names.SPEND_SCALES``.
    spec : ModelSpec
        Resolved.
    groups : Groups
    """
    intercept = prior_variable(scale, spec.priors[scale])
    if not groups.columns:
        return intercept
    effects = [level_effects(scale, column, spec, groups) for column in spec.pooled_columns(scale)]
    return shifted(scale, intercept, pt.exp(sum(effects, pt.zeros(len(groups.combinations)))))


def level_effects(scale: str, column: str, spec: ModelSpec, groups: Groups) -> Tensor:
    """Add the effects of the levels of `column` on `scale`; return the effect of each group, shape (group,)."""
    sd = prior_variable(sd_name(scale, column), spec.pooling[scale].scale)
    offset = pm.ZeroSumNormal(f"{scale}{OFFSET}{column}", sigma=1.0, dims=column)
    effect = pm.Deterministic(effect_name(scale, column), sd * offset, dims=column)
    return effect[groups.level_codes(column)]
