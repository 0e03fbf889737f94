"""Every rule of a summary has its own message, with counts, ids and the cure."""

import numpy as np
import pandas as pd
import pytest

from bayesltv.data.log.summarize import summarize
from bayesltv.data.summary.validate import (
    fingerprint,
    resolve_observation_end,
    resolve_time_unit,
    validate_summary,
)
from bayesltv.errors import DataError

ROWS = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c"],
        "frequency": [2, 0, 1],
        "recency": [30.0, 0.0, 4.0],
        "T": [38.0, 30.0, 20.0],
        "monetary_value": [15.0, np.nan, 8.0],
        "spend_count": [2, 0, 1],
        "spend_sum": [30.0, 0.0, 8.0],
        "spend_log_sum": [np.log(10 * 20.0), 0.0, np.log(8.0)],
        "channel": ["web", "shop", "web"],
    }
)
MEANS = ROWS.drop(columns=["spend_count", "spend_sum", "spend_log_sum"])


def broken(frame=ROWS, **cells):
    """Change the cell of customer "b" or "c": broken(frequency=("c", -1))."""
    frame = frame.astype(dict.fromkeys(cells, object))
    for name, (customer, value) in cells.items():
        frame.loc[frame["customer_id"] == customer, name] = value
    return frame


def test_a_good_summary_comes_back_equal_with_attributes():
    checked = validate_summary(ROWS, time_unit="W", observation_end="2024-01-31")
    pd.testing.assert_frame_equal(checked, ROWS)
    assert checked.attrs["time_unit"] == "week"
    assert checked.attrs["observation_end"] == "2024-01-31"
    assert checked.attrs["fingerprint"] == fingerprint(ROWS)
    assert ROWS.attrs == {}


def test_what_summarize_returns_is_valid_and_stays_so():
    log = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "b", "c"],
            "date": pd.to_datetime(["2024-01-01", "2024-02-01", "2024-01-01", "2024-01-09", "2024-01-02"]),
            "amount": [1.0, 2.0, 3.0, 0.0, 0.0],
        }
    )
    for unit in ("day", "week", "month", "year"):
        summary = summarize(log, time_unit=unit)
        once = validate_summary(summary)
        pd.testing.assert_frame_equal(once, summary)
        assert validate_summary(once).attrs == once.attrs == summary.attrs | {"set_aside": {}}


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"frequency": ("c", -1)}, "frequency is negative"),
        ({"frequency": ("c", 1.5)}, "frequency is not a whole number"),
        ({"frequency": ("c", np.nan)}, "frequency is missing or infinite"),
        ({"frequency": ("c", np.inf)}, "frequency is missing or infinite"),
        ({"recency": ("c", np.nan)}, "recency is missing or infinite"),
        ({"recency": ("c", np.inf)}, "recency is missing or infinite"),
        ({"recency": ("c", -1.0)}, "recency is negative"),
        ({"recency": ("c", 20.5)}, "recency > T"),
        ({"recency": ("c", 0.0)}, "frequency > 0 with recency 0"),
        ({"T": ("c", np.nan)}, "T is missing or infinite"),
        ({"T": ("c", np.inf)}, "T is missing or infinite"),
        ({"T": ("c", -3.0)}, "T is negative"),
        ({"T": ("c", 3.0)}, "recency > T"),
        ({"monetary_value": ("c", np.inf)}, "monetary_value is infinite"),
        ({"monetary_value": ("c", -8.0)}, "monetary_value is negative"),
        ({"monetary_value": ("c", np.nan)}, "monetary_value is not spend_sum / frequency"),
        ({"spend_count": ("c", 2)}, "spend_count > frequency"),
        ({"spend_count": ("c", -1)}, "spend_count is negative"),
        ({"spend_count": ("c", 0.5)}, "spend_count is not a whole number"),
        ({"spend_count": ("c", 0)}, "spend_sum > 0 with spend_count 0"),
        ({"spend_sum": ("c", np.nan)}, "spend_sum is missing or infinite"),
        ({"spend_sum": ("c", -8.0)}, "spend_sum is negative"),
        ({"spend_sum": ("c", 9.0)}, "monetary_value is not spend_sum / frequency"),
        ({"spend_log_sum": ("c", np.nan)}, "spend_log_sum is missing or infinite"),
        ({"spend_log_sum": ("c", 2.2)}, "spend_log_sum exceeds"),
        ({"recency": ("b", 4.0)}, "frequency 0 with recency > 0"),
        ({"monetary_value": ("b", 4.0)}, "frequency 0 with repeat spend"),
        ({"spend_log_sum": ("b", 1.0)}, "spend_log_sum is not 0 with spend_count 0"),
    ],
)
def test_a_broken_rule_is_named_with_its_customer(cells, message):
    ((customer, _),) = cells.values()
    with pytest.raises(DataError) as caught:
        validate_summary(broken(**cells), time_unit="week")
    assert str(caught.value).startswith(message)
    assert f"for 1 of 3 customers (id {customer})" in str(caught.value)
    assert caught.value.ids == [customer]
    assert caught.value.exit_code == 10


