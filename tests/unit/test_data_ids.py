"""Ids: one rule of what their text is, and labels that look like missing values."""

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from bayesltv.data.csv_table import read_csv_table, with_numbers
from bayesltv.data.experiment_file import read_experiment
from bayesltv.data.log.split import split
from bayesltv.data.log.summarize import summarize
from bayesltv.data.summary.as_summary import as_summary
from bayesltv.data.summary.store import file_digest, read_summary
from bayesltv.data.summary.validate import validate_summary
from bayesltv.errors import BayesltvWarning, DataError, StoreError
from bayesltv.held import held
from bayesltv.report.files.crm import MANIFEST, read_columns, read_export
from bayesltv.report.files.export import safe_for_spreadsheets, unescaped, write_table
from bayesltv.report.files.sealed import sealed
from bayesltv.report.files.stored import _shown, _shown_of_csv

END = "2024-06-30"
LOOK_MISSING = [
    "NA",
    "NULL",
    "null",
    "nan",
    "NaN",
    "None",
    "none",
    "N/A",
    "n/a",
    "#N/A",
    "<NA>",
    "-nan",
    "1.#IND",
]
ODD = [
    *LOOK_MISSING,
    "007",
    "7",
    "7.0",
    "1.10",
    "1e5",
    "=1+1",
    "-7",
    "'=1",
    "''-7",
    "é",
    "张三",
    'a"b',
    "a,b",
    " x ",
]


def log(ids):
    return pd.DataFrame(
        {
            "customer_id": [i for i in ids for _ in "ab"],
            "date": ["2024-01-05", "2024-02-05"] * len(ids),
            "amount": 5.0,
        }
    )


# ids written with .0


def test_csv_ids_that_are_all_whole_numbers_with_zero_are_whole_numbers(tmp_path):
    log(["7.0", "12.0"]).to_csv(tmp_path / "log.csv", index=False)
    with pytest.warns(BayesltvWarning, match=r"'customer_id' .*log\.csv are all whole numbers with \.0"):
        found = summarize(tmp_path / "log.csv", observation_end=END)
    assert found["customer_id"].tolist() == ["12", "7"]
    as_frame = summarize(log([7.0, 12.0]), observation_end=END)
    assert found.attrs["fingerprint"] == as_frame.attrs["fingerprint"]


@pytest.mark.parametrize(
    "ids", [["1.10", "1.0"], ["7.0", "x"], ["7.00", "8.00"], ["07.0", "8.0"], ["1e5", "2.0"]]
)
def test_any_other_csv_column_stays_as_written(tmp_path, ids):
    log(ids).to_csv(tmp_path / "log.csv", index=False)
    assert summarize(tmp_path / "log.csv", observation_end=END)["customer_id"].tolist() == sorted(ids)


def test_text_of_a_frame_stays_as_written():
    assert summarize(log(["7.0", "8.0"]), observation_end=END)["customer_id"].tolist() == ["7.0", "8.0"]


def test_ids_with_zero_and_without_are_warned_of(tmp_path):
    log(["7.0", "7", "8"]).to_csv(tmp_path / "log.csv", index=False)
    with pytest.warns(BayesltvWarning, match=r"1 ids .* with \.0 and without \(id 7\.0\)"):
        summarize(tmp_path / "log.csv", observation_end=END)


def test_split_reads_ids_as_summarize_does(tmp_path):
    log(["7.0", "12.0"]).to_csv(tmp_path / "log.csv", index=False)
    with pytest.warns(BayesltvWarning, match="whole numbers"):
        parts = split(tmp_path / "log.csv", "2024-01-31")
    assert sorted(parts.calibration["customer_id"]) == ["12", "7"]


def test_every_reader_of_csv_goes_by_the_rule(tmp_path):
    path = tmp_path / "x.csv"
    rows = "".join(f"{each},low,mail,0,0,3,a,1\n" for each in ("7.0", "12.0"))
    path.write_text(f"customer_id,tier,action,frequency,recency,T,arm,spend\n{rows}")
    readers = {
        "summary": lambda: read_summary(path)["customer_id"].tolist(),
        "previous": lambda: read_export(path)[0]["customer_id"].tolist(),
        "current": lambda: list(read_columns(path, "action")[0]),
        "experiment": lambda: read_experiment(path, outcome="spend")["customer_id"].tolist(),
    }
    for name, reader in readers.items():
        with pytest.warns(BayesltvWarning, match="whole numbers"):
            assert reader() == ["7", "12"], name


