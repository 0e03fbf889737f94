"""Pointwise log likelihood under the posterior: one value per cell or repeater, never n times it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.data.cells import SpendRows, purchase_cells, spend_rows
from bayesltv.data.groups import codes_of
from bayesltv.errors import DataError
from bayesltv.kernels.beta_geometric import log_likelihood as purchase_log_likelihood
from bayesltv.kernels.gamma_gamma import log_likelihood_of_amounts, log_likelihood_of_mean
from bayesltv.names import CHAIN, CUSTOMER_ID, DRAW
from bayesltv.prediction.covariates import with_covariates
from bayesltv.prediction.draws import GIGABYTES_ALLOWED, match_summary
from bayesltv.prediction.population import Population, population_of, read_posterior

Floats = NDArray[np.float64]
_BLOCK = 2_000_000
"""Values computed at once."""


@dataclass(frozen=True)
class Units:
    """What one part of the model scores: cells of customers, or single repeaters.

    Attributes
    ----------
    part : "purchase" or "spend"
    weight : ndarray of int64, shape (unit,)
        Customers that share the value.
    group : ndarray of int32, shape (unit,)
    data : tuple of ndarray, each of shape (unit,)
    form : str
        "purchase", or the form of the spend likelihood, "full" or "mean".
    of_customer : ndarray of int64, shape (customer,)
        Unit of each customer of the summary; -1 for a customer who has none.
    """

    part: str
    weight: NDArray[np.int64]
    group: NDArray[np.int32]
    data: tuple[Floats, ...]
    form: str
    of_customer: NDArray[np.int64]


def log_likelihood(fit: xr.DataTree, summary: pd.DataFrame, *, time_unit: str | None = None) -> xr.DataTree:
    """Return the log likelihood of each distinct history and of each repeater's spend, at each draw.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame
        The summary that was fitted, or another one with its groups.
    time_unit : str, optional
        For a summary that has lost its attributes.

    Returns
    -------
    xarray.DataTree
        Nodes ``purchase`` and, with a spend model, ``spend``: ``log_likelihood`` with dims (chain, draw,
        unit) for one customer, and ``customers`` with dim (unit), the number of customers that share it.

    Raises
    ------
    DataError
        Where the answer would be larger than 4 GB: ``loo`` works in blocks and has no such bound.
    """
    population, parts = likelihood_units(fit, summary, time_unit=time_unit)
    size = sum(part.weight.size for part in parts) * population.draws.size * 8 / 1e9
    if size > GIGABYTES_ALLOWED:
        raise DataError(
            f"the pointwise log likelihood would be {size:,.1f} GB (at most {GIGABYTES_ALLOWED:g}): "
            "use loo(), which works in blocks"
        )
    return xr.DataTree.from_dict({part.part: _labelled(population, part) for part in parts})


def likelihood_units(
    fit: xr.DataTree, summary: pd.DataFrame, *, time_unit: str | None
) -> tuple[Population, list[Units]]:
    """Return all draws of a fit and the units of each part of its model."""
    posterior = read_posterior(fit)
    checked = match_summary(posterior, summary, time_unit=time_unit)
    codes = codes_of(checked, posterior.columns, posterior.combinations)
    if (codes < 0).any():
        raise DataError(
            f"{int((codes < 0).sum()):,} of {len(checked):,} customers ({{ids}}) are in groups that were not "
            "fitted: their likelihood has no draws",
            ids=checked.loc[codes < 0, CUSTOMER_ID],
        )
    population, codes = with_covariates(posterior, population_of(posterior), checked, codes)
    cells = purchase_cells(checked, codes)
    k = np.asarray(population.family.coins(cells.frequency), dtype=np.float64)
    data = (cells.frequency.astype(np.float64), k, cells.recency, cells.T)
    parts = [Units("purchase", cells.count, cells.group, data, "purchase", cells.cell_of_customer)]
    rows = spend_rows(checked, codes) if population.has_spend else None
    return population, parts if rows is None else [*parts, _spend_units(rows, len(checked))]


def value_blocks(population: Population, units: Units) -> Iterator[tuple[slice, Floats]]:
    """Yield slices of units with their log likelihoods, shape (unit, draw)."""
    step = max(1, _BLOCK // population.draws.size)
    for start in range(0, units.weight.size, step):
        chosen = slice(start, start + step)
        yield chosen, _values(population, units, chosen)


def _values(population: Population, units: Units, chosen: slice) -> Floats:
    group = units.group[chosen]
    data = [column[chosen, None] for column in units.data]
    if units.form == "purchase":
        return purchase_log_likelihood(*data, *population.purchase[:, group])
    spend = population.spend[:, group]
    if units.form == "full":
        return log_likelihood_of_amounts(*data, *spend)
    return log_likelihood_of_mean(*data, *spend)


def total_log_likelihood(population: Population, parts: Iterable[Units]) -> Floats:
    """Return the log likelihood of all customers, shape (chain, draw): each value times its count."""
    total = np.zeros(population.draws.size)
    for part in parts:
        for chosen, values in value_blocks(population, part):
            total += part.weight[chosen] @ values
    return total.reshape(population.chains, -1)


def _spend_units(rows: SpendRows, customers: int) -> Units:
    count = rows.count.astype(np.float64)
    data = (count, rows.total, rows.log_total) if rows.form == "full" else (count, rows.total / count)
    place = np.full(customers, -1, dtype=np.int64)
    place[rows.customer] = np.arange(rows.count.size)
    return Units("spend", np.ones(rows.count.size, dtype=np.int64), rows.group, data, rows.form, place)


def _labelled(population: Population, units: Units) -> xr.Dataset:
    values = np.concatenate([block for _, block in value_blocks(population, units)])
    shaped = values.reshape(values.shape[0], population.chains, -1)
    return xr.Dataset(
        {
            "log_likelihood": ((CHAIN, DRAW, "unit"), np.moveaxis(shaped, 0, 2)),
            "customers": ("unit", units.weight),
        }
    )
