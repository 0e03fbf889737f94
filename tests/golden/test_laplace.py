"""The Laplace fit against NUTS on CDNOW, one population and by cohort."""

import pytest
from tests.recovery.laplace_corners import CLOSE, differences, moments_of_chains, moments_of_laplace

import bayesltv as ltv

NATURAL = ("r", "alpha", "a", "b", "p", "q", "v")


def require_agreement(ours, nuts):
    """Means and sds differ by 0.1 sd at most, and 3.3 Monte Carlo standard errors of both; logs too."""
    theirs, _ = moments_of_chains(nuts["posterior"].to_dataset())
    found = moments_of_laplace(ours)
    assert {*found.names} == {*theirs.names}
    *_, excess, where = differences(found, theirs)
    assert excess <= CLOSE, where


def test_laplace_draws_agree_with_nuts(laplace_fit, pooled_fit):
    assert {*NATURAL} <= set(laplace_fit["posterior"].data_vars)
    require_agreement(laplace_fit, pooled_fit)


@pytest.mark.slow
def test_laplace_draws_by_cohort_agree_with_nuts(grouped_laplace_fit, grouped_fit):
    names = set(grouped_fit["posterior"].data_vars)
    assert {*NATURAL, "purchase_rate_sd_cohort", "spend_typical_effect_cohort"} <= names
    require_agreement(grouped_laplace_fit, grouped_fit)


@pytest.mark.slow
def test_laplace_draws_of_the_other_family_agree_with_nuts(cdnow):
    spec = ltv.load_spec("mbg_by_group")
    require_agreement(
        *(ltv.fit(cdnow, spec, seed=4, method=method, progress=False) for method in ("laplace", "nuts"))
    )


def test_laplace_passes_its_own_gates_and_is_scored_like_any_fit(laplace_fit, cdnow, decision):
    report = ltv.check(laplace_fit, cdnow)
    assert report.passed
    assert report["importance_ess"].value > 4000
    assert len(ltv.score(laplace_fit, cdnow.iloc[:20], decision, seed=1)) == 20


def test_grouped_laplace_fit_passes_its_own_gates_and_is_scored_like_any_fit(
    grouped_laplace_fit, cdnow, decision
):
    report = ltv.check(grouped_laplace_fit, cdnow)
    assert report.passed
    assert report["importance_ess"].value > 2000
    assert report["pareto_k"].value < 0.6
    assert len(ltv.score(grouped_laplace_fit, cdnow.iloc[:20], decision, seed=1)) == 20
