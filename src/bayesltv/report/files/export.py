"""Scores on disk: the table that a CRM loads, totals per draw, and a manifest of where they are from."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.data.summary.store import file_digest
from bayesltv.errors import StoreError
from bayesltv.files import replacing
from bayesltv.report.files.sealed import FORMAT, sealed

CSV, PARQUET = ".csv", ".parquet"
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins with one of these (OWASP, CSV injection)."""
_SIGN = f"[{re.escape(''.join(FORMULA_SIGNS))}]"
_ESCAPED = re.compile(f"'*{_SIGN}")
"""Text that gets an apostrophe before it; apostrophes of its own too, or they would be taken off again."""
_WAS_ESCAPED = re.compile(f"'+{_SIGN}")


@dataclass(frozen=True)
class ScoreFiles:
    """Where a run of scores goes.

    Attributes
    ----------
    table : Path
        One row per customer, .parquet or .csv.
    totals : Path
        One row per group, tier and posterior draw: sums of purchases, spend and value over customers.
    manifest : Path
        It comes before the others: those of a run that was killed do not fit it, and are refused.
    """

    table: Path
    totals: Path
    manifest: Path

    @property
    def all(self) -> tuple[Path, Path, Path]:
        """The three paths, the manifest last."""
        return self.table, self.totals, self.manifest


def is_folder(path: str | Path) -> bool:
    """Whether scores go to a folder of parts: the name has no ending, or an ending but a folder is there."""
    suffix = Path(path).suffix.lower()
    return suffix not in (CSV, PARQUET) and (not suffix or os.path.isdir(path))


def score_files(path: str | Path) -> ScoreFiles:
    """Return the files of a run of scores: scores.csv has scores.totals.parquet and scores.manifest.json.

    Raises
    ------
    StoreError
        Where the path ends neither in .parquet nor in .csv.
    """
    table = Path(path)
    if table.suffix.lower() not in (CSV, PARQUET):
        raise StoreError(
            f"cannot tell the format of {table}: end its name in .parquet or .csv, or name a folder"
        )
    return ScoreFiles(table, table.with_suffix(".totals.parquet"), table.with_suffix(".manifest.json"))


def write_scores(
    scores: pd.DataFrame, totals: xr.Dataset, files: ScoreFiles, *, provenance: Mapping[str, Any]
) -> ScoreFiles:
    """Write a score table, its totals and a manifest; earlier files stay until all three are whole.

    The manifest takes its place first: a table is never without the one that it belongs to.

    Parameters
    ----------
    scores : DataFrame
        One row per customer.
    totals : Dataset
        Dims (group, tier, draw).
    files : ScoreFiles
    provenance : mapping
        What the manifest says, in JSON's types; rows and the SHA-256 of the two other files are added.

    Raises
    ------
    StoreError
        Where a file cannot be written.
    """
    with replacing(*reversed(files.all)) as (manifest, sums, table):
        _write_table(scores, table, as_csv=_is_csv(files.table))
        flat_totals(totals).to_parquet(sums, index=False)
        written = {
            target.name: {"rows": rows, "sha256": file_digest(part)}
            for target, part, rows in ((files.table, table, len(scores)), (files.totals, sums, _rows(totals)))
        }
        text = sealed({"format": FORMAT, **provenance, "files": written})
        manifest.write_text(text, encoding="utf-8")
    return files


def write_table(scores: pd.DataFrame, path: str | Path) -> Path:
    """Write a score table alone, .parquet or .csv, and return its path.

    Raises
    ------
    StoreError
        Where the file cannot be written.
    """
    with replacing(path) as (part,):
        _write_table(scores, part, as_csv=_is_csv(Path(path)))
    return Path(path)


def flat_totals(totals: xr.Dataset) -> pd.DataFrame:
    """Return totals as one row per group, tier and draw; groups and tiers without customers are left out.

    Returns
    -------
    DataFrame
        group, tier, draw, customers (by label, the same for all draws), purchases, and where the fit has them
        spend and value in money.
    """
    order = [str(name) for name in ("customers", "purchases", "spend", "value") if name in totals]
    flat = totals.to_dataframe(dim_order=["group", "tier", "draw"]).reset_index()
    return flat.loc[flat["customers"] > 0, ["group", "tier", "draw", *order]].reset_index(drop=True)


def safe_for_spreadsheets(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which no text cell or heading is a formula: an apostrophe is put before it.

    Numbers are left alone: only text can carry a formula.
    """
    texts = [at for at, dtype in enumerate(table.dtypes) if not pd.api.types.is_numeric_dtype(dtype)]
    safe = pd.DataFrame(table).copy()
    for at in texts:
        column = safe.iloc[:, at]
        if not pd.api.types.is_datetime64_any_dtype(column):
            safe.isetitem(at, column.map(_safe, na_action="ignore").array)
    return safe.set_axis([_safe(name) for name in safe.columns], axis=1)


def _write_table(scores: pd.DataFrame, part: Path, *, as_csv: bool) -> None:
    if as_csv:
        # the mark tells spreadsheets that the text is UTF-8
        safe_for_spreadsheets(scores).to_csv(part, index=False, encoding="utf-8-sig")
    else:
        pd.DataFrame(scores).to_parquet(part, index=False)


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == CSV


def _safe(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and _ESCAPED.match(value) else value


def unescaped(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table read from CSV as it was before `safe_for_spreadsheets`."""
    texts = [name for name, dtype in table.dtypes.items() if isinstance(dtype, pd.StringDtype)]
    plain = table.assign(**{str(name): _plain(table[name]) for name in texts})
    return plain.rename(columns=lambda name: name[1:] if _WAS_ESCAPED.match(name) else name)


def _plain(values: "pd.Series[Any]") -> "pd.Series[Any]":
    return values.where(~values.str.match(_WAS_ESCAPED, na=False), values.str[1:])


def _rows(totals: xr.Dataset) -> int:
    return int(np.count_nonzero(totals["customers"].values)) * int(totals.sizes["draw"])


def write_csv(table: pd.DataFrame, part: Path) -> None:
    """Write a table for people: UTF-8 with a mark that tells spreadsheets so, days as days."""
    safe_for_spreadsheets(table).to_csv(part, index=False, encoding="utf-8-sig", date_format="%Y-%m-%d")
