"""The kernels at published parameters and at the maxima of the CDNOW likelihood.

Pins: Fader, Hardie & Lee (2005) and Fader & Hardie, notes 004, 019, 021, 025, 027, 039; values verified by
simulation, quadrature or a second implementation before they were copied here. Weeks throughout.
"""

import numpy as np
import pytest

from bayesltv.data.cells import make_cells
from bayesltv.data.datasets import load_cdnow
from bayesltv.data.summary import summarize
from bayesltv.kernels import beta_geometric, gamma_gamma
from bayesltv.kernels.collapsed import purchase_value_and_gradient, spend_value_and_gradient
from bayesltv.kernels.expectations import expected_over_horizon, work_space
from bayesltv.kernels.families import BG_NBD, FAMILIES, MBG_NBD
from bayesltv.kernels.purchase_counts import p_spend_above, purchase_probabilities, purchase_survival

PUBLISHED = (0.243, 4.414, 0.793, 2.426)
SPEND_PUBLISHED = (6.25, 3.74, 15.44)
BG_MAXIMUM = (0.2425945, 4.413602, 0.792922, 2.425907)
MBG_MAXIMUM = (0.524843, 6.183083, 0.891359, 1.614003)
SPEND_MAXIMUM = (6.24957, 3.74422, 15.44352)
FULL_SPEND_MAXIMUM = (3.6100, 4.4862, 34.083)
MASTER_BG_MAXIMUM = (0.251624, 4.788943, 0.723434, 2.161088)
MASTER_SPEND_MAXIMUM = (6.27536, 3.62445, 14.98368)
MASTER_FULL_SPEND_MAXIMUM = (3.3856, 4.4761, 36.8711)


def log_likelihood(family, x, t_x, T, parameters):
    return beta_geometric.log_likelihood(x, family.coins(x), t_x, T, *parameters)


def future(x, t_x, T, horizon, parameters, family=BG_NBD):
    """Return P(alive) and P(X* = 0), P(X* = 1), ..."""
    r, alpha, a, b = parameters
    k = family.coins(x)
    alive = float(beta_geometric.p_alive(x, k, t_x, T, *parameters))
    return alive, purchase_probabilities(horizon, alive, r + x, alpha + T, a, b + k)


def mean_of(probabilities):
    return np.arange(probabilities.size) @ probabilities


# ---- single customers


def test_a_customer_with_two_repeats_has_the_published_future():
    alive, probabilities = future(2, 30.43, 38.86, 39.0, PUBLISHED)
    assert log_likelihood(BG_NBD, 2, 30.43, 38.86, PUBLISHED) == pytest.approx(-9.4586, abs=5e-5)
    assert alive == pytest.approx(0.72658, abs=5e-6)
    assert probabilities[:2] == pytest.approx([0.44537, 0.23932], abs=5e-6)
    mean = mean_of(probabilities)
    assert mean == pytest.approx(1.22603, abs=5e-6)
    variance = np.arange(probabilities.size) ** 2 @ probabilities - mean**2
    assert variance == pytest.approx(2.52894, abs=5e-6)


def test_a_customer_with_seven_repeats_has_the_published_future():
    alive, probabilities = future(7, 29.43, 38.86, 39.0, PUBLISHED)
    assert alive == pytest.approx(0.64176, abs=5e-6)
    assert mean_of(probabilities) == pytest.approx(3.33705, abs=5e-6)


def test_a_customer_who_never_came_back_has_the_published_likelihood():
    assert log_likelihood(BG_NBD, 0, 0.0, 38.86, PUBLISHED) == pytest.approx(-0.55471, abs=5e-6)


def test_the_likelihood_of_four_repeats_has_sixteen_published_digits_in_both_families():
    assert log_likelihood(BG_NBD, 4, 30.7, 38.9, PUBLISHED) == pytest.approx(-15.32935235570709, rel=1e-14)
    assert log_likelihood(MBG_NBD, 4, 30.7, 38.9, PUBLISHED) == pytest.approx(-15.487436077892465, rel=1e-14)


def test_two_hundred_repeats_do_not_overflow():
    assert log_likelihood(BG_NBD, 200, 38.0, 40.0, (0.25, 4, 0.8, 2.5)) == pytest.approx(100.79569, abs=5e-6)


def test_a_modified_customer_who_never_came_back_is_alive_later_with_the_published_probability():
    r, alpha, a, b = PUBLISHED
    k = MBG_NBD.coins(0)
    later = beta_geometric.p_alive(0, k, 0.0, 38.86, *PUBLISHED)
    later *= beta_geometric.p_alive_later(39.0, 0, k, 38.86, *PUBLISHED)
    wrong = later / beta_geometric.p_alive_later(39.0, 0, k, 38.86, *PUBLISHED)
    wrong *= beta_geometric.p_alive_later(39.0, 0, 0, 38.86, *PUBLISHED)
    print(later, wrong)


# ---- discounting


@pytest.mark.parametrize(
    ("horizon", "pin"), [(26.0, 1.90628), (52.0, 3.22775), (104.0, 5.06632), (52.0 * 400, 11.9074)]
)
def test_discounted_purchases_are_the_published_ones(horizon, pin):
    r, alpha, a, b = 0.8, 4.0, 0.7, 2.5
    alive = beta_geometric.p_alive(2, 2, 18.0, 20.0, r, alpha, a, b)
    discounted = expected_over_horizon(horizon, 0.1 / 52, r + 2, alpha + 20, a, b + 2, work_space())[1]
    assert alive * discounted == pytest.approx(pin, abs=5e-5 if pin > 10 else 5e-6)


# ---- spend


def test_the_likelihood_of_a_mean_of_fifty_amounts_is_the_published_one():
    got = gamma_gamma.log_likelihood_of_mean(50, 38.0, *SPEND_PUBLISHED)
    assert got == pytest.approx(-4.170214, abs=5e-7)


def test_small_integer_types_do_not_overflow_in_the_likelihood_of_a_mean():
    # int8: 50 × 38 would be 108
    got = gamma_gamma.log_likelihood_of_mean(np.int8(50), np.int8(38), *SPEND_PUBLISHED)
    assert got == pytest.approx(-4.170214, abs=5e-7)


def test_the_likelihood_of_three_amounts_is_the_published_one():
    z = np.array([10.0, 20.0, 45.0])
    got = gamma_gamma.log_likelihood_of_amounts(3, z.sum(), np.log(z).sum(), 3.61, 4.49, 34.1)
    assert got == pytest.approx(-12.637187, abs=5e-7)


def test_tier_probabilities_without_monte_carlo_are_the_published_ones():
    p, q, v = SPEND_PUBLISHED
    _, probabilities = future(2, 30.43, 38.86, 39.0, PUBLISHED)
    above = [p_spend_above(s, probabilities, p, q + p * 2, v + 2 * 22.35) for s in (25, 50, 100, 300)]
    assert above == pytest.approx([0.40448, 0.22546, 0.07086, 0.00112], abs=5e-6)
    mean = mean_of(probabilities) * gamma_gamma.expected_spend(2, 2 * 22.35, p, q, v)
    assert mean == pytest.approx(30.2384, abs=5e-5)


# ---- CDNOW: the maximum-likelihood table


@pytest.fixture(scope="module")
def sample():
    return summarize(load_cdnow(), observation_end="1997-09-30", time_unit="week", groups=["cohort"])


@pytest.fixture(scope="module")
def master():
    return summarize(load_cdnow("master"), observation_end="1997-09-30", time_unit="week", groups=["cohort"])
