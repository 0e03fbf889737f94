"""What a command found, for a person in a terminal."""

import json
from collections.abc import Mapping, Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from bayesltv.checks.result import CheckReport
from bayesltv.cli.manner import is_quiet, say
from bayesltv.cli.output.cohorts import show_cohorts
from bayesltv.cli.output.demo import AnyScores, has_tiers, summed_by_tier, tell_demo, tiers_table
from bayesltv.cli.output.forecast import show_forecast
from bayesltv.cli.output.narrow import Screen, has_width, print_line
from bayesltv.cli.output.plain import plain
from bayesltv.cli.output.plan import refresh_line, uplift_shown
from bayesltv.cli.output.whole_plan import show_plan
from bayesltv.demo import Demo
from bayesltv.engines.local import ScoreFolder
from bayesltv.evaluation.comparison import Benchmark, Choice, Comparison
from bayesltv.evaluation.result import Evaluation
from bayesltv.jobs.databases import ScoreRows
from bayesltv.jobs.spark import SparkScores
from bayesltv.jobs.written import (
    CohortFolder,
    FitFile,
    ForecastFolder,
    PlanFolder,
    RefitFolder,
    ReportFile,
    ScoreFile,
    SummaryFile,
    UpliftFile,
)
from bayesltv.languages.language import mark, retold, tr, trn, word
from bayesltv.languages.written import day, span
from bayesltv.names import COMMON_SHOCKS
from bayesltv.report.style import money
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.specs.model.model_spec import ModelSpec

WIDTH = 110
"""Of tables where there is no terminal to ask."""


def result(found: object, *, as_json: bool) -> None:
    """Show what a command found on stdout."""
    if as_json:
        typer.echo(json.dumps(plain(found), allow_nan=False))
    elif not is_quiet():
        show(found, _console())


def step(text: str) -> None:
    """Say on stderr what is done next."""
    say(f"{text} ...")


def files(written: Sequence[Path]) -> None:
    """Say on stderr which files a report consists of."""
    for folder in dict.fromkeys(path.parent for path in written):
        count = sum(path.parent == folder for path in written)
        say(trn("written: {n} file in {folder}", "written: {n} files in {folder}", count, folder=folder))


def refusal(report: CheckReport, what_now: str) -> None:
    """Say on stderr which checks failed, and what that means."""
    names = ", ".join(each.name for each in report.failed)
    number = f"{len(report.failed)} of {len(report.results)} checks failed"
    typer.echo(f"error: {number} ({names}): {what_now}", err=True)


def verdict(spec: ModelSpec | DecisionSpec, file: str, *, as_json: bool) -> None:
    """Say that a spec file is right: where it is not, an error has said so."""
    kind = "decision" if isinstance(spec, DecisionSpec) else "model"
    if as_json:
        typer.echo(
            json.dumps({"file": file, "kind": kind, "title": spec.title, "hash": spec.hash(), "passed": True})
        )
    else:
        _console().print(
            tr("{file}: a sound {kind} file", file=file, kind=kind), markup=False, highlight=False
        )


@singledispatch
def show(found: object, console: Console) -> None:
    """Print what a command found."""
    raise TypeError(f"nothing shows {type(found).__name__} on {console}")


@show.register
def _(found: SummaryFile, console: Console) -> None:
    told = found.attributes
    text = mark("{customers:,} customers, {repeaters:,} of them with repeat purchases")
    print_line(console, tr(text, customers=found.customers, repeaters=found.repeaters))
    unit = word(f"{told['time_unit']}s")
    until = day(told["observation_end"])
    text = mark("observed until {until}, time in {unit}")
    if told["groups"]:
        text = mark("observed until {until}, time in {unit}, groups: {groups}")
    print_line(console, tr(text, until=until, unit=unit, groups=", ".join(told["groups"])))
    for reason, count in told["set_aside"].items():
        print_line(console, tr("set aside: {rows:,} {reason}", rows=count, reason=word(reason)))
    _tell_files(console, found.path)


@show.register
def _(found: FitFile, console: Console) -> None:
    console.print(found.report)
    print_line(console, tr("spec {spec_hash}: {spec}", spec_hash=found.spec_hash[:12], spec=found.spec))
    _tell_seed(console, found)
    _tell_files(console, found.path)


@show.register
def _(found: RefitFolder, console: Console) -> None:
    done = found.refit
    if done is None:
        print_line(console, tr("there already, nothing changed: {path}", path=found.folder))
        return
    said = mark("refitted: data until {until} in place of {before}; the fit's own checks: {verdict}")
    verdict = "" if found.report is None else found.report.verdict
    print_line(
        console, tr(said, until=day(done.facts["until"]), before=day(done.facts["from"]), verdict=verdict)
    )
    console.print(done.drift)
    if done.changes:
        said = mark(
            "rows to load again: {new:,} new, {tier:,} other tier, {value:,} other value; {gone:,} gone"
        )
        print_line(console, tr(said, **done.changes))
    if done.refresh is not None:
        print_line(console, refresh_line(done.refresh))
    _tell_files(console, *found.files)


