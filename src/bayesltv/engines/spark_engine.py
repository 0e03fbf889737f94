"""Spark as an engine: a work mapped over the partitions of a summary."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from bayesltv import names
from bayesltv.base.placed_base import match_summary
from bayesltv.base.population import Posterior
from bayesltv.data.frames import require_columns
from bayesltv.data.summary.validate import resolve_observation_end
from bayesltv.dates import Date
from bayesltv.engines.serialize import packed, packed_sample, unpacked_tallies
from bayesltv.engines.spark_session import explained, mapped
from bayesltv.errors import DataError
from bayesltv.prediction.scores.scoring import Scoring
from bayesltv.prediction.scores.thresholds import Sample, Tally

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

METADATA = "bayesltv"
"""Key of the metadata of the column customer_id under which a summary's attributes stand."""
TEXT_TYPES = ("string", "char", "varchar", "byte", "short", "integer", "long")
_OPTIONAL = (
    names.MONETARY_VALUE,
    *names.SPEND_STATISTICS,
    names.FIRST_AMOUNT,
    names.FIRST_PURCHASE,
    names.LAST_PURCHASE,
    names.VALUE_TO_DATE,
)
_NEEDED = (names.CUSTOMER_ID, names.FREQUENCY, names.RECENCY, names.T)
TALLIES = pa.schema([("tallies", pa.binary())])


@dataclass(frozen=True)
class Partitions:
    """The partitions of a summary on Spark's workers.

    Attributes
    ----------
    frame : pyspark DataFrame
        The columns that are needed, ids and groups as text.
    scoring : Scoring
    end : str, optional
        The last day observed.
    """

    frame: DataFrame
    scoring: Scoring
    end: str | None

    def table(self, work: str, schema: pa.Schema, *arguments: Any) -> DataFrame:  # noqa: ANN401
        """Return what a function of `spark_worker` makes of each partition; nothing runs yet."""
        parcel = self.frame.sparkSession.sparkContext.broadcast(packed(self.scoring))
        return mapped(self.frame, work, schema, parcel, self.end, *arguments)

    def map(self, work: Sample) -> Iterator[list[Tally]]:
        """Yield the tallies of each partition; this is an action."""
        sent = self.frame.sparkSession.sparkContext.broadcast(packed_sample(work))
        with explained():
            rows = self.table("tally_batches", TALLIES, sent).collect()
        for row in rows:
            yield unpacked_tallies(bytes(row["tallies"]), work)

    def __len__(self) -> int:
        with explained():
            return int(self.frame.count())


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


def last_day(told: dict[str, Any], observation_end: Date | None) -> pd.Timestamp | None:
    """Return the last day observed: the keyword, or what the attributes say, or None."""
    nobody = pd.DataFrame()
    nobody.attrs.update(told)
    return resolve_observation_end(nobody, observation_end)


def chosen_columns(frame: DataFrame, posterior: Posterior) -> DataFrame:
    """Return the columns of a summary that a fit needs, ids and groups as text.

    Raises
    ------
    DataError
        Where one is missing, or cannot be a label.
    """
    groups = posterior.columns
    own = tuple(dict.fromkeys((*groups, *posterior.spec.covariates)))
    cure = "make it by summarize(log), and join covariates to it"
    require_columns(frame.columns, (*_NEEDED, *own), title="the summary", cure=cure)
    chosen = [*_NEEDED, *(c for c in _OPTIONAL if c in frame.columns and c not in own), *own]
    return _with_text(frame.select(*chosen), (names.CUSTOMER_ID, *groups))


def nobody_of(
    frame: DataFrame,
    posterior: Posterior,
    told: dict[str, Any],
    *,
    time_unit: str | None,
    observation_end: Date | None,
) -> pd.DataFrame:
    """Return a validated summary without rows, with the types that a worker will see.

    Raises
    ------
    DataError
        Where time unit and end of observation are not known, or contradict those of the fit.
    """
    from pyspark.sql.pandas.types import to_arrow_schema

    nobody: pd.DataFrame = to_arrow_schema(frame.schema).empty_table().to_pandas()
    nobody.attrs.update(told)
    return match_summary(
        posterior, nobody, time_unit=time_unit, observation_end=observation_end, allow_empty=True
    )


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
