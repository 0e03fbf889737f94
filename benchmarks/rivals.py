"""Forecasts of the hold-out by several methods: points for all of them, draws for some.

Nothing sees the hold-out. Where BENCH_CACHE names a folder, forecasts are kept there, so that two benchmarks
that ask about the same ones make them once.
"""

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

import bayesltv as ltv
from holdouts import WEEKS

SEED, DRAWS = 1, 1000
TERMS = {"horizon": f"{WEEKS} weeks", "annual_discount_rate": 0.0, "margin": 1.0, "seed": SEED}
FULL = {"chains": 4, "draws": 1000, "tune": 1000}
SHORT = {"chains": 2, "draws": 200, "tune": 200}


@dataclass(frozen=True)
class Forecast:
    """Purchases and spend of each customer within the hold-out.

    Attributes
    ----------
    purchases, spend : ndarray, shape (customer,)
        What the method gives as one number: the mean, where it has a distribution.
    median_purchases, median_spend : ndarray, optional
    purchase_draws, spend_draws : ndarray, shape (customer, draw), optional
        What the method's own intervals are made of.
    """

    purchases: np.ndarray
    spend: np.ndarray
    median_purchases: np.ndarray | None = None
    median_spend: np.ndarray | None = None
    purchase_draws: np.ndarray | None = None
    spend_draws: np.ndarray | None = None


def of_draws(purchases, spend, *, predictive):
    """Return the forecast of draws; medians only of a predictive, where they are those of a customer."""
    medians = [np.median(draws, axis=1) if predictive else None for draws in (purchases, spend)]
    return Forecast(purchases.mean(axis=1), spend.mean(axis=1), *medians, purchases, spend)


def predicted(fit, summary):
    """Return the predictive of a fit."""
    draws = ltv.predict(fit, summary, draws=DRAWS, **TERMS)
    stacked = draws.stack(sample=("chain", "draw")).transpose("customer_id", "sample")
    return of_draws(stacked["purchases"].values, stacked["spend"].values, predictive=True)


# ---- rules of thumb


def average_order(summary, _quick):
    """Return average order × orders a week so far × weeks ahead, the first order included."""
    orders = summary["frequency"].to_numpy() + 1.0
    weeks = np.maximum(summary["T"].to_numpy(), 1.0)
    average = summary["value_to_date"].to_numpy() / orders
    return Forecast(orders / weeks * WEEKS, average * orders / weeks * WEEKS)


def history(summary, _quick):
    """Return as much again as so far."""
    return Forecast(summary["frequency"].to_numpy() + 1.0, summary["value_to_date"].to_numpy())


# ---- point estimates


def lifetimes_parameters(summary):
    """Return lifetimes' maximum-likelihood parameters by name."""
    with warnings.catch_warnings(action="ignore"):
        from lifetimes import BetaGeoFitter, GammaGammaFitter

        rows = summary[summary["monetary_value"] > 0]
        purchase = BetaGeoFitter().fit(*(summary[name] for name in ("frequency", "recency", "T")))
        spend = GammaGammaFitter().fit(rows["frequency"], rows["monetary_value"])
    return purchase, spend


def lifetimes_mle(summary, _quick):
    """Return expected purchases × expected spend at lifetimes' maximum of the likelihood."""
    purchase, spend = lifetimes_parameters(summary)
    times = [summary[name] for name in ("frequency", "recency", "T")]
    expected = purchase.conditional_expected_number_of_purchases_up_to_time(WEEKS, *times).to_numpy()
    mean = spend.conditional_expected_average_profit(
        summary["frequency"], summary["monetary_value"].fillna(0.0)
    )
    return Forecast(expected, expected * mean.to_numpy())


