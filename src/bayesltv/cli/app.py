"""The commands. Each parses its arguments, calls one function and shows what it returned."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bayesltv.cli.guard import AS_JSON, REDACTION, Guarded
from bayesltv.redaction import KEY_VARIABLE, redaction_of

app = typer.Typer(
    cls=Guarded,
    help="Bayesian customer lifetime value: from a log of purchases to predictive distributions.",
    epilog="Exit codes: 0 done, 1 bug, 2 usage, 10 data, 11 spec, 12 fit, 13 check, 14 file, 15 engine; "
    "129, 130, 143 hung up, interrupted, terminated.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(help="Model specs and decision files.", no_args_is_help=True)
app.add_typer(models, name="models")

CHECK_FAILED = 13
DEFAULT_SEED = 1


def main() -> None:
    """Run the command line."""
    app(prog_name="bayesltv")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"bayesltv {version('bayesltv')}")
        raise typer.Exit


def _remember_json(ctx: typer.Context, asked: bool) -> bool:
    ctx.meta[AS_JSON] = asked
    return asked


AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        callback=_remember_json,
        is_eager=True,
        help="One JSON object on stdout, the rest on stderr.",
    ),
]
TimeUnit = Annotated[
    str | None,
    typer.Option(help="day, week, month or year: the unit of recency and T, where the summary does not say."),
]
ObservationEnd = Annotated[str | None, typer.Option(help="Last day observed, where the summary has none.")]
MaxFitAge = Annotated[
    float | None,
    typer.Option(
        "--max-fit-age",
        metavar="DAYS",
        min=0,
        help="Refuse a fit whose data end more days than this before the summary's.",
    ),
]
Report = Annotated[Path | None, typer.Option(metavar="DIR", help="Write pictures and tables here.")]
IdCol = Annotated[str, typer.Option(help="Column of customer ids in the log.")]
DateCol = Annotated[str, typer.Option(help="Column of purchase dates in the log.")]
AmountCol = Annotated[str, typer.Option(help="Column of amounts in the log.")]
NoAmounts = Annotated[bool, typer.Option("--no-amounts", help="Judge purchases alone.")]
Refunds = Annotated[Literal["net", "drop", "error"], typer.Option(help="What to do with negative amounts.")]
Timezone = Annotated[str | None, typer.Option(help="Zone of the days, for stamps with offsets.")]
DateFormat = Annotated[str | None, typer.Option(help="strptime format, where not ISO 8601.")]
LogEnd = Annotated[str | None, typer.Option(help="Last day that the log covers, where nobody bought on it.")]
Seed = Annotated[int, typer.Option(help="The same seed, data, spec and versions give the same numbers.")]


@app.callback()
def options(
    ctx: typer.Context,
    redact_ids: Annotated[
        bool,
        typer.Option(
            "--redact-ids",
            help="Show keyed hashes for customer ids in messages and reports; score tables, exports and "
            f"plans keep the ids. The key is that of {KEY_VARIABLE}, else one made for this run.",
        ),
    ] = False,
    redact_key_file: Annotated[
        Path | None,
        typer.Option(help="File with the key of --redact-ids, which it implies: 16 bytes or more."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Keep the global options for the command that follows."""
    if redact_ids or redact_key_file is not None:
        ctx.meta[REDACTION] = redaction_of(redact_key_file)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for all that the demo makes.")] = Path("bayesltv-demo"),
    seed: Seed = DEFAULT_SEED,
    as_json: AsJson = False,
) -> None:
    """Run everything on real purchases (CDNOW) by cohort, in about a minute.

    The purchases come with pip install 'bayesltv[lifetimes]'. Without them the shop is a simulated one.
    """
    from bayesltv.cli import show
    from bayesltv.demo import run_demo

    show.result(run_demo(out, seed=seed, say=show.step), as_json=as_json)


