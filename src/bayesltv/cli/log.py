"""The command that reads a log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bayesltv.cli.command import Bundle, example
from bayesltv.cli.options import LOG, RUN, AsJson, Threads, carried, log_reading

if TYPE_CHECKING:
    from bayesltv.data.log.reading import Carried, LogReading


@example("bayesltv summarize log.csv --observation-end 1997-09-30 --time-unit week --out customers.parquet")
def summarize(
    log: Annotated[Path, typer.Argument(help="Transaction log: CSV or Parquet, one row per purchase.")],
    observation_end: Annotated[str, typer.Option(help="Last day observed, 2024-01-31.")],
    time_unit: Annotated[str, typer.Option(help="day, week, month or year: the unit of recency and T.")],
    out: Annotated[Path, typer.Option(help="Customer summary to write, .parquet.")],
    reading: Annotated["LogReading", Bundle(log_reading, help={"no_amounts": "The log has no amounts."})],
    beside: Annotated["Carried", Bundle(carried)],
    cohort: Annotated[
        Literal["month", "week"] | None,
        typer.Option(
            help="Store the month or week of the first purchase as group cohort_month, cohort_week."
        ),
    ] = None,
    acquired_from: Annotated[
        str | None, typer.Option(help="Keep customers first seen from this day on.")
    ] = None,
    late: Annotated[
        Literal["cut", "error"],
        typer.Option(help="What to do with rows after the end of observation.", rich_help_panel=LOG),
    ] = "cut",
    currency: Annotated[str | None, typer.Option(help="For labels; amounts are never converted.")] = None,
    repeat_days: Annotated[
        bool, typer.Option(help="List repeat purchase days: a calendar clock and counts over time need them.")
    ] = True,
    memory_limit: Annotated[
        str | None,
        typer.Option(
            help='Of the engine, like "2GB"; past it it spills to a temporary folder.', rich_help_panel=RUN
        ),
    ] = None,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Turn a transaction log into a customer summary."""
    from bayesltv import jobs
    from bayesltv.cli.output import bars, show
    from bayesltv.data.log.reading import Summarizing

    asked = Summarizing(
        reading, beside, observation_end, time_unit, acquired_from, late, currency, repeat_days,
        memory_limit, threads, cohort,
    )  # fmt: skip
    with bars.summary_bar() as advance:
        made = jobs.summarize_file(log, out, asked, progress=advance)
    show.result(made, as_json=as_json)
