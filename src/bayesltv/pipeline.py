"""``fit`` and ``fit_uplift`` as users know them: sampling, or a posterior made elsewhere, and its checks."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.base.placed_base import PlacedBase
from bayesltv.data.arguments import require_summary
from bayesltv.data.log.reading import Assignment, ExperimentReading
from bayesltv.dates import Date
from bayesltv.fitting.sampling import Method, Sampling
from bayesltv.names import CUSTOMER_ID, GROUPS
from bayesltv.specs.catalogue import SpecLike, default_spec, spec_of


def fit(
    summary: pd.DataFrame,
    spec: SpecLike | None = None,
    *,
    seed: int,
    method: Method = "nuts",
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
    spec : ModelSpec, str or Path, optional
        From ``load_spec`` or made in Python; a file, or the name of a shipped one: "pooled". By default
        "mbg_pooled", or "mbg_by_group" where the summary has groups: MBG/NBD lets customers leave after the
        first purchase, which many do, and BG/NBD does not.
    seed : int
        The same seed, data, spec and versions give the same draws.
    method : "nuts" or "laplace"
        NUTS; or mode and curvature given the pooling sds, with importance sampling: seconds instead of a
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
    sampling = Sampling(seed, method, sampler or {}, cores, progress)
    return fit_as(summary, spec, sampling, time_unit=time_unit, observation_end=observation_end)


def fit_as(
    summary: pd.DataFrame,
    spec: SpecLike | None,
    sampling: Sampling,
    *,
    time_unit: str | None = None,
    observation_end: str | None = None,
) -> xr.DataTree:
    """Return a checked posterior: pose, sample, check; see `fit`."""
    from bayesltv.checks.run import check, with_checks
    from bayesltv.fitting.fit import pose, sample

    require_summary(summary)
    declared = spec_of(default_spec(summary.attrs.get(GROUPS, ())) if spec is None else spec)
    problem = pose(summary, declared, time_unit=time_unit)
    tree = sample(problem, summary, sampling, observation_end=observation_end)
    return with_checks(tree, check(tree, summary))


def as_fit(
    tree: xr.DataTree,
    summary: pd.DataFrame,
    spec: SpecLike,
    *,
    seed: int = 0,
    time_unit: str | None = None,
    observation_end: str | None = None,
) -> xr.DataTree:
    """Return draws of your own, as from ``pm.sample(model=build_model(summary, spec))``, as a checked fit.

    Parameters
    ----------
    tree : DataTree
        With a ``posterior`` of the model that ``build_model`` makes of the same summary and spec. With
        groups, covariates or a clock all its variables are needed; for one population r, alpha, a, b (and p,
        q, v where there is spend) will do. Checks look at ``sample_stats`` where it has them.
    summary : DataFrame
        What was fitted.
    spec : ModelSpec, str or Path
        A spec, a file, or the name of a shipped one: "pooled".
    seed : int
        Recorded, and used for the draws of the prior that stand beside the posterior.
    time_unit, observation_end : str, optional
        For a summary that has lost its attributes.

    Returns
    -------
    xarray.DataTree
        As from ``fit``: ``predict``, ``score``, ``decide`` and ``save`` take it.

    Raises
    ------
    DataError, SpecError
        Where summary and spec make no model.
    FitError
        Where the posterior is not that of this model: variables, dims or labels differ, or draws of a
        parameter are not positive and finite.

    Examples
    --------
    >>> tree = pm.sample(model=build_model(summary, spec))  # doctest: +SKIP
    >>> fit = as_fit(tree, summary, spec)  # doctest: +SKIP
    """
    from bayesltv.checks.run import check, with_checks
    from bayesltv.fitting.from_draws import adopt_own

    declared = spec_of(spec)
    made = adopt_own(tree, summary, declared, seed=seed, time_unit=time_unit, observation_end=observation_end)
    return with_checks(made, check(made, summary))


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
    from bayesltv.fitting.from_pymc_marketing import adopt

    tree = adopt(
        purchase_model, spend_model, time_unit=time_unit, observation_end=observation_end, currency=currency
    )
    return with_checks(tree, check(tree))


def fit_uplift(
    experiment: pd.DataFrame,
    *,
    cells: Sequence[str] | pd.DataFrame,
    outcome: str,
    seed: int,
    randomised: bool | None = None,
    arm: str = "arm",
    control: Hashable | None = None,
    arms: Sequence[Hashable] | None = None,
    shares: Mapping[Any, float] | None = None,
    after: Sequence[str] = (),
    assigned_on: Date | None = None,
    customer_id_col: str = CUSTOMER_ID,
    base: PlacedBase | None = None,
    window: str | None = None,
    purchases: str | None = None,
    effect_sd: Mapping[str, float] | None = None,
    accept_failed: Sequence[str] = (),
    sampler: Mapping[str, Any] | None = None,
    cores: int | None = None,
    progress: bool = True,  # noqa: ARG001
) -> xr.DataTree:
    """Return what the arms of a randomised test do, by cell: draws that partial pooling has shrunk.

    With a base, the factor on the purchase rate comes from what each arm bought against what the histories of
    its customers let expect (``experiments.latents``). Without one it is the hazard ratio of conversions,
    which is nearer to 1: customers of a cell differ in their rates, and some have left. Effects of each arm
    are pooled over cells and may be harmful. Amounts have their own gamma shape in each arm, and ``spend`` is
    a ratio of means. A test says nothing of dropout, nor of what comes after its window.

    Parameters
    ----------
    experiment : DataFrame
        One row per customer who was assigned, those who did not buy included.
    cells : sequence of str, or DataFrame
        Columns known before the assignment by which effects may differ (tier, stage, channel); empty for one
        cell. Or a table with ``customer_id`` and such columns, for exactly the customers of the experiment:
        ``scores[["customer_id", "tier", "stage"]]``, scored as of the day of assignment.
    outcome : str
        Column with what a customer spent in the test's window, 0 or more.
    seed : int
    randomised : bool
        True: the arms were assigned at random (which is tested where it can be). False: they were not, and
        the differences are taken for effects all the same. There is no default.
    arm : str
        Column with the arm.
    control : optional
        The arm without an action; "control" where it is left out.
    arms : sequence, optional
        All arms that were planned: one without customers is an error.
    shares : mapping, optional
        Arm -> planned share of customers, in any unit; default equal.
    after : sequence of str
        Further columns measured after the assignment, which must not be cells.
    assigned_on : date, optional
        Day of assignment: a table of cells scored later is refused.
    customer_id_col : str
    base : CustomerBase, optional
        ``ltv.customer_base(fit, summary, seed=...)``: all customers of the test as they were on
        `assigned_on`, by a fit of purchases until then. Draw d of the effects goes with draw d of its fit.
    window : str, optional
        How long outcomes were watched: "8 weeks". Needed with a base; ``decide`` compares it with the window
        of the action.
    purchases : str, optional
        Column with the days on which a customer bought in the window: intervals of the rate are about a third
        narrower than from conversions. With a base.
    effect_sd : mapping of str to float, optional
        "rate", "spend" -> sd of the log multipliers of such actions, from your own earlier tests. Default 0.5
        and 0.25: 90 % of rates between x 0.44 and x 2.3, of spend between x 0.66 and x 1.5. Of several arms
        their sd is learnt, and this is the scale of its half-normal prior. Too wide, and the best of several
        arms is promised more than it brings; for actions that cannot change amounts say 0.01.
    accept_failed : sequence of str
        "balance" or "sample_ratio": go on although the arms do not look assigned at random.
    sampler : mapping, optional
        Overrides of 4 chains, 200 sweeps before the first draw ("tune"), 1,500 draws; with a base there are
        as many chains and draws as the fit has.
    cores : int, optional
        Chains run at once.
    progress : bool

    Returns
    -------
    xarray.DataTree
        ``posterior``, dims (chain, draw, ...): ``rate_effect``, ``spend_effect`` (treated): means over cells
        of the log multipliers of the purchase rate in the window and of spend; ``rate_effect_sd``,
        ``spend_effect_sd``; ``rate_arms_sd``, ``spend_arms_sd``: the sd between several arms; ``log_rate``,
        ``log_spend``, ``conversion``, ``spend_if_converted``, ``outcome`` (cell, arm); ``effect`` (cell,
        treated): outcome per customer less that of the control, in money; ``spend_shape`` (arm).
        ``constant_data``: customers, converted, total and square of the outcome (cell, arm). ``attrs`` hold
        ``effect_source`` ("test" or "not randomised"), ``rate_is`` (what the rate is: see above), the tests
        of randomisation and the sampler's checks.

    Raises
    ------
    DataError
        Where `randomised` is not stated, an arm is empty, ids are not the same, cells were measured after the
        assignment, the outcome is missing or negative, or the arms do not look assigned at random; where the
        base lacks customers of the test, or its summary or fit holds purchases after `assigned_on`.
    SpecError
        Where `effect_sd` names another effect, or a number that is no such sd.
    CheckFailed
        Where a check of the base's fit failed.
    """
    reading = ExperimentReading(
        outcome, cells, arm, control, arms, after, assigned_on, customer_id_col, window, purchases, effect_sd
    )
    assignment = Assignment(randomised, shares, accept_failed)
    return fit_uplift_as(experiment, reading, assignment, Sampling(seed, "nuts", sampler or {}, cores), base)


def fit_uplift_as(
    experiment: pd.DataFrame,
    reading: ExperimentReading,
    assignment: Assignment,
    sampling: Sampling,
    base: PlacedBase | None = None,
) -> xr.DataTree:
    """Return the checked effects of a test: pose, sample, check; see `fit_uplift`."""
    from bayesltv.checks.result import report_of
    from bayesltv.checks.run import with_checks
    from bayesltv.checks.sampler import SAMPLER_CHECKS
    from bayesltv.experiments.fitted import sample_uplift
    from bayesltv.experiments.posed import pose_uplift

    tree, run = sample_uplift(pose_uplift(experiment, reading, assignment), sampling, base)
    return with_checks(tree, report_of([each(run, None) for each in SAMPLER_CHECKS]))
