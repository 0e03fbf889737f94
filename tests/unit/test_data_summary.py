"""One row per customer: windows, units, columns, attributes."""

import datetime as dt
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from bayesltv.data.log.summarize import summarize
from bayesltv.errors import DataError
from bayesltv.names import SUMMARY_COLUMNS

LOG = pd.DataFrame(
    {
        "customer_id": ["a", "a", "a", "b", "b", "c"],
        "date": pd.to_datetime(
            ["2024-01-01", "2024-01-15", "2024-02-12", "2024-01-03", "2024-01-10", "2024-01-08"]
        ),
        "amount": [10.0, 20.0, 40.0, 5.0, 0.0, 12.0],
        "channel": ["web", "web", "web", "shop", "shop", "web"],
    }
)


def test_the_columns_are_those_of_the_contract_in_their_order():
    summary = summarize(LOG, groups=["channel"])
    assert summary.columns.tolist() == [*SUMMARY_COLUMNS, "channel"]
    assert summary["customer_id"].tolist() == ["a", "b", "c"]
    assert [str(t) for t in summary.dtypes] == [
        "str", "int64", "float64", "float64", "float64", "int64", "float64", "float64", "float64",
        "datetime64[us]", "datetime64[us]", "float64", "object", "str",
    ]  # fmt: skip


def test_a_customer_worked_by_hand():
    row = summarize(LOG, observation_end="2024-02-26").iloc[0]
    assert (row["frequency"], row["recency"], row["T"]) == (2, 6.0, 8.0)
    assert (row["monetary_value"], row["spend_count"], row["spend_sum"]) == (30.0, 2, 60.0)
    assert row["spend_log_sum"] == pytest.approx(np.log(800.0), abs=1e-11)
    assert row["value_to_date"] == 70.0


def test_a_free_repeat_purchase_counts_as_a_purchase_and_not_as_spend():
    row = summarize(LOG).iloc[1]
    assert row["frequency"] == 1
    assert row["spend_count"] == 0
    assert np.isnan(row["monetary_value"])


@pytest.mark.parametrize(("unit", "days"), [("day", 1), ("W", 7), ("months", 30.4375), ("year", 365.25)])
def test_time_is_whole_days_over_the_days_of_the_unit(unit, days):
    summary = summarize(LOG, time_unit=unit, observation_end="2024-02-26")
    assert summary["recency"].tolist() == pytest.approx([42 / days, 7 / days, 0])
    assert summary["T"].tolist() == pytest.approx([56 / days, 54 / days, 49 / days])


def test_an_unknown_time_unit_is_refused():
    with pytest.raises(DataError, match="fortnight"):
        summarize(LOG, time_unit="fortnight")


def test_the_observation_ends_with_the_log_unless_told():
    summary = summarize(LOG)
    assert summary.attrs["observation_end"] == "2024-02-12"
    assert summary["T"].iloc[0] == 6.0


@pytest.mark.parametrize("end", ["2024-01-10", dt.date(2024, 1, 10), pd.Timestamp("2024-01-10")])
def test_nothing_after_the_end_is_seen(end):
    summary = summarize(LOG, observation_end=end)
    assert summary["frequency"].tolist() == [0, 1, 0]
    assert summary["last_purchase"].max() <= pd.Timestamp("2024-01-10")
    assert summary.attrs["set_aside"] == {"rows_after_observation_end": 2}


def test_rows_after_the_end_are_an_error_when_asked():
    with pytest.raises(DataError, match=r"2 rows are dated after observation_end=2024-01-10.*\(id a\)"):
        summarize(LOG, observation_end="2024-01-10", late="error")


def test_an_end_before_the_first_row_is_refused():
    with pytest.raises(DataError, match=r"lies before the first row of the log \(2024-01-01\)"):
        summarize(LOG, observation_end="2023-12-31")


@pytest.mark.parametrize("end", ["soon", 20240101, float("nan"), "NaT"])
def test_an_end_that_is_no_date_is_refused(end):
    with pytest.raises(DataError, match=r"observation_end=.* is not a date"):
        summarize(LOG, observation_end=end)


def test_customers_acquired_earlier_are_left_out_and_counted():
    summary = summarize(LOG, acquired_from="2024-01-03")
    assert summary["customer_id"].tolist() == ["b", "c"]
    assert summary.attrs["set_aside"] == {"customers_acquired_earlier": 1}


def test_an_acquisition_date_after_everything_is_refused():
    with pytest.raises(DataError, match="leaves none of 3 customers"):
        summarize(LOG, acquired_from="2025-01-01")


def test_the_attributes_say_what_a_fit_must_know():
    attrs = summarize(LOG, groups=["channel"], currency="EUR").attrs
    assert attrs["time_unit"] == "week"
    assert attrs["currency"] == "EUR"
    assert attrs["groups"] == ["channel"]
    assert len(attrs["fingerprint"].removeprefix("2-")) == 16


def test_attributes_survive_a_parquet_file(tmp_path):
    summary = summarize(LOG)
    summary.to_parquet(tmp_path / "summary.parquet")
    back = pd.read_parquet(tmp_path / "summary.parquet")
    assert back.attrs == summary.attrs
    pd.testing.assert_frame_equal(back.drop(columns="repeat_days"), summary.drop(columns="repeat_days"))
    assert [list(d) for d in back["repeat_days"]] == [list(d) for d in summary["repeat_days"]]


def test_one_customer_with_one_purchase_works_with_a_warning():
    with pytest.warns(match="none of 1 customers repeats"):
        summary = summarize(LOG.iloc[[5]])
    assert summary[["frequency", "recency", "T"]].iloc[0].tolist() == [0, 0.0, 0.0]


def test_a_name_that_the_summary_needs_cannot_be_a_group():
    log = LOG.assign(T="x")
    with pytest.raises(DataError, match="'T' cannot be carried over"):
        summarize(log, groups=["T"])
    with pytest.raises(DataError, match="group and covariate"):
        summarize(log, groups=["channel"], covariates=["channel"])


def test_groups_as_text_are_refused_since_they_would_be_letters():
    with pytest.raises(DataError, match=r'groups=\["channel"\]'):
        summarize(LOG, groups="channel")


def test_importing_the_summary_loads_no_engine():
    code = "import sys; import bayesltv.data.log.summarize; "
    code += "assert not {'duckdb', 'narwhals', 'pymc'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
