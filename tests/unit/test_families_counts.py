"""The distribution of future purchases: S(y) against special functions, simulation and limits."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.special import betainc, betaln, hyp2f1

from beta_geometric import p_spend_above, purchase_probabilities, purchase_survival

TYPICAL = (39.0, 0.73, 2.243, 43.27, 0.793, 4.426)
"""H, P(alive), r', rate α', a, b': a CDNOW customer with two repeats."""


def expected(horizon, alive, shape, rate, a, b):
    return purchase_survival(horizon, alive, shape, rate, a, b, np.zeros(1))[0]


def cases(n, seed):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        x = rng.choice([0, 1, 4, 20])
        r, alpha, a, b = np.exp(rng.normal(np.log([0.6, 5, 0.9, 2.5]), 0.7))
        yield np.exp(rng.normal(3, 1.5)), rng.random(), r + x, alpha + rng.uniform(0, 50), a, b + x


def test_survival_is_the_product_of_dropout_and_incomplete_beta():
    # S(y) = A · B(a, b'+y−1)/B(a, b') · I_{H/(α'+H)}(y, r')
    y = np.arange(1, 31)
    for horizon, alive, shape, rate, a, b in cases(60, seed=1):
        out = np.zeros(30)
        purchase_survival(horizon, alive, shape, rate, a, b, out)
        reach = np.exp(betaln(a, b + y - 1) - betaln(a, b))
        want = alive * reach * betainc(y, shape, horizon / (rate + horizon))
        assert out == pytest.approx(want, rel=1e-9, abs=1e-15)


def test_expected_purchases_are_the_textbook_form_where_that_is_safe():
    for horizon, alive, shape, rate, a, b in cases(200, seed=2):
        if abs(a - 1) < 0.05:
            continue
        gone = (rate / (rate + horizon)) ** shape * hyp2f1(shape, b, a + b - 1, horizon / (rate + horizon))
        want = alive * (a + b - 1) / (a - 1) * (1 - gone)
        assert expected(horizon, alive, shape, rate, a, b) == pytest.approx(want, rel=1e-8)


def test_expected_purchases_are_the_latent_form_integrated():
    # given (alive, λ, p): (1 − e^{−λpH})/p, here with λ integrated out
    for horizon, alive, shape, rate, a, b in cases(30, seed=3):

        def given(p, horizon=horizon, shape=shape, rate=rate):
            if p < 1e-9:
                return shape / rate * horizon
            return -np.expm1(-shape * np.log1p(p * horizon / rate)) / p

        weight = {"weight": "alg", "wvar": (a - 1, b - 1), "limit": 400}
        want = integrate.quad(given, 0, 1, **weight)[0] / integrate.quad(lambda _: 1.0, 0, 1, **weight)[0]
        assert expected(horizon, alive, shape, rate, a, b) == pytest.approx(alive * want, rel=1e-7)


def test_probabilities_are_those_of_the_smaller_of_two_simulated_counts():
    # X* = min(N, K): N Poisson with a gamma rate, K geometric with a beta probability
    n, rng = 200_000, np.random.default_rng(4)
    for horizon, alive, shape, rate, a, b in (TYPICAL, (10.0, 0.4, 9.0, 6.0, 1.0, 1.5)):
        purchases = rng.poisson(rng.gamma(shape, 1 / rate, n) * horizon)
        until_dropout = rng.geometric(np.maximum(rng.beta(a, b, n), 1e-12))
        count = np.where(rng.random(n) < alive, np.minimum(purchases, until_dropout), 0)
        probabilities = purchase_probabilities(horizon, alive, shape, rate, a, b)
        top = np.flatnonzero(probabilities * n > 20).max()
        want = np.append(probabilities[:top], probabilities[top:].sum()) * n
        seen = np.bincount(count.clip(max=top), minlength=top + 1)
        assert stats.chisquare(seen, want * n / want.sum()).pvalue > 1e-4


def test_probabilities_sum_to_one_and_none_is_negative():
    for case in [*cases(200, seed=5), TYPICAL]:
        probabilities = purchase_probabilities(*case)
        assert probabilities.sum() == pytest.approx(1, abs=1e-12)
        assert (probabilities >= 0).all()
        mean = np.arange(probabilities.size) @ probabilities
        assert mean == pytest.approx(expected(*case), rel=1e-11)


def test_survival_beyond_the_array_asked_for_is_still_counted():
    few, many = np.zeros(2), np.zeros(500)
    assert purchase_survival(*TYPICAL, few) == purchase_survival(*TYPICAL, many)
    assert few.tolist() == many[:2].tolist()
    assert purchase_survival(*TYPICAL, np.zeros(0))[0] == purchase_survival(*TYPICAL, many)[0]


def test_a_customer_who_is_gone_buys_nothing():
    out = np.ones(5)
    assert purchase_survival(39.0, 0.0, *TYPICAL[2:], out)[0] == 0
    assert out.tolist() == [0] * 5
    assert purchase_probabilities(39.0, 0.0, *TYPICAL[2:]).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("a", [1.0, 1 - 1e-12, 1 + 1e-12])
