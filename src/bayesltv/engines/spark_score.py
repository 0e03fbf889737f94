"""Scoring a summary that is a Spark DataFrame: the local block scorer on every partition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Required, TypedDict, Unpack

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv import names
from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.engines.spark_engine import Partitions, attributes_of, chosen_columns, last_day, nobody_of
from bayesltv.engines.spark_session import explained, require_spark_frame, require_workers
from bayesltv.engines.spark_worker import NOTE, TOTALS, as_arrow, totals_rows, with_totals
from bayesltv.numerics.arrays import Floats
from bayesltv.prediction.scores.prepare import Prepared, prepare
from bayesltv.prediction.scores.scoring import DRAWS, Scored, score_rows
from bayesltv.prediction.totals import QUANTITIES, Totals, labelled
from bayesltv.specs.catalogue import DecisionLike, decision_of
from bayesltv.specs.decision.decision_spec import DecisionSpec

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


class Options(TypedDict, total=False):
    """The keywords of `score`, but for thresholds."""

    seed: Required[int]
    draws: int | None
    unknown_groups: UnknownGroups
    without_first_amounts: bool
    accept_failed: Sequence[str]
    max_fit_age_days: float | None
    time_unit: str | None
    observation_end: str | None


class WithThresholds(Options, total=False):
    """The keywords of `score`."""

    thresholds: Floats | None


def score(
    summary: DataFrame,
    fit: xr.DataTree,
    decision: DecisionLike,
    *,
    seed: int,
    draws: int | None = DRAWS,
    unknown_groups: UnknownGroups = "error",
    without_first_amounts: bool = False,
    accept_failed: Sequence[str] = (),
    max_fit_age_days: float | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    thresholds: Floats | None = None,
) -> DataFrame:
    """Return the score table as a Spark DataFrame; its rows are those of `bayesltv.score`, to the byte.

    The posterior is broadcast, and each worker scores its partitions in blocks. Nothing is scored until the
    table is used, but for tiers that are relative to other customers. Rows keep their partitions. An id that
    stands in the summary twice is noticed only where both rows come in one Arrow batch.

    Parameters
    ----------
    summary : pyspark DataFrame
        Customer summary, from `summarize` or with the same columns.
    fit : DataTree
    decision : DecisionSpec, str or Path
        A decision, a file, or the name of a shipped one: "retention".
    seed : int
    draws, unknown_groups, without_first_amounts, accept_failed, max_fit_age_days
        As in `bayesltv.score`.
    time_unit, observation_end : str, optional
        Needed where `summary` does not come from `summarize`, or has lost the metadata of its columns.
    thresholds : ndarray of float64, shape (tier - 1, draw), optional
        Where tiers that are relative to other customers begin: what `thresholds` returned, or
        ``attrs["thresholds"]`` of a table that `bayesltv.score` made. By default they are found among the
        customers of this summary, at once: an action, which costs what scoring costs.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed, or the fit is too old.
    DataError
        Where the summary does not fit the fit; what is wrong with single rows is raised by the action.
    SpecError
        Where decision, fit and summary are not in one currency, or thresholds do not fit.
    EngineError
        Where a worker lacks the package or has another version.
    """
    meeting = Meeting(
        seed, draws, unknown_groups, accept_failed, max_fit_age_days, time_unit, observation_end,
        without_first_amounts,
    )  # fmt: skip
    job = prepared_job(summary, fit, decision_of(decision), meeting, thresholds=thresholds)
    return job.engine.table("score_batches", as_arrow(job.empty.table).schema)


def totals(
    summary: DataFrame,
    fit: xr.DataTree,
    decision: DecisionLike,
    **options: Unpack[WithThresholds],
) -> xr.Dataset:
    """Return the totals per draw beside the score table that `score` makes of the same arguments.

    They equal ``bayesltv.score(...).totals``: sums of whole steps do not depend on partitions. This is an
    action, and it scores all customers once more: it costs what writing the table costs.

    Parameters and errors are those of `score`.

    Returns
    -------
    xarray.Dataset
        See `bayesltv.prediction.totals.labelled`.
    """
    job = _asked(summary, fit, decision, options)
    parts = job.engine.table("add_up_batches", totals_rows("", "", np.zeros((3, 0), np.int64), 0).schema)
    return job.totals_of(parts)


def thresholds(
    summary: DataFrame,
    fit: xr.DataTree,
    decision: DecisionLike,
    **options: Unpack[Options],
) -> Floats | None:
    """Return where tiers that are relative to other customers begin: `thresholds` of `score` and `totals`.

    They are those that `bayesltv.score` finds, to the byte. This is an action: everybody's value is drawn
    once, and that of a tenth of the customers before. `score` and `totals` look for them where they are not
    given, each on its own.

    Parameters and errors are those of `score`.

    Returns
    -------
    ndarray of float64, shape (tier - 1, draw), or None
        Money; None where tiers are absolute.

    Examples
    --------
    >>> begin = ltv.spark.thresholds(summary, fit, decision, seed=1)  # doctest: +SKIP
    >>> scores = ltv.spark.score(summary, fit, decision, seed=1, thresholds=begin)  # doctest: +SKIP
    """
    return _asked(summary, fit, decision, options).engine.scoring.thresholds


@dataclass(frozen=True)
class Once:
    """What one pass over all customers makes: their scores, and of each partition totals and a note."""

    scores: DataFrame
    totals: DataFrame
    notes: DataFrame


@dataclass(frozen=True)
class Job:
    """A summary whose columns have been looked at, what maps over it, and the scores of nobody."""

    engine: Partitions
    empty: Scored
    prepared: Prepared
    end: pd.Timestamp | None

    @contextmanager
    def once(self) -> Iterator[Once]:
        """Yield scores, totals and notes of one pass: its rows are kept on the workers' disks meanwhile.

        What a worker that died had kept is made again, to the same bytes.
        """
        from pyspark import StorageLevel

        schema = with_totals(as_arrow(self.empty.table).schema)
        kept = self.engine.table("score_and_add_up_batches", schema, schema).persist(StorageLevel.DISK_ONLY)
        is_score = kept[TOTALS].isNull() & kept[NOTE].isNull()
        totals, notes = (kept.where(kept[name].isNotNull()).select(f"{name}.*") for name in (TOTALS, NOTE))
        try:
            yield Once(kept.where(is_score).drop(TOTALS, NOTE), totals, notes)
        finally:
            kept.unpersist()

    def totals_of(self, parts: DataFrame) -> xr.Dataset:
        """Return the totals that partitions' make; this is an action."""
        by = (names.GROUP, "tier", names.DRAW)
        with explained():
            rows = parts.groupBy(*by).sum("purchases", "spend", "value", "customers").toPandas()
        rows.columns = pd.Index([*by, "purchases", "spend", "value", "customers"])
        groups = list(self.empty.groups)
        groups += sorted(set(rows[names.GROUP]) - set(groups))
        with_money = self.engine.scoring.hyperparameters.has_spend
        added = _added(rows, groups, self)
        return labelled(added, groups, self.empty.tiers, with_money=with_money, told=self.prepared.totals)


