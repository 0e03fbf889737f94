"""Odd days, and amounts that six decimals cannot hold: warned of with counts and ids."""

import datetime as dt
import decimal
import warnings

import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.data.log.odd_days import PLACEHOLDERS, odd_days
from bayesltv.data.log.split import purchase_days
from bayesltv.data.log.summarize import summarize
from bayesltv.data.simulate import simulate_log
from bayesltv.errors import DataError

END = "2024-06-30"
DAYS = ["2024-01-05", "2024-02-05", "2024-01-07", "2024-02-07"]


def log(*more, days=DAYS):
    ids = ["a", "a", "b", "b", *("c" for _ in more)]
    return pd.DataFrame({"customer_id": ids, "date": [*days, *more], "amount": 5.0})


def warned(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(each.message) for each in caught]


@pytest.mark.parametrize("day", [str(day) for day in PLACEHOLDERS])
def test_a_placeholder_is_warned_of_with_count_and_ids(day):
    (message,) = warned(lambda: summarize(log(day, day), observation_end=END))
    assert message.startswith(f"2 rows are dated {day} (id c), which stands for a missing date")


def test_several_placeholders_are_warned_of_one_by_one():
    messages = warned(lambda: summarize(log("1899-12-30", "1900-01-01"), observation_end=END))
    assert [message[:27] for message in messages] == [
        "1 rows are dated 1899-12-30",
        "1 rows are dated 1900-01-01",
    ]


def test_a_log_of_that_time_has_no_placeholders():
    days = ["1970-01-01", "1970-02-01", "1969-12-31", "1970-03-01"]
    assert warned(lambda: summarize(log(days=days), observation_end="1970-06-30")) == []


def test_a_last_day_long_after_all_others_is_warned_of():
    (message,) = warned(lambda: summarize(log("2204-02-05")))
    assert message.startswith("1 rows are dated 2204-02-05 (id c), more than 5 years after all others")
    assert "observation_end=" in message
    assert warned(lambda: summarize(log("2204-02-05"), observation_end=END)) == []  # it is cut, and counted


def test_days_long_before_all_others_are_warned_of():
    (message,) = warned(lambda: summarize(log("0204-02-05", "1024-01-01"), observation_end=END)[:0])[:1]
    assert "(id c), more than 5 years before all others" in message


def test_an_end_long_after_the_log_is_warned_of():
    (message,) = warned(lambda: summarize(log("2024-01-09"), observation_end="2204-06-30"))
    assert message.startswith("observation_end=2204-06-30 is 65,8")


def test_an_evaluation_is_warned_too_since_the_last_day_says_how_far_the_log_reaches():
    after, until = pd.Timestamp("2024-01-31"), pd.Timestamp("2024-02-29")
    (message,) = warned(lambda: purchase_days(log("2204-02-05"), after=after, until=until))
    assert "more than 5 years after all others" in message


def test_twenty_years_without_a_gap_are_no_oddity():
    days = pd.date_range("2004-01-01", "2024-06-01", freq="200D")
    frame = pd.DataFrame({"customer_id": "a", "date": days, "amount": 5.0})
    assert warned(lambda: summarize(frame, observation_end=END)) == []


def test_the_stretch_with_most_rows_is_the_log():
    few, many, late = dt.date(1990, 1, 1), dt.date(2024, 1, 1), dt.date(2042, 1, 1)
    found = odd_days([few, many, late], [3, 50, 4])
    assert [(odd.what, odd.first, odd.rows) for odd in found] == [("before", few, 3), ("after", late, 4)]
    assert odd_days([many], [1]) == []
    assert [odd.what for odd in odd_days([PLACEHOLDERS[0]], [1])] == ["placeholder"]


# amounts


def amounts(values):
    dates = pd.date_range("2024-01-05", periods=len(values), freq="7D")
    return pd.DataFrame({"customer_id": "x", "date": dates, "amount": values})


@pytest.mark.parametrize("kind", ["floats", "decimals", "text", "csv", "parquet"])
def test_amounts_that_six_decimals_move_are_warned_of(kind, tmp_path):
    values = ["0.00042", "0.0000004", "0.00000049", "0.0000012", "5", "0"]
    frame = amounts([float(each) for each in values])
    if kind == "decimals":
        frame = amounts([decimal.Decimal(each) for each in values])
    elif kind == "text":
        frame = amounts(values)
    elif kind == "csv":
        frame.to_csv(tmp_path / "log.csv", index=False)
        frame = tmp_path / "log.csv"
    elif kind == "parquet":
        frame.to_parquet(tmp_path / "log.parquet")
        frame = tmp_path / "log.parquet"
    (message,) = [each for each in warned(lambda: summarize(frame)) if "six decimals" in each]
    assert message.startswith("3 amounts in column 'amount' are so small, 4e-07 or so")
    assert "(id x): give amounts in a smaller unit of money" in message


def test_refunds_are_held_to_the_same():
    (message,) = [
        each for each in warned(lambda: summarize(amounts([5.0, 5.0, -4e-7]))) if "decimals" in each
    ]
    assert message.startswith("1 amounts")


@pytest.mark.parametrize("value", [0.0, 0.0005, 0.000001, 0.0001, 0.00042, 123.4567891, 1e11])
def test_amounts_that_are_kept_are_not_warned_of(value):
    assert [each for each in warned(lambda: summarize(amounts([5.0, value]))) if "decimals" in each] == []


def test_free_purchases_are_no_small_amounts():
    found = summarize(amounts([5.0, 0.0, 5.0]), observation_end=END)
    assert (found["frequency"].item(), found["spend_count"].item()) == (2, 1)


@pytest.mark.parametrize("value", [10**12, 2**63, 2**64, 10**40])
def test_amounts_beyond_what_is_held_are_refused(value):
    frame = amounts(pd.Series([5, value], dtype=object))
    with pytest.raises(DataError, match=r"'amount' of log: 0 missing and 1 unreadable .*below 1e12"):
        summarize(frame)


def test_an_ordinary_log_is_not_warned_of():
    purchase, spend = {"r": 1.0, "alpha": 5.0, "a": 0.8, "b": 2.5}, {"p": 6.0, "q": 4.0, "v": 15.0}
    frame = simulate_log(300, purchase=purchase, spend=spend, seed=1)
    assert warned(lambda: ltv.summarize(frame, observation_end="1997-09-30")) == []
