"""The sections of a report, each from one kind of result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.group_scales import CUSTOMERS, group_scales
from bayesltv.data.log.log_warnings import midlife_peak
from bayesltv.evaluation.result import ALL, written
from bayesltv.names import (
    CHAIN,
    CURRENCY,
    CUSTOMER_ID,
    DRAW,
    DROPOUT_MEAN,
    FINGERPRINT,
    FIRST_PURCHASE,
    FREQUENCY,
    GROUP,
    GROUPS,
    MONETARY_VALUE,
    OBSERVATION_END,
    SET_ASIDE,
    SPEND_TYPICAL,
    TIME_UNIT,
)
from bayesltv.prediction.totals import summarise_totals, sums_of_means
from bayesltv.redaction import Redaction
from bayesltv.report.figures import posterior as forest
from bayesltv.report.figures.criticism import check_figures
from bayesltv.report.files.stored import StoredPlan
from bayesltv.report.page.parts import Grid, Section, facts_of, grid_of, interval, picture_of, png_picture
from bayesltv.report.style import money, value_label

if TYPE_CHECKING:
    from bayesltv.checks.result import CheckReport
    from bayesltv.decisions.plan import Plan
    from bayesltv.evaluation.result import Evaluation
    from bayesltv.prediction.scores.score import ScoreTable

_MONEY_OF_ACTIONS = (
    "incremental_margin", "incremental_discount", "subsidy", "contact_cost", "running_cost", "service_cost",
    "fixed_cost", "cost", "net", "net_p05", "net_p50", "net_p95", "behind_plan", "behind_plan_p05",
    "behind_plan_p95", "cvar", "regret", "evpi", "evppi", "net_benefit", "value", "value_latent", "value_p05",
    "value_p95", "value_to_date", "past_value",
)  # fmt: skip
_SHARES = ("p_pays", "p_loss", "p_plan_better")
_ACTION_COLUMNS = (
    "action", "customers", "incremental_margin", "incremental_discount", "subsidy", "contact_cost",
    "running_cost", "service_cost", "fixed_cost", "net", "net_p05", "net_p95", "p_pays",
)  # fmt: skip
_POLICY_COLUMNS = (
    "policy", "customers", "cost", "net", "net_p05", "net_p95", "p_loss", "behind_plan", "p_plan_better"
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
    "p_loss": "loses with",
    "p_plan_better": "plan is better with",
    "effect_source": "from",
    "break_even": "pays from",
    "break_even_elasticity": "as an elasticity",
}
_CAPTIONS = {
    "actions": "What each action brings and costs",
    "effects": "What is believed of each effect, and from where the action would just pay",
    "policies": "The plan beside what else could be done",
    "segments": "Customers by tier and stage",
    "portfolio": "Existing customers: what they spent, and what they will",
    "uplift": "What the tests measured, raw and shrunk",
    "migration": "From which tier to which since the earlier export",
    "test_plans": "Whether to test first",
    "acquisition": "What new customers are worth against their cost",
    "next_unit": "What one more unit of money brings",
}


def origin(fit: xr.DataTree, redaction: Redaction | None = None) -> Section:
    """Return where the fit comes from: data, spec, priors, seed, versions."""
    told = fit.attrs
    spec = json.loads(told["spec"])
    sampler = ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in json.loads(told.get("sampler", "{}")).items()
    )
    facts = {
        "model": spec.get("model", {}).get("title"),
        "purchases": spec.get("purchase", {}).get("family"),
        "spend": spec.get("spend", {}).get("family"),
        "groups": ", ".join(spec.get("model", {}).get(GROUPS, [])),
        "customers": _count(told.get("customers")),
        "of them repeat buyers with amounts": _count(told.get("repeaters")),
        "observed until": told.get(OBSERVATION_END),
        "time unit": told.get(TIME_UNIT),
        "currency": told.get(CURRENCY),
        "method": told.get("method"),
        "sampler": sampler,
        "seed": _count(told.get("seed")),
        "hash of the spec": told.get("spec_hash"),
        "fingerprint of the data": told.get(FINGERPRINT),
        "versions": ", ".join(f"{k} {v}" for k, v in json.loads(told.get("versions", "{}")).items()),
    }
    if redaction is not None:
        facts["customer ids"] = (
            f"shown as hashes of {redaction.described()['hash_bits']} bits; {redaction.described()['note']}"
        )
    return Section(
        "origin",
        "Where this comes from",
        "All that is needed to make it again: the same data, spec, seed and versions give the same numbers.",
        grids=(facts_of(facts, "Provenance"), _priors(spec)),
    )


def verdict(report: CheckReport) -> Section:
    """Return what the checks say; the pictures of those that have one stand with the data."""
    rows = [
        {
            "check": each.name,
            "status": each.status,
            "value": each.value,
            "threshold": each.threshold,
            "what was found": f"{each.summary}. {each.advice}." if each.advice else each.summary,
        }
        for each in report.results
    ]
    grid = grid_of(
        pd.DataFrame(rows),
        "Checks",
        status=[each.status for each in report.results],
        formats={"value": written, "threshold": written},
    )
    if report.failed:
        names = ", ".join(each.name for each in report.failed)
        note = f"Failed: {names}. Scores and decisions from this fit must not be used as they are."
    elif report.warnings:
        names = ", ".join(each.name for each in report.warnings)
        note = f"No check stands in the way of scoring; {names} should be kept in mind."
    else:
        note = "No check stands in the way of scoring, and none warns."
    lead = "Did the sampler find the posterior, and do the model's assumptions suit the data?"
    return Section("checks", "Can the fit be trusted?", lead, (note,), (grid,))


def learnt(fit: xr.DataTree) -> Section:
    """Return the posterior in customers' terms."""
    pictures = [picture_of("posterior", forest.plot_posterior(fit))]
    if json.loads(fit.attrs["spec"]).get("clock"):
        from bayesltv.prediction.clock_path import trace_clock
        from bayesltv.report.figures.clock import plot_clock

        pictures.append(picture_of("clock", plot_clock(trace_clock(fit, seed=1))))
    whole = group_scales(fit)
    scales = forest.chosen_groups(whole, None)
    notes = []
    if GROUP in whole.dims and whole.sizes[GROUP] > forest.MOST_GROUPS:
        notes.append(
            f"Shown: the {forest.MOST_GROUPS} groups with most customers, of {whole.sizes[GROUP]:,}."
        )
    return Section(
        "posterior",
        "What the model learnt",
        "How often customers buy, how easily they leave and what a purchase is worth: medians, and in "
        "brackets the interval that holds 90 % of the posterior.",
        tuple(notes),
        (_in_customers_terms(scales, fit.attrs.get(CURRENCY)), _population(fit)),
        tuple(pictures),
    )


