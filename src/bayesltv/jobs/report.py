"""Everything about a fit on one page."""

from pathlib import Path
from typing import TYPE_CHECKING

from bayesltv.base.meeting import Meeting
from bayesltv.data.log.reading import LaterLog
from bayesltv.errors import DataError
from bayesltv.held import watch
from bayesltv.jobs.asked import ALONE, Made, Run, Shown
from bayesltv.jobs.judge import evaluate_file
from bayesltv.jobs.paths import customers_of, prepare
from bayesltv.jobs.written import ReportFile

if TYPE_CHECKING:
    from bayesltv.evaluation.result import Evaluation

NO_LOG, SHOWN = LaterLog(None), Shown()


def report_file(
    fit: str | Path,
    out: str | Path,
    made: Made,
    *,
    seed: int,
    later: LaterLog = NO_LOG,
    thorough: bool = False,
    run: Run = ALONE,
    shown: Shown = SHOWN,
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
    thorough : bool
        Also make the checks that take a moment.
    run : Run
        With a redaction its hashes are shown in place of customer ids.
    shown : Shown

    Raises
    ------
    DataError, StoreError
        Then nothing is written, and an earlier report is left in place.
    """
    from bayesltv.checks.run import check
    from bayesltv.data.summary.validate import validate_summary
    from bayesltv.fitting.store import load
    from bayesltv.report.files.stored import read_cohorts, read_forecast, read_plan, read_scores
    from bayesltv.report.page.html import judge, require_html, write_report

    given = [path for path in (made.summary, made.scores, later.log) if path is not None]
    prepare(require_html(out), inputs=[fit, *given])
    _require_whole(made, later, thorough=thorough)
    watched = watch(fit, made.summary)  # the hold-out reads them once more
    tree = load(fit)
    customers = None if made.summary is None else validate_summary(customers_of(tree, made.summary))
    scores = None if made.scores is None else read_scores(made.scores, tree)
    plan = None if made.plan is None else read_plan(made.plan, tree)
    cohorts = None if made.cohorts is None else read_cohorts(made.cohorts, tree)
    ahead = None if made.forecast is None else read_forecast(made.forecast, tree)
    found = _evaluated(fit, made, later, seed=seed, threads=run.threads)
    watched.require_unchanged()
    judged = check(tree, customers, thorough=True) if thorough else judge(tree, customers)
    path = write_report(
        tree, out, summary=customers, checks=judged, scores=scores, evaluation=found, plan=plan,
        cohorts=cohorts, forecast=ahead, redact_ids=run.redaction or False, **vars(shown),
    )  # fmt: skip
    redacted = None if run.redaction is None else run.redaction.described()
    return ReportFile(path, judged, path.stat().st_size, redacted)


def _require_whole(made: Made, later: LaterLog, *, thorough: bool) -> None:
    """Raise where half of what belongs together was given."""
    if (later.log is None) != (later.horizon is None):
        raise DataError("forecasts are held against a log over a horizon: pass both log= and horizon=")
    if thorough and made.summary is None:
        raise DataError("thorough checks make customers anew beside the real ones: pass summary=")


def _evaluated(
    fit: str | Path, made: Made, later: LaterLog, *, seed: int, threads: int | None
) -> "Evaluation | None":
    """Return how the forecasts compare with the log, where there is one."""
    if later.log is None:
        return None
    found, _ = evaluate_file(fit, later, Meeting(seed), summary=made.summary, threads=threads)
    return found
