"""``compare``: several specs on the same customers, by leave-one-out and by a hold-out, side by side."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from arviz_stats.utils import ELPDData

from bayesltv.base.meeting import Meeting
from bayesltv.base.placed_base import place_base
from bayesltv.base.population import read_posterior
from bayesltv.base.seal import require_sound
from bayesltv.checks.loo import loo_per_customer
from bayesltv.comparison.named import named, require_models
from bayesltv.data.fingerprint import print_like
from bayesltv.data.log.reading import LaterLog, LogReading
from bayesltv.data.summary.cells import has_first_amounts
from bayesltv.data.summary.validate import (
    required_end,
    resolve_observation_end,
    resolve_time_unit,
    validate_summary,
)
from bayesltv.dates import Date
from bayesltv.errors import DataError, warn
from bayesltv.evaluation.comparison import Comparison
from bayesltv.evaluation.evaluate import evaluate_base
from bayesltv.evaluation.holdout import require_holdout
from bayesltv.evaluation.result import Evaluation
from bayesltv.fitting.sampling import Sampling
from bayesltv.languages.language import as_kept, mark
from bayesltv.names import FINGERPRINT
from bayesltv.pipeline import fit_as
from bayesltv.specs.catalogue import SpecLike, spec_of
from bayesltv.specs.model.model_spec import ModelSpec

CLEAR, SMALL = 2.0, 4.0
"""A difference is clear from two standard errors on, and from 4 (Sivula, Magnusson & Vehtari 2025)."""
SCORES = ("crps", "log_score")


def compare(
    summary: pd.DataFrame,
    models: Mapping[str, SpecLike | xr.DataTree] | Sequence[SpecLike],
    *,
    seed: int = 1,
    log: object | None = None,
    horizon: str | float | None = None,
    method: Literal["nuts", "laplace"] = "nuts",
    sampler: Mapping[str, Any] | None = None,
    columns: Mapping[str, Any] | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    cores: int | None = None,
    progress: bool = True,
    step: Callable[[str], None] | None = None,
) -> Comparison:
    """Return how well several models describe and forecast the same customers.

    Parameters
    ----------
    summary : DataFrame
        Customer summary, with the group columns of every spec.
    models : mapping of name to ModelSpec, str, Path or DataTree; or sequence of str or Path
        Specs, also as files or names of shipped ones, are fitted to the summary; fits are taken as they are,
        and must have been fitted to it. In a sequence files give their names: ["pooled", "mbg_pooled"].
    seed : int
    log : path or frame, optional
        Log that goes on past the summary's end of observation: then hold-out scores stand beside.
    horizon : str or float, optional
        Of the hold-out; needed with `log`.
    method, sampler, cores, progress
        As for ``fit``.
    columns : mapping, optional
        How the log is read: keywords of ``evaluate``, for instance ``{"datetime_col": "day"}``.
    time_unit, observation_end : str, optional
        For a summary that has lost its attributes.
    step : callable, optional
        Told what is done next.

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        Where there are fewer than two models, a fit is one of other customers or does not say of which
        (fits of other packages do not), or only one of log and horizon is given.

    Notes
    -----
    Leave-one-out: Vehtari, Gelman & Gabry (2017), from cells weighted by their counts and set out per
    customer for the standard error of differences. Purchase and spend are scored apart.
    """
    read = dict(columns or {})
    log_end = read.pop("log_end", None)
    return compare_as(
        summary, models, Sampling(seed, method, sampler or {}, cores, progress),
        later=LaterLog(log, LogReading(**read), log_end), horizon=horizon, time_unit=time_unit,
        observation_end=observation_end, step=step,
    )  # fmt: skip


def compare_as(
    summary: pd.DataFrame,
    models: Mapping[str, SpecLike | xr.DataTree] | Sequence[SpecLike],
    sampling: Sampling,
    *,
    later: LaterLog,
    horizon: str | float | None,
    time_unit: str | None = None,
    observation_end: Date | None = None,
    step: Callable[[str], None] | None = None,
) -> Comparison:
    """Return how well several models describe and forecast the same customers; see `compare`."""
    if len(models) < 2:
        raise DataError(f"compare needs at least two models, not {len(models)}: give a second spec or fit")
    if (later.log is None) != (horizon is None):
        raise DataError("a hold-out needs both log= and horizon=: give the other one too, or neither")
    known = _models(models)
    say = step or (lambda _: None)
    unit = resolve_time_unit(summary, time_unit)
    checked = validate_summary(summary, time_unit=unit, observation_end=observation_end)
    _require_same_data(known, checked)
    _require_same_amounts(known, checked)
    if horizon is not None:
        _require_holdout(known, later, resolve_observation_end(checked, observation_end), horizon, unit)
    require_models({name: each for name, each in known.items() if isinstance(each, ModelSpec)}, checked)
    fits = {name: _fitted(name, model, checked, sampling, say) for name, model in known.items()}
    say("leaving one customer out at a time")
    ranked = _ranked({name: loo_per_customer(tree, checked) for name, tree in fits.items()})
    evaluations: dict[str, Evaluation] = {}
    if horizon is not None:
        for name, tree in fits.items():
            say(f"forecasting with {name}")
            base = place_base(tree, checked, Meeting(sampling.seed))
            evaluations[name] = evaluate_base(base, later, horizon=horizon, tracking=False)
    best = str(ranked["model"].iloc[0])
    holdout = _holdout(evaluations, best) if evaluations else None
    return Comparison(ranked, holdout, _verdict(ranked), fits, evaluations)


def _require_holdout(
    models: Mapping[str, ModelSpec | xr.DataTree],
    later: LaterLog,
    end: pd.Timestamp | None,
    horizon: str | float,
    unit: str,
) -> None:
    """Raise where the log does not reach the end of the horizon, before anything is fitted."""
    if not any(map(_has_spend, models.values())):
        later = replace(later, reading=later.reading.without_amounts())
    require_holdout(later, after=required_end(end), horizon=horizon, time_unit=unit)


def _fitted(
    name: str,
    model: ModelSpec | xr.DataTree,
    checked: pd.DataFrame,
    sampling: Sampling,
    say: Callable[[str], None],
) -> xr.DataTree:
    """Return a model's fit: made now of a spec, or as it was given."""
    if not isinstance(model, ModelSpec):
        return model
    say(f"fitting {name}")
    return fit_as(checked, model, sampling)