def data(summary: pd.DataFrame, report: CheckReport) -> Section:
    """Return the customers who were fitted beside those that the model makes, and what is odd about them."""
    pictures = tuple(picture_of(name, draw()) for name, draw in check_figures(report).items())
    lead = "What went in, what was set aside, and what is odd about it."
    if any(each.name.startswith("replicas_") for each in pictures):
        lead += (
            " Beside the real customers: how such customers look when the model makes them anew. White "
            "diamonds should lie within the bars."
        )
    notes = tuple(_oddities(summary)) or ("Nothing odd was found in the summary.",)
    return Section(
        "data", "The data, and the model's own customers", lead, notes, (_facts(summary),), pictures
    )


def scored(scores: ScoreTable, *, groups: Sequence[str] = (), redaction: Redaction | None = None) -> Section:
    """Return tiers, totals and single customers of a score table."""
    from bayesltv.prediction.scores.score_columns import tiers_among
    from bayesltv.report.figures.customers import plot_ltv_intervals, spread_of_customers
    from bayesltv.report.figures.tiers import plot_tiers, rows_of

    told = scores.attrs
    currency, totals = told.get(CURRENCY), scores.totals
    has_tiers = bool(tiers_among(scores.columns))
    by = ["tier"] if has_tiers else []
    by += ["group"] if totals.sizes[GROUP] > 1 else []
    grids = [_totals(scores, each, groups, currency) for each in by or ["tier"]]
    pictures = [picture_of("tiers", plot_tiers(scores))] if has_tiers else []
    if "ltv_p95" in scores and len(scores):
        chosen = rows_of(scores, spread_of_customers(scores))
        if redaction is not None:
            chosen[CUSTOMER_ID] = [redaction.hashed(each) for each in chosen[CUSTOMER_ID].astype(str)]
        chosen.attrs = dict(told)
        pictures.append(picture_of("ltv_intervals", plot_ltv_intervals(chosen, chosen[CUSTOMER_ID].tolist())))
    facts = {
        "value is": value_label(told),
        "customers": _count(len(scores)),
        "as of": told.get("as_of_date"),
        "posterior draws": _count(told.get("draws")),
        "seed": _count(told.get("seed")),
        "failed checks that were accepted": ", ".join(told.get("accepted_failed_checks") or []),
    }
    return Section(
        "scores",
        "What customers are worth",
        "Sums over customers are taken within each posterior draw, so that intervals of totals are right; "
        "a single customer's interval also holds that customer's own luck.",
        (),
        (facts_of(facts, "Scores"), *grids),
        tuple(pictures),
    )


