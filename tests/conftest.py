"""Data and fits that several tests share; each is made once per run."""

import pandas as pd
import pytest
import xarray as xr

import bayesltv as ltv

QUICK = {"chains": 4, "tune": 500, "draws": 500}
"""Sampler settings of tests that need a posterior but not a precise one."""


@pytest.fixture(scope="session")
def cdnow_log() -> pd.DataFrame:
    return ltv.load_cdnow("sample")


@pytest.fixture(scope="session")
def cdnow(cdnow_log) -> pd.DataFrame:
    """The calibration period of the CDNOW sample, in weeks, with its cohorts."""
    return ltv.summarize(cdnow_log, observation_end="1997-09-30", time_unit="week", groups=["cohort"])


@pytest.fixture(scope="session")
def cdnow_holdout(cdnow_log, cdnow) -> pd.Series:
    """Purchase days of each customer from 1997-10-01 to 1998-06-30, in the order of `cdnow`."""
    later = cdnow_log[cdnow_log["date"] > "1997-09-30"].drop_duplicates(["customer_id", "date"])
    counts = later.groupby("customer_id").size()
    return counts.reindex(cdnow["customer_id"], fill_value=0)


@pytest.fixture(scope="session")
def pooled_fit(cdnow) -> xr.DataTree:
    return ltv.fit(cdnow, ltv.load_spec("pooled"), seed=20240501, progress=False)


@pytest.fixture(scope="session")
def grouped_fit(cdnow) -> xr.DataTree:
    return ltv.fit(cdnow, ltv.load_spec("by_group"), seed=20240501, progress=False)


@pytest.fixture(scope="session")
def decision():
    return ltv.load_decision("retention")
