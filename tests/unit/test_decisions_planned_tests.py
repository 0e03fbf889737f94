"""Tests planned from a decision file's actions."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.base.customers import make_customers
from bayesltv.base.population import hyperparameters_of, read_posterior
from bayesltv.decisions.offer.actions import Offered, make_action_model
from bayesltv.decisions.planned_tests import net_by_effect, plan_tests, plans_table
from bayesltv.experiments.effects import Effects
from bayesltv.prediction.terms import make_terms
from bayesltv.report.planned_tests import plans_for_terminal, plot_test_value
from bayesltv.specs.decision.acquisition import AcquisitionSpec
from bayesltv.specs.decision.actions import ActionSpec
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


def test_net_value_by_effect_is_that_of_the_effect_held_fixed_over_all_latents(offered):
    model, whole = offered
    nested = net_by_effect(model, whole)
    for at in (0, 17, 79):
        fixed = replace(model, effects=np.repeat(model.effects[:, :, [at]], DRAWS, axis=2))
        np.testing.assert_allclose(nested[:, :, at], fixed.draw(whole)[0].mean(axis=2), rtol=1e-10)


def test_a_plan_speaks_of_all_who_are_eligible(offered):
    model, whole = offered
    plan = plan_tests(model, whole, time_unit="week", customers_per_week=10.0, draws=DRAWS)["letter"]
    effect = net_by_effect(model, whole)[:, 0].mean(axis=0) - 30.0 / SIZE
    assert plan.effect_mean == pytest.approx(effect.mean())
    assert plan.effect_sd == pytest.approx(effect.std())
    assert plan.customers == SIZE
    assert 0 <= plan.evppi <= plan.evpi
    few = Offered(whole.customers, np.arange(SIZE)[:, None] < 1, whole.cell, whole.assigned)
    assert plan_tests(model, few, time_unit="week", draws=5) == {}


def test_plans_are_told_in_tables_and_a_figure(offered):
    model, whole = offered
    plans = plan_tests(model, whole, time_unit="week", draws=20)
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