def test_ids_of_a_plan_that_its_manifest_vouches_for_are_as_they_were(tmp_path):
    path = tmp_path / "customers.csv"
    path.write_text("customer_id,tier\n7.0,low\n12.0,low\n")
    told = {"format": 2, "sha256": {path.name: file_digest(path)}}
    (tmp_path / MANIFEST).write_text(sealed(told))
    table, origin = read_export(path)
    assert origin.verified
    assert table["customer_id"].tolist() == ["7.0", "12.0"]


# numbers


def test_floats_that_hold_no_longer_every_whole_number_are_no_ids(tmp_path):
    for ids in ([2.0**53, 7.0], np.array([2**24, 7], np.float32)):
        with pytest.raises(DataError, match=r"1 ids|2 ids.*floats too large"):
            summarize(log(list(ids)).astype({"customer_id": np.asarray(ids).dtype}), observation_end=END)
    rows = pd.DataFrame({"customer_id": [2.0**53, 7.0], "frequency": 0, "recency": 0.0, "T": 3.0})
    with pytest.raises(DataError, match=r"1 ids.*floats too large"):
        validate_summary(rows, time_unit="week")
    assert summarize(log([2.0**53 - 1]), observation_end=END)["customer_id"].tolist() == [str(2**53 - 1)]


@pytest.mark.parametrize("big", [2**63, 2**64 - 1, 2**64, 2**70, -(2**70)])
def test_integers_beyond_64_bits_stay_text_as_ids_and_are_no_amounts(big):
    ids = pd.Series([7, 7, big, big], dtype=object)
    frame = log(["a", "b"]).assign(customer_id=ids)
    assert set(summarize(frame, observation_end=END)["customer_id"]) == {"7", str(big)}
    amounts = log(["a", "b"]).assign(amount=pd.Series([1, 2, big, 3], dtype=object))
    with pytest.raises(DataError, match=r"'amount'.*1 unreadable .*below 1e12"):
        summarize(amounts, observation_end=END)


def test_integers_of_128_bits_of_other_frames():
    wide = pl.DataFrame(log(["a"])).with_columns(customer_id=pl.Series([2**100, 2**100], dtype=pl.Int128))
    assert summarize(wide, observation_end=END)["customer_id"].tolist() == [str(2**100)]
    for kind, value in (("HUGEINT", 2**126), ("UHUGEINT", 2**128 - 1)):
        dates = "unnest(['2024-01-05', '2024-02-05'])"
        query = f"SELECT {value}::{kind} AS customer_id, {dates} AS date, 5 AS amount"
        found = summarize(duckdb.sql(query), observation_end=END)
        assert found["customer_id"].tolist() == [str(value)]


def test_decimals_of_256_bits_and_half_floats_are_numbers():
    decimals = pa.array(["1.5", "2"]).cast(pa.decimal128(38, 9)).cast(pa.decimal256(60, 9))
    halves = pa.array(np.array([1.5, 2], np.float16))
    for amounts in (decimals, halves):
        table = pa.table({"customer_id": ["x", "x"], "date": ["2024-01-05", "2024-02-05"], "amount": amounts})
        assert summarize(table, observation_end=END)["value_to_date"].tolist() == [3.5]


# labels that look like missing values


@pytest.mark.filterwarnings(r"ignore:1 ids in column 'customer_id' .* with \.0 and without")
@pytest.mark.parametrize("name", ["log.csv", "log.parquet"])
def test_odd_ids_survive_the_log(tmp_path, name):
    if name == "log.csv":
        log(ODD).to_csv(tmp_path / name, index=False)
    else:
        log(ODD).to_parquet(tmp_path / name)
    found = summarize(tmp_path / name, observation_end=END)
    assert found["customer_id"].tolist() == sorted(ODD, key=str.encode)


def test_odd_ids_survive_every_file_that_is_written_and_read_again(tmp_path):
    table = pd.DataFrame(
        {
            "customer_id": ODD,
            "tier": [(LOOK_MISSING * 3)[i] for i in range(len(ODD))],
            "action": "NA",
            "p_alive": 0.5,
        }
    )
    for name in ("s.csv", "s.parquet"):
        write_table(table, tmp_path / name)
        with held(tmp_path / name) as file:
            shown = _shown_of_csv(file, ()) if name.endswith(".csv") else _shown(file, ()).to_pandas()
        assert shown["customer_id"].tolist() == ODD
        assert shown["tier"].tolist() == table["tier"].tolist()
        assert shown["p_alive"].tolist() == table["p_alive"].tolist()
        earlier, _ = read_export(tmp_path / name)
        assert earlier["customer_id"].tolist() == ODD
        assert earlier["tier"].tolist() == table["tier"].tolist()
        assert read_columns(tmp_path / name, "action")[0] == dict.fromkeys(ODD, "NA")


