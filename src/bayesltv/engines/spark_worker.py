"""What runs on Spark's workers: batches of Arrow in, batches of Arrow out.

A worker needs numpy, scipy, numba, pandas, pyarrow, xarray and this package, none of its other requirements.
"""

from __future__ import annotations

import datetime as dt
import resource
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bayesltv import names
from bayesltv.base.placed_base import Placement, match_summary
from bayesltv.data.log.histories import Histories, summary_rows, walk_histories
from bayesltv.engines.serialize import packed_tallies, unpacked, unpacked_sample
from bayesltv.prediction.scores.engine import Threads
from bayesltv.prediction.scores.prepare import count_infinite_means
from bayesltv.prediction.scores.scoring import Scored, Scoring, score_rows
from bayesltv.prediction.scores.thresholds import add_tallies

if TYPE_CHECKING:
    Batches = Iterator[pa.RecordBatch]

TOTALS, NOTE = "_bayesltv_totals", "_bayesltv_note"
"""Columns beside scores in the rows that are none."""
TROUBLE = "bayesltv on a worker: "
"""Begins what a worker says of itself, so that the driver finds it in a stack trace of three languages."""


def as_task(
    work: str,
    version: str,
    *arguments: Any,  # noqa: ANN401
) -> Callable[[Batches], Batches]:
    """Return a task that calls this module's function `work`, for mapInArrow.

    The task travels by value and names the package only when it runs, so that a worker without the package,
    or with another version of it, can say so.
    """
    trouble = TROUBLE

    def task(batches: Batches) -> Batches:
        import sys
        from importlib import import_module
        from importlib.metadata import PackageNotFoundError
        from importlib.metadata import version as installed

        where = f"{sys.executable}, Python {sys.version.split()[0]}"
        try:
            found = installed("bayesltv")
        except PackageNotFoundError:
            raise RuntimeError(f"{trouble}bayesltv {version} is not installed ({where})") from None
        if found != version:
            raise RuntimeError(f"{trouble}bayesltv {found} is installed, the driver has {version} ({where})")
        try:
            module = import_module("bayesltv.engines.spark_worker")
        except ImportError as error:
            raise RuntimeError(f"{trouble}bayesltv cannot be imported: {error} ({where})") from error
        yield from getattr(module, work)(batches, *arguments)

    return task


def answer(batches: Batches) -> Batches:
    """Yield what comes: a worker that can do this can do the rest."""
    yield from batches


def reduce_purchases(batches: Batches, settings: dict[str, Any]) -> Batches:
    """Yield rows of a summary from a partition's purchases, sorted by customer_id and day."""
    end, first = dt.date.fromisoformat(settings["end"]), settings["first"]
    since = None if first is None else dt.date.fromisoformat(first)

    def work(some: Histories) -> pa.Table:
        return summary_rows(some if since is None else some.since(since), end=end, **settings["layout"])

    for rows in walk_histories(batches, work):
        yield from rows.to_batches()


def score_batches(batches: Batches, parcel: Any, end: str | None) -> Batches:  # noqa: ANN401
    """Yield the scores of a partition's customers; `parcel` is a broadcast of what `packed` returned."""
    for scored in _scored(batches, parcel, end):
        yield from as_arrow(scored.table).to_batches()


def add_up_batches(batches: Batches, parcel: Any, end: str | None) -> Batches:  # noqa: ANN401
    """Yield a partition's totals: one row per group, tier and draw, sums in whole steps."""
    sums = _Sums()
    for scored in _scored(batches, parcel, end):
        sums.add(scored)
    yield from sums.rows()


def score_and_add_up_batches(batches: Batches, parcel: Any, end: str | None, schema: pa.Schema) -> Batches:  # noqa: ANN401
    """Yield a partition's scores, then its totals and a note, as rows of one schema: see `with_totals`."""
    sums, infinite = _Sums(), 0
    for scored in _scored(batches, parcel, end):
        sums.add(scored)
        infinite += count_infinite_means(scored.table)
        yield from _filled(as_arrow(scored.table), schema)
    for rows in sums.rows():
        yield from _filled(pa.table({TOTALS: rows.to_struct_array()}), schema)
    note = {"infinite_means": infinite, "peak_memory": _peak_memory()}
    yield from _filled(pa.table({NOTE: pa.array([note], schema.field(NOTE).type)}), schema)


