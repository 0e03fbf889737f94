"""The posterior on the CDNOW sample against maximum likelihood.

Maximum-likelihood values and asymptotic standard errors of log(r, alpha, a, b) were found with two
independent optimisers; BG/NBD values agree with Fader, Hardie & Lee (2005) to the three digits printed there.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

import bayesltv as ltv
from helpers import sealed

ML = {"r": 0.2425945, "alpha": 4.413602, "a": 0.792922, "b": 2.425907}
STANDARD_ERRORS = {"r": 0.0518, "alpha": 0.0857, "a": 0.2342, "b": 0.2908}
WITH_FIRST = {"p": 3.662967, "q": 4.619331, "v": 33.083644, "delta": 0.970409}
MEAN_FORM = {"p": 6.24957, "q": 3.74422, "v": 15.44352}


def log_draws(fit, name):
    return np.log(fit["posterior"][name].values.ravel())


@pytest.mark.parametrize("name", ML)
def test_purchase_posterior_agrees_with_maximum_likelihood_and_its_standard_errors(pooled_fit, name):
    draws = log_draws(pooled_fit, name)
    assert abs(draws.mean() - np.log(ML[name])) < draws.std()
    assert draws.std() == pytest.approx(STANDARD_ERRORS[name], rel=0.15)


@pytest.mark.parametrize("name", WITH_FIRST)
def test_spend_posterior_agrees_with_the_maximum_of_all_amounts(pooled_fit, name):
    draws = log_draws(pooled_fit, name)
    assert abs(draws.mean() - np.log(WITH_FIRST[name])) < draws.std()


def test_spend_posterior_agrees_with_the_mean_form_maximum_when_only_means_are_given(cdnow):
    frame = cdnow[["customer_id", "frequency", "recency", "T", "monetary_value"]].fillna(
        {"monetary_value": 0.0}
    )
    summary = ltv.as_summary(frame, time_unit="week", observation_end="1997-09-30")
    fit = ltv.fit(summary, ltv.load_spec("pooled").without_first_amounts(), seed=8, method="laplace")
    assert fit.attrs["spend_form"] == "mean"
    for name, value in MEAN_FORM.items():
        draws = log_draws(fit, name)
        assert abs(draws.mean() - np.log(value)) < draws.std()


@pytest.mark.parametrize("name", ["pooled_fit", pytest.param("grouped_fit", marks=pytest.mark.slow)])
def test_shipped_settings_pass_every_gate(name, cdnow, request):
    report = ltv.check(request.getfixturevalue(name), cdnow)
    assert report.passed, report.table.to_string()
    assert report["rhat"].value <= 1.01
    assert report["divergences"].value == 0
    assert min(report["ess_bulk"].value, report["ess_tail"].value) >= 400


def test_the_same_seed_gives_the_same_draws_and_another_seed_others(cdnow):
    spec = ltv.load_spec("pooled")
    quick = {"chains": 2, "tune": 100, "draws": 20}
    first, again, other = (
        ltv.fit(cdnow, spec, seed=seed, sampler=quick, progress=False)["posterior"].to_dataset()
        for seed in (1, 1, 2)
    )
    assert first.equals(again)
    assert not first.equals(other)


def test_loo_from_cells_equals_loo_of_every_customer(pooled_fit, cdnow):
    import arviz as az
    import xarray as xr

    fit = sealed(pooled_fit.isel(draw=slice(None, None, 4)))  # PSIS of every customer takes its time
    cells = ltv.log_likelihood(fit, cdnow)["purchase"].to_dataset()
    every = cells["log_likelihood"].isel(
        unit=np.repeat(np.arange(cells.sizes["unit"]), cells["customers"].values)
    )
    tree = fit.copy()
    tree["log_likelihood"] = xr.DataTree(xr.Dataset({"purchase": every}))
    expected = az.loo(tree)
    ours = ltv.loo(fit, cdnow)
    assert ours["purchase"].n_data_points == 2357
    assert ours["purchase"].elpd == pytest.approx(expected.elpd, rel=1e-8)
    assert ours["purchase"].se == pytest.approx(expected.se, rel=1e-8)
    assert ours["purchase"].p == pytest.approx(expected.p, rel=1e-6)
    assert ours["spend"].n_data_points == 2349


DRAWS_OF_A_FRESH_PROCESS = """
import hashlib
import bayesltv as ltv
summary = ltv.summarize(
    ltv.load_cdnow(), observation_end="1997-09-30", time_unit="week", groups=["cohort"]
)
quick = {"chains": 2, "tune": 100, "draws": 50}
for name in ("pooled", "by_group"):
    posterior = ltv.fit(summary, ltv.load_spec(name), seed=1, sampler=quick, progress=False)["posterior"]
    content = b"".join(posterior[name].values.tobytes() for name in sorted(posterior.data_vars))
    print(hashlib.sha256(content).hexdigest())
"""


@pytest.mark.slow
def test_a_fresh_process_draws_the_same_whether_or_not_compiled_code_is_cached(tmp_path):
    """It did not while PyTensor compiled with fastmath: gradients differed in the last bit."""
    flags = f"base_compiledir={tmp_path / 'pytensor'}"
    cold = {"PYTENSOR_FLAGS": flags, "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    printed = [
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", DRAWS_OF_A_FRESH_PROCESS],
            env={**os.environ, **env, "PYTHONHASHSEED": seed},
            check=True, capture_output=True, text=True,
        ).stdout
        for seed, env in (("1", {}), ("2", cold), ("3", cold))
    ]  # fmt: skip
    assert printed[0] == printed[1] == printed[2]
    assert len(printed[0].split()) == 2
