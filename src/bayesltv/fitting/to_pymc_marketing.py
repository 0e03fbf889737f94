"""A fit, handed to pymc-marketing as fitted models of its own."""

from dataclasses import replace
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.base.clock import refuse_clock
from bayesltv.base.placed_base import match_summary
from bayesltv.base.population import read_posterior
from bayesltv.errors import SpecError
from bayesltv.names import (
    CUSTOMER_ID,
    FREQUENCY,
    MONETARY_VALUE,
    RECENCY,
    SPEND_COUNT,
    SPEND_PARAMETERS,
    SPEND_SUM,
    T,
)


def to_pymc_marketing(
    fit: xr.DataTree, summary: pd.DataFrame, *, time_unit: str | None = None, drop_delta: bool = False
) -> tuple[Any, Any | None]:
    """Return a pooled fit as fitted models of pymc-marketing: (purchase model, spend model or None).

    Their ``expected_*`` methods then speak from this posterior, and agree with this package up to rounding.
    The priors that they state were not used. Spend is conditioned on the positive repeat amounts, as here, so
    that ``frequency`` in the spend model's data is their number.

    Parameters
    ----------
    fit : DataTree
        Without groups.
    summary : DataFrame
        Customers that the models are to know; their ``data``.
    time_unit : str, optional
        For a summary that has lost its attributes.
    drop_delta : bool
        Hand back p, q, v of a fit that uses first amounts, which pymc-marketing's model has no place for:
        its customers are then known by repeat amounts alone.

    Returns
    -------
    tuple
        BetaGeoModel, ModifiedBetaGeoModel or ParetoNBDModel, and GammaGammaModel or None.

    Raises
    ------
    SpecError
        Where the fit has groups or a family that pymc-marketing has not, or uses first amounts and
        `drop_delta` is not said.
    DataError
        Where the summary does not fit the fit.

    Examples
    --------
    >>> purchase_model, spend_model = to_pymc_marketing(fit, summary)  # doctest: +SKIP
    >>> purchase_model.expected_purchases(future_t=39).mean(("chain", "draw"))  # doctest: +SKIP
    """
    from pymc_marketing import clv

    posterior = read_posterior(fit)
    refuse_clock(posterior.spec, "pymc-marketing")
    if posterior.columns:
        raise SpecError(
            f"the fit has groups ({', '.join(posterior.columns)}) and pymc-marketing has none: "
            "hand back a fit of a pooled spec"
        )
    if posterior.uses_first_amounts and not drop_delta:
        raise SpecError(
            "the fit uses first amounts (delta), for which pymc-marketing's Gamma-Gamma has no place: pass "
            "drop_delta=True to hand back p, q, v for repeat amounts alone, or fit with first_amounts = false"
        )
    posterior = replace(posterior, without_first_amounts=True)
    customers = match_summary(posterior, summary, time_unit=time_unit)
    family = posterior.purchase_family
    models = {
        "bg_nbd": clv.BetaGeoModel, "mbg_nbd": clv.ModifiedBetaGeoModel, "pareto_nbd": clv.ParetoNBDModel,
    }  # fmt: skip
    if family.name not in models:
        raise SpecError(f"pymc-marketing has no {family.title}: hand back a fit of {' or '.join(models)}")
    draws = posterior.dataset[list(family.parameters)]
    if "a" in draws:
        total = draws["a"] + draws["b"]
        draws = draws.assign(phi_dropout=draws["a"] / total, kappa_dropout=total)
    histories = customers[[CUSTOMER_ID, FREQUENCY, RECENCY, T]].copy()
    purchase = _lent(models[family.name](), histories, draws, fit)
    if posterior.spec.spend is None or MONETARY_VALUE not in customers:
        return purchase, None
    draws = posterior.dataset[list(SPEND_PARAMETERS)]
    return purchase, _lent(clv.GammaGammaModel(), _amounts(customers), draws, fit)


def _amounts(customers: pd.DataFrame) -> pd.DataFrame:
    """Return what a Gamma-Gamma model of means takes: repeaters with their number of positive amounts."""
    rows = customers[customers[MONETARY_VALUE] > 0]
    if {SPEND_COUNT, SPEND_SUM} <= set(customers.columns):
        rows = rows.assign(
            **{FREQUENCY: rows[SPEND_COUNT], MONETARY_VALUE: rows[SPEND_SUM] / rows[SPEND_COUNT]}
        )
    return rows[[CUSTOMER_ID, FREQUENCY, MONETARY_VALUE]].reset_index(drop=True)


def _lent(model: Any, data: pd.DataFrame, draws: xr.Dataset, fit: xr.DataTree) -> Any:  # noqa: ANN401
    data.attrs = {}
    model.build_model(data)
    nodes = {"posterior": draws.drop_attrs(), "fit_data": model.create_fit_data_group()}
    if "sample_stats" in fit.children:
        nodes["sample_stats"] = fit["sample_stats"].to_dataset()
    model.idata = xr.DataTree.from_dict(nodes)
    model.set_idata_attrs(model.idata)
    return model
