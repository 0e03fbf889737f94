"""The demo told to somebody who sees such a model for the first time."""

from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bayesltv.cli.output.narrow import print_line
from bayesltv.cli.output.plan import (
    actions_table,
    budget_lines,
    policies_table,
    portfolio_lines,
    segments_table,
)
from bayesltv.cli.output.table import headed
from bayesltv.demo import HORIZON, Demo
from bayesltv.engines.local import ScoreFolder
from bayesltv.evaluation.result import ALL, Evaluation
from bayesltv.jobs.spark import SparkScores
from bayesltv.languages.language import mark, retold, tr, trn
from bayesltv.languages.written import day, percent, span
from bayesltv.names import COMMON_SHOCKS, CUSTOMER_ID, FREQUENCY
from bayesltv.prediction.scores.score import ScoreTable
from bayesltv.prediction.scores.score_columns import tier_column
from bayesltv.prediction.totals import summarise_totals, sums_of_means
from bayesltv.report.style import money

type AnyScores = ScoreTable | ScoreFolder | SparkScores
OPEN_NEXT = {
    "report.html": mark("all of it on one page, for a browser or for paper"),
    "customers.csv": mark("the plan for a CRM: one row per customer, who gets which action"),
    "at_risk.csv": mark("who is slipping away, by the money at stake"),
    "scores.csv": mark("one row per customer: value, tier probabilities, next purchase"),
}
"""What somebody opens first of all that the demo makes, and what is in it."""


def summed_by_tier(scores: AnyScores) -> pd.DataFrame:
    """Return totals by tier and of all ("total"): means, which add up, and 5 and 95 % quantiles."""
    tables = [scores] if isinstance(scores, ScoreTable) else scores.tables()
    return summarise_totals(scores.totals, means=sums_of_means(tables))


def has_tiers(scores: AnyScores) -> bool:
    """Whether customers were put into tiers."""
    return [str(name) for name in scores.totals["tier"].values] != ["all"]


def tier_sizes(scores: AnyScores) -> dict[str, int]:
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
    text = mark("Value within {horizon}, {currency}") if currency else mark("Value within {horizon}")
    title = tr(text, horizon=span(horizon), currency=currency)
    table = headed(("tier", "customers", "expected", "90 % interval"), names=("tier",), title=title)
    *tiers, whole = summed.to_dict("records")
    for row in (*reversed(tiers), whole):
        if row is whole:
            table.add_section()
        mean, low, high = (money(row[f"value_{part}"]) for part in ("mean", "p05", "p95"))
        name = tr("all" if row is whole else str(row["tier"]))
        interval = tr("{low} to {high}", low=low, high=high)
        table.add_row(name, f"{int(row['customers']):,}", mean, interval)
    return table


def tell_demo(demo: Demo, console: Console) -> None:
    """Print what was done, what came out, and where it is."""
    observed = day(demo.summary.attrs["observation_end"])
    repeat = int((demo.summary[FREQUENCY] > 0).sum())
    cohorts = demo.summary["cohort"].nunique()
    _heading(console, tr("1  What was known on {observed}", observed=observed))
    if demo.shop.note:
        _say(console, tr("These customers are made up. {note}\n", note=tr(demo.shop.note)))
    _say(
        console,
        tr(
            "{n:,} customers of {shop}, who first bought in one of {cohorts} weeks (cohorts) of 1997; "
            "{repeat:,} of them bought again, {times:,} times in all.",
            n=len(demo.summary),
            shop=demo.shop.name,
            cohorts=cohorts,
            repeat=repeat,
            times=int(demo.summary[FREQUENCY].sum()),
        ),
    )
    _heading(console, tr("2  Can the fit be trusted?"))
    console.print(demo.report)
    _heading(console, tr("3  Did the forecast hold?"))
    _tell_holdout(demo, console)
    _heading(console, tr("4  What are the customers worth?"))
    _tell_value(demo, console)
    _heading(console, tr("5  Who should get what?"))
    _tell_plan(demo, console)
    _heading(console, tr("6  What to open next"))
    print_line(console, tr("In {folder}:", folder=demo.folder))
    console.print(_next(demo))
    _say(
        console,
        tr("All {files} files are there too: fit, tables, figures, manifests.", files=len(demo.files)),
    )
    _say(
        console,
        tr(
            "\nYour own purchases: bayesltv summarize LOG.csv ..., then fit, score and decide; each with "
            "--help. In Python: ltv.load({fit!r}).",
            fit=str(demo.folder / "fit.nc"),
        ),
    )


