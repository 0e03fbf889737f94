"""Refreshes on disk: one folder for each, by its last day, and none is ever written over.

A folder takes its place as a whole: a run that is killed leaves nothing of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.data.summary.store import write_summary
from bayesltv.errors import StoreError
from bayesltv.files import new_folder
from bayesltv.fitting.store import content_of, load
from bayesltv.refresh.result import Refit
from bayesltv.report.files.export import score_files, write_csv, write_scores
from bayesltv.report.files.manifest import made_with, provenance_of
from bayesltv.report.files.sealed import FORMAT, digests_of, in_json, read_sealed, sealed
from bayesltv.report.files.verified import checksums, verified
from bayesltv.specs.decision.decision_spec import DecisionSpec

MANIFEST, FIT, SUMMARY, SCORES, CHANGED = (
    "refit.manifest.json", "fit.nc", "summary.parquet", "scores.parquet", "changed.parquet",
)  # fmt: skip
_CURE = "Remove that folder, or restore it from a copy, and refit again"


@dataclass(frozen=True)
class Refreshed:
    """A refresh on disk.

    Attributes
    ----------
    folder : Path
    told : mapping
        What its manifest says.
    """

    folder: Path
    told: Mapping[str, Any]

    @property
    def asked(self) -> dict[str, Any]:
        """What it was made from."""
        return dict(self.told["asked"])

    @property
    def files(self) -> list[Path]:
        """Its files, the manifest last."""
        return [*(self.folder / name for name in self.told["sha256"]), self.folder / MANIFEST]

    def fit(self) -> xr.DataTree:
        """Return its fit, of the bytes that its manifest tells of."""
        listed = checksums(self.told, self.folder / MANIFEST, cure=_CURE)
        with verified(self.folder / FIT, listed[FIT], cure=_CURE):
            return load(self.folder / FIT)


def refreshes(folder: str | Path) -> list[Refreshed]:
    """Return the refreshes of a folder, the earliest first.

    Raises
    ------
    StoreError
        Where one has no manifest, or a damaged one.
    """
    found = [each for each in Path(folder).glob("*") if each.is_dir() and _is_day(each.name)]
    return [
        Refreshed(each, read_sealed(each / MANIFEST, cure=_CURE))
        for each in sorted(found, key=lambda each: each.name)
    ]


def latest(folder: str | Path) -> Refreshed:
    """Return the latest refresh of a folder.

    Raises
    ------
    StoreError
        Where there is none, or it is damaged.
    """
    found = refreshes(folder)
    if not found:
        raise StoreError(
            f"{folder} holds no refresh yet: name the fit to begin with, `bayesltv refit FIT.nc`"
        )
    return found[-1]


def write_refit(
    done: Refit,
    folder: str | Path,
    *,
    asked: Mapping[str, Any],
    decision: DecisionSpec | None = None,
    read: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write a refit into a folder of its own, all of it or nothing; return its files, the manifest last.

    Parameters
    ----------
    done : Refit
    folder : path
        Of all refreshes: this one's is called by its last day.
    asked : mapping
        What it was made from, in JSON's types.
    decision : DecisionSpec, optional
        Of its scores.
    read : mapping, optional
        What else was read, in JSON's types.

    Raises
    ------
    StoreError
        Where there is a refresh of that day, or a file cannot be written.
    """
    where, content = Path(folder) / str(done.facts["until"]), content_of(done.fit)
    fit_sha256 = sha256(content).hexdigest()
    with new_folder(where) as part:
        (part / FIT).write_bytes(content)
        write_summary(done.summary, part / SUMMARY)
        if done.scores is not None and decision is not None:
            origin = provenance_of(
                done.fit, done.summary, decision, done.scores, fit_sha256=fit_sha256, unknown_groups="error"
            )
            write_scores(done.scores, done.scores.totals, score_files(part / SCORES), provenance=origin)
        if done.changed is not None:
            done.changed.to_parquet(part / CHANGED, index=False)
        for name, table in tables_of(done).items():
            write_csv(table, part / f"{name}.csv")
        said = {
            "format": FORMAT, "asked": dict(asked), "read": dict(read or {}),
            **made_with(done.fit, done.summary, fit_sha256=fit_sha256),
            "facts": in_json(dict(done.facts)), "changes": done.changes,
            "drift": done.drift.verdict, "sha256": digests_of(part),
        }  # fmt: skip
        (part / MANIFEST).write_text(sealed(said), encoding="utf-8")
    return Refreshed(where, said).files


def tables_of(done: Refit) -> dict[str, pd.DataFrame]:
    """Return the tables of a refit by the names of their files."""
    tables = {"parameters": done.parameters, "drift": done.drift.table}
    if done.evaluation is not None:
        tables["forecast"] = done.evaluation.totals
    if done.refresh is not None:
        tables["migration"] = done.refresh.migration.reset_index()
        tables["movers"] = done.refresh.movers
    if done.changed is not None and done.gone is not None:
        tables |= {"changed": done.changed, "gone": done.gone}
    return tables


def require_same(stored: Refreshed, asked: Mapping[str, Any]) -> None:
    """Raise where a refresh of that day was made from other things.

    Raises
    ------
    StoreError
        Naming them.
    """
    differing = [name for name, value in asked.items() if stored.asked.get(name) != value]
    if differing:
        raise StoreError(
            f"{stored.folder} is there already, made from another {', '.join(differing)}, and is never "
            "written over: name another folder, or remove it"
        )


def _is_day(name: str) -> bool:
    try:
        return date.fromisoformat(name).isoformat() == name
    except ValueError:
        return False
