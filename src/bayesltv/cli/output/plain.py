"""What a command found, in JSON's types for a script."""

import json
import math
from functools import singledispatch
from typing import Any

import numpy as np
import pandas as pd

from bayesltv.checks.result import CheckReport
from bayesltv.cli.output.demo import AnyScores, summed_by_tier, tier_sizes
from bayesltv.decisions.plan import Plan
from bayesltv.demo import Demo
from bayesltv.engines.local import ScoreFolder
from bayesltv.evaluation.comparison import Benchmark, Choice, Comparison
from bayesltv.evaluation.result import Evaluation
from bayesltv.jobs import written
from bayesltv.jobs.databases import ScoreRows
from bayesltv.jobs.spark import SparkScores
from bayesltv.specs.catalogue import Shipped
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.specs.model.model_spec import ModelSpec

Json = dict[str, Any]
HELD_OUT = ("mean", "p05", "p95", "actual")


@singledispatch
def plain(found: object) -> Json:
    """Return what a command found in JSON's types."""
    raise TypeError(f"nothing writes {type(found).__name__} as JSON")


@plain.register
def _(found: written.SummaryFile) -> Json:
    return {
        "path": str(found.path),
        "customers": found.customers,
        "repeaters": found.repeaters,
        **found.attributes,
    }


@plain.register
def _(found: written.FitFile) -> Json:
    return {
        "path": str(found.path),
        "customers": found.customers,
        "seed": found.seed,
        "spec_hash": found.spec_hash,
        "spec": found.spec,
        **_checks(found.report),
    }


@plain.register
def _(found: written.RefitFolder) -> Json:
    told = {"folder": str(found.folder), "files": [str(path) for path in found.files]}
    if found.refit is None or found.report is None:
        return {**told, "changed": False}
    done = found.refit
    moved = {} if done.refresh is None else {"stayed": done.refresh.stayed}
    return {
        **told, "changed": True, **done.facts, "changes": done.changes, **moved,
        "drift": _checks(done.drift), "parameters": _rows(done.parameters), **_checks(found.report),
    }  # fmt: skip


@plain.register
def _(found: written.UpliftFile) -> Json:
    return {
        "path": str(found.path),
        "customers": found.customers,
        "seed": found.seed,
        "effect_source": found.effect_source,
        "effects": _rows(found.effects),
        **_checks(found.report),
    }


@plain.register
def _(found: CheckReport) -> Json:
    return _checks(found)


@plain.register
def _(found: written.ReportFile) -> Json:
    redacted = {} if found.redacted_ids is None else {"redacted_ids": dict(found.redacted_ids)}
    return {"path": str(found.path), "bytes": found.size, **redacted, **_checks(found.report)}


@plain.register
def _(found: written.ScoreFile) -> Json:
    return {
        "path": str(found.path),
        "totals_path": str(found.totals),
        "manifest_path": str(found.manifest),
        "customers": len(found.scores),
        **_plain_scores(found.scores),
    }


@plain.register
def _(found: ScoreRows) -> Json:
    return {
        "table": found.target.table,
        "database": found.target.address.title,
        "mode": found.target.mode,
        "changed": found.changed,
        "customers": len(found.scores),
        **_plain_scores(found.scores),
    }


@plain.register(dict)
def _(found: Json) -> Json:
    return {name: _plain_value(value) for name, value in found.items()}


def _plain_value(value: Any) -> Any:  # noqa: ANN401
    """Return a cell of a table in JSON's types."""
    if pd.isna(value) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return (
        value.isoformat()[:10] if isinstance(value, pd.Timestamp) else getattr(value, "item", lambda: value)()
    )


@plain.register
def _(found: ScoreFolder) -> Json:
    return {
        "path": str(found.path),
        "parts": found.parts,
        "kept": found.kept,
        "customers": found.customers,
        **_plain_scores(found),
    }


@plain.register
def _(found: SparkScores) -> Json:
    return {
        "path": found.path,
        "customers": found.written.customers,
        "worker_memory": found.written.worker_memory,
        **_plain_scores(found),
    }


