"""The worth of a test against nested Monte Carlo and published numbers."""

import math

import numpy as np
import pytest
from scipy import stats

from bayesltv.errors import SpecError
from bayesltv.experiments import worth
from bayesltv.experiments.sight import make_sight
from bayesltv.experiments.worth import (
    Traffic,
    evsi,
    net_benefit,
    plan_sighted_test,
    plan_test,
)

CASES = [(0.5, 1.0, 12.0, 300), (-0.4, 0.8, 9.0, 150), (0.0, 0.3, 4.5, 2000), (1.0, 0.8, 10.0, 200)]


def value_of_information(net):
    """E[max over acts] − max over acts of E, summed over units, of net values by (unit, act, draw)."""
    return float((net.max(axis=1).mean(axis=1) - net.mean(axis=2).max(axis=1)).sum())


def played(effect_mean, effect_sd, outcome_sd, n, size, rng):
    """Effects of simulated worlds, and what a test of n per arm makes of each: posterior means from raw data.

    The test is drawn customer by customer through its two sample means; the posterior mean weighs their
    difference and the prior by precision, the textbook way, without the formula under test.
    """
    effect = rng.normal(effect_mean, effect_sd, size)
    treated = rng.normal(effect, outcome_sd / math.sqrt(n))
    control = rng.normal(0.0, outcome_sd / math.sqrt(n), size)
    precision = 1 / effect_sd**2, n / (2 * outcome_sd**2)
    return effect, (effect_mean * precision[0] + (treated - control) * precision[1]) / sum(precision)


@pytest.mark.parametrize(("effect_mean", "effect_sd", "outcome_sd", "n"), CASES)
def test_evsi_is_that_of_nested_monte_carlo(effect_mean, effect_sd, outcome_sd, n):
    rng = np.random.default_rng(4_000 + n)
    effect, posterior = played(effect_mean, effect_sd, outcome_sd, n, 400_000, rng)
    gained = np.where(posterior > 0, effect, 0.0) - max(0.0, effect_mean)
    if effect_mean > 0:  # against treating everybody in the very same worlds
        gained = np.where(posterior > 0, 0.0, -effect)
    closed = float(evsi(n, effect_mean, effect_sd, outcome_sd))
    assert closed == pytest.approx(gained.mean(), abs=4 * gained.std() / math.sqrt(gained.size))


@pytest.mark.parametrize(("effect_mean", "effect_sd", "outcome_sd", "n"), CASES)
def test_the_net_benefit_is_what_simulated_campaigns_gain(effect_mean, effect_sd, outcome_sd, n):
    rng, customers = np.random.default_rng(5_000 + n), 20_000
    effect, posterior = played(effect_mean, effect_sd, outcome_sd, n, 400_000, rng)
    with_test = n * effect + (customers - 2 * n) * np.where(posterior > 0, effect, 0.0) - 77.0
    gained = with_test - (customers * effect if effect_mean > 0 else 0.0)
    closed = float(net_benefit(n, customers, effect_mean, effect_sd, outcome_sd, cost=77.0))
    assert closed == pytest.approx(gained.mean(), abs=4 * gained.std() / math.sqrt(gained.size))


def test_test_and_roll_gives_the_published_size():
    # Feit & Berman (2019), display advertising: s = 4.51, sigma = 0.1, N = 1,000,000
    assert round(worth.test_and_roll(1_000_000, 4.51, 0.1)) == 21_076


def test_for_arms_alike_the_best_size_is_that_of_test_and_roll():
    plan = plan_test(effect_mean=0.0, effect_sd=0.1 * math.sqrt(2), outcome_sd=4.51, customers=1_000_000)
    assert plan.test_and_roll == 21_076
    assert plan.n_per_arm == pytest.approx(21_076, rel=0.002)


