"""A posterior on the scales that customers are spoken of: how often, how loyal, how much, group by group."""

import numpy as np
import xarray as xr

from bayesltv.base.population import read_posterior
from bayesltv.kernels.scales import purchase_scales, spend_scales
from bayesltv.names import (
    GROUP,
    PURCHASE_PARAMETERS,
    PURCHASE_SCALES,
    SPEND_PARAMETERS,
    SPEND_SCALES,
)

CUSTOMERS = "customers"


def group_scales(fit: xr.DataTree) -> xr.Dataset:
    """Return each group's scales, with the effects of its levels in them.

    Parameters
    ----------
    fit : DataTree

    Returns
    -------
    xarray.Dataset
        ``purchase_rate`` (per time unit, while alive), ``purchase_shape``, ``dropout_mean`` (a probability),
        ``dropout_concentration`` and, with a spend model, ``spend_typical`` (money), ``spend_within``,
        ``spend_between``; dims (chain, draw, group), or (chain, draw) for one population. Where the fit holds
        its cells, coordinate ``customers`` counts those of each group.
    """
    posterior = read_posterior(fit)
    dataset = posterior.dataset
    scales = purchase_scales({name: dataset[name] for name in PURCHASE_PARAMETERS})
    wanted = list(PURCHASE_SCALES)
    if posterior.spec.spend is not None:
        scales |= spend_scales({name: dataset[name] for name in SPEND_PARAMETERS})
        wanted += SPEND_SCALES
    result = xr.Dataset({name: scales[name] for name in wanted})
    if GROUP in result.dims and "constant_data" in fit.children:
        cells = fit["constant_data"].to_dataset()
        if {"group_code", "count"} <= set(cells.data_vars):
            counts = np.bincount(
                cells["group_code"].values, cells["count"].values, minlength=result.sizes[GROUP]
            )
            result = result.assign_coords({CUSTOMERS: (GROUP, counts.astype(np.int64))})
    return result.assign_attrs(time_unit=posterior.time_unit)
