"""The commands that run on Spark: paths of its file systems, tables of its catalogue."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bayesltv.cli import options
from bayesltv.cli.command import Bundle, ExampleGroup, ending, example
from bayesltv.cli.manner import is_quiet

if TYPE_CHECKING:
    from bayesltv.base.meeting import Meeting
    from bayesltv.data.log.reading import Carried, LogReading
    from bayesltv.jobs.spark import Cluster

CLUSTER = "Spark"
_PLACE = "a path that Spark knows, or table:NAME of its catalogue"


def cluster(
    master: Annotated[
        str | None,
        typer.Option(
            help="spark://host:7077, local[4]; default: the environment's configuration, else this machine.",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1, help="Deal the rows into so many; default: as they are read.", rich_help_panel=CLUSTER
        ),
    ] = None,
) -> "Cluster":
    """Return how a session of Spark is made."""
    from bayesltv.jobs.spark import Cluster

    return Cluster(master, partitions, shows_progress=sys.stderr.isatty() and not is_quiet())


@example("bayesltv spark summarize log.parquet --observation-end 1997-09-30 --time-unit week --out summary")
def summarize(
    log: Annotated[str, typer.Argument(help=f"Transaction log, one row per purchase: Parquet, {_PLACE}.")],
    observation_end: options.ObservationDay,
    time_unit: options.Unit,
    out: Annotated[str, typer.Option(help=f"Customer summary to write: a folder of Parquet, {_PLACE}.")],
    reading: Annotated[
        "LogReading",
        Bundle(
            options.log_reading, without=("datetime_format",), help={"no_amounts": "The log has no amounts."}
        ),
    ],
    beside: Annotated["Carried", Bundle(options.carried, without=("order_id_col", "covariates"))],
    where: Annotated["Cluster", Bundle(cluster)],
    cohort: options.Cohort = None,
    acquired_from: options.AcquiredFrom = None,
    late: options.Late = "cut",
    currency: options.Currency = None,
    repeat_days: options.RepeatDays = True,
    as_json: options.AsJson = False,
) -> None:
    """Turn a transaction log into a customer summary, where Spark has it."""
    from bayesltv import jobs
    from bayesltv.cli.output import show
    from bayesltv.data.log.reading import Summarizing

    asked = Summarizing(
        reading, beside, observation_end, time_unit, acquired_from, late, currency, repeat_days, cohort=cohort
    )
    show.result(jobs.summarize_on_spark(log, out, asked, where), as_json=as_json)


@example("bayesltv spark score fit.nc summary --decision retention --out scores")
def score(
    fit: options.FitFile,
    summary: Annotated[str, typer.Argument(help=f"Customer summary: Parquet, {_PLACE}.")],
    decision: options.Decision,
    out: Annotated[
        str,
        typer.Option(help=f"Scores, with totals and manifest: a folder of Parquet, {_PLACE}."),
    ],
    met: Annotated[
        "Meeting",
        Bundle(options.meeting, help={"accept_failed": "Score although this check failed; repeatable."}),
    ],
    hidden: options.Hidden,
    where: Annotated["Cluster", Bundle(cluster)],
    as_json: options.AsJson = False,
) -> None:
    """Score every customer of a summary, where Spark has it; totals come in the same pass."""
    from bayesltv import jobs
    from bayesltv.cli.output import show
    from bayesltv.jobs.asked import Run

    made = jobs.score_on_spark(fit, summary, decision, out, met, where, Run(redaction=hidden))
    show.result(made, as_json=as_json)


spark = typer.Typer(
    cls=ExampleGroup,
    help="Summaries and scores on Spark: many machines, the rows of one.",
    epilog=ending("bayesltv spark score --help"),
    no_args_is_help=True,
)
for _name, _command in {"summarize": summarize, "score": score}.items():
    _command.add_to(spark, _name)
