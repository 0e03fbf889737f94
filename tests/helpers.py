"""Small tools that several tests share."""

import json

import numpy as np
import xarray as xr

import bayesltv as ltv


def point_fit(
    parameters: dict[str, float], *, draws: int, family: str = "bg_nbd", time_unit: str = "week"
) -> xr.DataTree:
    """A fit whose posterior is a single point, repeated: for what holds given the parameters."""
    with_spend = "p" in parameters
    spec = ltv.ModelSpec(purchase=ltv.PurchaseSpec(family), spend=ltv.SpendSpec() if with_spend else None)
    spec = spec.resolved(time_unit=time_unit, spend_unit=1.0 if with_spend else None)
    posterior = xr.Dataset(
        {name: (("chain", "draw"), np.full((1, draws), value)) for name, value in parameters.items()},
        coords={"chain": [0], "draw": np.arange(draws)},
    )
    tree = xr.DataTree.from_dict({"posterior": posterior})
    told = {"time_unit": time_unit, "checks": "[]", "observation_end": ""}
    tree.attrs = {"spec": json.dumps(spec.to_dict()), **told}
    return tree
