"""Customers with covariates: one row of parameters for each distinct group and covariates of a summary."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bayesltv.base.population import Population, Posterior
from bayesltv.data.summary.cells import number_rows
from bayesltv.data.summary.design import design_of, features_of
from bayesltv.errors import DataError
from bayesltv.families.family import Family
from bayesltv.families.registry import shifted
from bayesltv.names import coefficients_name, covariate_dim
from bayesltv.numerics.arrays import Codes, Floats, Integers

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
    stacked = _moved(population.family, population.purchase[:, group], factors)
    clock = population.clock.for_rows(group)
    moved = replace(population, purchase=stacked, group_of_row=group.astype(np.int32), clock=clock)
    if population.has_spend:
        spend = _moved(population.spend_family, population.spend[:, group], factors)
        moved = replace(moved, spend=spend)
    return moved, row.astype(np.int32)


def _factors(
    posterior: Posterior, features: tuple[str, ...], values: Floats, kept: Integers
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


def _moved(family: Family, parameters: Floats, factors: dict[str, Floats]) -> Floats:
    """Return the parameters of a family with their scales moved by the factors there are."""
    scales = family.scales_of(parameters)
    moved = {
        name: shifted(name, each, factors[name]) if name in factors else each for name, each in scales.items()
    }
    return family.stacked(moved)


def _refuse_too_many(rows: int, population: Population, summary: pd.DataFrame) -> None:
    parameters = len(population.purchase) + len(population.spend)
    size = parameters * rows * population.draws.size * 8 / 1e9
    if size > GIGABYTES_ALLOWED:
        raise DataError(
            f"{len(summary):,} customers have {rows:,} different rows of group and covariates: parameters of "
            f"{population.draws.size:,} draws for each would take {size:,.1f} GB (at most "
            f"{GIGABYTES_ALLOWED:g}). Round numeric covariates (round_to in the spec), pass fewer draws=, or "
            "score the customers in parts"
        )
