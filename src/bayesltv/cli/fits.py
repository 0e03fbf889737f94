"""The commands that make fits and judge them: of a model, and of a test."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayesltv.cli.command import Bundle, example
from bayesltv.cli.options import (
    SUMMARY,
    AcceptFailed,
    AsJson,
    FitFile,
    LogEnd,
    ObservationEnd,
    Report,
    ThisSummary,
    TimeUnit,
    log_reading,
    sampling,
)

if TYPE_CHECKING:
    from bayesltv.checks.result import CheckReport
    from bayesltv.data.log.reading import Assignment, ExperimentReading, LogReading
    from bayesltv.fitting.sampling import Sampling

CHECK_FAILED = 13
TEST = "The test"


@example("bayesltv fit summary.parquet --out fit.nc")
def fit(
    summary: ThisSummary,
    out: Annotated[Path, typer.Option(help="Fit to write, netCDF.")],
    sampled: Annotated["Sampling", Bundle(sampling)],
    spec: Annotated[
        str | None,
        typer.Option(
            help="Model spec: a file, or a name of `bayesltv models list`; default mbg_pooled, or "
            "mbg_by_group where the summary has groups."
        ),
    ] = None,
    groups: Annotated[
        list[str] | None,
        typer.Option("--group", help="Group column, where the summary has none.", rich_help_panel=SUMMARY),
    ] = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    as_json: AsJson = False,
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


@example("bayesltv check fit.nc --summary summary.parquet")
def check(
    fit: FitFile,
    summary: Annotated[
        Path | None,
        typer.Option(help="The summary it was fitted to, to check the data's assumptions."),
    ] = None,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Also replicated customers and weeks, priors, outliers."),
    ] = False,
    report: Report = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    as_json: AsJson = False,
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
    summary: ThisSummary,
    specs: Annotated[
        list[str], typer.Option("--spec", help="Model spec (file or shipped name) or fit (.nc); repeatable.")
    ],
    reading: Annotated["LogReading", Bundle(log_reading)],
    sampled: Annotated["Sampling", Bundle(sampling, without=("target_accept",))],
    log: Annotated[Path | None, typer.Option(help="Log that goes on past the summary: a hold-out.")] = None,
    horizon: Annotated[str | None, typer.Option(help='Of the hold-out: "39 weeks".')] = None,
    report: Report = None,
    log_end: LogEnd = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    as_json: AsJson = False,
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
        str,
        typer.Option(
            metavar="COLUMNS",
            help='Columns by which effects may differ: "tier,stage".',
            rich_help_panel=TEST,
        ),
    ] = "",
    arm: Annotated[str, typer.Option(help="Column of the arm.", rich_help_panel=TEST)] = "arm",
    control: Annotated[
        str | None, typer.Option(help='Arm without an action; default "control".', rich_help_panel=TEST)
    ] = None,
    after: Annotated[
        list[str] | None,
        typer.Option(help="Column measured after the assignment: no cell; repeatable.", rich_help_panel=TEST),
    ] = None,
    customer_id_col: Annotated[
        str, typer.Option(help="Column of customer ids.", rich_help_panel=TEST)
    ] = "customer_id",
) -> "ExperimentReading":
    """Return how the table of a test is read."""
    from bayesltv.data.log.reading import ExperimentReading

    columns = [name.strip() for name in cells.split(",") if name.strip()]
    return ExperimentReading(
        outcome, columns, arm, control, after=after or (), customer_id_col=customer_id_col
    )


def assignment(
    randomised: Annotated[
        bool | None,
        typer.Option(
            "--randomised/--not-randomised",
            help="Whether arms were assigned at random; must be said.",
            rich_help_panel=TEST,
        ),
    ] = None,
    shares: Annotated[
        list[str] | None,
        typer.Option(
            "--share",
            metavar="ARM=SHARE",
            help="Planned share, where not equal; repeatable.",
            rich_help_panel=TEST,
        ),
    ] = None,
    accept_failed: AcceptFailed = None,
) -> "Assignment":
    """Return how customers came to the arms of a test."""
    from bayesltv.data.log.reading import Assignment

    return Assignment(randomised, _named_shares(shares or []), accept_failed or ())


_OF_TESTS = {
    "chains": "Chains; default 4.",
    "draws": "Draws per chain; default 1,500.",
    "tune": "Tuning steps; default 1,000.",
    "target_accept": "Acceptance rate; default 0.95.",
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
    sampled: Annotated["Sampling", Bundle(sampling, without=("method",), help=_OF_TESTS)],
    as_json: AsJson = False,
) -> None:
    """Fit the effects of a randomised test by cell, for the actions of `bayesltv decide`."""
    from bayesltv import jobs
    from bayesltv.cli.output import show

    show.step(f"sampling the test's effects, with seed {sampled.seed}")
    fitted = jobs.uplift_file(experiment, out, reading, assigned, sampled)
    show.result(fitted, as_json=as_json)
    _refuse_failed(fitted.report, f"kept as {fitted.path} to be looked at; `bayesltv decide` will refuse it")


def _refuse_failed(report: "CheckReport", what_now: str) -> None:
    """End the command with its own exit code where checks failed."""
    from bayesltv.cli.output import show

    if not report.passed:
        show.refusal(report, what_now)
        raise typer.Exit(CHECK_FAILED)


def _named_shares(pairs: list[str]) -> dict[str, float] | None:
    """Return ARM -> share of texts ARM=SHARE; None without any."""
    shares = {}
    for pair in pairs:
        name, _, share = pair.rpartition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            name = ""
        if not name:
            raise typer.BadParameter(f"{pair!r}: write ARM=SHARE, mail=0.5", param_hint="--share")
    return shares or None
