"""Posteriors of pymc-marketing, taken over as a fit.

The two packages share families and the names of parameters (alpha and v are rates in both), so that a
posterior means the same in either. No pymc-marketing is needed for it: its models, and the trees that it
saves, are read as they are.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.seal import FORMAT, stamped
from bayesltv.data.summary.as_summary import as_summary
from bayesltv.data.summary.cells import purchase_cells
from bayesltv.dates import as_day
from bayesltv.errors import FitError, SpecError
from bayesltv.families.registry import PURCHASE
from bayesltv.machine import versions
from bayesltv.names import (
    CHAIN,
    CURRENCY,
    CUSTOMER_ID,
    DRAW,
    FINGERPRINT,
    FREQUENCY,
    OBSERVATION_END,
    RECENCY,
    SPEND_PARAMETERS,
    TIME_UNIT,
    T,
)
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.specs.model.settings import PurchaseSpec, SpendSpec
from bayesltv.units import time_unit_of

FAMILY_OF = {"BG/NBD": "bg_nbd", "MBG/NBD": "mbg_nbd", "Pareto/NBD": "pareto_nbd"}
SPEND_MODEL = "Gamma-Gamma Model (Mean Transactions)"
NOT_USED = "not used: the posterior came from pymc-marketing, whose priors stand in attrs['pymc_marketing']"
_FLAGS = {"diverging": ("diverging",), "maxdepth_reached": ("maxdepth_reached", "reached_max_treedepth")}


@dataclass(frozen=True)
class Source:
    """A fitted model of pymc-marketing, read.

    Attributes
    ----------
    what : str
        "purchase model" or "spend model", for messages.
    model_type : str
        pymc-marketing's own word.
    tree : xarray.DataTree
        Its ``idata``.
    draws : xarray.Dataset
        The parameters, dims (chain, draw).
    """

    what: str
    model_type: str
    tree: xr.DataTree
    draws: xr.Dataset

    @property
    def is_point(self) -> bool:
        """Whether this is a single point, as from ``fit(method="map")``."""
        return bool(self.draws.sizes[CHAIN] * self.draws.sizes[DRAW] == 1)

    def data(self) -> pd.DataFrame | None:
        """Return the customers it was fitted to, where it has kept them."""
        return self.tree["fit_data"].to_dataset().to_dataframe() if "fit_data" in self.tree.children else None


def adopt(
    purchase_model: Any,  # noqa: ANN401
    spend_model: Any = None,  # noqa: ANN401
    *,
    time_unit: str,
    observation_end: str | None = None,
    currency: str | None = None,
) -> xr.DataTree:
    """Return the posterior of fitted models of pymc-marketing as a fit, not yet checked.

    See `bayesltv.pipeline.from_pymc_marketing`.
    """
    unit, end = time_unit_of(time_unit), as_day(observation_end, OBSERVATION_END)
    known = {model: PURCHASE[family].parameters for model, family in FAMILY_OF.items()}
    purchase = _read(purchase_model, "purchase model", known)
    spend = None
    if spend_model is not None:
        spend = _read(spend_model, "spend model", {SPEND_MODEL: SPEND_PARAMETERS})
    sources = [purchase] if spend is None else [purchase, spend]
    spec = _spec_of(purchase, spend, unit)
    data = purchase.data()
    nodes = {"posterior": paired(sources), "sample_stats": _joint_stats(sources)}
    if data is not None:
        nodes["constant_data"] = _cells(data, unit)
    tree = xr.DataTree.from_dict({name: node for name, node in nodes.items() if node.data_vars})
    rows = None if spend is None else spend.data()
    tree.attrs = {
        "format": FORMAT,
        "spec": json.dumps(spec.to_dict()),
        "spec_hash": spec.hash(),
        "method": "pymc_marketing",
        "sampler": json.dumps({"draws": int(tree["posterior"].sizes[DRAW])}),
        "seed": "",
        TIME_UNIT: unit,
        OBSERVATION_END: "" if end is None else end.isoformat(),
        CURRENCY: currency or "",
        FINGERPRINT: "",
        "customers": 0 if data is None else len(data),
        "repeaters": 0 if rows is None else len(rows),
        "spend_form": "" if spend is None else "mean",
        "versions": json.dumps(versions()),
        "pymc_marketing": json.dumps({source.what: _origin(source) for source in sources}),
    }
    return stamped(tree)


def paired(sources: list[Source]) -> xr.Dataset:
    """Return the parameters of all sources under one draw index, dims (chain, draw).

    Draw d of one goes with draw d of the other. Where one has more draws a chain it is thinned evenly; a
    single point goes with every draw. Nothing is drawn anew: parameters of one model belong together.

    Raises
    ------
    FitError
        Where the numbers of chains differ.
    """
    sampled = [source for source in sources if not source.is_point] or sources[:1]
    chains = {source.what: source.draws.sizes[CHAIN] for source in sampled}
    if len(set(chains.values())) > 1:
        said = ", ".join(f"the {what} {count}" for what, count in chains.items())
        raise FitError(
            f"the models have different numbers of chains ({said}): fit both with the same chains="
        )
    length = min(source.draws.sizes[DRAW] for source in sampled)
    coords = {CHAIN: np.arange(sampled[0].draws.sizes[CHAIN]), DRAW: np.arange(length)}
    shape = (coords[CHAIN].size, length)
    variables = {}
    for source in sources:
        kept = _kept(source.draws.sizes[DRAW], length) if source in sampled else np.zeros(1, dtype=np.int64)
        for name, values in source.draws.isel({DRAW: kept}).data_vars.items():
            numbers = np.broadcast_to(values.transpose(CHAIN, DRAW).values, shape).astype(np.float64)
            variables[str(name)] = ((CHAIN, DRAW), numbers)
    return xr.Dataset(variables, coords=coords)


def _read(model: Any, what: str, known: Mapping[str, tuple[str, ...]]) -> Source:  # noqa: ANN401
    tree = getattr(model, "idata", model)
    model_type = str(getattr(tree, "attrs", {}).get("model_type") or getattr(model, "_model_type", ""))
    if model_type not in known:
        given = model_type or f"{type(model).__module__}.{type(model).__name__}"
        raise SpecError(
            f"the {what} is {given}: only {' and '.join(known)} of pymc-marketing can be taken over"
        )
    if not isinstance(tree, xr.DataTree) or "posterior" not in tree.children:
        raise FitError(f"the {what} ({model_type}) has not been fitted: call its fit(data) first")
    dataset, parameters = tree["posterior"].to_dataset(), known[model_type]
    wide = [name for name in parameters if name not in dataset or set(dataset[name].dims) - {CHAIN, DRAW}]
    if wide:
        raise SpecError(
            f"the {what} has covariates ({', '.join(wide)} differs by customer), which cannot be taken over: "
            "fit it without them"
        )
    source = Source(what, model_type, tree, dataset[list(parameters)])
    if "sample_stats" not in tree.children and not source.is_point:
        raise FitError(
            f"the {what} has draws but no sample_stats, so that nothing says whether they can be trusted: "
            'fit it with method="mcmc" (or "map")'
        )
    values = source.draws.to_array().values
    if not (np.isfinite(values) & (values > 0)).all():
        bad = int((~(np.isfinite(values) & (values > 0))).sum())
        raise FitError(f"{bad:,} of {values.size:,} draws of the {what} are not positive and finite")
    return source


def _spec_of(purchase: Source, spend: Source | None, unit: str) -> ModelSpec:
    made = f"{purchase.model_type} {'' if spend is None else 'and Gamma-Gamma '}from pymc-marketing"
    spec = ModelSpec(
        title=made,
        purchase=PurchaseSpec(FAMILY_OF[purchase.model_type]),
        spend=None if spend is None else SpendSpec(first_amounts=False),
    )
    spec = replace(spec, priors={scale: replace(prior, why=NOT_USED) for scale, prior in spec.priors.items()})
    if spend is None:
        return spec.resolved(time_unit=unit)
    typical = float((spend.draws["p"] * spend.draws["v"] / spend.draws["q"]).median())
    return spec.resolved(time_unit=unit, spend_unit=typical)


def _cells(data: pd.DataFrame, unit: str) -> xr.Dataset:
    summary = as_summary(data[[CUSTOMER_ID, FREQUENCY, RECENCY, T]].reset_index(drop=True), time_unit=unit)
    cells = purchase_cells(summary, np.zeros(len(summary), dtype=np.int32))
    names = (FREQUENCY, RECENCY, T, "count")
    variables = {name: ("cell", getattr(cells, name)) for name in names}
    return xr.Dataset({**variables, "group_code": ("cell", cells.group)})


def _kept(size: int, length: int) -> Any:  # noqa: ANN401
    return (np.arange(length) * size) // length


def _joint_stats(sources: list[Source]) -> xr.Dataset:
    """Return the sampler's statistics of the models taken together, dims (chain, draw) of the posterior.

    A draw diverged where either model's did, or one of the draws that thinning left out before the next kept
    one. Energy is that of the model with the smaller E-BFMI, a stretch of neighbours, since the figure
    compares neighbours.
    """
    sampled = [source for source in sources if not source.is_point]
    if not sampled:
        return xr.Dataset()
    length = min(source.draws.sizes[DRAW] for source in sampled)
    stats = [source.tree["sample_stats"].to_dataset() for source in sampled]
    found: dict[str, Any] = {}
    for name, aliases in _FLAGS.items():
        flags = [_folded(each[alias], length) for each in stats for alias in aliases if alias in each]
        if len(flags) == len(stats):
            found[name] = ((CHAIN, DRAW), np.logical_or.reduce(flags))
    if all("energy" in each for each in stats):
        energies = [each["energy"].transpose(CHAIN, DRAW).values for each in stats]
        found["energy"] = ((CHAIN, DRAW), min(energies, key=_ebfmi)[:, :length])
    shape = (sampled[0].draws.sizes[CHAIN], length)
    return xr.Dataset(found, coords={CHAIN: np.arange(shape[0]), DRAW: np.arange(length)})


def _folded(flags: xr.DataArray, length: int) -> Any:  # noqa: ANN401
    values = flags.transpose(CHAIN, DRAW).values.astype(bool)
    return np.logical_or.reduceat(values, _kept(values.shape[1], length), axis=1)


def _ebfmi(energy: Any) -> float:  # noqa: ANN401
    return float(np.min(np.mean(np.diff(energy, axis=1) ** 2, axis=1) / np.var(energy, axis=1)))


def _origin(source: Source) -> dict[str, Any]:
    keys = ("model_type", "id", "model_config", "sampler_config")
    told = {key: str(source.tree.attrs[key]) for key in keys if key in source.tree.attrs}
    version = source.tree["posterior"].attrs.get("pymc_marketing_version", "")
    method = "map" if source.is_point else "mcmc"
    return {"version": str(version), "method": method, **told}
