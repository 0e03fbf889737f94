"""The command that asks what the business will bring, new customers included."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bayesltv.cli.command import Bundle, example
from bayesltv.cli.options import AsJson, FitFile, Hidden, Threads, in_panel, log_reading, meeting

if TYPE_CHECKING:
    from bayesltv.base.meeting import Meeting
    from bayesltv.data.log.reading import LogReading
    from bayesltv.jobs.asked import ForecastOptions

money_option, coming_option = in_panel("Money"), in_panel("New customers")


def forecast_options(
    horizon: Annotated[str, typer.Option(help="How far ahead.")] = "13 weeks",
    by: Annotated[Literal["week", "month", "quarter"], typer.Option(help="Periods of the tables.")] = "month",
    margin: Annotated[
        float | None, money_option(help="Contribution margin, 0.30; without one none is told.")
    ] = None,
    target: Annotated[float | None, money_option(help="Revenue of the horizon: how likely it is.")] = None,
    cac: Annotated[float | None, coming_option(help="Cost per customer acquired.")] = None,
    plan: Annotated[
        Path | None,
        coming_option(help="New customers as planned: week (its first day), channel, customers, cac[, sd]."),
    ] = None,
    arrivals: Annotated[
        Path | None, coming_option(help="Fit of arrivals. Default: fitted to the summary.")
    ] = None,
    reach_plan: Annotated[
        Path | None, coming_option(help="A plan: how likely arrivals reach its customers.")
    ] = None,
    burn: Annotated[
        int | None, coming_option(min=0, help="Weeks at the start to leave out of arrivals.")
    ] = None,
    log: Annotated[
        Path | None,
        coming_option(help="The summary's log: first amounts, where the fit has no level of them."),
    ] = None,
) -> "ForecastOptions":
    """Return what is asked of a forecast."""
    from bayesltv.jobs.asked import ForecastOptions

    if plan is not None and (arrivals is not None or reach_plan is not None or cac is not None):
        raise typer.BadParameter("--plan goes without --arrivals, --reach-plan and --cac: it has its own")
    return ForecastOptions(horizon, by, margin, cac, target, plan, arrivals, reach_plan, burn, log)


@example(
    "bayesltv forecast fit.nc customers.parquet --by month --margin 0.3 --plan plan.csv --out next_quarter"
)
def forecast(
    fit: FitFile,
    summary: Annotated[Path, typer.Argument(help="Customer summary; it may be newer than the fit.")],
    out: Annotated[Path, typer.Option(help="Folder for tables, figures and manifest.")],
    asked: Annotated["ForecastOptions", Bundle(forecast_options)],
    reading: Annotated["LogReading", Bundle(log_reading, help={"no_amounts": "Count purchases alone."})],
    met: Annotated["Meeting", Bundle(meeting)],
    hidden: Hidden,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Say what the business will bring, new customers included."""
    from bayesltv import jobs
    from bayesltv.cli.output import show
    from bayesltv.jobs.asked import Run

    done = jobs.forecast_file(fit, summary, out, met, replace(asked, reading=reading), Run(threads, hidden))
    show.result(done, as_json=as_json)
