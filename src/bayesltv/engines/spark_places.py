"""Where Spark's rows are: paths of its file systems, and tables of its catalogue; both replaced as a whole.

A path is written beside its place, ``.NAME.APPLICATION.part``, and renamed; a table as
``NAME__new_APPLICATION``. Where a file system has no renaming in one step, as object stores, a run that is
killed in that moment leaves both folders, and the earlier one whole.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from bayesltv.errors import DataError, StoreError, shown

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

TABLE = "table:"
_PATIENCE = 30.0
"""Seconds to wait for tasks to end that were told to."""
_NAME = re.compile(r"\w+(\.\w+){0,2}")


@dataclass(frozen=True)
class Place:
    """A path, or ``table:`` and the name of a table in the catalogue: ``table:shop.orders``.

    Attributes
    ----------
    text : str
    """

    text: str

    def __post_init__(self) -> None:
        if self.is_table and not _NAME.fullmatch(self.name):
            raise DataError(f"{shown(self.text)} names no table: write table:NAME, or table:DATABASE.NAME")

    @property
    def is_table(self) -> bool:
        """Whether it is a table of the catalogue."""
        return self.text.startswith(TABLE)

    @property
    def name(self) -> str:
        """The name of the table, or the path."""
        return self.text.removeprefix(TABLE)

    def beside(self, ending: str) -> Place:
        """Return a table beside this one: ``scores_totals``."""
        return Place(f"{self.text}_{ending}")


def read(spark: SparkSession, place: Place) -> DataFrame:
    """Return the rows of a place.

    Raises
    ------
    DataError
        Where the catalogue has no such table; the nearest are named.
    StoreError
        Where nothing is at the path, or no Parquet.
    """
    from pyspark.errors import AnalysisException

    if place.is_table:
        _require_table(spark, place)
        return spark.table(place.name)
    path = absolute(spark, place.name)
    try:
        return spark.read.parquet(path)
    except AnalysisException as error:
        if error.getCondition() == "PATH_NOT_FOUND":
            raise StoreError(
                f"{place.name} does not exist: check the path; a table of the catalogue is written table:NAME"
            ) from None
        raise StoreError(
            f"{place.name} cannot be read: {{quoted}}. Spark reads Parquet here", quoted=str(error)
        ) from None


def _require_table(spark: SparkSession, place: Place) -> None:
    if spark.catalog.tableExists(place.name):
        return
    database, _, name = place.name.rpartition(".")
    there: list[str] = []
    with suppress(Exception):  # no such database
        there = sorted(each.name for each in spark.catalog.listTables(database or None))
    near = get_close_matches(name, there, n=2, cutoff=0.5)
    hint = f"nearest: {', '.join(near)}" if near else f"there are {', '.join(there[:10]) or 'none'}"
    raise DataError(
        f"the catalogue has no table {place.name} ({hint}): is spark.sql.catalogImplementation right?"
    )


def absolute(spark: SparkSession, path: str) -> str:
    """Return a path as Spark's processes know it: one of this machine from the root."""
    is_local = str(_hadoop(spark).get("fs.defaultFS", "file:///")).startswith("file:")
    return os.path.abspath(path) if is_local and "://" not in path and not path.startswith("file:") else path


def require_free(spark: SparkSession, out: Place, *read_from: Place) -> None:
    """Raise where something else than an earlier result is at a place, or what is to be read.

    Raises
    ------
    StoreError
    """
    if out in read_from:
        raise StoreError(f"{out.text} is read by this very command: write to another place")
    if out.is_table:
        return
    files, path = _file_system(spark, absolute(spark, out.name))
    if any(
        absolute(spark, each.name) == absolute(spark, out.name) for each in read_from if not each.is_table
    ):
        raise StoreError(f"{out.name} is read by this very command: write to another place")
    if not files.exists(path):
        return
    if not files.getFileStatus(path).isDirectory():
        raise StoreError(f"{out.name} is a file, and Spark writes folders: name a folder")
    there = [each.getPath().getName() for each in files.listStatus(path)]
    strangers = [name for name in sorted(there) if not name.startswith((".", "_", "part-"))]
    if strangers:
        raise StoreError(f"{out.name} holds other things ({', '.join(strangers[:3])}): name a new folder")


