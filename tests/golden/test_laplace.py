"""The Laplace fit against NUTS on CDNOW."""

import numpy as np
import pytest

import bayesltv as ltv

NATURAL = ("r", "alpha", "a", "b", "p", "q", "v")


@pytest.fixture(scope="module")
def laplace_fit(cdnow):
    return ltv.fit(cdnow, ltv.load_spec("pooled"), seed=3, method="laplace")


@pytest.mark.parametrize("name", NATURAL)
def test_laplace_draws_agree_with_nuts(laplace_fit, pooled_fit, name):
    ours, nuts = (np.log(fit["posterior"][name].values.ravel()) for fit in (laplace_fit, pooled_fit))
    assert abs(ours.mean() - nuts.mean()) < 0.1 * nuts.std()
    assert ours.std() == pytest.approx(nuts.std(), rel=0.1)


def test_laplace_passes_its_own_gates_and_is_scored_like_any_fit(laplace_fit, cdnow, decision):
    report = ltv.check(laplace_fit, cdnow)
    assert report.passed
    assert report["importance_ess"].value > 4000
    assert len(ltv.score(laplace_fit, cdnow.iloc[:20], decision, seed=1)) == 20


def test_laplace_refuses_groups_before_it_computes(cdnow):
    with pytest.raises(ltv.FitError, match=r"pooled over cohort .*nuts"):
        ltv.fit(cdnow, ltv.load_spec("by_group"), seed=1, method="laplace")
