"""Checks see what is planted, and only failures of sampler checks gate."""

import json

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

import bayesltv as ltv
from bayesltv.base.gate import require_passed
from bayesltv.base.seal import stamped
from bayesltv.checks.run import with_checks
from helpers import point_fit, sealed

PARAMETERS = {"r": 0.24, "alpha": 4.4, "a": 0.79, "b": 2.4, "p": 6.2, "q": 3.7, "v": 15.4}


def noisy_fit(*, shift=0.0, chains=4, draws=500, q=3.7, **stats):
    """A fit of independent draws around a point; `shift` moves the first chain by so many sds."""
    rng = np.random.default_rng(1)
    tree = point_fit(PARAMETERS | {"q": q}, draws=draws)
    variables = {}
    for name, value in (PARAMETERS | {"q": q}).items():
        noise = rng.standard_normal((chains, draws))
        noise[0] += shift
        variables[name] = (("chain", "draw"), value * np.exp(0.02 * noise))
    dataset = xr.Dataset(variables, coords={"chain": np.arange(chains), "draw": np.arange(draws)})
    healthy = {
        "diverging": np.zeros((chains, draws), bool),
        "energy": rng.standard_normal((chains, draws)),
        "maxdepth_reached": np.zeros((chains, draws), bool),
    }
    drawn = xr.Dataset({name: (("chain", "draw"), values) for name, values in (healthy | stats).items()})
    fit = xr.DataTree.from_dict({"posterior": dataset, "sample_stats": drawn})
    fit.attrs = dict(tree.attrs)
    return sealed(fit)


def weighted_fit(khat, size=3000.0, **more):
    """A fit that was importance sampled."""
    fit = noisy_fit()
    fit["sample_stats"] = xr.DataTree(xr.Dataset({"pareto_k": khat, "importance_ess": size, **more}))
    return sealed(fit)


def failed(fit):
    return {result.name for result in ltv.check(fit).failed}


def test_independent_draws_pass():
    report = ltv.check(noisy_fit())
    assert report.passed
    assert list(report.table["name"][:4]) == ["rhat", "ess_bulk", "ess_tail", "divergences"]


def test_a_chain_that_is_elsewhere_fails_rhat():
    assert "rhat" in failed(noisy_fit(shift=3.0))


def test_the_worst_of_many_levels_is_named():
    fit = noisy_fit()
    rng = np.random.default_rng(3)
    effects = rng.standard_normal((4, 500, 3))
    effects[0, :, 1] += 3.0
    dataset = fit["posterior"].to_dataset().assign(effect=(("chain", "draw", "shop"), effects))
    fit["posterior"] = xr.DataTree(dataset.assign_coords(shop=["a", "b", "c"]))
    assert "effect [b]" in ltv.check(sealed(fit))["rhat"].summary


def test_few_draws_fail_the_effective_sample_sizes():
    assert {"ess_bulk", "ess_tail"} <= failed(noisy_fit(draws=50))


def test_one_divergence_fails():
    diverging = np.zeros((4, 500), bool)
    diverging[2, 7] = True
    fit = noisy_fit(diverging=diverging)
    assert failed(fit) == {"divergences"}
    assert ltv.check(fit)["divergences"].value == 1


def test_energy_that_wanders_fails_ebfmi():
    energy = np.cumsum(np.random.default_rng(2).standard_normal((4, 500)), axis=1)
    assert "ebfmi" in failed(noisy_fit(energy=energy))


def test_trees_at_their_greatest_depth_fail():
    deep = np.zeros((4, 500), bool)
    deep[:, :10] = True  # 2 % of transitions
    assert "treedepth" in failed(noisy_fit(maxdepth_reached=deep))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
def test_a_parameter_that_is_no_positive_number_is_refused(value):
    fit = noisy_fit()
    broken = fit["posterior"].to_dataset().copy(deep=True)
    broken["a"][0, 0] = value
    fit["posterior"] = xr.DataTree(broken)
    with pytest.raises(ltv.StoreError, match="1 of 2,000 draws of a are not positive and finite"):
        ltv.check(sealed(fit))


