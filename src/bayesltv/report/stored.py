"""What earlier commands wrote, read back for a report: scores and plans, with what their manifests say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.data.csv_table import read_csv_table, with_numbers
from bayesltv.decisions.plan import ALWAYS, SOMETIMES
from bayesltv.errors import DataError, StoreError
from bayesltv.names import CURRENCY, CUSTOMER_ID, FINGERPRINT, FREQUENCY, GROUP, TIME_UNIT
from bayesltv.prediction.score import ScoreTable
from bayesltv.prediction.totals import QUANTITIES
from bayesltv.report.crm import MANIFEST
from bayesltv.report.export import is_folder, score_files, unescaped

OF_FOLDER = ("_manifest.json", "_totals.nc")
"""Manifest and totals of a folder of scores."""
_SHOWN = (CUSTOMER_ID, FREQUENCY, "tier", "p_alive", "expected_purchases")
_SHOWN_PREFIXES = ("ltv_", "p_tier_")
_SAME = ("spec_hash", "seed", TIME_UNIT, FINGERPRINT)
"""What a manifest says of a fit by which it is known again."""
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class StoredPlan:
    """A plan as ``bayesltv decide`` left it in a folder; no customers.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        As ``Plan.tables`` has them.
    pictures : mapping of str to bytes
        PNG, by name.
    attrs : mapping
        Those of the plan.
    """

    tables: Mapping[str, pd.DataFrame]
    pictures: Mapping[str, bytes]
    attrs: Mapping[str, Any]


def read_scores(path: str | Path, fit: xr.DataTree) -> ScoreTable:
    """Return a score table on disk as ``score`` returned it: the columns that a report shows, and totals.

    Parameters
    ----------
    path : path
        .parquet, .csv or folder; manifest and totals beside or in it.
    fit : DataTree
        From which the scores must be.

    Raises
    ------
    StoreError
        Where a file is missing or cannot be read, or the scores are another fit's.
    """
    if is_folder(path):
        manifest, totals = (Path(path) / name for name in OF_FOLDER)
    else:
        files = score_files(path)
        manifest, totals = files.manifest, files.totals
    told = _read_manifest(manifest, fit, f"scores {path}")
    try:
        table = ScoreTable(_read_columns(Path(path)))
        table.totals = _read_totals(totals, tiers=_tiers_of(table))
    except (OSError, ValueError, KeyError, DataError) as error:
        raise StoreError(f"cannot read the scores {path}: {error}. Score again") from error
    value = told["decision"]["value"]
    table.attrs = {
        "as_of_date": told.get("as_of_date") or told.get("found", {}).get("observation_end"),
        "horizon": value["horizon"],
        "value_basis": value["basis"],
        CURRENCY: value.get(CURRENCY) or fit.attrs.get(CURRENCY) or None,
        "seed": told["seed"],
        "draws": told["draws"],
        "accepted_failed_checks": told.get("accepted_failed_checks", []),
    }
    return table


def read_plan(folder: str | Path, fit: xr.DataTree) -> StoredPlan:
    """Return the tables and figures of a plan's folder.

    Parameters
    ----------
    folder : path
    fit : DataTree
        From which the plan must be.

    Raises
    ------
    StoreError
        Where the folder holds no whole plan, a file cannot be read, or the plan is another fit's.
    """
    where = Path(folder)
    told = _read_manifest(where / MANIFEST, fit, f"the plan in {where}")
    listed = told.get("sha256", {})
    try:
        tables = {
            name: with_numbers(unescaped(read_csv_table(where / f"{name}.csv")))
            for name in (*ALWAYS, *SOMETIMES)
            if f"{name}.csv" in listed
        }
        found = {path.stem: path.read_bytes() for path in sorted((where / "figures").glob("*.png"))}
    except (OSError, ValueError, DataError) as error:
        raise StoreError(f"cannot read the plan in {where}: {error}. Decide again") from error
    ours = {
        name: content
        for name, content in found.items()
        if name.startswith(("plan_", "test_value_")) and content.startswith(_PNG)
    }
    return StoredPlan(tables, ours, told.get("plan", {}))


def _read_manifest(path: Path, fit: xr.DataTree, what: str) -> dict[str, Any]:
    """Return a manifest, having seen that it speaks of this fit."""
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        theirs = {name: told["fit"].get(name) for name in _SAME}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{what} cannot be used: its manifest {path} is missing or damaged. Name what `bayesltv` wrote, "
            "and leave its files side by side"
        ) from error
    for name, value in theirs.items():
        mine = fit.attrs.get(name)
        if value is not None and mine is not None and str(value) != str(mine):
            raise StoreError(
                f"{what} is not from this fit: its {name} is {value}, the fit's {mine}. Name the fit that it "
                "was made with, or make it again"
            )
    return told


def _read_columns(path: Path) -> pd.DataFrame:
    if path.suffix.lower() == ".csv":
        return unescaped(read_csv_table(path, texts={CUSTOMER_ID: "str", "tier": "str"}, wanted=_is_shown))
    import pyarrow.dataset as ds

    stored = ds.dataset(path, format="parquet")  # leaves out what begins with an underscore
    names = [name for name in stored.schema.names if _is_shown(name)]
    frame: pd.DataFrame = stored.to_table(names).to_pandas()
    return frame


def _is_shown(name: str) -> bool:
    return name in _SHOWN or name.startswith(_SHOWN_PREFIXES)


def _tiers_of(table: pd.DataFrame) -> list[str]:
    """Return the tiers of a score table, low to high; "all" where it has none."""
    prefix = "p_tier_"
    found = [str(name).removeprefix(prefix) for name in table.columns if str(name).startswith(prefix)]
    return found or ["all"]


def _read_totals(path: Path, *, tiers: Sequence[str]) -> xr.Dataset:
    """Return totals as `score` has them, from a table of rows or from netCDF."""
    if path.suffix == ".nc":
        with xr.open_dataset(path, engine="h5netcdf") as stored:
            return stored.load()
    flat = pd.read_parquet(path)
    order = {GROUP: list(dict.fromkeys(flat[GROUP])), "tier": list(tiers)}
    wide = flat.set_index([GROUP, "tier", "draw"]).to_xarray().reindex(order).fillna(0)
    customers = wide["customers"].max("draw").astype("int64")
    sums = wide[[name for name in QUANTITIES if name in wide]].drop_vars("draw")
    return sums.assign(customers=customers).transpose(GROUP, "tier", "draw")
