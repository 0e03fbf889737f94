"""Customers with covariates: one row of parameters for each distinct group and covariates of a summary."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.base.population import Population, Posterior
from bayesltv.data.cells import number_rows
from bayesltv.data.design import design_of, features_of
from bayesltv.data.groups import Codes
from bayesltv.errors import DataError
from bayesltv.kernels.scales import (
    purchase_parameters,
    purchase_scales,
    shifted,
    spend_parameters,
    spend_scales,
)
from bayesltv.names import PURCHASE_PARAMETERS, SPEND_PARAMETERS, coefficients_name, covariate_dim

Floats = NDArray[np.float64]
GIGABYTES_ALLOWED = 4.0


def with_covariates(
    posterior: Posterior, population: Population, summary: pd.DataFrame, codes: Codes
) -> tuple[Population, Codes]:
    """Return the population with a row for each distinct group and covariates, and each customer's row.

    Parameters
    ----------
    posterior : Posterior
    population : Population
        Parameters of each group at the mean and reference customer; returned as it is without covariates.
    summary : DataFrame
    codes : ndarray of int32, shape (customer,)
        Group of each customer.

    Raises
    ------
    DataError
        Where a covariate is missing or has a level that was not fitted, and where so many values differ that
        their parameters would take more than 4 GB.
    """
    covariates = posterior.spec.covariates
    if not covariates:
        return population, codes
    codings = [each.coding(column) for column, each in covariates.items()]
    design = design_of(summary, codings)
    row, first = number_rows(codes, *design.T)
    _refuse_too_many(first.size, population, summary)
    group, values = codes[first], design[first]
    kept = population.draws.astype(np.int64)
    factors = _factors(posterior, features_of(codings), values, kept)
    scales = purchase_scales(dict(zip(PURCHASE_PARAMETERS, population.purchase[:, group], strict=True)))
    purchase = purchase_parameters({name: _moved(name, each, factors) for name, each in scales.items()})
    stacked = np.stack([purchase[name] for name in PURCHASE_PARAMETERS])
    clock = None if population.clock is None else population.clock.for_rows(group)
    moved = replace(population, purchase=stacked, group_of_row=group.astype(np.int32), clock=clock)
    if population.has_spend:
        scales = spend_scales(dict(zip(SPEND_PARAMETERS, population.spend[:, group], strict=True)))
        spend = spend_parameters({name: _moved(name, each, factors) for name, each in scales.items()})
        moved = replace(moved, spend=np.stack([spend[name] for name in SPEND_PARAMETERS]))
    return moved, row.astype(np.int32)


def _factors(
    posterior: Posterior, features: tuple[str, ...], values: Floats, kept: NDArray[np.int64]
) -> dict[str, Floats]:
    """Return, by scale, the exponential of the sum of effects of each row and draw."""
    factors = {}
    for scale in posterior.spec.scales:
        name = coefficients_name(scale)
        if name in posterior.dataset:
            labels = [str(label) for label in posterior.dataset[covariate_dim(scale)].values]
            at = [features.index(label) for label in labels]
            factors[scale] = np.exp(values[:, at] @ posterior.stacked(name)[:, kept])
    return factors


def _moved(scale: str, value: Floats, factors: dict[str, Floats]) -> Floats:
    moved: Floats = shifted(scale, value, factors[scale]) if scale in factors else value
    return moved


def _refuse_too_many(rows: int, population: Population, summary: pd.DataFrame) -> None:
    size = 7 * rows * population.draws.size * 8 / 1e9
    if size > GIGABYTES_ALLOWED:
        raise DataError(
            f"{len(summary):,} customers have {rows:,} different rows of group and covariates: parameters of "
            f"{population.draws.size:,} draws for each would take {size:,.1f} GB (at most "
            f"{GIGABYTES_ALLOWED:g}). Round numeric covariates (round_to in the spec), pass fewer draws=, or "
            "score the customers in parts"
        )
