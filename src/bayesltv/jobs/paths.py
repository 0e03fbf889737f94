"""Paths of a job, looked at before the work begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesltv.dates import Date
from bayesltv.errors import StoreError
from bayesltv.files import require_folder, require_folder_name, require_writable
from bayesltv.names import OBSERVATION_END, TIME_UNIT

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayesltv.base.meeting import Meeting
    from bayesltv.checks.result import CheckReport
    from bayesltv.decisions.plan import Plan
    from bayesltv.prediction.scores.score import ScoreTable
    from bayesltv.questions import CustomerBase
    from bayesltv.specs.decision.decision_spec import DecisionSpec


def prepare(*outputs: str | Path, inputs: Sequence[str | Path]) -> None:
    """Raise StoreError where an output cannot be written, or would replace what is to be read."""
    read = {Path(path).resolve() for path in inputs}
    for path in outputs:
        if Path(path).resolve() in read:
            raise StoreError(f"{path} is read by this very command: write to another file")
    require_writable(*outputs)


def load_held(path: str | Path) -> "tuple[xr.DataTree, str]":
    """Return a fit on disk and the SHA-256 of the bytes that it was read from.

    Raises
    ------
    StoreError
        Where it cannot be read, or another has taken its place meanwhile.
    """
    from bayesltv.data.summary.store import file_digest
    from bayesltv.fitting.store import load

    before = file_digest(path) if Path(path).is_file() else ""
    tree = load(path)
    if file_digest(path) != before:
        raise StoreError(f"{path} was replaced while it was read, so that nothing was made of it: run again")
    return tree, before


def customers_of(
    tree: "xr.DataTree",
    path: str | Path,
    *,
    time_unit: str | None = None,
    observation_end: Date | None = None,
) -> "pd.DataFrame":
    """Return the summary of a file; a CSV is in the fit's unit and up to the fit's end where nobody says.

    A Parquet file says so itself: one that does not has lost it, and with it what would show a damage.
    """
    from bayesltv.data.log.sources import PARQUET_SUFFIXES
    from bayesltv.data.summary.store import read_summary
    from bayesltv.data.summary.validate import resolve_observation_end, resolve_time_unit

    frame = read_summary(path)
    if not str(path).lower().endswith(PARQUET_SUFFIXES):
        time_unit = time_unit or str(tree.attrs[TIME_UNIT])
        observation_end = observation_end or tree.attrs.get(OBSERVATION_END) or None
    end = resolve_observation_end(frame, observation_end)
    frame.attrs = {
        **frame.attrs,
        TIME_UNIT: resolve_time_unit(frame, time_unit),
        OBSERVATION_END: None if end is None else end.date().isoformat(),
    }
    return frame


@dataclass(frozen=True)
class PlacedFile:
    """A fit on disk placed onto a summary on disk.

    Attributes
    ----------
    base : CustomerBase
    fit_sha256 : str
    summary : dict
        Of the summary: its file's name and SHA-256, as manifests tell it.
    """

    base: "CustomerBase"
    fit_sha256: str
    summary: dict[str, Any]

    def provenance(
        self, decision: "DecisionSpec", made: "ScoreTable | Plan", **read: object
    ) -> dict[str, Any]:
        """Return what a manifest tells of scores or a plan; `read` is what else was read, by its option."""
        from bayesltv.report.files.manifest import provenance_of

        return provenance_of(
            self.base.fit, self.base.summary, decision, made, fit_sha256=self.fit_sha256,
            unknown_groups=self.base.unknown_groups, read={"summary": self.summary, **read},
        )  # fmt: skip

    def told(self, accepted: list[str], **read: object) -> dict[str, Any]:
        """Return what a manifest tells of what asks for no decision; `read` is what else was read."""
        from bayesltv.report.files.manifest import made_with

        return {
            **made_with(self.base.fit, self.base.summary, fit_sha256=self.fit_sha256),
            "accepted_failed_checks": accepted,
            "unknown_groups": self.base.unknown_groups,
            "read": {"summary": self.summary, **read},
        }


def place_files(fit: str | Path, summary: str | Path, meeting: "Meeting") -> PlacedFile:
    """Return a fit placed onto a summary, once its checks are known to have passed.

    Raises
    ------
    CheckFailed, DataError, StoreError
        Where fit or summary cannot be used, or do not go together.
    """
    from bayesltv.base.gate import require_passed
    from bayesltv.data.summary.store import held_summary, read_summary
    from bayesltv.questions import CustomerBase

    tree, fit_sha256 = load_held(fit)
    require_passed(tree, meeting.accept_failed)
    with held_summary(summary) as opened:
        base = CustomerBase.met(tree, read_summary(opened), meeting)
        return PlacedFile(base, fit_sha256, {"file": opened.path.name, "sha256": opened.sha256})


def save_checked(tree: "xr.DataTree", out: str | Path, report: "CheckReport") -> Path:
    """Write a fit and return where; one that failed does not replace one that passed: it stands beside."""
    from bayesltv.fitting.store import save

    target = Path(out) if report.passed or not has_passed(out) else Path(out).with_suffix(".failed.nc")
    return save(tree, target)


def require_report(report: str | Path | None) -> None:
    """Raise where pictures and tables could not be written: before the work that makes them."""
    if report is not None:
        require_folder(require_folder_name(report, what="pictures and tables"))


def has_passed(path: str | Path) -> bool:
    """Return whether a fit lies at the path whose checks have passed: one that is not to be overwritten."""
    from bayesltv.checks.run import stored_report
    from bayesltv.fitting.store import load

    try:
        return stored_report(load(path)).passed
    except (StoreError, KeyError):
        return False
