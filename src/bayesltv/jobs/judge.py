"""A fit against its checks, against what happened, and against other specs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bayesltv.base.meeting import Meeting
from bayesltv.data.log.reading import Carried, LaterLog, Summarizing
from bayesltv.errors import DataError
from bayesltv.fitting.sampling import Sampling
from bayesltv.held import watch
from bayesltv.jobs.paths import customers_of, require_report

if TYPE_CHECKING:
    import xarray as xr

    from bayesltv.checks.result import CheckReport
    from bayesltv.evaluation.comparison import Comparison
    from bayesltv.evaluation.result import Evaluation
    from bayesltv.specs.model.model_spec import ModelSpec

NOTHING = Carried()


def check_file(
    fit: str | Path,
    summary: str | Path | None = None,
    *,
    thorough: bool = False,
    report: str | Path | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
) -> "tuple[CheckReport, list[Path]]":
    """Return what the checks say about a fit on disk, and the files that were written.

    Parameters
    ----------
    fit : path
    summary : path, optional
        The summary it was fitted to; checks of the data's assumptions need it.
    thorough : bool
        Also make the checks that take a moment.
    report : path, optional
        Folder for pictures and tables.
    time_unit, observation_end : str, optional
        For a summary that does not say; default: the fit's own.

    Raises
    ------
    DataError, StoreError
        Where a file cannot be used.
    """
    from bayesltv.checks.run import check
    from bayesltv.data.summary.validate import validate_summary
    from bayesltv.fitting.store import load
    from bayesltv.report.figures.checks import check_figures, check_tables
    from bayesltv.report.files.folder import write_folder

    require_report(report)
    tree = load(fit)
    customers = None
    if summary is not None:
        frame = customers_of(tree, summary, time_unit=time_unit, observation_end=observation_end)
        customers = validate_summary(frame)
    if thorough and customers is None:
        raise DataError("thorough checks make customers anew beside the real ones: pass summary=")
    found = check(tree, customers, thorough=thorough)
    return found, write_folder(
        report, "checks", figures=check_figures(found, tree), tables=check_tables(found)
    )


def evaluate_file(
    fit: str | Path,
    later: LaterLog,
    meeting: Meeting,
    *,
    summary: str | Path | None = None,
    decision: str | Path | None = None,
    carried: Carried = NOTHING,
    threads: int | None = None,
    report: str | Path | None = None,
) -> "tuple[Evaluation, list[Path]]":
    """Hold a fit on disk against a log that goes on where the fit's data end.

    Parameters
    ----------
    fit : path
    later : LaterLog
        Its log is a path; with a horizon.
    meeting : Meeting
        Its ``observation_end`` is where forecasts start; default the summary's own end of observation, or
        the fit's.
    summary : path, optional
        The customers to forecast; default: the log's, as they were at the end of observation.
    decision : path, optional
        A decision file, or the name of a shipped one, whose tiers are judged too.
    carried : Carried
        How order ids and conflicts are read, where the customers are the log's. Groups and covariates are
        those of the fit.
    threads : int, optional
        Changes speed, never a number.
    report : path, optional
        Folder for pictures and tables.

    Returns
    -------
    tuple
        The evaluation, and the files that were written.

    Raises
    ------
    DataError, SpecError, StoreError
        Then nothing is written.
    """
    from bayesltv.base.population import read_posterior
    from bayesltv.fitting.store import load
    from bayesltv.questions import CustomerBase
    from bayesltv.refresh.customers import end_of, summarized
    from bayesltv.report.figures.evaluation import evaluation_figures, evaluation_tables
    from bayesltv.report.files.folder import write_folder
    from bayesltv.specs.catalogue import load_decision

    require_report(report)
    if later.horizon is None:
        raise DataError("forecasts are held against a log over a horizon: pass horizon=")
    watched = watch(later.log)
    tree = load(fit)
    declared = None if decision is None else load_decision(decision)
    if summary is None:
        customers = summarized(
            read_posterior(tree), later.log, Summarizing(later.reading, carried),
            observation_end=meeting.observation_end or end_of(tree),
        )  # fmt: skip
    else:
        customers = customers_of(
            tree, summary, time_unit=meeting.time_unit, observation_end=meeting.observation_end
        )
    base = CustomerBase.met(tree, customers, replace(meeting, time_unit=None, observation_end=None))
    found = base.evaluate(
        later.log, horizon=later.horizon, decision=declared, log_end=later.log_end, threads=threads,
        **later.reading.keywords,
    )  # fmt: skip
    watched.require_unchanged()
    tables = evaluation_tables(found)
    return found, write_folder(report, "evaluation", figures=evaluation_figures(found), tables=tables)


def compare_files(
    summary: str | Path,
    specs: Sequence[str],
    sampling: Sampling,
    *,
    later: LaterLog,
    time_unit: str | None = None,
    observation_end: str | None = None,
    report: str | Path | None = None,
    step: Callable[[str], None] | None = None,
) -> "tuple[Comparison, list[Path]]":
    """Compare specs, or fits on disk, on the same summary.

    Parameters
    ----------
    summary : path
    specs : sequence of str
        Spec files, names of shipped specs, or fits (.nc).
    sampling : Sampling
    later : LaterLog
        Its log is a path, with a horizon, or None for no hold-out.
    time_unit, observation_end : str, optional
        For a summary that does not say.
    report : path, optional
        Folder for pictures and tables.
    step : callable, optional
        Told what is done next.

    Raises
    ------
    DataError, SpecError, FitError, StoreError
        Then nothing is written.
    """
    from bayesltv.comparison.compare import compare_as
    from bayesltv.data.summary.store import read_summary
    from bayesltv.data.summary.validate import validate_summary
    from bayesltv.report.figures.comparison import comparison_figures, comparison_tables
    from bayesltv.report.files.folder import write_folder

    require_report(report)
    models = _models(specs)
    customers = validate_summary(read_summary(summary), time_unit=time_unit, observation_end=observation_end)
    watched = watch(later.log)
    found = compare_as(customers, models, sampling, later=later, horizon=later.horizon, step=step)
    watched.require_unchanged()
    return found, write_folder(
        report, "comparison", figures=comparison_figures(found), tables=comparison_tables(found)
    )


def _models(specs: Sequence[str]) -> "dict[str, ModelSpec | xr.DataTree]":
    """Return specs and fits by the names of their files; by the whole path where two have one name."""
    from bayesltv.comparison.named import named
    from bayesltv.fitting.store import load
    from bayesltv.specs.catalogue import load_spec

    return {
        name: load(each) if Path(each).suffix == ".nc" else load_spec(each)
        for name, each in named(specs).items()
    }
