"""Handing tasks to Spark, and saying what went wrong there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from bayesltv.engines.spark_worker import TROUBLE, as_task
from bayesltv.errors import DataError, EngineError

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_PROBES = 2


def require_spark_frame(frame: object, what: str) -> DataFrame:
    """Return `frame` where it is a Spark DataFrame.

    Raises
    ------
    EngineError
        Where pyspark is not installed.
    DataError
        Where it is another kind of frame.
    """
    try:
        from pyspark.sql import DataFrame
    except ImportError as error:
        raise EngineError("pyspark is not installed: pip install 'bayesltv[spark]'") from error
    if not isinstance(frame, DataFrame):
        kind = f"{type(frame).__module__}.{type(frame).__name__}"
        raise DataError(f"{what} is of type {kind}, not a Spark DataFrame: use ltv.{what} for it")
    return frame


def mapped(frame: DataFrame, work: str, schema: pa.Schema, *arguments: Any) -> DataFrame:  # noqa: ANN401
    """Return a function of `spark_worker` applied to every partition; nothing runs yet."""
    from pyspark.sql.pandas.types import from_arrow_schema

    task = as_task(work, version("bayesltv"), *arguments)
    return frame.mapInArrow(task, from_arrow_schema(schema, prefer_timestamp_ntz=True))


def require_workers(spark: SparkSession) -> None:
    """Start a small task on the workers, so that one without this package is found before the work begins.

    Every later task looks again, since a cluster may give it other workers.

    Raises
    ------
    EngineError
        Where the package cannot be imported there, or is of another version; for Spark Connect.
    """
    import pyarrow as pa
    from pyspark.errors import PySparkException

    try:
        count = _PROBES * spark.sparkContext.defaultParallelism
    except PySparkException as error:
        raise EngineError("Spark Connect has no broadcast: use a classic session (SparkSession)") from error
    probe = spark.range(0, count, 1, count)
    with explained():
        mapped(probe, "answer", pa.schema([("id", pa.int64())])).count()


@contextmanager
def explained() -> Iterator[None]:
    """Turn what a worker says of itself, deep in a stack trace, into an EngineError.

    Raises
    ------
    EngineError
        In place of Spark's exception, where the package is the trouble.
    """
    try:
        yield
    except Exception as error:
        found = next((line for line in str(error).splitlines() if TROUBLE in line), None)
        if found is None:
            raise
        raise EngineError(
            f"{found[found.index(TROUBLE) :].strip()}: install the driver's version on every worker "
            "(`pip install --no-deps bayesltv` and numpy, scipy, numba, pandas, pyarrow, xarray)"
        ) from error
