"""Importance sampling in blocks, normal given pooling sds, against closed forms and quadrature."""

import json
import os
import signal
import threading
from dataclasses import dataclass, replace

import numpy as np
import pymc as pm
import pytest
from scipy import stats
from scipy.special import logsumexp

import bayesltv as ltv
from bayesltv.clock_processes.process import Blocks
from bayesltv.data.summary.validate import validate_summary
from bayesltv.fitting.coordinates import JITTER_OF_MODE, coordinates
from bayesltv.fitting.density import make_density
from bayesltv.fitting.laplace.blocks import Block, Clock, Pool, independent_blocks
from bayesltv.fitting.laplace.conditional import Proposal, expand, log_marginal, make_proposal
from bayesltv.fitting.laplace.kernel_proposal import kernels_around
from bayesltv.fitting.laplace.pooling_sds import PoolingSds
from bayesltv.fitting.laplace.posterior import Weights, heights, sample_block, weigh
from bayesltv.fitting.laplace.ridges import ridges
from bayesltv.fitting.sample import sample_nuts
from bayesltv.model.build import make_problem, model_of
from bayesltv.model.clock import ClockStates
from bayesltv.specs.model.settings import SamplerSpec
from bayesltv.specs.prior import PriorSpec

ERROR = 0.3
SEEN = np.array([0.9, 1.4, 0.2, 1.1, 0.5, 1.6])
INFORMATION = np.full(SEEN.size - 1, 7.0)  # any will do: the coordinates are the sampler's own matter
BASIS = np.linalg.qr(np.column_stack([np.ones(SEEN.size), np.eye(SEEN.size)[:, 1:]]))[0][:, 1:]
HALF_NORMAL = PriorSpec("HalfNormal", {"sigma": 0.5})


