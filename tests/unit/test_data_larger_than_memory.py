"""A log that does not fit into the memory that it may have."""

import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from bayesltv import jobs
from bayesltv.data import sql
from bayesltv.data.fingerprint import fingerprint
from bayesltv.data.log.reading import Carried, Summarizing
from bayesltv.data.log.summarize import summarize
from bayesltv.errors import DataError, StoreError

ROWS = 2_000_000
LIMIT = "60MB"
END = {"observation_end": "2024-03-31"}


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """Two million purchases of 300,000 customers: 120 MB of ids, stamps, days and amounts in the engine."""
    rng = np.random.default_rng(4)
    log = pd.DataFrame(
        {
            "customer_id": pd.Series(rng.integers(0, 300_000, ROWS)).map("customer number {:012d}".format),
            "date": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 80, ROWS), unit="D"),
            "amount": np.round(rng.gamma(4.0, 8.0, ROWS), 2),
        }
    )
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    log.to_parquet(path, index=False)
    return path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bayesltv.errors.BayesltvWarning")
def test_a_log_larger_than_the_limit_spills_and_leaves_nothing_behind(big, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    spilled = []
    real = sql.one

    def watched(connection, query):
        spilled.append(sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()))
        return real(connection, query)

    monkeypatch.setattr(sql, "one", watched)
    small = summarize(big, memory_limit=LIMIT, threads=1, **END)
    assert max(spilled) > 20e6
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    whole = summarize(big, **END)
    assert small.attrs == whole.attrs
    plain = small.columns.drop("repeat_days")
    pd.testing.assert_frame_equal(small[plain], whole[plain], check_exact=True)


@pytest.mark.filterwarnings("ignore::bayesltv.errors.BayesltvWarning")
def test_a_summary_written_part_by_part_is_the_summary(cdnow_log, tmp_path):
    log = tmp_path / "log.parquet"
    cdnow_log.to_parquet(log, index=False)
    days = {"observation_end": "1997-09-30", "acquired_from": "1997-01-08"}
    asked = Summarizing(carried=Carried(groups=["cohort"]), **days)
    written = jobs.summarize_file(log, tmp_path / "parts.parquet", asked)
    whole = summarize(log, groups=["cohort"], **days)
    whole.to_parquet(tmp_path / "whole.parquet", index=False)
    one, other = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("parts", "whole"))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert one.attrs == other.attrs == whole.attrs
    assert (written.customers, written.repeaters) == (len(whole), (whole["frequency"] > 0).sum())


def test_a_log_that_is_refused_leaves_the_earlier_summary(cdnow_log, tmp_path):
    log, out = tmp_path / "log.parquet", tmp_path / "s.parquet"
    cdnow_log.to_parquet(log, index=False)
    out.write_bytes(b"earlier")
    with pytest.raises(DataError, match="leaves none of"):
        jobs.summarize_file(log, out, Summarizing(acquired_from="1999-01-01"))
    assert out.read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.parquet", "s.parquet"]


def test_a_limit_that_is_too_low_is_an_error_with_a_cure(big):
    with pytest.raises(StoreError, match="Raise memory_limit"):
        summarize(big, memory_limit="5MB", threads=1, **END)


@pytest.mark.parametrize("size", ["lots", "12", "-1GB", ""])
def test_a_limit_that_is_no_size_is_refused(size):
    with pytest.raises(DataError, match="is no size"):
        summarize(pd.DataFrame(), memory_limit=size)


def test_threads_below_one_are_refused():
    with pytest.raises(DataError, match="threads=0"):
        summarize(pd.DataFrame(), threads=0)


def test_an_engine_error_that_is_no_memory_trouble_passes():
    with pytest.raises(duckdb.CatalogException), sql.connect() as connection:
        connection.execute("SELECT * FROM nowhere")


def test_days_of_repeat_purchases_can_be_left_out(cdnow_log):
    with_days = summarize(cdnow_log)
    without = summarize(cdnow_log, repeat_days=False)
    pd.testing.assert_frame_equal(with_days.drop(columns="repeat_days"), without)
    left = fingerprint(with_days.drop(columns="repeat_days"))
    assert with_days.attrs | {"fingerprint": left} == without.attrs


def test_amounts_too_large_for_64_bits_add_up_exactly():
    days = pd.date_range("2024-01-01", periods=40)
    log = pd.DataFrame({"customer_id": "a", "date": days, "amount": 999_999_999_999.0})
    row = summarize(log).iloc[0]
    assert row["value_to_date"] == 40 * 999_999_999_999.0
    assert row["spend_sum"] == 39 * 999_999_999_999.0


def test_where_batches_end_changes_nothing(cdnow_log, monkeypatch):
    from bayesltv.data.log import scan

    whole = summarize(cdnow_log, groups=["cohort"])
    monkeypatch.setattr(scan, "_BATCH", 101)
    small = summarize(cdnow_log, groups=["cohort"], threads=3)
    plain = whole.columns.drop("repeat_days")
    pd.testing.assert_frame_equal(small[plain], whole[plain], check_exact=True)
    assert [list(d) for d in small["repeat_days"]] == [list(d) for d in whole["repeat_days"]]
    assert small.attrs == whole.attrs


def test_the_temporary_folder_is_not_in_the_working_directory(monkeypatch, tmp_path, cdnow_log):
    monkeypatch.chdir(tmp_path)
    summarize(cdnow_log)
    assert list(Path().iterdir()) == []
