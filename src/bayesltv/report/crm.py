"""A plan on disk: one flat row per customer that a CRM loads, the tables behind it, and a manifest."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayesltv.decisions.plan import Plan
from bayesltv.errors import DataError, StoreError
from bayesltv.files import make_folder, replacing
from bayesltv.names import (
    CURRENCY,
    CUSTOMER_ID,
    FIRST_PURCHASE,
    FREQUENCY,
    LAST_PURCHASE,
    VALUE_TO_DATE,
)
from bayesltv.report.export import FORMAT, safe_for_spreadsheets
from bayesltv.units import horizon_in

CRM_TYPES = {
    CUSTOMER_ID: "text",
    "as_of_date": "date",
    "fit_age_days": "number",
    "model_version": "text",
    CURRENCY: "text",
    "horizon_days": "number",
    "value_basis": "text",
    FIRST_PURCHASE: "date",
    FREQUENCY: "count",
    "days_since_last_purchase": "number",
    VALUE_TO_DATE: "number",
    **dict.fromkeys(("ltv_mean", "ltv_p05", "ltv_p50", "ltv_p95"), "number"),
    **dict.fromkeys(("p_alive", "p_purchase_30d", "p_purchase_90d", "p_purchase_horizon"), "number"),
    **dict.fromkeys(("expected_purchases", "expected_spend_per_purchase"), "number"),
    "next_purchase_days_p50": "number",
    **dict.fromkeys(("tier", "tier_previous"), "text"),
    "tier_error_cost": "number",
    "stage": "text",
    "value_at_risk": "number",
    "recommended_action": "text",
    **dict.fromkeys(("action_net_mean", "action_net_p05", "action_net_p95", "p_action_pays"), "number"),
    **dict.fromkeys(("action_cost_mean", "action_subsidy_mean"), "number"),
    **dict.fromkeys(("effect_source", "assignment"), "text"),
    "propensity": "number",
}
"""Columns of the export in their order with their types; group columns follow ``value_basis``,
``p_tier_<name>`` the tiers and ``p_stage_<name>`` the stage. None holds personal data but the id."""
TABLES = ("actions", "effects", "policies", "budget_curve")
MANIFEST = "plan.manifest.json"


@dataclass(frozen=True)
class PlanFiles:
    """Where a plan goes.

    Attributes
    ----------
    folder : Path
    parquet, csv : Path
        The export: one row per customer.
    tables : tuple of Path
        actions, effects, policies and budget_curve, as CSV.
    manifest : Path
        Written last: where it is, the others are complete.
    """

    folder: Path
    parquet: Path
    csv: Path
    tables: tuple[Path, ...]
    manifest: Path

    @property
    def all(self) -> tuple[Path, ...]:
        """All paths, the manifest last."""
        return self.parquet, self.csv, *self.tables, self.manifest


def plan_files(folder: str | Path, *, extra: Sequence[str] = ()) -> PlanFiles:
    """Return the files of a plan in a folder, which is made where it is not there.

    `extra` names further tables of the plan: "test_plans", "acquisition", "next_unit".

    Raises
    ------
    StoreError
        Where it cannot be made.
    """
    where = make_folder(folder)
    tables = tuple(where / f"{name}.csv" for name in (*TABLES, *extra))
    return PlanFiles(where, where / "customers.parquet", where / "customers.csv", tables, where / MANIFEST)


def crm_table(plan: Plan) -> pd.DataFrame:
    """Return the export: one flat row per customer with stable columns and types, no personal data.

    Text is text or missing, dates are days, counts are whole numbers, everything else is a 64-bit float;
    ``next_purchase_days_p50`` is missing where the customer more likely than not never buys again, what
    belongs to an action where none is recommended.
    """
    known, told = plan.customers, plan.attrs
    given = pd.DataFrame(known).copy()
    given["as_of_date"] = pd.Timestamp(told["as_of_date"]) if told["as_of_date"] else pd.NaT
    given["model_version"] = str(told["spec_hash"] or "")[:12]
    given[CURRENCY] = told["currency"]
    given["horizon_days"] = horizon_in(told["horizon"], "day")
    given["value_basis"] = told["value_basis"]
    if LAST_PURCHASE in given:
        given["days_since_last_purchase"] = (given["as_of_date"] - given[LAST_PURCHASE]).dt.days
    columns: dict[str, Any] = {}
    for name, kind in CRM_TYPES.items():
        columns[name] = _typed(given[name] if name in given else pd.Series(pd.NA, index=given.index), kind)
        if name == "value_basis":
            columns |= {group: _typed(given[group], "text") for group in told.get("groups", ())}
        if name in ("tier_previous", "stage"):
            prefix = "p_tier_" if name == "tier_previous" else "p_stage_"
            columns |= {
                each: _typed(given[each], "number") for each in given.columns if str(each).startswith(prefix)
            }
    return pd.DataFrame(columns)


def write_plan(plan: Plan, files: PlanFiles, *, provenance: Mapping[str, Any]) -> PlanFiles:
    """Write the export as Parquet and CSV, the tables and a manifest; earlier files stay until all are whole.

    The CSV has a mark that tells spreadsheets that it is UTF-8, and texts that a spreadsheet would run as a
    formula get an apostrophe.

    Raises
    ------
    StoreError
        Where a file cannot be written.
    """
    export = crm_table(plan)
    with replacing(*files.all) as (parquet, csv, *tables, manifest):
        export.to_parquet(parquet, index=False)
        _write_csv(export, csv)
        for target, part in zip(files.tables, tables, strict=True):
            _write_csv(getattr(plan, target.stem), part)
        parts = dict(zip(files.all, (parquet, csv, *tables), strict=False))
        written = {target.name: sha256(part.read_bytes()).hexdigest() for target, part in parts.items()}
        told = {name: _plain(value) for name, value in plan.attrs.items()}
        text = json.dumps(
            {"format": FORMAT, **provenance, "plan": told, "rows": len(export), "sha256": written},
            indent=2,
            allow_nan=False,
        )
        manifest.write_text(text + "\n", encoding="utf-8")
    return files


def read_columns(path: str | Path, column: str) -> dict[str, str]:
    """Return customer id -> text of a column, of a CSV or Parquet file; rows without one are left out.

    Raises
    ------
    DataError
        Where the file has not both columns.
    StoreError
        Where it cannot be read.
    """
    try:
        is_csv = Path(path).suffix.lower() == ".csv"
        table = pd.read_csv(path, dtype=str, encoding="utf-8-sig") if is_csv else pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot read {path}: {error}") from error
    absent = [name for name in (CUSTOMER_ID, column) if name not in table]
    if absent:
        raise DataError(f"{path} lacks the column {absent[0]!r}: it needs {CUSTOMER_ID} and {column}")
    known = table.loc[table[column].notna(), [CUSTOMER_ID, column]].astype(str)
    return dict(zip(known[CUSTOMER_ID], known[column], strict=True))


def _typed(values: "pd.Series[Any]", kind: str) -> Any:  # noqa: ANN401
    if kind == "text":
        return values.astype("str").where(values.notna(), None).astype("str")
    if kind == "date":
        return pd.to_datetime(values).dt.normalize().astype("datetime64[us]")
    if kind == "count":
        return values.astype("Int64")
    return pd.to_numeric(values, errors="coerce").astype("float64")


def _write_csv(table: pd.DataFrame, part: Path) -> None:
    safe_for_spreadsheets(table).to_csv(part, index=False, encoding="utf-8-sig", date_format="%Y-%m-%d")


def _plain(value: object) -> Any:  # noqa: ANN401
    """Return a value in JSON's types; what is not finite becomes null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
