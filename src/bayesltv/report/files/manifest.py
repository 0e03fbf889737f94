"""The manifest of a run: all that is needed to make the same scores again, and no customer ids."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.decisions.plan import Plan
from bayesltv.machine import processor, versions
from bayesltv.names import COMMON_SHOCKS, FINGERPRINT, OBSERVATION_END, TIME_UNIT
from bayesltv.prediction.scores.score import ScoreTable
from bayesltv.specs.decision.decision_spec import DecisionSpec

_OF_FIT = ("spec_hash", "seed", "customers", TIME_UNIT, OBSERVATION_END, FINGERPRINT)
_OF_SUMMARY = (TIME_UNIT, OBSERVATION_END, FINGERPRINT)
_OF_SCORES = ("decision_hash", "as_of_date", "seed", "draws", "accepted_failed_checks", COMMON_SHOCKS)


def provenance_of(
    fit: xr.DataTree,
    summary: pd.DataFrame,
    decision: DecisionSpec,
    scores: ScoreTable | Plan,
    *,
    fit_sha256: str,
    unknown_groups: str,
    read: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what is needed to make the same scores again, in JSON's types and without customer ids.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame
    decision : DecisionSpec
    scores : ScoreTable or Plan
    fit_sha256 : str
        Of the bytes that the fit was read from.
    unknown_groups : str
    read : mapping, optional
        What else was read, by its option: files with the SHA-256 of the bytes that were used, and whether a
        manifest beside them was found to fit.
    """
    more = {} if read is None else {"read": dict(read)}
    known, machine = made_with(fit, summary, fit_sha256=fit_sha256), ("versions", "processor")
    return {
        **{name: value for name, value in known.items() if name not in machine},
        "decision": decision.to_dict(),
        **{name: scores.attrs[name] for name in _OF_SCORES},
        "unknown_groups": unknown_groups,
        **{name: True for name in ("without_first_amounts",) if scores.attrs.get(name)},
        **{name: known[name] for name in machine},
        **more,
    }


def made_with(fit: xr.DataTree, summary: pd.DataFrame, *, fit_sha256: str) -> dict[str, Any]:
    """Return which fit, customers, versions and processor something was made with, in JSON's types."""
    return {
        "fit": {"sha256": fit_sha256, **told_of_fit(fit)},
        "summary": {"customers": len(summary), **{name: summary.attrs.get(name) for name in _OF_SUMMARY}},
        "versions": versions(),
        "processor": processor(),
    }


def told_of_fit(fit: xr.DataTree) -> dict[str, Any]:
    """Return what a fit says about itself, as far as it does."""
    told: dict[str, Any] = {name: _plain(fit.attrs[name]) for name in _OF_FIT if name in fit.attrs}
    return {**told, "versions": json.loads(fit.attrs.get("versions", "{}"))}


def model_version(fit: xr.DataTree, fit_sha256: str) -> str:
    """Return what tells scores of one model from another's in a table: its spec and its fit."""
    return f"{str(fit.attrs.get('spec_hash', ''))[:12]}-{fit_sha256[:12]}"


def digest_of(posterior: xr.Dataset) -> str:
    """Return the SHA-256 of the variables of a posterior by name, whatever file they were in."""
    digest = sha256()
    for name in sorted(str(each) for each in posterior.variables):
        values = posterior[name].values
        digest.update(f"{name} {values.shape} ".encode())
        texts = values.dtype.kind not in "biuf"
        digest.update(json.dumps(values.tolist()).encode() if texts else values.astype(float).tobytes())
    return digest.hexdigest()


def _plain(value: object) -> str | int:
    """Return an attribute as JSON has it: netCDF gives numbers back as NumPy's."""
    return value if isinstance(value, str) else int(value)  # type: ignore[call-overload]
