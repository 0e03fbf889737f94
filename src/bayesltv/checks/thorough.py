"""Checks that take a moment: common shocks, replicated customers, prior sensitivity, outliers. They warn."""

from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.population import read_posterior
from bayesltv.checks import shocks
from bayesltv.checks.loo import loo
from bayesltv.checks.psense import CONFLICT, SENSITIVE, psense
from bayesltv.checks.result import CheckResult, not_applicable, warning_where
from bayesltv.data.summary.validate import resolve_observation_end
from bayesltv.evaluation.posterior_predictive import FREQUENCY as BY_FREQUENCY
from bayesltv.evaluation.posterior_predictive import RECENCY, REPEAT, posterior_predictive
from bayesltv.languages.language import as_kept, mark
from bayesltv.names import OBSERVATION_END, PERIOD_END
from bayesltv.numerics.arrays import Floats
from bayesltv.prediction.actual import actual_counts
from bayesltv.prediction.tracking import track

DRAWS, SEED = 400, 1
MOST_CUSTOMERS = 20_000
"""Customers, evenly picked, among whom shocks are looked for: what moves all moves them."""
RARE = 0.005
"""Share of replicas with as large a figure, below which it is none of chance."""
FAR = 4.5
"""Standard deviations of replicas from which one of some thirty statistics is worth a look."""
_TAILS = 3.29
"""Standard deviations of a normal between its 5 and 95 % quantiles."""
OUTLIERS = 0.01
"""Share of customers with unreliable leave-one-out that may be."""


