"""Scores on disk: safe in spreadsheets, complete together."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesltv.errors import StoreError
from bayesltv.report.files.export import (
    flat_totals,
    safe_for_spreadsheets,
    score_files,
    write_scores,
    write_table,
)


def totals() -> xr.Dataset:
    """Two groups, two tiers, three draws; nobody of the second group is in the upper tier."""
    purchases = np.arange(12).reshape(2, 2, 3)
    return xr.Dataset(
        {
            "purchases": (("group", "tier", "draw"), purchases),
            "value": (("group", "tier", "draw"), purchases * 1.5),
            "customers": (("group", "tier"), [[4, 2], [3, 0]]),
        },
        coords={"group": ["a", "b"], "tier": ["low", "high"]},
    )


def test_text_that_a_spreadsheet_would_run_is_quoted_and_numbers_are_not():
    table = pd.DataFrame(
        {
            "=id": ["=1+1", "+31", "-7", "@x", "\tx", "\rx", "fine", "a=b", None],
            "value": [-1.5, 2.0, np.nan, 0, 0, 0, 0, 0, 0],
            "when": pd.to_datetime(["2024-01-01"] * 9),
        }
    )
    safe = safe_for_spreadsheets(table)
    assert safe.columns.tolist() == ["'=id", "value", "when"]
    assert safe["'=id"].tolist()[:8] == ["'=1+1", "'+31", "'-7", "'@x", "'\tx", "'\rx", "fine", "a=b"]
    assert safe["'=id"].isna().tolist() == [False] * 8 + [True]
    pd.testing.assert_frame_equal(safe[["value", "when"]], table[["value", "when"]])
    assert table["=id"][0] == "=1+1"


def test_totals_are_one_row_per_group_tier_and_draw_where_there_are_customers():
    flat = flat_totals(totals())
    assert flat.columns.tolist() == ["group", "tier", "draw", "customers", "purchases", "value"]
    assert len(flat) == 9
    assert flat.drop_duplicates(["group", "tier"])["customers"].tolist() == [4, 2, 3]
    row = flat[(flat["group"] == "b") & (flat["tier"] == "low") & (flat["draw"] == 2)]
    assert row["purchases"].tolist() == [8]


def test_a_csv_carries_the_mark_of_utf_8(tmp_path):
    path = write_table(pd.DataFrame({"customer_id": ["Zoë"]}), tmp_path / "s.csv")
    assert path.read_bytes() == "\ufeffcustomer_id\nZoë\n".encode()


def test_the_manifest_counts_and_hashes_what_lies_beside_it(tmp_path):
    files = score_files(tmp_path / "run.1.parquet")
    assert [path.name for path in files.all] == [
        "run.1.parquet",
        "run.1.totals.parquet",
        "run.1.manifest.json",
    ]
    write_scores(pd.DataFrame({"customer_id": ["1", "2"]}), totals(), files, provenance={"seed": 3})
    said = json.loads(files.manifest.read_text())
    assert (said["format"], said["seed"]) == (2, 3)
    assert {name: each["rows"] for name, each in said["files"].items()} == {
        "run.1.parquet": 2,
        "run.1.totals.parquet": 9,
    }


def test_the_manifest_takes_its_place_before_the_table_does(tmp_path, monkeypatch):
    """So that a first run that is killed leaves no table without one."""
    from bayesltv import files as places

    real, order = places.Path.replace, []

    def replace(part, target):
        order.append(target.name)
        return real(part, target)

    monkeypatch.setattr(places.Path, "replace", replace)
    write_scores(
        pd.DataFrame({"customer_id": ["1"]}), totals(), score_files(tmp_path / "s.csv"), provenance={}
    )
    assert order == ["s.manifest.json", "s.totals.parquet", "s.csv"]


def test_a_manifest_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_scores(
            pd.DataFrame({"customer_id": ["1"]}), totals(), score_files(tmp_path / "s.csv"),
            provenance={"x": float("nan")},
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_is_not_known_is_refused():
    with pytest.raises(StoreError, match=r"\.parquet or \.csv"):
        score_files("scores")
