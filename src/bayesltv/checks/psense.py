"""Sensitivity to prior and likelihood by power scaling (Kallioinen, Paananen, Bürkner & Vehtari 2024)."""

from __future__ import annotations

from collections.abc import Sequence

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.meeting import Meeting
from bayesltv.base.placed_base import place_base
from bayesltv.base.seal import require_sound
from bayesltv.errors import FitError
from bayesltv.names import CHAIN, DRAW
from bayesltv.prediction.log_likelihood import likelihood_units, total_log_likelihood

SENSITIVE = 0.05
"""Change of the posterior per doubling of the power from which arviz speaks of sensitivity."""
CONFLICT, STRONG = "prior and data disagree", "the prior decides, data say little"
_TOTAL = "total"


def psense(
    fit: xr.DataTree,
    summary: pd.DataFrame,
    *,
    var_names: Sequence[str] | None = None,
    time_unit: str | None = None,
) -> pd.DataFrame:
    """Return how much each parameter's posterior moves when priors or data get a little more or less weight.

    Parameters
    ----------
    fit : DataTree
        With the group ``log_prior``, as ``fit`` makes it.
    summary : DataFrame
        The summary that was fitted: its customers' log likelihood is computed in blocks and added up.
    var_names : sequence of str, optional
        Variables of the posterior; default those that have a prior of their own: scales and pooling sds.
    time_unit : str, optional
        For a summary that has lost its attributes.

    Returns
    -------
    DataFrame
        One row per parameter: ``prior`` and ``likelihood`` sensitivity, ``strongest_prior`` (the prior whose
        power moves this parameter most) with its own ``sensitivity_to_it``, and ``diagnosis``, empty where
        prior sensitivity is below 0.05. Computed by ``arviz.psense`` with priors scaled all together.

    Raises
    ------
    FitError
        Where the fit holds no log prior.
    """
    require_sound(fit)
    if "log_prior" not in fit.children:
        raise FitError("the fit has no group log_prior, which power scaling needs: fit it with ltv.fit")
    base = place_base(fit, summary, Meeting(0, time_unit=time_unit))
    population, parts = likelihood_units(base, is_whole=False)
    posterior, prior = fit["posterior"].to_dataset(), fit["log_prior"].to_dataset()
    names = list(var_names) if var_names is not None else [str(n) for n in prior.data_vars]
    total = total_log_likelihood(population, parts)
    coords = {CHAIN: posterior[CHAIN].values, DRAW: posterior[DRAW].values}
    tree = xr.DataTree.from_dict(
        {
            "posterior": posterior[names],
            "log_prior": prior,
            "log_likelihood": xr.Dataset({_TOTAL: ((CHAIN, DRAW), total)}, coords=coords),
        }
    )
    table = pd.DataFrame(
        {"prior": _flat(az.psense(tree)), "likelihood": _flat(az.psense(tree, group="likelihood"))}
    )
    single = pd.DataFrame(
        {str(name): _flat(az.psense(tree, group_var_names=[str(name)])) for name in prior.data_vars}
    )
    table["strongest_prior"] = single.idxmax(axis=1)
    table["sensitivity_to_it"] = single.max(axis=1)
    table["diagnosis"] = np.select(
        [table["prior"] < SENSITIVE, table["likelihood"] >= SENSITIVE], ["", CONFLICT], default=STRONG
    )
    return table.rename_axis("parameter").reset_index()


def _flat(sensitivity: xr.Dataset) -> pd.Series[float]:
    """Return one value per parameter, levels as "name[level]"."""
    values: dict[str, float] = {}
    for name, array in sensitivity.data_vars.items():
        if not array.dims:
            values[str(name)] = float(array)
            continue
        (dim,) = array.dims
        levels = zip(array[dim].values, array.values, strict=True)
        values |= {f"{name}[{level}]": float(value) for level, value in levels}
    return pd.Series(values, dtype=float)
