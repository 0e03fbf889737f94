"""The sections of a report about scores, and about forecasts that have been overtaken."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import pandas as pd

from bayesltv.evaluation.result import ALL, Evaluation
from bayesltv.languages.language import mark, retold, tr, word
from bayesltv.languages.written import day
from bayesltv.names import COMMON_SHOCKS, CURRENCY, CUSTOMER_ID, GROUP
from bayesltv.prediction.scores.score import ScoreTable
from bayesltv.prediction.totals import summarise_totals, sums_of_means
from bayesltv.redaction import Redaction
from bayesltv.report.page.parts import Grid, Section, count, facts_of, grid_of, interval, picture_of
from bayesltv.report.page.small_cells import is_small, without_small
from bayesltv.report.style import money, value_label


def scored(
    scores: ScoreTable,
    *,
    groups: Sequence[str] = (),
    redaction: Redaction | None = None,
    people: int = 1,
    suppress_below: int = 0,
) -> Section:
    """Return tiers, totals and single customers of a score table; without `people` none of these."""
    from bayesltv.prediction.scores.score_columns import tiers_among
    from bayesltv.report.figures.customers import plot_ltv_intervals, spread_of_customers
    from bayesltv.report.figures.tiers import plot_tiers, rows_of

    told = scores.attrs
    totals = scores.totals
    has_tiers = bool(tiers_among(scores.columns))
    by = ["tier"] if has_tiers else []
    by += ["group"] if totals.sizes[GROUP] > 1 else []
    grids = [_totals(scores, each, groups, suppress_below) for each in by or ["tier"]]
    is_told = has_tiers and not is_small(totals["customers"].sum(GROUP).values, suppress_below).any()
    pictures = [picture_of("tiers", plot_tiers(scores))] if is_told else []
    if "ltv_p95" in scores and len(scores) and people:
        chosen = rows_of(scores, spread_of_customers(scores))
        if redaction is not None:
            chosen[CUSTOMER_ID] = [redaction.hashed(each) for each in chosen[CUSTOMER_ID].astype(str)]
        chosen.attrs = dict(told)
        pictures.append(picture_of("ltv_intervals", plot_ltv_intervals(chosen, chosen[CUSTOMER_ID].tolist())))
    facts = {
        "value is": value_label(told),
        "customers": count(len(scores)),
        "as of": told.get("as_of_date"),
        "posterior draws": count(told.get("draws")),
        "seed": count(told.get("seed")),
        "totals": retold(str(told[COMMON_SHOCKS])) if COMMON_SHOCKS in told else None,
        "failed checks that were accepted": ", ".join(told.get("accepted_failed_checks") or []),
    }
    return Section(
        "scores",
        tr("What customers are worth"),
        tr(
            "Sums over customers are taken within each posterior draw, so that intervals of totals "
            "are right; a single customer's interval also holds that customer's own luck."
        ),
        (),
        (facts_of(facts, tr("Scores")), *grids),
        tuple(pictures),
    )


def held_out(evaluation: Evaluation, *, suppress_below: int = 0) -> Section:
    """Return a forecast against what happened."""
    from bayesltv.report.figures.evaluation import evaluation_figures

    facts = evaluation.facts
    overall = evaluation.scores[evaluation.scores["group"] == ALL].drop(columns=["group", "customers"])
    single = overall.set_index("quantity").rename(columns=lambda name: name.replace("_", " ")).T
    coverage = evaluation.coverage[evaluation.coverage["group"] == ALL].drop(columns="group")
    totals = evaluation.totals[["quantity", "group", "actual", "mean", "p05", "p95", "inside_90"]]
    overall_totals = totals[totals["group"] == ALL].drop(columns="group")
    counts = evaluation.scores.set_index(["quantity", "group"])["customers"]
    by_group = totals[totals["group"] != ALL].join(counts, on=["quantity", "group"])
    by_group["customers"] = by_group["customers"].fillna(by_group["group"].map(counts.groupby("group").max()))
    by_group = without_small(by_group, suppress_below, within="quantity")
    left = facts["new_customers_left_out"]
    text = mark("{customers:,} customers, {after} to {until}.")
    if left:
        text = mark("{customers:,} customers, {after} to {until}; {left:,} new customers are left out.")
    after, until = day(facts["after"]), day(facts["until"])
    note = tr(text, customers=facts["customers"], after=after, until=until, left=left)
    return Section(
        "holdout",
        tr("Forecasts against what happened"),
        tr("A time that the fit has not seen: calibrated forecasts are right as often as they say they are."),
        (note,),
        (
            _whole_numbers(overall_totals, tr("Totals, with 90 % intervals")),
            grid_of(coverage, tr("Share of customers inside intervals: predictive, and of the expectation")),
            grid_of(single.reset_index(names="score"), tr("Scores of single forecasts")),
            grid_of(evaluation.events, tr("Events")),
            grid_of(evaluation.ranking, tr("Ranking")),
            _whole_numbers(by_group, tr("Totals by group, with 90 % intervals")),
        ),
        tuple(picture_of(name, draw()) for name, draw in evaluation_figures(evaluation).items()),
    )


def _totals(scores: ScoreTable, by: str, groups: Sequence[str], suppress_below: int) -> Grid:
    means, currency = sums_of_means([scores], by=by, columns=groups), scores.attrs.get(CURRENCY)
    summed = without_small(summarise_totals(scores.totals, by=by, means=means), suppress_below)
    columns: dict[str, Any] = {by: summed[by], "customers": [count(n) for n in summed["customers"]]}
    for name in ("purchases", "spend", "value"):
        if f"{name}_mean" in summed:
            amounts = summed[[f"{name}_{part}" for part in ("mean", "p05", "p95")]].to_numpy().tolist()
            write = partial(money, currency=None if name == "purchases" else currency)
            columns[name] = ["" if math.isnan(row[1]) else interval(row, write) for row in amounts]
    table = pd.DataFrame(columns)
    status = ["total" if label == "total" else "" for label in table[by]]
    caption = tr(
        "Totals over the horizon by {by}: means, which add up, and in brackets 90 % intervals", by=word(by)
    )
    return grid_of(table, caption, formats=dict.fromkeys([*columns][1:], str), status=status)


def _whole_numbers(table: pd.DataFrame, caption: str) -> Grid:
    write = dict.fromkeys(("actual", "mean", "p05", "p95"), lambda total: f"{total:,.0f}")
    heads = {"mean": "forecast", "p05": "5 %", "p95": "95 %", "inside_90": "inside"}
    return grid_of(table, caption, heads=heads, formats=write)
