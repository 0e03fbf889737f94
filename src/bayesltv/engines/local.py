"""``score_to``: a summary on disk scored batch by batch into a folder, on this machine."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.data.summary.store import held_summary, summary_attributes
from bayesltv.engines import folder as files
from bayesltv.engines.summary_file import FileJob, SummaryFile, look_through
from bayesltv.machine import processor, versions
from bayesltv.names import COMMON_SHOCKS, OBSERVATION_END
from bayesltv.prediction.scores.prepare import Prepared, count_infinite_means, prepare, warn_of_infinite_means
from bayesltv.prediction.scores.scoring import DRAWS, Scored, score_rows
from bayesltv.prediction.totals import MEANS, Totals, labelled, merged
from bayesltv.report.files.manifest import digest_of, told_of_fit
from bayesltv.report.files.sealed import FORMAT
from bayesltv.specs.catalogue import DecisionLike, decision_of

ROWS_PER_PART = 100_000
FOUND = "found"
"""Key of what was found in the summary by looking through all of it."""


@dataclass(frozen=True)
class ScoreFolder:
    """Scores that were written in parts.

    Attributes
    ----------
    path : Path
        The folder.
    customers, parts : int
    kept : int
        Parts that an earlier run of the same scores had finished.
    totals : Dataset
        Sums by group, tier and draw.
    attrs : dict
        What the scores say about themselves.
    """

    path: Path
    customers: int
    parts: int
    kept: int
    totals: xr.Dataset
    attrs: dict[str, Any]

    def tables(self) -> Iterator[pd.DataFrame]:
        """Yield of each part the columns that are added up: tiers and customers' expectations."""
        from pyarrow.parquet import read_schema

        for number in range(self.parts):
            part = files.part_path(self.path, number)
            names = [name for name in ("tier", *MEANS.values()) if name in read_schema(part).names]
            yield pd.read_parquet(part, columns=names)