def test_a_mean_missing_for_a_repeater_is_an_error_where_nothing_else_tells_spend():
    with pytest.raises(DataError, match="monetary_value is missing although frequency > 0 for 1 of 3"):
        validate_summary(broken(MEANS, monetary_value=("c", np.nan)), time_unit="week")


def test_a_mean_of_zero_is_missing_without_repeat_purchases_and_kept_with_them():
    frame = broken(broken(MEANS, monetary_value=("b", 0.0)), monetary_value=("c", 0.0))
    checked = validate_summary(frame, time_unit="week")
    assert checked["monetary_value"].tolist()[::2] == [15.0, 0.0]
    assert np.isnan(checked["monetary_value"][1])


def test_duplicate_ids_are_an_error_also_when_they_differ_only_in_type():
    for ids in (["a", "a", "c"], [5, "5", "c"], [5.0, "5", "c"]):
        with pytest.raises(DataError, match="customer_id appears more than once for 1 of 3"):
            validate_summary(ROWS.assign(customer_id=ids), time_unit="week")


@pytest.mark.parametrize("ids", [["a", None, "c"], ["a", "", "c"], [1.0, np.nan, 3.0]])
def test_missing_ids_are_an_error(ids):
    with pytest.raises(DataError, match="'customer_id' is missing for 1 of 3 customers"):
        validate_summary(ROWS.assign(customer_id=ids), time_unit="week")


def test_text_among_numbers_is_an_error_with_the_example():
    with pytest.raises(DataError, match=r"'T' is no number for 1 of 3 customers \(id c\), such as 'twenty'"):
        validate_summary(broken(T=("c", "twenty")), time_unit="week")


@pytest.mark.parametrize("column", ["customer_id", "frequency", "recency", "T"])
def test_a_missing_column_is_named(column):
    with pytest.raises(DataError, match=f"no column '{column}'"):
        validate_summary(ROWS.drop(columns=column), time_unit="week")


def test_an_unknown_group_column_is_named_with_its_nearest():
    with pytest.raises(DataError, match=r"no column 'chanel' \(nearest: channel\)"):
        validate_summary(ROWS, time_unit="week", groups=["chanel"])


def test_a_missing_group_value_is_an_error():
    with pytest.raises(DataError, match="'channel' is missing for 1 of 3"):
        validate_summary(ROWS.assign(channel=["web", None, "web"]), time_unit="week", groups=["channel"])


def test_some_spend_statistics_without_the_others_are_refused():
    with pytest.raises(DataError, match="has spend_count, spend_sum but not spend_log_sum"):
        validate_summary(ROWS.drop(columns="spend_log_sum"), time_unit="week")


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(DataError, match="more than one column named 'T'"):
        validate_summary(pd.concat([ROWS, ROWS[["T"]]], axis=1), time_unit="week")


def test_no_customers_are_an_error_unless_allowed():
    with pytest.raises(DataError, match="no customers"):
        validate_summary(ROWS[:0], time_unit="week")
    assert validate_summary(ROWS[:0], time_unit="week", allow_empty=True).empty


