"""What earlier commands wrote, read back for a report: scores and plans, with what their manifests say."""

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import xarray as xr

from bayesltv.arrivals.result import Forecast
from bayesltv.base.gate import told_of_totals
from bayesltv.cohorts.result import Cohorts
from bayesltv.data.csv_table import read_csv_table, with_numbers
from bayesltv.decisions.plan import ALWAYS, SOMETIMES
from bayesltv.errors import DataError, StoreError
from bayesltv.held import Held
from bayesltv.names import COMMON_SHOCKS, CURRENCY, FINGERPRINT, GROUP, GROUPS, TIME_UNIT
from bayesltv.numerics.levels import LEVELS
from bayesltv.prediction.scores.score import ScoreTable
from bayesltv.prediction.scores.score_columns import SCORE_COLUMNS, score_column, tiers_among
from bayesltv.prediction.totals import QUANTITIES
from bayesltv.report.files.cohorts import MANIFEST as COHORTS_MANIFEST
from bayesltv.report.files.cohorts import TABLES as COHORT_TABLES
from bayesltv.report.files.crm import EXPORT
from bayesltv.report.files.export import ScoreFiles, is_folder, score_files, unescaped
from bayesltv.report.files.folder import FIGURES
from bayesltv.report.files.forecast import MANIFEST as FORECAST_MANIFEST
from bayesltv.report.files.forecast import TABLES as FORECAST_TABLES
from bayesltv.report.files.sealed import read_sealed
from bayesltv.report.files.verified import (
    FOLDER_MANIFEST,
    FOLDER_TOTALS,
    PLAN_MANIFEST,
    checksums,
    held_parts,
    require_finished,
    verified,
)

_SAME = ("spec_hash", "seed", TIME_UNIT, FINGERPRINT)
"""What a manifest says of a fit by which it is known again."""
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class StoredPlan:
    """A plan as ``bayesltv decide`` left it in a folder.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        As ``Plan.tables`` has them.
    pictures : mapping of str to bytes
        PNG, by name.
    attrs : mapping
        Those of the plan.
    customers : DataFrame
        Its export: one row per customer.
    """

    tables: Mapping[str, pd.DataFrame]
    pictures: Mapping[str, bytes]
    attrs: Mapping[str, Any]
    customers: pd.DataFrame


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
    told, listed, files = _scores_manifest(Path(path), fit)
    try:
        table = ScoreTable(_read_columns(Path(path), groups_of(fit), listed, files))
        cure = "Score again"
        with verified(files.totals, _checksum(listed, files.totals, files.manifest), cure=cure) as totals:
            table.totals = _read_totals(totals, tiers=_tiers_of(table))
    except (OSError, ValueError, KeyError, DataError) as error:
        raise StoreError(
            f"cannot read the scores {path}: {{quoted}}. Score again", quoted=str(error)
        ) from error
    value = told["decision"]["value"]
    table.attrs = {
        "as_of_date": told.get("as_of_date") or told.get("found", {}).get("observation_end"),
        "horizon": value["horizon"],
        "value_basis": value["basis"],
        CURRENCY: value.get(CURRENCY) or fit.attrs.get(CURRENCY) or None,
        "seed": told["seed"],
        "draws": told["draws"],
        "accepted_failed_checks": told.get("accepted_failed_checks", []),
        COMMON_SHOCKS: told_of_totals(fit),
    }
    return table


