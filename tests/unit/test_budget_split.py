"""One budget for the customers one has and for new ones: against every way of spending it."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import bayesltv as ltv
from bayesltv.allocation.allocation import Problem
from bayesltv.allocation.shared_budget import Market
from bayesltv.specs.decision.acquisition import AcquisitionSpec
from helpers import point_fit

POINT = {"r": 0.6, "alpha": 5.0, "a": 0.9, "b": 2.0, "p": 6.0, "q": 4.0, "v": 90.0}
LETTER = ltv.ActionSpec(
    name="letter", kind="contact", window="8 weeks", contact=0.4,
    effects={"rate": ltv.PriorSpec.elicited(mass=0.9, between=(0.8, 2.2))},
)  # fmt: skip
VALUE = ltv.ValueSpec(horizon="52 weeks", annual_discount_rate=0.1, margin=0.4)


def best_of_all(net, cost, market, money):
    """The most that all bring together: every assignment, and the rest of the money to the best channels."""
    best, order = 0.0, np.argsort(-market.returns)
    for each in product(range(-1, net.shape[1]), repeat=len(net)):
        paid = sum(cost[i, a] for i, a in enumerate(each) if a >= 0)
        left, worth = money - paid, sum(net[i, a] for i, a in enumerate(each) if a >= 0)
        if left < 0:
            continue
        for channel in order:
            spent = min(left, market.room[channel])
            left, worth = left - spent, worth + max(market.returns[channel], 0.0) * spent
        best = max(best, worth)
    return best


@pytest.mark.parametrize("seed", range(20))
def test_no_other_way_to_spend_the_money_brings_more(seed):
    rng = np.random.default_rng(seed)
    net, cost = rng.normal(0.5, 1.0, (5, 2)), rng.uniform(0.5, 1.5, (5, 2))
    market = Market(rng.uniform(-0.3, 1.5, 2), rng.uniform(0.0, 6.0, 2))
    money = float(rng.uniform(1.0, 4.0))
    problem = Problem(net, cost, np.ones(net.shape, bool), money, np.zeros(2))
    left = market.left_to(problem.solve().curve, money)
    found = replace(problem, money=left).solve()
    spent = market.bought(money - found.cost)
    worth = found.net + np.where(market.returns > 0, market.returns, 0.0) @ spent
    want = best_of_all(net, cost, market, money)
    assert spent.sum() + found.cost <= money + 1e-12
    # exact where the money left for actions is used up; a customer cannot be cut in two where it is not
    is_whole = left == pytest.approx(found.cost)
    assert worth == pytest.approx(want, abs=1e-9 if is_whole else net.max())
    assert worth <= want + 1e-9


def test_a_channel_without_room_or_worth_gets_nothing():
    market = Market(np.array([0.5, np.nan, -0.1, 0.9]), np.array([10.0, 5.0, 5.0, 4.0]))
    assert market.bought(6.0).tolist() == [2.0, 0.0, 0.0, 4.0]
    assert market.bought(np.inf).tolist() == [10.0, 0.0, 0.0, 4.0]
    further = market.next_unit(market.bought(6.0))
    assert further[[0, 2]].tolist() == [0.5, -0.1]
    assert np.isnan(further[[1, 3]]).all()


@pytest.fixture(scope="module")
def shop():
    log = ltv.simulate_log(
        200, seed=11, purchase={k: POINT[k] for k in ("r", "alpha", "a", "b")},
        spend={k: POINT[k] for k in "pqv"}, family="mbg_nbd",
    )  # fmt: skip
    summary = ltv.summarize(log, observation_end="1997-09-30", time_unit="week")
    return point_fit(POINT, draws=40, family="mbg_nbd"), summary


def plan_of(shop, acquisition, *, amount=60.0, actions=(LETTER,)):
    budget = None if amount is None else ltv.BudgetSpec(amount=amount, hold_out=0.1)
    decision = ltv.DecisionSpec(value=VALUE, actions=actions, budget=budget, acquisition=acquisition)
    return ltv.decide(*shop, decision, seed=4)


def test_the_parts_of_a_shared_budget_add_up_in_every_draw(shop):
    acquisition = AcquisitionSpec(cac=12.0, next_costs=1.25, capacity=3.0)
    plan = plan_of(shop, acquisition)
    split, draws = plan.split.set_index("use"), plan.draws["split_net"]
    new = "acquisition: all"
    assert split["money"].sum() == pytest.approx(2 * 60.0, abs=0.5)  # the letters come in whole ones
    assert 0 < split.loc["retention", "money"] < 60
    np.testing.assert_array_equal(draws.sel(use="retention"), plan.draws["net"].sel(policy="plan"))
    np.testing.assert_allclose(draws.sel(use="total"), draws.isel(use=slice(2)).sum("use"))
    np.testing.assert_allclose(split["net"], draws.mean("draw"))
    assert split.loc[new, "customers"] * 15 == pytest.approx(split.loc[new, "money"])
    worth = float(plan.acquisition["ltv_new"].iloc[0])
    assert split.loc[new, "net"] == pytest.approx(split.loc[new, "customers"] * (worth - 15.0))
    assert (plan.customers["assignment"] == "letter").sum() == split.loc["retention", "customers"]
    assert "split" in plan.tables


def test_another_unit_of_money_brings_what_the_split_says(shop):
    """With much room a channel sets the price, and the letters are those that bring more."""
    acquisition = AcquisitionSpec(cac=15.0, capacity=500.0)
    plan, richer = (
        plan_of(shop, acquisition, amount=amount).split.set_index("use") for amount in (60.0, 61.0)
    )
    worth = float(
        ltv.decide(*shop, ltv.DecisionSpec(value=VALUE, acquisition=acquisition), seed=4)
        .acquisition["ltv_new"]
        .iloc[0]
    )
    assert plan.loc["total", "next_unit"] == pytest.approx(worth / 15 - 1)
    assert richer.loc["total", "net"] - plan.loc["total", "net"] == pytest.approx(worth / 15 - 1)
    assert plan.loc["retention", "money"] == richer.loc["retention", "money"]
    assert plan.loc["retention", "next_unit"] < worth / 15 - 1


def test_new_customers_alone_and_without_a_budget_are_won_up_to_capacity(shop):
    acquisition = AcquisitionSpec(cac={"all": 10.0}, capacity={"all": 7.0})
    for amount in (None, 500.0):
        split = plan_of(shop, acquisition, amount=amount, actions=()).split.set_index("use")
        assert split.loc["acquisition: all", ["customers", "money"]].tolist() == [7.0, 70.0]
        assert np.isnan(split.loc["acquisition: all", "next_unit"])
        assert split.loc["total", "next_unit"] == 0.0
    assert plan_of(shop, AcquisitionSpec(cac=10.0)).split is None
