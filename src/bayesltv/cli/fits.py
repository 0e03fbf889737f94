"""The commands that make fits and judge them: of a model, and of a test."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bayesltv.cli import options
from bayesltv.cli.command import Bundle, example

if TYPE_CHECKING:
    from bayesltv.checks.result import CheckReport
    from bayesltv.data.log.reading import Assignment, ExperimentReading, LogReading
    from bayesltv.fitting.sampling import Sampling
    from bayesltv.jobs.refit import RefitOptions

CHECK_FAILED = 13
test_option = options.in_panel("The test")


@example("bayesltv fit summary.parquet --out fit.nc")
def fit(
    summary: options.ThisSummary,
    out: Annotated[Path, typer.Option(help="Fit to write, netCDF.")],
    sampled: Annotated["Sampling", Bundle(options.sampling)],
    spec: Annotated[
        str | None,
        typer.Option(
            help="Model spec: a file, or a name of `bayesltv models list`; default mbg_pooled, or "
            "mbg_by_group where the summary has groups."
        ),
    ] = None,
    groups: Annotated[
        list[str] | None, options.summary_option("--group", help="Group column, where the summary has none.")
    ] = None,
    time_unit: options.TimeUnit = None,
    observation_end: options.ObservationEnd = None,
    as_json: options.AsJson = False,
) -> None:
    """Sample the posterior of a model, check it, and save it."""
    from bayesltv import jobs
    from bayesltv.cli.output import show

    show.step(f"sampling, with seed {sampled.seed}")
    fitted = jobs.fit_file(
        summary, spec, out, sampled, groups=groups or (), time_unit=time_unit, observation_end=observation_end
    )
    show.result(fitted, as_json=as_json)
    _refuse_failed(fitted.report, f"kept as {fitted.path} to be looked at; `bayesltv score` will refuse it")


def refit_options(
    decision: Annotated[
        str | None, typer.Option(help="Decision of the scores: a file or a shipped name; none: no scores.")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option(help="Scores in use. Default: the earlier refresh's, or fit's.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Share by which a value may differ and is not loaded again.")
    ] = 0.05,
    method: Annotated[
        Literal["nuts", "laplace"] | None,
        options.sampler_option(help="Default: as the earlier fit was made."),
    ] = None,
    score_draws: Annotated[
        int, options.run_option(min=2, help="Posterior draws of scores and forecast.")
    ] = 1000,
    accept_failed: options.AcceptFailed = None,
    observation_end: Annotated[
        str | None, options.log_option(help="Last day observed; default: the log's last.")
    ] = None,
    acquired_from: Annotated[
        str | None, options.log_option(help="Keep customers first seen from this day on, as before.")
    ] = None,
) -> "RefitOptions":
    """Return what is asked of a refit."""
    from bayesltv.data.log.reading import Summarizing
    from bayesltv.jobs.refit import RefitOptions

    read = Summarizing(observation_end=observation_end, acquired_from=acquired_from)
    return RefitOptions(read, decision, previous, method, score_draws, tolerance, tuple(accept_failed or ()))


@example("bayesltv refit fit.nc log.csv --decision retention --out refreshes")
def refit(
    fit: Annotated[Path, typer.Argument(help="Earlier fit; or a folder of refreshes: the latest in it.")],
    log: Annotated[Path, typer.Argument(help="The whole log, now longer; or a summary, .parquet.")],
    asked: Annotated["RefitOptions", Bundle(refit_options)],
    reading: Annotated["LogReading", Bundle(options.log_reading)],
    sampled: Annotated["Sampling", Bundle(options.sampling, without=("method",))],
    hidden: options.Hidden,
    out: Annotated[
        Path | None, typer.Option(help="Folder of refreshes: each gets its own, none is written over.")
    ] = None,
    threads: options.Threads = None,
    as_json: options.AsJson = False,
) -> None:
    """Bring a fit up to date with a longer log, and say what has changed."""
    from bayesltv import jobs
    from bayesltv.cli.output import show
    from bayesltv.jobs.asked import Run

    show.step(f"sampling from where {fit} was, with seed {sampled.seed}")
    wanted = replace(asked, summarizing=replace(asked.summarizing, reading=reading))
    done = jobs.refit_file(fit, log, out, wanted, sampled, Run(threads, hidden))
    show.result(done, as_json=as_json)
    if done.report is not None and done.refit is not None and done.refit.scores is None:
        _refuse_failed(done.report, f"kept as {done.files[-1]} to be looked at; earlier refreshes stay")


@example("bayesltv check fit.nc --summary summary.parquet")
def check(
    fit: options.FitFile,
    summary: Annotated[
        Path | None,
        typer.Option(help="The summary it was fitted to, to check the data's assumptions."),
    ] = None,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Also replicated customers and weeks, priors, outliers."),
    ] = False,
    report: options.Report = None,
    time_unit: options.TimeUnit = None,
    observation_end: options.ObservationEnd = None,
    as_json: options.AsJson = False,
) -> None:
    """Check that a fit can be trusted."""
    from bayesltv import jobs
    from bayesltv.cli.output import show

    found, written = jobs.check_file(
        fit, summary, thorough=thorough, report=report, time_unit=time_unit, observation_end=observation_end
    )
    show.result(found, as_json=as_json)
    show.files(written)
    _refuse_failed(found, f"`bayesltv score` will refuse {fit}")


@example("bayesltv compare summary.parquet --spec pooled --spec mbg_pooled --method laplace")
def compare(
    summary: options.ThisSummary,
    specs: Annotated[
        list[str], typer.Option("--spec", help="Model spec (file or shipped name) or fit (.nc); repeatable.")
    ],
    reading: Annotated["LogReading", Bundle(options.log_reading)],
    sampled: Annotated["Sampling", Bundle(options.sampling, without=("target_accept",))],
    log: Annotated[Path | None, typer.Option(help="Log that goes on past the summary: a hold-out.")] = None,
    horizon: Annotated[str | None, typer.Option(help='Of the hold-out: "39 weeks".')] = None,
    report: options.Report = None,
    log_end: options.LogEnd = None,
    time_unit: options.TimeUnit = None,
    observation_end: options.ObservationEnd = None,
    as_json: options.AsJson = False,
) -> None:
    """Compare model specs on the same customers: leave-one-out, and a hold-out where there is a log."""
    from bayesltv import jobs
    from bayesltv.cli.output import show
    from bayesltv.data.log.reading import LaterLog

    found, written = jobs.compare_files(
        summary, specs, sampled, later=LaterLog(log, reading, log_end, horizon),
        time_unit=time_unit, observation_end=observation_end, report=report, step=show.step,
    )  # fmt: skip
    show.result(found, as_json=as_json)
    show.files(written)


def experiment_reading(
    outcome: Annotated[str, typer.Option(help="Column of what a customer spent in the test's window.")],
    cells: Annotated[
        str, test_option(metavar="COLUMNS", help='Columns by which effects may differ: "tier,stage".')
    ] = "",
    arm: Annotated[str, test_option(help="Column of the arm.")] = "arm",
    control: Annotated[str | None, test_option(help='Arm without an action; default "control".')] = None,
    after: Annotated[
        list[str] | None, test_option(help="Column measured after the assignment: no cell; repeatable.")
    ] = None,
    customer_id_col: Annotated[str, test_option(help="Column of customer ids.")] = "customer_id",
    assigned_on: Annotated[str | None, test_option(help="Day on which the arms were assigned.")] = None,
    window: Annotated[str | None, test_option(help='How long outcomes were watched: "8 weeks".')] = None,
    purchases: Annotated[
        str | None,
        test_option(metavar="COLUMN", help="Column of days with a purchase in the window; with --fit."),
    ] = None,
    effect_sd: Annotated[
        list[str] | None,
        test_option(
            metavar="EFFECT=SD", help="Sd of log effects in earlier tests: rate=0.5, spend=0.25; repeatable."
        ),
    ] = None,
) -> "ExperimentReading":
    """Return how the table of a test is read."""
    from bayesltv.data.log.reading import ExperimentReading

    columns = [name.strip() for name in cells.split(",") if name.strip()]
    return ExperimentReading(
        outcome, columns, arm, control, after=after or (), assigned_on=assigned_on,
        customer_id_col=customer_id_col, window=window, purchases=purchases,
        effect_sd=_named_numbers(effect_sd or [], "EFFECT=SD, rate=0.35", "--effect-sd"),
    )  # fmt: skip


def assignment(
    randomised: Annotated[
        bool | None,
        test_option(
            "--randomised/--not-randomised", help="Whether arms were assigned at random; must be said."
        ),
    ] = None,
    shares: Annotated[
        list[str] | None,
        test_option("--share", metavar="ARM=SHARE", help="Planned share, where not equal; repeatable."),
    ] = None,
    accept_failed: options.AcceptFailed = None,
) -> "Assignment":
    """Return how customers came to the arms of a test."""
    from bayesltv.data.log.reading import Assignment

    return Assignment(
        randomised, _named_numbers(shares or [], "ARM=SHARE, mail=0.5", "--share"), accept_failed or ()
    )


_OF_TESTS = {
    "chains": "Chains; default 4.",
    "draws": "Draws per chain; default 1,500.",
    "tune": "Sweeps before the first draw; default 200.",
}


@example("bayesltv uplift test.csv --outcome spend --cells tier --randomised --out mail.nc")
def uplift(
    experiment: Annotated[
        Path, typer.Argument(help="Test: CSV or Parquet, one row per customer who was assigned to an arm.")
    ],
    out: Annotated[Path, typer.Option(help="Fitted test to write, netCDF; `decide --test NAME=FILE`.")],
    reading: Annotated["ExperimentReading", Bundle(experiment_reading)],
    assigned: Annotated[
        "Assignment", Bundle(assignment, help={"accept_failed": "balance or sample_ratio; repeatable."})
    ],
    sampled: Annotated[
        "Sampling", Bundle(options.sampling, without=("method", "target_accept"), help=_OF_TESTS)
    ],
    fit: Annotated[
        Path | None, test_option(help="Fit of purchases before the test: makes the rate a factor.")
    ] = None,
    summary: Annotated[
        Path | None, test_option(help="Its customers as they were when assigned; with --fit.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Fit the effects of a randomised test by cell, for the actions of `bayesltv decide`."""
    from bayesltv import jobs
    from bayesltv.cli.output import show

    show.step(f"sampling the test's effects, with seed {sampled.seed}")
    if (fit is None) != (summary is None):
        raise typer.BadParameter("--fit and --summary go together", param_hint="--fit")
    before = None if fit is None or summary is None else (fit, summary)
    fitted = jobs.uplift_file(experiment, out, reading, assigned, sampled, before)
    show.result(fitted, as_json=as_json)
    _refuse_failed(fitted.report, f"kept as {fitted.path} to be looked at; `bayesltv decide` will refuse it")


def _refuse_failed(report: "CheckReport", what_now: str) -> None:
    """End the command with its own exit code where checks failed."""
    from bayesltv.cli.output import show

    if not report.passed:
        show.refusal(report, what_now)
        raise typer.Exit(CHECK_FAILED)


def _named_numbers(pairs: list[str], example: str, option: str) -> dict[str, float] | None:
    """Return NAME -> number of texts NAME=NUMBER; None without any."""
    numbers = {}
    for pair in pairs:
        name, _, number = pair.rpartition("=")
        try:
            numbers[name] = float(number)
        except ValueError:
            name = ""
        if not name:
            raise typer.BadParameter(f"{pair!r}: write {example}", param_hint=option)
    return numbers or None
