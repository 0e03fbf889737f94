"""Small tools that several tests share."""

import json

import numpy as np
import xarray as xr

import bayesltv as ltv
from bayesltv.base.seal import FORMAT, SAMPLER_CHECKS, stamped
from bayesltv.families.bg_nbd import BG_NBD, MBG_NBD
from bayesltv.specs.frozen import digest

COIN_FAMILIES = {family.name: family for family in (BG_NBD, MBG_NBD)}
"""Families whose formulas are those of BG/NBD."""
_NOTHING = {"value": None, "threshold": None, "summary": "made by hand", "advice": ""}
UNCHECKED = [{"name": name, "status": "not applicable", **_NOTHING} for name in SAMPLER_CHECKS]
"""Results of the checks of a fit that no sampler has made."""


def sealed(tree: xr.DataTree, **attributes: object) -> xr.DataTree:
    """A tree made or changed by hand as a fit that nobody changed: with these attributes and a digest.

    Checks of the sampler that it has no results of become "not applicable".
    """
    made = tree.copy()
    told = {"format": FORMAT, "checks": "[]", **tree.attrs, **attributes}
    results = json.loads(told["checks"])
    known = {result["name"] for result in results}
    told["checks"] = json.dumps(results + [each for each in UNCHECKED if each["name"] not in known])
    if "spec" in told:
        told["spec_hash"] = digest(json.loads(told["spec"]))
    made.attrs = told
    return stamped(made)


def point_fit(
    parameters: dict[str, float],
    *,
    draws: int,
    family: str = "bg_nbd",
    k: int | None = None,
    time_unit: str = "week",
) -> xr.DataTree:
    """A fit whose posterior is a single point, repeated: for what holds given the parameters."""
    with_spend = "p" in parameters
    spend = ltv.SpendSpec(first_amounts="delta" in parameters) if with_spend else None
    spec = ltv.ModelSpec(purchase=ltv.PurchaseSpec(family, k), spend=spend)
    spec = spec.resolved(time_unit=time_unit, spend_unit=1.0 if with_spend else None)
    posterior = xr.Dataset(
        {name: (("chain", "draw"), np.full((1, draws), value)) for name, value in parameters.items()},
        coords={"chain": [0], "draw": np.arange(draws)},
    )
    tree = xr.DataTree.from_dict({"posterior": posterior})
    return sealed(tree, spec=json.dumps(spec.to_dict()), time_unit=time_unit, observation_end="")


def clock_fit(
    parameters: dict[str, float],
    path: np.ndarray,
    *,
    clock: ltv.ClockSpec,
    start: str,
    end: str,
    variables: dict[str, np.ndarray | float],
    family: str = "bg_nbd",
    time_unit: str = "week",
) -> xr.DataTree:
    """A fit with a clock whose parameters are a single point, and whose draws go by the rows of `path`.

    `variables` are the clock's own: numbers, or arrays with one row per draw and the clock's blocks.
    """
    draws = path.shape[0]
    tree = point_fit(parameters, draws=draws, family=family, time_unit=time_unit)
    spec = json.loads(tree.attrs["spec"])
    spec["clock"] = clock.to_dict()
    posterior = tree["posterior"].to_dataset()
    dims = {1: ("chain", "draw"), 2: ("chain", "draw", "clock_block")}
    found = {
        "clock": path,
        **{k: np.broadcast_to(v, draws) if np.ndim(v) == 0 else v for k, v in variables.items()},
    }
    posterior = posterior.assign({name: (dims[np.ndim(v)], np.array(v)[None]) for name, v in found.items()})
    first, last = (int(np.datetime64(day, "D").astype(int)) for day in (start, end))
    constant = xr.Dataset({"clock_start": first, "clock_end": last})
    made = xr.DataTree.from_dict({"posterior": posterior, "constant_data": constant})
    made.attrs = tree.attrs
    return sealed(made, spec=json.dumps(spec), observation_end=end)


def covariate_fit(parameters: dict[str, float], *, draws: int) -> xr.DataTree:
    """A fit with covariates age and channel, whose coefficients on the purchase rate go by the draw."""
    from bayesltv.specs.model.covariates import Covariate

    tree = point_fit(parameters, draws=draws)
    spec = json.loads(tree.attrs["spec"])
    age = Covariate(kind="numeric", on=("purchase_rate",), mean=40.0, sd=10.0)
    channel = Covariate(kind="categorical", on=("purchase_rate",), reference="web", levels=("app", "shop"))
    spec["covariates"] = {"age": dict(age.to_dict()), "channel": dict(channel.to_dict())}
    coefficients = np.random.default_rng(4).normal(0.5, 0.2, (1, draws, 3))
    dim = "purchase_rate_covariate"
    labels = xr.Dataset(coords={dim: ["age", "channel=app", "channel=shop"]})
    posterior = tree["posterior"].to_dataset().merge(labels)
    posterior = posterior.assign(purchase_rate_covariates=(("chain", "draw", dim), coefficients))
    made = xr.DataTree.from_dict({"posterior": posterior})
    made.attrs = tree.attrs
    return sealed(made, spec=json.dumps(spec))