def normal(x, mean, sd):
    """Log density; scipy's takes forty times as long for a few numbers."""
    return -0.5 * ((x - mean) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class NormalMeans:
    """Six means seen with a known error around a common one, ~ N(0, 1), effects pooled: all in closed form.

    The point is (log sd, common mean, z), with z_j = w_j √(1/sd² + λ_j).
    """

    terms: int = 6
    size: int = 2 + INFORMATION.size
    start = np.zeros(2 + INFORMATION.size)

    def _value(self, point):
        sd = np.exp(point[0])
        unit = np.sqrt(1 / sd**2 + INFORMATION)
        w = point[2:] / unit
        prior = np.log(2.0) + normal(sd, 0.0, 0.5) + point[0] + normal(point[1], 0.0, 1.0)
        effects = normal(w, 0.0, sd).sum() - np.log(unit).sum()
        return prior + effects + normal(SEEN, point[1] + BASIS @ w, ERROR).sum()

    def __call__(self, point):
        steps = 1e-5 * np.eye(self.size)
        slopes = [(self._value(point + step) - self._value(point - step)) / 2e-5 for step in steps]
        return self._value(point), np.array(slopes)

    def expand(self, point):
        return {"point": np.array(point)}


def block_of_means():
    offsets = np.arange(2, NormalMeans.size)
    pool = Pool(
        sd=0, offsets=offsets, information=INFORMATION, prior=HALF_NORMAL, column="group", basis=BASIS
    )
    return Block(NormalMeans(), np.arange(NormalMeans.size), (pool,))


def log_evidence(sd):
    """Of the six means given the sd: they are jointly normal."""
    covariance = np.ones((6, 6)) + sd**2 * BASIS @ BASIS.T + ERROR**2 * np.eye(6)
    return stats.multivariate_normal.logpdf(SEEN, np.zeros(6), covariance)


def exact_density_of_log_sds(grid):
    return np.array([
        log_evidence(np.exp(s)) + stats.halfnorm.logpdf(np.exp(s), scale=0.5) + s for s in grid
    ])  # fmt: skip


def test_the_density_of_sds_is_exact_where_the_likelihood_is_normal():
    block = block_of_means()
    expansion = expand(block, NormalMeans.start, np.array([-1.0]))
    grid = np.linspace(-6, 1, 15)
    found = log_marginal(expansion, grid[:, None]) - exact_density_of_log_sds(grid)
    np.testing.assert_allclose(found, found[0], atol=1e-4)


def test_the_proposals_density_is_that_of_its_draws():
    """Weights against the normal posterior vary with the log sds alone, but for the share of t."""
    block = block_of_means()
    rng = np.random.default_rng(3)
    points, log_proposed = make_proposal(block, NormalMeans.start, rng).draw(4000, rng)
    log_ratio = heights(block.density, points, 1) - log_proposed
    evidence = logsumexp(log_ratio) - np.log(log_ratio.size)  # E[p / q] is the integral of p
    grid = np.linspace(-14, 4, 401)
    exact = logsumexp(exact_density_of_log_sds(grid)) + np.log(grid[1] - grid[0])
    assert evidence == pytest.approx(exact, abs=0.03)


def test_the_density_of_kernels_is_that_of_their_draws():
    block = block_of_means()
    rng = np.random.default_rng(6)
    first = make_proposal(block, NormalMeans.start, rng)
    weights = weigh(block, first, 2000, rng, 1)
    kernels = kernels_around(first.expansion, *weights.proposed, ridges(first.expansion), rng)
    points, log_proposed = kernels.draw(4000, rng)
    log_ratio = heights(block.density, points, 1) - log_proposed
    grid = np.linspace(-14, 4, 401)
    exact = logsumexp(exact_density_of_log_sds(grid)) + np.log(grid[1] - grid[0])
    assert logsumexp(log_ratio) - np.log(log_ratio.size) == pytest.approx(exact, abs=0.06)


@pytest.mark.parametrize(
    ("khat", "effective", "good"),
    [(0.35, 900, True), (0.35, 300, False), (0.25, 300, True), (0.45, 900, False), (np.nan, 900, False)],
)
def test_where_few_proposals_are_effective_their_tail_must_be_shorter(khat, effective, good):
    weights = np.full(1000, 1e-12)
    weights[:effective] = 1.0
    assert Weights(np.zeros((1000, 1)), weights / weights.sum(), khat).is_good is good


def test_draws_of_a_pooled_block_have_the_moments_of_quadrature():
    drawn = sample_block(block_of_means(), NormalMeans.start, 4000, rng=np.random.default_rng(4), cores=1)
    assert drawn.khat < 0.5
    assert drawn.ess > 0.5 * drawn.proposals
    grid = np.linspace(-14, 3, 401)
    log_density = exact_density_of_log_sds(grid)
    weight = np.exp(log_density - logsumexp(log_density))
    mean, sd = weight @ grid, np.sqrt(weight @ grid**2 - (weight @ grid) ** 2)
    log_sd = drawn.points[:, 0]
    assert log_sd.mean() == pytest.approx(mean, abs=0.06 * sd)
    assert log_sd.std() == pytest.approx(sd, rel=0.07)
    unit = np.sqrt(np.exp(-2 * log_sd)[:, None] + INFORMATION)
    effects = (drawn.points[:, 2:] / unit) @ BASIS.T
    shrunk = [
        (np.exp(2 * s) / (np.exp(2 * s) + ERROR**2)) * (SEEN - SEEN.mean()) for s in grid
    ]  # of deviations that sum to zero, given sd
    np.testing.assert_allclose(effects.mean(axis=0), weight @ np.array(shrunk), atol=0.02)


def test_standard_normal_coordinates_give_log_sds_of_the_exact_mean_and_spread():
    block = block_of_means()
    frame = coordinates(block.density, [block], np.random.default_rng(7))
    grid = np.linspace(-14, 3, 401)
    weight = np.exp(exact_density_of_log_sds(grid) - logsumexp(exact_density_of_log_sds(grid)))
    mean = weight @ grid
    assert frame.spread == JITTER_OF_MODE
    z = np.random.default_rng(8).standard_normal((4000, block.where.size))
    log_sd = np.array([frame.point(each)[0] for each in z])
    assert log_sd.mean() == pytest.approx(mean, abs=0.15)
    assert log_sd.std() == pytest.approx(np.sqrt(weight @ (grid - mean) ** 2), rel=0.15)


def test_the_density_in_coordinates_is_that_of_the_point_times_its_volume():
    block = block_of_means()
    frame = coordinates(block.density, [block], np.random.default_rng(7))
    z = 1.2 * np.random.default_rng(9).standard_normal((3000, block.where.size))
    log_drawn = normal(z, 0.0, 1.2).sum(axis=1)
    log_density = np.array([frame.density(block.density, each)[0] for each in z])
    log_density += np.log(np.diag(frame.scale)).sum()  # the constant that it leaves out
    evidence = logsumexp(log_density - log_drawn) - np.log(len(z))
    grid = np.linspace(-14, 4, 401)
    exact = logsumexp(exact_density_of_log_sds(grid)) + np.log(grid[1] - grid[0])
    assert evidence == pytest.approx(exact, abs=0.12)


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_in_coordinates_is_that_of_finite_differences(seed):
    block = block_of_means()
    frame = coordinates(block.density, [block], np.random.default_rng(7))
    z = np.random.default_rng(seed).standard_normal(block.where.size)
    steps = 1e-5 * np.eye(z.size)
    slopes = [
        (frame.density(block.density, z + step)[0] - frame.density(block.density, z - step)[0]) / 2e-5
        for step in steps
    ]
    np.testing.assert_allclose(frame.density(block.density, z)[1], slopes, atol=1e-4)


def test_pooling_sds_bent_and_straightened_are_where_they_were():
    law = PoolingSds.of_moments(np.array([1]), np.array([-2.0]), np.array([0.7]))
    x = np.array([[5.0, each] for each in (-30.0, -8.0, -1.0, 0.0, 1.0, 8.0)])
    np.testing.assert_allclose(law.straightened(law.bent(x)), x, rtol=1e-9, atol=1e-9)
    drawn = law.bent(np.random.default_rng(1).standard_normal((100_000, 2)))[:, 1]
    assert drawn.mean() == pytest.approx(-2.0, abs=0.01)
    assert drawn.std() == pytest.approx(0.7, rel=0.02)


def test_a_covariance_is_made_of_ten_draws_a_parameter_or_more(monkeypatch):
    """With fewer than one it has no root, and NUTS no coordinates: so it was with hundreds of levels."""
    monkeypatch.setattr("bayesltv.fitting.coordinates.TYPICAL", 4)
    asked, typical = [], Proposal.typical
    monkeypatch.setattr(Proposal, "typical", lambda self, n, rng: (asked.append(n), typical(self, n, rng))[1])
    block = block_of_means()
    frame = coordinates(block.density, [block], np.random.default_rng(7))
    assert asked[0] >= 10 * block.where.size
    assert frame.scale is not None


def test_too_many_parameters_for_the_moments_leave_nuts_where_it_is(monkeypatch):
    monkeypatch.setattr("bayesltv.fitting.coordinates.MOST_SIZE", 3)
    block = block_of_means()
    assert coordinates(block.density, [block], np.random.default_rng(7)).scale is None


@dataclass(frozen=True)
class SeenClock:
    """Six blocks of an AR(1) clock seen with a known error above a log rate ~ N(0, 1): in closed form.

    The point is (log rate, log sd, log odds of ρ, z), with z = L'x − L⁻¹p; all in plain linear algebra.
    """

    terms: int = 6
    size: int = 9
    start = np.zeros(9)

    def _value(self, point):
        log_rate, log_sd, odds = point[:3]
        if max(abs(log_sd), abs(odds)) > 12:
            return -np.inf  # rounding would break the matrices
        rho = 1 / (1 + np.exp(-odds))
        covariance = ar1_covariance(np.exp(log_sd), rho)
        root = np.linalg.cholesky(np.linalg.inv(covariance) + np.diag(WEIGHT))
        pull = WEIGHT * (SEEN - log_rate)
        x = np.linalg.solve(root.T, point[3:] + np.linalg.solve(root, pull))
        prior = log_prior_of(log_sd, odds) + normal(log_rate, 0.0, 1.0)
        states = -0.5 * x @ np.linalg.solve(covariance, x) - 0.5 * np.linalg.slogdet(covariance)[1]
        constant = -3 * np.log(2 * np.pi)
        seen = normal(SEEN, log_rate + x, ERROR).sum()
        return prior + states + constant - np.log(np.diag(root)).sum() + seen

    def __call__(self, point):
        steps = 1e-5 * np.eye(self.size)
        slopes = [(self._value(point + step) - self._value(point - step)) / 2e-5 for step in steps]
        return self._value(point), np.array(slopes)

    def expand(self, point):
        return {"point": np.array(point)}


WEIGHT = np.array([30.0, 4.0, 0.0, 11.0, 8.0, 20.0])  # any will do, as INFORMATION


def ar1_covariance(sd, rho):
    return sd**2 * rho ** np.abs(np.subtract.outer(np.arange(6), np.arange(6)))


def log_prior_of(log_sd, odds):
    """Of HalfNormal(0.5) and Beta(2, 2) on the sampler's scales."""
    rho = 1 / (1 + np.exp(-odds))
    beta = np.log(6.0) + 2 * np.log(rho * (1 - rho))
    return stats.halfnorm.logpdf(np.exp(log_sd), scale=0.5) + log_sd + beta


def block_of_clock():
    spec = ltv.ClockSpec(priors={"sd": HALF_NORMAL})
    states = ClockStates(
        spec, Blocks(np.arange(6) * 28.0, 6, 2), np.diag(WEIGHT), np.column_stack([WEIGHT * SEEN, WEIGHT])
    )
    priors = tuple(spec.priors[name] for name in ("sd", "rho"))
    clock = Clock(states, hypers=np.array([1, 2]), priors=priors, offsets=np.arange(3, 9), rate=0)
    return Block(SeenClock(), np.arange(9), (), (clock,))


def density_of_clocks(log_sd, odds):
    """Of the six numbers seen given sd and ρ, jointly normal, and their prior."""
    covariance = ar1_covariance(np.exp(log_sd), 1 / (1 + np.exp(-odds))) + 1.0 + ERROR**2 * np.eye(6)
    return stats.multivariate_normal.logpdf(SEEN, np.zeros(6), covariance) + log_prior_of(log_sd, odds)


def test_the_density_of_a_clocks_parameters_is_exact_where_the_likelihood_is_normal():
    block = block_of_clock()
    expansion = expand(block, SeenClock.start, np.array([-1.0, 0.5]))
    grid = np.array([(s, o) for s in (-4.0, -2.0, -0.5, 0.3) for o in (-3.0, 0.0, 2.0)])
    found = log_marginal(expansion, grid) - [density_of_clocks(*each) for each in grid]
    np.testing.assert_allclose(found, found[0], atol=1e-3)


@pytest.mark.parametrize("by_kernels", [False, True], ids=["normals", "kernels"])
def test_weights_of_a_clock_add_up_to_its_evidence(by_kernels):
    block, rng = block_of_clock(), np.random.default_rng(3)
    proposal = make_proposal(block, SeenClock.start, rng)
    if by_kernels:
        weights = weigh(block, proposal, 400, rng, 1)
        proposal = kernels_around(proposal.expansion, *weights.proposed, ridges(proposal.expansion), rng)
    points, log_proposed = proposal.draw(1500, rng)
    log_ratio = np.array([block.density._value(point) for point in points]) - log_proposed
    grid = np.arange(-9.0, 3.0, 0.2), np.arange(-9.0, 9.0, 0.3)
    exact = logsumexp([density_of_clocks(s, o) for s in grid[0] for o in grid[1]]) + np.log(0.2 * 0.3)
    assert logsumexp(log_ratio) - np.log(log_ratio.size) == pytest.approx(exact, abs=0.06)


@pytest.fixture(scope="module")
def problem(cdnow):
    return make_problem(cdnow, ltv.load_spec("by_group"))


def test_purchases_and_spend_are_blocks_of_their_own(problem):
    model = model_of(problem)
    density = make_density(model)
    purchase, spend = independent_blocks(model, density, problem)
    assert sorted([*purchase.where, *spend.where]) == list(range(density.size))
    assert [len(block.pools) for block in (purchase, spend)] == [2, 1]
    rng = np.random.default_rng(5)
    here = density.start + 0.3 * rng.standard_normal(density.size)
    there = here.copy()
    there[spend.where] += 0.2 * rng.standard_normal(spend.where.size)
    np.testing.assert_allclose(
        density(there)[1][purchase.where], density(here)[1][purchase.where], rtol=1e-10
    )
    # the blocks' own densities add up to the whole, but for what is held fixed
    parts = [block.density(there)[0] - block.density(here)[0] for block in (purchase, spend)]
    prior_of_spend = purchase.density(there)[0] - purchase.density(here)[0]  # nothing else has moved
    whole = density(there)[0] - density(here)[0]
    assert parts[1] == pytest.approx(whole, rel=1e-8)
    assert abs(prior_of_spend) < abs(whole)


def test_a_potential_that_ties_spend_to_purchases_makes_one_block(problem):
    model = model_of(problem)
    with model:
        pm.Potential("belief", -((model["purchase_rate"] - model["spend_typical"]) ** 2))
    blocks = independent_blocks(model, make_density(model), problem)
    assert [len(block.pools) for block in blocks] == [3]


def test_an_interrupted_run_of_chains_is_no_fit(problem):
    """A scheduler that stops a fit must not find a truncated posterior saved as a whole one."""
    model = model_of(problem)
    density = make_density(model)
    alarm = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored in what runs in the background
    alarm.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            sample_nuts(
                model, density, SamplerSpec(tune=100_000, draws=100_000), seed=1, cores=2, progress=False
            )
    finally:
        alarm.cancel()
        signal.signal(signal.SIGINT, before)


def test_a_fit_has_the_fingerprint_that_scoring_finds(cdnow):
    few = cdnow.iloc[:300].assign(customer_id=np.arange(300.0))  # 5.0 is the customer "5"
    few.attrs = dict(cdnow.attrs)
    spec = replace(ltv.load_spec("pooled"), sampler=SamplerSpec(draws=100))
    fit = ltv.fit(few, spec.without_spend(), seed=1, method="laplace", progress=False)
    as_text = few.assign(customer_id=[str(i) for i in range(300)])
    as_text.attrs = dict(cdnow.attrs)
    assert fit.attrs["fingerprint"] == validate_summary(as_text).attrs["fingerprint"]


@pytest.mark.filterwarnings("ignore::bayesltv.BayesltvWarning")
@pytest.mark.parametrize(("levels", "accept"), [(4, 0.95), (5, 0.8)])
def test_few_levels_are_sampled_with_smaller_steps_and_the_fit_says_so(cdnow, levels, accept):
    summary = cdnow.assign(shop=[f"s{at % levels}" for at in range(len(cdnow))])
    summary.attrs = {**cdnow.attrs, "groups": ["shop"]}
    spec = ltv.load_spec("by_group").without_spend()
    fit = ltv.fit(summary, spec, seed=1, sampler={"chains": 2, "tune": 30, "draws": 10}, progress=False)
    assert json.loads(fit.attrs["sampler"])["target_accept"] == accept