def mle_predictive(summary, _quick):
    """Return the exact predictive at lifetimes' maximum: what a point estimate could say and does not."""
    purchase, spend = (fitter.params_.to_dict() for fitter in lifetimes_parameters(summary))

    def at(model_type, parameters):
        tree = xr.DataTree.from_dict(
            {"posterior": xr.Dataset({k: (("chain", "draw"), [[v]]) for k, v in parameters.items()})}
        )
        tree.attrs["model_type"] = model_type
        return tree

    fit = ltv.from_pymc_marketing(
        at("BG/NBD", purchase), at("Gamma-Gamma Model (Mean Transactions)", spend), time_unit="week"
    )
    many = fit.isel(draw=np.zeros(DRAWS, dtype=int))
    many["posterior"] = xr.DataTree(many["posterior"].to_dataset().assign_coords(draw=np.arange(DRAWS)))
    return predicted(many, summary)


# ---- pymc-marketing


def pymc_models(summary, **settings):
    """Return pymc-marketing's two models, fitted with their default priors."""
    from pymc_marketing.clv import BetaGeoModel, GammaGammaModel

    purchase, spend = BetaGeoModel(), GammaGammaModel()
    rows = summary[summary["monetary_value"] > 0]
    columns = ["customer_id", "frequency"]
    with warnings.catch_warnings(action="ignore"):
        for model, data in (
            (purchase, summary[[*columns, "recency", "T"]]),
            (spend, rows[[*columns, "monetary_value"]]),
        ):
            model.fit(data.reset_index(drop=True), progressbar=False, random_seed=SEED, **settings)
    return purchase, spend


def expected_by_pymc(models, summary):
    """Return expected purchases and spend at each draw, as pymc-marketing multiplies them."""
    purchase, spend = models
    data = summary[["customer_id", "frequency", "recency", "T"]].assign(
        monetary_value=summary["monetary_value"].fillna(0.0)
    )
    size = purchase.fit_result.sizes["chain"] * purchase.fit_result.sizes["draw"]
    every = max(1, size // DRAWS)
    purchase.idata = purchase.idata.isel(draw=slice(None, None, every))
    purchases = purchase.expected_purchases(data=data, future_t=float(WEEKS))
    purchases = purchases.transpose("customer_id", "chain", "draw").values.reshape(len(data), -1)
    mean = spend.expected_customer_spend(data=data).mean(("chain", "draw")).values  # before it multiplies
    return purchases, purchases * mean[:, None]


def pymc_map(summary, _quick):
    """Return expected purchases × expected spend at pymc-marketing's posterior mode."""
    purchases, spend = expected_by_pymc(pymc_models(summary, method="map"), summary)
    return Forecast(purchases[:, 0], spend[:, 0])


def pymc_nuts(summary, quick):
    """Return pymc-marketing's expected purchases and value at each of its draws."""
    models = pymc_models(summary, cores=2, **(SHORT if quick else FULL))
    return of_draws(*expected_by_pymc(models, summary), predictive=False)


# ---- this package


def posterior(summary, quick, spec="pooled"):
    """Return the predictive of this package's posterior."""
    sampler = SHORT if quick else None
    fit = ltv.fit(summary, ltv.load_spec(spec), seed=SEED, sampler=sampler, progress=False)
    return predicted(fit, summary)


def posterior_mbg(summary, quick):
    """Return the same with MBG/NBD."""
    return posterior(summary, quick, "mbg_pooled")


METHODS = {
    "bayesltv, BG/NBD": posterior,
    "bayesltv, MBG/NBD": posterior_mbg,
    "predictive at the MLE": mle_predictive,
    "pymc-marketing, NUTS": pymc_nuts,
    "pymc-marketing, MAP": pymc_map,
    "lifetimes, MLE": lifetimes_mle,
    "order × frequency × time": average_order,
    "as much again": history,
}
OURS = "bayesltv, BG/NBD"
DISTRIBUTIONS = tuple(METHODS)[:4]


def forecast(method, split, *, quick):
    """Return the forecast of one method, from the cache where it is there."""
    folder = os.environ.get("BENCH_CACHE")
    path = Path(folder or ".") / re.sub(r"\W+", "_", f"{split.name} {method} {quick}", flags=re.ASCII)
    path = path.with_suffix(".npz")
    if folder and path.exists():
        with np.load(path) as kept:
            return Forecast(**kept)
    made = METHODS[method](split.summary, quick)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        np.savez(path, **{key: value for key, value in vars(made).items() if value is not None})
    return made
