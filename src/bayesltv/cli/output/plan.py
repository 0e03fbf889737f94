"""A plan as tables for a terminal."""

import math
from typing import Any

import pandas as pd
from rich.table import Table

from bayesltv.cli.output.table import headed
from bayesltv.decisions.customers.refresh import Refresh
from bayesltv.decisions.plan import Plan
from bayesltv.experiments.effects import RATE_FACTOR
from bayesltv.languages.language import label, mark, tr, word
from bayesltv.languages.written import percent, span
from bayesltv.report.style import money
from bayesltv.specs.decision.actions import EFFECTS

_BUDGETS = {
    (False, False): mark("no budget, of which {cost} is spent; more would not return itself"),
    (False, True): mark("no budget, of which {cost} is spent; another {unit} would return {returned}"),
    (True, False): mark("a budget of {budget}, of which {cost} is spent; more would not return itself"),
    (True, True): mark(
        "a budget of {budget}, of which {cost} is spent; another {unit} would return {returned}"
    ),
}
"""By whether there is a budget, and whether more would pay."""
_PAYS = {
    False: mark("{action} pays from {parameter} {break_even} on (assumed {mean})"),
    True: mark("{action} pays up to {parameter} {break_even} (assumed {mean})"),
}
"""By whether less of the effect is better."""
LESS_IS_MORE = ("dropout", "second_dropout")
POLICIES_SHOWN = 8


def actions_table(plan: Plan) -> Table:
    """Return the profit and loss of each action that somebody gets, and in all."""
    told, currency = plan.attrs, plan.attrs["currency"]
    basis, horizon = word(told["value_basis"]), span(told["horizon"])
    title = tr(
        "What the plan brings ({basis}) within {horizon}, discounted, given the believed effects",
        basis=basis,
        horizon=horizon,
    )
    heads = (
        "action",
        "customers",
        tr("more {value_basis}", value_basis=basis),
        "discount",
        "of it subsidy",
        "other cost",
        "net",
        "90 % interval",
        "pays",
    )
    table = headed(heads, names=("action",), title=title)
    rows = plan.actions[(plan.actions["customers"] > 0) | (plan.actions["action"] == "total")]
    for row in rows.to_dict("records"):
        if row["action"] == "total":
            table.add_section()
        discount = row["incremental_discount"] + row["subsidy"]
        other = row["contact_cost"] + row["running_cost"] + row["service_cost"] + row["fixed_cost"]
        amounts = [
            money(x, currency)
            for x in (row["incremental_margin"], discount, row["subsidy"], other, row["net"])
        ]
        interval = range_text(row, "net", currency)
        table.add_row(
            label(str(row["action"])),
            f"{int(row['customers']):,}",
            *amounts,
            interval,
            percent(row["p_pays"]),
        )
    return table


def policies_table(plan: Plan) -> Table:
    """Return the plan beside the best of what it is compared with."""
    currency = plan.attrs["currency"]
    basis = word(plan.attrs["value_basis"])
    title = tr("The plan beside what else could be done ({basis})", basis=basis)
    heads = ("policy", "customers", "cost", "net", "90 % interval", "behind the plan", "plan is better")
    table = headed(heads, names=("policy",), title=title)
    others = plan.policies.iloc[1:].sort_values("net", ascending=False, kind="stable")
    must = others["policy"].isin(("none", "current"))
    shown = others[must | (others["net"].rank(ascending=False, method="first") <= POLICIES_SHOWN)]
    for row in [*plan.policies.iloc[:1].to_dict("records"), *shown.to_dict("records")]:
        is_plan = row["policy"] == plan.policies["policy"].iloc[0]
        table.add_row(
            word(row["policy"]),
            f"{int(row['customers']):,}",
            money(row["cost"], currency),
            money(row["net"], currency),
            range_text(row, "net", currency),
            "" if is_plan else money(row["behind_plan"], currency),
            "" if is_plan else percent(row["p_plan_better"]),
            style="bold" if is_plan else None,
        )
    return table


