"""New customers as a terminal shows them: their worth against their cost, and their share of the budget."""

import math

from rich.table import Table

from bayesltv.cli.output.plan import number_text, range_text, share_text
from bayesltv.cli.output.table import headed
from bayesltv.decisions.budget_split import group_of
from bayesltv.decisions.plan import Plan
from bayesltv.languages.language import label, mark, tr, word
from bayesltv.languages.written import span
from bayesltv.report.style import money

NEXT_UNITS_SHOWN = 5
GROUPS_SHOWN = 5
FOR_WHOM = "LTV:CAC and pay-back are of a group's new customers taken together, not of each of them"

_SHARED = {
    False: mark(
        "of {whole} spent, {kept} goes to the customers you have and {rest} to new ones ({won}); more would "
        "not return itself"
    ),
    True: mark(
        "of {whole} spent, {kept} goes to the customers you have and {rest} to new ones ({won}); another "
        "{unit} would return {returned}"
    ),
}
"""By whether more money would pay."""


def acquisition_table(plan: Plan) -> Table:
    """Return what a new customer of each group is worth, against its cost."""
    told, currency = plan.attrs, plan.attrs["currency"]
    assert plan.acquisition is not None
    basis, horizon = word(told["value_basis"]), span(told["horizon"])
    title = tr(
        "New customers: value ({basis}) within {horizon}, first purchase included",
        basis=basis,
        horizon=horizon,
    )
    heads = ("group", "worth", "90 %", "costs", "LTV:CAC", "90 %", "> target", "pays back", "at most")
    table = headed(heads, names=("group",), title=title)
    for row in plan.acquisition.to_dict("records"):
        table.add_row(
            label(str(row["group"])),
            money(row["ltv_new"], currency, decimals=2),
            range_text(row, "ltv_new", currency),
            money(row["cac"], currency, decimals=2),
            number_text(row["ratio"]),
            tr("{low} to {high}", low=number_text(row["ratio_p05"]), high=number_text(row["ratio_p95"])),
            share_text(row["p_ratio_above_target"]),
            share_text(row["p_pays_back"]),
            money(row["max_cac"], currency, decimals=2),
        )
    return table


def payback_line(plan: Plan) -> str:
    """Return after what time new customers have paid for themselves, and of whom that is said."""
    assert plan.acquisition is not None
    known = plan.acquisition.dropna(subset="payback").head(GROUPS_SHOWN).to_dict("records")
    said = [
        f"{row['group']} {_time(row['payback'])} ({_time(row['payback_p05'])} to {_time(row['payback_p95'])} "
        "at 90 %)"
        for row in known
    ]
    after = f"{plan.acquisition['payback_unit'].iloc[0]}s to pay back: {', '.join(said)}; " if said else ""
    return f"{after}{FOR_WHOM}"


def next_unit_line(plan: Plan) -> str:
    """Return where one more unit of money does most."""
    assert plan.next_unit is not None
    currency = plan.attrs["currency"]
    uses = [
        f"{label(row['use'])} {money(row['next_unit'], currency, decimals=2)}"
        for row in plan.next_unit.dropna().head(NEXT_UNITS_SHOWN).to_dict("records")
    ]
    return tr("one more {unit} brings, net of itself: {uses}", unit=money(1, currency), uses=", ".join(uses))


def split_table(plan: Plan) -> Table:
    """Return how the budget is shared between the customers one has and new ones."""
    assert plan.split is not None
    currency, basis = plan.attrs["currency"], word(plan.attrs["value_basis"])
    title = tr("How the budget is shared ({basis})", basis=basis)
    heads = ("use", "money", "customers", "at most", "net", "90 % interval", "pays", "next unit")
    table = headed(heads, names=("use",), title=title)
    for row in plan.split.to_dict("records"):
        if row["use"] == "total":
            table.add_section()
        further = row["next_unit"]
        table.add_row(
            label(row["use"]),
            money(row["money"], currency),
            f"{row['customers']:,.0f}",
            "" if not math.isfinite(row["capacity"]) else f"{row['capacity']:,.0f}",
            money(row["net"], currency),
            range_text(row, "net", currency),
            share_text(row["p_pays"]),
            tr("full") if math.isnan(further) else money(further, currency, decimals=2),
        )
    return table


def split_line(plan: Plan) -> str:
    """Return who gets how much of the budget, and what more of it would do."""
    assert plan.split is not None
    currency = plan.attrs["currency"]
    kept, *won, whole = plan.split.to_dict("records")
    new = [
        tr("{customers:,.0f} of {group}", customers=row["customers"], group=label(group_of(row["use"])))
        for row in won
        if row["money"] > 0
    ]
    return tr(
        _SHARED[whole["next_unit"] > 0],
        whole=money(whole["money"], currency),
        kept=money(kept["money"], currency),
        rest=money(sum(row["money"] for row in won), currency),
        won=", ".join(new) or tr("nobody"),
        unit=money(1, currency),
        returned=money(1 + whole["next_unit"], currency, decimals=2),
    )


def _time(value: float) -> str:
    if math.isnan(value):
        return "–"
    return "not within" if math.isinf(value) else f"{value:,.1f}"
