"""What jobs are asked: files beside those that every job has, and who is told how far the work is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bayesltv.data.log.reading import LogReading
from bayesltv.redaction import Redaction


def _unheard(_count: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Listeners:
    """Who is told how far a job is; nobody by default.

    Attributes
    ----------
    looking : callable
        Told how many rows have been read since it was last called, before customers are scored: of a folder
        of parts, where all of the summary is looked through first.
    started : callable
        Told the number of customers once everything has been read.
    progress : callable
        Told how many customers have been scored, or decided upon, since it was last called.
    """

    looking: Callable[[int], None] = _unheard
    started: Callable[[int], None] = _unheard
    progress: Callable[[int], None] = _unheard


NOBODY = Listeners()


@dataclass(frozen=True)
class Run:
    """How a job is run.

    Attributes
    ----------
    threads : int, optional
        Changes speed, never a number.
    redaction : Redaction, optional
        Of the run's messages: a manifest says whether their hashes come again. Tables themselves have ids.
    listeners : Listeners
    """

    threads: int | None = None
    redaction: Redaction | None = None
    listeners: Listeners = NOBODY

    def told(self, origin: dict[str, Any]) -> dict[str, Any]:
        """Return what a manifest tells, with what became of ids in the run's messages."""
        return origin if self.redaction is None else {**origin, "redacted_ids": self.redaction.described()}


ALONE = Run()


@dataclass(frozen=True)
class PlanAsked:
    """What a plan is made from beside fit, summary and decision.

    Attributes
    ----------
    tests : mapping of str to path
        Name of a test -> file of what ``fit_uplift`` returned.
    current : path, optional
        .csv or .parquet with customer_id and action: what is done today.
    previous : path, optional
        An earlier export, or its folder: tiers that need not move stay, and what changed is told. It is
        compared with the manifest beside it; without one it is taken as it is, and the new manifest says so.
    plan_test : bool
        Say for each action how large a test of it should be, or that none pays.
    test_cost : float
        Fixed cost of a test, in money.
    customers_per_week : float, optional
        How many customers a test can enrol in a week, both arms together.
    options : path, optional
        .csv or .parquet to write what each action would bring each customer to, with a manifest beside it.
    """

    tests: Mapping[str, str | Path] = field(default_factory=dict)
    current: str | Path | None = None
    previous: str | Path | None = None
    plan_test: bool = False
    test_cost: float = 0.0
    customers_per_week: float | None = None
    options: str | Path | None = None


@dataclass(frozen=True)
class CohortOptions:
    """What is asked of cohorts on disk; the fields mean what they mean in ``CustomerBase.cohorts``.

    Attributes
    ----------
    cac : str, optional
        A number, or the path of a table.
    new : path, optional
        Table of new cohorts.
    suppress : bool
        Leave the figures of cohorts of fewer than ten customers out.
    """

    by: Sequence[str] = ("month",)
    ages: Sequence[int | str] = ()
    period: str = "30 days"
    margin: float | None = None
    annual_discount_rate: float = 0.0
    service_cost_per_year: float = 0.0
    cac: str | None = None
    new: str | Path | None = None
    first_day: int = 0
    suppress: bool = False
    reading: LogReading = field(default_factory=LogReading)


@dataclass(frozen=True)
class ForecastOptions:
    """What is asked of a forecast on disk; the fields mean what they mean in ``CustomerBase.forecast``.

    Attributes
    ----------
    plan, arrivals : path, optional
        One of them at most; without both arrivals are fitted to the summary.
    reach_plan : path, optional
        How likely arrivals reach its customers.
    burn : int, optional
        Weeks at the start to leave out of arrivals that are fitted.
    log : path, optional
        For first amounts, where the fit has no level of them.
    """

    horizon: str = "13 weeks"
    by: str = "month"
    margin: float | None = None
    cac: float | None = None
    target: float | None = None
    plan: str | Path | None = None
    arrivals: str | Path | None = None
    reach_plan: str | Path | None = None
    burn: int | None = None
    log: str | Path | None = None
    reading: LogReading = field(default_factory=LogReading)


@dataclass(frozen=True)
class Shown:
    """What a report shows of customers.

    Attributes
    ----------
    people : int
        Customers of each ranking that the page names.
    suppress_below : int, optional
        Counts of fewer are hidden; default 10 with groups.
    """

    people: int = 100
    suppress_below: int | None = None


@dataclass(frozen=True)
class Made:
    """What has been made with a fit, as files.

    Attributes
    ----------
    summary : path, optional
        The summary it was fitted to.
    scores : path, optional
        What ``score_file`` wrote: a table, or a folder of parts.
    plan : path, optional
        Folder that ``decide_file`` wrote.
    cohorts : path, optional
        Folder that ``cohorts_file`` wrote.
    forecast : path, optional
        Folder that ``forecast_file`` wrote.
    """

    summary: str | Path | None = None
    scores: str | Path | None = None
    plan: str | Path | None = None
    cohorts: str | Path | None = None
    forecast: str | Path | None = None