@app.command()
def summarize(
    log: Annotated[Path, typer.Argument(help="Transaction log: CSV or Parquet, one row per purchase.")],
    observation_end: Annotated[str, typer.Option(help="Last day observed, 2024-01-31.")],
    time_unit: Annotated[str, typer.Option(help="day, week, month or year: the unit of recency and T.")],
    out: Annotated[Path, typer.Option(help="Customer summary to write, .parquet.")],
    customer_id_col: Annotated[str, typer.Option(help="Column of customer ids.")] = "customer_id",
    datetime_col: Annotated[str, typer.Option(help="Column of purchase dates.")] = "date",
    monetary_value_col: Annotated[str, typer.Option(help="Column of amounts.")] = "amount",
    no_amounts: Annotated[bool, typer.Option("--no-amounts", help="The log has no amounts.")] = False,
    order_id_col: Annotated[
        str | None, typer.Option(help="Column of order ids, to find rows loaded twice.")
    ] = None,
    groups: Annotated[list[str] | None, typer.Option("--group", help="Group column; repeatable.")] = None,
    covariates: Annotated[
        list[str] | None, typer.Option("--covariate", help="Covariate column; repeatable.")
    ] = None,
    group_conflict: Annotated[
        Literal["error", "first", "last"],
        typer.Option(help="A customer with two values of a group or covariate."),
    ] = "error",
    refunds: Annotated[
        Literal["net", "drop", "error"], typer.Option(help="What to do with negative amounts.")
    ] = "net",
    timezone: Annotated[str | None, typer.Option(help="Zone of the days, for stamps with offsets.")] = None,
    acquired_from: Annotated[
        str | None, typer.Option(help="Keep customers first seen from this day on.")
    ] = None,
    late: Annotated[
        Literal["cut", "error"], typer.Option(help="What to do with rows after the end of observation.")
    ] = "cut",
    currency: Annotated[str | None, typer.Option(help="For labels; amounts are never converted.")] = None,
    datetime_format: Annotated[str | None, typer.Option(help="strptime format, where not ISO 8601.")] = None,
    repeat_days: Annotated[
        bool, typer.Option(help="List repeat purchase days: a calendar clock and counts over time need them.")
    ] = True,
    memory_limit: Annotated[
        str | None, typer.Option(help='Of the engine, like "2GB"; past it it spills to a temporary folder.')
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: all processors.")] = None,
    as_json: AsJson = False,
) -> None:
    """Turn a transaction log into a customer summary."""
    from bayesltv import jobs
    from bayesltv.cli import bars, show

    settings: dict[str, Any] = {
        "observation_end": observation_end,
        "time_unit": time_unit,
        "customer_id_col": customer_id_col,
        "datetime_col": datetime_col,
        "monetary_value_col": None if no_amounts else monetary_value_col,
        "order_id_col": order_id_col,
        "groups": groups or [],
        "covariates": covariates or [],
        "group_conflict": group_conflict,
        "refunds": refunds,
        "timezone": timezone,
        "acquired_from": acquired_from,
        "late": late,
        "currency": currency,
        "datetime_format": datetime_format,
        "repeat_days": repeat_days,
        "memory_limit": memory_limit,
        "threads": threads,
    }
    with bars.summary_bar() as advance:
        made = jobs.summarize_file(log, out, settings=settings, progress=advance)
    show.result(made, as_json=as_json)


@app.command()
def fit(
    summary: Annotated[Path, typer.Argument(help="Customer summary, .parquet (or .csv).")],
    spec: Annotated[str, typer.Option(help="Model spec: a file, or a name of `bayesltv models list`.")],
    out: Annotated[Path, typer.Option(help="Fit to write, netCDF.")],
    method: Annotated[
        Literal["nuts", "laplace"], typer.Option(help="NUTS, or laplace: seconds, gated by its weights.")
    ] = "nuts",
    seed: Seed = DEFAULT_SEED,
    chains: Annotated[int | None, typer.Option(min=2, help="Chains, in place of the spec's.")] = None,
    draws: Annotated[int | None, typer.Option(min=1, help="Draws per chain, in place of the spec's.")] = None,
    tune: Annotated[int | None, typer.Option(min=1, help="Tuning steps, in place of the spec's.")] = None,
    target_accept: Annotated[float | None, typer.Option(help="Acceptance rate; higher is slower.")] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="Chains run at once.")] = None,
    groups: Annotated[
        list[str] | None,
        typer.Option("--group", help="Group column, where the summary has none."),
    ] = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    as_json: AsJson = False,
) -> None:
    """Sample the posterior of a model, check it, and save it."""
    from bayesltv import jobs
    from bayesltv.cli import show

    asked = {"chains": chains, "draws": draws, "tune": tune, "target_accept": target_accept}
    show.step(f"sampling, with seed {seed}")
    fitted = jobs.fit_file(
        summary,
        spec,
        out,
        seed=seed,
        method=method,
        sampler={name: value for name, value in asked.items() if value is not None},
        groups=groups or (),
        time_unit=time_unit,
        observation_end=observation_end,
        cores=cores,
    )
    show.result(fitted, as_json=as_json)
    if not fitted.report.passed:
        show.refusal(fitted.report, f"kept as {fitted.path} to be looked at; `bayesltv score` will refuse it")
        raise typer.Exit(CHECK_FAILED)


