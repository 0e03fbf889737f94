"""Decisions in operational time: against the plain path, quadrature over days and simulated lives."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate
from tests.helpers import clock_fit, point_fit, sealed

import bayesltv as ltv
from bayesltv.base.customers import LATENTS, Customers, make_customers
from bayesltv.base.new_groups import place
from bayesltv.base.placed_base import match_summary
from bayesltv.base.population import hyperparameters_of, read_posterior
from bayesltv.decisions.acquisition import acquisition
from bayesltv.decisions.customers.stages import stage_block, stage_limits
from bayesltv.families.bg_nbd.law import Latents
from bayesltv.kernels.stretches import live, passed_within, time_after
from bayesltv.prediction.expected import expect
from bayesltv.prediction.terms import terms_of
from bayesltv.specs.decision.acquisition import AcquisitionSpec
from bayesltv.specs.decision.stages import STAGES
from plain_kernels import draw_latents

POINT = {"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.5, "p": 3.6, "q": 4.5, "v": 34.0}
CALENDAR = {"start": "1997-01-01", "end": "1997-09-30"}
CLOCK = ltv.ClockSpec(block="30 days")
BLOCKS = 10
FAMILY = "mbg_nbd"


def fit_of(path, *, sd=1e-300):
    variables = {"clock_sd": sd, "clock_rho": 0.5}
    return clock_fit(POINT, path, clock=CLOCK, variables=variables, family=FAMILY, **CALENDAR)


def shaken(draws, *, seed=1, sd=0.7):
    return fit_of(sd * np.random.default_rng(seed).standard_normal((draws, BLOCKS)), sd=sd)


@pytest.fixture(scope="module")
def some(cdnow):
    return cdnow.iloc[:60]


@pytest.fixture(scope="module")
def retention():
    made = ltv.load_decision("retention")
    return replace(made, acquisition=AcquisitionSpec(cac=5.0), budget=ltv.BudgetSpec(amount=400.0))


def decide(fit, summary, decision, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ltv.BayesltvWarning)
        return ltv.decide(fit, summary, decision, seed=3, **options)


def placed(fit, summary):
    posterior = read_posterior(fit)
    checked = match_summary(posterior, summary, time_unit=None)
    population, codes = place(
        posterior, hyperparameters_of(posterior), checked, unknown_groups="error", seed=1
    )
    return population, make_customers(checked, codes, population.family, with_spend=True, with_days=True)


@pytest.mark.slow
def test_a_clock_that_stands_still_decides_as_the_plain_model_decides(some, retention):
    plain = decide(point_fit(POINT, draws=40, family=FAMILY), some, retention)
    clocked = decide(fit_of(np.zeros((40, BLOCKS))), some, retention)
    for name in ("net_mean", "p_pays", "cost_mean"):
        want = plain.options[name]
        np.testing.assert_allclose(clocked.options[name], want, rtol=1e-8, atol=1e-9, err_msg=name)
    numbers = [name for name in plain.customers.select_dtypes("number") if name != "fit_age_days"]
    np.testing.assert_allclose(clocked.customers[numbers], plain.customers[numbers], rtol=1e-6, atol=1e-8)
    for name in ("stage", "tier", "recommended_action", "assignment"):
        assert (clocked.customers[name] == plain.customers[name]).all(), name
    for name in ("policies", "acquisition", "actions"):
        want, got = (getattr(plan, name).select_dtypes("number") for plan in (plain, clocked))
        np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-8, err_msg=name)


def test_a_plan_does_not_depend_on_blocks_or_threads(some, retention):
    one = decide(shaken(30), some, retention, block=7, threads=2)
    other = decide(shaken(30), some, retention)
    pd.testing.assert_frame_equal(one.customers, other.customers, check_exact=True)
    pd.testing.assert_frame_equal(one.policies, other.policies, check_exact=True)


def test_what_an_action_saves_follows_the_season_it_falls_into(some, retention):
    """A letter before a rush brings more than the same letter before a lull."""
    letter = next(each for each in retention.actions if each.kind == "contact")
    only = replace(retention, actions=(letter,), acquisition=None, stages=None)
    calm = np.zeros((50, BLOCKS))

    def net(level):
        fit = fit_of(calm)
        ahead = fit["posterior"]["clock"].copy(data=np.full((1, 50, BLOCKS), 0.0))
        ahead[..., -1] = level  # the last block, from which a slow AR(1) goes on
        posterior = fit["posterior"].to_dataset().assign(clock=ahead)
        posterior["clock_rho"] = posterior["clock_rho"] * 0 + 0.95
        fit["posterior"].dataset = posterior
        return float(decide(sealed(fit), some, only).options["net_mean"].mean())

    assert net(1.0) > net(0.0) > net(-1.0)


# ---- stretches of a life

EDGES = np.array([0.0, 3.0, 6.5, 9.0, 13.0, 24.0])
PACES = np.array([0.3, 0.4, 2.2, 0.0001, 1.7])
ROAD = (np.append(0.0, np.cumsum(PACES * np.diff(EDGES))), EDGES, 1, 4.0)


def pace_at(time):
    return PACES[min(np.searchsorted(EDGES, 4.0 + time, side="right") - 1, PACES.size - 1)]


@pytest.mark.parametrize(("begin", "until"), [(0.0, 2.5), (0.0, 40.0), (2.5, 2.5), (1.0, 9.0), (5.5, 60.0)])
@pytest.mark.parametrize("discount", [0.0, 0.03])
def test_a_stretch_is_the_integral_over_its_days(begin, until, discount):
    rate, coin, step = 0.8, 0.2, 1e-4
    breaks = [edge - 4.0 for edge in EDGES if begin < edge - 4.0 < until]

    def passed(time):
        return integrate.quad(pace_at, begin, time, points=breaks or None, limit=200)[0]

    times = np.arange(begin, until, step) + step / 2
    paces = PACES[np.minimum(np.searchsorted(EDGES, 4.0 + times, side="right") - 1, PACES.size - 1)]
    gone = np.cumsum(paces) * step - paces * step / 2
    weight = np.exp(-rate * coin * gone - discount * (times - begin))
    bought, lived, last, _ = live(ROAD, begin, until, Latents(rate, coin), discount)
    assert bought == pytest.approx((weight * paces).sum() * step, rel=1e-6, abs=1e-12)
    assert lived == pytest.approx(weight.sum() * step, rel=1e-6, abs=1e-12)
    assert last == pytest.approx(np.exp(-rate * coin * passed(until) - discount * (until - begin)), rel=1e-6)


def test_times_and_what_has_passed_are_each_others_inverse():
    for time in (0.0, 1.0, 2.5, 4.9, 9.0, 30.0):
        assert time_after(ROAD, passed_within(ROAD, time)) == pytest.approx(time, abs=1e-9)
    assert passed_within(ROAD, 2.5) == pytest.approx(0.4 * 2.5)


# ---- stages and newcomers


def test_stages_are_those_of_the_latents_in_operational_time(some, retention):
    fit = shaken(400)
    population, people = placed(fit, some)
    terms = terms_of(retention.value, "week")
    limits = stage_limits(retention.stages, terms, "week")
    block = stage_block(population, people, terms, limits, seed=2)
    clock, days = population.clock, people.days

    def until(at):
        return np.stack([np.interp(at, clock.edges, table) for table in clock.times[0]], axis=1)

    first, last, now = (until(each) for each in days)
    ahead = until(days[2] + 7.0 * limits[2]) - now
    alive, lam, coin = np.empty(now.shape, bool), np.empty(now.shape), np.empty(now.shape)
    for d in range(now.shape[1]):  # each draw has histories of its own
        own = people.histories.copy()
        own[2], own[3] = last[:, d] - first[:, d], now[:, d] - first[:, d]
        one = [np.empty((len(people), 1)) for _ in range(3)]
        lives = np.empty((len(people), 1), bool)
        draw_latents(
            people.keys(2, LATENTS), population.draws[[d]], own, people.group,
            np.ascontiguousarray(population.purchase[:, :, [d]]),
            np.ascontiguousarray(population.spend[:, :, [d]]), lives, *one,
        )  # fmt: skip
        alive[:, d], lam[:, d], coin[:, d] = lives[:, 0], one[0][:, 0], one[1][:, 0]
    drops = -np.expm1(-lam * coin * ahead)
    is_new = (people.histories[0] == 0) & (people.histories[3] <= limits[0])
    risk = ((now - last) * lam > limits[1]) | (drops > limits[3])
    stage = np.where(is_new[:, None], 0, np.where(~alive, 1, np.where(risk, 2, 3)))
    for at, name in enumerate(STAGES):
        np.testing.assert_allclose(block.columns[f"p_stage_{name}"], (stage == at).mean(axis=1), atol=0.0051)
    np.testing.assert_allclose(block.columns["p_drops_out"], (alive * drops).mean(axis=1), rtol=1e-9)
    silent = np.where(alive, np.exp(-lam * ahead), 1.0)
    np.testing.assert_allclose(block.columns["p_no_purchase"], silent.mean(axis=1), rtol=1e-9)


def test_new_customers_are_worth_what_the_season_ahead_brings(some, retention):
    population, _ = placed(shaken(6), some)
    terms = terms_of(retention.value, "week")
    today = float(population.clock.timeline.end) + 11.0
    found = acquisition(population, terms, AcquisitionSpec(cac=30.0), today=today)
    p, q, v = population.spend[:, 0]
    histories = np.array([[0.0], [1.0], [0.0], [0.0], [0.0], [0.0]])
    newcomer = Customers(np.array(["n"], object), histories, np.zeros(1, np.int32), np.full((3, 1), today))
    by_hand = expect(population, newcomer, horizon=terms.horizon, discount=terms.discount)
    spend = terms.margin * p * v / (q - 1)
    worth = spend * (1 + by_hand.forms.discounted[0]) - terms.service_cost * by_hand.forms.time_alive[0]
    np.testing.assert_allclose(found.ltv_new.values[0], worth, rtol=1e-12)
    # a cost that half of the year's value covers is paid back when the expectation up to then reaches it
    cost = float(worth.min()) * 0.9
    times = acquisition(population, terms, AcquisitionSpec(cac=cost), today=today).table.iloc[0]
    within = expect(population, newcomer, horizon=float(times["payback"]), discount=terms.discount)
    earned = spend * (1 + within.forms.discounted[0]) - terms.service_cost * within.forms.time_alive[0]
    assert np.abs(earned - cost).min() < 1e-6 * cost
