"""``score_to``: a summary on disk scored batch by batch into a folder, on this machine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.base.currency import require_one_currency
from bayesltv.base.gate import require_passed, require_recent
from bayesltv.base.meeting import UnknownGroups
from bayesltv.base.placed_base import match_summary
from bayesltv.data.fingerprint import added
from bayesltv.data.store import held_summary, require_own_print, summary_attributes, summary_batches
from bayesltv.data.validate import resolve_observation_end
from bayesltv.engines import folder as files
from bayesltv.errors import DataError
from bayesltv.held import Held
from bayesltv.names import CUSTOMER_ID, FINGERPRINT, OBSERVATION_END
from bayesltv.prediction.score import (
    count_infinite_means,
    score_attributes,
    warn_of_infinite_means,
    warn_of_missing_money,
)
from bayesltv.prediction.scoring import DRAWS, Scoring, make_scoring, score_rows
from bayesltv.prediction.thresholds import find_thresholds
from bayesltv.prediction.totals import MEANS, Totals, labelled, merged
from bayesltv.provenance import processor, versions
from bayesltv.report.manifest import digest_of, told_of_fit
from bayesltv.report.sealed import FORMAT
from bayesltv.spec.catalogue import DecisionLike, decision_of

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


@dataclass(frozen=True)
class _Source:
    """A summary on disk, of which one state is read throughout."""

    held: Held
    rows: int
    time_unit: str | None
    observation_end: str | None
    scoring: Scoring

    def frames(self, *, with_days: bool = False) -> Iterator[pd.DataFrame]:
        """Yield its parts as they stand in the file."""
        for frame in summary_batches(self.held, self.rows, with_days=with_days):
            self.held.require_unchanged()
            yield frame

    def end(self) -> pd.Timestamp | None:
        """Return the last day observed, as the file or the caller says."""
        return resolve_observation_end(next(self.frames()), self.observation_end)

    def batches(self) -> Iterator[pd.DataFrame]:
        """Yield its parts, validated."""
        return map(self.checked, self.frames())

    def checked(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a validated part."""
        end = resolve_observation_end(frame, self.observation_end)
        frame.attrs[OBSERVATION_END] = None if end is None else end.date().isoformat()
        return match_summary(self.scoring.posterior, frame, time_unit=self.time_unit, allow_empty=True)