def _plain_scores(scores: AnyScores) -> Json:
    whole = summed_by_tier(scores).iloc[-1]
    middle = {
        str(name): float(draws.sum(("group", "tier")).median()) for name, draws in scores.totals.items()
    }
    return {
        "tiers": tier_sizes(scores),
        "totals": {
            name: {**{part: _finite(whole[f"{name}_{part}"]) for part in ("mean", "p05", "p95")}, "p50": p50}
            for name, p50 in middle.items()
            if name != "customers"
        },
        **{str(name): _finite(value) for name, value in scores.attrs.items() if name != "thresholds"},
    }


@plain.register
def _(found: written.PlanFolder) -> Json:
    return {
        "folder": str(found.folder),
        "files": [str(path) for path in found.files],
        **_plain_plan(found.plan),
    }


def _plain_plan(plan: Plan) -> Json:
    """Return the tables of a plan but those as long as there are customers, and what it says of itself."""
    told = {
        name: table
        for name, table in plan.tables.items()
        if name not in ("budget_curve", "movers", "at_risk")
    }
    return {
        "customers": len(plan.customers),
        "assignment": {str(k): int(n) for k, n in plan.customers["assignment"].value_counts().items()},
        **{name: _rows(table) for name, table in told.items()},
        **{str(name): _finite(value) for name, value in plan.attrs.items() if name != "thresholds"},
    }


@plain.register
def _(found: written.CohortFolder) -> Json:
    made = found.cohorts
    ltv = made.table[made.table["quantity"] == made.ltv]
    others = {"payback": made.payback, "best": made.best}
    return {
        "folder": str(found.folder),
        "files": [str(path) for path in found.files],
        **{str(name): _finite(value) for name, value in made.attrs.items()},
        "ltv": _rows(ltv),
        **{name: _rows(_with_texts(table)) for name, table in others.items() if table is not None},
    }


@plain.register
def _(found: written.ForecastFolder) -> Json:
    made = found.forecast
    reached = {} if made.reached is None else {"reached": _rows(made.reached)}
    return {
        "folder": str(found.folder),
        "files": [str(path) for path in found.files],
        **{str(name): _finite(value) for name, value in made.attrs.items()},
        "table": _rows(_with_texts(made.table)),
        **reached,
    }


def _with_texts(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which days are texts."""
    days = table.select_dtypes("datetime")
    texts = {str(name): days[name].dt.strftime("%Y-%m-%d").astype(object) for name in days}
    return table.assign(**{name: text.where(text.notna(), None) for name, text in texts.items()})


@plain.register
def _(found: Demo) -> Json:
    return {
        "folder": str(found.folder),
        "files": [str(path) for path in found.files],
        "customers": len(found.summary),
        **_checks(found.report),
        "tiers": {str(k): int(n) for k, n in found.scores["tier"].value_counts().items()},
        "shop": found.shop.name,
        "holdout": {
            quantity: {part: float(found.evaluation.total(quantity)[part]) for part in HELD_OUT}
            for quantity in found.evaluation.quantities
        },
        "plan": _plain_plan(found.plan),
    }


@plain.register(tuple)
def _(found: tuple[Any, ...]) -> Json:
    shipped: tuple[Shipped, ...] = found
    rows = [{"name": s.name, "kind": s.kind, "title": s.title, "path": str(s.path)} for s in shipped]
    return {"specs": rows}


@plain.register
def _(found: Evaluation | Comparison | Benchmark | Choice | ModelSpec | DecisionSpec) -> Json:
    return found.to_dict()


def _rows(table: pd.DataFrame) -> list[Json]:
    return [{str(k): _finite(v) for k, v in row.items()} for row in table.to_dict("records")]


def _checks(report: CheckReport) -> dict[str, Any]:
    return {"passed": report.passed, "verdict": report.verdict, "checks": json.loads(report.to_json())}


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _finite(each) for name, each in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
