"""The commands that tell everything: the page of a fit, and the demo."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayesltv.cli.command import Bundle, example
from bayesltv.cli.options import DEFAULT_SEED, AsJson, FitFile, Hidden, LogEnd, Seed, Threads, log_reading

if TYPE_CHECKING:
    from bayesltv.data.log.reading import LogReading


@example("bayesltv demo --out bayesltv-demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for all that the demo makes.")] = Path("bayesltv-demo"),
    seed: Seed = DEFAULT_SEED,
    as_json: AsJson = False,
) -> None:
    """Run everything on real purchases (CDNOW) by cohort, in about a minute.

    The purchases come with pip install 'bayesltv[lifetimes]'. Without them the shop is a simulated one.
    """
    from bayesltv.cli.output import show
    from bayesltv.demo import run_demo

    show.result(run_demo(out, seed=seed, say=show.step), as_json=as_json)


@example("bayesltv report fit.nc --summary summary.parquet --out report.html")
def report(
    fit: FitFile,
    out: Annotated[Path, typer.Option(help="Page to write, .html: one file that needs nothing else.")],
    reading: Annotated["LogReading", Bundle(log_reading)],
    hidden: Hidden,
    summary: Annotated[Path | None, typer.Option(help="The summary it was fitted to.")] = None,
    scores: Annotated[
        Path | None, typer.Option(help="What `bayesltv score` wrote: a table, or a folder of parts.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="Log that reaches the end of the horizon.")] = None,
    horizon: Annotated[str | None, typer.Option(help='Of the forecasts held against it: "39 weeks".')] = None,
    log_end: LogEnd = None,
    plan: Annotated[Path | None, typer.Option(metavar="DIR", help="What `bayesltv decide` wrote.")] = None,
    cohorts: Annotated[
        Path | None, typer.Option(metavar="DIR", help="What `bayesltv cohorts` wrote.")
    ] = None,
    forecast: Annotated[
        Path | None, typer.Option(metavar="DIR", help="What `bayesltv forecast` wrote: with new customers.")
    ] = None,
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Also replicated weeks, priors, outliers among the checks."),
    ] = False,
    people: Annotated[
        int, typer.Option(min=0, help="Customers of each ranking that the page names; 0: nobody.")
    ] = 100,
    suppress_below: Annotated[
        int | None,
        typer.Option(min=0, help="Hide counts of fewer people; default 10 with groups."),
    ] = None,
    threads: Threads = None,
    seed: Seed = DEFAULT_SEED,
    as_json: AsJson = False,
) -> None:
    """Write all that is known about a fit into one HTML file."""
    from bayesltv import jobs
    from bayesltv.cli.output import show
    from bayesltv.data.log.reading import LaterLog
    from bayesltv.jobs.asked import Made, Run, Shown

    written = jobs.report_file(
        fit, out, Made(summary, scores, plan, cohorts, forecast), seed=seed, thorough=thorough,
        later=LaterLog(log, reading, log_end, horizon), run=Run(threads, hidden),
        shown=Shown(people, suppress_below),
    )  # fmt: skip
    show.result(written, as_json=as_json)
