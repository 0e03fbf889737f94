"""Options that several commands share, each declared once; those that go together make a record."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bayesltv.cli.command import Bundle
from bayesltv.cli.guard import AS_JSON, REDACTION
from bayesltv.cli.manner import is_quiet

if TYPE_CHECKING:
    from bayesltv.base.meeting import Meeting
    from bayesltv.comparison.origins import Origins
    from bayesltv.data.log.reading import Carried, LogReading
    from bayesltv.fitting.sampling import Sampling
    from bayesltv.redaction import Redaction

LOG, SUMMARY, FIT = "How the log is read", "The summary", "What is accepted"
SAMPLER, RUN = "The sampler", "Draws, seed and speed"
"""Panels of a help text, in this order after a command's own options."""
DEFAULT_SEED = 1


def in_panel(title: str) -> Callable[..., Any]:
    """Return what declares the options of a panel of a help text: `typer.Option`, with its title."""
    return partial(typer.Option, rich_help_panel=title)


log_option, summary_option, fit_option = in_panel(LOG), in_panel(SUMMARY), in_panel(FIT)
sampler_option, run_option = in_panel(SAMPLER), in_panel(RUN)


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
FitFile = Annotated[Path, typer.Argument(help="Fit, as `bayesltv fit` wrote it.")]
NewerSummary = Annotated[Path, typer.Argument(help="Customer summary; it may be newer than the fit.")]
ThisSummary = Annotated[Path, typer.Argument(help="Customer summary, .parquet (or .csv).")]
Report = Annotated[Path | None, typer.Option(metavar="DIR", help="Write pictures and tables here.")]
Seed = Annotated[int, run_option(help="The same seed, data, spec and versions give the same numbers.")]
Threads = Annotated[int | None, run_option(min=1, help="Default: all processors.")]
TimeUnit = Annotated[
    str | None,
    summary_option(
        help="day, week, month or year: the unit of recency and T, where the summary does not say."
    ),
]
ObservationEnd = Annotated[str | None, summary_option(help="Last day observed, where the summary has none.")]
ObservationDay = Annotated[str, typer.Option("--observation-end", help="Last day observed, 2024-01-31.")]
Unit = Annotated[
    str, typer.Option("--time-unit", help="day, week, month or year: the unit of recency and T.")
]
Cohort = Annotated[
    Literal["month", "week"] | None,
    typer.Option(help="Store the month or week of the first purchase as group cohort_month, cohort_week."),
]
AcquiredFrom = Annotated[str | None, typer.Option(help="Keep customers first seen from this day on.")]
Late = Annotated[
    Literal["cut", "error"], log_option(help="What to do with rows after the end of observation.")
]
Currency = Annotated[str | None, typer.Option(help="For labels; amounts are never converted.")]
RepeatDays = Annotated[
    bool, typer.Option(help="List repeat purchase days: a calendar clock and counts over time need them.")
]
Decision = Annotated[str, typer.Option(help="Decision: a file, or a name of `bayesltv models list`.")]
LogEnd = Annotated[str | None, log_option(help="Last day that the log covers, where nobody bought on it.")]
AcceptFailed = Annotated[
    list[str] | None, fit_option(metavar="CHECK", help="Go on although this check failed; repeatable.")
]


def redaction(ctx: typer.Context) -> "Redaction | None":
    """Return how ids are hidden in messages and reports, if the global options say so."""
    return ctx.meta.get(REDACTION)


Hidden = Annotated["Redaction | None", Bundle(redaction)]


def meeting(
    draws: Annotated[int, run_option(min=1, help="Posterior draws to use, spread over the chains.")] = 1000,
    seed: Seed = DEFAULT_SEED,
    unknown_groups: Annotated[
        Literal["error", "population"], fit_option(help="Levels of a group that the fit has not seen.")
    ] = "error",
    accept_failed: AcceptFailed = None,
    max_fit_age_days: Annotated[
        float | None,
        fit_option(
            "--max-fit-age",
            metavar="DAYS",
            min=0,
            help="Refuse a fit whose data end more days than this before the summary's.",
        ),
    ] = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    without_first_amounts: Annotated[
        bool,
        fit_option(
            "--without-first-amounts",
            help="Score a summary that has no first amounts, though the fit uses them.",
        ),
    ] = False,
) -> "Meeting":
    """Return how a fit meets a summary."""
    from bayesltv.base.meeting import Meeting

    return Meeting(
        seed, draws, unknown_groups, accept_failed or (), max_fit_age_days, time_unit, observation_end,
        without_first_amounts,
    )  # fmt: skip


