"""Data and fits that several tests share; each fit is made once per run, whatever the number of workers."""

import fcntl
import gc
import os
from collections.abc import Callable
from pathlib import Path

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
def once(tmp_path_factory) -> Callable[[str, Callable[[], xr.DataTree]], xr.DataTree]:
    """``once(name, make)``: the fit that the first worker to ask for it has made, while others waited."""
    folder: Path = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # which all workers share

    def made_once(name: str, make: Callable[[], xr.DataTree]) -> xr.DataTree:
        path = folder / f"{name}.nc"
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # given back when the file is closed
            if not path.exists():
                ltv.save(make(), path)
        return ltv.load(path)

    return made_once


@pytest.fixture(scope="session")
def pooled_fit(cdnow, once) -> xr.DataTree:
    return once("pooled", lambda: ltv.fit(cdnow, ltv.load_spec("pooled"), seed=20240501, progress=False))


@pytest.fixture(scope="session")
def laplace_fit(cdnow, once) -> xr.DataTree:
    """The pooled model without chains: seconds, for what needs many right draws and no sampler."""
    spec = ltv.load_spec("pooled")
    return once("laplace", lambda: ltv.fit(cdnow, spec, seed=20240501, method="laplace", progress=False))


@pytest.fixture(scope="session")
def grouped_fit(cdnow, once) -> xr.DataTree:
    return once("grouped", lambda: ltv.fit(cdnow, ltv.load_spec("by_group"), seed=20240501, progress=False))


@pytest.fixture(scope="session")
def grouped_laplace_fit(cdnow, once) -> xr.DataTree:
    """The same posterior by cohort in a quarter of the time, for what asks for groups and not for chains."""
    spec = ltv.load_spec("by_group")
    return once(
        "grouped laplace", lambda: ltv.fit(cdnow, spec, seed=20240501, method="laplace", progress=False)
    )


@pytest.fixture(scope="session")
def decision():
    return ltv.load_decision("retention")


COMPILERS = ("test_demo.py", "test_golden_values.py")
"""Between them they compile most kernels, the one for MBG/NBD and the other for BG/NBD and clocks."""


def pytest_collection_modifyitems(items):
    """Give each of two workers one of `COMPILERS` first: what it compiles the other then finds on disk."""
    items.sort(key=lambda item: item.path.name not in COMPILERS)  # the rest stays in its order


def pytest_configure(config):
    """Collect cycles less often, which took a twelfth of the time; and where no installed font has Chinese
    characters, let figures with them warn, and be drawn all the same."""
    gc.set_threshold(20_000, 20, 20)
    from bayesltv.report.style import has_cjk_font

    if not has_cjk_font():
        for said in ("no installed font has Chinese characters", "Glyph [0-9]+ .* missing from font"):
            config.addinivalue_line("filterwarnings", f"ignore:{said}")
