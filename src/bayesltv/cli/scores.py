"""The commands that ask a fit about customers: what they are worth, what to do, and whether it came true."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bayesltv.cli.command import Bundle, example
from bayesltv.cli.options import (
    AsJson,
    Decision,
    FitFile,
    Hidden,
    LogEnd,
    NewerSummary,
    Report,
    Threads,
    carried,
    in_panel,
    log_reading,
    meeting,
    run_option,
)

if TYPE_CHECKING:
    from bayesltv.base.meeting import Meeting
    from bayesltv.data.log.reading import Carried, LogReading
    from bayesltv.jobs.asked import PlanAsked

test_option = in_panel("Tests of actions")


@example("bayesltv score fit.nc summary.parquet --decision retention --out scores.parquet")
def score(
    fit: FitFile,
    summary: NewerSummary,
    decision: Decision,
    met: Annotated[
        "Meeting",
        Bundle(meeting, help={"accept_failed": "Score although this check failed; repeatable."}),
    ],
    hidden: Hidden,
    out: Annotated[
        str | None,
        typer.Option(
            help="Score table, .parquet or .csv, with more beside it; a folder; or a database, with --table."
        ),
    ] = None,
    table: Annotated[str | None, typer.Option(help="Table of a database, for --out postgres://...")] = None,
    mode: Annotated[
        Literal["replace", "append"],
        typer.Option(help="In a database: replace all rows, or those of this customer, day and model."),
    ] = "replace",
    customer_id: Annotated[
        str | None, typer.Option("--id", help="Show the scores of this customer alone; writes nothing.")
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(help="With --id: a score table, whose relative tiers begin where this one's do."),
    ] = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Score every customer: value, tier probabilities, next purchase."""
    from bayesltv import jobs
    from bayesltv.cli.databases import target_of
    from bayesltv.cli.output import bars, show
    from bayesltv.jobs.asked import Run

    if (out is None) == (customer_id is None):
        raise typer.BadParameter("say where the scores go, or name one customer (--id)", param_hint="--out")
    if customer_id is not None:
        one = jobs.score_customer(fit, summary, decision, customer_id, met, like=like)
        show.result(one, as_json=as_json)
        return
    with bars.scoring_bar() as told:
        run, target = Run(threads, hidden, told), target_of(str(out), table, mode)
        scored: object = (
            jobs.score_file(fit, summary, decision, Path(str(out)), met, run)
            if target is None
            else jobs.score_into(fit, summary, decision, target, met, run)
        )
    show.result(scored, as_json=as_json)


def plan_asked(
    tests: Annotated[
        list[str] | None,
        test_option("--test", metavar="NAME=FILE", help="Fitted test that actions name; repeatable."),
    ] = None,
    current: Annotated[
        Path | None, typer.Option(help="Table of customer_id and action: what is done today.")
    ] = None,
    previous: Annotated[
        Path | None,
        typer.Option(
            help="An earlier export, or plan folder: tiers stay where they can, what it did is no habit."
        ),
    ] = None,
    plan_test: Annotated[
        bool,
        test_option("--plan-test", help="Say for each action how large a test should be, or not to test."),
    ] = False,
    test_cost: Annotated[float, test_option(min=0, help="Fixed cost of a test, in money.")] = 0.0,
    customers_per_week: Annotated[
        float | None, test_option(help="Customers that a test can enrol in a week, both arms together.")
    ] = None,
    options: Annotated[
        Path | None,
        typer.Option(help="Also write what each action would bring each customer: .parquet or .csv."),
    ] = None,
) -> "PlanAsked":
    """Return what a plan is made from beside fit, summary and decision."""
    from bayesltv.jobs.asked import PlanAsked

    files = _named_files(tests or [])
    return PlanAsked(files, current, previous, plan_test, test_cost, customers_per_week, options)


@example("bayesltv decide fit.nc summary.parquet --decision retention --out plan")
def decide(
    fit: FitFile,
    summary: NewerSummary,
    decision: Annotated[
        str, typer.Option(help="Decision with actions or acquisition: a file, or a shipped name.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for export, tables, figures and manifest.")],
    asked: Annotated["PlanAsked", Bundle(plan_asked)],
    met: Annotated["Meeting", Bundle(meeting)],
    hidden: Hidden,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Decide who gets which action, and what it should cost and bring."""
    from bayesltv import jobs
    from bayesltv.cli.output import bars, show
    from bayesltv.jobs.asked import Run

    with bars.scoring_bar() as told:
        decided = jobs.decide_file(fit, summary, decision, out, met, asked, Run(threads, hidden, told))
    show.result(decided, as_json=as_json)


_WHERE = "Where the forecast starts; default: the fit's own end of observation."
_CARRIED = Bundle(
    carried,
    without=("groups", "covariates"),
    help={"group_conflict": "A customer with two values of a group."},
)


@example('bayesltv evaluate fit.nc log.csv --horizon "39 weeks"')
def evaluate(
    fit: FitFile,
    log: Annotated[Path, typer.Argument(help="Transaction log that reaches the end of the horizon.")],
    horizon: Annotated[str, typer.Option(help='How far the forecast goes: "39 weeks".')],
    reading: Annotated["LogReading", Bundle(log_reading)],
    beside: Annotated["Carried", _CARRIED],
    met: Annotated[
        "Meeting",
        Bundle(
            meeting,
            without=("draws", "accept_failed", "max_fit_age_days"),
            help={"observation_end": _WHERE},
        ),
    ],
    summary: Annotated[
        Path | None,
        typer.Option(help="Customers to forecast, in place of the log's at the end of observation."),
    ] = None,
    decision: Annotated[
        str | None, typer.Option(help="Decision, whose tiers are judged too: a file or a shipped name.")
    ] = None,
    report: Report = None,
    log_end: LogEnd = None,
    draws: Annotated[int | None, run_option(min=2, help="Posterior draws; default: all.")] = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Hold forecasts against what happened: scores, coverage, totals, ranking."""
    from bayesltv import jobs
    from bayesltv.cli.output import show
    from bayesltv.data.log.reading import LaterLog

    found, written = jobs.evaluate_file(
        fit, LaterLog(log, reading, log_end, horizon), replace(met, draws=draws), summary=summary,
        decision=decision, carried=beside, threads=threads, report=report,
    )  # fmt: skip
    show.result(found, as_json=as_json)
    show.files(written)


def _named_files(pairs: list[str]) -> dict[str, Path]:
    """Return NAME -> FILE of texts NAME=FILE."""
    for pair in pairs:
        if not all(pair.partition("=")):
            raise typer.BadParameter(f"{pair!r}: write NAME=FILE", param_hint="--test")
    return {name: Path(file) for name, _, file in (pair.partition("=") for pair in pairs)}