def segments_table(plan: Plan) -> Table:
    """Return key figures by tier, from high to low, and stage; places where nobody is are left out.

    Beside the customers of a label stands how many of the tier are in the stage, with 90 %.
    """
    told, currency = plan.attrs, plan.attrs["currency"]
    basis, horizon = word(told["value_basis"]), span(told["horizon"])
    title = tr("Who they are: tier by stage, value ({basis}) within {horizon}", basis=basis, horizon=horizon)
    heads = (
        "tier", "stage", "labelled", "in stage, 90 %", "will buy", "alive", "bought again", "order",
        "value", "each",
    )  # fmt: skip
    table = headed(heads, names=("tier", "stage"), title=title)
    has_stages = plan.segments["stage"].nunique() > 1
    names = [str(name) for name in dict.fromkeys(plan.segments["tier"])]
    for tier in (*reversed(names[:-1]), names[-1]):
        mine = plan.segments[(plan.segments["tier"] == tier) & (plan.segments["customers"] > 0)]
        for row in mine.to_dict("records"):
            is_sum = row["stage"] == "all" and has_stages
            known = not math.isnan(row["in_stage_p05"])
            interval = f"{row['in_stage_p05']:,.0f}–{row['in_stage_p95']:,.0f}" if known else ""
            shares = [share_text(row[name]) for name in ("retention", "alive", "repurchase")]
            table.add_row(
                tr(tier), word(row["stage"]), f"{int(row['customers']):,}", interval, *shares,
                *(money(row[name], currency) for name in ("average_order", "value")),
                money(row["value_per_customer"], currency, decimals=2), style="bold" if is_sum else None,
            )  # fmt: skip
        table.add_section()
    return table


def portfolio_lines(plan: Plan) -> list[str]:
    """Return what all customers brought and should bring, and what simpler reckonings say."""
    whole, currency = plan.portfolio.iloc[-1], plan.attrs["currency"]
    value, interval = money(whole["value_latent"], currency), range_text(whole, "value", currency)
    past, basis = money(whole["past_value"], currency), word(whole["value_basis"])
    scope, horizon = label(whole["scope"]), span(plan.attrs["horizon"])
    lines = [
        tr(
            "{scope}: worth {value} within {horizon} ({interval} at 90 %), {past} so far ({basis})",
            scope=scope,
            horizon=horizon,
            value=value,
            interval=interval,
            past=past,
            basis=basis,
        )
    ]
    simple = plan.simple_ltv[plan.simple_ltv["group"] == "all"]
    said = [f"{word(row['method'])} {money(row['total'], currency)}" for row in simple.to_dict("records")[1:]]
    return [*lines, tr("simpler reckonings would say: {methods}", methods=", ".join(said))] if said else lines


def refresh_line(refresh: Refresh) -> str:
    """Return what changed since the earlier export."""
    return tr(
        "since the earlier export {movers:,} customers moved to another tier, {stayed} stayed; "
        "stability index {stability_index:.3f} (below 0.1 stable, above 0.25 a shift)",
        movers=len(refresh.movers),
        stayed=percent(refresh.stayed),
        stability_index=refresh.stability_index,
    )


def uplift_shown(table: pd.DataFrame, *, title: str, currency: object = None) -> Table:
    """Return effects by cell and arm, raw and shrunk: money per customer."""
    kinds = table["rate_is"].unique()
    rate = "rate ×" if list(kinds) == [RATE_FACTOR] else "hazard ratio"
    heads = ("cell", "arm", "customers", "control", "raw effect", "shrunk effect", "90 %", "P(> 0)", rate)
    shown = headed(heads, names=("cell", "arm"), title=title)
    decimals = 2 if table["effect_mean"].abs().max() >= 1 else 4
    for row in table.to_dict("records"):
        raw, error, mean, low, high = (
            money(row[f"effect_{each}"], currency, decimals=decimals)
            for each in ("raw", "raw_se", "mean", "p05", "p95")
        )
        shown.add_row(
            label(str(row["cell"])),
            str(row["arm"]),
            f"{row['customers']:,}",
            f"{row['control_customers']:,}",
            "" if math.isnan(row["effect_raw"]) else f"{raw} ± {error}",
            mean,
            tr("{low} to {high}", low=low, high=high),
            share_text(row["p_positive"]),
            number_text(row["rate_p50"]),
        )
    return shown