@show.register
def _(found: UpliftFile, console: Console) -> None:
    console.print(found.report)
    source = (
        tr("as randomised")
        if found.effect_source == "test"
        else tr("NOT randomised: differences, not effects")
    )
    title = tr(
        "Effect on the outcome per customer ({source}); the rate is a {rate}",
        source=source,
        rate=word(found.effects["rate_is"].iloc[0]),
    )
    console.print(uplift_shown(found.effects, title=title))
    _tell_seed(console, found)
    _tell_files(console, found.path)


@show.register
def _(found: ScoreRows, console: Console) -> None:
    _show_scores(found.scores, len(found.scores), console)
    text = mark("written: {path}, its manifest in {manifest}")
    if not found.changed:
        text = mark("there already, nothing changed: {path}, its manifest in {manifest}")
    print_line(console, tr(text, path=found.target.title, manifest=found.target.manifest))


@show.register(dict)
def _(found: dict[str, object], console: Console) -> None:
    for name, value in plain(found).items():
        print_line(console, f"{name:<28}{value:.6g}" if isinstance(value, float) else f"{name:<28}{value}")


@show.register
def _(found: CheckReport | Evaluation | Comparison | Benchmark | Choice, console: Console) -> None:
    console.print(found)


@show.register
def _(found: ScoreFile, console: Console) -> None:
    _show_scores(found.scores, len(found.scores), console)
    _tell_files(console, found.path, found.totals, found.manifest)


@show.register
def _(found: ScoreFolder, console: Console) -> None:
    _show_scores(found, found.customers, console)
    text = mark("written: {parts} parts in {path}")
    if found.kept:
        text = mark("written: {parts} parts in {path}, {kept} of them by an earlier run")
    print_line(console, tr(text, parts=found.parts, path=found.path, kept=found.kept))


@show.register
def _(found: SparkScores, console: Console) -> None:
    _show_scores(found, found.written.customers, console)
    held = found.written.worker_memory / 1e6
    print_line(console, tr("workers' Python processes held at most {held:,.0f} MB each", held=held))
    _tell_files(console, found.path)


@show.register
def _(found: ReportFile, console: Console) -> None:
    console.print(found.report)
    print_line(
        console,
        tr("written: {path} ({size:.1f} MB, opens in any browser)", path=found.path, size=found.size / 1e6),
    )


def _show_scores(scores: AnyScores, customers: int, console: Console) -> None:
    summed, horizon = summed_by_tier(scores), scores.attrs["horizon"]
    if has_tiers(scores):
        console.print(tiers_table(summed, horizon=horizon, currency=scores.attrs["currency"]))
    for name in ("purchases", "spend", "value"):
        if name in scores.totals:
            mean, low, high = (money(summed[f"{name}_{part}"].iloc[-1]) for part in ("mean", "p05", "p95"))
            unit = f" {scores.attrs['currency'] or ''}".rstrip() if name != "purchases" else ""
            text = tr(
                "{name} within {horizon}: {mean}{unit} in all (90 %: {low} to {high})",
                name=word(name), horizon=span(horizon), mean=mean, unit=unit, low=low, high=high,
            )  # fmt: skip
            print_line(console, text)
    print_line(console, tr("totals: {shocks}", shocks=retold(scores.attrs[COMMON_SHOCKS])))
    accepted = scores.attrs["accepted_failed_checks"]
    if accepted:
        print_line(console, tr("failed checks that were accepted: {accepted}", accepted=", ".join(accepted)))
    _tell_draws(console, scores.attrs, customers)


def _tell_seed(console: Console, fitted: FitFile | UpliftFile) -> None:
    text = mark("{customers:,} customers, seed {seed}")
    print_line(console, tr(text, customers=fitted.customers, seed=fitted.seed))


def _tell_draws(console: Console, told: Mapping[Any, Any], customers: int) -> None:
    text = mark("{customers:,} customers, seed {seed}, {draws:,} posterior draws")
    print_line(console, tr(text, customers=customers, seed=told["seed"], draws=told["draws"]))


def _tell_files(console: Console, *written: object) -> None:
    for path in written:
        print_line(console, tr("written: {path}", path=path))


@show.register
def _(found: ForecastFolder, console: Console) -> None:
    show_forecast(found.forecast, console)
    _tell_files(console, *found.files)


@show.register
def _(found: PlanFolder, console: Console) -> None:
    show_plan(found.plan, console)
    _tell_files(console, *found.files)


@show.register
def _(found: CohortFolder, console: Console) -> None:
    show_cohorts(found.cohorts, console)
    told = found.cohorts.attrs
    print_line(console, tr("totals: {shocks}", shocks=retold(told[COMMON_SHOCKS])))
    _tell_draws(console, told, told["customers"])
    _tell_files(console, *found.files)


@show.register
def _(found: Demo, console: Console) -> None:
    tell_demo(found, console)


@show.register(tuple)
def _(found: tuple[Any, ...], console: Console) -> None:
    table = Table(*map(word, ("name", "kind", "title")), title=tr("Shipped specs"), title_justify="left")
    for each in found:
        table.add_row(each.name, each.kind, each.title)
    console.print(table)


def _console() -> Console:
    console = Screen()
    return console if has_width(console) else Screen(width=WIDTH)
