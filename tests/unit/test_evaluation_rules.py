"""Scores against their definitions, sums over known distributions, and numerical integration."""

import numpy as np
import pytest
from scipy import integrate, stats

from bayesltv.evaluation import rules
from bayesltv.evaluation.ranking import lift_by_tenth, normalised_gini, spearman

RNG = np.random.default_rng(20260101)


def poisson_draws(mean, customers, draws):
    return np.sort(RNG.poisson(mean, (customers, draws)), axis=1)


def test_crps_is_the_mean_over_all_pairs_of_different_draws():
    draws, actual = RNG.gamma(2.0, 3.0, (5, 12)), RNG.gamma(2.0, 3.0, 5)
    found = rules.crps(np.sort(draws, axis=1), actual)
    for row, y, score in zip(draws, actual, found, strict=True):
        pairs = [abs(a - b) for i, a in enumerate(row) for j, b in enumerate(row) if i != j]
        assert score == pytest.approx(np.mean(np.abs(row - y)) - np.mean(pairs) / 2, rel=1e-12)


def test_crps_of_many_draws_is_the_integral_that_defines_it():
    law, y = stats.poisson(1.7), 4
    exact = sum((law.cdf(k) - (k >= y)) ** 2 for k in range(60))
    draws = poisson_draws(1.7, 1, 400_000)
    assert rules.crps(draws, np.array([y]))[0] == pytest.approx(exact, abs=0.008)
    normal, point = stats.norm(2.0, 1.5), 3.1
    density = integrate.quad(lambda z: (normal.cdf(z) - (z >= point)) ** 2, -12, 16, points=[point])[0]
    sample = np.sort(normal.rvs(400_000, random_state=RNG))[None]
    assert rules.crps(sample, np.array([point]))[0] == pytest.approx(density, abs=0.01)


def test_crps_does_not_depend_on_the_number_of_draws_on_average():
    few = rules.crps(poisson_draws(1.3, 40_000, 5), RNG.poisson(1.3, 40_000))
    exact = sum(stats.poisson(1.3).cdf(k) * stats.poisson(1.3).sf(k) for k in range(60))  # E|X − X'| / 2
    assert few.mean() == pytest.approx(
        exact, abs=4.5 * few.std() / 200
    )  # the plain score is larger by a fifth


def test_pit_of_a_known_discrete_law():
    ordered = np.array([[0, 0, 0, 1, 1, 2, 2, 2, 2, 5]])
    assert rules.pit_limits(ordered, np.array([2])) == (pytest.approx([0.5]), pytest.approx([0.9]))
    # all mass of the PIT lies evenly between .5 and .9
    curve = rules.pit_curve(np.array([0.5]), np.array([0.9]), np.array([0.5, 0.6, 0.9, 1.0]))
    assert curve == pytest.approx([0.0, 0.25, 1.0, 1.0])
    assert rules.pit_deviation(np.array([0.5]), np.array([0.9])) == pytest.approx(0.5)


def test_the_non_randomised_pit_of_right_forecasts_is_uniform_and_of_wrong_ones_is_not():
    law, actual = stats.poisson(0.8), RNG.poisson(0.8, 20_000)
    limits = law.cdf(actual - 1), law.cdf(actual)
    assert rules.pit_deviation(*limits) < 1.95 / np.sqrt(20_000)  # Kolmogorov's 99.9 %, conservative here
    wrong = stats.poisson(1.0)
    assert rules.pit_deviation(wrong.cdf(actual - 1), wrong.cdf(actual)) > 0.05


def test_randomised_pit_is_uniform_under_the_right_law():
    law, actual = stats.poisson(0.8), RNG.poisson(0.8, 20_000)
    pit = rules.randomised_pit(law.cdf(actual - 1), law.cdf(actual), RNG.random(20_000))
    assert stats.kstest(pit, "uniform").pvalue > 0.001


def test_quantiles_are_draws_and_those_of_the_inverted_distribution_function():
    ordered = np.sort(RNG.poisson(2.0, (7, 200)), axis=1)
    for probability in (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0):
        expected = np.quantile(ordered, probability, axis=1, method="inverted_cdf")
        assert rules.quantiles(ordered, np.array([probability]))[0] == pytest.approx(expected)


def test_intervals_of_a_continuous_law_hold_their_level():
    ordered, actual = np.sort(RNG.random((4000, 999)), axis=1), RNG.random(4000)
    low, high = rules.intervals(ordered)
    covered = ((actual >= low) & (actual <= high)).mean(axis=1)
    assert covered == pytest.approx(rules.LEVELS, abs=0.03)


def test_interval_score_is_width_and_a_penalty():
    assert rules.interval_score(2.0, 5.0, 4.0, 0.9) == 3.0
    assert rules.interval_score(2.0, 5.0, 6.0, 0.9) == pytest.approx(3.0 + 2 / 0.1 * 1.0)
    assert rules.interval_score(2.0, 5.0, 1.5, 0.5) == pytest.approx(3.0 + 4 * 0.5)


def gini_by_area(prediction, actual):
    """Area between the diagonal and the curve of cumulative shares, customers from low to high prediction."""
    order = np.argsort(prediction)
    shares = np.concatenate([[0.0], np.cumsum(actual[order]) / actual.sum()])
    return 1 - 2 * integrate.trapezoid(shares, dx=1 / actual.size)


def test_gini_is_the_area_of_its_definition():
    actual, noise = RNG.gamma(0.5, 2.0, 300), RNG.random(300)
    prediction = actual * noise
    expected = gini_by_area(prediction, actual) / gini_by_area(actual, actual)
    assert normalised_gini(prediction, actual) == pytest.approx(expected, rel=1e-12)
    assert normalised_gini(actual**3, actual) == pytest.approx(1.0)
    assert normalised_gini(-actual, actual) == pytest.approx(-1.0)


def test_gini_of_ties_is_the_mean_over_ways_of_breaking_them():
    prediction = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 3.0] * 8)
    actual = RNG.gamma(1.0, 1.0, prediction.size)
    broken = [
        gini_by_area(prediction + 1e-6 * RNG.random(prediction.size), actual) / gini_by_area(actual, actual)
        for _ in range(4000)
    ]
    error = np.std(broken) / np.sqrt(len(broken))
    assert normalised_gini(prediction, actual) == pytest.approx(np.mean(broken), abs=4.5 * error)


def test_ranking_of_nothing_is_missing():
    nothing = np.zeros(5)
    assert np.isnan(normalised_gini(np.arange(5.0), nothing))
    assert np.isnan(spearman(np.arange(5.0), nothing))


def test_lift_by_tenth_counts_everybody_once():
    ids = np.array([f"c{i}" for i in range(23)], dtype=object)
    actual = np.arange(23.0)
    table = lift_by_tenth(actual, actual, ids)
    assert table["customers"].sum() == 23
    assert table["cumulative_share"].iloc[-1] == pytest.approx(1.0)
    assert table["actual"].iloc[0] == pytest.approx(np.mean([22, 21, 20]))
    assert table["lift"].iloc[0] == pytest.approx(21 / 11)