def sceptic_lines(plan: Plan) -> list[str]:
    """Return what is left of the plan if its actions do less than is believed."""
    if plan.sceptic is None or not plan.attrs["cost_mean"]:
        return []
    net = plan.sceptic.set_index("share_of_effect")["net"]
    none, half = (money(net[share], plan.attrs["currency"]) for share in (0.0, 0.5))
    enough = plan.attrs["break_even_share"]
    pays = (
        mark(
            "if no action works the plan nets {none}, with half of the believed effects {half}; "
            "it loses even if all do"
        )
        if math.isnan(enough)
        else mark(
            "if no action works the plan nets {none}, with half of the believed effects {half}; "
            "it pays from {enough} of them on"
        )
    )
    return [tr(pays, none=none, half=half, enough=percent(enough))]


def share_text(value: float) -> str:
    """Return a share in per cent; a dash where it is not known."""
    return "–" if math.isnan(value) else percent(value)


def number_text(value: float) -> str:
    """Return a number; a dash where it is not known."""
    return "–" if math.isnan(value) else f"{value:,.2f}"


def range_text(row: Any, name: str, currency: object = None) -> str:  # noqa: ANN401
    """Return the 90 % interval of an amount of money of a row."""
    low, high = (money(row[f"{name}_{part}"], currency) for part in ("p05", "p95"))
    return tr("{low} to {high}", low=low, high=high)


def budget_lines(plan: Plan) -> list[str]:
    """Return what is to be said of budget, hold-out and where the effects come from."""
    told, currency = plan.attrs, plan.attrs["currency"]
    price = told["shadow_price"]
    lines = (
        []
        if plan.split is not None
        else [
            tr(
                _BUDGETS[told["budget"] is not None, price > 0],
                budget=money(math.nan if told["budget"] is None else told["budget"], currency),
                cost=money(told["cost_mean"], currency),
                unit=money(1, currency),
                returned=money(1 + price, currency, decimals=2),
            )
        ]
    )
    counts = plan.customers["assignment"].value_counts()
    if counts.get("hold_out", 0):
        lines.append(
            tr(
                "{hold_out:,} customers are held out at random, so that the effects can be learnt",
                hold_out=counts["hold_out"],
            )
        )
    lines += sceptic_lines(plan)
    assumed = [
        tr(
            _PAYS[row["parameter"] in LESS_IS_MORE],
            action=label(row["action"]),
            parameter=label(row["parameter"]),
            break_even=_size(row["parameter"], row["break_even"]),
            mean=_size(row["parameter"], row["mean"]),
        )
        for row in plan.effects.to_dict("records")
        if not math.isnan(row["break_even"]) and row["effect_source"] == "assumed"
    ]
    if assumed:
        lines.append(tr("effects are assumed, not measured: {effects}", effects="; ".join(assumed)))
    return [*lines, *tested_lines(plan)]


def _size(parameter: str, value: float) -> str:
    """Return a factor, or a share in per cent."""
    return f"× {value:.3g}" if EFFECTS[parameter] == "positive" else percent(value)


def tested_lines(plan: Plan) -> list[str]:
    """Return what tests measured of each action, and what is assumed of it all the same."""
    lines = []
    for action, rows in plan.effects.groupby("action", sort=False):
        tested = rows[rows["effect_source"] == "test"]
        if len(tested):
            known = ", ".join(
                f"{label(name)} ({label(how)})" for name, how in tested[["parameter", "measured_as"]].values
            )
            others = ", ".join(map(label, rows.loc[rows["effect_source"] != "test", "parameter"]))
            lines.append(
                tr(
                    "{action}: a test measured {known}; {others} are assumed",
                    action=label(action),
                    known=known,
                    others=others,
                )
            )
    return lines