def common_shocks(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:
    """Warn where weekly totals vary more than independent customers can make them, replicas beside.

    What `shocks.common_shocks` says, and the mean squared residual in standard deviations of replicated
    weeks, held against the same figure of each replica. Either may warn.
    """
    plain = shocks.common_shocks(fit, summary)
    if summary is None or plain.table is None:
        return plain
    end = resolve_observation_end(summary)
    assert end is not None  # else there are no weeks
    some = summary.iloc[:: max(1, len(summary) // MOST_CUSTOMERS)].reset_index(drop=True)
    some.attrs = {**summary.attrs, OBSERVATION_END: end.date().isoformat()}
    counts = track(
        fit, some, seed=SEED, draws=DRAWS, unknown_groups="population",
        time_unit=read_posterior(fit).time_unit, observation_end=end.date().isoformat(),
    )  # fmt: skip
    drawn = counts["purchases"].transpose("draw", PERIOD_END).values.astype(float)
    real = actual_counts(counts, some)["purchases"].values
    enough = drawn.mean(axis=0) >= shocks.LEAST_EXPECTED
    if enough.sum() < shocks.LEAST_WEEKS:
        return plain
    residual, replicated = _residuals(real[enough], drawn[:, enough])
    figure, others = float((residual**2).mean()), (replicated**2).mean(axis=1)
    lagged = float((residual[1:] * residual[:-1]).sum() / (residual**2).sum())
    limit = float(np.quantile(others, 1 - RARE))
    said = as_kept(
        "{plain}; by replicas {figure} times, 99.5 % of them within {limit} (autocorrelation {lagged})",
        plain=plain.summary, figure=f"{figure:.2f}", limit=f"{limit:.2f}", lagged=f"{lagged:+.2f}",
    )  # fmt: skip
    if plain.status == "warn" or (others >= figure).mean() >= RARE:
        return replace(plain, summary=said)
    so = as_kept("{said}: {so}", said=said, so=shocks.too_sure(fit))
    return replace(plain, status="warn", summary=so, advice=shocks.ADVICE)


def replicated_customers(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:
    """Warn where customers made by the model are unlike the real ones."""
    name = "replicated_customers"
    if summary is None or summary.empty:
        return not_applicable(name, mark("needs the summary"))
    unit = read_posterior(fit).time_unit
    found = posterior_predictive(fit, summary, seed=SEED, draws=DRAWS, time_unit=unit)
    seen, made, low, high = found.table[["observed", "predicted", "p05", "p95"]].to_numpy(float).T
    distance: Floats = np.abs(seen - made) / np.maximum((high - low) / _TAILS, 1e-12)
    worst = found.table.iloc[int(distance.argmax())]
    strange = bool(distance.max() > FAR)
    said = as_kept(
        "furthest of {n} statistics from its replicas, in their standard deviations: {statistic} "
        "({label}): {observed} against {predicted}",
        n=len(distance), statistic=worst["statistic"], label=worst["label"],
        observed=f"{worst['observed']:.4g}", predicted=f"{worst['predicted']:.4g}",
    )  # fmt: skip
    cure = _cure(str(worst["statistic"]), str(worst["label"]))
    measured = float(distance.max()), FAR
    return warning_where(strange, name, measured, said, cure, table=found.table, facts=found.facts)


def prior_sensitivity(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:
    """Warn where a posterior moves with the weight of the priors."""
    name = "prior_sensitivity"
    if summary is None or "log_prior" not in fit.children:
        return not_applicable(name, mark("needs the summary, and log_prior in the fit"))
    table = psense(fit, summary, time_unit=read_posterior(fit).time_unit)
    worst = table.iloc[int(table["prior"].argmax())]
    moved = bool(worst["prior"] >= SENSITIVE)
    text = (
        mark(
            "Prior of {prior} and data on {parameter} pull against each other: state why that prior is what "
            "is known, or widen it and see what changes"
        )
        if worst["diagnosis"] == CONFLICT
        else mark(
            "Prior of {prior} and data on {parameter} are decided by the prior: state why that prior is what "
            "is known, or widen it and see what changes"
        )
    )
    advice = as_kept(text, prior=worst["strongest_prior"], parameter=worst["parameter"])
    found = as_kept(
        "most sensitive to priors: {parameter} ({prior}; to data {data})",
        parameter=worst["parameter"], prior=f"{worst['prior']:.3f}", data=f"{worst['likelihood']:.3f}",
    )  # fmt: skip
    return warning_where(moved, name, (float(worst["prior"]), SENSITIVE), found, advice, table=table)


def influential_customers(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:
    """Warn where leave-one-out is unreliable for many customers: each of them moves the posterior."""
    name = "influential_customers"
    if summary is None or summary.empty:
        return not_applicable(name, mark("needs the summary"))
    parts = loo(fit, summary, time_unit=read_posterior(fit).time_unit)
    rows, shapes = [], []
    for part, elpd in parts.items():
        weight = elpd.elpd_i["customers"].values
        bad = elpd.pareto_k.values > elpd.good_k
        share = float(weight[bad].sum() / weight.sum())
        shapes.append(pd.DataFrame({"part": part, "khat": elpd.pareto_k.values, "customers": weight}))
        rows.append(
            {"part": part, "share": share, "largest_k": float(elpd.pareto_k.max()), "good_k": elpd.good_k}
        )
    table = pd.DataFrame(rows)
    worst = table.iloc[int(table["share"].argmax())]
    many = bool(worst["share"] > OUTLIERS)
    found = as_kept(
        "{share} of customers have k-hat above {good} in {part} (largest {largest})",
        share=f"{worst['share']:.2%}", good=f"{worst['good_k']:.2f}", part=worst["part"],
        largest=f"{worst['largest_k']:.2f}",
    )  # fmt: skip
    advice = mark("Look at those customers: resellers and test accounts belong in a group of their own")
    measured, facts = (float(worst["share"]), OUTLIERS), {"shapes": pd.concat(shapes, ignore_index=True)}
    return warning_where(many, name, measured, found, advice, table=table, facts=facts)


THOROUGH_CHECKS = (common_shocks, replicated_customers, prior_sensitivity, influential_customers)


def _residuals(real: Floats, drawn: Floats) -> tuple[Floats, Floats]:
    """Return residuals from the mean course, at each row's own total, of what was and of each replica."""
    course = drawn.mean(axis=0) / drawn.mean(axis=0).sum()
    level = drawn.mean(axis=0).sum()
    replicated = level * (drawn / drawn.sum(axis=1, keepdims=True) - course)
    sd = np.maximum(replicated.std(axis=0, ddof=1), 1e-9)
    return level * (real / real.sum() - course) / sd, replicated / sd


def _cure(statistic: str, label: str) -> str:
    if statistic == BY_FREQUENCY and label == "0":
        return mark(
            "One-time buyers are not as many as the family allows: compare bg_nbd with mbg_nbd (ltv.compare)"
        )
    if statistic == BY_FREQUENCY:
        return mark(
            "Frequencies are not the family's: compare families, or split customers by a group column"
        )
    if statistic == RECENCY:
        return mark("Customers stop sooner or later than dropout allows: compare families, or try [clock]")
    if statistic == REPEAT and label == "all":
        return mark(
            "More or fewer come back than the family allows: compare bg_nbd with mbg_nbd (ltv.compare)"
        )
    if statistic == REPEAT:
        return as_kept(
            "Group {label} is off: pool dropout_mean and purchase_shape over the group column too",
            label=label,
        )
    return mark("Amounts pile up or spread unlike gamma ones (price points?): read tiers near them with care")
