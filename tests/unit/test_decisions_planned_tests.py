"""Tests planned from a decision file's actions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

import bayesltv as ltv
from bayesltv.base.customers import make_customers
from bayesltv.base.population import hyperparameters_of, read_posterior
from bayesltv.decisions.offer.actions import Offered, make_action_model
from bayesltv.decisions.planned_tests import (
    EFFECTS,
    LATENTS,
    _spread,
    nested_net,
    plan_tests,
    plans_table,
    shown_within,
)
from bayesltv.experiments.effects import Effects
from bayesltv.kernels.actions import DROPOUT
from bayesltv.kernels.latents import draw_latents
from bayesltv.prediction.packed import clock_of, laws_of, people_of, streams_of
from bayesltv.prediction.terms import make_terms
from bayesltv.report.planned_tests import plans_for_terminal, plot_test_value
from bayesltv.specs.decision.acquisition import AcquisitionSpec
from bayesltv.specs.decision.actions import ActionSpec
from campaigns import NOTHING, Campaign, Luck, run
from helpers import point_fit

POINT = {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.4, "p": 6.25, "q": 3.74, "v": 15.44}
DRAWS, SIZE = 80, 60
LETTER = ActionSpec(
    name="letter", kind="contact", contact=0.6, fixed=30.0, window="26 weeks",
    effects={"rate": ltv.PriorSpec.elicited(mass=0.9, between=(0.8, 1.5))},
)  # fmt: skip


@pytest.fixture(scope="module")
def offered():
    population = hyperparameters_of(read_posterior(point_fit(POINT, draws=DRAWS))).as_population()
    rng = np.random.default_rng(2)
    frequency = rng.integers(1, 5, SIZE)
    summary = ltv.as_summary(
        pd.DataFrame(
            {
                "customer_id": [f"{i:03d}" for i in range(SIZE)],
                "frequency": frequency,
                "recency": 30 + 5 * rng.random(SIZE),
                "T": 38.0,
                "monetary_value": rng.uniform(20, 60, SIZE),
            }
        ),
        time_unit="week",
        observation_end="1997-09-30",
    )
    people = make_customers(summary, np.zeros(SIZE, np.int32), population.family, with_spend=True)
    terms = make_terms("week", horizon=52.0, annual_discount_rate=0.1, margin=0.3)
    effects = Effects({"rate": np.exp(0.1 + 0.2 * rng.standard_normal(DRAWS))})
    model = make_action_model(population, terms, [LETTER], [effects], time_unit="week", seed=9)
    whole = Offered(
        people, np.ones((SIZE, 1), bool), np.zeros((1, SIZE), np.int32), np.zeros((0, SIZE), np.int32)
    )
    return model, whole


def test_net_value_by_effect_is_that_of_the_effect_held_fixed_over_the_latents(offered):
    model, whole = offered
    effects = model.effects[0][:, :20]
    nested = nested_net(model, whole, effects)
    latents = model.thinned(LATENTS)
    draws = latents.population.draws.size
    assert nested.shape == (SIZE, 20, draws)
    for at in (0, 17):
        fixed = replace(latents, effects=np.repeat(effects[None, :, [at]], draws, axis=2))
        np.testing.assert_allclose(nested[:, at], fixed.draw(whole)[0][:, 0], rtol=1e-10)


def test_what_a_window_shows_is_the_money_it_adds_in_closed_form(offered):
    # m λ n_W − λ n₀_W with D(W, λp) = (1 − e^{−λpW}) / λp, at each customer's latents
    model, whole = offered
    effects = model.effects[0][:, :4]
    shown = shown_within(model, whole, effects, 6.0)
    latents = model.thinned(LATENTS)
    population, people = latents.population, whole.customers
    arrays = [np.empty((SIZE, population.draws.size)) for _ in range(4)]
    arrays[0] = np.empty(arrays[0].shape, np.bool_)
    streams = streams_of(population, people, seed=model.seed)
    draw_latents(
        streams, people_of(population, people, 6.0), laws_of(population), clock_of(population), *arrays
    )
    alive, lam, p, nu = arrays
    for at, m in enumerate(effects[0, :, 0]):
        bought = [-np.expm1(-rate * p * 6.0) / p for rate in (m * lam, lam)]
        money = alive * POINT["p"] / nu * (bought[0] - bought[1])
        assert shown[at] == pytest.approx(money.mean(), rel=1e-9)


def test_a_plan_speaks_of_all_who_are_eligible(offered):
    model, whole = offered
    plan = plan_tests(model, whole, time_unit="week", customers_per_week=10.0)["letter"]
    effect = nested_net(model, whole, model.effects[0]).mean(axis=(0, 2)) - 30.0 / SIZE
    assert plan.effect_mean == pytest.approx(effect.mean())
    assert plan.effect_sd == pytest.approx(effect.std())
    assert plan.customers == SIZE
    assert plan.curve["evsi"].max() <= plan.evppi_window <= plan.evppi <= plan.evpi
    few = Offered(whole.customers, np.arange(SIZE)[:, None] < 1, whole.cell, whole.assigned)
    assert plan_tests(model, few, time_unit="week") == {}


def planned(offered, kind="membership", *, window="6 weeks", **effects):
    """The plan of one action's test for 6,000 customers like these."""
    model, whole = offered
    rng = np.random.default_rng(3)
    costs = {"running": 0.2} if kind == "membership" else {"contact": 0.2}
    action = ActionSpec(
        name="tried", kind=kind, window=window, effects=dict.fromkeys(effects, PRIOR), **costs
    )  # fmt: skip
    even = ndtri((np.arange(400) + 0.5) / 400)
    drawn = {name: np.exp(mean + sd * rng.permutation(even)) for name, (mean, sd) in effects.items()}
    population = hyperparameters_of(read_posterior(point_fit(POINT, draws=400))).as_population()
    model = make_action_model(population, model.terms, [action], [Effects(drawn)], time_unit="week", seed=9)
    many = np.repeat(np.arange(SIZE), 100)
    crowd = Offered(
        whole.customers.rows(many), np.ones((many.size, 1), bool), np.zeros((1, many.size), np.int32),
        np.zeros((0, many.size), np.int32),
    )  # fmt: skip
    return model, crowd


