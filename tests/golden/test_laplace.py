"""The Laplace fit against NUTS on CDNOW, one population and by cohort."""

import numpy as np
import pytest

import bayesltv as ltv

NATURAL = ("r", "alpha", "a", "b", "p", "q", "v")


def require_agreement(ours, nuts, name):
    """Means within 0.1 sd, sds within 10 %, for every level; positive quantities by their logarithm."""
    ours, nuts = (
        fit["posterior"][name].values.reshape(-1, *fit["posterior"][name].shape[2:]) for fit in (ours, nuts)
    )
    if nuts.min() > 0:
        ours, nuts = np.log(ours), np.log(nuts)
    assert np.all(np.abs(ours.mean(axis=0) - nuts.mean(axis=0)) < 0.1 * nuts.std(axis=0)), name
    np.testing.assert_allclose(ours.std(axis=0), nuts.std(axis=0), rtol=0.1, err_msg=name)


@pytest.mark.parametrize("name", NATURAL)
def test_laplace_draws_agree_with_nuts(laplace_fit, pooled_fit, name):
    require_agreement(laplace_fit, pooled_fit, name)


@pytest.mark.slow
def test_laplace_draws_by_cohort_agree_with_nuts(grouped_laplace_fit, grouped_fit):
    names = [str(name) for name in grouped_fit["posterior"].data_vars]
    assert {*NATURAL, "purchase_rate_sd_cohort", "spend_typical_effect_cohort"} <= set(names)
    assert set(grouped_laplace_fit["posterior"].data_vars) == set(names)
    for name in names:
        require_agreement(grouped_laplace_fit, grouped_fit, name)


@pytest.mark.slow
def test_laplace_draws_of_the_other_family_agree_with_nuts(cdnow):
    spec = ltv.load_spec("mbg_by_group")
    ours, nuts = (
        ltv.fit(cdnow, spec, seed=4, method=method, progress=False) for method in ("laplace", "nuts")
    )
    for name in nuts["posterior"].data_vars:
        require_agreement(ours, nuts, str(name))


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
