"""The apparel log of CLVTools (simulated), where it is at hand: BAYESLTV_APPAREL names its folder."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.specs.model.covariates import Covariate

FOLDER = os.environ.get("BAYESLTV_APPAREL", "")
COVARIATES = ("gender_female", "channel_offline")


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER, reason="BAYESLTV_APPAREL is not set: the log is not part of the project")
def test_covariates_of_the_apparel_log_speak_of_the_rate_and_not_of_spend():
    log = pd.read_csv(Path(FOLDER) / "transactions.csv", dtype={"customer_id": str})
    known = pd.read_csv(Path(FOLDER) / "static_covariates.csv", dtype=str)
    summary = ltv.summarize(
        log.merge(known, on="customer_id"), observation_end="2006-12-31", time_unit="week",
        covariates=COVARIATES,
    )  # fmt: skip
    assert len(summary) == 600
    plain = ltv.fit(summary, ltv.load_spec("pooled"), seed=1, method="laplace", progress=False)
    # maximum likelihood of lifetimes: r .607, alpha 20.96
    for name, value in (("r", 0.607), ("alpha", 20.96)):
        assert float(plain["posterior"][name].median()) == pytest.approx(value, rel=0.05)
    held = ltv.evaluate(
        plain, summary, log, horizon="1450 days", log_end="2010-12-20", tracking=False, draws=500
    )
    assert held.total()["actual"] == 1317
    assert 1.0 < held.total()["mean"] / 1317 < 1.2
    each = {
        name: Covariate(kind="categorical", reference="0", why="the log's own design") for name in COVARIATES
    }
    fit = ltv.fit(
        summary, ltv.ModelSpec(covariates=each), seed=1, sampler={"chains": 2, "tune": 700, "draws": 700},
        progress=False,
    )  # fmt: skip
    rate, spend = (fit["posterior"][f"{scale}_covariates"] for scale in ("purchase_rate", "spend_typical"))
    assert (rate.quantile(0.025, dim=("chain", "draw")) > 0).all()  # women and offline customers buy more
    assert (np.abs(spend.median(("chain", "draw"))) < 0.1).all()