def score_to(
    fit: xr.DataTree,
    summary: str | Path,
    decision: DecisionLike,
    *,
    out: str | Path,
    seed: int,
    draws: int | None = DRAWS,
    unknown_groups: UnknownGroups = "error",
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
    draws, unknown_groups, accept_failed, max_fit_age_days, time_unit, observation_end, threads
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
    decision = decision_of(decision)
    accepted = require_passed(fit, accept_failed)
    scoring = make_scoring(
        fit, decision, seed=seed, draws=draws, unknown_groups=unknown_groups, accepted=accepted
    )
    with held_summary(summary) as opened:
        currency = require_one_currency(decision, fit.attrs, summary_attributes(opened))
        source = _Source(opened, rows_per_part, time_unit, observation_end, scoring)
        if max_fit_age_days is not None:
            require_recent(fit, source.end(), max_fit_age_days)
        wanted = _made_from(fit, source, accepted)
        with files.locked(out) as folder:
            found = _found(folder, source, wanted, threads, looking)
            if found["thresholds"] is not None:
                source = replace(source, scoring=replace(scoring, thresholds=np.array(found["thresholds"])))
            if started is not None:
                started(found["customers"])
            warn_of_missing_money(scoring)
            end = None if found[OBSERVATION_END] is None else pd.Timestamp(found[OBSERVATION_END])
            attrs = score_attributes(fit, scoring, end, accepted, currency=currency)
            records, kept = _parts(folder, source, attrs, threads, progress)
            totals = _totals(records, scoring)
            opened.require_unchanged()
            files.finish(folder, {**wanted, FOUND: found}, records, totals)
    warn_of_infinite_means(sum(record.infinite_means for record in records), found["customers"])
    return ScoreFolder(folder, found["customers"], len(records), kept, totals, attrs)


def _found(
    folder: Path,
    source: _Source,
    wanted: dict[str, Any],
    threads: int | None,
    looking: Callable[[int], None] | None,
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
    found = _looked_through(source, threads, looking)
    files.write_run(folder, {**wanted, FOUND: found})
    return found


def _made_from(fit: xr.DataTree, source: _Source, accepted: Sequence[str]) -> dict[str, Any]:
    """Return what the bytes of the scores depend on, in JSON's types."""
    scoring = source.scoring
    return {
        "format": FORMAT,
        "fit": {"posterior_sha256": digest_of(scoring.posterior.dataset), **told_of_fit(fit)},
        "summary": {
            "sha256": source.held.sha256,
            "given_time_unit": source.time_unit,
            "given_observation_end": source.observation_end,
        },
        "decision": scoring.decision.to_dict(),
        "seed": int(scoring.seed),
        "draws": int(scoring.hyperparameters.draws.size),
        "unknown_groups": scoring.unknown_groups,
        "accepted_failed_checks": list(accepted),
        "rows_per_part": source.rows,
        "versions": versions(),
        "processor": processor(),
    }


def _looked_through(
    source: _Source, threads: int | None, looking: Callable[[int], None] | None
) -> dict[str, Any]:
    """Return what has to be known of all customers before the first is scored.

    Raises
    ------
    DataError
        Where a row is not right, an id stands in two parts, or a group is unknown.
    """
    prints, hashes, customers, end = [], [], 0, None
    for batch in _told(map(source.checked, source.frames(with_days=True)), looking):  # for the fingerprint
        source.scoring.place(batch)
        prints.append(batch.attrs[FINGERPRINT])
        hashes.append(pd.util.hash_array(batch[CUSTOMER_ID].to_numpy(dtype=object), categorize=False))
        customers, end = customers + len(batch), batch.attrs[OBSERVATION_END]
    require_own_print(source.held.path, summary_attributes(source.held), added(prints))
    _require_distinct(source, np.concatenate(hashes), customers)
    thresholds = None
    if source.scoring.is_relative:
        found = find_thresholds(
            source.scoring,
            lambda: _told(source.batches(), looking),
            customers=customers,
            threads=threads,
        )
        thresholds = found.tolist()
    return {
        "customers": customers,
        FINGERPRINT: added(prints),
        OBSERVATION_END: end,
        "thresholds": thresholds,
    }


def _told(batches: Iterable[pd.DataFrame], looking: Callable[[int], None] | None) -> Iterator[pd.DataFrame]:
    """Yield batches, and tell of each once it has been dealt with."""
    for batch in batches:
        yield batch
        if looking is not None:
            looking(len(batch))


def _require_distinct(source: _Source, hashes: NDArray[np.uint64], customers: int) -> None:
    """Raise DataError where an id stands in two parts; within a part the validation has seen to it."""
    hashes = np.sort(hashes)
    suspects = hashes[1:][hashes[1:] == hashes[:-1]]
    if suspects.size == 0:
        return
    ids: list[str] = []
    for batch in source.batches():
        texts = batch[CUSTOMER_ID].to_numpy(dtype=object)
        ids += texts[np.isin(pd.util.hash_array(texts, categorize=False), suspects)].tolist()
    twice = [one for one, other in pairwise(sorted(ids)) if one == other]
    if twice:
        raise DataError(
            f"customer_id appears more than once for {len(twice):,} of {customers:,} customers ({{ids}}): a "
            "summary has one row per customer",
            ids=twice[:6],
        )


def _parts(
    folder: Path,
    source: _Source,
    attrs: dict[str, Any],
    threads: int | None,
    progress: Callable[[int], None] | None,
) -> tuple[list[files.Record], int]:
    """Write the parts that are missing; return the records of all, and how many were there."""
    records, kept = [], 0
    for number, frame in enumerate(source.frames()):
        record = files.read_record(folder, number)
        if record is None:
            record = _scored_part(folder, number, source, frame, attrs, threads, progress)
        else:
            kept += 1
            if progress is not None:
                progress(record.rows)
        records.append(record)
    return records, kept


def _scored_part(
    folder: Path,
    number: int,
    source: _Source,
    frame: pd.DataFrame,
    attrs: dict[str, Any],
    threads: int | None,
    progress: Callable[[int], None] | None,
) -> files.Record:
    checked = source.checked(frame)
    end = resolve_observation_end(checked)
    scored = score_rows(
        source.scoring, source.scoring.place(checked), observation_end=end, threads=threads, progress=progress
    )
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


def _totals(records: Sequence[files.Record], scoring: Scoring) -> xr.Dataset:
    fitted = scoring.hyperparameters.labels or ("",)
    groups, whole = merged([(record.groups, record.totals) for record in records], fitted=fitted)
    return labelled(whole, groups, records[0].tiers, with_money=scoring.hyperparameters.has_spend)