def with_totals(scores: pa.Schema) -> pa.Schema:
    """Return the schema of scores with a column of totals and one of notes: a row has one of the three."""
    totals = totals_rows("", "", np.zeros((3, 0), np.int64), 0).schema
    note = pa.struct([("infinite_means", pa.int64()), ("peak_memory", pa.int64())])
    return scores.append(pa.field(TOTALS, pa.struct(list(totals)))).append(pa.field(NOTE, note))


def _filled(table: pa.Table, schema: pa.Schema) -> Batches:
    """Yield rows with the columns of a schema, those that they have not as null."""
    there = set(table.column_names)
    columns = [
        table[field.name].cast(field.type) if field.name in there else pa.nulls(len(table), field.type)
        for field in schema
    ]
    yield from pa.table(columns, schema=schema).to_batches()


def _peak_memory() -> int:
    """Return the most bytes that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class _Sums:
    """Totals of a partition by group and tier."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, str], Any] = {}
        self.people: dict[tuple[str, str], int] = {}

    def add(self, scored: Scored) -> None:
        """Add those of a batch."""
        for g, group in enumerate(scored.groups):
            for k, tier in enumerate(scored.tiers):
                if count := int(scored.totals.customers[g, k]):
                    cell = scored.totals.sums[:, g, k]
                    self.sums[group, tier] = self.sums.get((group, tier), 0) + cell
                    self.people[group, tier] = self.people.get((group, tier), 0) + count

    def rows(self) -> Batches:
        """Yield one row per group, tier and draw."""
        for (group, tier), cell in self.sums.items():
            yield totals_rows(group, tier, cell, self.people[group, tier])


def tally_batches(
    batches: Batches,
    parcel: Any,  # noqa: ANN401
    end: str | None,
    sample: Any,  # noqa: ANN401
) -> Batches:
    """Yield a partition's tallies as one row; `sample` is a broadcast of what `packed_sample` returned."""
    work = unpacked_sample(sample.value)
    tallies = add_tallies(_engine(batches, parcel, end).map(work), work.nobody())
    yield pa.RecordBatch.from_pydict({"tallies": pa.array([packed_tallies(tallies)], pa.binary())})


def totals_rows(group: str, tier: str, sums: Any, customers: int) -> pa.RecordBatch:  # noqa: ANN401
    """Return totals of one group and tier, one row per draw."""
    draws = sums.shape[1]
    return pa.RecordBatch.from_pydict(
        {
            names.GROUP: pa.array([group] * draws, pa.string()),
            "tier": pa.array([tier] * draws, pa.string()),
            names.DRAW: np.arange(draws, dtype=np.int64),
            "purchases": sums[0],
            "spend": sums[1],
            "value": sums[2],
            "customers": np.full(draws, customers, dtype=np.int64),
        }
    )


def as_arrow(table: pd.DataFrame) -> pa.Table:
    """Return a score table as Spark takes it: text with short offsets, stamps in microseconds, no index."""
    made = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    fields = [pa.field(field.name, _plain(field.type)) for field in made.schema]
    return made.cast(pa.schema(fields))


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return pa.string()
    return pa.timestamp("us") if pa.types.is_timestamp(kind) else kind


def _scored(batches: Batches, parcel: Any, end: str | None) -> Iterator[Scored]:  # noqa: ANN401
    day = None if end is None else pd.Timestamp(end)
    return _engine(batches, parcel, end).map(partial(score_rows, observation_end=day))


def _engine(batches: Batches, parcel: Any, end: str | None) -> Threads:  # noqa: ANN401
    """Return what maps over the batches of a partition: the local engine with one thread."""
    scoring = _scoring(parcel.value)
    return Threads(scoring, lambda: (_placed(batch, scoring, end) for batch in batches), threads=1)


def _placed(batch: pa.RecordBatch, scoring: Scoring, end: str | None) -> Placement:
    frame = batch.to_pandas()
    frame.attrs = {names.TIME_UNIT: scoring.posterior.time_unit, names.OBSERVATION_END: end}
    return scoring.place(match_summary(scoring.posterior, frame, time_unit=None, allow_empty=True))


@lru_cache(maxsize=2)
def _scoring(content: bytes) -> Scoring:
    return unpacked(content)
