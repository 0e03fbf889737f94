"""The commands that read a log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayesltv.cli import options
from bayesltv.cli.command import Bundle, example
from bayesltv.cli.options import origins

if TYPE_CHECKING:
    from bayesltv.comparison.origins import Origins
    from bayesltv.data.log.reading import Carried, LogReading

LogFile = Annotated[Path, typer.Argument(help="Transaction log: CSV or Parquet, one row per purchase.")]


@example("bayesltv summarize log.csv --observation-end 1997-09-30 --time-unit week --out customers.parquet")
def summarize(
    log: Annotated[
        str,
        typer.Argument(
            help="Transaction log, one row per purchase: CSV or Parquet, or a database: duckdb:///shop.db, "
            "sqlite:///shop.db, postgres://host/db, mysql://host/db."
        ),
    ],
    observation_end: options.ObservationDay,
    time_unit: options.Unit,
    out: Annotated[Path, typer.Option(help="Customer summary to write, .parquet.")],
    reading: Annotated[
        "LogReading", Bundle(options.log_reading, help={"no_amounts": "The log has no amounts."})
    ],
    beside: Annotated["Carried", Bundle(options.carried)],
    table: Annotated[
        str | None, options.log_option(help="Table of a database, with its schema if need be.")
    ] = None,
    query: Annotated[
        Path | None, options.log_option(metavar="FILE.sql", help="Query in place of a table.")
    ] = None,
    cohort: options.Cohort = None,
    acquired_from: options.AcquiredFrom = None,
    late: options.Late = "cut",
    currency: options.Currency = None,
    repeat_days: options.RepeatDays = True,
    memory_limit: Annotated[
        str | None,
        options.run_option(help='Of the engine, like "2GB"; past it it spills to a temporary folder.'),
    ] = None,
    threads: options.Threads = None,
    as_json: options.AsJson = False,
) -> None:
    """Turn a transaction log into a customer summary."""
    from bayesltv import jobs
    from bayesltv.cli.databases import log_of
    from bayesltv.cli.output import bars, show
    from bayesltv.data.log.reading import Summarizing

    source = log_of(log, table, query)
    asked = Summarizing(
        reading, beside, observation_end, time_unit, acquired_from, late, currency, repeat_days,
        memory_limit, threads, cohort,
    )  # fmt: skip
    with bars.summary_bar() as advance:
        made = jobs.summarize_file(source, out, asked, progress=advance)
    show.result(made, as_json=as_json)


@example('bayesltv benchmark log.csv --horizon "13 weeks"')
def benchmark(
    log: LogFile,
    reading: Annotated["LogReading", Bundle(options.log_reading)],
    origins: Annotated["Origins", Bundle(origins)],
    specs: Annotated[
        list[str] | None,
        typer.Option(
            "--spec", help="Model spec (file or shipped name); repeatable. Default: BG and MBG/NBD."
        ),
    ] = None,
    rivals: Annotated[
        list[str] | None,
        typer.Option(
            "--rival", help="By name, as a first run shows them; repeatable. Default: the quick ones."
        ),
    ] = None,
    report: options.Report = None,
    as_json: options.AsJson = False,
) -> None:
    """Set the models beside gradient boosting, other packages and rules of thumb, on the log's last stretch.

    Gradient boosting comes with pip install 'bayesltv[benchmark]'. Without it the rest is run.
    """
    from bayesltv import jobs
    from bayesltv.cli.output import show

    found, written = jobs.benchmark_file(
        log, reading, origins, models=specs or (), rivals=rivals, report=report, step=show.step
    )
    show.result(found, as_json=as_json)
    show.files(written)


@example("bayesltv choose log.csv --out spec.toml")
def choose(
    log: LogFile,
    out: Annotated[Path, typer.Option(help="Spec to write, .toml: `bayesltv fit --spec` takes it.")],
    reading: Annotated["LogReading", Bundle(options.log_reading)],
    origins: Annotated["Origins", Bundle(origins)],
    specs: Annotated[
        list[str] | None,
        typer.Option(
            "--spec",
            help="Model spec (file or shipped name), the simplest first; repeatable. "
            "Default: BG/NBD, MBG/NBD, MBG/CNBD-k where waits are regular, and the best on a clock.",
        ),
    ] = None,
    report: options.Report = None,
    as_json: options.AsJson = False,
) -> None:
    """Choose a purchase model by how specs forecast the log's own past, from three days of it."""
    from bayesltv import jobs
    from bayesltv.cli.output import show

    found, written = jobs.choose_file(log, out, reading, origins, specs=specs, report=report, step=show.step)
    show.result(found, as_json=as_json)
    show.files(written)
