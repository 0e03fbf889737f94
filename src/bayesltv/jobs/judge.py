"""A fit against its checks, against what happened, and against other specs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bayesltv.errors import DataError
from bayesltv.files import require_folder, require_folder_name
from bayesltv.held import watch
from bayesltv.jobs.paths import customers_of
from bayesltv.names import OBSERVATION_END

if TYPE_CHECKING:
    from bayesltv.base.new_groups import UnknownGroups
    from bayesltv.checks.result import CheckReport
    from bayesltv.evaluation.comparison import Comparison
    from bayesltv.evaluation.result import Evaluation


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
    from bayesltv.data.validate import validate_summary
    from bayesltv.fitting.store import load
    from bayesltv.report.criticism import check_figures, check_tables
    from bayesltv.report.folder import write_folder

    _require_report(report)
    tree = load(fit)
    customers = None
    if summary is not None:
        frame = customers_of(tree, summary, time_unit=time_unit, observation_end=observation_end)
        customers = validate_summary(frame)
    if thorough and customers is None:
        raise DataError("thorough checks make customers anew beside the real ones: pass summary=")
    found = check(tree, customers, thorough=thorough)
    if report is None:
        return found, []
    return found, write_folder(report, figures=check_figures(found, tree), tables=check_tables(found))


def evaluate_file(
    fit: str | Path,
    log: str | Path,
    *,
    horizon: str,
    seed: int,
    summary: str | Path | None = None,
    decision: str | Path | None = None,
    draws: int | None = None,
    observation_end: str | None = None,
    log_end: str | None = None,
    time_unit: str | None = None,
    columns: Mapping[str, Any],
    carried: Mapping[str, Any] | None = None,
    unknown_groups: "UnknownGroups" = "error",
    threads: int | None = None,
    report: str | Path | None = None,
) -> "tuple[Evaluation, list[Path]]":
    """Hold a fit on disk against a log that goes on where the fit's data end.

    Parameters
    ----------
    fit, log : path
    horizon : str
    seed : int
    summary : path, optional
        The customers to forecast; default: the log's, as they were at the end of observation.
    decision : path, optional
        A decision file, or the name of a shipped one, whose tiers are judged too.
    observation_end : str, optional
        Where forecasts start; default the summary's own end of observation, or the fit's.
    time_unit : str, optional
        Of a summary that does not say; default the fit's.
    columns : mapping
        How the log is read: keywords of ``evaluate``.
    carried : mapping, optional
        Further keywords of ``summarize``, where the customers are the log's: ``order_id_col``,
        ``group_conflict``. Groups and covariates are those of the fit.
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
    from bayesltv.customer_base import customer_base
    from bayesltv.data.summary import summarize
    from bayesltv.fitting.store import load
    from bayesltv.report.evaluation import evaluation_figures, evaluation_tables
    from bayesltv.report.folder import write_folder
    from bayesltv.spec.catalogue import load_decision

    _require_report(report)
    watched = watch(log)
    tree = load(fit)
    posterior = read_posterior(tree)
    unit, end = posterior.time_unit, observation_end or tree.attrs[OBSERVATION_END] or None
    declared = None if decision is None else load_decision(decision)
    if summary is not None:
        customers = customers_of(tree, summary, time_unit=time_unit, observation_end=observation_end)
    elif end is None:
        raise DataError("the fit does not say when observation ended: pass observation_end=")
    else:
        customers = summarize(
            log,
            observation_end=end,
            time_unit=unit,
            groups=posterior.columns,
            covariates=tuple(posterior.spec.covariates),
            **columns,
            **(carried or {}),
        )
    base = customer_base(tree, customers, seed=seed, unknown_groups=unknown_groups)
    found = base.evaluate(
        log, horizon=horizon, decision=declared, draws=draws, log_end=log_end, threads=threads, **columns
    )
    watched.require_unchanged()
    if report is None:
        return found, []
    tables = evaluation_tables(found)
    return found, write_folder(report, figures=evaluation_figures(found), tables=tables)


def _require_report(report: str | Path | None) -> None:
    """Raise where pictures and tables could not be written: before the work that makes them."""
    if report is not None:
        require_folder(require_folder_name(report, what="pictures and tables"))


def compare_files(
    summary: str | Path,
    specs: Sequence[str],
    *,
    seed: int,
    log: str | Path | None = None,
    horizon: str | None = None,
    method: Literal["nuts", "laplace"] = "nuts",
    sampler: Mapping[str, Any] | None = None,
    columns: Mapping[str, Any],
    time_unit: str | None = None,
    observation_end: str | None = None,
    cores: int | None = None,
    report: str | Path | None = None,
    step: Callable[[str], None] | None = None,
) -> "tuple[Comparison, list[Path]]":
    """Compare specs, or fits on disk, on the same summary.

    Parameters
    ----------
    summary : path
    specs : sequence of str
        Spec files, names of shipped specs, or fits (.nc).
    report : path, optional
        Folder for pictures and tables.

    Others are those of ``compare``.

    Raises
    ------
    DataError, SpecError, FitError, StoreError
        Then nothing is written.
    """
    from bayesltv.comparison.compare import compare
    from bayesltv.data.store import read_summary
    from bayesltv.data.validate import validate_summary
    from bayesltv.fitting.store import load
    from bayesltv.report.comparison import comparison_figures, comparison_tables
    from bayesltv.report.folder import write_folder
    from bayesltv.spec.catalogue import load_spec

    _require_report(report)
    names = [Path(each).stem if Path(each).suffix else each for each in specs]
    twice = [name for name in names if names.count(name) > 1]
    models = {
        str(each) if name in twice else name: load(each) if Path(each).suffix == ".nc" else load_spec(each)
        for name, each in zip(names, specs, strict=True)
    }
    customers = validate_summary(read_summary(summary), time_unit=time_unit, observation_end=observation_end)
    watched = watch(log)
    found = compare(
        customers,
        models,
        seed=seed,
        log=log,
        horizon=horizon,
        method=method,
        sampler=sampler,
        columns=columns,
        cores=cores,
        step=step,
    )
    watched.require_unchanged()
    if report is None:
        return found, []
    return found, write_folder(report, figures=comparison_figures(found), tables=comparison_tables(found))
