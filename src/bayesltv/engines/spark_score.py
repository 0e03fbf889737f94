"""Scoring a summary that is a Spark DataFrame: the local block scorer on every partition."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import xarray as xr
from numpy.typing import NDArray

from bayesltv import names
from bayesltv.base.currency import require_one_currency
from bayesltv.base.gate import require_passed, require_recent
from bayesltv.base.meeting import UnknownGroups
from bayesltv.base.placed_base import match_summary
from bayesltv.data.frames import require_columns
from bayesltv.data.validate import resolve_observation_end
from bayesltv.engines.parcel import packed
from bayesltv.engines.spark_session import explained, mapped, require_spark_frame, require_workers
from bayesltv.engines.spark_worker import as_arrow, totals_rows
from bayesltv.errors import DataError, SpecError
from bayesltv.prediction.scoring import DRAWS, Scored, Scoring, make_scoring, score_rows
from bayesltv.prediction.totals import QUANTITIES, Totals, labelled
from bayesltv.spec.catalogue import DecisionLike, decision_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

METADATA = "bayesltv"
"""Key of the metadata of the column customer_id under which a summary's attributes stand."""
_OPTIONAL = (
    names.MONETARY_VALUE,
    *names.SPEND_STATISTICS,
    names.FIRST_PURCHASE,
    names.LAST_PURCHASE,
    names.VALUE_TO_DATE,
)
TEXT_TYPES = ("string", "char", "varchar", "byte", "short", "integer", "long")
_NEEDED = (names.CUSTOMER_ID, names.FREQUENCY, names.RECENCY, names.T)


def score(
    summary: DataFrame,
    fit: xr.DataTree,
    decision: DecisionLike,
    *,
    seed: int,
    draws: int | None = DRAWS,
    unknown_groups: UnknownGroups = "error",
    accept_failed: Sequence[str] = (),
    max_fit_age_days: float | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    thresholds: NDArray[np.float64] | None = None,
) -> DataFrame:
    """Return the score table as a Spark DataFrame; its rows are those of `bayesltv.score`, to the byte.

    The posterior is broadcast, and each worker scores its partitions in blocks. Nothing is scored until the
    table is used. Rows keep their partitions. An id that stands in the summary twice is noticed only where
    both rows come in one Arrow batch.

    Parameters
    ----------
    summary : pyspark DataFrame
        Customer summary, from `summarize` or with the same columns.
    fit : DataTree
    decision : DecisionSpec, str or Path
        A decision, a file, or the name of a shipped one: "retention".
    seed : int
    draws, unknown_groups, accept_failed, max_fit_age_days
        As in `bayesltv.score`.
    time_unit, observation_end : str, optional
        Needed where `summary` does not come from `summarize`, or has lost the metadata of its columns.
    thresholds : ndarray of float64, shape (tier - 1, draw), optional
        Needed for tiers that are relative to other customers: ``attrs["thresholds"]`` of a table that
        `bayesltv.score` made of a sample or of all customers.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed, or the fit is too old.
    DataError
        Where the summary does not fit the fit; what is wrong with single rows is raised by the action.
    SpecError
        Where tiers are relative and there are no thresholds.
    EngineError
        Where a worker lacks the package or has another version.
    """
    accepted = require_passed(fit, accept_failed)
    job = _prepared(
        summary,
        fit,
        make_scoring(
            fit,
            decision_of(decision),
            seed=seed,
            draws=draws,
            unknown_groups=unknown_groups,
            thresholds=None if thresholds is None else np.asarray(thresholds, dtype=np.float64),
            accepted=accepted,
        ),
        time_unit=time_unit,
        observation_end=observation_end,
    )
    require_recent(fit, job.last_day, max_fit_age_days)
    return job.mapped("score_batches", as_arrow(job.empty.table).schema)