def test_the_best_size_is_the_best_of_all_sizes():
    belief = {"effect_mean": -0.2, "effect_sd": 0.7, "outcome_sd": 6.0, "customers": 3_000}
    plan = plan_test(**belief, cost=10.0)
    everything = [float(net_benefit(n, 3_000, -0.2, 0.7, 6.0, cost=10.0)) for n in range(1, 1_501)]
    assert plan.n_per_arm == 1 + int(np.argmax(everything))
    assert plan.net_benefit == pytest.approx(max(everything))


def test_no_test_is_worth_more_than_knowing_the_effect():
    sizes = np.array([1.0, 10, 1e3, 1e6, 1e9])
    values = evsi(sizes, 0.3, 0.8, 9.0)
    assert (np.diff(values) > 0).all()
    effect = stats.norm(0.3, 0.8)
    known = -effect.expect(lambda x: min(x, 0.0), lb=-np.inf, ub=np.inf)  # harm that is not done
    assert float(evsi(np.inf, 0.3, 0.8, 9.0)) == pytest.approx(known, rel=1e-6)
    assert values[-1] == pytest.approx(known, rel=1e-4)


@pytest.mark.parametrize("mean", [-8.0, 8.0, -300.0, 300.0])
def test_where_the_answer_is_known_a_test_is_worth_nothing_and_never_less(mean):
    values = evsi(np.array([1.0, 1e2, 1e6]), mean, 1.0, 5.0)
    assert (values >= 0).all()
    assert values.max() < 1e-12
    plan = plan_test(effect_mean=mean, effect_sd=1.0, outcome_sd=5.0, customers=10_000)
    assert not plan.is_worthwhile
    assert plan.advice.startswith("do not test")
    assert plan.advice.endswith("treat everybody" if mean > 0 else "leave the action out")


def test_a_test_that_costs_more_than_it_can_teach_is_not_advised():
    belief = {"effect_mean": -0.05, "effect_sd": 0.4, "outcome_sd": 10.0, "customers": 20_000}
    free = plan_test(**belief)
    assert free.is_worthwhile
    assert plan_test(**belief, cost=free.net_benefit * 1.01).n_per_arm == 0
    assert plan_test(**belief, cost=free.net_benefit * 0.99).n_per_arm == free.n_per_arm


def test_weeks_follow_from_traffic_and_the_window():
    belief = {"effect_mean": 0.0, "effect_sd": 0.5, "outcome_sd": 5.0, "customers": 50_000}
    plan = plan_test(**belief, customers_per_week=1_000, window_weeks=4.0)
    assert plan.weeks == pytest.approx(2 * plan.n_per_arm / 1_000 + 4)
    assert f"test {plan.n_per_arm:,} customers in each arm, {plan.weeks:,.1f} weeks" in plan.advice
    assert plan_test(**belief).weeks is None


def test_evppi_of_the_effects_is_below_evpi_and_agrees_with_the_closed_form():
    # 300 customers, one action: net = effect x own worth - cost, worth unknown too. What can be learnt about
    # the effect alone is normal, so that the closed form at n = infinity is the truth for each customer.
    rng, draws = np.random.default_rng(12), 4_000
    effect = rng.normal(0.2, 0.15, draws)
    mean_worth = rng.lognormal(1.0, 0.6, 300)
    worth = mean_worth[:, None] * rng.lognormal(-0.5, 1.0, (300, draws))
    nothing = np.zeros((300, draws))
    everything = np.stack([nothing, effect * worth - 0.6], axis=1)
    by_effect = np.stack([nothing, effect * mean_worth[:, None] - 0.6], axis=1)
    closed = sum(float(evsi(np.inf, 0.2 * w - 0.6, 0.15 * w, 1.0)) for w in mean_worth)
    evppi, evpi = value_of_information(by_effect), value_of_information(everything)
    assert evppi == pytest.approx(closed, rel=0.06)
    assert evpi > 1.5 * evppi


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"effect_sd": -1.0}, "effect_sd = -1 must be at least 0"),
        ({"outcome_sd": 0.0}, "outcome_sd = 0 must be above 0"),
        ({"customers": 1}, "customers = 1 must be a whole number, 2 or more"),
        ({"effect_mean": float("nan")}, "effect_mean = nan must be finite"),
        ({"customers_per_week": 0.0}, "customers_per_week = 0 must be above 0"),
        ({"cost": -5.0}, "cost = -5 must be at least 0"),
    ],
)
def test_an_impossible_plan_is_refused(changed, says):
    asked = {"effect_mean": 0.1, "effect_sd": 0.2, "outcome_sd": 5.0, "customers": 100}
    with pytest.raises(SpecError) as caught:
        plan_test(**(asked | changed))
    assert says in str(caught.value)


