"""The models of this package, by its public functions."""

import pandas as pd
import xarray as xr

from bayesltv.checks.run import stored_report
from bayesltv.comparison.forecast import Forecast, of_draws
from bayesltv.comparison.known import Known
from bayesltv.errors import FitError
from bayesltv.pipeline import fit
from bayesltv.prediction.draws import predict
from bayesltv.specs.model.model_spec import ModelSpec

DRAWS = 1000


def fit_quickly(summary: pd.DataFrame, spec: ModelSpec, *, seed: int) -> xr.DataTree:
    """Return a fit by laplace where it passes its checks, else by NUTS."""
    try:
        tree = fit(summary, spec, seed=seed, method="laplace", progress=False)
        if stored_report(tree).passed:
            return tree
    except FitError:
        pass  # no mode to start from; NUTS needs none
    return fit(summary, spec, seed=seed, progress=False)


def posterior_forecast(known: Known, spec: ModelSpec, *, seed: int = 1) -> dict[str, Forecast]:
    """Return the predictive of a spec fitted to what is known."""
    return predictive(fit_quickly(known.summary, asked_of(known, spec), seed=seed), known, seed=seed)


def asked_of(known: Known, spec: ModelSpec) -> ModelSpec:
    """Return the spec for what is known: without spend where there are no amounts."""
    return spec if known.has_amounts else spec.without_spend()


def predictive(tree: xr.DataTree, known: Known, *, seed: int = 1) -> dict[str, Forecast]:
    """Return the predictive draws of a fit over the horizon."""
    found = predict(
        tree, known.summary, horizon=known.horizon, annual_discount_rate=0.0, margin=1.0, seed=seed,
        draws=DRAWS,
    )  # fmt: skip
    stacked = found.stack(sample=("chain", "draw")).transpose("customer_id", "sample")
    return of_draws({name: stacked[name].to_numpy() for name in known.quantities})
