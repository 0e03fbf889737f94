"""The median wait for the next purchase, against its closed form for one draw and bisection for many."""

import numpy as np
import pytest
from scipy.optimize import brentq

import bayesltv as ltv
from bayesltv.families.bg_nbd.law import BgNbd
from bayesltv.kernels.calendar import NO_FACTORS, AsIs
from bayesltv.kernels.expected import median_wait
from bayesltv.numerics.compile import compiled
from helpers import clock_fit, point_fit

CENTURY = 36_525.0
ALIVE = 0.9
SLOW = {"r": 0.02, "alpha": 20.0, "a": 0.05, "b": 1.0}


@compiled
def median_of(customer, futures, alive, farthest):
    return median_wait(customer, futures, alive, farthest)


def wait_of(alive, shape, rate):
    """The median wait under the laws of some futures, one draw each."""
    nothing = np.ones((1, shape.size))
    futures = BgNbd(shape[None], rate[None], nothing, nothing)
    return median_of(
        AsIs(None, np.zeros((1, 1)), np.zeros(1), np.zeros((0, 3)), NO_FACTORS), futures, alive, CENTURY
    )


def one_draw(shape, rate):
    """Of A (1 − (α/(α + s))^r) = 1/2."""
    with np.errstate(over="ignore"):
        return rate * np.expm1(-np.log1p(-0.5 / ALIVE) / shape)


@pytest.mark.parametrize("shape", [0.2, 0.089, 0.0885, 0.02, 0.0005, 1e-9])
def test_a_wait_is_told_up_to_a_century_and_missing_beyond(shape):
    exact = one_draw(shape, 4.0)
    found = wait_of(np.full(3, ALIVE), np.full(3, shape), np.full(3, 4.0))
    if exact <= CENTURY:
        assert found == pytest.approx(exact, rel=1e-9)
    else:
        assert np.isnan(found)


def test_the_cases_stand_on_both_sides_of_a_century():
    assert one_draw(0.0885, 4.0) > CENTURY > one_draw(0.089, 4.0) > 0.9 * CENTURY


def test_a_wait_is_found_where_the_average_draw_would_wait_for_ever():
    """Most draws buy soon: the averages of their parameters say nothing of the median."""
    alive, shape, rate = np.ones(3), np.array([2.0, 2.0, 0.01]), np.array([5.0, 5.0, 1e7])
    assert rate.mean() * np.expm1(np.log(2) / shape.mean()) > CENTURY

    def excess(wait):
        return np.mean(alive * (1 - (rate / (rate + wait)) ** shape)) - 0.5

    assert excess(CENTURY) > 0
    exact = brentq(excess, 1e-6, CENTURY, xtol=1e-10)
    assert wait_of(alive, shape, rate) == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_no_score_names_a_wait_beyond_a_century(cdnow, decision, unit):
    per = {"day": 1.0, "week": 7.0, "month": 30.4375}[unit]
    once = cdnow[cdnow["frequency"] == 0].iloc[:30]
    once = once.assign(T=once["T"] * 7 / per)
    once.attrs = {**cdnow.attrs, "time_unit": unit}
    for r, is_missing in ((0.02, True), (0.3, False)):
        given = {**SLOW, "r": r, "alpha": 20.0 * 7 / per, "p": 6.0, "q": 4.0, "v": 15.0}
        fit = point_fit(given, draws=4, time_unit=unit)
        waits = ltv.score(fit, once, decision, seed=1)["next_purchase_days_p50"]
        assert waits.isna().all() == is_missing
        if not is_missing:
            days = (20 + once["T"] * per / 7) * 7 * np.expm1(np.log(2) / r)
            np.testing.assert_allclose(waits, days, rtol=1e-6)


@pytest.mark.parametrize("r", [0.02, 0.3])
def test_under_a_clock_that_stands_still_waits_are_those_without(cdnow, decision, r):
    once = cdnow[cdnow["frequency"] == 0].iloc[:30]
    given = {**SLOW, "r": r, "p": 6.0, "q": 4.0, "v": 15.0}
    still = {"clock_sd": 1e-300, "clock_rho": 0.5}
    clocked = clock_fit(
        given, np.zeros((4, 10)), clock=ltv.ClockSpec(), start="1997-01-01", end="1997-09-30", variables=still
    )
    fits = point_fit(given, draws=4), clocked
    plain, other = (ltv.score(fit, once, decision, seed=1)["next_purchase_days_p50"] for fit in fits)
    np.testing.assert_allclose(other, plain, rtol=1e-7)
    assert plain.isna().all() == (r == 0.02)
