"""From a fit and a summary to scores."""

from pathlib import Path
from typing import TYPE_CHECKING

from bayesltv.base.meeting import Meeting
from bayesltv.jobs.asked import NOBODY, Listeners
from bayesltv.jobs.paths import place_files, prepare
from bayesltv.jobs.written import ScoreFile
from bayesltv.redaction import Redaction

if TYPE_CHECKING:
    from bayesltv.engines.local import ScoreFolder


def score_file(
    fit: str | Path,
    summary: str | Path,
    decision: str | Path,
    out: str | Path,
    meeting: Meeting,
    *,
    threads: int | None = None,
    redaction: Redaction | None = None,
    listeners: Listeners = NOBODY,
) -> "ScoreFile | ScoreFolder":
    """Score the customers of a summary and write table, totals and manifest.

    Parameters
    ----------
    fit, summary : path
    decision : path
        A decision file, or the name of a shipped one.
    out : path
        .parquet or .csv; or a folder, with a name that has no ending: then the summary is read and the table
        written in parts, and a run that was stopped goes on where it was.
    meeting : Meeting
    threads : int, optional
        Changes speed, never a number.
    redaction : Redaction, optional
        Of the run's messages: the manifest of a table says whether their hashes come again. The table itself
        has ids.
    listeners : Listeners

    Raises
    ------
    CheckFailed, DataError, SpecError, StoreError
        Then nothing is written, and what an earlier run wrote is left in place.
    """
    from bayesltv.report.files.export import is_folder

    if is_folder(out):
        return _score_parts(fit, summary, decision, out, meeting, threads=threads, listeners=listeners)
    return _score_table(
        fit, summary, decision, out, meeting, threads=threads, redaction=redaction, listeners=listeners
    )


def _score_parts(
    fit: str | Path,
    summary: str | Path,
    decision: str | Path,
    out: str | Path,
    meeting: Meeting,
    *,
    threads: int | None,
    listeners: Listeners,
) -> "ScoreFolder":
    """Score into a folder, part by part."""
    from bayesltv.engines.local import score_to
    from bayesltv.fitting.store import load
    from bayesltv.specs.catalogue import load_decision

    return score_to(
        load(fit),
        summary,
        load_decision(decision),
        out=out,
        threads=threads,
        **vars(meeting),
        **vars(listeners),
    )


def _score_table(
    fit: str | Path,
    summary: str | Path,
    decision: str | Path,
    out: str | Path,
    meeting: Meeting,
    *,
    threads: int | None,
    redaction: Redaction | None,
    listeners: Listeners,
) -> ScoreFile:
    """Score into a table, with totals and a manifest beside it."""
    from bayesltv.report.files.export import score_files, write_scores
    from bayesltv.report.files.manifest import provenance_of
    from bayesltv.specs.catalogue import load_decision

    files = score_files(out)
    prepare(*files.all, inputs=[fit, summary, decision])
    declared = load_decision(decision)
    placed = place_files(fit, summary, meeting)
    base = placed.base
    listeners.started(len(base))
    table = base.score(declared, threads=threads, progress=listeners.progress)
    origin = provenance_of(
        base.fit, base.summary, declared, table, fit_sha256=placed.fit_sha256,
        unknown_groups=base.unknown_groups, read={"summary": placed.summary},
    )  # fmt: skip
    if redaction is not None:
        origin["redacted_ids"] = redaction.described()
    write_scores(table, table.totals, files, provenance=origin)
    return ScoreFile(*files.all, table)
