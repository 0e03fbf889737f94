"""The sections of a report about its fit: where it comes from, whether to trust it, what it learnt."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.group_scales import CUSTOMERS, group_scales
from bayesltv.checks.result import CheckReport
from bayesltv.evaluation.result import written
from bayesltv.languages.language import listed, tr, word
from bayesltv.languages.written import day
from bayesltv.names import (
    CHAIN,
    CURRENCY,
    DRAW,
    DROPOUT_HAZARD,
    DROPOUT_MEAN,
    FINGERPRINT,
    GROUP,
    GROUPS,
    OBSERVATION_END,
    PURCHASE_RATE,
    SPEND_TYPICAL,
    TIME_UNIT,
)
from bayesltv.redaction import Redaction
from bayesltv.report.figures.posterior import MOST_GROUPS, chosen_groups, group_labels, plot_posterior
from bayesltv.report.page.parts import Grid, Section, count, facts_of, grid_of, interval, picture_of
from bayesltv.report.style import money


def origin(fit: xr.DataTree, redaction: Redaction | None = None) -> Section:
    """Return where the fit comes from: data, spec, priors, seed, versions."""
    told = fit.attrs
    spec = json.loads(told["spec"])
    sampler = ", ".join(
        f"{word(name)} {value}" for name, value in json.loads(told.get("sampler", "{}")).items()
    )
    facts = {
        "model": spec.get("model", {}).get("title"),
        "purchases": spec.get("purchase", {}).get("family"),
        "spend": spec.get("spend", {}).get("family"),
        "groups": ", ".join(spec.get("model", {}).get(GROUPS, [])),
        "customers": count(told.get("customers")),
        "of them repeat buyers with amounts": count(told.get("repeaters")),
        "observed until": day(told[OBSERVATION_END]) if OBSERVATION_END in told else None,
        "time unit": word(told[TIME_UNIT]) if TIME_UNIT in told else None,
        "currency": told.get(CURRENCY),
        "method": told.get("method"),
        "sampler": sampler,
        "seed": count(told.get("seed")),
        "hash of the spec": told.get("spec_hash"),
        "fingerprint of the data": told.get(FINGERPRINT),
        "versions": ", ".join(f"{k} {v}" for k, v in json.loads(told.get("versions", "{}")).items()),
    }
    if redaction is not None:
        facts["customer ids"] = tr(
            "shown as hashes of {hash_bits} bits; {note}",
            hash_bits=redaction.described()["hash_bits"],
            note=redaction.described()["note"],
        )
    return Section(
        "origin",
        tr("Where this comes from"),
        tr(
            "All that is needed to make it again: the same data, spec, seed and versions give the "
            "same numbers."
        ),
        grids=(facts_of(facts, tr("Provenance")), _priors(spec)),
    )


def verdict(report: CheckReport) -> Section:
    """Return what the checks say; the pictures of those that have one stand with the data."""
    rows = [
        {
            "check": each.name,
            "status": each.status,
            "figure": each.value,
            "threshold": each.threshold,
            "what was found": each.said,
        }
        for each in report.results
    ]
    grid = grid_of(
        pd.DataFrame(rows),
        tr("Checks"),
        status=[each.status for each in report.results],
        formats={"figure": written, "threshold": written},
    )
    if report.failed:
        names = listed(word(each.name) for each in report.failed)
        note = tr(
            "Failed: {names}. Scores and decisions from this fit must not be used as they are.", names=names
        )
    elif report.warnings:
        names = listed(word(each.name) for each in report.warnings)
        note = tr("No check stands in the way of scoring; {names} should be kept in mind.", names=names)
    else:
        note = tr("No check stands in the way of scoring, and none warns.")
    lead = tr("Did the sampler find the posterior, and do the model's assumptions suit the data?")
    return Section("checks", tr("Can the fit be trusted?"), lead, (note,), (grid,))


def learnt(fit: xr.DataTree, *, suppress_below: int = 0) -> Section:
    """Return the posterior in customers' terms."""
    whole = large_groups(group_scales(fit), suppress_below)
    scales = chosen_groups(whole, None)
    shown = scales[GROUP].values.tolist() if GROUP in scales.dims else None
    pictures = [picture_of("posterior", plot_posterior(fit, groups=shown))] if shown != [] else []
    if json.loads(fit.attrs["spec"]).get("clock"):
        from bayesltv.prediction.clock_path import trace_clock
        from bayesltv.report.figures.clock import plot_clock

        pictures.append(picture_of("clock", plot_clock(trace_clock(fit, seed=1))))
    notes = []
    if GROUP in whole.dims and whole.sizes[GROUP] > MOST_GROUPS:
        notes.append(
            tr(
                "Shown: the {most} groups with most customers, of {groups:,}.",
                most=MOST_GROUPS,
                groups=whole.sizes[GROUP],
            )
        )
    return Section(
        "posterior",
        tr("What the model learnt"),
        tr(
            "How often customers buy, how easily they leave and what a purchase is worth: medians, "
            "and in brackets the interval that holds 90 % of the posterior."
        ),
        tuple(notes),
        (_in_customers_terms(scales, fit.attrs.get(CURRENCY)), _population(fit)),
        tuple(pictures),
    )


