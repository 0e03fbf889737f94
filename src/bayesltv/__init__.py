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
    from bayesltv.evaluation.comparison import Benchmark as Benchmark
    from bayesltv.evaluation.comparison import Choice as Choice
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

_NAMES = {
    "arrivals.result": "Forecast",
    "arrivals_fit": "fit_arrivals",
    "checks.loo": "log_likelihood loo",
    "checks.psense": "psense",
    "checks.result": "CheckReport CheckResult",
    "checks.run": "check with_checks",
    "cohorts.asked": "CohortValue",
    "cohorts.result": "Cohorts",
    "comparison.backtest": "Backtest backtest",
    "comparison.benchmark": "benchmark",
    "comparison.choose": "choose",
    "comparison.compare": "compare",
    "data.datasets": "load_cdnow",
    "data.log.reading": "LogReading",
    "data.log.split": "Split split",
    "data.log.summarize": "summarize",
    "data.simulate": "simulate_log simulate_world",
    "data.summary.as_summary": "as_summary",
    "decisions.customers.refresh": "Refresh compare_refresh",
    "decisions.decide": "decide",
    "decisions.plan": "Plan",
    "engines.local": "ScoreFolder score_to",
    "errors": "BayesltvError BayesltvWarning CheckFailed DataError EngineError FitError SpecError StoreError",
    "evaluation.comparison": "Benchmark Choice Comparison",
    "evaluation.evaluate": "evaluate",
    "evaluation.posterior_predictive": "posterior_predictive",
    "evaluation.prior_predictive": "prior_predictive",
    "evaluation.result": "Evaluation",
    "experiments.cells": "suggest_cells",
    "experiments.effects": "Effects",
    "experiments.policy": "policy_value",
    "experiments.table": "effect_draws uplift_table",
    "experiments.worth": "plan_test",
    "fitting.store": "load save",
    "fitting.to_pymc_marketing": "to_pymc_marketing",
    "languages.language": "language",
    "model.build": "build_model",
    "pipeline": "as_fit fit fit_uplift from_pymc_marketing",
    "prediction.clock_path": "trace_clock",
    "prediction.draws": "predict",
    "prediction.scores.score": "ScoreTable score",
    "prediction.scores.score_one": "score_one",
    "prediction.tracking": "track",
    "questions": "CustomerBase customer_base",
    "refresh.refit": "refit",
    "refresh.result": "Refit",
    "report.page.html": "write_report",
    "specs.catalogue": "load_decision load_spec",
    "specs.decision.acquisition": "AcquisitionSpec",
    "specs.decision.actions": "ActionSpec",
    "specs.decision.budget": "BudgetSpec LimitSpec",
    "specs.decision.decision_spec": "DecisionSpec ValueSpec",
    "specs.decision.stages": "StageSpec",
    "specs.decision.tiers": "Tier TierSpec",
    "specs.model.clock": "ClockSpec",
    "specs.model.covariates": "Covariate",
    "specs.model.model_spec": "ModelSpec",
    "specs.model.pooling": "Pooling",
    "specs.model.settings": "GateSpec PurchaseSpec SamplerSpec SpendSpec",
    "specs.prior": "PriorSpec",
}
"""What each module gives to the package."""
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
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
