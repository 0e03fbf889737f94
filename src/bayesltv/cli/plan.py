"""A plan as tables for a terminal."""

import math

from rich.table import Table

from bayesltv.decisions.plan import Plan
from bayesltv.report.style import money

POLICIES_SHOWN = 8


def actions_table(plan: Plan) -> Table:
    """Return the profit and loss of each action that somebody gets, and in all."""
    told, currency = plan.attrs, plan.attrs["currency"]
    table = Table(title=f"What the plan brings within {told['horizon']}, discounted", title_justify="left")
    heads = (
        "action",
        "customers",
        "gain",
        "discount",
        "of it subsidy",
        "other cost",
        "net",
        "90 % interval",
        "pays",
    )
    for head in heads:
        table.add_column(head, justify="left" if head == "action" else "right")
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
        interval = f"{money(row['net_p05'], currency)} to {money(row['net_p95'], currency)}"
        table.add_row(
            str(row["action"]),
            f"{int(row['customers']):,}",
            *amounts,
            interval,
            f"{100 * row['p_pays']:.0f} %",
        )
    return table


def policies_table(plan: Plan) -> Table:
    """Return the plan beside the best of what it is compared with."""
    currency = plan.attrs["currency"]
    table = Table(title="The plan beside what else could be done", title_justify="left")
    for head in ("policy", "customers", "cost", "net", "90 % interval", "behind the plan", "plan is better"):
        table.add_column(head, justify="left" if head == "policy" else "right")
    others = plan.policies.iloc[1:].sort_values("net", ascending=False, kind="stable")
    must = others["policy"].isin(("none", "current"))
    shown = others[must | (others["net"].rank(ascending=False, method="first") <= POLICIES_SHOWN)]
    for row in [*plan.policies.iloc[:1].to_dict("records"), *shown.to_dict("records")]:
        is_plan = row["policy"] == plan.policies["policy"].iloc[0]
        table.add_row(
            str(row["policy"]).replace("_", " "),
            f"{int(row['customers']):,}",
            money(row["cost"], currency),
            money(row["net"], currency),
            f"{money(row['net_p05'], currency)} to {money(row['net_p95'], currency)}",
            "" if is_plan else money(row["behind_plan"], currency),
            "" if is_plan else f"{100 * row['p_plan_better']:.0f} %",
            style="bold" if is_plan else None,
        )
    return table


def budget_lines(plan: Plan) -> list[str]:
    """Return what is to be said of budget, hold-out and where the effects come from."""
    told, currency = plan.attrs, plan.attrs["currency"]
    budget = "no budget" if told["budget"] is None else f"a budget of {money(told['budget'], currency)}"
    price = told["shadow_price"]
    more = (
        f"another {money(1, currency)} would bring {money(price, currency, decimals=2)}"
        if price > 0
        else "more would bring nothing"
    )
    lines = [f"{budget}, of which {money(told['cost_mean'], currency)} is spent; {more}"]
    counts = plan.customers["assignment"].value_counts()
    if counts.get("hold_out", 0):
        lines.append(
            f"{counts['hold_out']:,} customers are held out at random, so that the effects can be learnt"
        )
    assumed = [
        f"{row['action']} pays from {row['parameter']} {row['break_even']:.3g} on, assumed {row['mean']:.3g}"
        for row in plan.effects.to_dict("records")
        if not math.isnan(row["break_even"]) and row["effect_source"] == "assumed"
    ]
    if assumed:
        lines.append("effects are assumed, not measured: " + "; ".join(assumed))
    return lines