@contextmanager
def replaced_folder(spark: SparkSession, out: Place) -> Iterator[str]:
    """Yield the path of a folder to write; at the end, if nothing failed, it takes its place."""
    files, target = _file_system(spark, absolute(spark, out.name))
    name, mark = target.getName(), spark.sparkContext.applicationId
    part, old = (
        spark._jvm.org.apache.hadoop.fs.Path(target.getParent(), f".{name}.{mark}.{end}")
        for end in ("part", "old")
    )
    try:
        with _ended_tasks(spark):
            yield part.toString()
        if files.exists(target):
            _rename(files, target, old)
        _rename(files, part, target)
        files.delete(old, True)
    finally:
        if files.exists(old) and not files.exists(target):
            _rename(files, old, target)
        files.delete(part, True)


@contextmanager
def _ended_tasks(spark: SparkSession) -> Iterator[None]:
    """See to it that no task writes any more when something has gone wrong, so that all can be removed."""
    try:
        yield
    except BaseException:
        with suppress(Exception):
            spark.sparkContext.cancelAllJobs()
            tracker, until = spark._jsc.sc().statusTracker(), time.monotonic() + _PATIENCE
            while any(each.numRunningTasks() for each in tracker.getExecutorInfos()):
                if time.monotonic() > until:
                    break
                time.sleep(0.1)
        raise


def _rename(files: Any, source: Any, target: Any) -> None:  # noqa: ANN401
    if not files.rename(source, target):
        raise StoreError(f"cannot rename {source.toString()} to {target.toString()}. Is there permission?")


@contextmanager
def replaced_tables(spark: SparkSession) -> Iterator[Callable[[Place, DataFrame], None]]:
    """Yield what writes a table beside its name; at the end, if nothing failed, all get their names."""
    mark = spark.sparkContext.applicationId.replace("-", "_")
    made: list[str] = []

    def put(place: Place, frame: DataFrame) -> None:
        made.append(place.name)
        frame.write.saveAsTable(f"{place.name}__new_{mark}")

    try:
        with _ended_tasks(spark):
            yield put
        for name in made:
            if spark.catalog.tableExists(name):
                spark.sql(f"ALTER TABLE {name} RENAME TO {name}__old_{mark}")
            spark.sql(f"ALTER TABLE {name}__new_{mark} RENAME TO {name}")
    finally:
        for name in made:
            if spark.catalog.tableExists(f"{name}__old_{mark}") and not spark.catalog.tableExists(name):
                spark.sql(f"ALTER TABLE {name}__old_{mark} RENAME TO {name}")
            for beside in ("new", "old"):
                spark.sql(f"DROP TABLE IF EXISTS {name}__{beside}_{mark}")


def write_bytes(spark: SparkSession, path: str, content: bytes) -> None:
    """Write a file."""
    files, place = _file_system(spark, path)
    stream = files.create(place, True)
    try:
        stream.write(bytearray(content))
    finally:
        stream.close()


def parts_in(spark: SparkSession, folder: str) -> dict[str, dict[str, Any]]:
    """Return of each Parquet part of a folder its rows and SHA-256, found where they are."""
    rows = spark.read.parquet(folder).groupBy("_metadata.file_name").count().collect()
    counts = {row["file_name"]: int(row["count"]) for row in rows}
    made = spark.read.format("binaryFile").option("pathGlobFilter", "part-*.parquet").load(folder)
    found = {
        row["path"].rpartition("/")[2]: row["sha256"]
        for row in made.selectExpr("path", "sha2(content, 256) AS sha256").collect()
    }
    return {name: {"rows": counts.get(name, 0), "sha256": found[name]} for name in sorted(found)}


def _file_system(spark: SparkSession, path: str) -> tuple[Any, Any]:
    place = spark._jvm.org.apache.hadoop.fs.Path(path)
    return place.getFileSystem(_hadoop(spark)), place


def _hadoop(spark: SparkSession) -> Any:  # noqa: ANN401
    return spark._jsc.hadoopConfiguration()