def _models(
    given: Mapping[str, SpecLike | xr.DataTree] | Sequence[SpecLike],
) -> dict[str, ModelSpec | xr.DataTree]:
    """Return specs and fits by name, read where they are files or shipped names."""
    return {
        name: each if isinstance(each, xr.DataTree) else spec_of(each) for name, each in named(given).items()
    }


def _has_spend(model: ModelSpec | xr.DataTree) -> bool:
    spec = model if isinstance(model, ModelSpec) else read_posterior(model).spec
    return spec.spend is not None


def _require_same_amounts(models: Mapping[str, ModelSpec | xr.DataTree], checked: pd.DataFrame) -> None:
    """Refuse to set spend with first amounts beside spend without: each leaves out other things."""
    specs = {k: m if isinstance(m, ModelSpec) else read_posterior(m).spec for k, m in models.items()}
    known = {name: spec.spend.first_amounts for name, spec in specs.items() if spec.spend is not None}
    using = [name for name, does in known.items() if does and has_first_amounts(checked)]
    if using and len(using) < len(known):
        rest = ", ".join(name for name in known if name not in using)
        raise DataError(
            f"{', '.join(using)} use first amounts and {rest} do not: leaving one customer out compares "
            "likelihoods of the same amounts alone. Give both the same first_amounts in [spend]; a hold-out "
            "may compare the two: evaluate each"
        )


