"""The section of a report about what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesltv.names import (
    CURRENCY,
)
from bayesltv.report.files.stored import StoredPlan
from bayesltv.report.page.parts import Section, grid_of, interval, picture_of, png_picture
from bayesltv.report.style import money

if TYPE_CHECKING:
    from bayesltv.decisions.plan import Plan

_MONEY_OF_ACTIONS = (
    "incremental_margin", "incremental_discount", "subsidy", "contact_cost", "running_cost", "service_cost",
    "fixed_cost", "cost", "net", "net_p05", "net_p50", "net_p95", "behind_plan", "behind_plan_p05",
    "behind_plan_p95", "cvar", "regret", "evpi", "evppi", "net_benefit", "value", "value_latent", "value_p05",
    "value_p95", "value_to_date", "past_value",
)  # fmt: skip
_SHARES = ("p_pays", "p_loss", "p_plan_better", "share_of_effect")
_ACTION_COLUMNS = (
    "action", "customers", "incremental_margin", "incremental_discount", "subsidy", "contact_cost",
    "running_cost", "service_cost", "fixed_cost", "net", "net_p05", "net_p95", "p_pays",
)  # fmt: skip
_POLICY_COLUMNS = (
    "policy", "customers", "cost", "net", "net_p05", "net_p95", "p_loss", "behind_plan", "p_plan_better"
)  # fmt: skip
_RETURN_COLUMNS = (
    "segment", "action", "eligible", "chosen", "net", "net_p05", "net_p95", "roi", "roi_p05", "roi_p95",
    "p_pays",
)  # fmt: skip
_PORTFOLIO_COLUMNS = (
    "group", "tier", "customers", "value_to_date", "past_value", "value_latent", "value_p05", "value_p95"
)  # fmt: skip
_HEADS = {
    "value_latent": "expected value",
    "value_p05": "value, 5 %",
    "value_p95": "value, 95 %",
    "net_p05": "net, 5 %",
    "net_p95": "net, 95 %",
    "p05": "5 %",
    "p95": "95 %",
    "p_pays": "pays with",
    "p_loss": "loses, given your assumptions, with",
    "p_plan_better": "plan is better with",
    "roi_p05": "ROI, 5 %",
    "roi_p95": "ROI, 95 %",
    "roi": "ROI",
    "share_of_effect": "share of the effects",
    "effect_source": "from",
    "break_even": "pays from",
    "break_even_elasticity": "as an elasticity",
}
_CAPTIONS = {
    "actions": "What each action brings and costs",
    "effects": "What is believed of each effect, and from where the action would just pay",
    "policies": "The plan beside what else could be done",
    "segments": "Customers by tier and stage",
    "returns": "What each action returns by tier: all who are eligible, before fixed costs",
    "sceptic": "The plan if its actions do less than is believed",
    "portfolio": "Existing customers: what they spent, and what they will",
    "uplift": "What the tests measured, raw and shrunk",
    "migration": "From which tier to which since the earlier export",
    "test_plans": "Whether to test first",
    "acquisition": "What new customers are worth against their cost",
    "next_unit": "What one more unit of money brings",
}


def planned(plan: Plan | StoredPlan) -> Section:
    """Return who gets what, what it brings, and what else could be done; no customers."""
    if isinstance(plan, StoredPlan):
        tables: Mapping[str, pd.DataFrame] = plan.tables
        pictures = [
            png_picture(name, content)
            for name, content in plan.pictures.items()
            if _is_of_use(name, tables.get("test_plans"))
        ]
    else:
        from bayesltv.report.figures.plan import plan_figures

        tables = plan.tables
        pictures = [
            picture_of(name, drawn)
            for name, drawn in plan_figures(plan).items()
            if _is_of_use(name, plan.test_plans)
        ]
    told = plan.attrs
    currency = told.get(CURRENCY)
    write: dict[str, Callable[[Any], str]] = dict.fromkeys(
        _MONEY_OF_ACTIONS, partial(money, currency=currency)
    )
    write |= dict.fromkeys(
        ("value_per_customer", "average_order"), partial(money, currency=currency, decimals=2)
    )
    write |= dict.fromkeys(_SHARES, lambda share: f"{100 * share:.0f} %")
    grids = [
        grid_of(
            _columns_of(name, tables[name]),
            caption,
            heads=_HEADS,
            formats=write,
            status=_last_is_total(name, tables[name]),
        )
        for name, caption in _CAPTIONS.items()
        if name in tables and len(tables[name])
    ]
    return Section(
        "plan",
        "What to do",
        f"Who gets which action within {told.get('horizon')}, what that is expected to bring and to cost, "
        "and how sure that is.",
        _notes_of_plan(told, currency),
        tuple(grids),
        tuple(pictures),
    )


def _columns_of(name: str, table: pd.DataFrame) -> pd.DataFrame:
    if name == "actions":
        used = table[(table["customers"] > 0) | (table["action"] == "total")]
        return used[[each for each in _ACTION_COLUMNS if each in table]]
    if name == "returns":
        return table.loc[(table["by"] == "tier") & (table["eligible"] > 0), list(_RETURN_COLUMNS)]
    chosen = {"policies": _POLICY_COLUMNS, "portfolio": _PORTFOLIO_COLUMNS}.get(name, table.columns)
    return table[[each for each in chosen if each in table]]


def _last_is_total(name: str, table: pd.DataFrame) -> list[str] | None:
    if name != "actions":
        return None
    return ["total" if each == "total" else "" for each in _columns_of(name, table)["action"]]


def _is_of_use(picture: str, tests: pd.DataFrame | None) -> bool:
    """Whether a picture shows more than its table says: that of a test does where the test pays."""
    if tests is None or not picture.startswith("test_value_"):
        return True
    paying = tests.loc[tests["n_per_arm"] > 0, "action"].astype(str)
    return picture.removeprefix("test_value_") in set(paying)


def _notes_of_plan(told: Mapping[str, Any], currency: object) -> tuple[str, ...]:
    notes = []
    if told.get("net_mean") is not None:
        net = [told[f"net_{part}"] for part in ("mean", "p05", "p95")]
        amounts = interval(net, partial(money, currency=currency))
        spent = money(told["cost_mean"], currency)
        notes.append(f"The plan is expected to bring {amounts} net for {spent} spent.")
    if told.get("held_out"):
        notes.append(
            f"{told['held_out']:,} more customers should get an action, and are held out at random, so that "
            "the effects can be learnt."
        )
    if told.get("shadow_price"):
        more = money(told["shadow_price"], currency, decimals=2)
        notes.append(f"Another {money(1, currency)} would bring {more}.")
    return tuple(notes)
