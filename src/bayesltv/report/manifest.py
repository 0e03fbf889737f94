"""The manifest of a run: all that is needed to make the same scores again, and no customer ids."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.names import FINGERPRINT, OBSERVATION_END, TIME_UNIT
from bayesltv.prediction.score import ScoreTable
from bayesltv.provenance import processor, versions
from bayesltv.spec.decision_spec import DecisionSpec

_OF_FIT = ("spec_hash", "seed", "customers", TIME_UNIT, OBSERVATION_END, FINGERPRINT)
_OF_SUMMARY = (TIME_UNIT, OBSERVATION_END, FINGERPRINT)
_OF_SCORES = ("decision_hash", "as_of_date", "seed", "draws", "accepted_failed_checks")


def provenance_of(
    fit: xr.DataTree,
    summary: pd.DataFrame,
    decision: DecisionSpec,
    scores: ScoreTable,
    *,
    fit_file: str | Path,
    unknown_groups: str,
) -> dict[str, Any]:
    """Return what is needed to make the same scores again, in JSON's types and without customer ids."""
    return {
        "fit": {
            "sha256": sha256(Path(fit_file).read_bytes()).hexdigest(),
            **{name: _plain(fit.attrs[name]) for name in _OF_FIT},
            "versions": json.loads(fit.attrs["versions"]),
        },
        "summary": {
            "customers": len(summary),
            **{name: summary.attrs.get(name) for name in _OF_SUMMARY},
        },
        "decision": decision.to_dict(),
        **{name: scores.attrs[name] for name in _OF_SCORES},
        "unknown_groups": unknown_groups,
        "versions": versions(),
        "processor": processor(),
    }


def _plain(value: object) -> str | int:
    """Return an attribute as JSON has it: netCDF gives numbers back as NumPy's."""
    return value if isinstance(value, str) else int(value)  # type: ignore[call-overload]
