"""Forecasts of the hold-out by our models and by the rivals of ``bayesltv benchmark``.

Nothing sees the hold-out. Where BENCH_CACHE names a folder, forecasts are kept there, so that two benchmarks
that ask about the same ones make them once.
"""

import os
import pickle
import re
from functools import partial
from pathlib import Path

import bayesltv as ltv
from bayesltv.comparison.own import posterior_forecast
from bayesltv.comparison.rivals.peers import pymc_nuts
from bayesltv.comparison.rivals.registry import RIVALS

SHORT = {"chains": 2, "draws": 200, "tune": 200}
OURS = "bayesltv, BG/NBD"
METHODS = {
    OURS: partial(posterior_forecast, spec=ltv.load_spec("pooled")),
    "bayesltv, MBG/NBD": partial(posterior_forecast, spec=ltv.load_spec("mbg_pooled")),
    **{name: rival.forecast for name, rival in RIVALS.items()},
}
DISTRIBUTIONS = (*tuple(METHODS)[:2], "gradient boosting", "predictive at the MLE", "pymc-marketing, NUTS")


def forecast(method, split, *, quick):
    """Return the forecasts of one method by quantity, from the cache where it is there."""
    folder = os.environ.get("BENCH_CACHE")
    path = Path(folder or ".") / re.sub(r"\W+", "_", f"{split.name} {method} {quick}", flags=re.ASCII)
    path = path.with_suffix(".pickle")
    if folder and path.exists():
        return pickle.loads(path.read_bytes())  # noqa: S301 - our own
    make = METHODS[method]
    if quick and method == "pymc-marketing, NUTS":
        make = partial(pymc_nuts, sampler=SHORT)
    made = make(split.known)
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(made))
    return made
