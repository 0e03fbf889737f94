"""``backtest``: the same spec fitted up to several cut dates, each held against what came next."""

from __future__ import annotations

import datetime as dt
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from bayesltv.arrivals_fit import fit_arrivals
from bayesltv.checks.result import CheckReport
from bayesltv.data.log.reading import LaterLog, LogReading
from bayesltv.data.log.summarize import summarize
from bayesltv.dates import Date, require_day
from bayesltv.errors import BayesltvError, DataError, EngineError, said_of
from bayesltv.evaluation.business import NAIVE, require_rivals
from bayesltv.evaluation.holdout import require_holdout
from bayesltv.evaluation.result import ALL, Evaluation, InJson, records, rich_table
from bayesltv.evaluation.rules import interval_score
from bayesltv.names import COMMON_SHOCKS
from bayesltv.pipeline import fit
from bayesltv.questions import customer_base
from bayesltv.specs.catalogue import SpecLike, spec_of
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.units import time_unit_of

LEVEL = 0.9


@dataclass(frozen=True)
class Backtest(InJson):
    """Forecasts from several cut dates.

    Attributes
    ----------
    table : DataFrame
        One row per cut and quantity: ``customers``, scores and coverage of customers; ``actual``, ``mean``,
        ``p05``, ``p95`` of the total, ``inside_90``, ``relative_error`` (mean / actual − 1),
        ``interval_score`` (of the total at 90 %, per customer), ``passed`` (the fit's checks) and
        ``common_shocks``, what the check of that name says: "warn" where totals are too sure.
    evaluations : mapping
        Cut (ISO date) -> Evaluation.
    """

    table: pd.DataFrame
    evaluations: Mapping[str, Evaluation] = field(repr=False)

    @property
    def business(self) -> pd.DataFrame | None:
        """Totals with new customers by ``cut``, beside rivals'; None where not asked for."""
        tables = {cut: each.business for cut, each in self.evaluations.items() if each.business is not None}
        return pd.concat(tables, names=["cut"]).reset_index("cut") if tables else None

    @property
    def total_coverage(self) -> dict[str, float]:
        """Share of cuts whose total lies inside its 90 % interval, by quantity."""
        return {str(k): float(v) for k, v in self.table.groupby("quantity")["inside_90"].mean().items()}

    def to_dict(self) -> dict[str, Any]:
        """Return the tables in JSON's types."""
        told = {"total_coverage": self.total_coverage, "table": records(self.table)}
        return told if self.business is None else told | {"business": records(self.business)}

    def __rich__(self) -> Any:  # noqa: ANN401
        """Return the table for the terminal."""
        shown = self.table.drop(columns=["customers", "pit_deviation", "gini", "interval_score", "passed"])
        return rich_table(shown, f"Rolling origins, {len(self.evaluations)} cuts")


def backtest(
    log: object,
    spec: SpecLike,
    *,
    cuts: Sequence[Date],
    horizon: str | float,
    time_unit: str = "week",
    groups: Sequence[str] = (),
    seed: int = 1,
    method: Literal["nuts", "laplace"] = "nuts",
    sampler: Mapping[str, Any] | None = None,
    draws: int | None = 1000,
    workers: int = 1,
    columns: Mapping[str, Any] | None = None,
    acquired_from: Date | None = None,
    log_end: Date | None = None,
    arrivals: bool = False,
    rivals: Sequence[str] = NAIVE,
    progress: bool = True,
) -> Backtest:
    """Return how forecasts made at several dates compare with what came next.

    At each cut the log up to it is summarized and the spec fitted, so that nothing of the future is known.
    Periods that overlap are not independent.

    Parameters
    ----------
    log : path or frame
    spec : ModelSpec, str or Path
        A spec, a file, or the name of a shipped one: "pooled".
    cuts : sequence of date
        Last days of the calibration periods.
    horizon : str or float
        Text with a unit, or a number in `time_unit`; the log must reach the last cut's horizon.
    time_unit, groups
        As for ``summarize``.
    seed, method, sampler
        As for ``fit``; the same seed at each cut.
    draws : int, optional
        Posterior draws of each evaluation; None for all.
    workers : int
        Processes. More than one needs a script that can be imported (``if __name__ == "__main__":``).
    columns : mapping, optional
        How the log is read: keywords that ``summarize`` and ``evaluate`` share.
    acquired_from : date, optional
        As for ``summarize``.
    log_end : date, optional
        Last day that the log covers, where that is later than its last row.
    arrivals : bool
        Fit arrivals by `groups` at each cut as well, and judge the business with new customers.
    rivals : sequence of str
        What the business is then set beside, as for ``evaluation.business.judge_forecast``.
    progress : bool
        Show a progress bar where somebody watches.

    Returns
    -------
    Backtest

    Raises
    ------
    DataError
        Where there is no cut, one is no date, or the log does not reach a horizon; before anything is fitted
        where the dates alone say so.
    SpecError
        Where a rival is unknown.
    EngineError
        Where a worker died.
    """
    days = sorted({require_day(cut, "cuts") for cut in cuts})
    if not days:
        raise DataError('there is no cut: give dates inside the log, cuts=["1997-07-31", "1997-09-30"]')
    if workers < 1:
        raise EngineError(f"workers={workers} must be at least 1")
    reading = LogReading.of(columns)
    require_rivals(rivals)
    job = _Job(
        log, spec_of(spec), horizon, time_unit, tuple(groups), seed, method, dict(sampler or {}), draws,
        reading, acquired_from, log_end, tuple(rivals) if arrivals else None,
    )  # fmt: skip
    return _backtest(job, days, workers=workers, progress=progress)


