"""Everything about a fit on one page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bayesltv.errors import DataError
from bayesltv.held import watch
from bayesltv.jobs.judge import evaluate_file
from bayesltv.jobs.paths import customers_of, prepare
from bayesltv.jobs.written import ReportFile
from bayesltv.redaction import Redaction


def report_file(
    fit: str | Path,
    out: str | Path,
    *,
    seed: int,
    summary: str | Path | None = None,
    scores: str | Path | None = None,
    log: str | Path | None = None,
    horizon: str | None = None,
    log_end: str | None = None,
    plan: str | Path | None = None,
    columns: Mapping[str, Any] | None = None,
    thorough: bool = False,
    redaction: Redaction | None = None,
    threads: int | None = None,
) -> ReportFile:
    """Write one HTML file about a fit and what was made with it.

    Parameters
    ----------
    fit : path
    out : path
        .html
    seed : int
        Of the forecasts that are held against the log.
    summary : path, optional
        The summary it was fitted to.
    scores : path, optional
        What ``score_file`` wrote: a table, or a folder of parts.
    log : path, optional
        Log that reaches the end of the horizon.
    horizon : str, optional
        Of the forecasts that are held against the log.
    log_end : str, optional
        Last day that the log covers, where nobody bought on it.
    plan : path, optional
        Folder that ``decide_file`` wrote.
    columns : mapping, optional
        How the log is read: keywords of ``evaluate``.
    thorough : bool
        Also make the checks that take a moment.
    redaction : Redaction, optional
        Show its hashes in place of customer ids.

    Raises
    ------
    DataError, StoreError
        Then nothing is written, and an earlier report is left in place.
    """
    from bayesltv.checks.run import check
    from bayesltv.data.validate import validate_summary
    from bayesltv.fitting.store import load
    from bayesltv.report.html import judge, require_html, write_report
    from bayesltv.report.stored import read_plan, read_scores

    given = [path for path in (summary, scores, log) if path is not None]
    prepare(require_html(out), inputs=[fit, *given])
    if (log is None) != (horizon is None):
        raise DataError("forecasts are held against a log over a horizon: pass both log= and horizon=")
    if thorough and summary is None:
        raise DataError("thorough checks make customers anew beside the real ones: pass summary=")
    watched = watch(fit, summary)  # the hold-out reads them once more
    tree = load(fit)
    customers = None
    if summary is not None:
        customers = validate_summary(customers_of(tree, summary))
    table = None if scores is None else read_scores(scores, tree)
    decided = None if plan is None else read_plan(plan, tree)
    found = None
    if log is not None and horizon is not None:
        found, _ = evaluate_file(
            fit,
            log,
            horizon=horizon,
            seed=seed,
            summary=summary,
            log_end=log_end,
            columns=columns or {},
            threads=threads,
        )
    watched.require_unchanged()
    judged = check(tree, customers, thorough=True) if thorough else judge(tree, customers)
    path = write_report(
        tree,
        out,
        summary=customers,
        checks=judged,
        scores=table,
        evaluation=found,
        plan=decided,
        redact_ids=redaction or False,
    )
    return ReportFile(path, judged, path.stat().st_size, None if redaction is None else redaction.described())
