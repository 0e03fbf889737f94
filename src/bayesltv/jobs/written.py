"""What jobs have written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from bayesltv.arrivals.result import Forecast
    from bayesltv.checks.result import CheckReport
    from bayesltv.cohorts.result import Cohorts
    from bayesltv.decisions.plan import Plan
    from bayesltv.prediction.scores.score import ScoreTable
    from bayesltv.refresh.result import Refit


@dataclass(frozen=True)
class SummaryFile:
    """A customer summary that was written.

    Attributes
    ----------
    path : Path or str
        By Spark: the place, as it was named.
    customers, repeaters : int
    attributes : mapping
        time_unit, observation_end, groups, set_aside (reason -> count), fingerprint; by Spark none.
    """

    path: Path | str
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
    spec_hash, spec : str
        Hash and title of the spec.
    """

    path: Path
    report: "CheckReport"
    customers: int
    seed: int
    spec_hash: str
    spec: str


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
class CohortFolder:
    """Cohorts that were written.

    Attributes
    ----------
    folder : Path
    files : tuple of Path
    cohorts : Cohorts
    """

    folder: Path
    files: tuple[Path, ...]
    cohorts: "Cohorts"


@dataclass(frozen=True)
class ForecastFolder:
    """A forecast that was written.

    Attributes
    ----------
    folder : Path
    files : tuple of Path
    forecast : Forecast
    """

    folder: Path
    files: tuple[Path, ...]
    forecast: "Forecast"


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
    redacted_ids : mapping, optional
        How ids are hidden in it; None where they are not.
    """

    path: Path
    report: "CheckReport"
    size: int
    redacted_ids: Mapping[str, object] | None = None


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


@dataclass(frozen=True)
class RefitFolder:
    """A refresh that was written.

    Attributes
    ----------
    folder : Path
        Called by its last day.
    files : tuple of Path
        The manifest last; of a fit that failed its checks, that fit alone.
    refit : Refit, optional
        None where the refresh was there already.
    report : CheckReport, optional
        What the new fit's checks say.
    """

    folder: Path
    files: tuple[Path, ...]
    refit: "Refit | None"
    report: "CheckReport | None"