def test_escaping_for_spreadsheets_can_be_undone():
    table = pd.DataFrame({"customer_id": ODD, "=x": 1.0})
    pd.testing.assert_frame_equal(unescaped(safe_for_spreadsheets(table)), table)


def test_odd_ids_survive_a_summary_and_a_test_as_csv(tmp_path):
    rows = pd.DataFrame(
        {"customer_id": LOOK_MISSING, "frequency": 0, "recency": 0.0, "T": 3.0, "tier": "NA", "spend": 1.5}
    )
    rows.to_csv(tmp_path / "s.csv", index=False)
    assert (
        validate_summary(read_summary(tmp_path / "s.csv"), time_unit="week")["customer_id"].tolist()
        == LOOK_MISSING
    )
    test = read_experiment(tmp_path / "s.csv", outcome="spend")
    assert test["customer_id"].tolist() == LOOK_MISSING
    assert test["tier"].tolist() == ["NA"] * len(LOOK_MISSING)
    assert test["spend"].tolist() == [1.5] * len(LOOK_MISSING)


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_a_missing_id_is_no_customer_called_nan(tmp_path, name):
    table = pd.DataFrame({"customer_id": ["a", None], "tier": "low"})
    table.to_csv(tmp_path / name, index=False) if name.endswith("csv") else table.to_parquet(tmp_path / name)
    with pytest.raises(DataError, match=r"'customer_id' is missing for 1 of 2"):
        read_export(tmp_path / name)


def test_whole_floats_of_parquet_are_whole_ids(tmp_path):
    pd.DataFrame({"customer_id": [7.0, 12.0], "tier": "low"}).to_parquet(tmp_path / "p.parquet")
    assert read_export(tmp_path / "p.parquet")[0]["customer_id"].tolist() == ["7", "12"]


def test_tables_of_a_plan_keep_labels_and_have_numbers(tmp_path):
    (tmp_path / "t.csv").write_text(
        "customer_id,tier,region,net,share\n007,NA,01,1.5,\n8,none,02,-2e3,0.5\n", encoding="utf-8"
    )
    table = with_numbers(read_csv_table(tmp_path / "t.csv"))
    assert table["customer_id"].tolist() == ["007", "8"]
    assert table["tier"].tolist() == ["NA", "none"]
    assert table["region"].tolist() == ["01", "02"]
    assert table["net"].tolist() == [1.5, -2000.0]
    assert table["share"].isna().tolist() == [True, False]


def test_a_table_that_is_none_is_refused_with_its_name(tmp_path):
    with pytest.raises(StoreError, match=r"cannot read .*x\.csv"):
        read_csv_table(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("")
    with pytest.raises(DataError, match=r"x\.csv cannot be read as CSV"):
        read_csv_table(tmp_path / "x.csv")


# summaries back from CSV


def test_a_summary_back_from_csv_is_adopted(tmp_path):
    ids = ["00017", "00088", "NA"]
    summary = summarize(log(ids), observation_end=END)
    summary.to_csv(tmp_path / "s.csv", index=False)
    options = {"time_unit": "week", "observation_end": END}
    plain = summary.drop(columns="repeat_days")
    adopted = as_summary(tmp_path / "s.csv", **options)
    pd.testing.assert_frame_equal(adopted, plain, check_exact=False)
    assert adopted["customer_id"].tolist() == ids
    read = pd.read_csv(tmp_path / "s.csv", dtype=str, keep_default_na=False, na_values=[""])
    with pytest.warns(BayesltvWarning, match="'repeat_days' is text"):
        again = as_summary(read, **options)
    pd.testing.assert_frame_equal(again, adopted)
    with pytest.raises(DataError, match="keep_default_na=False"):
        as_summary(pd.read_csv(tmp_path / "s.csv").drop(columns="repeat_days"), **options)


def test_a_summary_on_disk_is_adopted_by_its_path(tmp_path):
    summary = summarize(log(["7"]), observation_end=END)
    summary.to_parquet(tmp_path / "s.parquet")
    assert as_summary(tmp_path / "s.parquet").attrs["fingerprint"] == summary.attrs["fingerprint"]