def large_groups(scales: xr.Dataset, suppress_below: int) -> xr.Dataset:
    """Return the scales of groups of so many customers or more; all where nobody has counted them."""
    if CUSTOMERS not in scales.coords:
        return scales
    return scales.isel({GROUP: np.flatnonzero(scales[CUSTOMERS].values >= suppress_below)})


def _priors(spec: Mapping[str, Any]) -> Grid:
    rows = []
    for scale, prior in spec.get("priors", {}).items():
        numbers = {name: value for name, value in prior.items() if name not in ("family", "why", "per")}
        inside = ", ".join(f"{name} {written(value)}" for name, value in numbers.items())
        per = tr(" per {unit}", unit=tr(prior["per"])) if "per" in prior else ""
        rows.append((scale.replace("_", " "), f"{prior['family']}({inside}){per}", prior["why"]))
    return grid_of(pd.DataFrame(rows, columns=["scale", "prior", "why"]), tr("Priors, as they were declared"))


def _in_customers_terms(scales: xr.Dataset, currency: object) -> Grid:
    unit = scales.attrs[TIME_UNIT]
    columns: dict[str, Any] = {"group": [label.split("  (n")[0] for label in group_labels(scales)]}
    if CUSTOMERS in scales.coords:
        columns["customers"] = [f"{count:,}" for count in scales[CUSTOMERS].values]
    ways = {
        PURCHASE_RATE: (tr("purchases per {unit} while active", unit=tr(unit)), lambda value: f"{value:.3g}"),
        DROPOUT_MEAN: (tr("chance of leaving after a purchase"), lambda value: f"{100 * value:.3g} %"),
        DROPOUT_HAZARD: (
            tr("hazard of leaving per {unit}, of new customers", unit=tr(unit)),
            lambda value: f"{value:.3g}",
        ),
        SPEND_TYPICAL: (tr("typical spend per purchase"), lambda value: money(value, currency, decimals=2)),
    }
    for scale, (head, write) in ways.items():
        if scale in scales:
            draws = scales[scale] if GROUP in scales[scale].dims else scales[scale].expand_dims(GROUP)
            edges = draws.quantile([0.5, 0.05, 0.95], (CHAIN, DRAW)).transpose(GROUP, "quantile").values
            columns[head] = [interval(row, write) for row in edges.tolist()]
    return grid_of(
        pd.DataFrame(columns), tr("In customers' terms"), formats=dict.fromkeys([*columns][1:], str)
    )


def _population(fit: xr.DataTree) -> Grid:
    """Return every parameter that is one number per draw, with what says how well it is known."""
    import arviz as az

    posterior = fit["posterior"].to_dataset()
    numbers = posterior[[name for name in posterior.data_vars if set(posterior[name].dims) == {CHAIN, DRAW}]]
    caption = tr("Parameters of the whole population, for statisticians")
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
