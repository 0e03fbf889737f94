"""Whether a market has moved since an earlier fit: its parameters, its forecast, its tiers."""

import json
from collections.abc import Iterator

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.checks.result import CheckReport, CheckResult, not_applicable, report_of
from bayesltv.decisions.customers.refresh import Refresh
from bayesltv.evaluation.result import Evaluation
from bayesltv.languages.language import as_kept
from bayesltv.names import CHAIN, CLOCK_BLOCK, DRAW, FINGERPRINT
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.model.model_spec import ModelSpec

MOST_MOVED, MOST_SHIFT = 3.0, 0.25
"""Shift of a parameter in its earlier sds, and stability index of tiers, from which a check warns."""


def moved_parameters(before: xr.Dataset, now: xr.Dataset, spec: ModelSpec) -> pd.DataFrame:
    """Return how far each parameter has moved.

    More data move a posterior even where nothing has changed: the later mean is the earlier one, and noise
    whose variance is what the posterior's variance has shrunk by (a posterior mean is a martingale). So a
    shift has an sd of at most one earlier sd, and one beyond `MOST_MOVED` is no noise.

    Returns
    -------
    DataFrame
        parameter (with its label in brackets), before_mean, before_sd, now_mean, now_sd, moved (in earlier
        sds); the farthest first. Parameters of which only one fit knows are left out.
    """
    natural = {*spec.purchase.card.parameters, *(() if spec.spend is None else spec.spend.card.parameters)}
    rows = []
    for name in [str(each) for each in before.data_vars if each in now and each not in natural]:
        for label, old, new in _pairs(before[name], now[name]):
            before_mean, before_sd, now_mean = float(old.mean()), float(old.std(ddof=1)), float(new.mean())
            rows.append(
                {
                    "parameter": f"{name}[{label}]" if label else name,
                    "before_mean": before_mean, "before_sd": before_sd,
                    "now_mean": now_mean, "now_sd": float(new.std(ddof=1)),
                    "moved": (now_mean - before_mean) / before_sd if before_sd > 0 else np.nan,
                }
            )  # fmt: skip
    table = pd.DataFrame(rows)
    return table.sort_values("moved", key=lambda moved: -moved.abs(), ignore_index=True)


def _pairs(old: xr.DataArray, new: xr.DataArray) -> Iterator[tuple[str, Floats, Floats]]:
    """Yield the draws of a variable before and now, for each label that both have."""
    dims = [dim for dim in old.dims if dim not in (CHAIN, DRAW)]
    if not dims:
        yield "", old.to_numpy().ravel(), new.to_numpy().ravel()
    elif len(dims) == 1 and dims[0] != CLOCK_BLOCK and dims[0] in new.dims:
        for label in [each for each in old[dims[0]].values if each in new[dims[0]].values]:
            then, now = (each.sel({dims[0]: label}).to_numpy().ravel() for each in (old, new))
            yield str(label), then, now


def drift_of(
    fit: xr.DataTree,
    moved: pd.DataFrame,
    *,
    past: pd.DataFrame | None,
    evaluation: Evaluation | None,
    refresh: Refresh | None,
) -> CheckReport:
    """Return what is to be said of a market since an earlier fit. None of it gates: it warns.

    Parameters
    ----------
    fit : DataTree
        The earlier one.
    moved : DataFrame
        From `moved_parameters`.
    past : DataFrame, optional
        Summary of the newer log up to the earlier fit's end; None where there was no log.
    evaluation : Evaluation, optional
        The earlier fit's forecast against what came.
    refresh : Refresh, optional
    """
    checks = [past_changed(fit, past), parameters_moved(moved)]
    checks += [forecast_missed(fit, evaluation, quantity) for quantity in ("purchases", "spend")]
    return report_of([*checks, tiers_shifted(refresh)])


def past_changed(fit: xr.DataTree, past: pd.DataFrame | None) -> CheckResult:
    """Say whether the log still tells what the earlier fit was fitted to."""
    name = "past_changed"
    if past is None:
        return not_applicable(name, as_kept("a summary does not say what was when: pass the log"))
    if past.attrs[FINGERPRINT] == fit.attrs.get(FINGERPRINT):
        same = as_kept("up to the earlier end the log is what was fitted")
        return CheckResult(name, "pass", None, None, same)
    return CheckResult(
        name, "warn", float(len(past)), float(fit.attrs.get("customers", 0)),
        as_kept(
            "up to the earlier end the log has {customers} customers, the earlier fit had {before}, and "
            "their histories differ",
            customers=f"{len(past):,}",
            before=f"{int(fit.attrs.get('customers', 0)):,}",
        ),
        as_kept("late refunds, deleted customers, or a log that is read otherwise than for the earlier fit"),
    )  # fmt: skip


def parameters_moved(moved: pd.DataFrame) -> CheckResult:
    """Say whether a parameter has moved farther than more data would move it."""
    name, known = "parameters_moved", moved.dropna(subset="moved")
    if known.empty:
        return not_applicable(name, as_kept("the fits have no parameters in common"))
    far, most = known[known["moved"].abs() > MOST_MOVED], known.iloc[0]
    told = {"parameter": str(most["parameter"]), "sds": f"{most['moved']:+.1f}"}
    value = abs(float(most["moved"]))
    if far.empty:
        said = as_kept("{parameter} moved most, by {sds} of its earlier sds", **told)
        return CheckResult(name, "pass", value, MOST_MOVED, said)
    said = as_kept(
        "{far} of {known} parameters moved, {parameter} most, by {sds} of its earlier sds",
        far=len(far), known=len(known), **told,
    )  # fmt: skip
    advice = as_kept("customers behave otherwise than before: a group or a [clock] may carry it")
    return CheckResult(name, "warn", value, MOST_MOVED, said, advice)


def forecast_missed(fit: xr.DataTree, evaluation: Evaluation | None, quantity: str) -> CheckResult:
    """Say whether a total fell within the 95 % interval that the earlier fit gave it."""
    name = f"forecast_of_{quantity}"
    if evaluation is None or quantity not in evaluation.quantities:
        return not_applicable(name, as_kept("nothing to compare with"))
    of = evaluation.total(quantity)
    came, off = float(of["actual"]), float(of["actual"]) / max(float(of["mean"]), 1e-12) - 1
    said = as_kept(
        "{came} came until {until}, {low} to {high} were expected (95 %): {off} against the mean",
        came=f"{came:,.0f}", until=evaluation.facts["until"], low=f"{of['p025']:,.0f}",
        high=f"{of['p975']:,.0f}", off=f"{off:+.0%}",
    )  # fmt: skip
    if of["p025"] <= came <= of["p975"]:
        return CheckResult(name, "pass", off, None, said)
    has_clock = bool(json.loads(fit.attrs["spec"]).get("clock"))
    clock = as_kept("something moved all customers together: a [clock] would carry this")
    return CheckResult(name, "warn", off, None, said, "" if has_clock else clock)


def tiers_shifted(refresh: Refresh | None) -> CheckResult:
    """Say whether the sizes of the tiers have shifted."""
    name = "tiers_shifted"
    if refresh is None:
        return not_applicable(name, as_kept("no tiers to compare"))
    index = refresh.stability_index
    said = as_kept(
        "{stayed} of customers kept their tier, {moved} moved",
        stayed=f"{refresh.stayed:.0%}", moved=f"{len(refresh.movers):,}",
    )  # fmt: skip
    if index <= MOST_SHIFT:
        return CheckResult(name, "pass", index, MOST_SHIFT, said)
    return CheckResult(name, "warn", index, MOST_SHIFT, said, as_kept("look at the movers and their reasons"))