def groups_of(fit: xr.DataTree) -> list[str]:
    """Return the group columns of a fit, as its spec has them."""
    groups: list[str] = json.loads(fit.attrs["spec"]).get("model", {}).get(GROUPS, [])
    return groups


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
    where, cure = Path(folder), "Decide again"
    told = _read_manifest(where / PLAN_MANIFEST, fit, f"the plan in {where}")
    listed = checksums(told, where / PLAN_MANIFEST, cure=cure)
    tables, found, customers = {}, {}, pd.DataFrame()
    for place, sha256 in listed.items():
        with verified(where / place, sha256, cure=cure) as file:
            name = Path(place).stem
            if place == EXPORT[0]:
                customers = pd.read_parquet(file.from_start())
            if place in [f"{table}.csv" for table in (*ALWAYS, *SOMETIMES)]:
                tables[name] = with_numbers(unescaped(read_csv_table(file)))
            elif place == f"{FIGURES}/{name}.png":
                found[name] = file.from_start().read()
    tables = {name: tables[name] for name in (*ALWAYS, *SOMETIMES) if name in tables}
    ours = {
        name: content
        for name, content in found.items()
        if name.startswith(("plan_", "test_value_")) and content.startswith(_PNG)
    }
    return StoredPlan(tables, ours, told.get("plan", {}), customers)


def read_cohorts(folder: str | Path, fit: xr.DataTree) -> Cohorts:
    """Return the tables of cohorts in a folder, without draws.

    Parameters
    ----------
    folder : path
        What ``bayesltv cohorts`` wrote.
    fit : DataTree
        From which the cohorts must be.

    Raises
    ------
    StoreError
        Where the folder holds no whole cohorts, a file cannot be read, or they are another fit's.
    """
    where, cure = Path(folder), "Make the cohorts again"
    told = _read_manifest(where / COHORTS_MANIFEST, fit, f"the cohorts in {where}")
    listed = checksums(told, where / COHORTS_MANIFEST, cure=cure)
    attrs, found = told.get("cohorts", {}), {}
    for name in COHORT_TABLES:
        if f"{name}.csv" in listed:
            with verified(where / f"{name}.csv", listed[f"{name}.csv"], cure=cure) as file:
                found[name] = _cohort_table(read_csv_table(file), attrs.get("by", ()))
    try:
        tables = found["cohorts"], found["curves"], found.get("payback"), found.get("best")
    except KeyError as error:
        raise StoreError(f"{where} lacks the table {error.args[0]}. {cure}") from error
    return Cohorts(*tables, draws=xr.Dataset(), attrs=attrs)


def read_forecast(folder: str | Path, fit: xr.DataTree) -> Forecast:
    """Return the table of a forecast in a folder, without draws.

    Parameters
    ----------
    folder : path
        What ``bayesltv forecast`` wrote.
    fit : DataTree
        From which the forecast must be.

    Raises
    ------
    StoreError
        Where the folder holds no whole forecast, a file cannot be read, or it is another fit's.
    """
    where, name, cure = Path(folder), f"{FORECAST_TABLES[0]}.csv", "Forecast again"
    told = _read_manifest(where / FORECAST_MANIFEST, fit, f"the forecast in {where}")
    listed = checksums(told, where / FORECAST_MANIFEST, cure=cure)
    if name not in listed:
        raise StoreError(f"{where} lacks the table {name}. {cure}")
    with verified(where / name, listed[name], cure=cure) as file:
        plain = unescaped(read_csv_table(file))
    return Forecast(_with_numbers(plain, ["mean", *LEVELS]), xr.Dataset(), None, told.get("forecast", {}))


