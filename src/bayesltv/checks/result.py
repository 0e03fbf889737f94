"""What a check says, and the report that collects what checks said."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol

import pandas as pd
import xarray as xr

from bayesltv.languages.language import label, listed, retold, tr
from bayesltv.languages.notebook import html_of
from bayesltv.names import COMMON_SHOCKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Status = Literal["pass", "warn", "fail", "not applicable"]
_TOTALS: dict[Status, str] = {"warn": "totals too sure", "not applicable": "totals not looked at"}
"""What is said of totals wherever a fit is said to have passed, by what the check of common shocks found."""
_UNSTORED = ("table", "facts", "plot")
_HEADINGS = ("check", "status", "figure", "threshold", "what was found")
_COLOURS: dict[Status, str] = {"pass": "green", "warn": "yellow", "fail": "bold red", "not applicable": "dim"}


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check.

    Attributes
    ----------
    name : str
        By which a failure can be accepted.
    status : "pass", "warn", "fail" or "not applicable"
        Only "fail" gates scoring.
    value, threshold : float, optional
        Figure of merit and what it is held against.
    summary : str
        What was found, where.
    advice : str
        What to do, in a sentence; empty where there is nothing to do.
    table : DataFrame, optional
        What the figure was made from; ``plot_check`` draws it. Not stored with a fit.
    facts : mapping
        What the table was made with; not stored either.
    plot : callable, optional
        (result, axes or None) -> axes: the figure of a check of your own, for ``plot_check`` and reports; not
        stored. The toolkit's own checks have theirs in ``bayesltv.report``.
    """

    name: str
    status: Status
    value: float | None
    threshold: float | None
    summary: str
    advice: str = ""
    table: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    plot: "Callable[[CheckResult, Axes | None], Axes] | None" = field(default=None, repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """Whether the check does not stand in the way of scoring."""
        return self.status != "fail"

    @property
    def said(self) -> str:
        """What was found and, where it matters, what to do, in the language spoken."""
        found = retold(self.summary)
        if self.status in ("pass", "not applicable") or not self.advice:
            return found
        return tr("{found}. {advice}", found=found, advice=retold(self.advice))


class Check(Protocol):
    """A check looks at a fit, and at the summary where there is one, and returns one result."""

    @property
    def name(self) -> str:
        """By which a failure can be accepted."""
        ...

    def run(self, fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:
        """Run the check."""
        ...


@dataclass(frozen=True)
class FunctionCheck:
    """A function as a check, under the function's name.

    Attributes
    ----------
    function : callable
        (fit, summary or None) -> CheckResult.
    """

    function: Callable[[xr.DataTree, pd.DataFrame | None], CheckResult]

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    def run(self, fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:
        """Run the function."""
        return self.function(fit, summary)


@dataclass(frozen=True)
class CheckReport:
    """The results of all checks of a fit, in a fixed order."""

    results: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(result.passed for result in self.results)

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """The checks that warn."""
        return tuple(result for result in self.results if result.status == "warn")

    @property
    def verdict(self) -> str:
        """In words: "passed", "passed, 1 with a warning, totals too sure", "2 of 14 failed"."""
        if self.failed:
            return tr("{failed} of {results} failed", failed=len(self.failed), results=len(self.results))
        warned = [tr("{warnings} with a warning", warnings=len(self.warnings))] if self.warnings else []
        looked = [_TOTALS.get(each.status) for each in self.results if each.name == COMMON_SHOCKS]
        return listed([tr("passed"), *warned, *(tr(each) for each in looked if each)])

    @property
    def table(self) -> pd.DataFrame:
        """One row per check: name, status, value, threshold, summary, advice."""
        return pd.DataFrame([_row(result) for result in self.results])

    def __getitem__(self, name: str) -> CheckResult:
        """Return the result of the check of this name."""
        return {result.name: result for result in self.results}[name]

    def _repr_html_(self) -> str:
        rows = [
            (label(each.name), tr(each.status), each.value, each.threshold, retold(each.summary))
            for each in self.results
        ]
        shown = pd.DataFrame(rows, columns=[tr(each) for each in _HEADINGS])
        return html_of(tr("Checks: {verdict}", verdict=self.verdict), {"": shown})

    def __rich__(self) -> Any:  # noqa: ANN401
        """Return a table for the terminal."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=tr("Checks: {verdict}", verdict=self.verdict), title_justify="left")
        for heading in _HEADINGS:
            number, name = heading in ("figure", "threshold"), heading == "check"  # names are never cut
            table.add_column(tr(heading), justify="right" if number else "left", no_wrap=name)
        for result in self.results:
            table.add_row(
                label(result.name),
                Text(tr(result.status), style=_COLOURS[result.status]),
                _number(result.value),
                _number(result.threshold),
                Text(result.said),
            )
        return table

    def to_json(self) -> str:
        """Return the results as JSON text, as a fit stores them."""
        rows = [_row(result) for result in self.results]
        for row in rows:
            if row["value"] is not None and not math.isfinite(row["value"]):
                row["value"] = str(row["value"])
        return json.dumps(rows)


def not_applicable(name: str, why: str) -> CheckResult:
    """Return the result of a check that could not look, and why."""
    return CheckResult(name, "not applicable", None, None, why)


def warning_where(
    is_off: bool,
    name: str,
    measured: tuple[float, float],
    found: str,
    advice: str,
    *,
    table: pd.DataFrame | None = None,
    facts: Mapping[str, Any] | None = None,
) -> CheckResult:
    """Return a warning with advice where something is off, else a pass; `measured`: figure and threshold."""
    status: Status = "warn" if is_off else "pass"
    return CheckResult(name, status, *measured, found, advice if is_off else "", table, facts or {})


def report_of(results: Sequence[CheckResult]) -> CheckReport:
    """Return the report of these results."""
    return CheckReport(tuple(results))


def _row(result: CheckResult) -> dict[str, Any]:
    """Return the fields of a result but its table."""
    return {each.name: getattr(result, each.name) for each in fields(result) if each.name not in _UNSTORED}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
