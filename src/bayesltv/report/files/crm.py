"""A plan on disk: one flat row per customer that a CRM loads, the tables behind it, and a manifest."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from bayesltv import names
from bayesltv.data.csv_table import read_csv_table
from bayesltv.data.ids import id_texts, whole_ids
from bayesltv.data.log.sources import CSV_SUFFIXES
from bayesltv.decisions.plan import ALWAYS, SOMETIMES, Plan
from bayesltv.errors import DataError, StoreError
from bayesltv.held import Held
from bayesltv.prediction.scores.score_columns import TIER_PREFIX, kinds_of
from bayesltv.report.files.export import unescaped, write_csv
from bayesltv.report.files.folder import is_ours, write_sealed_folder
from bayesltv.report.files.sealed import in_json
from bayesltv.report.files.verified import PLAN_MANIFEST as MANIFEST
from bayesltv.report.files.verified import Origin, held_parts, held_table
from bayesltv.units import horizon_in

CRM_TYPES: dict[str, str] = {
    **kinds_of(names.CUSTOMER_ID),
    **kinds_of(names.AS_OF_DATE, "fit_age_days", names.MODEL_VERSION),
    names.CURRENCY: "text",
    "horizon_days": "number",
    "value_basis": "text",
    **kinds_of(names.FIRST_PURCHASE, names.FREQUENCY),
    "days_since_last_purchase": "number",
    **kinds_of(names.VALUE_TO_DATE, "ltv_mean", "ltv_p05", "ltv_p50", "ltv_p95"),
    **dict.fromkeys((names.REFERRAL_VALUE, names.LTV_WITH_REFERRAL), "number"),
    **kinds_of("p_alive", "p_purchase_30d", "p_purchase_90d", "p_purchase_horizon"),
    **kinds_of("expected_purchases", "expected_spend_per_purchase", "next_purchase_days_p50", "tier"),
    "tier_previous": "text",
    **dict.fromkeys(("tier_error_cost", "p_moves_up", "headroom"), "number"),
    "stage": "text",
    **dict.fromkeys(("p_drops_out", "p_no_purchase", "value_at_risk"), "number"),
    "recommended_action": "text",
    **dict.fromkeys(("action_net_mean", "action_net_p05", "action_net_p95", "p_action_pays"), "number"),
    **dict.fromkeys(("action_cost_mean", "action_subsidy_mean", "action_roi"), "number"),
    **dict.fromkeys(("effect_source", "assignment"), "text"),
    "propensity": "number",
    **dict.fromkeys(("reason", "runner_up"), "text"),
    "runner_up_net_mean": "number",
}
"""Columns of the export in their order with their types; group columns follow ``value_basis``,
``p_tier_<name>`` the tiers and ``p_stage_<name>`` the stage. None holds personal data but the id."""
EXPORT = ("customers.parquet", "customers.csv")
"""One row per customer, in both."""
_FILES = {*EXPORT, MANIFEST, *(f"{table}.csv" for table in (*ALWAYS, *SOMETIMES))}
_is_ours = partial(is_ours, files=_FILES, pictures=("plan_", "test_value_"))
"""Whether a plan writes a file of this name: others in the folder are left alone."""


def crm_table(plan: Plan) -> pd.DataFrame:
    """Return the export: one flat row per customer with stable columns and types, no personal data.

    Text is text or missing, dates are days, counts are whole numbers, everything else is a 64-bit float;
    ``next_purchase_days_p50`` is missing where the customer more likely than not does not buy again within a
    century, what belongs to an action where none is recommended. Where failed checks of the fit were
    accepted, the last column, ``accepted_failed``, names them in every row.
    """
    known, told = plan.customers, plan.attrs
    given = pd.DataFrame(known).copy()
    given[names.AS_OF_DATE] = pd.Timestamp(told["as_of_date"]) if told["as_of_date"] else pd.NaT
    given[names.MODEL_VERSION] = str(told["spec_hash"] or "")[:12]
    given[names.CURRENCY] = told["currency"]
    given["horizon_days"] = horizon_in(told["horizon"], "day")
    given["value_basis"] = told["value_basis"]
    if names.LAST_PURCHASE in given:
        given["days_since_last_purchase"] = (given["as_of_date"] - given[names.LAST_PURCHASE]).dt.days
    columns: dict[str, Any] = {}
    for name, kind in CRM_TYPES.items():
        columns[name] = _typed(given[name] if name in given else pd.Series(pd.NA, index=given.index), kind)
        if name == "value_basis":
            columns |= {group: _typed(given[group], "text") for group in told.get("groups", ())}
        if name in ("tier_previous", "stage"):
            prefix = TIER_PREFIX if name == "tier_previous" else "p_stage_"
            columns |= {
                each: _typed(given[each], "number") for each in given.columns if str(each).startswith(prefix)
            }
    if names.ACCEPTED_FAILED in given:
        columns[names.ACCEPTED_FAILED] = _typed(given[names.ACCEPTED_FAILED], "text")
    return pd.DataFrame(columns)


def write_plan(
    plan: Plan,
    folder: str | Path,
    *,
    provenance: Mapping[str, Any],
    figures: Mapping[str, Callable[[], Any]] | None = None,
) -> list[Path]:
    """Write the export as Parquet and CSV, the tables, figures and a manifest into a folder; return paths.

    The export comes first, the manifest last: where it is, the others are complete.

    All of it is made beside first: an earlier plan stays until the new one is whole, and what it had and the
    new one has not is removed. The CSV has a mark that tells spreadsheets that it is UTF-8, and texts that a
    spreadsheet would run as a formula get an apostrophe.

    Parameters
    ----------
    plan : Plan
    folder : path
        Made where it is not there.
    provenance : mapping
        What the manifest says beside the plan's own attributes, in JSON's types.
    figures : mapping, optional
        Name -> what draws it, for ``figures``.

    Raises
    ------
    StoreError
        Where a file cannot be written.
    """
    export = crm_table(plan)
    tables: dict[str, Callable[[Path], object]] = {
        EXPORT[0]: partial(export.to_parquet, index=False),
        EXPORT[1]: partial(write_csv, export),
    }
    told = {**provenance, "plan": in_json(plan.attrs), "rows": len(export)}
    written = write_sealed_folder(
        folder, marker=MANIFEST, known=_is_ours, told=told, tables=plan.tables, figures=figures or {},
        more=tables,
    )  # fmt: skip
    return sorted(written, key=lambda path: path.name not in EXPORT)


def read_export(path: str | Path) -> tuple[pd.DataFrame, Origin]:
    """Return an earlier export, or any table with customer_id and tier, and what is known of it.

    Parameters
    ----------
    path : path
        CSV or Parquet; or a folder: that of a plan, or of scores in parts.

    Raises
    ------
    DataError
        Where the file has not both columns.
    StoreError
        Where it cannot be read, or does not fit the manifest beside it.
    """
    texts = {name: "str" for name, kind in CRM_TYPES.items() if kind == "text"}
    table, origin = _read_table(Path(path), "tier", texts)
    return table.astype({"tier": "str"}), origin


def read_columns(path: str | Path, column: str) -> tuple[dict[str, str], Origin]:
    """Return customer id -> text of a column, and what is known of the file; rows without one are left out.

    Raises
    ------
    DataError
        Where the file has not both columns.
    StoreError
        Where it cannot be read, or does not fit the manifest beside it.
    """
    table, origin = _read_table(Path(path), column, "str")
    known = table.loc[table[column].notna(), [names.CUSTOMER_ID, column]].astype(str)
    return dict(zip(known[names.CUSTOMER_ID], known[column], strict=True)), origin


def _read_table(path: Path, column: str, texts: Mapping[str, str] | str) -> tuple[pd.DataFrame, Origin]:
    """Return a table with customer ids and a column; apostrophes of a CSV export are taken off."""
    if os.path.isdir(path) and not ((path / MANIFEST).exists() or (path / EXPORT[0]).exists()):
        table, origin = _read_parts(path)
    else:
        with held_table(path / EXPORT[0] if os.path.isdir(path) else path) as (file, origin):
            table = read_table_of(file, texts)
    absent = [name for name in (names.CUSTOMER_ID, column) if name not in table]
    if absent:
        raise DataError(f"{path} lacks the column {absent[0]!r}: it needs {names.CUSTOMER_ID} and {column}")
    ids = id_texts(
        table[names.CUSTOMER_ID], names.CUSTOMER_ID, cure=f"give every row of {path} an id, or drop it"
    )
    if origin.file.lower().endswith(CSV_SUFFIXES) and not origin.verified:  # our own is as it was written
        ids = whole_ids(ids, names.CUSTOMER_ID, title=str(path))
    return table.assign(**{names.CUSTOMER_ID: ids}), origin


def read_table_of(source: Held, texts: Mapping[str, str] | str) -> pd.DataFrame:
    """Return the table of an open CSV or Parquet file.

    Raises
    ------
    DataError, StoreError
        Where it cannot be read.
    """
    if source.path.name.lower().endswith(CSV_SUFFIXES):
        return unescaped(read_csv_table(source, texts=texts))
    try:
        return pd.read_parquet(source.from_start())
    except (OSError, ValueError) as error:
        raise StoreError(
            f"cannot read {source.path}: {{quoted}}. Name a CSV file with a header, or a Parquet file",
            quoted=str(error),
        ) from error


def _read_parts(folder: Path) -> tuple[pd.DataFrame, Origin]:
    tables, digests, verified = [], [], True
    for part, is_verified in held_parts(folder):
        tables.append(read_table_of(part, "str"))
        digests.append(part.sha256)
        verified &= is_verified
    return pd.concat(tables, ignore_index=True), Origin(
        folder.name, sha256(" ".join(digests).encode()).hexdigest(), verified
    )


def _typed(values: "pd.Series[Any]", kind: str) -> Any:  # noqa: ANN401
    if kind == "text":
        return values.astype("str").where(values.notna(), None).astype("str")
    if kind == "date":
        return pd.to_datetime(values).dt.normalize().astype("datetime64[us]")
    if kind == "count":
        return values.astype("Int64")
    return pd.to_numeric(values, errors="coerce").astype("float64")