PRIOR = ltv.PriorSpec.elicited(mass=0.9, between=(0.5, 1.5))


def test_draws_that_planning_takes_are_spread_as_all_are(offered):
    model, _ = planned(offered, dropout=(-0.2, 0.3))
    drawn = np.repeat(model.effects[0], 3, axis=1)  # 1,200 draws, a fifth of which are taken
    taken = np.log(_spread(drawn, "dropout")[0, :, DROPOUT])
    assert taken.size == EFFECTS
    assert taken.mean() == pytest.approx(-0.2, abs=0.002)  # chance alone would give 0.3 / sqrt(250) = 0.02
    assert taken.std() == pytest.approx(0.3, rel=0.01)
    assert np.array_equal(_spread(drawn[:, :200], "dropout"), drawn[:, :200])


def test_a_test_of_an_action_on_dropout_is_nearly_blind_and_says_so(offered):
    model, crowd = planned(offered, dropout=(-0.2, 0.3))
    blind = plan_tests(model, crowd, time_unit="week")["tried"]
    assert blind.is_blind
    assert blind.share_seen < 0.5
    assert f"Nearly blind: 6 weeks show {blind.share_seen:.0%}" in blind.advice
    assert "accept the assumption" in blind.advice
    if not np.isnan(blind.watch_weeks):
        assert f"watch returns over {blind.watch_weeks:,.0f} weeks instead" in blind.advice
    # that the rate is left exactly as it is would lend the window eyes: all of EVPPI at endless size
    sure = plan_tests(model, crowd, time_unit="week", rate_sd=0.0)["tried"]
    assert sure.evppi_window == pytest.approx(sure.evppi, rel=0.02)
    assert blind.evppi_window < 0.85 * blind.evppi
    model, crowd = planned(offered, "contact", rate=(0.05, 0.2))
    seen = plan_tests(model, crowd, time_unit="week")["tried"]
    assert not seen.is_blind
    assert "blind" not in seen.advice


