"""The command that asks what cohorts have brought by day N."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayesltv.cli.command import Bundle, example
from bayesltv.cli.options import AsJson, FitFile, Hidden, Threads, in_panel, log_reading, meeting

if TYPE_CHECKING:
    from bayesltv.base.meeting import Meeting
    from bayesltv.data.log.reading import LogReading
    from bayesltv.jobs.asked import CohortOptions

money_option, cost_option = in_panel("Money"), in_panel("Acquisition")


def cohort_options(
    by: Annotated[
        list[str] | None,
        typer.Option(help="month, week or a column of the summary; repeatable. Default: month."),
    ] = None,
    ages: Annotated[
        list[str] | None,
        typer.Option("--age", metavar="DAYS", help='Age, 90 or "12 months"; repeatable. Default: 1 to 365.'),
    ] = None,
    period: Annotated[str, typer.Option(help="Of retention and ARPU.")] = "30 days",
    first_day: Annotated[
        int, typer.Option(min=0, max=1, help="What the day of the first purchase is called.")
    ] = 0,
    suppress: Annotated[
        bool, typer.Option("--suppress-small", help="Leave out figures of cohorts under ten customers.")
    ] = False,
    margin: Annotated[float | None, money_option(help="Contribution margin, 0.30; default: revenue.")] = None,
    annual_discount_rate: Annotated[float, money_option(help="0.10 for 10 % a year.")] = 0.0,
    service_cost_per_year: Annotated[float, money_option(min=0, help="Per customer who is alive.")] = 0.0,
    cac: Annotated[
        str | None,
        cost_option(
            metavar="NUMBER|FILE",
            help="Cost per customer acquired, or a table of the cohorts' columns and cac, or cost.",
        ),
    ] = None,
    new: Annotated[
        Path | None, cost_option(help="Table of new cohorts: customers, and the columns of cohorts and fit.")
    ] = None,
) -> "CohortOptions":
    """Return what is asked of cohorts."""
    from bayesltv.cohorts.asked import AGES
    from bayesltv.jobs.asked import CohortOptions

    days = [int(age) if age.isdecimal() else age for age in ages or []]
    return CohortOptions(
        by or ("month",), days or AGES, period, margin, annual_discount_rate, service_cost_per_year, cac, new,
        first_day, suppress,
    )  # fmt: skip


@example("bayesltv cohorts fit.nc customers.parquet log.csv --by month --margin 0.3 --cac 12 --out cohorts")
def cohorts(
    fit: FitFile,
    summary: Annotated[Path, typer.Argument(help="Customer summary; it may be newer than the fit.")],
    log: Annotated[Path, typer.Argument(help="Transaction log that the summary was made of.")],
    out: Annotated[Path, typer.Option(help="Folder for tables, figures and manifest.")],
    asked: Annotated["CohortOptions", Bundle(cohort_options)],
    reading: Annotated["LogReading", Bundle(log_reading, help={"no_amounts": "Count purchases alone."})],
    met: Annotated["Meeting", Bundle(meeting)],
    hidden: Hidden,
    threads: Threads = None,
    as_json: AsJson = False,
) -> None:
    """Say what cohorts have brought by day N: LTV, retention, pay-back."""
    from bayesltv import jobs
    from bayesltv.cli.output import show
    from bayesltv.jobs.asked import Run

    run = Run(threads, hidden)
    done = jobs.cohorts_file(fit, summary, log, out, met, replace(asked, reading=reading), run)
    show.result(done, as_json=as_json)