def held_out(evaluation: Evaluation) -> Section:
    """Return a forecast against what happened."""
    from bayesltv.report.figures.evaluation import evaluation_figures

    facts = evaluation.facts
    overall = evaluation.scores[evaluation.scores["group"] == ALL].drop(columns=["group", "customers"])
    single = overall.set_index("quantity").rename(columns=lambda name: name.replace("_", " ")).T
    coverage = evaluation.coverage[evaluation.coverage["group"] == ALL].drop(columns="group")
    totals = evaluation.totals[["quantity", "group", "actual", "mean", "p05", "p95", "inside_90"]]
    overall_totals = totals[totals["group"] == ALL].drop(columns="group")
    by_group = totals[totals["group"] != ALL]
    left = facts["new_customers_left_out"]
    newcomers = f"; {left:,} new customers are left out" if left else ""
    note = f"{facts['customers']:,} customers, {facts['after']} to {facts['until']}{newcomers}."
    return Section(
        "holdout",
        "Forecasts against what happened",
        "A time that the fit has not seen: calibrated forecasts are right as often as they say they are.",
        (note,),
        (
            _whole_numbers(overall_totals, "Totals, with 90 % intervals"),
            grid_of(coverage, "Share of customers inside intervals: predictive, and of the expectation"),
            grid_of(single.reset_index(names="score"), "Scores of single forecasts"),
            grid_of(evaluation.events, "Events"),
            grid_of(evaluation.ranking, "Ranking"),
            _whole_numbers(by_group, "Totals by group, with 90 % intervals"),
        ),
        tuple(picture_of(name, draw()) for name, draw in evaluation_figures(evaluation).items()),
    )


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


def _priors(spec: Mapping[str, Any]) -> Grid:
    rows = []
    for scale, prior in spec.get("priors", {}).items():
        numbers = [name for name in prior if name not in ("family", "why", "per")]
        inside = ", ".join(f"{name} {written(prior[name])}" for name in numbers)
        per = f" per {prior['per']}" if "per" in prior else ""
        rows.append((scale.replace("_", " "), f"{prior['family']}({inside}){per}", prior["why"]))
    return grid_of(pd.DataFrame(rows, columns=["scale", "prior", "why"]), "Priors, as they were declared")


def _in_customers_terms(scales: xr.Dataset, currency: object) -> Grid:
    columns: dict[str, Any] = {"group": [label.split("  (n")[0] for label in forest.group_labels(scales)]}
    if CUSTOMERS in scales.coords:
        columns["customers"] = [f"{count:,}" for count in scales[CUSTOMERS].values]
    ways = {
        DROPOUT_MEAN: lambda value: f"{100 * value:.3g} %",
        SPEND_TYPICAL: lambda value: money(value, currency, decimals=2),
    }
    for scale in [each for each in forest.TITLES if each in scales]:
        draws = scales[scale] if GROUP in scales[scale].dims else scales[scale].expand_dims(GROUP)
        edges = draws.quantile([0.5, 0.05, 0.95], (CHAIN, DRAW)).transpose(GROUP, "quantile").values
        write = ways.get(scale, lambda value: f"{value:.3g}")
        head = forest.axis_label(scale, scales.attrs[TIME_UNIT])
        columns[head] = [interval(row, write) for row in edges.tolist()]
    return grid_of(pd.DataFrame(columns), "In customers' terms", formats=dict.fromkeys([*columns][1:], str))