DISCOUNT = np.log1p(0.1) / (365.25 / 7)
BELIEFS = {
    "rate": ("contact", {"rate": (0.03, 0.2)}, Campaign(window=6.0, contact=0.2)),
    "dropout": (
        "membership",
        {"dropout": (-0.12, 0.3), "rate": (0.0, 0.1)},
        Campaign(window=6.0, running=0.2 * 12 * 7 / 365.25),
    ),
}


class Played:
    """A shop in which effects are true, tests are run and acts are chosen, order by order (`campaigns`)."""

    def __init__(self, model, whole, belief, campaign, rng):
        self.belief, self.campaign, self.rng = belief, campaign, rng
        population, people = model.thinned(LATENTS).population, whole.customers
        latents = [np.empty((SIZE, population.draws.size), each) for each in (np.bool_, float, float, float)]
        streams = streams_of(population, people, seed=model.seed)
        within = people_of(population, people, 6.0), laws_of(population), clock_of(population)
        draw_latents(streams, *within, *latents)
        alive, lam, p, nu = (each.ravel() for each in latents)
        self.people = alive, lam, p, np.full(lam.size, POINT["p"]), nu
        self.usual = np.repeat(self.spent(np.arange(lam.size).repeat(60)).reshape(SIZE, -1).mean(axis=1), 40)

    def believed(self, number):
        """Draw logs of the effects from what is believed."""
        return np.array([mean + sd * self.rng.standard_normal(number) for mean, sd in self.belief.values()])

    def acting(self, logs):
        return replace(self.campaign, **dict(zip(self.belief, np.exp(logs), strict=True)))

    def spent(self, who, campaign=NOTHING):
        """Simulate what customers spend in the window."""
        people = [each[who] for each in self.people]
        return run(self.rng, people, campaign, horizon=6.0, discount=0.0, margin=1.0).contribution

    def surfaces(self, lives=16):
        """Return polynomials in logs of effects: what the window shows on average, and what a year brings."""
        logs = np.array([m + 3.2 * s * np.linspace(-1, 1, 7) for m, s in self.belief.values()])
        design = np.array(np.meshgrid(*logs)).reshape(len(logs), -1)
        people = [np.repeat(each, lives) for each in self.people]
        luck, found = Luck(self.rng, people[3]), []
        for horizon, discount, margin in ((6.0, 0.0, 1.0), (52.0, DISCOUNT, 0.3)):
            terms = {"horizon": horizon, "discount": discount, "margin": margin}
            column = "contribution" if horizon == 6.0 else "value"
            plain = getattr(run(luck, people, NOTHING, **terms), column).mean()
            acted = [getattr(run(luck, people, self.acting(x), **terms), column).mean() for x in design.T]
            found.append(np.linalg.lstsq(self.terms(design), np.array(acted) - plain, rcond=None)[0])
        return found

    @staticmethod
    def terms(logs):
        powers = np.stack([logs**k for k in range(4)])
        if len(logs) == 1:
            return powers[:, 0].T
        pairs = [(j, k) for j in range(4) for k in range(4 - j)]
        return np.column_stack([powers[j, 0] * powers[k, 1] for j, k in pairs])

    def gains(self, n, tests):
        """Test, update, choose: what each choice truly brings beyond choosing now.

        What knowing the effect would have gained is taken off, and its mean over the belief put back: the
        same expectation with less chance in it.
        """
        shows, brings = self.surfaces()
        prior = self.believed(20_000)
        shown, worth = self.terms(prior) @ shows, self.terms(prior) @ brings
        now = worth.mean() > 0
        truth, gained = self.believed(tests), np.empty(tests)
        for at in range(tests):
            arms = []
            for campaign in (NOTHING, self.acting(truth[:, at])):
                who = self.rng.integers(0, self.usual.size, n)
                arms.append(self.spent(who, campaign) - self.usual[who])
            noise = (arms[0].var() + arms[1].var()) / n
            log = -0.5 * (arms[1].mean() - arms[0].mean() - shown) ** 2 / noise
            chosen = np.exp(log - log.max()) @ worth > 0
            gained[at] = (float(chosen) - float(now)) * (self.terms(truth[:, [at]]) @ brings)[0]
        true_worth = self.terms(truth) @ brings
        known, usual = (np.maximum(each, 0.0) - now * each for each in (true_worth, worth))
        slope = np.polyfit(known, gained, 1)[0] if gained.any() else 0.0
        return gained - slope * (known - usual.mean())


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(BELIEFS))
def test_a_test_is_worth_what_testing_updating_and_choosing_bring(offered, kind):
    # nothing of the plan is used but customers' latents: effects are drawn, two arms are simulated order by
    # order, Bayes' rule is applied to their difference over all believed effects, and what the choice truly
    # brings in a year is counted, on average over what chance deals
    how, belief, campaign = BELIEFS[kind]
    model, crowd = planned(offered, how, **belief)
    plan = plan_tests(model, crowd, time_unit="week")["tried"]
    for n in (150, 600):
        gained = Played(model, offered[1], belief, campaign, np.random.default_rng(n)).gains(n, 1_500)
        said = np.interp(n, plan.curve["n_per_arm"], plan.curve["evsi"]) / plan.customers
        # chance, and a hundredth of EVPPI for bins and polynomials
        error = 3.3 * gained.std() / np.sqrt(gained.size) + 0.01 * plan.evppi / plan.customers
        assert said == pytest.approx(gained.mean(), abs=error)


