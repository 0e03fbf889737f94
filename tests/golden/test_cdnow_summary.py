"""The CDNOW pins: Fader, Hardie & Lee (2005) and the published data, weeks, calibration to 1997-09-30."""

import numpy as np
import pandas as pd
import pytest

from bayesltv.data.datasets import load_cdnow
from bayesltv.data.log.summarize import summarize

CALIBRATION_END = "1997-09-30"


@pytest.fixture(scope="module")
def sample():
    return summarize(load_cdnow(), observation_end=CALIBRATION_END, groups=["cohort"])


@pytest.fixture(scope="module")
def master():
    return summarize(load_cdnow("master"), observation_end=CALIBRATION_END, groups=["cohort"])


def test_the_sample_has_the_published_counts(sample):
    x = sample["frequency"]
    assert len(sample) == 2357
    assert (x > 0).sum() == 946
    assert x.sum() == 2457
    assert x.max() == 29
    assert np.bincount(x.clip(upper=7)).tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]


def test_the_sample_is_observed_for_27_to_38_857_weeks(sample):
    assert sample["T"].min() == 27.0
    assert sample["T"].max() == pytest.approx(38.857, abs=5e-4)


def test_repeat_spend_of_the_sample_averages_35_078(sample):
    assert sample["monetary_value"].mean() == pytest.approx(35.078, abs=5e-4)
    assert sample["monetary_value"].notna().sum() == 946
    assert sample.loc[sample["frequency"] == 0, "monetary_value"].isna().all()


def test_frequency_and_spend_of_the_sample_correlate_by_ranks_as_published(sample):
    repeaters = sample[sample["frequency"] > 0]
    assert repeaters["frequency"].corr(repeaters["monetary_value"], method="spearman") == pytest.approx(
        0.206, abs=5e-4
    )


def test_the_sample_collapses_to_1016_cells(sample):
    assert len(sample[["frequency", "recency", "T"]].drop_duplicates()) == 1016


def test_the_holdout_of_the_sample_holds_1882_purchase_days(sample):
    whole = summarize(load_cdnow(), observation_end="1998-06-30")
    assert whole["frequency"].sum() - sample["frequency"].sum() == 1882


def test_the_master_file_has_the_published_counts(master):
    assert len(master) == 23570
    assert len(master[["frequency", "recency", "T"]].drop_duplicates()) == 8685
    whole = summarize(load_cdnow("master"), observation_end="1998-06-30")
    assert whole["frequency"].sum() - master["frequency"].sum() == 19684


def test_the_sample_is_every_tenth_customer_of_the_master_file(sample, master):
    both = sample.merge(master, on="customer_id", suffixes=("", "_master"))
    assert len(both) == 2357
    assert (both["frequency"] == both["frequency_master"]).all()
    assert both["spend_sum"].to_numpy() == pytest.approx(both["spend_sum_master"].to_numpy())


def test_one_customer_read_off_the_file_by_hand():
    # 00004: 1997-01-01 29.33, 01-18 29.73, 08-02 14.96, 12-12 26.48 (after the calibration)
    row = summarize(load_cdnow(), observation_end=CALIBRATION_END).set_index("customer_id").loc["00004"]
    assert row["frequency"] == 2
    assert row["recency"] == pytest.approx(213 / 7)
    assert row["T"] == pytest.approx(272 / 7)
    assert row["monetary_value"] == pytest.approx((29.73 + 14.96) / 2)
    assert row["spend_log_sum"] == pytest.approx(np.log(29.73) + np.log(14.96), abs=1e-11)
    assert row["value_to_date"] == pytest.approx(29.33 + 29.73 + 14.96)
    assert pd.to_datetime(row["repeat_days"], unit="D").strftime("%F").tolist() == [
        "1997-01-18",
        "1997-08-02",
    ]


def test_full_information_spend_statistics_give_the_published_likelihood(sample):
    # log-likelihood at the published full-information maximum of Gamma-Gamma: -10707.8597
    from scipy.special import gammaln

    p, q, v = 3.6100, 4.4862, 34.083
    rows = sample[sample["spend_count"] > 0]
    n, total, logs = rows["spend_count"], rows["spend_sum"], rows["spend_log_sum"]
    value = (p - 1) * logs + gammaln(p * n + q) - n * gammaln(p) - gammaln(q) + q * np.log(v)
    value = value - (p * n + q) * np.log(v + total)
    assert value.sum() == pytest.approx(-10707.8597, abs=2e-3)


def test_cdnow_is_read_without_a_warning_whole_and_cut_at_any_end():
    for which in ("sample", "master"):
        log = load_cdnow(which)
        for end in ("1997-03-31", CALIBRATION_END, None):
            summarize(log, observation_end=end)


def test_rows_after_the_end_are_counted(sample):
    assert sample.attrs["set_aside"] == {"rows_after_observation_end": 1959}
    assert (load_cdnow()["date"] > CALIBRATION_END).sum() == 1959