def _require_same_data(models: Mapping[str, ModelSpec | xr.DataTree], checked: pd.DataFrame) -> None:
    """Refuse fits that were not made from the rows of the summary."""
    fits = {name: each for name, each in models.items() if not isinstance(each, ModelSpec)}
    for name, tree in fits.items():
        require_sound(tree, f"the fit {name}")
    prints = {name: str(tree.attrs.get(FINGERPRINT) or "") for name, tree in fits.items()}
    other = [f"{k} ({found or 'none'})" for k, found in prints.items() if found != print_like(found, checked)]
    if other:
        raise DataError(
            f"{len(other)} of {len(fits)} fits were made from different data than this summary, whose "
            f"fingerprint is {checked.attrs[FINGERPRINT]}: {', '.join(other)}. Give the summary they were "
            "fitted to, or their specs, to fit them to this one"
        )


def _ranked(loos: Mapping[str, Mapping[str, ELPDData]]) -> pd.DataFrame:
    """Return arviz' table of each part that every model has."""
    parts = [part for part in ("purchase", "spend") if all(part in each for each in loos.values())]
    tables = []
    for part in parts:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            table = az.compare({name: each[part] for name, each in loos.items()}, round_to="none")
        for each in caught:
            warn(f"comparing {part}: {each.message}")
        table = table.rename_axis("model").reset_index()
        table.insert(0, "part", part)
        table["weight"] = table["weight"].round(6)  # the optimiser's nothing is 1e-16
        tables.append(table)
    ranked: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return ranked


def _holdout(evaluations: Mapping[str, Evaluation], best: str) -> pd.DataFrame:
    """Return hold-out scores by model, with paired differences from the best by leave-one-out."""
    rows = []
    for name, found in evaluations.items():
        row: dict[str, Any] = {"model": name}
        for quantity in found.quantities:
            row |= {
                f"{quantity}_{score}": found.score(score, quantity) for score in ("crps", "pit_deviation")
            }
        row["purchases_log_score"] = found.score("log_score")
        for score in SCORES:
            column = f"purchases_{score}"
            difference = found.customers[column] - evaluations[best].customers[column]
            row[f"{score}_diff"] = float(difference.mean())
            row[f"{score}_diff_se"] = float(difference.std(ddof=1) / np.sqrt(len(difference)))
        events = found.events.set_index("event")["brier"]
        row["brier_of_purchase"] = float(events["purchase"])
        coverage = found.coverage.set_index(["quantity", "group", "level"])["predictive"]
        row["coverage_90"] = float(coverage["purchases", "all", 0.9])
        total = found.total()
        row |= {f"total_{end}": float(total[end]) for end in ("actual", "mean", "p05", "p95")}
        rows.append(row)
    return pd.DataFrame(rows)


def _verdict(ranked: pd.DataFrame) -> str:
    """Return which model to use, in a sentence per part."""
    said = []
    for part, table in ranked.groupby("part", sort=True):
        best, *others = table.to_dict("records")
        near = [each["model"] for each in others if not _is_clear(each)]
        if not near:
            nearest = others[0]
            text = mark("{part}: use {best}, since the next, {nearest}, is worse by {gap} ± {error} in elpd.")
            gap, error = f"{-nearest['elpd_diff']:.1f}", f"{nearest['dse']:.1f}"
            told = {"best": best["model"], "nearest": nearest["model"], "gap": gap, "error": error}
        else:
            text = mark(
                "{part}: {same} cannot be told apart by these customers: take the simplest, or the one whose "
                "assumptions you believe."
            )
            told = {"same": ", ".join([best["model"], *near])}
        said.append(as_kept(text, part=part, **told))
    return " ".join(said)


def _is_clear(row: Mapping[Any, Any]) -> bool:
    return bool(-row["elpd_diff"] > max(CLEAR * row["dse"], SMALL))
