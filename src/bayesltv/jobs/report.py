"""Everything about a fit on one page."""

from pathlib import Path
from typing import TYPE_CHECKING

from bayesltv.base.meeting import Meeting
from bayesltv.data.log.reading import LaterLog
from bayesltv.errors import DataError
from bayesltv.held import watch
from bayesltv.jobs.asked import Made
from bayesltv.jobs.judge import evaluate_file
from bayesltv.jobs.paths import customers_of, prepare
from bayesltv.jobs.written import ReportFile
from bayesltv.redaction import Redaction

if TYPE_CHECKING:
    from bayesltv.evaluation.result import Evaluation

NO_LOG = LaterLog(None)


def report_file(
    fit: str | Path,
    out: str | Path,
    made: Made,
    *,
    seed: int,
    later: LaterLog = NO_LOG,
    horizon: str | None = None,
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
    made : Made
    seed : int
        Of the forecasts that are held against the log.
    later : LaterLog
        Its log is a path to what reaches the end of the horizon; None for none.
    horizon : str, optional
        Of the forecasts that are held against the log.
    thorough : bool
        Also make the checks that take a moment.
    redaction : Redaction, optional
        Show its hashes in place of customer ids.
    threads : int, optional
        Changes speed, never a number.

    Raises
    ------
    DataError, StoreError
        Then nothing is written, and an earlier report is left in place.
    """
    from bayesltv.checks.run import check
    from bayesltv.data.summary.validate import validate_summary
    from bayesltv.fitting.store import load
    from bayesltv.report.files.stored import read_plan, read_scores
    from bayesltv.report.page.html import judge, require_html, write_report

    given = [path for path in (made.summary, made.scores, later.log) if path is not None]
    prepare(require_html(out), inputs=[fit, *given])
    _require_whole(made, later, horizon, thorough=thorough)
    watched = watch(fit, made.summary)  # the hold-out reads them once more
    tree = load(fit)
    customers = None if made.summary is None else validate_summary(customers_of(tree, made.summary))
    scores = None if made.scores is None else read_scores(made.scores, tree)
    plan = None if made.plan is None else read_plan(made.plan, tree)
    found = _evaluated(fit, made, later, horizon, seed=seed, threads=threads)
    watched.require_unchanged()
    judged = check(tree, customers, thorough=True) if thorough else judge(tree, customers)
    path = write_report(
        tree, out, summary=customers, checks=judged, scores=scores, evaluation=found, plan=plan,
        redact_ids=redaction or False,
    )  # fmt: skip
    return ReportFile(path, judged, path.stat().st_size, None if redaction is None else redaction.described())


def _require_whole(made: Made, later: LaterLog, horizon: str | None, *, thorough: bool) -> None:
    """Raise where half of what belongs together was given."""
    if (later.log is None) != (horizon is None):
        raise DataError("forecasts are held against a log over a horizon: pass both log= and horizon=")
    if thorough and made.summary is None:
        raise DataError("thorough checks make customers anew beside the real ones: pass summary=")


def _evaluated(
    fit: str | Path, made: Made, later: LaterLog, horizon: str | None, *, seed: int, threads: int | None
) -> "Evaluation | None":
    """Return how the forecasts compare with the log, where there is one."""
    if later.log is None or horizon is None:
        return None
    found, _ = evaluate_file(
        fit, later, Meeting(seed), horizon=horizon, summary=made.summary, threads=threads
    )
    return found
