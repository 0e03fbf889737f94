"""A small world on disk, and fits of it that take seconds."""

from io import BytesIO
from pathlib import Path

import matplotlib.figure
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

import bayesltv as ltv
from helpers import sealed

PURCHASE = {"r": 0.6, "alpha": 3.0, "a": 0.8, "b": 2.5}
SPEND = {"p": 6.0, "q": 4.0, "v": 15.0}
SAMPLER = ("--chains", "2", "--tune", "300", "--draws", "300", "--cores", "2")


@pytest.fixture(scope="session")
def small_log() -> pd.DataFrame:
    """250 customers in two groups, observed for 39 weeks."""
    return ltv.simulate_log(
        {"shop": 150, "web": 100}, purchase=PURCHASE, spend=SPEND, seed=7, group_col="channel"
    )


@pytest.fixture(scope="session")
def small_summary(small_log) -> pd.DataFrame:
    return ltv.summarize(small_log, observation_end="1997-09-30", time_unit="week", groups=["channel"])


@pytest.fixture(scope="session")
def small_spec() -> ltv.ModelSpec:
    """The shipped pooled model, with gates that a run of seconds can pass."""
    gates = ltv.GateSpec(rhat_max=1.2, ess_min=30, divergences_max=20)
    return ltv.ModelSpec(title="quick", gates=gates)


@pytest.fixture(scope="session")
def small_fit(small_summary, small_spec, once) -> xr.DataTree:
    sampler = {"chains": 2, "tune": 300, "draws": 300}
    fit = once("small", lambda: ltv.fit(small_summary, small_spec, seed=1, sampler=sampler, progress=False))
    assert ltv.check(fit).passed
    return fit


@pytest.fixture(scope="session")
def world(tmp_path_factory, small_log, small_summary, small_fit) -> Path:
    """A folder with log.csv, summary.parquet, fit.nc and a fit that failed, failed.nc; tests only read it."""
    folder = tmp_path_factory.mktemp("world")
    small_log.to_csv(folder / "log.csv", index=False)
    small_summary.to_parquet(folder / "summary.parquet", index=False)
    ltv.save(small_fit, folder / "fit.nc")
    failed = sealed(small_fit, checks=small_fit.attrs["checks"].replace('"pass"', '"fail"', 1))
    ltv.save(failed, folder / "failed.nc")
    return folder


@pytest.fixture
def unpainted(monkeypatch):
    """Figures are made, but no pixel is painted: tests that do not look at them find one pixel each."""
    pixel = BytesIO()
    Image.new("L", (1, 1)).save(pixel, "png")

    def save(_, target, **_options):
        target.write(pixel.getvalue())

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", save)
