"""From an earlier fit and a newer log to a refresh in a folder of its own."""

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesltv.data.log.reading import Summarizing
from bayesltv.errors import StoreError
from bayesltv.files import require_folder, require_folder_name
from bayesltv.fitting.sampling import Method, Sampling
from bayesltv.held import watch
from bayesltv.jobs.asked import ALONE, Run
from bayesltv.jobs.written import RefitFolder
from bayesltv.names import FINGERPRINT

if TYPE_CHECKING:
    import xarray as xr

    from bayesltv.refresh.history import Refreshed
    from bayesltv.refresh.refit import RefitAsked, Renewing


@dataclass(frozen=True)
class RefitOptions:
    """What is asked of a refit on disk; the fields mean what they mean in ``ltv.refit``.

    Attributes
    ----------
    decision : path, optional
        A decision file, or the name of a shipped one.
    previous : path, optional
        The score table that is in use; default the earlier refresh's, or what the earlier fit says.
    """

    summarizing: Summarizing = field(default_factory=Summarizing)
    decision: str | Path | None = None
    previous: str | Path | None = None
    method: Method | None = None
    draws: int | None = 1000
    tolerance: float = 0.05
    accept_failed: tuple[str, ...] = ()


def refit_file(
    fit: str | Path,
    log: str | Path,
    out: str | Path | None,
    asked: RefitOptions,
    sampling: Sampling,
    run: Run = ALONE,
) -> RefitFolder:
    """Refit on a newer log and write fit, summary, scores and what has changed into a folder by its last day.

    Parameters
    ----------
    fit : path
        The earlier fit; or a folder of refreshes, whose latest one is refitted.
    log : path
        The whole log; or a summary, Parquet.
    out : path, optional
        Folder of all refreshes; default `fit`, where that is one.
    asked : RefitOptions
    sampling : Sampling
    run : Run

    Returns
    -------
    RefitFolder
        Where a refresh of that day, made from the same things, is there already, that one: nothing is done.
        Where the new fit failed its checks, it is kept beside, to be looked at.

    Raises
    ------
    CheckFailed, DataError, FitError, SpecError, StoreError
        Then nothing is written, and earlier refreshes are as they were.
    """
    from bayesltv.checks.run import stored_report
    from bayesltv.refresh.history import require_same, write_refit
    from bayesltv.refresh.refit import renew, renewing, sampling_like

    folder = _folder(fit, out)
    earlier, tree = _earlier(fit)
    wanted, origins = _asked(asked, run)
    watched = watch(log, asked.previous)
    known = renewing(tree, log, wanted)
    sampled = sampling_like(tree, sampling, asked.method)
    told = _told(known, wanted, sampled)
    there = _there(folder, str(known.until.date()))
    if there is not None:
        if there.folder == (earlier and earlier.folder):
            told["earlier fit"] = there.asked.get("earlier fit")  # it was refitted from the one before
        require_same(there, told)
        return RefitFolder(there.folder, tuple(there.files), None, None)
    if wanted.decision is not None and wanted.previous is None and earlier is not None:
        wanted, origins = _with_scores_of(earlier, wanted, origins)
    done = renew(known, wanted, sampled)
    watched.require_unchanged()
    report = stored_report(done.fit)
    if not {each.name for each in report.failed} <= set(wanted.accept_failed):
        return RefitFolder(folder, (_kept(done.fit, folder, str(known.until.date())),), done, report)
    files = write_refit(done, folder, asked=told, decision=wanted.decision, read=origins)
    return RefitFolder(files[-1].parent, tuple(files), done, report)


def _folder(fit: str | Path, out: str | Path | None) -> Path:
    if out is None and not os.path.isdir(fit):
        raise StoreError("name the folder of refreshes: --out refreshes")
    folder = require_folder_name(fit if out is None else out, what="refreshes")
    require_folder(folder)
    return folder


def _earlier(fit: str | Path) -> "tuple[Refreshed | None, xr.DataTree]":
    """Return the latest refresh of a folder and its fit; or the fit of a file."""
    from bayesltv.fitting.store import load
    from bayesltv.refresh.history import latest

    if not os.path.isdir(fit):
        return None, load(fit)
    found = latest(fit)
    return found, found.fit()


def _asked(asked: RefitOptions, run: Run) -> "tuple[RefitAsked, dict[str, Any]]":
    """Return what is asked, its files read, and what a manifest says of them."""
    from bayesltv.refresh.refit import RefitAsked
    from bayesltv.report.files.crm import read_export
    from bayesltv.specs.catalogue import load_decision

    decision = None if asked.decision is None else load_decision(asked.decision)
    previous, origins = None, {}
    if asked.previous is not None:
        previous, origin = read_export(asked.previous)
        origins["previous"] = origin.told()
    return RefitAsked(
        asked.summarizing, decision, previous, asked.draws, asked.tolerance, asked.accept_failed, run.threads
    ), origins


def _with_scores_of(
    earlier: "Refreshed", wanted: "RefitAsked", origins: dict[str, Any]
) -> "tuple[RefitAsked, dict[str, Any]]":
    """Return what is asked with the scores of an earlier refresh, where it made them by the same decision."""
    from bayesltv.refresh.history import SCORES
    from bayesltv.report.files.crm import read_export

    assert wanted.decision is not None
    if earlier.asked.get("decision") != wanted.decision.hash():
        return wanted, origins
    previous, origin = read_export(earlier.folder / SCORES)
    return replace(wanted, previous=previous), {**origins, "previous": origin.told()}


def _told(known: "Renewing", wanted: "RefitAsked", sampled: Sampling) -> dict[str, Any]:
    """Return what a refresh is made from, in JSON's types."""
    return {
        "earlier fit": str(known.fit.attrs.get("digest", "")),
        "log": str(known.summary.attrs[FINGERPRINT]),
        "decision": None if wanted.decision is None else wanted.decision.hash(),
        "seed": sampled.seed,
        "method": sampled.method,
        "sampler": json.loads(json.dumps(dict(sampled.overrides))),
        "draws": wanted.draws,
        "tolerance": wanted.tolerance,
    }


def _there(folder: Path, day: str) -> "Refreshed | None":
    """Return the refresh of a day, if there is one."""
    from bayesltv.refresh.history import refreshes

    return next((each for each in refreshes(folder) if each.folder.name == day), None)


def _kept(fit: "xr.DataTree", folder: Path, day: str) -> Path:
    """Write a fit that failed its checks beside the refreshes, and return where."""
    from bayesltv.fitting.store import save

    folder.mkdir(parents=True, exist_ok=True)
    return save(fit, folder / f"{day}.failed.nc")
