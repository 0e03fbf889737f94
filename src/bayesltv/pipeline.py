"""``fit`` as users know it: sampling, or a posterior made elsewhere, and the checks that it then carries."""

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


def from_pymc_marketing(
    purchase_model: Any,  # noqa: ANN401
    spend_model: Any = None,  # noqa: ANN401
    *,
    time_unit: str,
    observation_end: str | None = None,
    currency: str | None = None,
) -> xr.DataTree:
    """Return fitted models of pymc-marketing as a fit that `predict`, `score` and `decide` take.

    Draw d of the purchase model goes with draw d of the spend model throughout. Where one has more draws a
    chain it is thinned evenly to the other's number; nothing is resampled.

    Parameters
    ----------
    purchase_model : BetaGeoModel or ModifiedBetaGeoModel
        Fitted with ``method="mcmc"`` or ``"map"``, without covariates; or its ``idata``.
    spend_model : GammaGammaModel, optional
        Fitted likewise, with as many chains; or its ``idata``.
    time_unit : {"week", "day", "month", "year"}
        Unit in which recency and T of its data are counted: the models do not know.
    observation_end : date, optional
        Last day of its data, for ``fit_age_days``.
    currency : str, optional
        Carried in ``attrs``.

    Returns
    -------
    xarray.DataTree
        ``posterior`` with r, alpha, a, b (and p, q, v), ``sample_stats``, ``constant_data`` (the cells) and
        ``attrs`` as a fit of this package has them; ``attrs["pymc_marketing"]`` keeps the models' own
        configuration. The sampler's checks are computed from its chains. A point from ``"map"`` has none and
        fails them: ``score`` then wants ``accept_failed=["rhat", "ess_bulk", "ess_tail"]``, since no interval
        holds the uncertainty of the parameters.

    Raises
    ------
    FitError
        Where a model is not fitted, numbers of chains differ, or draws are not positive and finite.
    SpecError
        For any other model, and for covariates.

    Examples
    --------
    >>> model.fit(data)  # doctest: +SKIP
    >>> fit = from_pymc_marketing(model, spend, time_unit="week")  # doctest: +SKIP
    """
    from bayesltv.checks.run import check, with_checks
    from bayesltv.fitting.adopt import adopt

    tree = adopt(
        purchase_model, spend_model, time_unit=time_unit, observation_end=observation_end, currency=currency
    )
    return with_checks(tree, check(tree))
