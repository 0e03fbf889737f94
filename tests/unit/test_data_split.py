"""A cut of a log leaks no day, loses no row, and agrees with summaries of the whole log."""

import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.data.log.split import purchase_days

STAMPS = [
    "2024-01-01 08:00",
    "2024-01-31 00:00",
    "2024-01-31 23:59:59",
    "2024-02-01 00:00",
    "2024-02-03 10:00",
]
LOG = pd.DataFrame(
    {
        "id": ["b", "a", "b", "a", "c"],
        "when": STAMPS,
        "paid": [5.0, 7.0, 8.0, 2.0, 3.0],
        "note": list("vwxyz"),
    }
)
NAMES = {"customer_id_col": "id", "datetime_col": "when", "monetary_value_col": "paid"}


def test_the_last_day_belongs_to_calibration_to_its_last_second():
    parts = ltv.split(LOG, "2024-01-31", **NAMES)
    assert parts.calibration["note"].tolist() == ["v", "w", "x"]
    assert parts.holdout["note"].tolist() == ["y", "z"]
    assert parts.date == pd.Timestamp("2024-01-31")


def test_stamps_with_offsets_fall_on_the_day_of_the_named_zone():
    log = LOG.assign(when=[f"{stamp}+00:00" for stamp in STAMPS])
    parts = ltv.split(log, "2024-01-31", timezone="Europe/Berlin", **NAMES)
    assert parts.calibration["note"].tolist() == ["v", "w"]  # 23:59:59 in London is February in Berlin


def test_files_and_frames_are_cut_alike(tmp_path):
    LOG.to_csv(tmp_path / "log.csv", index=False)
    LOG.to_parquet(tmp_path / "log.parquet", index=False)
    for log in (tmp_path / "log.csv", tmp_path / "log.parquet", LOG.iloc[::-1].iloc[::-1]):
        assert ltv.split(log, "2024-01-31", **NAMES).holdout["note"].tolist() == ["y", "z"]


def test_the_calibration_part_gives_the_summary_of_the_whole_log(cdnow_log):
    parts = ltv.split(cdnow_log, "1997-09-30")
    whole = ltv.summarize(cdnow_log, observation_end="1997-09-30", time_unit="week")
    alone = ltv.summarize(parts.calibration, observation_end="1997-09-30", time_unit="week")
    assert whole.attrs["fingerprint"] == alone.attrs["fingerprint"]
    assert len(parts.calibration) + len(parts.holdout) == len(cdnow_log)


@pytest.mark.parametrize(("date", "which"), [("2023-12-31", "up to"), ("2024-02-03", "after")])
def test_an_empty_part_is_an_error(date, which):
    with pytest.raises(ltv.DataError, match=f"no row {which}"):
        ltv.split(LOG, date, **NAMES)


def test_purchase_days_are_the_cdnow_hold_out(cdnow_log):
    days = purchase_days(cdnow_log, after=pd.Timestamp("1997-09-30"), until=pd.Timestamp("1998-06-30"))
    assert days.day.size == 1882  # Fader & Hardie
    assert days.amount.sum() == pytest.approx(cdnow_log.loc[cdnow_log["date"] > "1997-09-30", "amount"].sum())
    assert days.log_end == pd.Timestamp("1998-06-30")


def test_refunds_within_the_stretch_are_taken_off():
    log = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "b"],
            "date": ["2024-01-01", "2024-02-01", "2024-02-05", "2024-02-02"],
            "amount": [10.0, 20.0, -20.0, 4.0],
        }
    )
    days = purchase_days(log, after=pd.Timestamp("2024-01-31"), until=pd.Timestamp("2024-02-29"))
    assert days.customer_id.tolist() == ["b"]
