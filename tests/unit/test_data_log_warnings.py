"""Warnings about logs that can be used but are odd; CDNOW, which is not, is in tests/golden."""

import warnings

import numpy as np
import pandas as pd
import pytest

from bayesltv.data.datasets import load_cdnow
from bayesltv.data.log.log_warnings import midlife_peak
from bayesltv.data.log.summarize import summarize
from bayesltv.data.simulate import simulate_log
from bayesltv.errors import BayesltvWarning

PURCHASE = {"r": 1.0, "alpha": 10.0, "a": 0.8, "b": 8.0}


def warned(log, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        summarize(log, **options)
    assert all(issubclass(w.category, BayesltvWarning) for w in caught)
    return [str(w.message) for w in caught]


@pytest.fixture(scope="module")
def cdnow():
    return load_cdnow()


def test_a_log_loaded_twice_is_warned_of_once_with_counts(cdnow):
    (message,) = warned(pd.concat([cdnow, cdnow]))
    assert "6,940 of 13,838 rows repeat another row" in message  # 6,919 and 21 that were there before


def test_a_log_part_of_which_was_loaded_twice_is_warned_of(cdnow):
    (message,) = warned(pd.concat([cdnow, cdnow[:200]]))
    assert "loaded twice" in message


def test_with_order_ids_every_copy_is_worth_a_warning(cdnow):
    numbered = cdnow.assign(order=range(len(cdnow)))
    assert warned(numbered, order_id_col="order") == []
    (message,) = warned(pd.concat([numbered, numbered[:1]]), order_id_col="order")
    assert "1 of 6,920 rows repeat another row with the same customer, time, amount and order id" in message


def test_lines_of_one_order_are_no_copies(cdnow):
    lines = pd.concat([cdnow.assign(order=range(len(cdnow)))] * 2, ignore_index=True)
    lines["amount"] = np.where(lines.index < len(cdnow), lines["amount"] * 0.3, lines["amount"] * 0.7)
    lines = lines[lines["amount"] > 0]
    assert warned(lines, order_id_col="order") == []


def test_order_ids_are_looked_at_where_there_are_no_amounts(cdnow):
    numbered = cdnow.drop(columns="amount").assign(order=np.arange(len(cdnow)))
    assert warned(numbered, order_id_col="order", monetary_value_col=None) == []
    numbered.loc[:3, "order"] = 0
    (message,) = warned(numbered, order_id_col="order", monetary_value_col=None)
    assert message.startswith("1 order id appears on more than one day or with more than one customer (id 0)")


def test_an_order_id_of_two_customers_or_two_days_is_warned_of(cdnow):
    numbered = cdnow.assign(order=np.arange(len(cdnow)))
    numbered.loc[:3, "order"] = 0  # one customer, four days
    (message,) = warned(numbered, order_id_col="order")
    assert message.startswith("1 order id appears on more than one day or with more than one customer (id 0)")


def test_an_amount_in_cents_among_dollars_is_extreme(cdnow):
    wrong = cdnow.assign(amount=cdnow["amount"].where(cdnow.index != 5, cdnow["amount"] * 10_000))
    (message,) = warned(wrong)
    assert "1 purchase day has an extreme amount" in message
    assert "(id 00021)" in message


def test_the_unit_of_money_does_not_matter_to_what_is_extreme(cdnow):
    assert warned(cdnow.assign(amount=cdnow["amount"] * 10_000)) == []


def test_one_price_for_all_is_not_extreme_and_a_hundred_times_it_is():
    log = pd.DataFrame({"customer_id": "a", "date": pd.date_range("2024-01-01", periods=10), "amount": 9.99})
    assert warned(log) == []
    log.loc[3, "amount"] = 9999.0
    assert len(warned(log)) == 1


@pytest.mark.parametrize("cut", ["1997-02-01", "1997-04-01", "1997-06-01", "1997-09-01"])
def test_cdnow_cut_in_mid_life_is_warned_of(cdnow, cut):
    (message,) = warned(cdnow[cdnow["date"] >= cut])
    assert "seems to start mid-life" in message
    assert "acquired_from=" in message


def test_naming_the_acquisition_date_silences_the_warning(cdnow):
    assert warned(cdnow[cdnow["date"] >= "1997-02-01"], acquired_from="1997-02-15") == []


def test_steady_acquisition_is_no_peak_and_its_tail_end_is():
    log = simulate_log(
        6000,
        purchase=PURCHASE,
        start="2020-01-01",
        observation_end="2022-12-31",
        acquisition_days=1096,
        seed=3,
    )
    assert warned(log, monetary_value_col=None) == []
    (message,) = warned(log[log["date"] >= "2021-07-01"], monetary_value_col=None)
    assert "mid-life" in message


def test_a_cohort_acquired_in_a_week_says_nothing_about_its_left_end():
    assert midlife_peak(np.arange(1000) % 7) is None


def test_a_uniform_cohort_has_no_peak_at_any_length():
    for days in (30, 84, 365, 1000):
        assert midlife_peak(np.arange(5000) % days + 10_000) is None


def test_a_log_of_a_single_day_is_no_trouble_here():
    assert midlife_peak(np.zeros(10, dtype=np.int64)) is None


def test_nobody_repeating_is_warned_of():
    log = pd.DataFrame({"customer_id": ["a", "b"], "date": "2024-01-01", "amount": [1.0, 2.0]})
    assert warned(log) == [m for m in warned(log) if "none of 2 customers repeats" in m]
    assert len(warned(log)) == 1
