"""Expectations over the horizon, discounted or not, against integrals over dropout and time."""

import numpy as np
import pytest
from scipy import integrate
from scipy.special import roots_jacobi

import beta_geometric
from bayesltv.families.bg_nbd import expectations
from bayesltv.numerics.quadrature import calendar_space, work_space
from beta_geometric import expected_over_horizon, purchase_survival

WORK = work_space()
GAUSS = np.polynomial.legendre.leggauss(400)


def over_horizon(*case):
    return np.array(expected_over_horizon(*case, WORK))


def integrated(horizon, discount, shape, rate, a, b):
    """Return the three expectations by quadrature over p (Gauss-Jacobi) and time, λ integrated out.

    Alive at s given p: (1 + ps/α')^{−r'}; purchases then come at rate r'/α' · (1 + ps/α')^{−r'−1}.
    """
    u, du = GAUSS
    length = np.log1p(horizon / rate)
    s = rate * np.expm1(length * (1 + u) / 2)
    ds = length / 2 * du * (s + rate)
    node, weight = roots_jacobi(150, b - 1, a - 1)
    p, weight = (1 + node) / 2, weight / weight.sum()
    alive = (1 + np.outer(s, p) / rate) ** -shape @ weight
    buying = shape / rate * (1 + np.outer(s, p) / rate) ** (-shape - 1) @ weight
    fading = np.exp(-discount * s)
    return np.array([ds @ buying, ds @ (buying * fading), ds @ (alive * fading)])