@app.command()
def check(
    fit: Annotated[Path, typer.Argument(help="Fit, as `bayesltv fit` wrote it.")],
    summary: Annotated[
        Path | None,
        typer.Option(help="The summary it was fitted to, to check the data's assumptions."),
    ] = None,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Also common shocks, replicated customers, priors, outliers."),
    ] = False,
    report: Report = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    as_json: AsJson = False,
) -> None:
    """Check that a fit can be trusted."""
    from bayesltv import jobs
    from bayesltv.cli import show

    found, written = jobs.check_file(
        fit, summary, thorough=thorough, report=report, time_unit=time_unit, observation_end=observation_end
    )
    show.result(found, as_json=as_json)
    show.files(written)
    if not found.passed:
        show.refusal(found, f"`bayesltv score` will refuse {fit}")
        raise typer.Exit(CHECK_FAILED)


@app.command()
def evaluate(
    fit: Annotated[Path, typer.Argument(help="Fit, as `bayesltv fit` wrote it.")],
    log: Annotated[Path, typer.Argument(help="Transaction log that reaches the end of the horizon.")],
    horizon: Annotated[str, typer.Option(help='How far the forecast goes: "39 weeks".')],
    summary: Annotated[
        Path | None,
        typer.Option(help="Customers to forecast, in place of the log's at the end of observation."),
    ] = None,
    decision: Annotated[
        str | None, typer.Option(help="Decision, whose tiers are judged too: a file or a shipped name.")
    ] = None,
    report: Report = None,
    seed: Seed = DEFAULT_SEED,
    draws: Annotated[int | None, typer.Option(min=2, help="Posterior draws; default: all.")] = None,
    customer_id_col: IdCol = "customer_id",
    datetime_col: DateCol = "date",
    monetary_value_col: AmountCol = "amount",
    no_amounts: NoAmounts = False,
    order_id_col: Annotated[
        str | None, typer.Option(help="Column of order ids, to find rows loaded twice.")
    ] = None,
    group_conflict: Annotated[
        Literal["error", "first", "last"], typer.Option(help="A customer with two values of a group.")
    ] = "error",
    refunds: Refunds = "net",
    timezone: Timezone = None,
    datetime_format: DateFormat = None,
    observation_end: Annotated[
        str | None, typer.Option(help="Where the forecast starts; default: the fit's own end of observation.")
    ] = None,
    log_end: LogEnd = None,
    time_unit: TimeUnit = None,
    unknown_groups: Annotated[
        Literal["error", "population"], typer.Option(help="Levels of a group that the fit has not seen.")
    ] = "error",
    threads: Annotated[int | None, typer.Option(min=1, help="Default: all processors.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold forecasts against what happened: scores, coverage, totals, ranking."""
    from bayesltv import jobs
    from bayesltv.cli import show

    columns = {
        "customer_id_col": customer_id_col,
        "datetime_col": datetime_col,
        "monetary_value_col": None if no_amounts else monetary_value_col,
        "refunds": refunds,
        "timezone": timezone,
        "datetime_format": datetime_format,
    }
    carried = {"order_id_col": order_id_col, "group_conflict": group_conflict}
    found, written = jobs.evaluate_file(
        fit,
        log,
        horizon=horizon,
        seed=seed,
        summary=summary,
        decision=decision,
        draws=draws,
        observation_end=observation_end,
        log_end=log_end,
        columns=columns,
        carried=carried,
        time_unit=time_unit,
        unknown_groups=unknown_groups,
        threads=threads,
        report=report,
    )
    show.result(found, as_json=as_json)
    show.files(written)


@app.command()
def compare(
    summary: Annotated[Path, typer.Argument(help="Customer summary, .parquet (or .csv).")],
    specs: Annotated[
        list[str], typer.Option("--spec", help="Model spec (file or shipped name) or fit (.nc); repeatable.")
    ],
    log: Annotated[Path | None, typer.Option(help="Log that goes on past the summary: a hold-out.")] = None,
    horizon: Annotated[str | None, typer.Option(help='Of the hold-out: "39 weeks".')] = None,
    method: Annotated[
        Literal["nuts", "laplace"], typer.Option(help="NUTS, or laplace: seconds, gated by its weights.")
    ] = "nuts",
    report: Report = None,
    seed: Seed = DEFAULT_SEED,
    chains: Annotated[int | None, typer.Option(min=2, help="Chains, in place of the specs'.")] = None,
    draws: Annotated[int | None, typer.Option(min=1, help="Draws per chain, in place of the specs'.")] = None,
    tune: Annotated[int | None, typer.Option(min=1, help="Tuning steps, in place of the specs'.")] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="Chains run at once.")] = None,
    customer_id_col: IdCol = "customer_id",
    datetime_col: DateCol = "date",
    monetary_value_col: AmountCol = "amount",
    no_amounts: NoAmounts = False,
    refunds: Refunds = "net",
    timezone: Timezone = None,
    datetime_format: DateFormat = None,
    log_end: LogEnd = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    as_json: AsJson = False,
) -> None:
    """Compare model specs on the same customers: leave-one-out, and a hold-out where there is a log."""
    from bayesltv import jobs
    from bayesltv.cli import show

    asked = {"chains": chains, "draws": draws, "tune": tune}
    found, written = jobs.compare_files(
        summary,
        specs,
        seed=seed,
        log=log,
        horizon=horizon,
        method=method,
        sampler={name: value for name, value in asked.items() if value is not None},
        columns={
            "customer_id_col": customer_id_col,
            "datetime_col": datetime_col,
            "monetary_value_col": None if no_amounts else monetary_value_col,
            "refunds": refunds,
            "timezone": timezone,
            "datetime_format": datetime_format,
            "log_end": log_end,
        },
        time_unit=time_unit,
        observation_end=observation_end,
        cores=cores,
        report=report,
        step=show.step,
    )
    show.result(found, as_json=as_json)
    show.files(written)


@app.command()
def score(
    ctx: typer.Context,
    fit: Annotated[Path, typer.Argument(help="Fit, as `bayesltv fit` wrote it.")],
    summary: Annotated[Path, typer.Argument(help="Customer summary; it may be newer than the fit.")],
    decision: Annotated[str, typer.Option(help="Decision: a file, or a name of `bayesltv models list`.")],
    out: Annotated[
        Path, typer.Option(help="Score table, .parquet or .csv, with more beside it; or a folder.")
    ],
    draws: Annotated[int, typer.Option(min=1, help="Posterior draws to use, spread over the chains.")] = 1000,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: as many as processors.")] = None,
    seed: Seed = DEFAULT_SEED,
    unknown_groups: Annotated[
        Literal["error", "population"], typer.Option(help="Levels of a group that the fit has not seen.")
    ] = "error",
    accept_failed: Annotated[
        list[str] | None, typer.Option(metavar="CHECK", help="Score although this check failed; repeatable.")
    ] = None,
    max_fit_age_days: MaxFitAge = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    as_json: AsJson = False,
) -> None:
    """Score every customer: value, tier probabilities, next purchase."""
    from bayesltv import jobs
    from bayesltv.cli import bars, show

    with bars.scoring_bar() as bar:
        scored = jobs.score_file(
            fit,
            summary,
            decision,
            out,
            seed=seed,
            draws=draws,
            unknown_groups=unknown_groups,
            accept_failed=accept_failed or (),
            max_fit_age_days=max_fit_age_days,
            time_unit=time_unit,
            observation_end=observation_end,
            threads=threads,
            redaction=ctx.meta.get(REDACTION),
            looking=bar.look,
            started=bar.start,
            progress=bar.advance,
        )
    show.result(scored, as_json=as_json)


@app.command()
def decide(
    ctx: typer.Context,
    fit: Annotated[Path, typer.Argument(help="Fit, as `bayesltv fit` wrote it.")],
    summary: Annotated[Path, typer.Argument(help="Customer summary; it may be newer than the fit.")],
    decision: Annotated[str, typer.Option(help="Decision with actions: a file, or a shipped name.")],
    out: Annotated[Path, typer.Option(help="Folder for export, tables, figures and manifest.")],
    draws: Annotated[int, typer.Option(min=1, help="Posterior draws to use, spread over the chains.")] = 1000,
    tests: Annotated[
        list[str] | None,
        typer.Option("--test", metavar="NAME=FILE", help="Fitted test that actions name; repeatable."),
    ] = None,
    current: Annotated[
        Path | None, typer.Option(help="Table of customer_id and action: what is done today.")
    ] = None,
    previous: Annotated[
        Path | None, typer.Option(help="An earlier export, or plan folder: tiers that need not move stay.")
    ] = None,
    plan_test: Annotated[
        bool,
        typer.Option("--plan-test", help="Say for each action how large a test should be, or not to test."),
    ] = False,
    test_cost: Annotated[float, typer.Option(min=0, help="Fixed cost of a test, in money.")] = 0.0,
    customers_per_week: Annotated[
        float | None, typer.Option(help="Customers that a test can enrol in a week, both arms together.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: all processors.")] = None,
    seed: Seed = DEFAULT_SEED,
    unknown_groups: Annotated[
        Literal["error", "population"], typer.Option(help="Levels of a group that the fit has not seen.")
    ] = "error",
    accept_failed: Annotated[
        list[str] | None, typer.Option(metavar="CHECK", help="Go on although this check failed; repeatable.")
    ] = None,
    max_fit_age_days: MaxFitAge = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    as_json: AsJson = False,
) -> None:
    """Decide who gets which action, and what it should cost and bring."""
    from bayesltv import jobs
    from bayesltv.cli import bars, show

    with bars.scoring_bar() as bar:
        decided = jobs.decide_file(
            fit,
            summary,
            decision,
            out,
            seed=seed,
            draws=draws,
            tests=_named_files(tests or []),
            current=current,
            previous=previous,
            plan_test=plan_test,
            test_cost=test_cost,
            customers_per_week=customers_per_week,
            unknown_groups=unknown_groups,
            accept_failed=accept_failed or (),
            max_fit_age_days=max_fit_age_days,
            time_unit=time_unit,
            observation_end=observation_end,
            threads=threads,
            redaction=ctx.meta.get(REDACTION),
            started=bar.start,
            progress=bar.advance,
        )
    show.result(decided, as_json=as_json)


@app.command()
def report(
    ctx: typer.Context,
    fit: Annotated[Path, typer.Argument(help="Fit, as `bayesltv fit` wrote it.")],
    out: Annotated[Path, typer.Option(help="Page to write, .html: one file that needs nothing else.")],
    summary: Annotated[Path | None, typer.Option(help="The summary it was fitted to.")] = None,
    scores: Annotated[
        Path | None, typer.Option(help="What `bayesltv score` wrote: a table, or a folder of parts.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="Log that reaches the end of the horizon.")] = None,
    horizon: Annotated[str | None, typer.Option(help='Of the forecasts held against it: "39 weeks".')] = None,
    log_end: Annotated[
        str | None, typer.Option(help="Last day that the log covers, where nobody bought on it.")
    ] = None,
    plan: Annotated[Path | None, typer.Option(metavar="DIR", help="What `bayesltv decide` wrote.")] = None,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Also common shocks, priors, outliers among the checks."),
    ] = False,
    customer_id_col: Annotated[str, typer.Option(help="Column of customer ids in the log.")] = "customer_id",
    datetime_col: Annotated[str, typer.Option(help="Column of purchase dates in the log.")] = "date",
    monetary_value_col: Annotated[str, typer.Option(help="Column of amounts in the log.")] = "amount",
    no_amounts: Annotated[bool, typer.Option("--no-amounts", help="Judge purchases alone.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Default: all processors.")] = None,
    seed: Seed = DEFAULT_SEED,
    as_json: AsJson = False,
) -> None:
    """Write all that is known about a fit into one HTML file."""
    from bayesltv import jobs
    from bayesltv.cli import show

    written = jobs.report_file(
        fit,
        out,
        seed=seed,
        summary=summary,
        scores=scores,
        log=log,
        horizon=horizon,
        log_end=log_end,
        plan=plan,
        columns={
            "customer_id_col": customer_id_col,
            "datetime_col": datetime_col,
            "monetary_value_col": None if no_amounts else monetary_value_col,
        },
        thorough=thorough,
        redaction=ctx.meta.get(REDACTION),
        threads=threads,
    )
    show.result(written, as_json=as_json)


@app.command()
def uplift(
    experiment: Annotated[
        Path, typer.Argument(help="Test: CSV or Parquet, one row per customer who was assigned to an arm.")
    ],
    outcome: Annotated[str, typer.Option(help="Column of what a customer spent in the test's window.")],
    out: Annotated[Path, typer.Option(help="Fitted test to write, netCDF; `decide --test NAME=FILE`.")],
    cells: Annotated[
        str, typer.Option(metavar="COLUMNS", help='Columns by which effects may differ: "tier,stage".')
    ] = "",
    randomised: Annotated[
        bool | None,
        typer.Option(
            "--randomised/--not-randomised", help="Whether arms were assigned at random; must be said."
        ),
    ] = None,
    arm: Annotated[str, typer.Option(help="Column of the arm.")] = "arm",
    control: Annotated[str | None, typer.Option(help='Arm without an action; default "control".')] = None,
    shares: Annotated[
        list[str] | None,
        typer.Option("--share", metavar="ARM=SHARE", help="Planned share, where not equal; repeatable."),
    ] = None,
    after: Annotated[
        list[str] | None, typer.Option(help="Column measured after the assignment: no cell; repeatable.")
    ] = None,
    customer_id_col: Annotated[str, typer.Option(help="Column of customer ids.")] = "customer_id",
    accept_failed: Annotated[
        list[str] | None, typer.Option(metavar="CHECK", help="balance or sample_ratio; repeatable.")
    ] = None,
    seed: Seed = DEFAULT_SEED,
    chains: Annotated[int | None, typer.Option(min=2, help="Chains; default 4.")] = None,
    draws: Annotated[int | None, typer.Option(min=1, help="Draws per chain; default 1,500.")] = None,
    tune: Annotated[int | None, typer.Option(min=1, help="Tuning steps; default 1,000.")] = None,
    target_accept: Annotated[float | None, typer.Option(help="Acceptance rate; default 0.95.")] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="Chains run at once.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fit the effects of a randomised test by cell, for the actions of `bayesltv decide`."""
    from bayesltv import jobs
    from bayesltv.cli import show

    asked = {"chains": chains, "draws": draws, "tune": tune, "target_accept": target_accept}
    show.step(f"sampling the test's effects, with seed {seed}")
    fitted = jobs.uplift_file(
        experiment,
        out,
        cells=[name.strip() for name in cells.split(",") if name.strip()],
        outcome=outcome,
        randomised=randomised,
        arm=arm,
        control=control,
        shares=_named_shares(shares or []),
        after=after or (),
        customer_id_col=customer_id_col,
        accept_failed=accept_failed or (),
        seed=seed,
        sampler={name: value for name, value in asked.items() if value is not None},
        cores=cores,
    )
    show.result(fitted, as_json=as_json)
    if not fitted.report.passed:
        show.refusal(
            fitted.report, f"kept as {fitted.path} to be looked at; `bayesltv decide` will refuse it"
        )
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


def _named_files(pairs: list[str]) -> dict[str, Path]:
    """Return NAME -> FILE of texts NAME=FILE."""
    for pair in pairs:
        if not all(pair.partition("=")):
            raise typer.BadParameter(f"{pair!r}: write NAME=FILE", param_hint="--test")
    return {name: Path(file) for name, _, file in (pair.partition("=") for pair in pairs)}


@models.command("list")
def models_list(as_json: AsJson = False) -> None:
    """List the model specs and decision files that are shipped."""
    from bayesltv.cli import show
    from bayesltv.spec.catalogue import list_specs

    show.result(list_specs(), as_json=as_json)


@models.command("show")
def models_show(
    name: Annotated[str, typer.Argument(help="A shipped name, or a file.")], as_json: AsJson = False
) -> None:
    """Show a spec or decision as it is read, with nothing left to a default."""
    from bayesltv.cli import show
    from bayesltv.spec.catalogue import load_any

    show.result(load_any(name), as_json=as_json)


@models.command("check")
def models_check(
    file: Annotated[str, typer.Argument(help="A spec or decision file.")], as_json: AsJson = False
) -> None:
    """Say whether a spec or decision file is right."""
    from bayesltv.cli import show
    from bayesltv.spec.catalogue import load_any

    show.verdict(load_any(file), file, as_json=as_json)