def log_reading(
    customer_id_col: Annotated[str, log_option(help="Column of customer ids in the log.")] = "customer_id",
    datetime_col: Annotated[str, log_option(help="Column of purchase dates in the log.")] = "date",
    monetary_value_col: Annotated[str, log_option(help="Column of amounts in the log.")] = "amount",
    no_amounts: Annotated[bool, log_option("--no-amounts", help="Judge purchases alone.")] = False,
    refunds: Annotated[
        Literal["net", "drop", "error"], log_option(help="What to do with negative amounts.")
    ] = "net",
    timezone: Annotated[str | None, log_option(help="Zone of the days, for stamps with offsets.")] = None,
    datetime_format: Annotated[str | None, log_option(help="strptime format, where not ISO 8601.")] = None,
) -> "LogReading":
    """Return how a log is read."""
    from bayesltv.data.log.reading import LogReading

    amounts = None if no_amounts else monetary_value_col
    return LogReading(customer_id_col, datetime_col, amounts, refunds, timezone, datetime_format)


def carried(
    order_id_col: Annotated[
        str | None, log_option(help="Column of order ids, to find rows loaded twice.")
    ] = None,
    groups: Annotated[list[str] | None, log_option("--group", help="Group column; repeatable.")] = None,
    covariates: Annotated[
        list[str] | None, log_option("--covariate", help="Covariate column; repeatable.")
    ] = None,
    group_conflict: Annotated[
        Literal["error", "first", "last"],
        log_option(help="A customer with two values of a group or covariate."),
    ] = "error",
) -> "Carried":
    """Return what the rows of a log say beside purchases."""
    from bayesltv.data.log.reading import Carried

    return Carried(order_id_col, groups or (), covariates or (), group_conflict)


def sampling(
    method: Annotated[
        Literal["nuts", "laplace"], sampler_option(help="NUTS, or laplace: seconds, gated by its weights.")
    ] = "nuts",
    chains: Annotated[int | None, sampler_option(min=2, help="Chains, in place of the spec's.")] = None,
    draws: Annotated[
        int | None, sampler_option(min=1, help="Draws per chain, in place of the spec's.")
    ] = None,
    tune: Annotated[int | None, sampler_option(min=1, help="Tuning steps, in place of the spec's.")] = None,
    target_accept: Annotated[float | None, sampler_option(help="Acceptance rate; higher is slower.")] = None,
    cores: Annotated[int | None, sampler_option(min=1, help="Chains run at once.")] = None,
    seed: Seed = DEFAULT_SEED,
) -> "Sampling":
    """Return how a posterior is sampled."""
    from bayesltv.fitting.sampling import Sampling

    asked = {"chains": chains, "draws": draws, "tune": tune, "target_accept": target_accept}
    overrides: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    return Sampling(seed, method, overrides, cores, progress=not is_quiet())


def origins(
    cuts: Annotated[
        list[str] | None,
        typer.Option(
            "--cut", help="Last day known; `choose` takes several. Default: by the length of the log."
        ),
    ] = None,
    horizon: Annotated[
        str | None, typer.Option(help='How far ahead: "26 weeks"; default: by the length of the log.')
    ] = None,
    time_unit: Unit = "week",
    customers: Annotated[int, run_option(help="At most; of a larger log so many are drawn by lot.")] = 5000,
    acquired_from: AcquiredFrom = None,
    log_end: LogEnd = None,
    seed: Seed = DEFAULT_SEED,
) -> "Origins":
    """Return from which days a log is forecast, and for whom."""
    from bayesltv.comparison.origins import Origins

    return Origins(cuts or (), horizon, time_unit, customers, acquired_from, log_end, seed)