def test_where_the_window_is_the_horizon_it_shows_all_of_a_rate(offered):
    model, crowd = planned(offered, "contact", window="52 weeks", rate=(0.02, 0.2))
    plan = plan_tests(model, crowd, time_unit="week")["tried"]
    assert plan.evppi_window == pytest.approx(plan.evppi, rel=0.01)
    assert plan.evppi <= plan.evpi


def test_plans_are_told_in_tables_and_a_figure(offered):
    model, whole = offered
    plans = plan_tests(model, whole, time_unit="week")
    assert plans_table(plans).loc[0, "action"] == "letter"
    assert plans_for_terminal(plans, currency="USD").row_count == 1
    axes = plot_test_value(plans["letter"], currency="USD")
    assert axes.get_title(loc="left") in ("A test pays", "No test pays")
    big = ltv.plan_test(effect_mean=-0.2, effect_sd=0.8, outcome_sd=12.0, customers=50_000, cost=500.0)
    assert plot_test_value(big).get_title(loc="left") == "A test pays"


def test_decide_says_what_tests_channels_and_the_next_unit_of_money_are_worth(offered):
    _, whole = offered
    decision = ltv.DecisionSpec(
        value=ltv.ValueSpec(horizon="52 weeks", annual_discount_rate=0.1, margin=0.3),
        actions=(LETTER,),
        acquisition=AcquisitionSpec(cac=10.0),
    )
    histories = whole.customers.histories
    summary = pd.DataFrame(
        {
            "customer_id": whole.customers.ids,
            "frequency": histories[0].astype(int),
            "recency": histories[2],
            "T": histories[3],
            "monetary_value": histories[5] / histories[4],
        }
    )
    summary.attrs = {"time_unit": "week", "observation_end": "1997-09-30"}
    asked = {"seed": 9, "draws": None, "plan_test": True, "test_cost": 3.0, "customers_per_week": 5.0}
    plan = ltv.decide(point_fit(POINT, draws=DRAWS), summary, decision, **asked)
    assert plan.tests["letter"].cost == 3.0
    assert plan.test_plans["action"].tolist() == ["letter"]
    value = plan.acquisition["ltv_new"].iloc[0]
    assert plan.acquisition["ratio"].iloc[0] == pytest.approx(value / 10)
    uses = plan.next_unit.set_index("use")["next_unit"]
    assert uses["retention"] == plan.attrs["shadow_price"]
    assert uses["acquisition: all"] == pytest.approx(value / 10 - 1)
