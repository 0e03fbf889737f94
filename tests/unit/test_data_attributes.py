"""Group columns and covariates: one value per customer."""

import numpy as np
import pandas as pd
import pytest

from bayesltv.data.log.summarize import summarize
from bayesltv.errors import DataError


def log_of(**columns):
    return pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "b", "c"],
            "date": pd.to_datetime(["2024-01-01", "2024-01-08", "2024-01-02", "2024-01-09", "2024-01-03"]),
            "amount": 1.0,
            **columns,
        }
    )


def test_groups_are_carried_as_text_in_the_order_asked_for():
    log = log_of(region=[1, 1, 2, 2, 1], channel=["web", "web", "shop", "shop", "web"])
    summary = summarize(log, groups=["region", "channel"])
    assert summary.columns[-2:].tolist() == ["region", "channel"]
    assert summary["region"].tolist() == ["1", "2", "1"]
    assert str(summary["region"].dtype) == "str"


def test_two_values_for_one_customer_are_an_error_that_names_them():
    log = log_of(channel=["web", "shop", "shop", "web", "web"])
    with pytest.raises(
        DataError, match=r"more than one value for 2 of 3 customers \(ids a, b; .*'shop' and 'web'"
    ):
        summarize(log, groups=["channel"])


@pytest.mark.parametrize(
    ("policy", "expected"), [("first", ["web", "shop", "web"]), ("last", ["shop", "web", "web"])]
)
def test_the_first_or_last_value_by_date_is_taken_when_asked(policy, expected):
    log = log_of(channel=["web", "shop", "shop", "web", "web"])
    for rows in (log, log.iloc[::-1]):
        assert summarize(rows, groups=["channel"], group_conflict=policy)["channel"].tolist() == expected


def test_a_conflict_after_the_end_of_observation_is_none():
    log = log_of(channel=["web", "shop", "shop", "shop", "web"])
    with pytest.warns(match="nobody|none of"):
        summary = summarize(log, groups=["channel"], observation_end="2024-01-07")
    assert summary["channel"].tolist() == ["web", "shop", "web"]


def test_a_conflict_of_a_customer_left_out_is_none():
    log = log_of(channel=["web", "shop", "shop", "shop", "web"])
    assert summarize(log, groups=["channel"], acquired_from="2024-01-02")["channel"].tolist() == [
        "shop",
        "web",
    ]


@pytest.mark.parametrize("missing", [None, "", np.nan])
def test_a_missing_group_value_is_an_error_with_counts(missing):
    log = log_of(channel=["web", missing, "shop", "shop", missing])
    with pytest.raises(DataError, match=r"'channel' is missing in 2 of 5 rows, 2 customers \(ids a, c\)"):
        summarize(log, groups=["channel"])


def test_covariates_keep_their_type():
    log = log_of(
        age=[30, 30, 40, 40, 50], score=[0.5, 0.5, 1.5, 1.5, 2.5], vip=[True, True, False, False, True]
    )
    summary = summarize(log, covariates=["age", "score", "vip"])
    assert [str(summary[c].dtype) for c in ("age", "score", "vip")] == ["int64", "float64", "bool"]
    assert summary["score"].tolist() == [0.5, 1.5, 2.5]


def test_covariates_of_a_csv_become_numbers_where_all_are(tmp_path):
    log = log_of(
        age=[30, 30, 40, 40, 50],
        score=[0.5, 0.5, 1.5, 1.5, 2],
        plan=["x", "x", "1", "1", "2"],
        code=["007"] * 5,
    )
    path = tmp_path / "log.csv"
    log.to_csv(path, index=False)
    summary = summarize(path, covariates=["age", "score", "plan", "code"])
    types = [str(summary[c].dtype) for c in ("age", "score", "plan", "code")]
    assert types == ["int64", "float64", "str", "str"]


def test_covariates_follow_the_same_rule_as_groups():
    with pytest.raises(DataError, match="'age' has more than one value for 1 of 3"):
        summarize(log_of(age=[30, 31, 40, 40, 50]), covariates=["age"])
    with pytest.raises(DataError, match="'age' is missing in 1 of 5"):
        summarize(log_of(age=[30, 30, 40, 40, np.nan]), covariates=["age"])


def test_an_unknown_way_out_of_conflicts_is_refused():
    with pytest.raises(DataError, match="use one of error, first, last"):
        summarize(log_of(channel="web"), groups=["channel"], group_conflict="mode")
