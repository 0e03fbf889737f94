"""A posterior on the scales that customers are spoken of: how often, how loyal, how much, group by group."""

import numpy as np
import xarray as xr

from bayesltv.base.population import read_posterior
from bayesltv.names import GROUP

CUSTOMERS = "customers"


def group_scales(fit: xr.DataTree) -> xr.Dataset:
    """Return each group's scales, with the effects of its levels in them.

    Parameters
    ----------
    fit : DataTree

    Returns
    -------
    xarray.Dataset
        Those of the fit's families: ``purchase_rate`` (per time unit, while alive), ``purchase_shape``,
        ``dropout_mean`` (a probability), ``dropout_concentration``, and with a spend model ``spend_typical``
        (money), ``spend_within``, ``spend_between``; dims (chain, draw, group), or (chain, draw) for one
        population. Where the fit holds its cells, coordinate ``customers`` counts those of each group.
    """
    posterior = read_posterior(fit)
    dataset = posterior.dataset
    families = [posterior.purchase_family]
    if posterior.spec.spend is not None:
        families.append(posterior.spend_family)
    result = xr.Dataset()
    for family in families:
        scales = family.scaled({name: dataset[name] for name in family.parameters})
        result = result.assign({name: scales[name] for name in family.scale_names})
    if GROUP in result.dims and "constant_data" in fit.children:
        cells = fit["constant_data"].to_dataset()
        if {"group_code", "count"} <= set(cells.data_vars):
            counts = np.bincount(
                cells["group_code"].values, cells["count"].values, minlength=result.sizes[GROUP]
            )
            result = result.assign_coords({CUSTOMERS: (GROUP, counts.astype(np.int64))})
    return result.assign_attrs(time_unit=posterior.time_unit)