def _population(fit: xr.DataTree) -> Grid:
    """Return every parameter that is one number per draw, with what says how well it is known."""
    import arviz as az

    posterior = fit["posterior"].to_dataset()
    numbers = posterior[[name for name in posterior.data_vars if set(posterior[name].dims) == {CHAIN, DRAW}]]
    caption = "Parameters of the whole population, for statisticians"
    if not numbers.data_vars:
        return grid_of(pd.DataFrame(), caption)
    edges = numbers.quantile([0.05, 0.95], (CHAIN, DRAW))
    size = az.ess(numbers)
    rhat = az.rhat(numbers) if numbers.sizes[CHAIN] > 1 else None
    rows = [
        {
            "parameter": str(name),
            "mean": float(numbers[name].mean()),
            "sd": float(numbers[name].std(ddof=1)),
            "5 %": float(edges[name][0]),
            "95 %": float(edges[name][1]),
            "effective draws": f"{float(size[name]):,.0f}",
            "R-hat": None if rhat is None else f"{float(rhat[name]):.3f}",
        }
        for name in numbers.data_vars
    ]
    return grid_of(pd.DataFrame(rows), caption, formats={"effective draws": str, "R-hat": str})


def _facts(summary: pd.DataFrame) -> Grid:
    repeaters = int((summary[FREQUENCY] > 0).sum())
    facts: dict[str, object] = {
        "customers": _count(len(summary)),
        "of them repeat buyers": f"{repeaters:,} ({repeaters / max(len(summary), 1):.0%})",
        "repeat purchases": _count(int(summary[FREQUENCY].sum())),
        "observed until": summary.attrs.get(OBSERVATION_END),
        "fingerprint": summary.attrs.get(FINGERPRINT),
    }
    if FIRST_PURCHASE in summary and len(summary):
        first = summary[FIRST_PURCHASE]
        facts["first purchases"] = f"{first.min().date()} to {first.max().date()}"
    if repeaters and MONETARY_VALUE in summary:
        facts["mean repeat spend"] = money(
            summary[MONETARY_VALUE].mean(), summary.attrs.get(CURRENCY), decimals=2
        )
    for reason, count in (summary.attrs.get(SET_ASIDE) or {}).items():
        facts[f"set aside: {str(reason).replace('_', ' ')}"] = _count(count)
    return facts_of(facts, "Customer summary")


def _oddities(summary: pd.DataFrame) -> list[str]:
    """Return what is odd about a summary, in sentences without ids."""
    found = []
    if len(summary) and not (summary[FREQUENCY] > 0).any():
        found.append("Nobody repeats: purchase rate and dropout are known from the priors and silence alone.")
    if FIRST_PURCHASE in summary and len(summary):
        days = summary[FIRST_PURCHASE].to_numpy("datetime64[D]").astype(np.int64)
        peak = midlife_peak(days)
        if peak is not None:
            block, first, typical = peak
            found.append(
                f"The log seems to start in the middle of its customers' lives: its first {block} days hold "
                f"{first:,} first purchases, a typical {block} days after that {typical:,.0f}."
            )
    aside = sum((summary.attrs.get(SET_ASIDE) or {}).values())
    if aside:
        found.append(f"{aside:,} rows of the log were set aside; the table says why.")
    return found


def _totals(scores: ScoreTable, by: str, groups: Sequence[str], currency: object) -> Grid:
    means = sums_of_means([scores], by=by, columns=groups)
    summed = summarise_totals(scores.totals, by=by, means=means)
    columns: dict[str, Any] = {by: summed[by], "customers": [_count(n) for n in summed["customers"]]}
    for name in ("purchases", "spend", "value"):
        if f"{name}_mean" in summed:
            amounts = summed[[f"{name}_{part}" for part in ("mean", "p05", "p95")]].to_numpy().tolist()
            write = partial(money, currency=None if name == "purchases" else currency)
            columns[name] = [interval(row, write) for row in amounts]
    table = pd.DataFrame(columns)
    status = ["total" if label == "total" else "" for label in table[by]]
    caption = f"Totals over the horizon by {by}: means, which add up, and in brackets 90 % intervals"
    return grid_of(table, caption, formats=dict.fromkeys([*columns][1:], str), status=status)


def _whole_numbers(table: pd.DataFrame, caption: str) -> Grid:
    write = dict.fromkeys(("actual", "mean", "p05", "p95"), lambda total: f"{total:,.0f}")
    heads = {"mean": "forecast", "p05": "5 %", "p95": "95 %", "inside_90": "inside"}
    return grid_of(table, caption, heads=heads, formats=write)


def _columns_of(name: str, table: pd.DataFrame) -> pd.DataFrame:
    if name == "actions":
        used = table[(table["customers"] > 0) | (table["action"] == "total")]
        return used[[each for each in _ACTION_COLUMNS if each in table]]
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


def _count(number: object) -> str | None:
    return None if number is None else f"{int(number):,}"  # type: ignore[call-overload]
