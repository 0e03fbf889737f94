"""The section of a report about what to do."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd

from bayesltv.decisions.plan import TREATED_BEFORE, Plan
from bayesltv.evaluation.result import ALL
from bayesltv.languages.language import mark, tr
from bayesltv.languages.written import percent, span
from bayesltv.names import CURRENCY
from bayesltv.report.files.stored import StoredPlan
from bayesltv.report.page.parts import Picture, Section, grid_of, interval, picture_of, png_picture
from bayesltv.report.page.small_cells import COUNTS, WHOLE, without_small
from bayesltv.report.style import money

_MONEY = (
    "incremental_margin", "incremental_discount", "subsidy", "contact_cost", "running_cost", "service_cost",
    "fixed_cost", "cost", "net", "net_p05", "net_p50", "net_p95", "behind_plan", "behind_plan_p05",
    "behind_plan_p95", "cvar", "regret", "evpi", "evppi", "net_benefit", "value", "value_latent", "value_p05",
    "value_p95", "value_to_date", "past_value", "money",
)  # fmt: skip
_CENTS = (
    "value_per_customer", "average_order", "ltv_new", "ltv_new_p05", "ltv_new_p95", "cac", "max_cac",
    "max_cac_at_target", "next_unit",
)  # fmt: skip
_SHARES = (
    "p_pays", "p_loss", "p_plan_better", "share_of_effect", "retention", "alive", "active", "repurchase",
    "roi", "roi_p05", "roi_p95", "p_ratio_above_target", "p_pays_back",
)  # fmt: skip
_COLUMNS = {
    "actions": (
        "action", "customers", "incremental_margin", "incremental_discount", "subsidy", "contact_cost",
        "running_cost", "service_cost", "fixed_cost", "net", "net_p05", "net_p95", "p_pays",
    ),
    "policies": (
        "policy", "customers", "cost", "net", "net_p05", "net_p95", "p_loss", "behind_plan", "p_plan_better"
    ),
    "returns": (
        "segment", "action", "eligible", "chosen", "net", "net_p05", "net_p95", "roi", "roi_p05", "roi_p95",
        "p_pays",
    ),
    "portfolio_by_tier": (
        "tier", "customers", "value_to_date", "past_value", "value_latent", "value_p05", "value_p95"
    ),
    "portfolio_by_group": (
        "group", "customers", "value_to_date", "past_value", "value_latent", "value_p05", "value_p95"
    ),
    "segments": (
        "tier", "stage", "customers", "retention", "alive", "active", "repurchase", "expected_purchases",
        "average_order", "value", "value_per_customer",
    ),
}  # fmt: skip
"""Of a table, in this order; of others all that are not for machines."""
_FOR_MACHINES = ("scope", "value_basis", "value_kind")
_PARTS_OF = {"segments": "tier", "returns": "action"}
"""Column of what the rows of a table are parts of."""
_COUNTED = {
    "plan_customers": "actions", "plan_returns_tier": "returns", "plan_returns_stage": "segments"
}  # fmt: skip
"""Pictures that count people, and the table that counts them too."""
_HEADS = {
    "value_latent": "expected value",
    "value_to_date": "spent so far",
    "past_value": "margin so far",
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
    "ltv_new": "worth",
    "ratio": "LTV:CAC",
    "p_ratio_above_target": "> target",
    "p_pays_back": "pays back",
    "max_cac": "at most",
    "share_of_effect": "share of the effects",
    "effect_source": "from",
    "break_even": "just pays at",
    "break_even_elasticity": "as an elasticity",
}
_CAPTIONS = {
    "actions": mark("What each action brings and costs"),
    "effects": mark("What is believed of each effect, and from where the action would just pay"),
    "policies": mark("The plan beside what else could be done"),
    "segments": mark("Customers by tier and stage"),
    "returns": mark("What each action returns by tier: all who are eligible, before fixed costs"),
    "sceptic": mark("The plan if its actions do less than is believed"),
    "portfolio_by_tier": mark("Existing customers by tier: what they spent, and what they will"),
    "portfolio_by_group": mark("Existing customers by group: what they spent, and what they will"),
    "uplift": mark("What the tests measured, raw and shrunk"),
    "migration": mark("From which tier to which since the earlier export"),
    "test_plans": mark("Whether to test first"),
    "acquisition": mark("What new customers are worth against their cost"),
    "split": mark("How the budget is shared between the customers one has and new ones"),
    "next_unit": mark("What one more unit of money brings"),
}


def planned(plan: Plan | StoredPlan, *, suppress_below: int = 0) -> Section:
    """Return how many get what, what it brings, and what else could be done; no customers."""
    told = plan.attrs
    tables = {name: _shown(name, table, suppress_below) for name, table in _tables(plan).items()}
    write = _writers(told.get(CURRENCY))
    grids = [
        grid_of(table, _CAPTIONS[name], heads=_HEADS, formats=write, status=_status(table))
        for name, table in tables.items()
    ]
    return Section(
        "plan",
        tr("What to do"),
        tr(
            "Who gets which action within {horizon}, what that is expected to bring and to cost, and "
            "how sure that is.",
            horizon=span(told.get("horizon")),
        ),
        _notes_of_plan(told, told.get(CURRENCY)),
        tuple(grids),
        _pictures(plan, suppress_below),
    )


def _tables(plan: Plan | StoredPlan) -> dict[str, pd.DataFrame]:
    """Return the tables of a page in its order: rows and columns that people read."""
    about_actions = ("actions", "policies") if plan.attrs.get("net_mean") is None else ()
    there = {name: table for name, table in plan.tables.items() if len(table) and name not in about_actions}
    if "portfolio" in there:
        whole = there["portfolio"]
        by_tier, by_group = whole[whole["group"] == ALL], whole[whole["tier"] == ALL]
        there |= {"portfolio_by_tier": by_tier.drop(columns="group")}
        if len(by_group) > 1:
            there |= {"portfolio_by_group": by_group.drop(columns="tier")}
    found = {name: _columns_of(name, there[name]) for name in _CAPTIONS if name in there}
    return {name: table for name, table in found.items() if len(table)}


def _shown(name: str, table: pd.DataFrame, suppress_below: int) -> pd.DataFrame:
    """Return a table without small counts of people."""
    if name == "migration":
        numbers = table.select_dtypes("number")
        hidden = numbers.where((numbers == 0) | (numbers >= suppress_below)).astype(object)
        return table.assign(**hidden.fillna(f"<{suppress_below}"))
    return without_small(table, suppress_below, within=_PARTS_OF.get(name))


def _pictures(plan: Plan | StoredPlan, suppress_below: int) -> tuple[Picture, ...]:
    """Return the pictures that show more than a table says, and no small counts."""
    tables = _tables(plan)
    hidden = {
        picture
        for picture, name in _COUNTED.items()
        if name in tables and not _shown(name, tables[name], suppress_below).equals(tables[name])
    }
    tests = plan.tables.get("test_plans")

    def is_wanted(name: str) -> bool:
        return name not in hidden and _is_of_use(name, tests)

    if isinstance(plan, StoredPlan):
        stored = {name: content for name, content in plan.pictures.items() if is_wanted(name)}
        return tuple(png_picture(name, content) for name, content in stored.items())
    from bayesltv.report.figures.plan import plan_figures

    return tuple(picture_of(name, draw()) for name, draw in plan_figures(plan).items() if is_wanted(name))


def _writers(currency: object) -> dict[str, Callable[[Any], str]]:
    """Return how cells are written, by column."""
    cents = partial(money, currency=currency, decimals=2)
    write: dict[str, Callable[[Any], str]] = dict.fromkeys(_MONEY, partial(money, currency=currency))
    write |= dict.fromkeys(_CENTS, cents)
    write |= dict.fromkeys(_SHARES, percent)
    return write | dict.fromkeys(COUNTS, lambda n: n if isinstance(n, str) else f"{int(n):,}")


def _columns_of(name: str, table: pd.DataFrame) -> pd.DataFrame:
    if name == "actions":
        table = table[(table["customers"] > 0) | (table["action"] == "total")]
    if name == "segments":
        table = table[table["customers"] > 0]
    if name == "returns":
        table = table[(table["by"] == "tier") & (table["eligible"] > 0)]
    chosen = _COLUMNS.get(name, tuple(each for each in table.columns if each not in _FOR_MACHINES))
    return table[[each for each in chosen if each in table]]


def _status(table: pd.DataFrame) -> list[str] | None:
    """Return which rows add the others up."""
    first = table[table.columns[0]].astype(str)
    return ["total" if each in WHOLE else "" for each in first]


def _is_of_use(picture: str, tests: pd.DataFrame | None) -> bool:
    """Whether a picture shows more than its table says: that of a test does where the test pays."""
    if tests is None or not picture.startswith("test_value_"):
        return True
    paying = tests.loc[tests["n_per_arm"] > 0, "action"].astype(str)
    return picture.removeprefix("test_value_") in set(paying)


def treated_notes(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what was done with what an earlier plan did, where it did something."""
    if not told.get(TREATED_BEFORE):
        return ()
    said = tr(
        "{customers:,} customers were treated by the earlier plan: their time since has run by its believed "
        "factors, so that what it did does not count as their habit.",
        customers=told[TREATED_BEFORE],
    )
    return (said,)


def _notes_of_plan(told: Mapping[str, Any], currency: object) -> tuple[str, ...]:
    notes = []
    if told.get("net_mean") is not None:
        net = [told[f"net_{part}"] for part in ("mean", "p05", "p95")]
        amounts = interval(net, partial(money, currency=currency))
        spent = money(told["cost_mean"], currency)
        notes.append(
            tr("The plan is expected to bring {amounts} net for {spent} spent.", amounts=amounts, spent=spent)
        )
    if told.get("held_out"):
        notes.append(
            tr(
                "{held_out:,} more customers should get an action, and are held out at random, so that "
                "the effects can be learnt.",
                held_out=told["held_out"],
            )
        )
    notes += treated_notes(told)
    if told.get("shadow_price"):
        more = money(1 + told["shadow_price"], currency, decimals=2)
        notes.append(tr("Another {unit} would return {more}.", unit=money(1, currency), more=more))
    return tuple(notes)
