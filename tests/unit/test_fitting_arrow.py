"""Normals by the arrow of their precision, against the same normals by whole matrices."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayesltv as ltv
from bayesltv.fitting.laplace.arrow import LEAST, MANY, arrow_of
from bayesltv.fitting.laplace.blocks import Pool
from bayesltv.fitting.laplace.conditional import WholeNormals
from bayesltv.model.pooling import zero_sum_basis
from bayesltv.specs.model.settings import SamplerSpec
from bayesltv.specs.prior import PriorSpec

LEVELS, FREE, SCALES = MANY + 5, 2, 2
REST = np.arange(10, 10 + FREE + SCALES * (LEVELS - 1))  # sds stand elsewhere in the point
PRIOR = PriorSpec("HalfNormal", {"sigma": 0.5})


def pools_of_one_column(rng):
    """Each scale sees the levels along a basis of its own."""
    pools = []
    for at in range(SCALES):
        basis, information = zero_sum_basis(rng.uniform(0.5, 9.0, LEVELS))
        offsets = REST[FREE + at * (LEVELS - 1) : FREE + (at + 1) * (LEVELS - 1)]
        pools.append(Pool(at, offsets, information, PRIOR, "channel", basis))
    return pools


def seen_by_level(pools, rng, *, weak=0):
    """Curvature of a likelihood that is a sum over levels: J'J, one Jacobian a level of all it depends on."""
    curvature = np.zeros((REST.size, REST.size))
    for level in range(LEVELS):
        jacobian = np.zeros((6, REST.size))
        jacobian[:, :FREE] = 0.3 * rng.standard_normal((6, FREE))
        for at, pool in enumerate(pools):
            own = rng.standard_normal((6, 1)) * (0.0 if level < weak else 1.0)
            jacobian[:, FREE + at * (LEVELS - 1) : FREE + (at + 1) * (LEVELS - 1)] = own * pool.basis[level]
        curvature += jacobian.T @ jacobian
    return curvature


def pooling(*sds):
    precision = [np.zeros(FREE), *(np.full(LEVELS - 1, 1 / sd**2) for sd in sds)]
    return np.concatenate(precision)


def both(curvature, linear, prior):
    """The normals by arrow, and by whole matrices of the arrow's curvature."""
    arrow = arrow_of(curvature, np.zeros(REST.size), pools_of_one_column(np.random.default_rng(1)), REST)
    precision = arrow.matrix + prior[:, :, None] * np.eye(REST.size)
    mean = np.linalg.solve(precision, np.tile(linear, (len(prior), 1))[..., None])[..., 0]
    return arrow.normals(linear, prior), WholeNormals(mean, np.linalg.cholesky(precision), linear)


@pytest.fixture
def case():
    rng = np.random.default_rng(1)
    pools = pools_of_one_column(rng)
    prior = np.array([pooling(0.05, 0.2), pooling(0.3, 1.0), pooling(4.0, 0.1)])
    return seen_by_level(pools, rng), rng.standard_normal(REST.size), prior


def test_levels_that_data_tell_of_keep_their_curvature(case):
    curvature, _, _ = case
    arrow = arrow_of(curvature, np.zeros(REST.size), pools_of_one_column(np.random.default_rng(1)), REST)
    np.testing.assert_allclose(arrow.matrix, curvature, atol=1e-10)


def test_the_evidence_is_that_of_whole_matrices(case):
    ours, whole = both(*case)
    np.testing.assert_allclose(ours.log_evidence, whole.log_evidence, rtol=1e-10)


def test_draws_have_the_density_that_is_told(case):
    """By quadratic form and determinant of the whole matrices."""
    ours, whole = both(*case)
    drawn, log_density = ours.draw(np.random.default_rng(4))
    z = np.einsum("nij,ni->nj", whole.factor, drawn - whole.mean)
    for at, each in enumerate(z):
        normal = stats.norm.logpdf(each).sum()
        t = stats.multivariate_t.logpdf(each, np.zeros(each.size), np.eye(each.size), df=5)
        expected = np.logaddexp(np.log(0.9) + normal, np.log(0.1) + t)
        expected += np.log(np.diag(whole.factor[at])).sum()
        assert log_density[at] == pytest.approx(expected, abs=1e-8)


def test_draws_have_mean_and_covariance_of_the_whole_matrix(case):
    curvature, linear, prior = case
    ours, whole = both(curvature, linear, np.tile(prior[1], (20_000, 1))[:400])
    rng = np.random.default_rng(5)
    drawn = np.concatenate([ours.draw(rng)[0] for _ in range(50)])
    z = (drawn - whole.mean[0]) @ whole.factor[0]  # standard normal, a tenth of it t with 5 degrees
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=0.04)
    variance = 0.9 + 0.1 * 5 / 3
    np.testing.assert_allclose(np.cov(z.T), variance * np.eye(z.shape[1]), atol=0.12)


def test_levels_without_data_are_raised_and_leave_the_corner_alone():
    rng = np.random.default_rng(1)
    pools = pools_of_one_column(rng)
    curvature = seen_by_level(pools, rng, weak=10)
    arrow = arrow_of(curvature, np.zeros(REST.size), pools, REST)
    smallest = np.linalg.eigvalsh(np.moveaxis(arrow.levels, -1, 0))[:, 0]
    np.testing.assert_allclose(smallest[:10], LEAST)
    assert smallest[10:].min() > LEAST
    np.testing.assert_allclose(arrow.border[:, :, :10], 0.0, atol=1e-12)
    assert np.linalg.eigvalsh(arrow.matrix)[0] > 0


def test_effects_that_feel_other_levels_are_no_arrow(case):
    curvature, _, _ = case
    pools = pools_of_one_column(np.random.default_rng(1))
    tied = curvature.copy()
    tied[FREE, FREE + 1] = tied[FREE + 1, FREE] = 3.0
    assert arrow_of(tied, np.zeros(REST.size), pools, REST) is None


@pytest.mark.slow
def test_a_hundred_levels_are_fitted():
    """By whole matrices the pooling sds ran away on such logs, and 300 levels took minutes."""
    rng = np.random.default_rng(8)
    alpha = 4.4 * np.exp(0.5 * rng.standard_normal(100))
    design = pd.DataFrame({"region": [f"r{at}" for at in range(100)], "n": 10, "alpha": alpha})
    log = ltv.simulate_log(
        design, seed=2, purchase={"r": 0.5, "alpha": 4.4, "a": 0.8, "b": 2.4},
        start="2023-01-01", observation_end="2023-12-31", acquisition_days=150,
    )  # fmt: skip
    summary = ltv.summarize(
        log, observation_end="2023-12-31", time_unit="week", groups=["region"], monetary_value_col=None
    )
    spec = replace(ltv.load_spec("by_group").without_spend(), sampler=SamplerSpec(draws=500))
    fit = ltv.fit(summary, spec, seed=1, method="laplace", progress=False)
    assert ltv.check(fit, summary).passed
    found = fit["posterior"]["purchase_rate_sd_region"].values
    assert abs(found.mean() - 0.5) < 2.5 * found.std()  # the sd that the log was made with
    effects = fit["posterior"]["purchase_rate_effect_region"]
    np.testing.assert_allclose(effects.sum("region"), 0.0, atol=1e-9)
    found = effects.mean(("chain", "draw")).sel(region=design["region"].to_numpy())
    assert np.corrcoef(found, -np.log(alpha))[0, 1] > 0.5