def _backtest(job: _Job, days: Sequence[dt.date], *, workers: int, progress: bool) -> Backtest:
    """Return the forecasts of each cut beside what came next, from the earliest cut on."""
    require_holdout(
        LaterLog(job.log, job.reading, job.log_end), after=pd.Timestamp(days[-1]),
        horizon=job.horizon, time_unit=time_unit_of(job.time_unit),
    )  # fmt: skip
    found: dict[str, tuple[Evaluation, CheckReport]] = {}
    with _bar(len(days), shown=progress) as advance:
        for cut, evaluation, report in _run(job, [day.isoformat() for day in days], workers):
            found[cut] = evaluation, report
            advance()
    ordered = {day.isoformat(): found[day.isoformat()] for day in days}
    rows = [row for cut, (each, report) in ordered.items() for row in _rows(cut, each, report)]
    return Backtest(pd.DataFrame(rows), {cut: each for cut, (each, _) in ordered.items()})


@dataclass(frozen=True)
class _Job:
    """What every cut has in common; goes to other processes as it is."""

    log: object
    spec: ModelSpec
    horizon: str | float
    time_unit: str
    groups: tuple[str, ...]
    seed: int
    method: Literal["nuts", "laplace"]
    sampler: dict[str, Any]
    draws: int | None
    reading: LogReading
    acquired_from: Date | None
    log_end: Date | None
    rivals: tuple[str, ...] | None


def _one(job: _Job, cut: str) -> tuple[str, Evaluation, CheckReport]:
    """Return the evaluation of one cut, and what the checks of its fit say."""
    from bayesltv.checks.run import stored_report

    try:
        summary = summarize(
            job.log, observation_end=cut, time_unit=job.time_unit,
            groups=job.groups or job.spec.groups, covariates=tuple(job.spec.covariates),
            acquired_from=job.acquired_from, **job.reading.keywords,
        )  # fmt: skip
        tree = fit(summary, job.spec, seed=job.seed, method=job.method, sampler=job.sampler, progress=False)
        come = None
        if job.rivals is not None:
            by = job.groups or job.spec.groups
            come = fit_arrivals(summary, seed=job.seed, by=by, progress=False)
        base = customer_base(tree, summary, seed=job.seed, draws=job.draws)
        evaluation = base.evaluate(
            job.log, horizon=job.horizon, draws=job.draws, tracking=False, log_end=job.log_end,
            arrivals=come, rivals=job.rivals or (), **job.reading.keywords,
        )  # fmt: skip
    except BayesltvError as error:
        raise said_of(error, f"cut {cut}") from None
    return cut, evaluation, stored_report(tree)


def _run(job: _Job, cuts: Sequence[str], workers: int) -> Any:  # noqa: ANN401
    """Yield the evaluation of each cut as it is done."""
    if workers == 1 or len(cuts) == 1:
        for cut in cuts:
            yield _one(job, cut)
        return
    # a fork would copy locks of the samplers' threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(cuts)), mp_context=context) as pool:
        waiting = [pool.submit(_one, job, cut) for cut in cuts]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BrokenProcessPool:
            raise EngineError(
                'a worker of the backtest died: is the script guarded by `if __name__ == "__main__":`, and '
                "is there memory for all of them? workers=1 needs neither"
            ) from None
        finally:
            for each in waiting:
                each.cancel()


@contextmanager
def _bar(cuts: int, *, shown: bool) -> Iterator[Callable[[], None]]:
    """Give a context whose value is called after each cut; the bar shows itself only in a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    parts = (TextColumn("cuts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = not (shown and console.is_terminal)
    with Progress(*parts, console=console, disable=hidden, transient=True) as progress:
        task = progress.add_task("cuts", total=cuts)
        yield lambda: progress.advance(task)


def _rows(cut: str, found: Evaluation, report: CheckReport) -> list[dict[str, Any]]:
    coverage = found.coverage.set_index(["quantity", "group", "level"])["predictive"]
    rows = []
    for quantity in found.quantities:
        total = found.total(quantity)
        low, high, actual = (float(total[name]) for name in ("p05", "p95", "actual"))
        customers = int(found.facts["customers"])
        rows.append(
            {
                "cut": cut,
                "quantity": quantity,
                "customers": customers,
                "crps": found.score("crps", quantity),
                "pit_deviation": found.score("pit_deviation", quantity),
                "coverage_90": float(coverage[quantity, ALL, LEVEL]),
                "gini": found.score("gini", quantity),
                "actual": actual,
                "mean": float(total["mean"]),
                "p05": low,
                "p95": high,
                "inside_90": bool(total["inside_90"]),
                "relative_error": float(total["mean"]) / actual - 1 if actual else float("nan"),
                "interval_score": interval_score(low, high, actual, LEVEL) / customers,
                "passed": report.passed,
                COMMON_SHOCKS: report[COMMON_SHOCKS].status,
            }
        )
    return rows