def _with_numbers(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    numbers = with_numbers(table[list(columns)])
    return table.assign(**{str(name): numbers[name] for name in numbers})


def _cohort_table(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return a table of cohorts as it was before it became texts; labels stay text."""
    plain = unescaped(table)
    made = _with_numbers(plain, [str(name) for name in plain if name not in by])
    days = [name for name in made if str(name).startswith("payback_date")]
    made = made.assign(**{str(name): pd.to_datetime(made[name]).astype("datetime64[us]") for name in days})
    return made.assign(is_small=made["is_small"] == "True") if "is_small" in made else made


def _scores_manifest(path: Path, fit: xr.DataTree) -> tuple[dict[str, Any], dict[str, str], ScoreFiles]:
    """Return what the manifest of scores says, the checksums it lists, and where its files are."""
    cure = "Score again"
    if is_folder(path):
        files = ScoreFiles(path, path / FOLDER_TOTALS, path / FOLDER_MANIFEST)
        if os.path.isdir(path):
            require_finished(path, cure=cure)
    else:
        files = score_files(path)
    told = _read_manifest(files.manifest, fit, f"scores {path}")
    return told, checksums(told, files.manifest, cure=cure), files


def _checksum(listed: Mapping[str, str], path: Path, manifest: Path) -> str:
    if path.name not in listed:
        raise StoreError(
            f"{manifest} does not speak of {path.name}: it is of other scores, written later. Score again"
        )
    return listed[path.name]


def _read_manifest(path: Path, fit: xr.DataTree, what: str) -> dict[str, Any]:
    """Return a manifest, having seen that it is whole and speaks of this fit."""
    cure = "Name what `bayesltv` wrote, and leave its files side by side; or make it again"
    told = read_sealed(path, cure=f"{what[0].upper()}{what[1:]} cannot be used without it. {cure}")
    try:
        theirs = {name: told["fit"].get(name) for name in _SAME}
    except (KeyError, AttributeError) as error:
        raise StoreError(f"{what} cannot be used: {path} does not name a fit. {cure}") from error
    for name, value in theirs.items():
        mine = fit.attrs.get(name)
        if value is not None and mine is not None and str(value) != str(mine):
            raise StoreError(
                f"{what} is not from this fit: its {name} is {value}, the fit's {mine}. Name the fit that it "
                "was made with, or make it again"
            )
    return told


def _read_columns(
    path: Path, groups: Sequence[str], listed: Mapping[str, str], files: ScoreFiles
) -> pd.DataFrame:
    """Return the columns that a report shows, of bytes that the manifest tells of."""
    if not os.path.isdir(path):
        with verified(path, _checksum(listed, path, files.manifest), cure="Score again") as file:
            is_csv = path.suffix.lower() == ".csv"
            return _shown_of_csv(file, groups) if is_csv else pd.DataFrame(_shown(file, groups).to_pandas())
    tables = [_shown(part, groups) for part, _ in held_parts(path)]
    return pd.DataFrame(pa.concat_tables(tables, promote_options="default").to_pandas())


def _shown_of_csv(file: Held, groups: Sequence[str]) -> pd.DataFrame:
    def wanted(name: str) -> bool:
        return name in groups or _is_shown(name)

    texts = [column.name for column in SCORE_COLUMNS if column.kind == "text" and column.prefix is None]
    return unescaped(read_csv_table(file, texts=dict.fromkeys((*texts, *groups), "str"), wanted=wanted))


def _shown(file: Held, groups: Sequence[str]) -> pa.Table:
    import pyarrow.parquet as pq

    names = pq.read_schema(file.from_start()).names
    chosen = [name for name in names if name in groups or _is_shown(name)]
    return pq.read_table(file.from_start(), columns=chosen)


def _is_shown(name: str) -> bool:
    column = score_column(name)
    return column is not None and column.is_shown


def _tiers_of(table: pd.DataFrame) -> list[str]:
    """Return the tiers of a score table, low to high; "all" where it has none."""
    return tiers_among(table.columns) or ["all"]


def _read_totals(source: Held, *, tiers: Sequence[str]) -> xr.Dataset:
    """Return totals as `score` has them, from a table of rows or from netCDF."""
    if source.path.suffix == ".nc":
        with xr.open_dataset(io.BytesIO(source.from_start().read()), engine="h5netcdf") as stored:
            return stored.load()
    flat = pd.read_parquet(source.from_start())
    order = {GROUP: list(dict.fromkeys(flat[GROUP])), "tier": list(tiers)}
    wide = flat.set_index([GROUP, "tier", "draw"]).to_xarray().reindex(order).fillna(0)
    customers = wide["customers"].max("draw").astype("int64")
    sums = wide[[name for name in QUANTITIES if name in wide]].drop_vars("draw")
    return sums.assign(customers=customers).transpose(GROUP, "tier", "draw")
