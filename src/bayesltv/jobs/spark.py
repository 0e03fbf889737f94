"""From a log to a summary, and from a fit and a summary to scores, on Spark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from bayesltv.base.meeting import Meeting
from bayesltv.data.log.reading import Summarizing
from bayesltv.jobs.asked import ALONE, Run
from bayesltv.jobs.paths import load_held
from bayesltv.jobs.written import SummaryFile
from bayesltv.names import CUSTOMER_ID, FREQUENCY, GROUPS, OBSERVATION_END, SET_ASIDE, TIME_UNIT

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from bayesltv.engines.spark_output import Written
    from bayesltv.engines.spark_places import Place


@dataclass(frozen=True)
class Cluster:
    """How a session of Spark is made.

    Attributes
    ----------
    master : str, optional
        In place of the configuration's.
    partitions : int, optional
        Into how many the rows are dealt; by default as they are read.
    shows_progress : bool
        Whether Spark draws its bar.
    """

    master: str | None = None
    partitions: int | None = None
    shows_progress: bool = False


@dataclass(frozen=True)
class SparkScores:
    """Scores that Spark has written.

    Attributes
    ----------
    path : str
        A folder, or ``table:`` and a name.
    written : Written
    attrs : dict
        What the scores say about themselves.
    """

    path: str
    written: Written
    attrs: dict[str, Any]

    @property
    def totals(self) -> xr.Dataset:
        """Sums by group, tier and draw."""
        return self.written.totals

    def tables(self) -> list[pd.DataFrame]:
        """Return what is added up of the scores."""
        return [self.written.means]


def summarize_on_spark(log: str, out: str, asked: Summarizing, cluster: Cluster = Cluster()) -> SummaryFile:
    """Write the customer summary of a log: Parquet or a table, read and written by Spark.

    Parameters
    ----------
    log, out : str
        A path that Spark knows, or ``table:NAME`` of its catalogue.
    asked : Summarizing
    cluster : Cluster

    Raises
    ------
    DataError, EngineError, StoreError
        Then nothing is written, and what an earlier run wrote is left in place.
    """
    from pyspark.sql import functions as F

    from bayesltv.engines import spark_places as places
    from bayesltv.engines.spark_engine import attributes_of
    from bayesltv.engines.spark_summary import summarized

    source, target = places.Place(log), places.Place(out)
    with _session(cluster, source, target) as spark:
        places.require_free(spark, target, source)
        summary = summarized(_dealt(places.read(spark, source), cluster), asked)
        told = attributes_of(summary)
        if target.is_table:
            with places.replaced_tables(spark) as put:
                put(target, summary)
        else:
            with places.replaced_folder(spark, target) as part:
                summary.write.parquet(part)
        written = places.read(spark, target)
        counts = written.agg(F.count(F.lit(1)), F.count_if(F.col(FREQUENCY) > 0)).collect()[0]
    known = {name: told[name] for name in (TIME_UNIT, OBSERVATION_END, GROUPS, SET_ASIDE)}
    return SummaryFile(out, int(counts[0]), int(counts[1]), known)


def score_on_spark(
    fit: str | Path,
    summary: str,
    decision: str | Path,
    out: str,
    meeting: Meeting,
    cluster: Cluster = Cluster(),
    run: Run = ALONE,
) -> SparkScores:
    """Score the customers of a summary; scores and totals are made in one pass over them.

    Parameters
    ----------
    fit : path
        On the driver's machine.
    summary, out : str
        A path that Spark knows, or ``table:NAME`` of its catalogue.
    decision : path
    meeting : Meeting
    cluster : Cluster
    run : Run

    Raises
    ------
    CheckFailed, DataError, EngineError, SpecError, StoreError
        Then nothing is written, and what an earlier run wrote is left in place.
    """
    from bayesltv.base.gate import require_passed
    from bayesltv.engines import spark_places as places
    from bayesltv.engines.spark_output import manifest_of, write
    from bayesltv.engines.spark_score import prepared_job
    from bayesltv.prediction.scores.prepare import warn_of_infinite_means
    from bayesltv.specs.catalogue import load_decision

    declared = load_decision(decision)
    tree, fit_sha256 = load_held(fit)
    require_passed(tree, meeting.accept_failed)
    source, target = places.Place(summary), places.Place(out)
    with _session(cluster, source, target) as spark:
        places.require_free(spark, target, source)
        frame = _dealt(places.read(spark, source), cluster)
        _require_distinct(frame)
        job = prepared_job(frame, tree, declared, meeting)
        told = run.told(manifest_of(job, tree, fit_sha256=fit_sha256, summary=source.text))
        written = write(spark, job, target, told)
    warn_of_infinite_means(written.infinite_means, written.customers)
    return SparkScores(out, written, job.prepared.attributes(job.end))


def _session(cluster: Cluster, *named: Place) -> Any:  # noqa: ANN401
    from bayesltv.engines.spark_session import session

    with_tables = any(each.is_table for each in named)
    return session(cluster.master, with_tables=with_tables, shows_progress=cluster.shows_progress)


def _dealt(frame: DataFrame, cluster: Cluster) -> DataFrame:
    return frame if cluster.partitions is None else frame.repartition(cluster.partitions)


def _require_distinct(summary: DataFrame) -> None:
    """Raise DataError where an id comes twice; without the column another place says so."""
    from bayesltv.errors import DataError

    if CUSTOMER_ID not in summary.columns:
        return
    twice = summary.groupBy(CUSTOMER_ID).count().where("count > 1").orderBy(CUSTOMER_ID).limit(6).collect()
    if twice:
        raise DataError(
            "customer_id appears more than once for some customers ({ids}): a summary has one row for each",
            ids=[row[0] for row in twice],
        )
