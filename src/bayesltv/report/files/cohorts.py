"""Cohorts on disk: tables as CSV, figures, and a manifest that comes last."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from bayesltv.cohorts.result import Cohorts
from bayesltv.report.files.folder import is_ours, write_sealed_folder
from bayesltv.report.files.sealed import in_json

MANIFEST = "cohorts.manifest.json"
TABLES = ("cohorts", "cohorts_ltv", "curves", "payback", "best")
_is_ours = partial(is_ours, files={MANIFEST, *(f"{name}.csv" for name in TABLES)}, pictures="cohorts_")
"""Whether cohorts write a file of this name: others in the folder are left alone."""


def cohort_tables(found: Cohorts) -> dict[str, pd.DataFrame]:
    """Return the tables of cohorts by the name of their file."""
    tables = {"cohorts": found.table, "curves": found.curves, "payback": found.payback, "best": found.best}
    if found.ltv in set(found.table["quantity"]):
        tables["cohorts_ltv"] = found.wide()
    return {name: tables[name] for name in TABLES if tables.get(name) is not None}  # type: ignore[misc]


def write_cohorts(
    found: Cohorts,
    folder: str | Path,
    *,
    provenance: Mapping[str, Any],
    figures: Mapping[str, Callable[[], Any]],
) -> list[Path]:
    """Write tables, figures and a manifest into a folder, all of them or none; return their paths.

    Parameters
    ----------
    found : Cohorts
    folder : path
        Made where it is not there; what an earlier run wrote there goes.
    provenance : mapping
        What the manifest says beside the cohorts' own attributes, in JSON's types.
    figures : mapping
        Name -> what draws it.

    Raises
    ------
    StoreError
        Where a file cannot be written.
    """
    told = {**provenance, "cohorts": in_json(found.attrs)}
    return write_sealed_folder(
        folder, marker=MANIFEST, known=_is_ours, told=told, tables=cohort_tables(found), figures=figures
    )