def _tell_holdout(demo: Demo, console: Console) -> None:
    held = demo.evaluation
    horizon = span(HORIZON)
    _say(
        console,
        tr("The model has not seen the {horizon} that followed. All customers together:", horizon=horizon),
    )
    table = headed(("", "predicted", "90 % interval", "actual", "actual is"), names=("", "actual is"))
    totals = [held.total(quantity) for quantity in ("purchases", "spend")]
    for name, total in zip(("purchases", "spend, USD"), totals, strict=True):
        mean, low, high, actual = (money(total[part]) for part in ("mean", "p05", "p95", "actual"))
        off = percent(total["actual"] / total["mean"] - 1, sign="+")
        where = tr("inside") if total["inside_90"] else tr("outside, {off} off", off=off)
        table.add_row(tr(name), mean, tr("{low} to {high}", low=low, high=high), actual, where)
    console.print(table)
    if not all(total["inside_90"] for total in totals):
        _say(
            console,
            tr(
                "Totals can miss: the model knows each customer's chances, but nothing that moves all "
                "customers at once, such as a Christmas season or a price cut."
            ),
        )
    share = percent(covered_share(held))
    _say(
        console,
        tr(
            "Customer by customer: {share} of them spent an amount within their own 90 % interval.",
            share=share,
        ),
    )


def _tell_value(demo: Demo, console: Console) -> None:
    value = demo.decision.value
    share, horizon, rate = (
        percent(value.margin_share),
        span(value.horizon),
        percent(value.annual_discount_rate),
    )
    _say(
        console,
        tr(
            "Value is {share} of what a customer will spend within {horizon}, discounted by {rate} a "
            "year. Margin, horizon and tiers stand in `bayesltv models show retention`.",
            share=share,
            horizon=horizon,
            rate=rate,
        ),
    )
    told = demo.scores.attrs
    summed = summed_by_tier(demo.scores)
    console.print(tiers_table(summed, horizon=told["horizon"], currency=told["currency"]))
    _say(console, tr("Totals: {shocks}.", shocks=retold(told[COMMON_SHOCKS])))
    _say(console, tr("Expected values add up, from customers to tiers to all; the ends of intervals do not."))
    _say(
        console,
        tr("The customer in the middle of each tier. A point estimate would give you the mean alone:"),
    )
    console.print(_examples(demo))
    _say(
        console,
        tr(
            "Customers leave unseen: this model (MBG/NBD) lets them leave after any purchase, the first one "
            "included. Under BG/NBD (the spec by_group) whoever bought once would count as active for ever."
        ),
    )


def _tell_plan(demo: Demo, console: Console) -> None:
    budget = demo.decision.budget
    amount = None if budget is None else budget.amount
    _say(
        console,
        tr(
            mark(
                "{actions} kinds of action, no limit. No campaign was tested here: every effect is assumed, "
                "with harm allowed for; `bayesltv decide --plan-test` says whether a test pays first."
            )
            if amount is None
            else mark(
                "{actions} kinds of action, a budget of {amount:,.0f} USD. No campaign was tested here: "
                "every effect is assumed, with harm allowed for; `bayesltv decide --plan-test` says "
                "whether a test pays first."
            ),
            actions=len(demo.decision.actions),
            amount=amount,
        ),
    )
    console.print(segments_table(demo.plan))
    console.print(actions_table(demo.plan))
    console.print(policies_table(demo.plan))
    for line in (*portfolio_lines(demo.plan), *budget_lines(demo.plan)):
        _say(console, f"{line[0].upper()}{line[1:]}.")


def _examples(demo: Demo) -> Table:
    heads = (
        "customer", "tier", "bought", "still active", "mean value", "90 % interval", "how sure of the tier",
    )  # fmt: skip
    table = headed(heads, names=("customer", "tier"))
    for tier in reversed([str(each) for each in demo.scores.totals["tier"].values]):
        row = middle_of(demo.scores, tier)
        if row is not None:
            values = (row[f"ltv_{part}"] for part in ("mean", "p05", "p95"))
            mean, low, high = (money(each, "USD", decimals=2) for each in values)
            table.add_row(
                str(row[CUSTOMER_ID]),
                tr(tier),
                _times(int(row[FREQUENCY]) + 1),
                percent(row["p_alive"]),
                mean,
                tr("{low} to {high}", low=low, high=high),
                percent(row[tier_column(tier)]),
            )
    return table


def middle_of(scores: pd.DataFrame, tier: str) -> "pd.Series[Any] | None":
    """Return the customer in the middle of a tier's ranking by mean value; None for an empty tier."""
    ranking = pd.DataFrame(scores[scores["tier"] == tier]).sort_values(["ltv_mean", CUSTOMER_ID])
    return None if ranking.empty else ranking.iloc[len(ranking) // 2]


def _next(demo: Demo) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, content in OPEN_NEXT.items():
        for path in demo.files:
            if path.name == name:
                table.add_row(Text(str(path.relative_to(demo.folder))), tr(content))
    return table


def _times(count: int) -> str:
    return trn("once", "{n} times", count)


def covered_share(held: Evaluation) -> float:
    """Return the share of customers whose spend lies within their own 90 % interval."""
    table = held.coverage
    chosen = (table["quantity"] == "spend") & (table["group"] == ALL) & (table["level"] == 0.9)
    return float(table.loc[chosen, "predictive"].iloc[0])


def _heading(console: Console, text: str) -> None:
    console.print(f"\n[bold]{text}[/bold]")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False)
