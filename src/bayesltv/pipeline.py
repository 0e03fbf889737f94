"""``fit`` as users know it: sampling, and the checks whose results the fit carries from then on."""

from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd
import xarray as xr

from bayesltv.spec.model_spec import ModelSpec


def fit(
    summary: pd.DataFrame,
    spec: ModelSpec,
    *,
    seed: int,
    method: Literal["nuts", "laplace"] = "nuts",
    sampler: Mapping[str, Any] | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    cores: int | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """Return the posterior of a spec given a customer summary, with the results of its checks.

    Parameters
    ----------
    summary : DataFrame
        Customer summary from ``summarize`` or ``as_summary``.
    spec : ModelSpec
        From ``load_spec``, or made in Python.
    seed : int
        The same seed, data, spec and versions give the same draws.
    method : "nuts" or "laplace"
        NUTS; or, for specs without groups, mode and curvature with importance sampling: seconds instead of a
        minute, and refused by the checks where it is not exact enough.
    sampler : mapping, optional
        Overrides of the spec's sampler settings, for instance ``{"draws": 500}``.
    time_unit, observation_end : str, optional
        For a summary that has lost its attributes.
    cores : int, optional
        Chains run at once.
    progress : bool
        Show a progress bar where somebody watches.

    Returns
    -------
    xarray.DataTree
        ArviZ reads it as it is. ``attrs["checks"]`` holds the results of ``check``, at which ``score`` looks.

    Raises
    ------
    DataError, SpecError
        Before sampling.
    FitError
        Where sampling cannot be done.
    """
    from bayesltv.checks.run import check, with_checks
    from bayesltv.fitting.fit import fit as sample

    tree = sample(
        summary,
        spec,
        seed=seed,
        method=method,
        sampler=sampler,
        time_unit=time_unit,
        observation_end=observation_end,
        cores=cores,
        progress=progress,
    )
    return with_checks(tree, check(tree, summary))
