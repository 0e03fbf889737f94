"""Bayesian customer lifetime value: predictive distributions, tier probabilities, decisions.

``import bayesltv as ltv`` is fast: each name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayesltv.arrivals.result import Forecast as Forecast
    from bayesltv.arrivals_fit import fit_arrivals as fit_arrivals
    from bayesltv.checks.loo import log_likelihood as log_likelihood
    from bayesltv.checks.loo import loo as loo
    from bayesltv.checks.psense import psense as psense
    from bayesltv.checks.result import CheckReport as CheckReport
    from bayesltv.checks.result import CheckResult as CheckResult
    from bayesltv.checks.run import check as check
    from bayesltv.checks.run import with_checks as with_checks
    from bayesltv.cohorts.asked import CohortValue as CohortValue
    from bayesltv.cohorts.result import Cohorts as Cohorts
    from bayesltv.comparison.backtest import Backtest as Backtest
    from bayesltv.comparison.backtest import backtest as backtest
    from bayesltv.comparison.benchmark import benchmark as benchmark
    from bayesltv.comparison.choose import choose as choose
    from bayesltv.comparison.compare import compare as compare
    from bayesltv.data.datasets import load_cdnow as load_cdnow
    from bayesltv.data.log.reading import LogReading as LogReading
    from bayesltv.data.log.split import Split as Split
    from bayesltv.data.log.split import split as split
    from bayesltv.data.log.summarize import summarize as summarize
    from bayesltv.data.simulate import simulate_log as simulate_log
    from bayesltv.data.simulate import simulate_world as simulate_world
    from bayesltv.data.summary.as_summary import as_summary as as_summary
    from bayesltv.decisions.customers.refresh import Refresh as Refresh
    from bayesltv.decisions.customers.refresh import compare_refresh as compare_refresh
    from bayesltv.decisions.decide import decide as decide
    from bayesltv.decisions.plan import Plan as Plan
    from bayesltv.engines import spark as spark
    from bayesltv.engines.local import ScoreFolder as ScoreFolder
    from bayesltv.engines.local import score_to as score_to
    from bayesltv.errors import BayesltvError as BayesltvError
    from bayesltv.errors import BayesltvWarning as BayesltvWarning
    from bayesltv.errors import CheckFailed as CheckFailed
    from bayesltv.errors import DataError as DataError
    from bayesltv.errors import EngineError as EngineError
    from bayesltv.errors import FitError as FitError
    from bayesltv.errors import SpecError as SpecError
    from bayesltv.errors import StoreError as StoreError
    from bayesltv.evaluation.benchmark import Benchmark as Benchmark
    from bayesltv.evaluation.choice import Choice as Choice
    from bayesltv.evaluation.comparison import Comparison as Comparison
    from bayesltv.evaluation.evaluate import evaluate as evaluate
    from bayesltv.evaluation.posterior_predictive import posterior_predictive as posterior_predictive
    from bayesltv.evaluation.prior_predictive import prior_predictive as prior_predictive
    from bayesltv.evaluation.result import Evaluation as Evaluation
    from bayesltv.experiments.cells import suggest_cells as suggest_cells
    from bayesltv.experiments.effects import Effects as Effects
    from bayesltv.experiments.policy import policy_value as policy_value
    from bayesltv.experiments.table import effect_draws as effect_draws
    from bayesltv.experiments.table import uplift_table as uplift_table
    from bayesltv.experiments.worth import plan_test as plan_test
    from bayesltv.fitting.store import load as load
    from bayesltv.fitting.store import save as save
    from bayesltv.fitting.to_pymc_marketing import to_pymc_marketing as to_pymc_marketing
    from bayesltv.languages.language import language as language
    from bayesltv.model.build import build_model as build_model
    from bayesltv.pipeline import as_fit as as_fit
    from bayesltv.pipeline import fit as fit
    from bayesltv.pipeline import fit_uplift as fit_uplift
    from bayesltv.pipeline import from_pymc_marketing as from_pymc_marketing
    from bayesltv.prediction.clock_path import trace_clock as trace_clock
    from bayesltv.prediction.draws import predict as predict
    from bayesltv.prediction.scores.score import ScoreTable as ScoreTable
    from bayesltv.prediction.scores.score import score as score
    from bayesltv.prediction.scores.score_one import score_one as score_one
    from bayesltv.prediction.tracking import track as track
    from bayesltv.questions import CustomerBase as CustomerBase
    from bayesltv.questions import customer_base as customer_base
    from bayesltv.refresh.refit import refit as refit
    from bayesltv.refresh.result import Refit as Refit
    from bayesltv.report.page.html import write_report as write_report
    from bayesltv.specs.catalogue import load_decision as load_decision
    from bayesltv.specs.catalogue import load_spec as load_spec
    from bayesltv.specs.decision.acquisition import AcquisitionSpec as AcquisitionSpec
    from bayesltv.specs.decision.actions import ActionSpec as ActionSpec
    from bayesltv.specs.decision.budget import BudgetSpec as BudgetSpec
    from bayesltv.specs.decision.budget import LimitSpec as LimitSpec
    from bayesltv.specs.decision.decision_spec import DecisionSpec as DecisionSpec
    from bayesltv.specs.decision.decision_spec import ValueSpec as ValueSpec
    from bayesltv.specs.decision.stages import StageSpec as StageSpec
    from bayesltv.specs.decision.tiers import Tier as Tier
    from bayesltv.specs.decision.tiers import TierSpec as TierSpec
    from bayesltv.specs.model.clock import ClockSpec as ClockSpec
    from bayesltv.specs.model.covariates import Covariate as Covariate
    from bayesltv.specs.model.model_spec import ModelSpec as ModelSpec
    from bayesltv.specs.model.pooling import Pooling as Pooling
    from bayesltv.specs.model.settings import GateSpec as GateSpec
    from bayesltv.specs.model.settings import PurchaseSpec as PurchaseSpec
    from bayesltv.specs.model.settings import SamplerSpec as SamplerSpec
    from bayesltv.specs.model.settings import SpendSpec as SpendSpec
    from bayesltv.specs.prior import PriorSpec as PriorSpec

_HOME = {
    "track": "prediction.tracking",
    "StageSpec": "specs.decision.stages",
    "Covariate": "specs.model.covariates",
    "AcquisitionSpec": "specs.decision.acquisition",
    "ActionSpec": "specs.decision.actions",
    "as_fit": "pipeline",
    "as_summary": "data.summary.as_summary",
    "BudgetSpec": "specs.decision.budget",
    "Backtest": "comparison.backtest",
    "backtest": "comparison.backtest",
    "Benchmark": "evaluation.benchmark",
    "benchmark": "comparison.benchmark",
    "build_model": "model.build",
    "check": "checks.run",
    "CheckReport": "checks.result",
    "CheckResult": "checks.result",
    "choose": "comparison.choose",
    "Choice": "evaluation.choice",
    "Cohorts": "cohorts.result",
    "CohortValue": "cohorts.asked",
    "compare": "comparison.compare",
    "compare_refresh": "decisions.customers.refresh",
    "Comparison": "evaluation.comparison",
    "customer_base": "questions",
    "CustomerBase": "questions",
    "decide": "decisions.decide",
    "ClockSpec": "specs.model.clock",
    "DecisionSpec": "specs.decision.decision_spec",
    "Effects": "experiments.effects",
    "evaluate": "evaluation.evaluate",
    "Evaluation": "evaluation.result",
    "fit": "pipeline",
    "Forecast": "arrivals.result",
    "fit_arrivals": "arrivals_fit",
    "fit_uplift": "pipeline",
    "from_pymc_marketing": "pipeline",
    "GateSpec": "specs.model.settings",
    "language": "languages.language",
    "LimitSpec": "specs.decision.budget",
    "load": "fitting.store",
    "load_cdnow": "data.datasets",
    "load_decision": "specs.catalogue",
    "load_spec": "specs.catalogue",
    "log_likelihood": "checks.loo",
    "LogReading": "data.log.reading",
    "loo": "checks.loo",
    "ModelSpec": "specs.model.model_spec",
    "Plan": "decisions.plan",
    "policy_value": "experiments.policy",
    "Pooling": "specs.model.pooling",
    "posterior_predictive": "evaluation.posterior_predictive",
    "plan_test": "experiments.worth",
    "predict": "prediction.draws",
    "prior_predictive": "evaluation.prior_predictive",
    "PriorSpec": "specs.prior",
    "psense": "checks.psense",
    "PurchaseSpec": "specs.model.settings",
    "refit": "refresh.refit",
    "Refit": "refresh.result",
    "Refresh": "decisions.customers.refresh",
    "SamplerSpec": "specs.model.settings",
    "save": "fitting.store",
    "score": "prediction.scores.score",
    "score_one": "prediction.scores.score_one",
    "score_to": "engines.local",
    "ScoreFolder": "engines.local",
    "ScoreTable": "prediction.scores.score",
    "simulate_log": "data.simulate",
    "simulate_world": "data.simulate",
    "SpendSpec": "specs.model.settings",
    "Split": "data.log.split",
    "split": "data.log.split",
    "suggest_cells": "experiments.cells",
    "summarize": "data.log.summarize",
    "effect_draws": "experiments.table",
    "Tier": "specs.decision.tiers",
    "TierSpec": "specs.decision.tiers",
    "trace_clock": "prediction.clock_path",
    "to_pymc_marketing": "fitting.to_pymc_marketing",
    "uplift_table": "experiments.table",
    "ValueSpec": "specs.decision.decision_spec",
    "write_report": "report.page.html",
    "with_checks": "checks.run",
    **dict.fromkeys(
        (
            "BayesltvError",
            "BayesltvWarning",
            "CheckFailed",
            "DataError",
            "EngineError",
            "FitError",
            "SpecError",
            "StoreError",
        ),
        "errors",
    ),
}
_MODULES = {"plot": "report.plot", "spark": "engines.spark"}
__all__ = sorted([*_HOME, *_MODULES])


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name == "__version__":
        return import_module("importlib.metadata").version(__name__)
    if name in _MODULES:
        return import_module(f"{__name__}.{_MODULES[name]}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *_HOME, *_MODULES]