# ---------------------------------------------------------------------------------- what a window shows of it


SLOPE, HIDDEN = {"all of it": (0.6, 0.0), "part of it": (0.25, 0.5)}, -0.1


def sights(kind, rng, draws):
    """What the window shows of effects, and what they bring by the first and by chance; all normal."""
    slope, sd = SLOPE[kind]
    shown = 0.3 + 1.2 * rng.standard_normal(draws)
    return shown, HIDDEN + slope * shown + sd * rng.standard_normal(draws)


@pytest.mark.parametrize("kind", list(SLOPE))
@pytest.mark.parametrize("n", [300, 5_000])
def test_evsi_of_a_window_is_that_of_the_whole_decision_played(kind, n):
    # an effect is drawn, two arms are watched, the effect is believed by the textbook's normal updating, the
    # action is taken where it should bring something, and what it truly brings is counted
    rng, outcome_sd = np.random.default_rng(n), 12.0
    shown, brings = sights(kind, rng, 400_000)
    seen = shown + outcome_sd * math.sqrt(2 / n) * rng.standard_normal(shown.size)
    share = 1.2**2 / (1.2**2 + 2 * outcome_sd**2 / n)
    believed = HIDDEN + SLOPE[kind][0] * (0.3 + share * (seen - 0.3))
    gained = np.where(believed > 0, brings, 0.0).mean() - max(0.0, HIDDEN + SLOPE[kind][0] * 0.3)
    sight = make_sight(*sights(kind, np.random.default_rng(1), 20_000))
    assert float(sight.evsi(float(n), outcome_sd)) == pytest.approx(gained, rel=0.05)


def test_values_of_information_are_in_order_and_reach_the_windows():
    rng = np.random.default_rng(8)
    for kind in ("all of it", "part of it"):
        shown, brings = sights(kind, rng, 400)
        sight = make_sight(shown, brings)
        values = sight.evsi(np.geomspace(1, 1e12, 40), 12.0)
        evppi = np.maximum(brings, 0).mean() - max(0.0, brings.mean())
        assert (np.diff(values) > -1e-4 * evppi).all()
        assert values[0] >= 0
        assert values[-1] == pytest.approx(sight.ceiling, rel=1e-3)
        assert sight.ceiling <= evppi
        share = sight.ceiling / evppi
        assert share > 0.98 if kind == "all of it" else share < 0.7


def test_a_window_that_shows_nothing_is_worth_nothing():
    brings = np.random.default_rng(2).standard_normal(200)
    sight = make_sight(np.zeros(200), brings)
    assert sight.ceiling == pytest.approx(0.0, abs=1e-12)
    assert float(sight.evsi(1e9, 5.0)) == pytest.approx(0.0, abs=1e-6)


def test_of_a_normal_effect_that_the_window_shows_the_size_is_that_of_the_closed_form():
    effect = stats.norm.ppf((np.arange(4000) + 0.5) / 4000, 0.1, 0.5)
    traffic = Traffic(60_000, 200.0)
    found = plan_sighted_test(effect, effect, outcome_sd=9.0, traffic=traffic)
    closed = plan_test(effect_mean=0.1, effect_sd=0.5, outcome_sd=9.0, customers=60_000, cost=200.0)
    assert found.net_benefit == pytest.approx(closed.net_benefit, rel=0.02)
    assert found.n_per_arm == pytest.approx(closed.n_per_arm, rel=0.1)
    assert not found.is_blind
