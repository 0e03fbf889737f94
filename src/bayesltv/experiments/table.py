"""What a fitted test says: effects by cell and arm, raw and shrunk, and as actions take them."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.gate import require_passed
from bayesltv.base.seal import require_sound
from bayesltv.errors import DataError, StoreError
from bayesltv.experiments.effects import HAZARD_RATIO, OTHER
from bayesltv.names import CHAIN, DRAW
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.streams import generator


def uplift_table(uplift: xr.DataTree) -> pd.DataFrame:
    """Return one row per cell and treated arm, and one per arm for all cells together.

    Parameters
    ----------
    uplift : DataTree
        From ``fit_uplift``.

    Returns
    -------
    DataFrame
        ``cell`` ("all" in the last rows), ``arm``, ``customers`` and ``control_customers``;
        ``effect_raw`` and ``effect_raw_se``: difference of mean outcomes and its standard error (over cells:
        weighted by their customers);
        ``effect_mean``, ``effect_p05``, ``effect_p95``, ``p_positive``: the shrunk effect on the outcome per
        customer; ``rate_p50``, ``spend_p50``: posterior medians of the multipliers of rate and spend (1
        where there were no amounts to model); ``rate_is``: whether the rate is a factor on the purchase rate
        or, without histories, a hazard ratio of conversions. Raw effects are for looking; the best of many
        raw effects promises more than it keeps.
    """
    require_sound(uplift, "the fitted test")
    posterior, data = uplift["posterior"].to_dataset(), uplift["constant_data"].to_dataset()
    treated = [str(arm) for arm in posterior["treated"].values]
    cells = [str(cell) for cell in posterior["cell"].values]
    n, total, square = (data[name].values for name in ("customers", "total", "square"))
    weights = n.sum(axis=1)
    effect = _stacked(posterior["effect"], "cell", "treated")
    logs = {name: _log_multiplier(posterior, name) for name in ("rate", "spend")}
    rows = []
    for k, arm in enumerate(treated):
        for c, cell in enumerate(cells):
            raw = _raw(n[c], total[c], square[c], k + 1)
            spread = {name: float(np.exp(np.median(each[c, k]))) for name, each in logs.items()}
            rows.append((cell, arm, n[c, k + 1], n[c, 0], *raw, *_described(effect[c, k]), *spread.values()))
        whole = np.average(effect[:, k], axis=0, weights=weights)
        raw = _raw_overall(n, total, square, k + 1)
        spread = {
            name: float(np.exp(np.median(np.average(each[:, k], axis=0, weights=weights))))
            for name, each in logs.items()
        }
        rows.append(
            ("all", arm, n[:, k + 1].sum(), n[:, 0].sum(), *raw, *_described(whole), *spread.values())
        )
    if len(cells) == 1:
        rows = rows[1::2]
    table = pd.DataFrame(
        rows,
        columns=[
            "cell", "arm", "customers", "control_customers", "effect_raw", "effect_raw_se",
            "effect_mean", "effect_p05", "effect_p95", "p_positive", "rate_p50", "spend_p50",
        ],
    )  # fmt: skip
    table = table.astype({"customers": np.int64, "control_customers": np.int64})
    table = table.assign(rate_is=uplift.attrs.get("rate_is", HAZARD_RATIO))
    return table.sort_values("cell", key=lambda cell: cell == "all", kind="stable", ignore_index=True)


def effect_draws(
    uplift: xr.DataTree, arm: str, *, draws: int, seed: int, accept_failed: Sequence[str] = ()
) -> xr.Dataset:
    """Return what a test says of an arm, as ``decide(..., effects={"letter": effect_draws(...)})`` takes it.

    Fitted with a base, ``rate`` is the factor on the purchase rate of each customer. Fitted without one it is
    a hazard ratio of conversions, the factor on a rate that customers of a cell would share: they differ, and
    some have left, so that it is nearer to 1 than the factor. A test says nothing of dropout or of what comes
    after its window.

    Parameters
    ----------
    uplift : DataTree
        From ``fit_uplift``.
    arm : str
        A treated arm.
    draws : int
        As many as the whole posterior of the purchase model has. Fitted with a base, draw d goes with draw d
        of its fit. Draws of a test without one are taken evenly over its chains, and again from the first
        where more are asked for: it is independent of the purchase model a posteriori.
    seed : int
        For customers of a cell that was not in the test: their effects are drawn from the spread over cells.
    accept_failed : sequence of str
        Failed checks of the sampler that are accepted.

    Returns
    -------
    xarray.Dataset
        ``rate`` and, where amounts were modelled, ``spend``: multipliers (1: no effect), dims (cell, draw);
        the last cell is "(other)".
        ``attrs``: effect_source, cell columns (JSON list), arm, rate_is, window ("" where none was stated).

    Raises
    ------
    CheckFailed
        Where the sampler's checks failed.
    DataError
        Where the test has no such arm.
    """
    require_passed(uplift, accept_failed)
    posterior = uplift["posterior"].to_dataset()
    treated = [str(each) for each in posterior["treated"].values]
    if arm not in treated:
        raise DataError(f"the test has no arm {arm!r}: its arms beside the control are {', '.join(treated)}")
    at, rng = treated.index(arm), generator(seed, "uplift", arm)
    chosen = _evenly(posterior.sizes[CHAIN], posterior.sizes[DRAW], draws)
    variables = {}
    for name in (name for name in ("rate", "spend") if f"log_{name}" in posterior):
        known = _log_multiplier(posterior, name)[:, at][:, chosen]
        variables[name] = (
            ("cell", DRAW),
            np.exp(np.vstack([known, _elsewhere(posterior, name, at, rng)[chosen]])),
        )
    told = _told(uplift)
    return xr.Dataset(
        variables,
        coords={"cell": [*(str(cell) for cell in posterior["cell"].values), OTHER]},
        attrs={
            "effect_source": uplift.attrs["effect_source"],
            "cell_columns": json.dumps(told["cells"]),
            "arm": arm,
            "rate_is": uplift.attrs.get("rate_is", HAZARD_RATIO),
            "window": told.get("window") or "",
        },
    )


def _told(uplift: xr.DataTree) -> dict[str, Any]:
    """Return what is told of a test: the columns that make its cells, its window."""
    try:
        told: dict[str, Any] = json.loads(uplift.attrs["experiment"])
        return told | {"cells": [str(column) for column in told["cells"]]}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise StoreError(
            "the fit of the test is damaged: its attribute experiment names no cells. Fit the test again"
        ) from None


def _log_multiplier(posterior: xr.Dataset, name: str) -> Floats:
    """Return the log multiplier of each cell and treated arm, (cell, treated, draw); 0 if not modelled."""
    if f"log_{name}" not in posterior:
        sizes = posterior.sizes
        return np.zeros((sizes["cell"], sizes["treated"], sizes[CHAIN] * sizes[DRAW]))
    logs = _stacked(posterior[f"log_{name}"], "cell", "arm")
    return logs[:, 1:] - logs[:, :1]


def _elsewhere(posterior: xr.Dataset, name: str, at: int, rng: np.random.Generator) -> Floats:
    """Return the log multiplier of a cell that was not in the test, shape (draw,)."""
    if f"{name}_effect" not in posterior:
        return np.zeros(posterior.sizes[CHAIN] * posterior.sizes[DRAW])
    mean: Floats = _stacked(posterior[f"{name}_effect"], "treated")[at]
    if f"{name}_effect_sd" not in posterior:
        return mean
    spread: Floats = _stacked(posterior[f"{name}_effect_sd"], "treated")[at]
    return mean + spread * rng.standard_normal(mean.size)


def _stacked(array: xr.DataArray, *dims: str) -> Floats:
    values: Floats = array.transpose(*dims, CHAIN, DRAW).values.astype(np.float64)
    return values.reshape(*values.shape[: len(dims)], -1)


def _evenly(chains: int, length: int, draws: int) -> Integers:
    total = chains * length
    if draws >= total:
        return np.arange(draws, dtype=np.int64) % total
    return (np.arange(draws, dtype=np.int64) * total) // draws


def _described(draws: Floats) -> tuple[float, float, float, float]:
    low, high = np.quantile(draws, [0.05, 0.95])
    return float(draws.mean()), float(low), float(high), float((draws > 0).mean())


def _raw(n: Floats, total: Floats, square: Floats, k: int) -> tuple[float, float]:
    """Return the difference of means to the control and its standard error; NaN where an arm is empty."""
    if n[0] == 0 or n[k] == 0:
        return np.nan, np.nan
    mean = total / np.maximum(n, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = (square / n - mean**2) / (n - 1)
    return float(mean[k] - mean[0]), float(np.sqrt(variance[k] + variance[0]))


def _raw_overall(n: Floats, total: Floats, square: Floats, k: int) -> tuple[float, float]:
    """Return the raw effect over cells, weighted by their customers; cells with an empty arm left out."""
    weights, parts = n.sum(axis=1), [_raw(n[c], total[c], square[c], k) for c in range(len(n))]
    effects, errors = (np.array([part[i] for part in parts]) for i in (0, 1))
    known = np.isfinite(effects) & np.isfinite(errors)
    if not known.any():
        return np.nan, np.nan
    share = weights[known] / weights[known].sum()
    return float(share @ effects[known]), float(np.sqrt(share**2 @ errors[known] ** 2))
