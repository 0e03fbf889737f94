"""Options that several commands share, each declared once; those that go together make a record."""

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
Seed = Annotated[
    int,
    typer.Option(help="The same seed, data, spec and versions give the same numbers.", rich_help_panel=RUN),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Default: all processors.", rich_help_panel=RUN)]
TimeUnit = Annotated[
    str | None,
    typer.Option(
        help="day, week, month or year: the unit of recency and T, where the summary does not say.",
        rich_help_panel=SUMMARY,
    ),
]
ObservationEnd = Annotated[
    str | None, typer.Option(help="Last day observed, where the summary has none.", rich_help_panel=SUMMARY)
]
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
    Literal["cut", "error"],
    typer.Option(help="What to do with rows after the end of observation.", rich_help_panel=LOG),
]
Currency = Annotated[str | None, typer.Option(help="For labels; amounts are never converted.")]
RepeatDays = Annotated[
    bool, typer.Option(help="List repeat purchase days: a calendar clock and counts over time need them.")
]
Decision = Annotated[str, typer.Option(help="Decision: a file, or a name of `bayesltv models list`.")]
LogEnd = Annotated[
    str | None,
    typer.Option(help="Last day that the log covers, where nobody bought on it.", rich_help_panel=LOG),
]
AcceptFailed = Annotated[
    list[str] | None,
    typer.Option(metavar="CHECK", help="Go on although this check failed; repeatable.", rich_help_panel=FIT),
]


def redaction(ctx: typer.Context) -> "Redaction | None":
    """Return how ids are hidden in messages and reports, if the global options say so."""
    found: Redaction | None = ctx.meta.get(REDACTION)
    return found


Hidden = Annotated["Redaction | None", Bundle(redaction)]


def meeting(
    draws: Annotated[
        int,
        typer.Option(min=1, help="Posterior draws to use, spread over the chains.", rich_help_panel=RUN),
    ] = 1000,
    seed: Seed = DEFAULT_SEED,
    unknown_groups: Annotated[
        Literal["error", "population"],
        typer.Option(help="Levels of a group that the fit has not seen.", rich_help_panel=FIT),
    ] = "error",
    accept_failed: AcceptFailed = None,
    max_fit_age_days: Annotated[
        float | None,
        typer.Option(
            "--max-fit-age",
            metavar="DAYS",
            min=0,
            help="Refuse a fit whose data end more days than this before the summary's.",
            rich_help_panel=FIT,
        ),
    ] = None,
    time_unit: TimeUnit = None,
    observation_end: ObservationEnd = None,
    without_first_amounts: Annotated[
        bool,
        typer.Option(
            "--without-first-amounts",
            help="Score a summary that has no first amounts, though the fit uses them.",
            rich_help_panel=FIT,
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
    customer_id_col: Annotated[
        str, typer.Option(help="Column of customer ids in the log.", rich_help_panel=LOG)
    ] = "customer_id",
    datetime_col: Annotated[
        str, typer.Option(help="Column of purchase dates in the log.", rich_help_panel=LOG)
    ] = "date",
    monetary_value_col: Annotated[
        str, typer.Option(help="Column of amounts in the log.", rich_help_panel=LOG)
    ] = "amount",
    no_amounts: Annotated[
        bool, typer.Option("--no-amounts", help="Judge purchases alone.", rich_help_panel=LOG)
    ] = False,
    refunds: Annotated[
        Literal["net", "drop", "error"],
        typer.Option(help="What to do with negative amounts.", rich_help_panel=LOG),
    ] = "net",
    timezone: Annotated[
        str | None, typer.Option(help="Zone of the days, for stamps with offsets.", rich_help_panel=LOG)
    ] = None,
    datetime_format: Annotated[
        str | None, typer.Option(help="strptime format, where not ISO 8601.", rich_help_panel=LOG)
    ] = None,
) -> "LogReading":
    """Return how a log is read."""
    from bayesltv.data.log.reading import LogReading

    amounts = None if no_amounts else monetary_value_col
    return LogReading(customer_id_col, datetime_col, amounts, refunds, timezone, datetime_format)


def carried(
    order_id_col: Annotated[
        str | None,
        typer.Option(help="Column of order ids, to find rows loaded twice.", rich_help_panel=LOG),
    ] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", help="Group column; repeatable.", rich_help_panel=LOG)
    ] = None,
    covariates: Annotated[
        list[str] | None,
        typer.Option("--covariate", help="Covariate column; repeatable.", rich_help_panel=LOG),
    ] = None,
    group_conflict: Annotated[
        Literal["error", "first", "last"],
        typer.Option(help="A customer with two values of a group or covariate.", rich_help_panel=LOG),
    ] = "error",
) -> "Carried":
    """Return what the rows of a log say beside purchases."""
    from bayesltv.data.log.reading import Carried

    return Carried(order_id_col, groups or (), covariates or (), group_conflict)


def sampling(
    method: Annotated[
        Literal["nuts", "laplace"],
        typer.Option(help="NUTS, or laplace: seconds, gated by its weights.", rich_help_panel=SAMPLER),
    ] = "nuts",
    chains: Annotated[
        int | None, typer.Option(min=2, help="Chains, in place of the spec's.", rich_help_panel=SAMPLER)
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(min=1, help="Draws per chain, in place of the spec's.", rich_help_panel=SAMPLER),
    ] = None,
    tune: Annotated[
        int | None,
        typer.Option(min=1, help="Tuning steps, in place of the spec's.", rich_help_panel=SAMPLER),
    ] = None,
    target_accept: Annotated[
        float | None, typer.Option(help="Acceptance rate; higher is slower.", rich_help_panel=SAMPLER)
    ] = None,
    cores: Annotated[
        int | None, typer.Option(min=1, help="Chains run at once.", rich_help_panel=SAMPLER)
    ] = None,
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
    customers: Annotated[
        int, typer.Option(help="At most; of a larger log so many are drawn by lot.", rich_help_panel=RUN)
    ] = 5000,
    acquired_from: AcquiredFrom = None,
    log_end: LogEnd = None,
    seed: Seed = DEFAULT_SEED,
) -> "Origins":
    """Return from which days a log is forecast, and for whom."""
    from bayesltv.comparison.origins import Origins

    return Origins(cuts or (), horizon, time_unit, customers, acquired_from, log_end, seed)