def totals(
    summary: DataFrame,
    fit: xr.DataTree,
    decision: DecisionLike,
    *,
    seed: int,
    draws: int | None = DRAWS,
    unknown_groups: UnknownGroups = "error",
    accept_failed: Sequence[str] = (),
    max_fit_age_days: float | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    thresholds: NDArray[np.float64] | None = None,
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
    accepted = require_passed(fit, accept_failed)
    job = _prepared(
        summary,
        fit,
        make_scoring(
            fit,
            decision_of(decision),
            seed=seed,
            draws=draws,
            unknown_groups=unknown_groups,
            thresholds=None if thresholds is None else np.asarray(thresholds, dtype=np.float64),
            accepted=accepted,
        ),
        time_unit=time_unit,
        observation_end=observation_end,
    )
    require_recent(fit, job.last_day, max_fit_age_days)
    parts = job.mapped("add_up_batches", totals_rows("", "", np.zeros((3, 0), np.int64), 0).schema)
    by = (names.GROUP, "tier", names.DRAW)
    with explained():
        rows = parts.groupBy(*by).sum("purchases", "spend", "value", "customers").toPandas()
    rows.columns = pd.Index([*by, "purchases", "spend", "value", "customers"])
    groups = list(job.empty.groups)
    groups += sorted(set(rows[names.GROUP]) - set(groups))
    added = _added(rows, groups, job)
    return labelled(added, groups, job.empty.tiers, with_money=job.scoring.hyperparameters.has_spend)


def attributes_of(summary: DataFrame) -> dict[str, Any]:
    """Return the attributes that `summarize` left with the column customer_id."""
    fields = {field.name: field for field in summary.schema}
    if names.CUSTOMER_ID not in fields:
        return {}
    try:
        kept = json.loads(fields[names.CUSTOMER_ID].metadata.get(METADATA, "{}"))
    except (ValueError, TypeError, RecursionError):
        kept = None
    if not isinstance(kept, dict):
        raise DataError(
            f"the metadata of column {names.CUSTOMER_ID} cannot be read: drop it, and pass time_unit= and "
            "observation_end="
        )
    return kept


@dataclass(frozen=True)
class _Job:
    """A summary whose columns have been looked at, and what scores it."""

    frame: DataFrame
    scoring: Scoring
    end: str | None
    empty: Scored

    @property
    def last_day(self) -> pd.Timestamp | None:
        """The summary's end of observation."""
        return None if self.end is None else pd.Timestamp(self.end)

    def mapped(self, work: str, schema: pa.Schema) -> DataFrame:
        parcel = self.frame.sparkSession.sparkContext.broadcast(packed(self.scoring))
        return mapped(self.frame, work, schema, parcel, self.end)


def _prepared(
    summary: DataFrame,
    fit: xr.DataTree,
    scoring: Scoring,
    *,
    time_unit: str | None,
    observation_end: str | None,
) -> _Job:
    frame = require_spark_frame(summary, "score")
    require_one_currency(scoring.decision, fit.attrs, attributes_of(frame))
    if scoring.is_relative and scoring.thresholds is None:
        raise SpecError(
            "tiers are relative to other customers: on Spark their thresholds must be given, "
            'thresholds=bayesltv.score(fit, sample, decision, ...).attrs["thresholds"]'
        )
    groups = scoring.posterior.columns
    own = tuple(dict.fromkeys((*groups, *scoring.posterior.spec.covariates)))
    cure = "make it by summarize(log), and join covariates to it"
    require_columns(frame.columns, (*_NEEDED, *own), title="the summary", cure=cure)
    chosen = [*_NEEDED, *(c for c in _OPTIONAL if c in frame.columns and c not in own), *own]
    kept, frame = attributes_of(frame), _with_text(frame.select(*chosen), (names.CUSTOMER_ID, *groups))
    nobody = _nobody(frame)
    nobody.attrs.update(kept)
    checked = match_summary(
        scoring.posterior, nobody, time_unit=time_unit, observation_end=observation_end, allow_empty=True
    )
    end = resolve_observation_end(checked)
    require_workers(frame.sparkSession)
    empty = score_rows(scoring, scoring.place(checked), observation_end=end, threads=1)
    return _Job(frame, scoring, None if end is None else end.date().isoformat(), empty)


def _with_text(frame: DataFrame, columns: Sequence[str]) -> DataFrame:
    """Return ids and groups as text; Spark writes 7 as "7", but 7.0 as "7.0", which is another id."""
    for field in frame.schema:
        if field.name in columns and field.dataType.typeName() not in TEXT_TYPES:
            raise DataError(
                f"column {field.name!r} is of type {field.dataType.simpleString()}, which cannot be a label: "
                "turn it into text or a whole number first"
            )
    stamps = [
        f.name for f in frame.schema if f.dataType.typeName() == "timestamp"
    ]  # as the session shows them
    plain = {name: frame[name].cast("timestamp_ntz") for name in stamps}
    return frame.withColumns({**plain, **{name: frame[name].cast("string") for name in columns}})


def _nobody(frame: DataFrame) -> pd.DataFrame:
    """Return no rows with the types that a worker will see."""
    from pyspark.sql.pandas.types import to_arrow_schema

    nobody: pd.DataFrame = to_arrow_schema(frame.schema).empty_table().to_pandas()
    return nobody


def _added(rows: pd.DataFrame, groups: Sequence[str], job: _Job) -> Totals:
    tiers, draws = job.empty.tiers, job.scoring.hyperparameters.draws.size
    sums = np.zeros((3, len(groups), len(tiers), draws), dtype=np.int64)
    customers = np.zeros((len(groups), len(tiers)), dtype=np.int64)
    g = pd.Index(groups).get_indexer(pd.Index(rows[names.GROUP]))
    k = pd.Index(tiers).get_indexer(pd.Index(rows["tier"]))
    for at, name in enumerate(QUANTITIES):
        sums[at, g, k, rows[names.DRAW]] = rows[name]
    customers[g, k] = rows["customers"]
    return Totals(sums, customers, job.empty.totals.step)
