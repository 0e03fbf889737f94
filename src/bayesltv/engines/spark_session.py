"""A session of Spark, tasks handed to it, and what went wrong there in words."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from bayesltv import errors
from bayesltv.engines.spark_worker import TROUBLE, as_task
from bayesltv.errors import BayesltvError, DataError, EngineError, StoreError
from bayesltv.machine import java_program

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_PROBES = 2
_MISSING = "pyspark is not installed: pip install 'bayesltv[spark]'"
_SUBMITTED = "PYSPARK_GATEWAY_PORT"
"""Set by spark-submit, which has Java, and knows the workers' interpreter."""
_ON_A_WORKER = re.compile(r"bayesltv\.errors\.(\w+): (.+)")
"""An error of this package in the stack trace of a task."""
_OF_STORAGE = re.compile(
    r"permission denied|AccessControlException|no space left|read-only file system", re.I
)
_OF_MEMORY = re.compile(r"OutOfMemoryError|exceeding memory limits|maxResultSize", re.I)


@contextmanager
def session(master: str | None, *, with_tables: bool, shows_progress: bool) -> Iterator[SparkSession]:
    """Yield a session made from the environment's configuration, or the one that is running; stop its own.

    Parameters
    ----------
    master : str, optional
        In place of the configuration's: "spark://host:7077", "local[4]".
    with_tables : bool
        Whether tables of the catalogue are named, so that Hive's must be asked.
    shows_progress : bool

    Raises
    ------
    EngineError
        Where pyspark or Java are missing, or the master does not answer.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise EngineError(_MISSING) from None
    running = SparkSession.getActiveSession()
    if running is not None:
        with _quiet(), answered():
            yield running
        return
    if _SUBMITTED not in os.environ and java_program() is None:
        raise EngineError(
            "Spark needs Java 17 or newer, and none is found: install one, on Debian: apt install "
            "default-jre-headless, or set JAVA_HOME"
        )
    builder = SparkSession.builder.appName("bayesltv")
    if master is not None:
        builder = builder.master(master)
    if with_tables:
        builder = builder.enableHiveSupport()
    builder = builder.config("spark.ui.showConsoleProgress", str(shows_progress).lower())
    with _quiet(), answered(), _started(builder, master) as spark:
        yield spark


@contextmanager
def _started(builder: SparkSession.Builder, master: str | None) -> Iterator[SparkSession]:
    is_submitted = _SUBMITTED in os.environ
    if not is_submitted and (master is None or master.startswith("local")):  # else workers have their own
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        spark = builder.getOrCreate()
    except Exception as error:
        where = "the configuration's master" if master is None else master
        raise EngineError(
            f"no Spark session could be started at {where}: {{quoted}}. Is the master up, and Java 17?",
            quoted=_cause(error),
        ) from error
    try:
        spark.sparkContext.setLogLevel("ERROR")
        spark.conf.set("spark.sql.session.timeZone", "UTC")  # in which stamps that are instants are shown
        yield spark
    finally:
        with suppress(Exception):
            spark.stop()


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what pyspark warns of itself."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pyspark\..*")
        warnings.filterwarnings("ignore", category=ResourceWarning)  # its sockets
        yield


@contextmanager
def answered() -> Iterator[None]:
    """Turn what Spark says went wrong into an error with its exit code and a cure.

    Raises
    ------
    BayesltvError
        Of the kind that a worker raised; StoreError where files are the trouble; else EngineError.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        with explained():
            yield
    except (PySparkException, Py4JError, ConnectionError) as error:
        raise _told(error) from error


def _told(error: Exception) -> BayesltvError:
    said = str(error)
    found = _ON_A_WORKER.search(said)
    kind = getattr(errors, found.group(1), None) if found else None
    if found and isinstance(kind, type) and issubclass(kind, BayesltvError):
        return kind("{quoted}", quoted=found.group(2))
    if _OF_STORAGE.search(said):
        return StoreError(
            "Spark cannot read or write there: {quoted}. Is there permission, and room?", quoted=_cause(error)
        )
    cure = "Is the cluster up?"
    if _OF_MEMORY.search(said):
        cure = "Use more --partitions, or raise spark.executor.memory, spark.driver.memory or maxResultSize"
    return EngineError(
        f"Spark gave up: {{quoted}}. Nothing half-written is left. {cure}", quoted=_cause(error)
    )


def _cause(error: Exception) -> str:
    """Return the innermost cause that a stack trace of Java names, else the error or the first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith(("Caused by: ", ": "))]
    return causes[-1].partition(": ")[2] if causes else (lines or [type(error).__name__])[0]


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
        raise EngineError(_MISSING) from error
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
