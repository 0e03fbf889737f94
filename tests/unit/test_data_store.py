"""Summaries on disk: what Parquet keeps, and what a CSV needs."""

import pandas as pd
import pytest

from bayesltv.data.fingerprint import fingerprint
from bayesltv.data.log.summarize import summarize
from bayesltv.data.summary.store import read_summary, require_parquet, write_summary
from bayesltv.data.summary.validate import validate_summary
from bayesltv.errors import DataError, StoreError


@pytest.fixture
def summary() -> pd.DataFrame:
    rows = pd.DataFrame(
        {
            "customer_id": ["00017", "00017", "00088", "NA"],
            "date": ["2024-01-01", "2024-02-05", "2024-01-09", "2024-03-01"],
            "amount": [10.5, 12.0, 8.0, 20.0],
            "region": ["NA", "NA", "EU", "01"],
        }
    )
    return summarize(rows, observation_end="2024-03-31", groups=["region"], currency="EUR")


def test_parquet_keeps_rows_types_and_attributes(tmp_path, summary):
    stored = read_summary(write_summary(summary, tmp_path / "s.parquet"))
    assert stored.attrs == summary.attrs
    assert [list(days) for days in stored["repeat_days"]] == [list(days) for days in summary["repeat_days"]]
    plain = [name for name in summary.columns if name != "repeat_days"]
    pd.testing.assert_frame_equal(stored[plain], summary[plain])


def test_a_csv_keeps_zeros_and_labels_that_look_missing(tmp_path, summary):
    summary.drop(columns="repeat_days").to_csv(tmp_path / "s.csv", index=False)
    stored = validate_summary(read_summary(tmp_path / "s.csv"), time_unit="week", groups=["region"])
    assert stored["customer_id"].tolist() == ["00017", "00088", "NA"]
    assert stored["region"].tolist() == ["NA", "EU", "01"]
    assert stored["monetary_value"].isna().tolist() == [False, True, True]
    assert fingerprint(stored) == fingerprint(summary.drop(columns="repeat_days"))


def test_lists_of_days_that_a_csv_holds_as_text_are_left_out(tmp_path, summary):
    summary.to_csv(tmp_path / "s.csv", index=False)
    stored = validate_summary(read_summary(tmp_path / "s.csv"), time_unit="week")
    assert "repeat_days" not in stored


def test_ids_of_digits_keep_their_zeros(tmp_path):
    (tmp_path / "s.csv").write_text("customer_id,frequency,recency,T\n00017,0,0,3\n00088,0,0,4\n")
    stored = validate_summary(read_summary(tmp_path / "s.csv"), time_unit="week")
    assert stored["customer_id"].tolist() == ["00017", "00088"]
    assert stored["T"].tolist() == [3.0, 4.0]


def test_a_csv_in_another_encoding_names_the_cure(tmp_path):
    (tmp_path / "s.csv").write_bytes("customer_id,frequency,recency,T\nMüller,1,2,3\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"s\.csv is not UTF-8: .*iconv -f cp1252"):
        read_summary(tmp_path / "s.csv")


def test_a_csv_with_ragged_rows_or_none_is_refused(tmp_path):
    for text in ("a,b\n1,2,3\n4,5,6,7\n", ""):
        (tmp_path / "s.csv").write_text(text)
        with pytest.raises(DataError, match="cannot be read as CSV"):
            read_summary(tmp_path / "s.csv")


def test_a_csv_with_broken_dates_is_refused(tmp_path):
    (tmp_path / "s.csv").write_text("customer_id,frequency,recency,T,first_purchase\n1,0,0,3,soon\n")
    with pytest.raises(DataError, match=r"'first_purchase' of .* no date"):
        read_summary(tmp_path / "s.csv")


def test_other_formats_are_refused(tmp_path, summary):
    (tmp_path / "s.xlsx").write_bytes(b"PK")
    with pytest.raises(StoreError, match=r"must end in \.parquet"):
        read_summary(tmp_path / "s.xlsx")
    with pytest.raises(StoreError, match=r"Name it .*s\.parquet"):
        require_parquet(tmp_path / "s.csv")
    with pytest.raises(StoreError):
        write_summary(summary, tmp_path / "s.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["s.xlsx"]
