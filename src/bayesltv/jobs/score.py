"""From a fit and a summary to scores."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bayesltv.jobs.paths import load_held, prepare
from bayesltv.jobs.written import ScoreFile
from bayesltv.redaction import Redaction

if TYPE_CHECKING:
    from bayesltv.base.new_groups import UnknownGroups
    from bayesltv.engines.local import ScoreFolder


def score_file(
    fit: str | Path,
    summary: str | Path,
    decision: str | Path,
    out: str | Path,
    *,
    seed: int,
    draws: int | None,
    unknown_groups: "UnknownGroups" = "error",
    accept_failed: Sequence[str] = (),
    max_fit_age_days: float | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    threads: int | None = None,
    redaction: Redaction | None = None,
    looking: Callable[[int], None] | None = None,
    started: Callable[[int], None] | None = None,
    progress: Callable[[int], None] | None = None,
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
    redaction : Redaction, optional
        Of the run's messages: the manifest of a table says whether their hashes come again. The table itself
        has ids.
    looking : callable, optional
        Told how many rows have been read since it was last called, before customers are scored: of a folder
        of parts, where all of the summary is looked through first.
    started : callable, optional
        Told the number of customers once everything has been read.

    Others are those of `score`.

    Raises
    ------
    CheckFailed, DataError, SpecError, StoreError
        Then nothing is written, and what an earlier run wrote is left in place.
    """
    from bayesltv.base.gate import require_passed
    from bayesltv.customer_base import customer_base
    from bayesltv.data.store import held_summary, read_summary
    from bayesltv.fitting.store import load
    from bayesltv.report.export import is_folder, score_files, write_scores
    from bayesltv.report.manifest import provenance_of
    from bayesltv.spec.catalogue import load_decision

    if is_folder(out):
        from bayesltv.engines.local import score_to

        return score_to(
            load(fit),
            summary,
            load_decision(decision),
            out=out,
            seed=seed,
            draws=draws,
            unknown_groups=unknown_groups,
            accept_failed=accept_failed,
            max_fit_age_days=max_fit_age_days,
            time_unit=time_unit,
            observation_end=observation_end,
            threads=threads,
            looking=looking,
            started=started,
            progress=progress,
        )
    files = score_files(out)
    prepare(*files.all, inputs=[fit, summary, decision])
    declared = load_decision(decision)
    tree, fit_sha256 = load_held(fit)
    require_passed(tree, accept_failed)
    with held_summary(summary) as opened:
        base = customer_base(
            tree,
            read_summary(opened),
            seed=seed,
            unknown_groups=unknown_groups,
            accept_failed=accept_failed,
            max_fit_age_days=max_fit_age_days,
            time_unit=time_unit,
            observation_end=observation_end,
        )
        read = {"summary": {"file": opened.path.name, "sha256": opened.sha256}}
    if started is not None:
        started(len(base))
    table = base.score(declared, draws=draws, threads=threads, progress=progress)
    origin = provenance_of(
        tree,
        base.summary,
        declared,
        table,
        fit_sha256=fit_sha256,
        unknown_groups=unknown_groups,
        read=read,
    )
    if redaction is not None:
        origin["redacted_ids"] = redaction.described()
    write_scores(table, table.totals, files, provenance=origin)
    return ScoreFile(*files.all, table)
