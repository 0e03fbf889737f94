"""Covariates in a PyMC model: coefficients on the link of each scale, over rows of equal covariates."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor import shared

from bayesltv.data.summary.cells import Cells
from bayesltv.families.registry import shifted
from bayesltv.model.coefficients import acting
from bayesltv.names import coefficients_name, covariate_dim
from bayesltv.specs.model.model_spec import ModelSpec

Tensor = Any


def of_rows(scale: str, value: Tensor, spec: ModelSpec, cells: Cells) -> Tensor:
    """Return `scale` of each row, shape (row,), adding its coefficients to the model in context.

    Parameters
    ----------
    scale : str
    value : tensor
        The scale of each group, or a scalar for one population: at the mean and reference customer.
    spec : ModelSpec
        Resolved.
    cells : Cells
    """
    at_rows = value[shared(cells.rows.group)] if cells.groups.columns else value
    at, labels, sigma = acting(spec, scale)
    design = shared(np.ascontiguousarray(cells.rows.design[:, at]))
    if not labels:
        return at_rows + pt.sum(design, axis=1)  # of no columns: 0 for each row
    coefficients = pm.Normal(
        coefficients_name(scale), sigma=shared(sigma), shape=len(labels), dims=covariate_dim(scale)
    )
    return shifted(scale, at_rows, pt.exp(pt.sum(design * coefficients, axis=1)))