def _asked(summary: DataFrame, fit: xr.DataTree, decision: DecisionLike, options: Mapping[str, Any]) -> Job:
    """Return the job that these keywords of `score` make."""
    known = {"draws": DRAWS, **options}
    begins = known.pop("thresholds", None)
    return prepared_job(summary, fit, decision_of(decision), Meeting(**known), thresholds=begins)


def prepared_job(
    summary: DataFrame,
    fit: xr.DataTree,
    decision: DecisionSpec,
    meeting: Meeting,
    *,
    thresholds: Floats | None = None,
) -> Job:
    """Return what scores a summary, having asked all that can be asked before the first row.

    Thresholds of relative tiers are found here, where they are not given: an action. Errors are those of
    `score`.
    """
    frame = require_spark_frame(summary, "score")
    told = attributes_of(frame)
    end = last_day(told, meeting.observation_end)
    prepared = prepare(fit, decision, meeting, told=told, end=end, thresholds=thresholds)
    posterior = prepared.scoring.posterior
    frame = chosen_columns(frame, posterior)
    nobody = nobody_of(
        frame, posterior, told, time_unit=meeting.time_unit, observation_end=meeting.observation_end
    )
    require_workers(frame.sparkSession)
    engine = Partitions(frame, prepared.scoring, None if end is None else end.date().isoformat())
    placed = prepared.scoring.place(nobody)
    if prepared.lacks_thresholds:
        prepared = prepared.found_by(engine, customers=len(engine))
    engine = replace(engine, scoring=prepared.scoring)
    empty = score_rows(engine.scoring, placed, observation_end=end, threads=1)
    return Job(engine, empty, prepared, end)


def _added(rows: pd.DataFrame, groups: Sequence[str], job: Job) -> Totals:
    tiers, draws = job.empty.tiers, job.engine.scoring.hyperparameters.draws.size
    sums = np.zeros((3, len(groups), len(tiers), draws), dtype=np.int64)
    customers = np.zeros((len(groups), len(tiers)), dtype=np.int64)
    g = pd.Index(groups).get_indexer(pd.Index(rows[names.GROUP]))
    k = pd.Index(tiers).get_indexer(pd.Index(rows["tier"]))
    for at, name in enumerate(QUANTITIES):
        sums[at, g, k, rows[names.DRAW]] = rows[name]
    customers[g, k] = rows["customers"]
    return Totals(sums, customers, job.empty.totals.step)
