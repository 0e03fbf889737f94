"""Short fits against the long runs kept in models/reference; a file that is added there is tested by itself.

The two differ in seed and length, so that they agree only if both found the same posterior. What other
sampler, family or prior would have moved shows as a difference of many Monte Carlo errors.
"""

import json
from pathlib import Path

import numpy as np
import pytest

import bayesltv as ltv
from bayesltv.specs.catalogue import list_specs
from make_references import LONG, SEED, summarise_posterior

FOLDER = Path(__file__).parents[2] / "models" / "reference"
REFERENCES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
SHARED = {"pooled": "pooled_fit", "by_group": "grouped_fit"}
"""Fits that the session makes anyway, with the shipped settings."""
ERRORS = 5.0
"""Combined Monte Carlo errors by which means may differ: over some 300 parameters none does by chance."""
SPREAD, SPREAD_ERRORS = 0.15, 3.0
"""Relative difference of standard deviations, or where a heavy tail makes them noisier, their errors."""


def cases():
    """Every reference; those that need minutes of their own are slow."""
    for name, reference in REFERENCES.items():
        spec = ltv.load_spec(name)
        is_long = bool(spec.groups) or spec.clock is not None
        yield pytest.param(name, reference, marks=[pytest.mark.slow] if is_long else [], id=name)


def disagreements(found, reference):
    """What a fit's summary says otherwise than a reference, parameter by parameter."""
    said = []
    for name, long in reference.items():
        short = found[name]
        error = np.hypot(short["mcse_mean"], long["mcse_mean"])
        if not abs(short["mean"] - long["mean"]) <= ERRORS * error:
            said.append(f"mean of {name}: {short['mean']:.5g}, reference {long['mean']:.5g} ± {error:.2g}")
        room = max(SPREAD * long["sd"], SPREAD_ERRORS * np.hypot(short["mcse_sd"], long["mcse_sd"]))
        if not abs(short["sd"] - long["sd"]) <= room:
            said.append(f"sd of {name}: {short['sd']:.5g}, reference {long['sd']:.5g}")
    return said


@pytest.mark.parametrize(("name", "reference"), [*cases()])
def test_a_short_fit_finds_the_posterior_of_the_long_run(name, reference, cdnow, request):
    if name in SHARED:
        fit = request.getfixturevalue(SHARED[name])
    else:
        fit = ltv.fit(cdnow, ltv.load_spec(name), seed=8, progress=False)
    again = f"the spec or the data changed: python benchmarks/make_references.py {name}"
    assert fit.attrs["spec_hash"] == reference["model"]["spec_hash"], again
    assert fit.attrs["fingerprint"] == reference["data"]["fingerprint"], again
    assert int(fit.attrs["seed"]) != reference["settings"]["seed"]
    found = summarise_posterior(fit["posterior"].to_dataset())
    assert list(found) == list(reference["parameters"])
    assert disagreements(found, reference["parameters"]) == []


def test_laplace_by_cohort_finds_the_posterior_of_the_long_run(grouped_laplace_fit):
    """Medians within a tenth of a standard deviation, 90 % intervals as wide within 12 %: the bounds that
    Laplace draws keep to NUTS in the slow tests."""
    reference = REFERENCES["by_group"]["parameters"]
    found = summarise_posterior(grouped_laplace_fit["posterior"].to_dataset())
    assert list(found) == list(reference)
    for name, long in reference.items():
        short = found[name]
        assert abs(short["q50"] - long["q50"]) < 0.1 * long["sd"], name
        assert short["q95"] - short["q05"] == pytest.approx(long["q95"] - long["q05"], rel=0.12), name


def test_a_posterior_that_is_elsewhere_or_wider_is_found_out(pooled_fit):
    reference = REFERENCES["pooled"]["parameters"]
    posterior = pooled_fit["posterior"].to_dataset()
    rate = posterior["purchase_rate"]
    elsewhere = summarise_posterior(posterior.assign(purchase_rate=rate + 0.2 * rate.std()))
    wider = summarise_posterior(posterior.assign(purchase_rate=rate.mean() + 1.25 * (rate - rate.mean())))
    assert [each.split(":")[0] for each in disagreements(elsewhere, reference)] == ["mean of purchase_rate"]
    assert [each.split(":")[0] for each in disagreements(wider, reference)] == ["sd of purchase_rate"]


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_can_be_relied_upon(name):
    reference = REFERENCES[name]
    assert name == reference["model"]["spec"]
    assert name in {shipped.name for shipped in list_specs() if shipped.kind == "model"}
    assert (FOLDER / f"{name}.json").stat().st_size < 100_000
    assert reference["settings"] | LONG == reference["settings"]
    assert reference["settings"]["seed"] == SEED
    assert {result["status"] for result in reference["checks"].values()} <= {"pass", "warn"}
    assert reference["checks"]["divergences"]["value"] == 0
    assert set(reference["versions"]) >= {"bayesltv", "pymc", "nutpie", "numpy"}
    for parameter, figures in reference["parameters"].items():
        assert figures["rhat"] < 1.01, parameter
        assert min(figures["ess_bulk"], figures["ess_tail"]) > 2000, parameter
        assert figures["q05"] < figures["q25"] < figures["q50"] < figures["q75"] < figures["q95"], parameter
        assert figures["mcse_mean"] < 0.03 * figures["sd"], parameter