def test_something_else_than_a_frame_is_an_error():
    with pytest.raises(DataError, match="summarize"):
        validate_summary([1, 2, 3], time_unit="week")


def test_without_a_time_unit_the_keyword_is_named():
    with pytest.raises(DataError, match="time_unit="):
        validate_summary(ROWS)


def test_an_end_that_does_not_fit_the_dates_is_an_error():
    dated = ROWS.assign(first_purchase=pd.Timestamp("2024-12-31") - pd.to_timedelta(ROWS["T"] * 7, unit="D"))
    validate_summary(dated, time_unit="week", observation_end="2024-12-31")
    with pytest.raises(
        DataError, match="T is not the time from first_purchase to observation_end=2024-11-30"
    ):
        validate_summary(dated, time_unit="week", observation_end="2024-11-30")
    with pytest.raises(DataError, match="in days for 3 of 3"):
        validate_summary(dated, time_unit="day", observation_end="2024-12-31")


@pytest.mark.parametrize(
    "frame",
    [
        ROWS[:1],
        ROWS[1:2],
        ROWS.assign(channel="web"),
        ROWS.assign(customer_id=[3, 1, 2]),
        ROWS.assign(customer_id=[3, "x", 2.0]),
        ROWS.astype({"frequency": "float64", "recency": "float32"}),
        ROWS.astype({"frequency": "Int64", "monetary_value": "Float64"}),
        ROWS.set_index(pd.Index([7, 7, 9])),
        MEANS.drop(columns="monetary_value"),
    ],
    ids=[
        "one",
        "nobody repeats",
        "constant group",
        "whole ids",
        "mixed ids",
        "floats",
        "nullable",
        "index",
        "no spend",
    ],
)
def test_these_are_fine(frame):
    checked = validate_summary(frame, time_unit="week", groups=["channel"])
    assert str(checked["customer_id"].dtype) == "str"
    assert checked["frequency"].dtype == np.int64
    assert checked["recency"].dtype == checked["T"].dtype == np.float64
    assert checked.index.equals(pd.RangeIndex(len(frame)))


# unit and end


def test_the_unit_comes_from_the_keyword_or_the_attributes():
    frame = ROWS.copy()
    assert resolve_time_unit(frame, "D") == "day"
    frame.attrs["time_unit"] = "week"
    assert resolve_time_unit(frame) == "week"
    assert resolve_time_unit(frame, "weeks") == "week"
    with pytest.raises(DataError, match="attributes say 'week'"):
        resolve_time_unit(frame, "day")


def test_the_end_comes_from_the_keyword_or_the_attributes():
    frame = ROWS.copy()
    assert resolve_observation_end(frame) is None
    assert resolve_observation_end(frame, "2024-01-31") == pd.Timestamp("2024-01-31")
    frame.attrs["observation_end"] = "2024-01-31"
    assert resolve_observation_end(frame) == pd.Timestamp("2024-01-31")
    assert resolve_observation_end(frame, pd.Timestamp("2024-01-31")) == pd.Timestamp("2024-01-31")
    with pytest.raises(DataError, match="has a time of day"):
        resolve_observation_end(frame, pd.Timestamp("2024-01-31 12:00"))
    with pytest.raises(DataError, match="attributes say 2024-01-31"):
        resolve_observation_end(frame, "2024-02-01")
    with pytest.raises(DataError, match="is not a date"):
        resolve_observation_end(ROWS, "someday")


# fingerprint


def test_the_fingerprint_does_not_depend_on_order_other_columns_or_attributes():
    expected = fingerprint(ROWS)
    assert fingerprint(ROWS.iloc[::-1]) == expected
    assert fingerprint(ROWS[ROWS.columns[::-1]]) == expected
    assert fingerprint(ROWS.drop(columns="channel").assign(note=1)) == expected
    assert fingerprint(ROWS.astype({"frequency": float})) == expected
    assert fingerprint(validate_summary(ROWS, time_unit="week")) == expected


