"""Covariates in a PyMC model: coefficients on the link of each scale, over rows of equal covariates."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor import shared

from bayesltv.data.cells import Cells
from bayesltv.data.design import features_of
from bayesltv.kernels.scales import shifted
from bayesltv.names import coefficients_name, covariate_dim
from bayesltv.spec.model_spec import ModelSpec

Tensor = Any
Floats = NDArray[np.float64]


def acting(spec: ModelSpec, scale: str) -> tuple[list[int], list[str], Floats]:
    """Return, of the features that act on `scale`: their places in the design, labels and prior sds."""
    codings = [each.coding(column) for column, each in spec.covariates.items()]
    every = features_of(codings)
    sigmas = {
        feature: each.sigma
        for (column, each), coding in zip(spec.covariates.items(), codings, strict=True)
        for feature in coding.features
        if scale in each.on
    }
    at = [place for place, feature in enumerate(every) if feature in sigmas]
    return at, [every[place] for place in at], np.array([sigmas[every[place]] for place in at])


def covariate_coords(spec: ModelSpec) -> dict[str, list[str]]:
    """Return the labels of the coefficients of each scale that has any."""
    labels = {scale: acting(spec, scale)[1] for scale in spec.scales}
    return {covariate_dim(scale): names for scale, names in labels.items() if names}


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