def score_to(
    fit: xr.DataTree,
    summary: str | Path,
    decision: DecisionLike,
    *,
    out: str | Path,
    seed: int,
    draws: int | None = DRAWS,
    unknown_groups: UnknownGroups = "error",
    without_first_amounts: bool = False,
    accept_failed: Sequence[str] = (),
    max_fit_age_days: float | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    rows_per_part: int = ROWS_PER_PART,
    threads: int | None = None,
    looking: Callable[[int], None] | None = None,
    started: Callable[[int], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> ScoreFolder:
    """Score a summary file batch by batch into a folder of Parquet parts; memory does not grow with it.

    The rows are those that `score` returns, in the same order. A run that was stopped goes on where it was
    when it is started again in the same way, and leaves the same bytes.

    Parameters
    ----------
    fit : DataTree
    summary : path
        Customer summary, .parquet (a .csv is read as a whole).
    decision : DecisionSpec, str or Path
        A decision, a file, or the name of a shipped one: "retention".
    out : path
        Folder: a new one, or that of a run of the same scores.
    seed : int
    draws, unknown_groups, without_first_amounts, accept_failed, max_fit_age_days, time_unit, observation_end,
    threads
        As in `score`.
    rows_per_part : int
        Customers in memory at once, and in each part.
    looking : callable, optional
        Told how many rows have been read since it was last called, in the passes over all customers that
        come before the first is scored.
    started : callable, optional
        Told the number of customers once all of them have been read and found right.
    progress : callable, optional
        Told how many customers have been scored, or found to be, since it was last called.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed, or the fit is too old.
    DataError
        Where the summary does not fit the fit; then no part is written.
    SpecError
        Where decision, fit and summary are not in one currency.
    StoreError
        Where another run is writing into the folder, or it holds scores made from something else, or there
        is no room; parts that are finished stay.
    """
    declared = decision_of(decision)
    meeting = Meeting(
        seed, draws, unknown_groups, accept_failed, max_fit_age_days, time_unit, observation_end,
        without_first_amounts,
    )  # fmt: skip
    with held_summary(summary) as opened:
        source = SummaryFile(opened, rows_per_part, time_unit, observation_end)
        end = None if max_fit_age_days is None else source.end()  # dear to ask of a CSV
        told = summary_attributes(opened)
        job = FileJob(source, prepare(fit, declared, meeting, told=told, end=end), threads)
        wanted = _made_from(fit, job)
        with files.locked(out) as folder:
            found = _found(folder, job, wanted, looking)
            if found["thresholds"] is not None:
                job = replace(job, prepared=job.prepared.with_thresholds(found["thresholds"]))
            if started is not None:
                started(found["customers"])
            end = None if found[OBSERVATION_END] is None else pd.Timestamp(found[OBSERVATION_END])
            attrs = job.prepared.attributes(end)
            records, kept = _parts(folder, job, end, attrs, progress)
            totals = _totals(records, job.prepared)
            opened.require_unchanged()
            files.finish(
                folder, {**wanted, COMMON_SHOCKS: job.prepared.totals, FOUND: found}, records, totals
            )
    warn_of_infinite_means(sum(record.infinite_means for record in records), found["customers"])
    return ScoreFolder(folder, found["customers"], len(records), kept, totals, attrs)


def _found(
    folder: Path, job: FileJob, wanted: dict[str, Any], looking: Callable[[int], None] | None
) -> dict[str, Any]:
    """Return what was found in the whole summary: by the run that is to go on, or now.

    Raises
    ------
    StoreError
        Where the run in the folder is made from other things.
    """
    run = files.stored_run(folder)
    if run is not None:
        files.require_same(folder, {key: run[key] for key in run if key != FOUND}, wanted)
        return dict(run[FOUND])
    found = look_through(job, looking)
    files.write_run(folder, {**wanted, FOUND: found})
    return found


def _made_from(fit: xr.DataTree, job: FileJob) -> dict[str, Any]:
    """Return what the bytes of the scores depend on, in JSON's types."""
    source, scoring = job.source, job.scoring
    return {
        "format": FORMAT,
        "fit": {"posterior_sha256": digest_of(scoring.posterior.dataset), **told_of_fit(fit)},
        "summary": {
            "sha256": source.held.sha256,
            "given_time_unit": source.time_unit,
            "given_observation_end": source.observation_end,
        },
        **scoring.told(),
        "rows_per_part": source.rows,
        "versions": versions(),
        "processor": processor(),
    }


def _parts(
    folder: Path,
    job: FileJob,
    end: pd.Timestamp | None,
    attrs: dict[str, Any],
    progress: Callable[[int], None] | None,
) -> tuple[list[files.Record], int]:
    """Write the parts that are missing; return the records of all, and how many were there."""
    records, kept = [], 0
    for number, frame in enumerate(job.source.frames()):
        record = files.read_record(folder, number)
        if record is None:
            work = partial(score_rows, observation_end=end, progress=progress)
            (scored,) = job.engine(partial(job.part, frame)).map(work)
            record = _written_part(folder, number, scored, attrs)
        else:
            kept += 1
            if progress is not None:
                progress(record.rows)
        records.append(record)
    return records, kept


def _written_part(folder: Path, number: int, scored: Scored, attrs: dict[str, Any]) -> files.Record:
    scored.table.attrs.update(attrs)
    there = np.flatnonzero(scored.totals.customers.sum(axis=1))
    record = files.Record(
        len(scored.table),
        count_infinite_means(scored.table),
        "",
        tuple(scored.groups[at] for at in there),
        scored.tiers,
        Totals(scored.totals.sums[:, there], scored.totals.customers[there], scored.totals.step),
    )
    return files.write_part(folder, number, scored.table, record)


def _totals(records: Sequence[files.Record], prepared: Prepared) -> xr.Dataset:
    drawn = prepared.scoring.hyperparameters
    fitted = drawn.labels or ("",)
    groups, whole = merged([(record.groups, record.totals) for record in records], fitted=fitted)
    return labelled(whole, groups, records[0].tiers, with_money=drawn.has_spend, told=prepared.totals)
