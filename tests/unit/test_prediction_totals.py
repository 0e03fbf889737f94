"""Totals per draw, and means of them."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesltv.prediction.totals import summarise_totals, sums_of_means
from bayesltv.report.style import money


@pytest.fixture
def totals():
    draws = np.arange(2 * 3 * 101, dtype=float).reshape(2, 3, 101)
    return xr.Dataset(
        {
            "purchases": (("group", "tier", "draw"), draws),
            "value": (("group", "tier", "draw"), 10 * draws),
            "customers": (("group", "tier"), [[1, 2, 3], [10, 20, 30]]),
        },
        coords={"group": ["web", "shop"], "tier": ["low", "medium", "high"]},
    )


def test_totals_are_added_inside_each_draw(totals):
    table = summarise_totals(totals, by="group").set_index("group")
    whole = totals["purchases"].values.sum(axis=(0, 1))
    assert table.loc["total", "customers"] == 66
    assert table.loc["total", "purchases_mean"] == pytest.approx(whole.mean())
    assert table.loc["total", "purchases_p95"] == pytest.approx(np.quantile(whole, 0.95))
    assert table.loc["shop", "value_p05"] == pytest.approx(
        np.quantile(totals["value"].values[1].sum(axis=0), 0.05)
    )


def test_means_of_totals_are_those_of_customers_added_up_over_parts(totals):
    parts = [
        pd.DataFrame({"tier": ["low", "high"], "ltv_mean": [1.5, 4.0], "expected_purchases": [0.5, 2.0]}),
        pd.DataFrame({"tier": ["low"], "ltv_mean": [2.25], "expected_purchases": [0.25]}),
    ]
    nobody = totals.assign(customers=totals["customers"] * [1, 0, 1])
    table = summarise_totals(nobody, means=sums_of_means(parts)).set_index("tier")
    assert table["value_mean"].tolist() == [3.75, 0.0, 4.0, 7.75]
    assert table["purchases_mean"].tolist() == [0.75, 0.0, 2.0, 2.75]
    assert table.loc["low", "value_p95"] == summarise_totals(totals).set_index("tier").loc["low", "value_p95"]


def test_a_mean_that_is_infinite_for_one_customer_is_missing_for_all_whose_sum_it_is_in(totals):
    part = pd.DataFrame({"ltv_mean": [1.0, np.nan], "channel": ["web", "shop"], "land": ["x", "y"]})
    means = sums_of_means([part], by="group", columns=["channel"])
    table = summarise_totals(totals, by="group", means=means).set_index("group")
    assert table.loc["web", "value_mean"] == 1.0
    assert table.loc[["shop", "total"], "value_mean"].isna().all()
    assert sums_of_means([part], by="group", columns=["channel", "land"]).index.tolist() == [
        "shop | y",
        "web | x",
    ]
    assert money(np.nan, "USD") == "–"
