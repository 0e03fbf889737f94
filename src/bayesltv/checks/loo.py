"""PSIS-LOO from cells and counts (Vehtari, Gelman & Gabry 2017): per customer, at the cells' cost."""

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.base import array_stats
from arviz_stats.utils import ELPDDataLOO

from bayesltv.base.meeting import Meeting
from bayesltv.base.placed_base import PlacedBase, place_base
from bayesltv.base.population import Population
from bayesltv.prediction.log_likelihood import Units, likelihood_units, value_blocks
from bayesltv.prediction.log_likelihood import log_likelihood as log_likelihood


def loo(fit: xr.DataTree, summary: pd.DataFrame, *, time_unit: str | None = None) -> dict[str, ELPDDataLOO]:
    """Return the expected log predictive density of leaving out one customer at a time.

    Identical customers have identical values, so that each distinct history is smoothed once and counted as
    often as it occurs. Purchase and spend are scored apart: customers are the units of one, those with a
    positive amount that the model uses those of the other: repeaters, and with first amounts nearly all.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame
        The summary that was fitted.
    time_unit : str, optional
        For a summary that has lost its attributes.

    Returns
    -------
    dict of str to arviz_stats ELPDData
        "purchase" and, with a spend model, "spend".
    """
    base = place_base(fit, summary, Meeting(0, time_unit=time_unit))
    return {units.part: elpd for units, elpd in _of_parts(base)}


def loo_per_customer(fit: xr.DataTree, summary: pd.DataFrame) -> dict[str, ELPDDataLOO]:
    """Return `loo` with one value per customer in place of one per distinct history, in the summary's order.

    What `arviz.compare` needs: models that group customers differently have different cells, but the same
    customers. In the spend part customers are those with spend that the model uses.
    """
    base = place_base(fit, summary, Meeting(0))
    return {units.part: _expanded(elpd, units) for units, elpd in _of_parts(base)}


def _of_parts(base: PlacedBase) -> list[tuple[Units, ELPDDataLOO]]:
    """Return the units of each part of the model, and what is expected of them."""
    population, parts = likelihood_units(base)
    efficiency = _relative_efficiency(base.fit, population.draws.size)
    return [(part, _elpd(population, part, efficiency)) for part in parts]


def _expanded(elpd: ELPDDataLOO, units: Units) -> ELPDDataLOO:
    unit = units.of_customer[units.of_customer >= 0]
    elpd.elpd_i = xr.DataArray(elpd.elpd_i.values[unit], dims="customer")
    elpd.pareto_k = xr.DataArray(elpd.pareto_k.values[unit], dims="customer")
    return elpd


def _relative_efficiency(fit: xr.DataTree, draws: int) -> float:
    """Return the parameters' mean effective sample size per draw, 1 for a single chain, as ArviZ does."""
    if fit["posterior"].sizes["chain"] == 1:
        return 1.0
    sizes = az.ess(fit["posterior"].to_dataset(), method="mean")
    return float(np.concatenate([np.ravel(values) for values in sizes.data_vars.values()]).mean() / draws)


def _elpd(population: Population, units: Units, efficiency: float) -> ELPDDataLOO:
    pointwise, k, effective = (np.empty(units.weight.size) for _ in range(3))
    for chosen, values in value_blocks(population, units):
        chained = values.reshape(values.shape[0], population.chains, -1)
        pointwise[chosen], k[chosen], effective[chosen] = array_stats.loo(
            chained, chain_axis=-2, draw_axis=-1, r_eff=efficiency
        )
    weight, draws = units.weight, population.draws.size
    n = int(weight.sum())
    elpd = float(np.sum(weight * pointwise))
    variance = float(np.sum(weight * (pointwise - elpd / n) ** 2) / (n - 1)) if n > 1 else 0.0
    good_k = min(1 - 1 / np.log10(draws), 0.7) if draws > 1 else 0.7
    return ELPDDataLOO(
        elpd=elpd,
        se=float(np.sqrt(n * variance)),
        p=float(np.sum(weight * effective)),
        n_samples=draws,
        n_data_points=n,
        scale="log",
        warning=bool((k > good_k).any()),
        good_k=float(good_k),
        elpd_i=xr.DataArray(pointwise, dims="unit", coords={"customers": ("unit", weight)}),
        pareto_k=xr.DataArray(k, dims="unit"),
    )
