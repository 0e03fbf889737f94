"""From a fit and a summary to scores."""

from pathlib import Path
from typing import TYPE_CHECKING

from bayesltv.base.meeting import Meeting
from bayesltv.jobs.asked import ALONE, Run
from bayesltv.jobs.paths import place_files, prepare
from bayesltv.jobs.written import ScoreFile

if TYPE_CHECKING:
    from bayesltv.engines.local import ScoreFolder


def score_file(
    fit: str | Path,
    summary: str | Path,
    decision: str | Path,
    out: str | Path,
    meeting: Meeting,
    run: Run = ALONE,
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
    run : Run

    Raises
    ------
    CheckFailed, DataError, SpecError, StoreError
        Then nothing is written, and what an earlier run wrote is left in place.
    """
    from bayesltv.report.files.export import is_folder

    score = _score_parts if is_folder(out) else _score_table
    return score(fit, summary, decision, out, meeting, run)


def _score_parts(
    fit: str | Path, summary: str | Path, decision: str | Path, out: str | Path, meeting: Meeting, run: Run
) -> "ScoreFolder":
    """Score into a folder, part by part."""
    from bayesltv.engines.local import score_to
    from bayesltv.fitting.store import load
    from bayesltv.specs.catalogue import load_decision

    return score_to(
        load(fit), summary, load_decision(decision), out=out, threads=run.threads, **vars(meeting),
        **vars(run.listeners),
    )  # fmt: skip


def _score_table(
    fit: str | Path, summary: str | Path, decision: str | Path, out: str | Path, meeting: Meeting, run: Run
) -> ScoreFile:
    """Score into a table, with totals and a manifest beside it."""
    from bayesltv.report.files.export import score_files, write_scores
    from bayesltv.specs.catalogue import load_decision

    files = score_files(out)
    prepare(*files.all, inputs=[fit, summary, decision])
    declared = load_decision(decision)
    placed = place_files(fit, summary, meeting)
    base = placed.base
    run.listeners.started(len(base))
    table = base.score(declared, threads=run.threads, progress=run.listeners.progress)
    origin = run.told(placed.provenance(declared, table))
    write_scores(table, table.totals, files, provenance=origin)
    return ScoreFile(*files.all, table)