def test_the_fingerprint_reads_no_repeat_spend_alike_as_zero_and_as_missing():
    assert fingerprint(broken(MEANS, monetary_value=("b", 0.0))) == fingerprint(MEANS)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("customer_id", "z"),
        ("frequency", 3),
        ("recency", 4.0000001),
        ("T", 21.0),
        ("spend_sum", 8.01),
        ("spend_log_sum", 2.0),
    ],
)
def test_the_fingerprint_changes_with_every_column_of_the_history(column, value):
    assert fingerprint(broken(**{column: ("c", value)})) != fingerprint(ROWS)


def dated(first=("2024-01-01", "2024-01-09", "2024-01-19"), days=((19724, 19733), (), (19745,))):
    lists = pd.Series([np.array(each, dtype=np.int64) for each in days], dtype=object)
    return ROWS.assign(first_purchase=pd.to_datetime(list(first)), repeat_days=lists)


def test_the_fingerprint_sees_the_calendar():
    """The same histories a year later, or on other days between, are other data to a clock."""
    expected = fingerprint(dated())
    assert fingerprint(dated().iloc[::-1]) == expected
    assert fingerprint(dated(days=((19733, 19724), (), (19745,)))) == expected
    assert fingerprint(dated(first=("2023-01-01", "2024-01-09", "2024-01-19"))) != expected
    assert fingerprint(dated(days=((19725, 19733), (), (19745,)))) != expected
    assert fingerprint(dated(days=((19724,), (19733,), (19745,)))) != expected
    assert len({expected, fingerprint(ROWS), fingerprint(dated().drop(columns="repeat_days"))}) == 3


@pytest.mark.parametrize(
    "value", ["[19724 19733]", [19724.5, 19733.0], [np.inf, 1.0], [np.nan, 1.0], 19724, ["a", "b"]]
)
def test_repeat_days_that_are_no_lists_of_days_are_named_with_their_customer(value):
    frame = dated()
    frame.at[0, "repeat_days"] = value
    with pytest.raises(
        DataError, match=r"repeat_days is no list of whole days for 1 of 3 customers \(id a\)"
    ):
        validate_summary(frame, time_unit="week")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("first_purchase", "soon", "first_purchase is no date"),
        ("first_purchase", "31.01.2024", "first_purchase is no date"),
        ("first_purchase", 20240131, "first_purchase is no date"),
        ("first_purchase", None, "first_purchase is missing"),
        ("last_purchase", None, "last_purchase is missing"),
        ("last_purchase", "2024-13-01", "last_purchase is no date"),
        ("value_to_date", np.inf, "value_to_date is missing or infinite"),
        ("value_to_date", np.nan, "value_to_date is missing or infinite"),
    ],
)
def test_what_is_known_of_a_customer_is_looked_at_too(column, value, message):
    known = {"last_purchase": ["2024-07-29", "2024-01-01", "2024-01-29"], "value_to_date": [50.0, 10.0, 20.0]}
    rows = ROWS.assign(first_purchase="2024-01-01", **known)
    good = validate_summary(rows, time_unit="week")
    assert good["first_purchase"].tolist() == [pd.Timestamp("2024-01-01")] * 3
    with pytest.raises(DataError) as caught:
        validate_summary(broken(rows, **{column: ("c", value)}), time_unit="week")
    assert str(caught.value).startswith(message)
    assert "for 1 of 3 customers (id c)" in str(caught.value)


def test_dates_with_a_time_zone_are_days_as_they_stand():
    stamps = pd.to_datetime(["2024-01-01 23:30"] * 3).tz_localize("Asia/Tokyo")
    checked = validate_summary(ROWS.assign(first_purchase=stamps), time_unit="week")
    assert checked["first_purchase"].dt.date.astype(str).tolist() == ["2024-01-01"] * 3


def test_the_fingerprint_sees_two_customers_swap_their_histories():
    swapped = ROWS.assign(customer_id=["b", "a", "c"])
    assert fingerprint(swapped) != fingerprint(ROWS)


def test_the_fingerprint_is_the_same_in_every_session():
    # recorded once: a changed hash would make every stored fit look as if it came from other data
    assert fingerprint(ROWS[["customer_id", "frequency", "recency", "T"]]) == "2ef03a0fbdbeb2ea"
