"""The demo told to somebody who sees such a model for the first time."""

from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bayesltv.cli.output.plan import (
    actions_table,
    budget_lines,
    policies_table,
    portfolio_lines,
    segments_table,
)
from bayesltv.demo import HORIZON, Demo
from bayesltv.engines.local import ScoreFolder
from bayesltv.evaluation.result import ALL, Evaluation
from bayesltv.names import COMMON_SHOCKS, CUSTOMER_ID, FREQUENCY
from bayesltv.prediction.scores.score import ScoreTable
from bayesltv.prediction.scores.score_columns import tier_column
from bayesltv.prediction.totals import summarise_totals, sums_of_means
from bayesltv.report.style import money

CONTENT = {
    "report.html": "all of it on one page, for a browser or for paper",
    "summary.parquet": "one row per customer: what the model learns from",
    "fit.nc": "the posterior, which ArviZ reads as it is",
    "scores.parquet": "one row per customer: value, tier probabilities, next purchase",
    "scores.csv": "the same for a spreadsheet",
    "scores.totals.parquet": "sums over customers by group, tier and posterior draw",
    "scores.manifest.json": "what it was made from: seed, hashes, versions",
    "posterior.png": "how the cohorts differ",
    "tracking_cumulative.png": "purchases added up, the hold-out beside the forecast",
    "tracking_weekly.png": "the same week by week",
    "calibration.png": "when the model says 30 %, do 30 % come back?",
    "tiers.png": "how sure the tiers are",
    "tier_probabilities.png": "the same for single customers",
    "ltv_intervals.png": "what single customers may be worth",
    "customers.parquet": "the plan for a CRM: one row per customer, who gets which action",
    "customers.csv": "the same for a spreadsheet",
    "actions.csv": "profit and loss of each action",
    "effects.csv": "what is believed of each effect, and where the action would just pay",
    "policies.csv": "the plan beside what else could be done",
    "budget_curve.csv": "what each amount of money could bring",
    "segments.csv": "tier by stage: who they are and how they are doing",
    "portfolio.csv": "all customers by cohort and tier: what they brought and should bring",
    "simple_ltv.csv": "the model's value beside simpler reckonings",
    "returns.csv": "what each action returns in each tier, stage and cohort",
    "sceptic.csv": "the plan if its actions do less than is believed",
    "at_risk.csv": "who is slipping away, by the money at stake",
    "plan.manifest.json": "what the plan was made from",
    "plan_waterfall.png": "from incremental margin to net value",
    "plan_roi.png": "what each action returns",
    "plan_budget_curve.png": "what more budget would bring",
    "plan_policies.png": "the plan beside what else could be done",
    "plan_customers.png": "who gets what",
    "plan_returns_tier.png": "what each action returns by tier",
    "plan_returns_stage.png": "the same by stage",
}
"""What is in each file of the demo."""


def percent(share: float, *, sign: str = "") -> str:
    """Return a share in words: 0.3 is "30 %"."""
    return f"{100 * share:{sign}.0f} %"


def summed_by_tier(scores: ScoreTable | ScoreFolder) -> pd.DataFrame:
    """Return totals by tier and of all ("total"): means, which add up, and 5 and 95 % quantiles."""
    tables = scores.tables() if isinstance(scores, ScoreFolder) else [scores]
    return summarise_totals(scores.totals, means=sums_of_means(tables))


def has_tiers(scores: ScoreTable | ScoreFolder) -> bool:
    """Whether customers were put into tiers."""
    return [str(name) for name in scores.totals["tier"].values] != ["all"]


def tier_sizes(scores: ScoreTable | ScoreFolder) -> dict[str, int]:
    """Return how many customers each tier has, but for those that nobody is in; empty without tiers."""
    customers = scores.totals["customers"].sum("group")
    counts = {str(name): int(customers.sel(tier=name)) for name in scores.totals["tier"].values}
    return {name: n for name, n in counts.items() if n} if has_tiers(scores) else {}


def tiers_table(summed: pd.DataFrame, *, horizon: str, currency: str | None) -> Table:
    """Return the tiers from high to low, and all: customers, and what is expected of them together.

    Parameters
    ----------
    summed : DataFrame
        From `summed_by_tier`.
    """
    unit = f", {currency}" if currency else ""
    table = Table(title=f"Value within {horizon}{unit}", title_justify="left")
    for heading in ("tier", "customers", "expected", "90 % interval"):
        table.add_column(heading, justify="left" if heading == "tier" else "right")
    *tiers, whole = summed.to_dict("records")
    for row in (*reversed(tiers), whole):
        if row is whole:
            table.add_section()
        mean, low, high = (money(row[f"value_{part}"]) for part in ("mean", "p05", "p95"))
        name = "all" if row is whole else str(row["tier"])
        table.add_row(name, f"{int(row['customers']):,}", mean, f"{low} to {high}")
    return table