def cases(n, seed):
    """Yield horizon, discount, r', rate α', a, b': from homogeneous to dispersed, H from α'/100 to 50 α'."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        x = rng.choice([0, 0, 1, 5, 30])
        r, alpha, a, b = np.exp(rng.normal(np.log([0.8, 5, 0.9, 2.5]), 1.2))
        rate = alpha + rng.uniform(0, 50)
        horizon = rate * np.exp(rng.uniform(np.log(0.01), np.log(50)))
        yield horizon, rng.choice([-0.5, 0, 0.1, 1, 10]) / horizon, min(r, 50) + x, rate, a, b + x


def test_all_three_are_the_integrals_over_dropout_and_time():
    for case in cases(150, seed=1):
        assert over_horizon(*case) == pytest.approx(integrated(*case), rel=2e-9)


def test_expected_purchases_are_the_sum_over_counts():
    for horizon, _, shape, rate, a, b in cases(150, seed=2):
        total = purchase_survival(horizon, 1.0, shape, rate, a, b, np.zeros(1))[0]
        assert over_horizon(horizon, 0.0, shape, rate, a, b)[0] == pytest.approx(total, rel=1e-7)


def test_without_a_discount_discounted_purchases_are_purchases():
    for horizon, _, *customer in cases(20, seed=3):
        purchases, discounted, _ = over_horizon(horizon, 0.0, *customer)
        assert discounted == purchases


def test_discounted_purchases_are_those_of_the_identity_by_parts():
    # e^{−δH} E[X(H)] + δ ∫ e^{−δs} E[X(s)] ds
    for horizon, _, *customer in cases(10, seed=4):
        discount = 1 / horizon

        def until(s, customer=customer):
            return purchase_survival(s, 1.0, *customer, np.zeros(1))[0] if s > 0 else 0.0

        area = integrate.quad(
            lambda s, d=discount, until=until: d * np.exp(-d * s) * until(s), 0, horizon, epsrel=1e-10
        )[0]
        want = np.exp(-1) * until(horizon) + area
        assert over_horizon(horizon, discount, *customer)[1] == pytest.approx(want, rel=1e-7)


def test_time_alive_is_the_integral_of_being_alive_later():
    T, x, (r, alpha, a, b) = 20.0, 3, (0.6, 5.0, 0.9, 2.5)
    for horizon, discount in [(1.0, 0.0), (39.0, 0.0), (39.0, 0.01), (400.0, 0.002)]:
        want = integrate.quad(
            lambda s, d=discount: (
                np.exp(-d * s) * float(beta_geometric.p_alive_later(s, x, x, T, r, alpha, a, b))
            ),
            0,
            horizon,
        )[0]
        got = over_horizon(horizon, discount, r + x, alpha + T, a, b + x)[2]
        assert got == pytest.approx(want, rel=1e-9)


def test_homogeneous_customers_who_drop_out_early_are_integrated_as_well():
    # steep at the start, flat afterwards: too few nodes are 2 % off here
    case = (40.0, 3 / 40, 21.6, 0.41, 2.0, 0.39)
    assert over_horizon(*case) == pytest.approx(integrated(*case), rel=1e-8)


def test_given_certain_latents_the_latent_form_appears():
    # r', α' → ∞ with λ = r'/α', a, b' → ∞ with p = a/(a+b'): λ(1 − e^{−(λp+δ)H})/(λp + δ)
    rate, p, discount, horizon, many = 0.5, 0.1, 0.02, 30.0, 1e6
    got = over_horizon(horizon, discount, rate * many, many, p * many, (1 - p) * many)
    decay = rate * p + discount
    assert got[0] == pytest.approx(-np.expm1(-rate * p * horizon) / p, rel=1e-4)
    assert got[1] == pytest.approx(-rate * np.expm1(-decay * horizon) / decay, rel=1e-4)
    assert got[2] == pytest.approx(-np.expm1(-decay * horizon) / decay, rel=1e-4)


def test_nothing_happens_at_a_equal_to_one():
    at = over_horizon(39.0, 0.002, 2.2, 43.0, 1.0, 4.4)
    around = [over_horizon(39.0, 0.002, 2.2, 43.0, near, 4.4) for near in (0.999, 1.001)]
    assert at == pytest.approx(np.mean(around, axis=0), rel=1e-6)


@pytest.mark.parametrize("horizon", [1e-9, 1e-3, 1.0, 39.0, 520.0, 1e5])
@pytest.mark.parametrize("x", [0, 1, 500, 2000])
def test_extremes_are_finite_and_bounded(horizon, x):
    r, alpha, T = 0.243, 4.414, max(1.0, float(x))
    for a, b in [(0.793, 2.426), (1.0, 1.0), (0.05, 0.05), (20.0, 3.0)]:
        purchases, discounted, alive = over_horizon(horizon, 0.002, r + x, alpha + T, a, b + x)
        assert 0 < discounted <= purchases * (1 + 1e-12)
        assert purchases <= (r + x) / (alpha + T) * horizon * (1 + 1e-9)
        assert 0 < alive <= horizon * (1 + 1e-9)
        total = purchase_survival(horizon, 1.0, r + x, alpha + T, a, b + x, np.zeros(1))[0]
        assert purchases == pytest.approx(total, rel=1e-7)


@pytest.mark.parametrize("shape", [1e-9, 1e-3, 2.2, 2000.0])
def test_a_tiny_horizon_holds_the_rate_times_the_horizon(shape):
    purchases, discounted, alive = over_horizon(1e-9, 0.1, shape, 43.0, 0.8, 4.4)
    assert purchases == pytest.approx(shape / 43 * 1e-9, rel=1e-6)
    assert discounted == pytest.approx(shape / 43 * 1e-9, rel=1e-6)
    assert alive == pytest.approx(1e-9, rel=1e-6)


@pytest.mark.parametrize("block", [7, 28, 224])
def test_nodes_of_a_calendar_are_enough_whatever_the_customer(block):
    """Against the same sums at hundreds of points of each segment; draws differ from the typical one."""
    rng = np.random.default_rng(block)
    laid, work = calendar_space(400)
    worst = 0.0
    for _ in range(60):
        edges = np.append(0.0, np.cumsum(np.full(840 // block, float(block))))
        steps = np.exp(0.5 * rng.standard_normal(edges.size - 1)) * block / 7.0
        own = steps * np.exp(0.9 * rng.uniform(-1.0, 1.0, steps.size))
        times = np.append(0.0, own.cumsum())
        x, alpha = rng.choice([0, 1, 3, 12, 60]), rng.uniform(2.0, 60.0)
        shape, rate, a, b = 0.4 + x, alpha * np.exp(0.2 * rng.standard_normal()), 0.8, 2.4 + x
        discount, end, until = rng.choice([0.0, 0.002, 0.02]), 0.3, (edges.size - 1) * 0.7
        count = expectations.lay_nodes(
            steps, edges / 7.0, end, until, discount, shape, alpha, a / (a + b), laid
        )
        now = end * own[0]
        found = expectations.expected_at_nodes(
            count, laid, times, edges / 7.0, now, (shape, rate, a, b), work
        )
        np.testing.assert_allclose(
            found, dense(times, edges, now, end, until, discount, shape, rate, a, b), rtol=1e-6
        )
        worst = max(worst, count)
    assert worst > 2


def dense(times, edges, now, end, until, discount, shape, rate, a, b):
    total, today = np.zeros(3), end * edges[1]
    nodes, weights = np.polynomial.legendre.leggauss(24)
    for j in range(int(until) + 1):
        low, high = (end if j == 0 else 0.0), min(1.0, until - j)
        for cut in range(4):
            left = low + (high - low) * cut / 4
            share = left + (high - low) / 8 * (1 + nodes)
            wide = weights * (high - low) / 8
            s = times[j] + share * (times[j + 1] - times[j]) - now
            sums = np.array([expectations._sums_at(each, shape, rate, a, b) for each in s]).T
            days = edges[j] + share * (edges[j + 1] - edges[j]) - today
            fading = np.exp(-discount * days / 7.0)
            bought = wide * (times[j + 1] - times[j]) * sums[1] / (rate + s)
            lived = wide * (edges[j + 1] - edges[j]) / 7.0 * sums[0] * fading
            total += [bought.sum(), (bought * fading).sum(), lived.sum()]
    return total
