"""Refunds, worked by hand. Days are days of January 2024."""

import pandas as pd
import pytest

from bayesltv.data.log.summarize import summarize
from bayesltv.errors import BayesltvWarning, DataError


def log_of(*rows, customer="a"):
    return pd.DataFrame(
        {
            "customer_id": customer,
            "date": [pd.Timestamp("2024-01-01") + pd.Timedelta(days=day - 1) for day, _ in rows],
            "amount": [float(amount) for _, amount in rows],
        }
    )


def repeats(summary):
    return [int(d) - 19722 for d in summary["repeat_days"].iloc[0]]  # 2024-01-01 is day 19723


def test_a_refund_reduces_the_latest_earlier_purchase():
    row = summarize(log_of((1, 10), (8, 20), (15, 30), (20, -5))).iloc[0]
    assert (row["frequency"], row["spend_sum"], row["value_to_date"]) == (2, 45.0, 55.0)


def test_a_refund_larger_than_the_latest_purchase_goes_on_to_the_one_before():
    summary = summarize(log_of((1, 10), (8, 20), (15, 30), (20, -35)))
    assert repeats(summary) == [8]
    assert summary["spend_sum"].item() == 15.0
    assert summary.attrs["set_aside"] == {"refund_rows": 1, "purchase_days_netted_to_zero": 1}


def test_a_refund_never_reaches_a_later_purchase():
    summary = summarize(log_of((1, 10), (8, 20), (10, -5), (15, 30)))
    assert summary["spend_sum"].item() == 45.0
    assert summary["spend_log_sum"].item() == pytest.approx(
        2.70805020110221 + 3.40119738166216
    )  # ln 15 + ln 30


def test_a_purchase_netted_to_zero_is_no_purchase():
    summary = summarize(log_of((1, 10), (8, 20), (8, -20), (15, 30)))
    assert repeats(summary) == [15]


def test_a_first_purchase_netted_to_zero_moves_the_first_purchase():
    row = summarize(log_of((1, 10), (3, -10), (8, 20), (15, 30)), observation_end="2024-01-22").iloc[0]
    assert (row["frequency"], row["recency"], row["T"]) == (1, 1.0, 2.0)


def test_a_refund_on_the_day_of_a_purchase_may_stand_before_it_in_the_log():
    summary = summarize(log_of((1, 10), (8, -5), (8, 20)))
    assert summary["spend_sum"].item() == 15.0


def test_a_purchase_at_amount_zero_stays_a_purchase_whatever_is_refunded():
    summary = summarize(log_of((1, 10), (8, 0), (15, 30), (16, -30)))
    assert repeats(summary) == [8]
    assert summary["spend_count"].item() == 0


def test_what_no_purchase_can_take_up_is_set_aside_and_counted():
    log = log_of((1, -10), (2, 10), (8, 20), (15, -32.5), (20, 7), (27, 7))
    with pytest.warns(BayesltvWarning, match=r"2 refunds, 12\.50 in sum, exceed"):
        summary = summarize(log)
    assert repeats(summary) == [27]
    assert summary.attrs["set_aside"]["refund_rows_unmatched"] == 2
    assert summary.attrs["set_aside"]["refund_amount_unmatched"] == 12.5


def test_a_refund_after_the_end_of_observation_is_not_known_yet():
    log = log_of((1, 10), (8, 20), (15, -20))
    summary = summarize(log, observation_end="2024-01-10")
    assert summary["frequency"].item() == 1
    assert summary.attrs["set_aside"] == {"rows_after_observation_end": 1}


def test_customers_whose_every_purchase_was_refunded_are_counted():
    log = pd.concat([log_of((1, 10), (8, 5)), log_of((1, 10), (2, -10), customer="b")])
    summary = summarize(log)
    assert summary["customer_id"].tolist() == ["a"]
    assert summary.attrs["set_aside"]["customers_without_purchase"] == 1


def test_refunds_of_one_customer_leave_the_others_alone():
    log = pd.concat([log_of((1, 10), (8, 5)), log_of((1, 10), (9, 7), (9, -2), customer="b")])
    summary = summarize(log).set_index("customer_id")
    assert summary["spend_sum"].to_dict() == {"a": 5.0, "b": 5.0}


def test_dropped_refunds_change_no_purchase_and_are_counted():
    summary = summarize(log_of((1, 10), (8, 20), (15, -20)), refunds="drop")
    assert summary["frequency"].item() == 1
    assert summary["last_purchase"].item() == pd.Timestamp("2024-01-08")
    assert summary.attrs["set_aside"] == {"refund_rows": 1, "refund_rows_dropped": 1}


def test_under_the_policy_error_negative_amounts_are_counted_and_ids_named():
    with pytest.raises(DataError, match=r"1 rows of 1 customers have a negative amount \(id a\)") as caught:
        summarize(log_of((1, 10), (8, -2)), refunds="error")
    assert caught.value.ids == ["a"]
    assert summarize(log_of((1, 10), (8, 2)), refunds="error")["frequency"].item() == 1


def test_a_log_of_refunds_only_has_nothing_to_summarize():
    for policy in ("net", "drop"):
        with pytest.raises(DataError, match="no purchase is left"):
            summarize(log_of((1, -10)), refunds=policy)


def test_an_unknown_policy_is_refused():
    with pytest.raises(DataError, match="use one of net, drop, error"):
        summarize(log_of((1, 10)), refunds="ignore")
