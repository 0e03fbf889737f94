"""The straight line from file to file: log -> summary -> fit -> checks -> scores, one function per command.

What comes out is written only when all has gone well, and whether it can be written is looked at first.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bayesltv.errors import DataError, StoreError
from bayesltv.files import require_folder, require_writable
from bayesltv.names import (
    CUSTOMER_ID,
    FINGERPRINT,
    GROUPS,
    OBSERVATION_END,
    REPEAT_DAYS,
    SET_ASIDE,
    TIME_UNIT,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayesltv.checks.result import CheckReport
    from bayesltv.decisions.plan import Plan
    from bayesltv.engines.local import ScoreFolder
    from bayesltv.evaluation.comparison import Comparison
    from bayesltv.evaluation.result import Evaluation
    from bayesltv.prediction.new_groups import UnknownGroups
    from bayesltv.prediction.score import ScoreTable


@dataclass(frozen=True)
class SummaryFile:
    """A customer summary that was written.

    Attributes
    ----------
    path : Path
    customers, repeaters : int
    attributes : mapping
        time_unit, observation_end, groups, set_aside (reason -> count), fingerprint.
    """

    path: Path
    customers: int
    repeaters: int
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class FitFile:
    """A fit that was written.

    Attributes
    ----------
    path : Path
        Where it is: not where it was asked for, if it failed its checks and a fit that passed stands there.
    report : CheckReport
    customers : int
    seed : int
    spec_hash : str
    """

    path: Path
    report: "CheckReport"
    customers: int
    seed: int
    spec_hash: str


@dataclass(frozen=True)
class ScoreFile:
    """Scores that were written.

    Attributes
    ----------
    path, totals, manifest : Path
    scores : ScoreTable
    """

    path: Path
    totals: Path
    manifest: Path
    scores: "ScoreTable"


@dataclass(frozen=True)
class PlanFolder:
    """A plan that was written.

    Attributes
    ----------
    folder : Path
    files : tuple of Path
    plan : Plan
    """

    folder: Path
    files: tuple[Path, ...]
    plan: "Plan"


@dataclass(frozen=True)
class ReportFile:
    """A report that was written.

    Attributes
    ----------
    path : Path
    report : CheckReport
        What its checks say.
    size : int
        Bytes.
    """

    path: Path
    report: "CheckReport"
    size: int


@dataclass(frozen=True)
class UpliftFile:
    """A fitted test that was written.

    Attributes
    ----------
    path : Path
        As in `FitFile`.
    report : CheckReport
        Of the sampler.
    effects : DataFrame
        By cell and arm, raw and shrunk.
    customers, seed : int
    effect_source : str
        "test", or "not randomised".
    """

    path: Path
    report: "CheckReport"
    effects: "pd.DataFrame"
    customers: int
    seed: int
    effect_source: str


def summarize_file(
    log: str | Path,
    out: str | Path,
    *,
    settings: Mapping[str, Any],
    progress: Callable[[int], None] | None = None,
) -> SummaryFile:
    """Write the customer summary of a log.

    Parameters
    ----------
    log : path
        CSV or Parquet.
    out : path
        Parquet.
    settings : mapping
        Keywords of ``summarize``. The rows go to the file as they come: they never are in memory all at once.
    progress : callable, optional
        Told how many customers have been written since it was last called.

    Raises
    ------
    DataError, StoreError
        Then nothing is written.
    """
    from bayesltv.data.request import make_request
    from bayesltv.data.store import require_parquet, write_summary_of

    _prepare(require_parquet(out), inputs=[log])
    customers, repeaters, attributes = write_summary_of(log, make_request(**settings), out, progress=progress)
    told = (TIME_UNIT, OBSERVATION_END, GROUPS, SET_ASIDE, FINGERPRINT)
    return SummaryFile(Path(out), customers, repeaters, {name: attributes[name] for name in told})


def fit_file(
    summary: str | Path,
    spec: str | Path,
    out: str | Path,
    *,
    seed: int,
    method: Literal["nuts", "laplace"] = "nuts",
    sampler: Mapping[str, Any] | None = None,
    groups: Sequence[str] = (),
    time_unit: str | None = None,
    observation_end: str | None = None,
    cores: int | None = None,
    progress: bool = True,
) -> FitFile:
    """Fit a summary and write the fit, also where it failed its checks: scoring will refuse it then.

    Parameters
    ----------
    summary : path
    spec : path
        A spec file, or the name of a shipped one.
    out : path
        netCDF. A fit that failed does not replace one that passed: it becomes NAME.failed.nc beside it.
    groups : sequence of str
        Group columns, for a summary that has lost its attributes.

    Others are those of `fit`.

    Raises
    ------
    DataError, SpecError, FitError, StoreError
        Then nothing is written.
    """
    from bayesltv.checks.run import stored_report
    from bayesltv.data.store import read_summary
    from bayesltv.data.validate import validate_summary
    from bayesltv.fitting.store import save
    from bayesltv.pipeline import fit
    from bayesltv.spec.catalogue import load_spec

    _prepare(out, inputs=[summary])
    declared = load_spec(spec)
    customers = validate_summary(
        read_summary(summary), time_unit=time_unit, observation_end=observation_end, groups=groups
    )
    tree = fit(customers, declared, seed=seed, method=method, sampler=sampler, cores=cores, progress=progress)
    report = stored_report(tree)
    target = Path(out) if report.passed or not _has_passed(out) else Path(out).with_suffix(".failed.nc")
    return FitFile(save(tree, target), report, len(customers), seed, str(tree.attrs["spec_hash"]))


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
    from bayesltv.fitting.store import load
    from bayesltv.report.criticism import check_figures, check_tables
    from bayesltv.report.folder import write_folder

    tree = load(fit)
    customers = None
    if summary is not None:
        customers = _customers_of(tree, summary, time_unit=time_unit, observation_end=observation_end)
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
    from bayesltv.data.summary import summarize
    from bayesltv.evaluation.evaluate import evaluate
    from bayesltv.fitting.store import load
    from bayesltv.prediction.population import read_posterior
    from bayesltv.report.evaluation import evaluation_figures, evaluation_tables
    from bayesltv.report.folder import write_folder
    from bayesltv.spec.catalogue import load_decision

    tree = load(fit)
    posterior = read_posterior(tree)
    unit, end = posterior.time_unit, observation_end or tree.attrs[OBSERVATION_END] or None
    declared = None if decision is None else load_decision(decision)
    if summary is not None:
        customers = _customers_of(tree, summary, time_unit=time_unit, observation_end=observation_end)
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
    found = evaluate(
        tree,
        customers,
        log,
        horizon=horizon,
        seed=seed,
        decision=declared,
        draws=draws,
        log_end=log_end,
        unknown_groups=unknown_groups,
        threads=threads,
        **columns,
    )
    if report is None:
        return found, []
    tables = evaluation_tables(found)
    return found, write_folder(report, figures=evaluation_figures(found), tables=tables)


def _customers_of(
    tree: "xr.DataTree", summary: str | Path, *, time_unit: str | None, observation_end: str | None
) -> "pd.DataFrame":
    """Return the summary of a file, in the fit's unit and up to the fit's end where it does not say."""
    from bayesltv.data.store import read_summary
    from bayesltv.data.validate import validate_summary

    frame = read_summary(summary)
    if Path(summary).suffix != ".parquet":
        frame = frame.drop(columns=REPEAT_DAYS, errors="ignore")  # a CSV holds their text only
    if frame.attrs.get(TIME_UNIT) is None:
        time_unit = time_unit or str(tree.attrs[TIME_UNIT])
    if frame.attrs.get(OBSERVATION_END) is None:
        observation_end = observation_end or tree.attrs.get(OBSERVATION_END) or None
    return validate_summary(frame, time_unit=time_unit, observation_end=observation_end)


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

    names = [Path(each).stem if Path(each).suffix else each for each in specs]
    twice = [name for name in names if names.count(name) > 1]
    models = {
        str(each) if name in twice else name: load(each) if Path(each).suffix == ".nc" else load_spec(each)
        for name, each in zip(names, specs, strict=True)
    }
    customers = validate_summary(read_summary(summary), time_unit=time_unit, observation_end=observation_end)
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
    if report is None:
        return found, []
    return found, write_folder(report, figures=comparison_figures(found), tables=comparison_tables(found))


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
    from bayesltv.data.store import read_summary
    from bayesltv.data.validate import validate_summary
    from bayesltv.fitting.store import load
    from bayesltv.prediction.gate import require_passed
    from bayesltv.prediction.score import score
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
    _prepare(*files.all, inputs=[fit, summary, decision])
    declared = load_decision(decision)
    tree = load(fit)
    require_passed(tree, accept_failed)
    customers = validate_summary(
        read_summary(summary), time_unit=time_unit, observation_end=observation_end, allow_empty=True
    )
    if started is not None:
        started(len(customers))
    table = score(
        tree,
        customers,
        declared,
        seed=seed,
        draws=draws,
        unknown_groups=unknown_groups,
        accept_failed=accept_failed,
        max_fit_age_days=max_fit_age_days,
        threads=threads,
        progress=progress,
    )
    origin = provenance_of(tree, customers, declared, table, fit_file=fit, unknown_groups=unknown_groups)
    write_scores(table, table.totals, files, provenance=origin)
    return ScoreFile(*files.all, table)


def decide_file(
    fit: str | Path,
    summary: str | Path,
    decision: str | Path,
    out: str | Path,
    *,
    seed: int,
    draws: int | None,
    tests: Mapping[str, str | Path] | None = None,
    current: str | Path | None = None,
    previous: str | Path | None = None,
    plan_test: bool = False,
    test_cost: float = 0.0,
    customers_per_week: float | None = None,
    unknown_groups: "UnknownGroups" = "error",
    accept_failed: Sequence[str] = (),
    max_fit_age_days: float | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    threads: int | None = None,
    started: Callable[[int], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> PlanFolder:
    """Decide who gets which action and write export, tables, figures and manifest into a folder.

    Parameters
    ----------
    fit, summary : path
    decision : path
        A decision file with actions, or the name of a shipped one.
    out : path
        Folder; made where it is not there.
    tests : mapping of str to path, optional
        Name of a test -> file of what ``fit_uplift`` returned.
    current : path, optional
        .csv or .parquet with customer_id and action: what is done today.
    previous : path, optional
        An earlier export: tiers that need not move stay, and what changed is told.
    started : callable, optional
        Told the number of customers once everything has been read.

    Others are those of `decide`.

    Raises
    ------
    CheckFailed, DataError, SpecError, StoreError
        Then nothing is written, and what an earlier run wrote is left in place.
    """
    from bayesltv.data.store import read_summary
    from bayesltv.data.validate import validate_summary
    from bayesltv.decisions.decide import decide
    from bayesltv.fitting.store import load
    from bayesltv.prediction.gate import require_passed
    from bayesltv.report.crm import read_columns, read_export, write_plan
    from bayesltv.report.manifest import provenance_of
    from bayesltv.report.plan import plan_figures
    from bayesltv.spec.catalogue import load_decision

    declared = load_decision(decision)
    require_folder(out)
    tree = load(fit)
    require_passed(tree, accept_failed)
    customers = validate_summary(
        read_summary(summary), time_unit=time_unit, observation_end=observation_end, allow_empty=True
    )
    today = None if current is None else read_columns(current, "action")
    earlier = None if previous is None else read_export(previous)
    if started is not None:
        started(len(customers))
    plan = decide(
        tree,
        customers,
        declared,
        seed=seed,
        draws=draws,
        tests={name: load(path) for name, path in (tests or {}).items()},
        current=today,
        previous=earlier,
        plan_test=plan_test,
        test_cost=test_cost,
        customers_per_week=customers_per_week,
        unknown_groups=unknown_groups,
        accept_failed=accept_failed,
        max_fit_age_days=max_fit_age_days,
        threads=threads,
        progress=progress,
    )
    origin = provenance_of(tree, customers, declared, plan, fit_file=fit, unknown_groups=unknown_groups)
    files = write_plan(plan, out, provenance=origin, figures=plan_figures(plan))
    return PlanFolder(files.folder, files.all, plan)


def uplift_file(
    experiment: str | Path,
    out: str | Path,
    *,
    cells: Sequence[str],
    outcome: str,
    randomised: bool | None,
    seed: int,
    arm: str = "arm",
    control: str | None = None,
    shares: Mapping[str, float] | None = None,
    after: Sequence[str] = (),
    customer_id_col: str = CUSTOMER_ID,
    accept_failed: Sequence[str] = (),
    sampler: Mapping[str, Any] | None = None,
    cores: int | None = None,
    progress: bool = True,
) -> UpliftFile:
    """Fit the effects of a test and write them, for actions that name the test.

    Parameters
    ----------
    experiment : path
        .csv or .parquet, one row per customer who was assigned.
    out : path
        netCDF; as in `fit_file`.

    Others are those of ``fit_uplift``.

    Raises
    ------
    DataError, FitError, StoreError
        Then nothing is written.
    """
    from bayesltv.checks.run import stored_report
    from bayesltv.data.experiment import read_experiment
    from bayesltv.decisions.uplift import uplift_table
    from bayesltv.fitting.store import save
    from bayesltv.pipeline import fit_uplift

    _prepare(out, inputs=[experiment])
    tree = fit_uplift(
        read_experiment(experiment, outcome=outcome),
        cells=list(cells),
        outcome=outcome,
        randomised=randomised,
        arm=arm,
        control=control,
        shares=shares,
        after=after,
        customer_id_col=customer_id_col,
        accept_failed=accept_failed,
        seed=seed,
        sampler=sampler,
        cores=cores,
        progress=progress,
    )
    report = stored_report(tree)
    target = Path(out) if report.passed or not _has_passed(out) else Path(out).with_suffix(".failed.nc")
    told = tree.attrs
    path = save(tree, target)
    return UpliftFile(
        path, report, uplift_table(tree), int(told["customers"]), seed, str(told["effect_source"])
    )


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
    redact_ids: bool = False,
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
    redact_ids : bool
        Show hashes in place of customer ids.

    Raises
    ------
    DataError, StoreError
        Then nothing is written, and an earlier report is left in place.
    """
    from bayesltv.checks.run import check
    from bayesltv.data.store import read_summary
    from bayesltv.data.validate import validate_summary
    from bayesltv.fitting.store import load
    from bayesltv.report.html import judge, write_report
    from bayesltv.report.stored import read_plan, read_scores

    given = [path for path in (summary, scores, log) if path is not None]
    _prepare(out, inputs=[fit, *given])
    if (log is None) != (horizon is None):
        raise DataError("forecasts are held against a log over a horizon: pass both log= and horizon=")
    if thorough and summary is None:
        raise DataError("thorough checks make customers anew beside the real ones: pass summary=")
    tree = load(fit)
    customers = None
    if summary is not None:
        frame = read_summary(summary)
        unit = None if TIME_UNIT in frame.attrs else str(tree.attrs[TIME_UNIT])
        customers = validate_summary(frame, time_unit=unit)
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
    judged = check(tree, customers, thorough=True) if thorough else judge(tree, customers)
    path = write_report(
        tree,
        out,
        summary=customers,
        checks=judged,
        scores=table,
        evaluation=found,
        plan=decided,
        redact_ids=redact_ids,
    )
    return ReportFile(path, judged, path.stat().st_size)


def _prepare(*outputs: str | Path, inputs: Sequence[str | Path]) -> None:
    """Raise StoreError where an output cannot be written, or would replace what is to be read."""
    read = {Path(path).resolve() for path in inputs}
    for path in outputs:
        if Path(path).resolve() in read:
            raise StoreError(f"{path} is read by this very command: write to another file")
    require_writable(*outputs)


def _has_passed(path: str | Path) -> bool:
    from bayesltv.checks.run import stored_report
    from bayesltv.fitting.store import load

    try:
        return stored_report(load(path)).passed
    except (StoreError, KeyError):
        return False
