"""Scores that Spark has made, in a folder or in tables of its catalogue, with totals and manifest beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

from bayesltv.data.databases.target import KEY
from bayesltv.engines import spark_places as places
from bayesltv.engines.folder import totals_bytes
from bayesltv.machine import processor, versions
from bayesltv.names import AS_OF_DATE, COMMON_SHOCKS, CUSTOMER_ID, FINGERPRINT, MODEL_VERSION, OBSERVATION_END
from bayesltv.prediction.totals import MEANS
from bayesltv.report.files.manifest import model_version, told_of_fit
from bayesltv.report.files.sealed import FORMAT, sealed
from bayesltv.report.files.verified import FOLDER_MANIFEST as MANIFEST
from bayesltv.report.files.verified import FOLDER_TOTALS as TOTALS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from bayesltv.engines.spark_score import Job, Once


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes
    ----------
    totals : Dataset
        Sums by group, tier and draw.
    means : DataFrame
        Customers' expectations, added up by tier.
    infinite_means : int
        How many customers have no finite expected value.
    worker_memory : int
        The most bytes that a Python process of a worker held.
    """

    totals: xr.Dataset
    means: pd.DataFrame
    infinite_means: int
    worker_memory: int

    @property
    def customers(self) -> int:
        """How many there are."""
        return int(self.totals["customers"].sum())


def manifest_of(job: Job, fit: xr.DataTree, *, fit_sha256: str, summary: str) -> dict[str, Any]:
    """Return what scores depend on, as the manifest of a folder of scores has it."""
    return {
        "format": FORMAT,
        "engine": "spark",
        "fit": {"sha256": fit_sha256, **told_of_fit(fit)},
        "summary": {"place": summary},
        MODEL_VERSION: model_version(fit, fit_sha256),
        **job.prepared.scoring.told(),
        "versions": versions(),
        "processor": processor(),
        COMMON_SHOCKS: job.prepared.totals,
    }


def write(spark: SparkSession, job: Job, out: places.Place, manifest: Mapping[str, Any]) -> Written:
    """Score all customers once, and write scores, totals and manifest, or nothing."""
    with job.once() as made:
        if out.is_table:
            return _write_tables(spark, made, out, manifest, job)
        with places.replaced_folder(spark, out) as folder:
            made.scores.write.parquet(folder)
            written = _added_up(job, made)
            content = totals_bytes(written.totals)
            places.write_bytes(spark, f"{folder}/{TOTALS}", content)
            files = {**places.parts_in(spark, folder), TOTALS: {"sha256": sha256(content).hexdigest()}}
            told = sealed({**manifest, "found": _found(job, written), "files": files})
            places.write_bytes(spark, f"{folder}/{MANIFEST}", told.encode())
    return written


def _write_tables(
    spark: SparkSession, made: Once, out: places.Place, manifest: Mapping[str, Any], job: Job
) -> Written:
    from pyspark.sql import functions as F

    day = None if job.end is None else job.end.date()
    version = manifest[MODEL_VERSION]
    key = {AS_OF_DATE: F.lit(day).cast("date"), MODEL_VERSION: F.lit(version)}
    rest = [name for name in made.scores.columns if name != CUSTOMER_ID]
    with places.replaced_tables(spark) as put:
        put(out, made.scores.withColumns(key).select(*KEY, *rest))
        written = _added_up(job, made)
        put(out.beside("totals"), _rows_of(spark, written.totals.to_dataframe().reset_index()))
        rows = written.customers
        told = sealed({**manifest, "found": _found(job, written), "files": {out.name: {"rows": rows}}})
        line = {AS_OF_DATE: day, MODEL_VERSION: version, "customers": rows, "manifest": told}
        put(out.beside("manifest"), _rows_of(spark, pd.DataFrame([line])))
    return written


def _rows_of(spark: SparkSession, frame: pd.DataFrame) -> DataFrame:
    import pyarrow as pa

    rows = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    return spark.createDataFrame(rows)


def _found(job: Job, written: Written) -> dict[str, Any]:
    begins = job.prepared.scoring.thresholds
    return {
        "customers": written.customers,
        FINGERPRINT: None,
        OBSERVATION_END: job.engine.end,
        "thresholds": None if begins is None else begins.tolist(),
    }


def _added_up(job: Job, made: Once) -> Written:
    from pyspark.sql import functions as F

    totals = job.totals_of(made.totals)
    note = made.notes.agg(F.sum("infinite_means"), F.max("peak_memory")).collect()[0]
    has_tier = "tier" in made.scores.columns
    tier = F.col("tier") if has_tier else F.lit("all")
    there = [name for name in MEANS.values() if name in made.scores.columns]
    sums = [F.when(F.count_if(F.col(n).isNull()) == 0, F.sum(n)).cast("double").alias(n) for n in there]
    rows = made.scores.groupBy(tier.alias("tier")).agg(*sums).orderBy("tier").collect()
    means = pd.DataFrame([row.asDict() for row in rows], columns=["tier", *there])
    return Written(totals, means, int(note[0] or 0), int(note[1] or 0))