def tell_demo(demo: Demo, console: Console) -> None:
    """Print what was done, what came out, and where it is."""
    observed = demo.summary.attrs["observation_end"]
    repeat = int((demo.summary[FREQUENCY] > 0).sum())
    cohorts = demo.summary["cohort"].nunique()
    _heading(console, f"1  What was known on {observed}")
    if demo.shop.note:
        _say(console, f"These customers are made up. {demo.shop.note}\n")
    _say(
        console,
        f"{len(demo.summary):,} customers of {demo.shop.name}, who first bought in one of {cohorts} weeks "
        f"(cohorts) of 1997; {repeat:,} of them bought again, {int(demo.summary[FREQUENCY].sum()):,} times "
        "in all.",
    )
    _heading(console, "2  Can the fit be trusted?")
    console.print(demo.report)
    _heading(console, "3  Did the forecast hold?")
    _tell_holdout(demo, console)
    _heading(console, "4  What are the customers worth?")
    _tell_value(demo, console)
    _heading(console, "5  Who should get what?")
    _tell_plan(demo, console)
    _heading(console, "6  Where everything is")
    console.print(f"In {demo.folder}:", markup=False, highlight=False, soft_wrap=True)
    console.print(_files(demo))
    _say(
        console,
        "\nYour own purchases: bayesltv summarize LOG.csv ..., then fit, score and decide; each with --help. "
        f"In Python: ltv.load({str(demo.folder / 'fit.nc')!r}).",
    )


def _tell_holdout(demo: Demo, console: Console) -> None:
    held = demo.evaluation
    _say(console, f"The model has not seen the {HORIZON} that followed. All customers together:")
    table = Table()
    for heading in ("", "predicted", "90 % interval", "actual", "actual is"):
        table.add_column(heading, justify="left" if heading in ("", "actual is") else "right")
    totals = [held.total(quantity) for quantity in ("purchases", "spend")]
    for name, total in zip(("purchases", "spend, USD"), totals, strict=True):
        mean, low, high, actual = (money(total[part]) for part in ("mean", "p05", "p95", "actual"))
        off = percent(total["actual"] / total["mean"] - 1, sign="+")
        where = "inside" if total["inside_90"] else f"outside, {off} off"
        table.add_row(name, mean, f"{low} to {high}", actual, where)
    console.print(table)
    if not all(total["inside_90"] for total in totals):
        _say(
            console,
            "Totals can miss: the model knows each customer's chances, but nothing that moves all "
            "customers at once, such as a Christmas season or a price cut.",
        )
    _say(
        console,
        f"Customer by customer: {percent(covered_share(held))} of them spent an amount within their own 90 % "
        "interval.",
    )


def _tell_value(demo: Demo, console: Console) -> None:
    value = demo.decision.value
    _say(
        console,
        f"Value is {percent(value.margin_share)} of what a customer will spend within {value.horizon}, "
        f"discounted by {percent(value.annual_discount_rate)} a year. Margin, horizon and tiers stand in "
        "`bayesltv models show retention`.",
    )
    told = demo.scores.attrs
    summed = summed_by_tier(demo.scores)
    console.print(tiers_table(summed, horizon=told["horizon"], currency=told["currency"]))
    _say(console, f"Totals: {told[COMMON_SHOCKS]}.")
    _say(console, "Expected values add up, from customers to tiers to all; the ends of intervals do not.")
    _say(console, "The customer in the middle of each tier. A point estimate would give you the mean alone:")
    console.print(_examples(demo))
    _say(
        console,
        "Customers leave unseen: this model (MBG/NBD) lets them leave after any purchase, the first one "
        "included. Under BG/NBD (the spec by_group) whoever bought once would count as active for ever.",
    )


def _tell_plan(demo: Demo, console: Console) -> None:
    budget = demo.decision.budget
    amount = (
        "no limit" if budget is None or budget.amount is None else f"a budget of {budget.amount:,.0f} USD"
    )
    _say(
        console,
        f"{len(demo.decision.actions)} kinds of action, {amount}. No campaign was tested here: every effect "
        "is assumed, with harm allowed for; `bayesltv decide --plan-test` says whether a test pays first.",
    )
    console.print(segments_table(demo.plan))
    console.print(actions_table(demo.plan))
    console.print(policies_table(demo.plan))
    for line in (*portfolio_lines(demo.plan), *budget_lines(demo.plan)):
        _say(console, f"{line[0].upper()}{line[1:]}.")


def _examples(demo: Demo) -> Table:
    table = Table()
    for heading in (
        "customer",
        "tier",
        "bought",
        "still active",
        "mean value",
        "90 % interval",
        "how sure of the tier",
    ):
        table.add_column(heading, justify="left" if heading in ("customer", "tier") else "right")
    for tier in reversed([str(each) for each in demo.scores.totals["tier"].values]):
        row = middle_of(demo.scores, tier)
        if row is not None:
            table.add_row(
                str(row[CUSTOMER_ID]),
                tier,
                _times(int(row[FREQUENCY]) + 1),
                percent(row["p_alive"]),
                f"${row['ltv_mean']:,.2f}",
                f"${row['ltv_p05']:,.2f} to ${row['ltv_p95']:,.2f}",
                percent(row[tier_column(tier)]),
            )
    return table


def middle_of(scores: pd.DataFrame, tier: str) -> "pd.Series[Any] | None":
    """Return the customer in the middle of a tier's ranking by mean value; None for an empty tier."""
    ranking = pd.DataFrame(scores[scores["tier"] == tier]).sort_values(["ltv_mean", CUSTOMER_ID])
    return None if ranking.empty else ranking.iloc[len(ranking) // 2]


def _files(demo: Demo) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for path in demo.files:
        table.add_row(Text(str(path.relative_to(demo.folder))), CONTENT.get(path.name, ""))
    return table


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def covered_share(held: Evaluation) -> float:
    """Return the share of customers whose spend lies within their own 90 % interval."""
    table = held.coverage
    chosen = (table["quantity"] == "spend") & (table["group"] == ALL) & (table["level"] == 0.9)
    return float(table.loc[chosen, "predictive"].iloc[0])


def _heading(console: Console, text: str) -> None:
    console.print(f"\n[bold]{text}[/bold]")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False)
