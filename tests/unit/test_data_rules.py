"""Dates, purchase days and money of a summary owe each other: what does not add up is refused by name."""

import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.data.summary.validate import validate_summary

LOG = pd.DataFrame(
    {
        "customer_id": ["a", "a", "a", "b", "c", "c"],
        "date": ["2024-01-01", "2024-01-15", "2024-02-12", "2024-01-10", "2024-01-03", "2024-01-31"],
        "amount": [10.0, 20.0, 5.0, 8.0, 7.0, 9.0],
    }
)


def summary(unit="week", **more):
    return ltv.summarize(LOG, observation_end="2024-03-01", time_unit=unit, **more)


def changed(column, value, customer="c"):
    frame = summary()
    frame[column] = frame[column].astype(object)
    frame.at[frame.index[frame["customer_id"] == customer][0], column] = value
    return frame


@pytest.mark.parametrize("unit", ["day", "week", "month", "year"])
def test_what_summarize_makes_keeps_every_rule(unit):
    assert len(validate_summary(summary(unit))) == 3


def test_a_log_with_refunds_keeps_every_rule():
    back = pd.DataFrame(
        {"customer_id": ["a", "c"], "date": ["2024-02-20", "2024-02-20"], "amount": [-20, -7]}
    )
    netted = ltv.summarize(
        pd.concat([LOG, back]), observation_end="2024-03-01", time_unit="week", refunds="net"
    )
    assert len(validate_summary(netted)) == 3


def test_a_stamps_time_of_day_breaks_no_rule():
    frame = summary()
    frame["last_purchase"] += pd.Timedelta(hours=23)
    assert len(validate_summary(frame)) == 3


STAMP = pd.Timestamp
BROKEN = [
    ("last_purchase", STAMP("2023-12-31"), "last_purchase is before first_purchase"),
    ("last_purchase", STAMP("2024-03-02"), "last_purchase is after observation_end=2024-03-01"),
    (
        "last_purchase",
        STAMP("2024-01-24"),
        "recency is not the time from first_purchase to last_purchase in week",
    ),
    ("recency", 3.0, "recency is not the time from first_purchase to last_purchase in week"),
    ("value_to_date", -1.0, "value_to_date is negative"),
    ("value_to_date", 8.5, "value_to_date is less than repeat spend"),
    ("repeat_days", [], "repeat_days are not as many as frequency"),
    ("repeat_days", [19753, 19754], "repeat_days are not as many as frequency"),
    ("repeat_days", [19725], "repeat_days are not after first_purchase"),  # 2024-01-03
    ("repeat_days", [19746], "recency is not the time from first_purchase to the last of repeat_days"),
    ("repeat_days", [19752], "the last of repeat_days is not last_purchase"),
]


@pytest.mark.parametrize(("column", "value", "message"), BROKEN)
def test_what_does_not_add_up_is_refused_with_the_customer(column, value, message):
    with pytest.raises(ltv.DataError) as caught:
        validate_summary(changed(column, value))
    assert str(caught.value).startswith(message)
    assert "for 1 of 3 customers (id c)" in str(caught.value)


@pytest.mark.parametrize("days", [[19765, 19737], [19765, 19765]])
def test_days_out_of_order_or_twice_are_refused(days):
    with pytest.raises(ltv.DataError, match=r"repeat_days are not in order, .* \(id a\)"):
        validate_summary(changed("repeat_days", days, customer="a"))


def test_without_a_first_purchase_the_last_one_is_held_against_the_end():
    frame = summary().drop(columns=["first_purchase", "repeat_days"])
    assert len(validate_summary(frame)) == 3
    frame["last_purchase"] = frame["last_purchase"].where(frame["customer_id"] != "b", STAMP("2024-02-10"))
    with pytest.raises(ltv.DataError, match=r"T - recency is not the time since last_purchase .* \(id b\)"):
        validate_summary(frame)


def test_days_after_the_end_are_refused_where_only_they_tell():
    frame = summary().drop(columns=["first_purchase", "last_purchase"])
    frame["repeat_days"] = pd.Series([[19737, 19999], [], [19753]], dtype=object)
    with pytest.raises(ltv.DataError, match=r"repeat_days are after observation_end=2024-03-01 .* \(id a\)"):
        validate_summary(frame)


def test_mean_spend_alone_is_held_against_the_value_to_date():
    frame = changed("value_to_date", 8.5).drop(columns=["spend_count", "spend_sum", "spend_log_sum"])
    with pytest.raises(ltv.DataError, match=r"value_to_date is less than repeat spend .* \(id c\)"):
        validate_summary(frame)
