"""Which coefficients of covariates a scale has: needed with and without PyMC."""

import numpy as np

from bayesltv.data.summary.design import features_of
from bayesltv.names import covariate_dim
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.model.model_spec import ModelSpec


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
