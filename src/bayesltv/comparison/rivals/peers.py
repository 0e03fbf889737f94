"""Other packages for the same models: lifetimes' maximum likelihood, pymc-marketing's mode and NUTS."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bayesltv.base.seal import stamped
from bayesltv.comparison.forecast import Forecast, of_draws
from bayesltv.comparison.known import PURCHASES, SPEND, Known
from bayesltv.comparison.own import DRAWS, predictive
from bayesltv.names import CUSTOMER_ID, FREQUENCY, MONETARY_VALUE, RECENCY, T
from bayesltv.pipeline import from_pymc_marketing

HISTORY = [FREQUENCY, RECENCY, T]


def lifetimes_mle(known: Known) -> dict[str, Forecast]:
    """Return expected purchases × expected spend at lifetimes' maximum of the likelihood."""
    purchase, spend = _lifetimes(known)
    summary = known.summary
    times = [summary[name] for name in HISTORY]
    expected = purchase.conditional_expected_number_of_purchases_up_to_time(known.horizon, *times).to_numpy()
    made = {PURCHASES: Forecast(expected)}
    if spend is not None:
        mean = spend.conditional_expected_average_profit(
            summary[FREQUENCY], summary[MONETARY_VALUE].fillna(0.0)
        )
        made[SPEND] = Forecast(expected * mean.to_numpy())
    return made


def mle_predictive(known: Known) -> dict[str, Forecast]:
    """Return the exact predictive at lifetimes' maximum: what a point estimate could say and does not."""
    titles = ("BG/NBD", "Gamma-Gamma Model (Mean Transactions)")
    models = [
        None if each is None else _posterior(title, each.params_.to_dict())
        for title, each in zip(titles, _lifetimes(known), strict=True)
    ]
    fit = from_pymc_marketing(*models, time_unit=known.time_unit)
    many = fit.isel(draw=np.zeros(DRAWS, dtype=int))
    many["posterior"] = xr.DataTree(many["posterior"].to_dataset().assign_coords(draw=np.arange(DRAWS)))
    return predictive(stamped(many), known)


def pymc_map(known: Known) -> dict[str, Forecast]:
    """Return expected purchases × expected spend at pymc-marketing's posterior mode."""
    found = _expected_by_pymc(known, method="map")
    return {name: Forecast(each[:, 0]) for name, each in found.items()}


def pymc_nuts(known: Known, *, sampler: Mapping[str, Any]) -> dict[str, Forecast]:
    """Return pymc-marketing's expected purchases and value at each of its draws."""
    return of_draws(_expected_by_pymc(known, cores=2, **sampler))


def _lifetimes(known: Known) -> tuple[Any, Any]:
    """Return fitters at lifetimes' maximum of the likelihood; None for spend where there is none."""
    with warnings.catch_warnings(action="ignore"):
        from lifetimes import BetaGeoFitter, GammaGammaFitter

        purchase = BetaGeoFitter().fit(*(known.summary[name] for name in HISTORY))
        if not known.has_amounts:
            return purchase, None
        rows = known.summary[known.summary[MONETARY_VALUE] > 0]
        return purchase, GammaGammaFitter().fit(rows[FREQUENCY], rows[MONETARY_VALUE])


def _posterior(model_type: str, parameters: Mapping[str, float]) -> xr.DataTree:
    """Return a posterior that is one point, as pymc-marketing keeps it."""
    draw = xr.Dataset({name: (("chain", "draw"), [[value]]) for name, value in parameters.items()})
    tree = xr.DataTree.from_dict({"posterior": draw})
    tree.attrs["model_type"] = model_type
    return tree


def _expected_by_pymc(known: Known, **settings: Any) -> dict[str, np.ndarray]:  # noqa: ANN401
    """Return expected purchases and spend at each draw, as pymc-marketing multiplies them."""
    from pymc_marketing.clv import BetaGeoModel, GammaGammaModel

    data = known.summary[[CUSTOMER_ID, *HISTORY]].reset_index(drop=True)
    purchase = _fitted(BetaGeoModel(), data, **settings)
    size = purchase.fit_result.sizes["chain"] * purchase.fit_result.sizes["draw"]
    purchase.idata = purchase.idata.isel(draw=slice(None, None, max(1, size // DRAWS)))
    found = purchase.expected_purchases(data=data, future_t=known.horizon)
    purchases = found.transpose(CUSTOMER_ID, "chain", "draw").values.reshape(len(data), -1)
    if not known.has_amounts:
        return {PURCHASES: purchases}
    paid = data.assign(monetary_value=known.summary[MONETARY_VALUE].fillna(0.0).to_numpy())
    rows = paid.loc[paid[MONETARY_VALUE] > 0, [CUSTOMER_ID, FREQUENCY, MONETARY_VALUE]]
    spend = _fitted(GammaGammaModel(), rows.reset_index(drop=True), **settings)
    mean = spend.expected_customer_spend(data=paid).mean(("chain", "draw")).values  # before it multiplies
    return {PURCHASES: purchases, SPEND: purchases * mean[:, None]}


def _fitted(model: Any, data: Any, **settings: Any) -> Any:  # noqa: ANN401
    with warnings.catch_warnings(action="ignore"):
        model.fit(data, progressbar=False, random_seed=1, **settings)
    return model
