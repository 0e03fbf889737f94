"""Dates of a log: what is read, what is refused, and that no stamp moves to another day."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bayesltv.data.log.summarize import summarize
from bayesltv.errors import DataError

END = "2024-06-30"


def log(dates):
    return pd.DataFrame({"customer_id": "x", "date": dates, "amount": [1.0, 2.0]})


def days(frame, **options):
    summary = summarize(frame, observation_end=END, **options)
    return [str(summary[name].iloc[0])[:10] for name in ("first_purchase", "last_purchase")]


FRAMES = {
    "pandas": lambda frame, _: frame,
    "polars": lambda frame, _: pl.from_pandas(frame),
    "arrow": lambda frame, _: pa.Table.from_pandas(frame),
    "parquet": lambda frame, folder: written(frame, folder),
}


def written(frame, folder):
    pq.write_table(pa.Table.from_pandas(frame), folder / "log.parquet")
    return folder / "log.parquet"


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_aware_stamps_of_every_resolution_in_every_frame(kind, unit, tmp_path):
    stamps = pd.DatetimeIndex(["2024-01-05 23:30", "2024-02-05 23:30"], tz="UTC").as_unit(unit)
    frame = FRAMES[kind](log(stamps), tmp_path)
    assert days(frame, timezone="Asia/Tokyo") == ["2024-01-06", "2024-02-06"]
    with pytest.raises(DataError, match="timezone="):
        days(frame)


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_no_nanosecond_is_rounded_onto_another_day(kind, zone, tmp_path):
    late = ["1960-01-05 23:59:59.999999999", "2024-02-05 23:59:59.999999500"]
    stamps = pd.DatetimeIndex(late, tz=zone).as_unit("ns")
    with pytest.warns(match="more than 5 years"):
        found = days(FRAMES[kind](log(stamps), tmp_path), timezone=zone)
    assert found == ["1960-01-05", "2024-02-05"]


@pytest.mark.parametrize("fraction", [".9999999", ".999999999", ".9999999999999"])
def test_no_text_is_rounded_onto_another_day(fraction):
    texts = [f"2024-01-05 23:59:59{fraction}", f"2024-02-05T23:59:59{fraction}"]
    assert days(log(texts)) == ["2024-01-05", "2024-02-05"]


def test_nanoseconds_of_a_format_are_not_rounded_either():
    texts = ["2024-01-05 23:59:59.999999999", "2024-02-05 23:59:59.999999999"]
    assert days(log(texts), datetime_format="%Y-%m-%d %H:%M:%S.%n") == ["2024-01-05", "2024-02-05"]


@pytest.mark.parametrize(
    "zone",
    [" UTC", " GMT", "Z", "z", "+00:00", "+0000", " +0000", "+00", "-00:00", " Etc/UTC", "+00:00:00"],
)
def test_a_zone_of_any_writing_is_an_offset(zone):
    texts = [f"2024-01-05 23:30:00{zone}", f"2024-02-05T23:30:00.5{zone}"]
    assert days(log(texts), timezone="Asia/Tokyo") == ["2024-01-06", "2024-02-06"]
    with pytest.raises(DataError, match="carry a time zone: name the zone"):
        days(log(texts))


def test_a_named_zone_is_read_by_its_own_rules():
    texts = ["2024-01-05 23:30:00 America/New_York", "2024-06-05 20:30 Europe/Berlin"]
    assert days(log(texts), timezone="UTC") == ["2024-01-06", "2024-06-05"]


@pytest.mark.parametrize("zone", ["CST", "IST", "BST", "PST", "XYZ", "UTC+01:00", "Europe/Atlantis"])
def test_a_name_of_several_zones_or_none_is_refused(zone):
    texts = [f"2024-01-05 23:30:00 {zone}", f"2024-02-05 23:30:00 {zone}"]
    with pytest.raises(DataError, match="names no time zone, or several"):
        days(log(texts), timezone="UTC")


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    "pair",
    [
        (dt.datetime(2024, 1, 5, 23), dt.datetime(2024, 2, 5, 23, tzinfo=dt.UTC)),
        (pd.Timestamp("2024-01-05"), pd.Timestamp("2024-02-05", tz="UTC")),
        (dt.date(2024, 1, 5), dt.datetime(2024, 2, 5, 23, tzinfo=dt.UTC)),
        ("2024-01-05 23:00", "2024-02-05 23:00 UTC"),
        ("2024-01-05", "2024-02-05 23:00+01:00"),
    ],
)
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_stamps_with_and_without_a_zone_are_refused_in_any_order(pair, swapped, zone):
    dates = pd.Series(pair[::-1] if swapped else pair, dtype=object)
    with pytest.raises(DataError, match=r"1 of 2 (stamps|dates) in column 'date' carry"):
        days(log(dates), timezone=zone)


def test_dates_and_stamps_without_a_zone_are_one():
    for pair in (
        [dt.date(2024, 1, 5), dt.datetime(2024, 2, 5, 23)],
        [dt.datetime(2024, 1, 5), dt.date(2024, 2, 5)],
    ):
        assert days(log(pd.Series(pair, dtype=object))) == ["2024-01-05", "2024-02-05"]


@pytest.mark.parametrize(
    "text",
    [
        "24-01-05",
        "05-01-24",
        "5-1-24",
        "31/12/24",
        "24/01/05",
        "24.01.05",
        "240105",
        "24-1-5 10:00",
        "05-Jan-24",
    ],
)
def test_years_of_two_digits_are_refused_in_any_place(text):
    with pytest.raises(DataError, match="four digits of the year"):
        days(log([text, "2024-02-05"]))


@pytest.mark.parametrize(
    ("text", "form"),
    [("05/01/24", "%d/%m/%Y"), ("24-01-05", "%Y-%m-%d"), ("050124", "%d%m%Y"), ("240105", "%Y%m%d")],
)
def test_a_format_with_four_digits_reads_no_two(text, form):
    other = pd.Timestamp("2024-02-05").strftime(form)
    with pytest.raises(DataError, match="1 unreadable"):
        days(log([text, other]), datetime_format=form)


def test_a_format_may_say_two_digits():
    assert days(log(["05/01/24", "05/02/24"]), datetime_format="%d/%m/%y") == ["2024-01-05", "2024-02-05"]
    whole = log([240105, 240205])
    assert days(whole, datetime_format="%y%m%d") == ["2024-01-05", "2024-02-05"]


@pytest.mark.parametrize(
    "text",
    [
        "0000-01-01",
        "-2024-01-05",
        "20240-02-05",
        "2024-01-05 (BC)",
        "0044-03-15 (BC)",
        "infinity",
        "294247-01-01",
    ],
)
def test_years_that_a_date_cannot_hold_are_unreadable(text):
    with pytest.raises(DataError, match="0 missing and 1 unreadable"):
        days(log([text, "2024-02-05"]))


@pytest.mark.parametrize("year", ["-0001", "10000", "300000", "2000000"])
@pytest.mark.parametrize("unit", ["s", "ms"])
def test_stamps_beyond_the_calendar_are_unreadable(year, unit):
    dates = np.array([f"{year}-01-01", "2024-02-05"], dtype=f"datetime64[{unit}]")
    table = pa.table({"customer_id": ["x", "x"], "date": pa.array(dates), "amount": [1.0, 2.0]})
    with pytest.raises(DataError, match=r"0 missing and 1 unreadable|1 missing and 0 unreadable"):
        days(table)


def test_a_zone_that_leads_out_of_the_calendar_is_unreadable():
    texts = ["9999-12-31 23:30:00Z", "2024-02-05 10:00Z"]
    with pytest.raises(DataError, match="1 unreadable"):
        summarize(log(texts), timezone="Asia/Tokyo")


@pytest.mark.parametrize("unit", ["D", "h", "min", "s", "ms", "us", "ns"])
def test_periods_up_to_a_day_are_days(unit):
    periods = pd.PeriodIndex(["2024-01-05 23:59:59.999999999", "2024-02-05"], freq=unit)
    assert days(log(periods)) == ["2024-01-05", "2024-02-05"]


def test_longer_periods_get_a_cure_that_works():
    months = log(pd.PeriodIndex(["2024-01", "2024-02"], freq="M"))
    with pytest.raises(DataError, match=r"such as '2024-01', '2024-02'.*datetime_format="):
        days(months)
    assert days(months, datetime_format="%Y-%m") == ["2024-01-01", "2024-02-01"]
    for unit in ("W", "Q", "Y"):
        with pytest.raises(DataError, match="2 unreadable"):
            days(log(pd.PeriodIndex(["2024-01-05", "2024-02-05"], freq=unit)))


def test_a_period_may_be_a_group():
    frame = log(["2024-01-05", "2024-02-05"]).assign(cohort=pd.PeriodIndex(["2024-01"] * 2, freq="M"))
    assert summarize(frame, observation_end=END, groups=["cohort"])["cohort"].tolist() == ["2024-01"]


def test_a_missing_period_is_a_missing_date():
    periods = pd.Series(pd.PeriodIndex(["2024-01-05", None], freq="D"))
    with pytest.raises(DataError, match="1 missing and 0 unreadable"):
        days(log(periods))


def test_nanoseconds_in_one_of_several_files_are_exact_and_ids_stay_text(tmp_path):
    stamps = pd.DatetimeIndex(["1960-01-05 23:59:59.999999999", "1960-02-05 10:00"], tz="UTC")
    for unit in ("ns", "us"):
        folder = tmp_path / f"unit={unit}"
        folder.mkdir()
        frame = log(stamps.as_unit("ns") if unit == "ns" else stamps.floor("us").as_unit("us"))
        frame["customer_id"] = pd.array([b"007", b"007"], dtype=object)
        pq.write_table(pa.Table.from_pandas(frame), folder / "log.parquet")
    summary = summarize(tmp_path, observation_end="1960-06-30", timezone="UTC", groups=["unit"],
                        group_conflict="first")  # fmt: skip
    assert summary["customer_id"].tolist() == ["007"]
    assert [str(summary[c].iloc[0])[:10] for c in ("first_purchase", "last_purchase")] == [
        "1960-01-05",
        "1960-02-05",
    ]
    assert summary["unit"].tolist() == ["ns"], "the later of two stamps in one microsecond is not the first"
