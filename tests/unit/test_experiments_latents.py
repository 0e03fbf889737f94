"""A test through the latents of a fit: likelihoods, what is refused, and the factor that comes back."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import bayesltv as ltv
from bayesltv.data.log.reading import Assignment, ExperimentReading
from bayesltv.errors import BayesltvWarning, CheckFailed, DataError, SpecError
from bayesltv.experiments.effects import HAZARD_RATIO, RATE_FACTOR
from bayesltv.experiments.latents import calibrate
from bayesltv.experiments.measured import compare_with_tests, effects_from_draws
from bayesltv.experiments.posed import pose_uplift
from bayesltv.experiments.table import effect_draws, uplift_table
from bayesltv.experiments.window import nearest
from bayesltv.families.bg_nbd.law import BgNbd
from bayesltv.families.gamma_gamma.law import GammaGamma
from bayesltv.families.verbs import Spent, log_spent
from bayesltv.kernels.block import People
from bayesltv.kernels.calendar import STILL
from bayesltv.kernels.window import expected_in_window, log_window_counts
from bayesltv.specs.decision.actions import ActionSpec
from beta_geometric import purchase_probabilities
from helpers import clock_fit, point_fit, sealed

POINT = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426, "p": 6.25, "q": 3.74, "v": 15.44}
END = "1997-09-30"
POSTERIOR = point_fit(POINT, draws=2000)
WITHOUT_SPEND = point_fit({name: POINT[name] for name in ("r", "alpha", "a", "b")}, draws=20)
LAW = BgNbd(*(np.full((1, 1), POINT[name]) for name in ("r", "alpha", "a", "b")))
PEOPLE = People(
    np.array([[2.0], [2.0], [30.43], [38.86], [2.0], [44.7]]),
    np.zeros(1, np.int32),
    np.zeros((0, 1)),
    np.zeros((1, 0, 3)),
)


def summary_of(frequency, recency, observed, money, end=END):
    frame = pd.DataFrame(
        {
            "customer_id": [f"{i:04d}" for i in range(len(frequency))],
            "frequency": frequency,
            "recency": recency,
            "T": observed,
            "monetary_value": money,
        }
    )
    return ltv.as_summary(frame, time_unit="week", observation_end=end)


@pytest.fixture(scope="module")
def people():
    rng, n = np.random.default_rng(4), 240
    frequency = rng.integers(0, 6, n)
    recency = np.where(frequency > 0, np.round(30 * rng.random(n) + 1, 1), 0.0)
    return summary_of(frequency, recency, 39.0, np.where(frequency > 0, rng.uniform(20, 60, n), 0.0))


def letters(people, *, lift=1.3, seed=7):
    """A test of these customers with made-up purchases and money; half of them get a letter."""
    rng, n = np.random.default_rng(seed), len(people)
    arm = np.where(rng.permutation(n) % 2 == 1, "letter", "control")
    orders = rng.poisson(0.075 * (1 + people["frequency"]) * np.where(arm == "letter", lift, 1.0))
    spend = np.where(orders > 0, rng.gamma(4.0 * np.maximum(orders, 1), 10.0), 0.0)
    return pd.DataFrame({"customer_id": people["customer_id"], "arm": arm, "orders": orders, "spend": spend})


ASKED = {
    "cells": [], "outcome": "spend", "randomised": True, "seed": 1, "window": "8 weeks", "assigned_on": END,
}  # fmt: skip


def fitted(people, test=None, *, fit=None, **changed):
    base = ltv.customer_base(POSTERIOR if fit is None else fit, people, seed=1)
    return ltv.fit_uplift(letters(people) if test is None else test, base=base, **(ASKED | changed))


# -------------------------------------------------------------------------------------------- the likelihoods


@pytest.mark.parametrize(("horizon", "factor"), [(39.0, 1.0), (26.0, 1.5), (48.75, 0.8)])
def test_a_factor_on_the_rate_is_a_longer_horizon(horizon, factor):
    # (2, 30.43, 38.86) at CDNOW's maximum likelihood, 39 weeks ahead: P(0) .44537, P(1) .23932, E 1.22603
    out, factors = np.empty((1, 1)), np.array([factor])
    for count, chance in ((0, 0.44537), (1, 0.23932), (-1, 1 - 0.44537)):
        log_window_counts(PEOPLE, np.array([count]), LAW, STILL, horizon, factors, 0, out)
        assert math.exp(out[0, 0]) == pytest.approx(chance, abs=6e-6)
    bought, purchases = np.empty((1, 1)), np.empty((1, 1))
    expected_in_window(PEOPLE, LAW, STILL, horizon, factors, 0, bought, purchases)
    assert bought[0, 0] == pytest.approx(1 - 0.44537, abs=6e-6)
    assert purchases[0, 0] == pytest.approx(1.22603, abs=6e-6)


@pytest.mark.parametrize(("orders", "factor", "shape"), [(1.0, 1.0, 6.25), (1.0, 1.1, 2.0), (3.0, 0.8, 4.0)])
def test_money_is_a_gamma_mixture_by_quadrature(orders, factor, shape):
    law = GammaGamma(6.25, 3.74, 15.44, 1.0)
    rate = stats.gamma(3.74 + 6.25 * 2, scale=1 / (15.44 + 44.7))

    def given(nu):
        mean = factor * 6.25 / nu  # of one order; orders of shape `shape` have its rate shape / mean
        return rate.pdf(nu) * stats.gamma.pdf(30.0, orders * shape, scale=mean / shape)

    density = integrate.quad(given, 0, 2.0, epsabs=1e-12)[0]
    found = log_spent(law, Spent(2.0, 44.7, 0.0), 30.0, orders, factor, shape)
    assert found == pytest.approx(np.log(density), rel=1e-7)


def test_the_factor_is_what_quadrature_says_of_each_customers_count(people):
    test = letters(people)
    tree = fitted(people, test, purchases="orders")
    grid = np.linspace(-1.9, 1.9, 77)
    logs = {arm: np.zeros(grid.size) for arm in ("control", "letter")}
    for row, arm, count in zip(people.itertuples(), test["arm"], test["orders"], strict=True):
        x, shape = row.frequency, POINT["r"] + row.frequency
        odds = (
            0.0
            if x == 0
            else POINT["a"]
            / (POINT["b"] + x - 1)
            * ((POINT["alpha"] + row.T) / (POINT["alpha"] + row.recency)) ** shape
        )
        for at, u in enumerate(np.exp(grid)):
            chances = purchase_probabilities(
                8 * u, 1 / (1 + odds), shape, POINT["alpha"] + row.T, POINT["a"], POINT["b"] + x
            )
            logs[arm][at] += np.log(chances[count] if count < chances.size else 1e-300)
    base, effect = np.meshgrid(grid, np.linspace(-1.4, 1.4, 561), indexing="ij")
    density = -0.5 * base**2 - 0.5 * (effect / 0.5) ** 2 + np.interp(base, grid, logs["control"])
    spline = __import__("scipy.interpolate", fromlist=["CubicSpline"]).CubicSpline(grid, logs["letter"])
    density += spline(np.clip(base + effect, -1.9, 1.9))
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    mean = (weight * effect).sum()
    sd = np.sqrt((weight * (effect - mean) ** 2).sum())
    found = tree["posterior"]["rate_effect"].values.ravel()
    assert found.mean() == pytest.approx(mean, abs=0.1 * sd)
    assert found.std() == pytest.approx(sd, rel=0.08)


def test_arms_alike_have_no_effect_and_arms_swapped_the_inverse(people):
    twice = pd.concat([people, people.assign(customer_id="x" + people["customer_id"])], ignore_index=True)
    twice.attrs = dict(people.attrs)
    one = letters(people).assign(arm="control")
    same = pd.concat([one, one.assign(customer_id="x" + one["customer_id"], arm="letter")])
    alike = fitted(twice, same, purchases="orders")
    for name in ("rate", "spend"):
        effect = alike["posterior"][f"{name}_effect"].values.ravel()
        assert abs(effect.mean()) < 0.25 * effect.std()
    there, back = (
        fitted(people, letters(people), control=arm, purchases="orders")["posterior"]
        for arm in ("control", "letter")
    )
    for name in ("rate", "spend"):
        a, b = there[f"{name}_effect"].values.ravel(), back[f"{name}_effect"].values.ravel()
        assert a.mean() + b.mean() == pytest.approx(0.0, abs=0.25 * a.std())


def test_a_clock_is_followed_into_the_window(people):
    # a season that is known to the clock is no effect of both arms: ln c is what it is without a season
    frame = people[["customer_id", "frequency", "recency", "T", "monetary_value"]].copy()
    frame["first_purchase"] = pd.Timestamp(END) - pd.to_timedelta(39 * 7, unit="D")
    frame["recency"] = np.round(frame["recency"] * 7) / 7
    dated = ltv.as_summary(frame, time_unit="week", observation_end=END)
    clock = ltv.ClockSpec(block="4 weeks")
    start = "1996-12-31"
    variables = {"clock_sd": 1e-9, "clock_rho": 0.5}
    blocks = 10
    still = clock_fit(POINT, np.zeros((8, blocks)), clock=clock, start=start, end=END, variables=variables)
    plain = point_fit(POINT, draws=8)
    reading = ExperimentReading("spend", assigned_on=END, window="8 weeks", purchases="orders")
    posed = pose_uplift(letters(people), reading, Assignment(True))
    parts = [
        calibrate(posed, ltv.customer_base(fit, dated, seed=1)).parts["rate"].tables.pieces[0]
        for fit in (still, plain)
    ]
    np.testing.assert_allclose(parts[0], parts[1], rtol=1e-4, atol=1e-4)


# -------------------------------------------------------------------------------------------- what comes back


def world(rng, n, m):
    """Customers of BG/NBD event by event, 39 weeks of history and 8 of a test: nothing of bayesltv."""
    lam, coin, nu = rng.gamma(0.8, 1 / 6.0, n), rng.beta(0.8, 2.5, n), rng.gamma(5.0, 1 / 80.0, n)
    treated = rng.permutation(n) % 2 == 1
    rows, window = [], []
    for i in range(n):
        time, times, orders, money = 0.0, [], 0, 0.0
        while True:
            wait = rng.exponential() / lam[i]
            left = max(39.0 - time, 0.0)
            if wait <= left:
                time += wait
            else:
                time = max(time, 39.0) + (wait - left) / (m if treated[i] else 1.0)
            if time > 47.0:
                break
            if time <= 39.0:
                times.append(time)
            else:
                orders, money = orders + 1, money + rng.gamma(4.0) / nu[i]
            if rng.random() < coin[i]:
                break
        amounts = rng.gamma(4.0, size=len(times)) / nu[i]
        rows.append((len(times), times[-1] if times else 0.0, 39.0, amounts.mean() if times else 0.0))
        window.append((orders, money))
    people = summary_of(*np.array(rows).T.tolist())
    test = pd.DataFrame(window, columns=["orders", "spend"]).assign(
        customer_id=people["customer_id"], arm=np.where(treated, "letter", "control")
    )
    return people, test


@pytest.fixture(scope="module")
def shop():
    people, test = world(np.random.default_rng(12), 8000, 1.5)
    truth = {"r": 0.8, "alpha": 6.0, "a": 0.8, "b": 2.5, "p": 4.0, "q": 5.0, "v": 80.0}
    return people, test, point_fit(truth, draws=1200)


@pytest.mark.parametrize("purchases", ["orders", None])
def test_a_factor_comes_back_as_it_was_and_a_hazard_ratio_is_too_near_to_1(shop, purchases):
    people, test, fit = shop
    tree = fitted(people, test, fit=fit, purchases=purchases)
    rate, spend = (tree["posterior"][f"{name}_effect"].values.ravel() for name in ("rate", "spend"))
    assert rate.mean() == pytest.approx(np.log(1.5), abs=3.3 * rate.std())
    assert spend.mean() == pytest.approx(0.0, abs=3.3 * spend.std())
    assert tree.attrs["rate_is"] == RATE_FACTOR
    assert '"fail"' not in tree.attrs["checks"]
    alone = ltv.fit_uplift(test, cells=[], outcome="spend", randomised=True, seed=1)
    assert alone.attrs["rate_is"] == HAZARD_RATIO
    ratio = alone["posterior"]["rate_effect"].values.ravel()
    assert ratio.mean() + 2 * rate.std() < np.log(1.5)
    table = uplift_table(tree)
    raw = test.groupby("arm")["spend"].mean()
    assert table["effect_mean"].iloc[0] == pytest.approx(
        raw["letter"] - raw["control"], abs=2.5 * table["effect_raw_se"].iloc[0]
    )
    assert table["rate_is"].tolist() == [RATE_FACTOR]


def test_cells_lean_on_each_other_through_the_latents(shop):
    people, test, fit = shop
    test = test.assign(tier=np.where(people["frequency"] > 2, "high", "low"))
    tree = fitted(people, test, fit=fit, purchases="orders", cells=["tier"])
    assert '"fail"' not in tree.attrs["checks"]
    drawn = effect_draws(tree, "letter", draws=1200, seed=1)
    logs = np.log(drawn["rate"].values)
    assert (np.abs(logs[:2].mean(axis=1) - np.log(1.5)) < 3.3 * logs[:2].std(axis=1)).all()
    assert drawn.sizes["draw"] == 1200
    found = (tree["posterior"]["log_rate"].isel(arm=1) - tree["posterior"]["log_rate"].isel(arm=0)).values
    np.testing.assert_array_equal(np.exp(found.reshape(-1, 2).T), drawn["rate"].values[:2])


def test_each_draw_takes_the_tables_of_the_draw_whose_level_isnearest():
    levels = np.array([0.0, 1.0, 2.0, 3.0, 2.9, 0.6])
    assert nearest(levels, np.array([3, 0, 1], np.uint64)).tolist() == [1, 2, 2, 0, 0, 2]


# -------------------------------------------------------------------------------------------- what is refused


def later(tree, end):
    return sealed(tree, observation_end=end)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"assigned_on": "1997-09-29"}, "the summary end on 1997-09-30, after the arms were assigned on"),
        ({"window": None}, "the test's window must be known: pass window="),
        ({"assigned_on": None}, "pass assigned_on="),
        ({"purchases": "order"}, "no column 'order'; did you mean 'orders'"),
        ({"fit": later(point_fit(POINT, draws=20), "1997-11-30")}, "the fit's data end on 1997-11-30"),
        ({"fit": WITHOUT_SPEND}, "fit has no spend model"),
        ({"window": "1 day"}, "bought more than 7 times what"),
    ],
)
def test_a_base_that_is_not_of_the_test_gets_one_clear_error(people, changed, says):
    with pytest.raises(DataError, match=says):
        fitted(people, **changed)


def test_customers_whom_the_summary_has_not_are_named(people):
    test = letters(people)
    test.loc[[3, 5], "customer_id"] = ["new", "newer"]
    with pytest.raises(DataError, match=r"2 of 240 customers .* are not in the summary \(ids new, newer"):
        fitted(people, test)


@pytest.mark.parametrize(
    ("orders", "says"),
    [(1.5, "is no whole number, 0 or more, for 1 of 240"), (0, "is 0 beside an outcome above 0 for 1")],
)
def test_purchases_that_cannot_be_are_refused(people, orders, says):
    test = letters(people)
    test["orders"] = test["orders"].astype(float)
    test.loc[test["spend"].idxmax(), "orders"] = orders
    with pytest.raises(DataError, match=says):
        fitted(people, test, purchases="orders")


def test_draws_and_failed_checks_are_the_fits(people):
    with pytest.raises(SpecError, match="draws cannot be chosen"):
        fitted(people, sampler={"draws": 100})
    failed = point_fit(POINT, draws=20)
    failed = sealed(failed, checks=failed.attrs["checks"].replace('"not applicable"', '"fail"', 1))
    with pytest.raises(CheckFailed, match="failed 1 of"):
        fitted(people, fit=failed)


def test_a_long_gap_before_the_test_is_warned_of(people):
    with pytest.warns(BayesltvWarning, match="the histories end 31 days before the arms were assigned"):
        fitted(people, assigned_on="1997-10-31")


# --------------------------------------------------------------------------------------------- what plans say


def letter(window):
    return ActionSpec(name="letter", kind="contact", contact=1.0, window=window, test="spring")


def test_an_action_that_works_for_longer_than_its_test_watched_is_refused(people):
    drawn = {"letter": effect_draws(fitted(people), "letter", draws=2000, seed=1)}
    compare_with_tests([letter("8 weeks")], drawn)
    for window, how in (("12 weeks", "for 12 weeks"), (None, "to the horizon")):
        with pytest.raises(SpecError, match=f"letter works {how}, but its test watched 8 weeks"):
            compare_with_tests([letter(window)], drawn)
    with pytest.warns(BayesltvWarning, match="works for 2 weeks, but its test watched 8 weeks"):
        compare_with_tests([letter("2 weeks")], drawn)
    effects = effects_from_draws(drawn["letter"])
    assert dict(effects.measured) == {
        "rate": "factor on the purchase rate within 8 weeks",
        "spend": "ratio of mean amounts within 8 weeks",
    }


def test_a_plan_names_what_was_measured_and_what_is_assumed(people):
    tree = fitted(people)
    action = letter("8 weeks")
    decision = ltv.DecisionSpec(
        value=ltv.ValueSpec(horizon="52 weeks", annual_discount_rate=0.1, margin=0.3), actions=(action,)
    )
    plan = ltv.decide(POSTERIOR, people, decision, seed=1, tests={"spring": tree}, draws=100)
    told = plan.effects.set_index("parameter")
    assert told.loc["rate", "measured_as"] == "factor on the purchase rate within 8 weeks"
    assert told.loc["dropout", ["effect_source", "measured_as"]].tolist() == ["assumed", "no effect"]
    assert told.loc["dropout", "mean"] == 1.0
    assert told.loc["rate_after", "effect_source"] == "assumed"
    logs = np.log(effect_draws(tree, "letter", draws=2000, seed=1)["rate"].values[0])
    assert np.log(told.loc["rate", "p05"]) == pytest.approx(np.quantile(logs, 0.05), abs=0.3 * logs.std())
    alone = ltv.fit_uplift(letters(people), cells=[], outcome="spend", randomised=True, seed=1)
    with pytest.warns(BayesltvWarning, match="the rate of letter is a hazard ratio of conversions. As a"):
        plan = ltv.decide(POSTERIOR, people, decision, seed=1, tests={"spring": alone}, draws=50)
    assert plan.effects.set_index("parameter").loc["rate", "measured_as"] == HAZARD_RATIO
