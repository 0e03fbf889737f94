"""Frames of pymc-marketing and lifetimes, against those packages' own columns."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from bayesltv.data.datasets import load_cdnow
from bayesltv.data.fingerprint import fingerprint
from bayesltv.data.log.summarize import summarize
from bayesltv.data.summary.as_summary import as_summary
from bayesltv.errors import DataError

# as lifetimes returns it: floats, the id as index, 0 where there is no mean
LIFETIMES = pd.DataFrame(
    {"frequency": [2.0, 0.0], "recency": [30.0, 0.0], "T": [38.0, 36.0], "monetary_value": [22.35, 0.0]},
    index=pd.Index([9, 4], name="id"),
)


def test_a_frame_of_lifetimes_is_adopted():
    summary = as_summary(LIFETIMES, time_unit="week")
    assert summary["customer_id"].tolist() == ["4", "9"]
    assert summary["frequency"].tolist() == [0, 2]
    assert summary["frequency"].dtype == np.int64
    assert np.isnan(summary["monetary_value"][0])
    assert summary["monetary_value"][1] == 22.35
    assert summary.attrs["time_unit"] == "week"


def test_a_frame_of_pymc_marketing_is_adopted():
    frame = LIFETIMES.rename_axis("customer_id").reset_index()
    pd.testing.assert_frame_equal(
        as_summary(frame, time_unit="week"), as_summary(LIFETIMES, time_unit="week")
    )


@pytest.mark.filterwarnings("ignore")  # its imports warn
def test_pymc_marketing_in_days_gives_the_same_histories_as_ours():
    from pymc_marketing.clv.utils import rfm_summary

    log = load_cdnow()
    theirs = rfm_summary(
        log,
        customer_id_col="customer_id",
        datetime_col="date",
        monetary_value_col="amount",
        time_unit="D",
        observation_period_end="1997-09-30",
    )
    adopted = as_summary(theirs, time_unit="day")
    ours = summarize(log, time_unit="day", observation_end="1997-09-30")
    columns = ["customer_id", "frequency", "recency", "T", "monetary_value"]
    pd.testing.assert_frame_equal(adopted[columns], ours[columns])


def test_our_own_summary_comes_back_as_it_was():
    summary = summarize(load_cdnow(), observation_end="1997-09-30", groups=["cohort"], currency="USD")
    again = as_summary(summary, groups=["cohort"])
    pd.testing.assert_frame_equal(again, summary)
    assert again.attrs == summary.attrs


def test_a_summary_that_lost_its_attributes_in_a_csv_is_adopted_with_keywords(tmp_path):
    summary = summarize(load_cdnow(), observation_end="1997-09-30").drop(columns="repeat_days")
    summary.to_csv(tmp_path / "summary.csv", index=False)
    back = pd.read_csv(tmp_path / "summary.csv", dtype={"customer_id": "str"})
    adopted = as_summary(back, time_unit="week", observation_end="1997-09-30")
    assert adopted.attrs["fingerprint"] == fingerprint(summary)


def test_other_names_and_other_frames_are_adopted():
    frame = pl.DataFrame(
        {"buyer": ["x"], "n": [1], "last": [2.0], "age": [5.0], "mean": [3.0], "plan": ["p"]}
    )
    summary = as_summary(
        frame,
        time_unit="month",
        customer_id_col="buyer",
        frequency_col="n",
        recency_col="last",
        T_col="age",
        monetary_value_col="mean",
        groups=["plan"],
        currency="EUR",
    )
    assert summary.iloc[0].tolist() == ["x", 1, 2.0, 5.0, 3.0, "p"]
    assert summary.attrs["currency"] == "EUR"
    assert summary.attrs["groups"] == ["plan"]


def test_without_a_time_unit_it_is_asked_for():
    with pytest.raises(DataError, match="time_unit="):
        as_summary(LIFETIMES)


def test_the_frame_given_is_not_changed():
    before = LIFETIMES.copy(deep=True)
    as_summary(LIFETIMES, time_unit="week", currency="EUR", observation_end="2024-01-01")
    pd.testing.assert_frame_equal(LIFETIMES, before)
    assert LIFETIMES.attrs == {}


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(DataError, match="no column or index 'who'"):
        as_summary(LIFETIMES, time_unit="week", customer_id_col="who")
    with pytest.raises(DataError, match="no column 'spend'"):
        as_summary(LIFETIMES, time_unit="week", monetary_value_col="spend")
    with pytest.raises(DataError, match="no column 'recency'"):
        as_summary(LIFETIMES.drop(columns="recency"), time_unit="week")