@pytest.mark.parametrize(
    ("khat", "passes"), [(0.3, True), (0.69, True), (0.71, False), (np.nan, False), (np.inf, False)]
)
def test_the_importance_weights_of_a_laplace_fit_gate(khat, passes):
    report = ltv.check(weighted_fit(khat))
    assert report["pareto_k"].passed == passes
    assert report["rhat"].status == report["divergences"].status == "not applicable"


def test_k_hat_of_few_proposals_is_held_against_a_stricter_gate():
    """1 - 1 / log10(S), Vehtari et al. (2024), of the proposals and not of the draws made from them."""
    assert ltv.check(weighted_fit(0.65)).passed
    assert ltv.check(weighted_fit(0.65, proposals=2000)).passed
    few = ltv.check(weighted_fit(0.65, proposals=500))["pareto_k"]
    assert few.status == "fail"
    assert few.threshold == pytest.approx(0.6295, abs=1e-4)
    assert "nuts" in few.advice


def test_few_effective_importance_draws_fail():
    assert failed(weighted_fit(0.3, size=12.0)) == {"importance_ess"}


def test_nuts_fits_have_no_importance_weights():
    assert ltv.check(noisy_fit())["pareto_k"].status == "not applicable"


def test_q_below_one_warns_and_does_not_gate():
    report = ltv.check(noisy_fit(q=0.9))
    assert report["spend_mean_exists"].status == "warn"
    assert report.passed


def test_spend_that_follows_frequency_warns(cdnow):
    linked = cdnow.copy()
    linked["monetary_value"] = linked["monetary_value"] * (1 + linked["frequency"]) ** 2
    assert ltv.check(noisy_fit(), linked)["spend_independence"].status == "warn"
    assert ltv.check(noisy_fit(), cdnow)["spend_independence"].status == "pass"
    assert ltv.check(noisy_fit(), cdnow)["spend_independence"].value == pytest.approx(0.206, abs=0.001)


def test_a_posterior_in_the_tail_of_its_prior_warns():
    fit = noisy_fit()
    moved = fit["posterior"].to_dataset().assign(purchase_rate=fit["posterior"]["r"] + 500.0)
    fit["posterior"] = xr.DataTree(moved)
    result = ltv.check(sealed(fit))["prior_conflict"]
    assert result.status == "warn"
    assert "purchase_rate" in result.advice


def test_scoring_refuses_a_failed_fit_unless_the_check_is_named(cdnow, decision):
    fit = noisy_fit(shift=3.0)
    kept = with_checks(fit, ltv.check(fit))
    with pytest.raises(ltv.CheckFailed, match=r"nothing was scored .*rhat"):
        ltv.score(kept, cdnow, decision, seed=1)
    names = [result.name for result in ltv.check(fit).failed]
    scores = ltv.score(kept, cdnow.iloc[:5], decision, seed=1, accept_failed=names)
    assert scores.attrs["accepted_failed_checks"] == names
    with pytest.raises(ltv.CheckFailed, match="rhatt"):
        ltv.score(kept, cdnow, decision, seed=1, accept_failed=["rhatt"])


def test_a_fit_without_results_of_checks_is_refused():
    fit = noisy_fit()
    del fit.attrs["checks"]
    fit = stamped(fit)
    with pytest.raises(ltv.CheckFailed, match="no results of checks"):
        require_passed(fit)


def test_stored_results_are_plain_json_even_when_a_figure_is_not_a_number():
    text = ltv.check(weighted_fit(np.nan)).to_json()
    rows = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert {row["name"]: row["value"] for row in rows}["pareto_k"] == "nan"


def test_the_report_prints_status_and_advice():
    console = Console(record=True, width=200)
    console.print(ltv.check(noisy_fit(shift=3.0)))
    text = console.export_text()
    assert "3 of 16 failed" in text
    assert "tune longer" in text
