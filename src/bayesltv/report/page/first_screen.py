"""The first screen of a report: what customers are worth, who slips away, what to do, can it be trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.allocation.hold_out import HOLD_OUT
from bayesltv.arrivals.result import TOTAL, WHOLE, Forecast
from bayesltv.checks.result import CheckReport
from bayesltv.data.summary.weeks import NEW_CUSTOMERS
from bayesltv.decisions.plan import Plan
from bayesltv.evaluation.result import Evaluation
from bayesltv.languages.language import word
from bayesltv.languages.written import span
from bayesltv.names import COMMON_SHOCKS, CURRENCY
from bayesltv.prediction.scores.score import ScoreTable
from bayesltv.prediction.totals import summarise_totals, sums_of_means
from bayesltv.report.files.stored import StoredPlan
from bayesltv.report.style import money
from bayesltv.specs.decision.actions import NO_ACTION

Colour = Literal["green", "amber", "red"]
_JUDGED = ("purchases", "spend")
"""Totals of a forecast that can be missed."""


@dataclass(frozen=True)
class Amount:
    """A figure with the ends of its 90 % interval, as text."""

    mean: str
    low: str
    high: str


@dataclass(frozen=True)
class Worth:
    """What customers bring within a horizon.

    Attributes
    ----------
    customers : int
        Those one has; with new customers, those who are expected.
    amount : Amount
        Money, or purchases where there is none.
    horizon : str
    basis : str, optional
        "margin", "revenue", or "net" of acquisition; None where purchases are counted.
    is_too_sure : bool
        Whether the checks say that intervals of totals are too narrow.
    """

    customers: int
    amount: Amount
    horizon: str
    basis: str | None
    is_too_sure: bool


@dataclass(frozen=True)
class AtRisk:
    """Value that dropping out is expected to cost soon, and how many customers hold half of it."""

    amount: str
    half_held_by: int


@dataclass(frozen=True)
class Todo:
    """What the plan does.

    Attributes
    ----------
    actions : tuple of (str, str)
        Name of an action, and for how many customers.
    held_out : str
        How many more are held out; empty where nobody is.
    net : Amount
    cost : str
    sources : "assumed", "partly" or "tested"
        Where the effects of the actions that are used come from.
    p_loss : float, optional
        Probability that the plan loses money.
    """

    actions: tuple[tuple[str, str], ...]
    held_out: str
    net: Amount
    cost: str
    sources: Literal["assumed", "partly", "tested"]
    p_loss: float | None


@dataclass(frozen=True)
class Outcome:
    """A total that was forecast and has come; `off` is by which share of the forecast it differs."""

    quantity: str
    came: str
    low: str
    high: str
    is_inside: bool
    off: float


@dataclass(frozen=True)
class Trust:
    """One verdict, and what it rests on.

    Attributes
    ----------
    colour : "green", "amber" or "red"
        Red where a check failed; amber where one warns or a forecast missed; else green.
    checks : int
        Those that could look.
    failed, warned : tuple of str
        Names of checks.
    outcomes : tuple of Outcome
        Empty where no forecast has been held against what happened.
    has_clock : bool
    """

    colour: Colour
    checks: int
    failed: tuple[str, ...]
    warned: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    has_clock: bool

    @property
    def missed(self) -> tuple[Outcome, ...]:
        """The totals that fell outside of their 90 % interval."""
        return tuple(each for each in self.outcomes if not each.is_inside)


@dataclass(frozen=True)
class FirstScreen:
    """The answers that a report begins with; what was not asked is None."""

    trust: Trust
    worth: Worth | None = None
    with_new: Worth | None = None
    at_risk: AtRisk | None = None
    todo: Todo | None = None


def first_screen(
    fit: xr.DataTree,
    checks: CheckReport,
    *,
    scores: ScoreTable | None,
    evaluation: Evaluation | None,
    plan: Plan | StoredPlan | None,
    forecast: Forecast | None = None,
    suppress_below: int,
) -> FirstScreen:
    """Return the answers that can be given from what is there."""
    too_sure = any(each.name == COMMON_SHOCKS and each.status == "warn" for each in checks.results)
    return FirstScreen(
        trust_of(fit, checks, evaluation),
        worth=None if scores is None else worth_of(scores, is_too_sure=too_sure),
        with_new=None if forecast is None else business_of(forecast, is_too_sure=too_sure),
        at_risk=None if plan is None else at_risk_of(plan),
        todo=None if plan is None else todo_of(plan, suppress_below=suppress_below),
    )


def trust_of(fit: xr.DataTree, checks: CheckReport, evaluation: Evaluation | None) -> Trust:
    """Return whether a fit can be trusted: by its checks, and by a forecast that has been overtaken."""
    outcomes = () if evaluation is None else outcomes_of(evaluation, fit.attrs.get(CURRENCY))
    missed = any(not each.is_inside for each in outcomes)
    colour: Colour = "red" if checks.failed else "amber" if checks.warnings or missed else "green"
    return Trust(
        colour,
        sum(each.status != "not applicable" for each in checks.results),
        tuple(word(each.name) for each in checks.failed),
        tuple(word(each.name) for each in checks.warnings),
        outcomes,
        bool(json.loads(fit.attrs["spec"]).get("clock")),
    )


def outcomes_of(evaluation: Evaluation, currency: object) -> tuple[Outcome, ...]:
    """Return the totals of a forecast against what came."""
    found = []
    for quantity in [name for name in _JUDGED if name in evaluation.quantities]:
        of = evaluation.total(quantity)
        sign = currency if quantity == "spend" else None
        came, low, high = (money(float(of[name]), sign) for name in ("actual", "p05", "p95"))
        off = (float(of["actual"]) - float(of["mean"])) / max(float(of["mean"]), 1e-12)
        found.append(Outcome(quantity, came, low, high, bool(of["inside_90"]), off))
    return tuple(found)


def worth_of(scores: ScoreTable, *, is_too_sure: bool) -> Worth:
    """Return what the scored customers bring in all."""
    told, totals = scores.attrs, scores.totals
    name = "value" if "value" in totals else "purchases"
    currency = told.get(CURRENCY) if name == "value" else None
    whole = summarise_totals(totals, means=sums_of_means([scores])).iloc[-1]
    amount = Amount(*(money(whole[f"{name}_{part}"], currency) for part in ("mean", "p05", "p95")))
    basis = str(told.get("value_basis") or "margin") if name == "value" else None
    return Worth(len(scores), amount, span(told.get("horizon")), basis, is_too_sure)


def business_of(forecast: Forecast, *, is_too_sure: bool) -> Worth:
    """Return what the business should bring with new customers: net of acquisition where it is known."""
    whole = forecast.table[(forecast.table["period"] == WHOLE) & (forecast.table["part"] == TOTAL)]
    by: dict[str, dict[str, float]] = {str(row["quantity"]): row for row in whole.to_dict("records")}  # type: ignore[misc]
    basis = next((each for each in ("net", "margin", "revenue") if each in by), None)
    row, told = by[basis or "purchases"], forecast.attrs
    currency = told.get(CURRENCY) if basis else None
    amount = Amount(*(money(row[part], currency) for part in ("mean", "p05", "p95")))
    coming = round(by[NEW_CUSTOMERS]["mean"])
    return Worth(coming, amount, span(f"{told['horizon_days']:g} days"), basis, is_too_sure)


def at_risk_of(plan: Plan | StoredPlan) -> AtRisk | None:
    """Return how much is at risk, and how many customers hold half of it; None without stages."""
    if "value_at_risk" not in plan.customers:
        return None
    values = np.sort(plan.customers["value_at_risk"].fillna(0).to_numpy(float).clip(min=0))[::-1]
    held_by = int(np.searchsorted(np.cumsum(values), values.sum() / 2) + 1) if values.sum() > 0 else 0
    return AtRisk(money(values.sum(), plan.attrs.get(CURRENCY)), held_by)


def todo_of(plan: Plan | StoredPlan, *, suppress_below: int) -> Todo | None:
    """Return how many get which action, and what the plan should bring; None where it brings no money."""
    told = plan.attrs
    if told.get("net_mean") is None:
        return None
    currency, rows = told.get(CURRENCY), plan.tables["actions"]
    used = rows[(rows["customers"] > 0) & ~rows["action"].isin(["total", NO_ACTION, HOLD_OUT])]
    held_out = int(told.get("held_out") or 0)
    return Todo(
        tuple(
            (word(name), shown_count(int(number), suppress_below))
            for name, number in zip(used["action"], used["customers"], strict=True)
        ),
        shown_count(held_out, suppress_below) if held_out else "",
        Amount(*(money(told[f"net_{part}"], currency) for part in ("mean", "p05", "p95"))),
        money(told["cost_mean"], currency),
        _sources(plan.tables["effects"], used["action"].tolist()),
        told.get("p_loss"),
    )


def shown_count(number: int, suppress_below: int) -> str:
    """Return a number of customers as text, "<10" where it is smaller than what may be shown."""
    return f"{number:,}" if number >= suppress_below or number == 0 else f"<{suppress_below}"


def _sources(effects: pd.DataFrame, used: Sequence[str]) -> Literal["assumed", "partly", "tested"]:
    """Return whether the effects of these actions were tested."""
    mine: pd.Series[Any] = effects.loc[effects["action"].isin(used), "effect_source"].astype(str)
    tested = mine == "test"
    return "tested" if len(mine) and tested.all() else "partly" if tested.any() else "assumed"