def test_nothing_happens_at_a_equal_to_one(a):
    # the textbook form is 0/0 there; its neighbours on both sides are smooth
    at = expected(39.0, 0.7, 2.2, 43.0, a, 4.4)
    around = [expected(39.0, 0.7, 2.2, 43.0, near, 4.4) for near in (0.999, 1.001)]
    assert at == pytest.approx(np.mean(around), rel=1e-6)


@pytest.mark.parametrize("x", [500, 2000])
def test_customers_with_very_many_purchases_have_finite_futures(x):
    # a customer who bought x times in x weeks; E given p is (1 − (1 + pH/α')^{−r'})/p, integrated over ln p
    shape, rate, a, b = 0.243 + x, 4.414 + x, 0.793, 2.426 + x

    def weighted(u, horizon):
        p = np.exp(u)
        density = np.exp(a * u + (b - 1) * np.log1p(-p) - betaln(a, b))
        return -np.expm1(-shape * np.log1p(p * horizon / rate)) / p * density

    for horizon in (1e-6, 1.0, 39.0, 520.0, 20_000.0):  # at the last, P(N = 0) underflows
        probabilities = purchase_probabilities(horizon, 1.0, shape, rate, a, b)
        assert np.isfinite(probabilities).all()
        assert probabilities.sum() == pytest.approx(1, abs=1e-11)
        want = integrate.quad(weighted, -45, -1, args=(horizon,), limit=400, epsabs=0, epsrel=1e-9)[0]
        assert expected(horizon, 1.0, shape, rate, a, b) == pytest.approx(want, rel=1e-7)


@pytest.mark.parametrize("shape", [1e-8, 0.01, 2.2, 2000.0])
def test_a_tiny_horizon_holds_the_rate_times_the_horizon(shape):
    assert expected(1e-9, 0.7, shape, 43.0, 0.8, 4.4) == pytest.approx(0.7 * shape / 43 * 1e-9, rel=1e-6)


def test_a_huge_horizon_ends_every_life_when_the_mean_of_lives_exists():
    # a > 1: purchases of a lifetime number (a + b' − 1)/(a − 1)
    a, b = 4.0, 3.0
    assert expected(1e5, 1.0, 40.0, 20.0, a, b) == pytest.approx((a + b - 1) / (a - 1), rel=1e-6)


def test_a_rate_known_exactly_and_no_dropout_leave_a_poisson_count():
    probabilities = purchase_probabilities(2.0, 1.0, 1e9, 1e9 / 1.5, 1e-12, 1e3)[:20]
    assert probabilities == pytest.approx(stats.poisson(3.0).pmf(np.arange(probabilities.size)), abs=1e-7)


def test_certain_dropout_allows_one_purchase_at_most():
    probabilities = purchase_probabilities(39.0, 1.0, 2.2, 43.0, 1e9, 1e-6)
    assert probabilities[2:].sum() < 1e-12
    assert probabilities[1] == pytest.approx(1 - (43 / 82) ** 2.2, rel=1e-9)


# ---- spend above a threshold


def test_spend_above_a_threshold_is_what_simulation_finds():
    n, rng, p, shape, rate = 400_000, np.random.default_rng(6), 6.25, 16.24, 60.14
    probabilities = purchase_probabilities(*TYPICAL)
    count = rng.choice(probabilities.size, n, p=probabilities / probabilities.sum())
    spend = rng.gamma(p * np.maximum(count, 1e-9)) / rng.gamma(shape, 1 / rate, n) * (count > 0)
    for threshold in (0.0, 10.0, 25.0, 100.0, 300.0):
        share = p_spend_above(threshold, probabilities, p, shape, rate)
        noise = np.sqrt(share * (1 - share) / n)
        assert (spend > threshold).mean() == pytest.approx(share, abs=4.5 * noise)


def test_spend_above_nothing_is_the_probability_of_buying():
    probabilities = purchase_probabilities(*TYPICAL)
    above = p_spend_above(0.0, probabilities, 6.25, 16.24, 60.14)
    assert above == pytest.approx(1 - probabilities[0], rel=1e-12)


def test_mean_spend_is_the_area_above_all_thresholds():
    probabilities, p, shape, rate = purchase_probabilities(*TYPICAL), 6.25, 16.24, 60.14
    area = integrate.quad(
        lambda s: p_spend_above(s, probabilities, p, shape, rate), 0, 20_000, limit=400, points=[100, 1000]
    )[0]
    mean = np.arange(probabilities.size) @ probabilities * p * rate / (shape - 1)
    assert area == pytest.approx(mean, rel=1e-6)


def test_spend_of_a_customer_who_is_gone_exceeds_nothing():
    assert p_spend_above(0.0, np.array([1.0, 0.0]), 6.25, 16.24, 60.14) == 0
    assert p_spend_above(10.0, np.array([1.0]), 6.25, 16.24, 60.14) == 0
