"""Plans: they add up, respect what was asked, say where their numbers come from, and refuse what is wrong."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesltv as ltv
from bayesltv.allocation import cvar
from bayesltv.allocation.cvar import balance_risk, make_cells, objective, portfolio_net
from bayesltv.cli.output.plan import actions_table
from bayesltv.decisions.offer.eligibility import fulfils
from bayesltv.decisions.offer.pnl import PARTS
from bayesltv.errors import BayesltvWarning, DataError, SpecError
from bayesltv.experiments.effects import Effects, assumed_effects
from bayesltv.report.figures.plan import plan_figures, plot_waterfall
from bayesltv.report.files.crm import CRM_TYPES, crm_table, write_plan
from bayesltv.specs.decision.acquisition import AcquisitionSpec
from bayesltv.specs.decision.expression import parse
from helpers import point_fit, sealed

THETA = {"r": 0.6, "alpha": 5.0, "a": 0.9, "b": 2.0, "p": 6.0, "q": 4.0, "v": 90.0}
DRAWS = 60
SIGNS = np.array([1, -1, -1, -1, -1, -1])


def belief(low, high):
    return ltv.PriorSpec.elicited(mass=0.9, between=(low, high))


LETTER = ltv.ActionSpec(
    name="letter", kind="contact", window="8 weeks", contact=0.4, eligible="p_purchase_horizon > 0.05",
    effects={"rate": belief(0.8, 2.2)},
)  # fmt: skip
COUPON = ltv.ActionSpec(
    name="coupon", kind="discount", window="8 weeks", contact=0.05, discount=0.1, fixed=5.0, cap=8.0,
    effects={"rate": belief(0.9, 2.5)},
)  # fmt: skip
BACK = ltv.ActionSpec(
    name="back", kind="win_back", window="6 weeks", contact=0.3, per_redemption=4.0, eligible="p_alive < 0.6",
    effects={"reactivation": ltv.PriorSpec("Beta", {"alpha": 2, "beta": 18})},
)  # fmt: skip
VALUE = ltv.ValueSpec(
    horizon="52 weeks", annual_discount_rate=0.1, margin=0.4, currency="EUR", service_cost=1.0
)
BUDGET = ltv.BudgetSpec(amount=40.0, hold_out=0.2)


@pytest.fixture(scope="module")
def fit():
    return point_fit(THETA, draws=DRAWS, family="mbg_nbd")


@pytest.fixture(scope="module")
def summary():
    log = ltv.simulate_log(
        120, seed=11, purchase={k: THETA[k] for k in "r alpha a b".split()},  # noqa: SIM905
        spend={k: THETA[k] for k in "pqv"}, family="mbg_nbd",
    )  # fmt: skip
    return ltv.summarize(log, observation_end="1997-09-30", time_unit="week", currency="EUR")


def decision(*actions, budget=BUDGET, **more):
    return ltv.DecisionSpec(value=VALUE, actions=actions or (LETTER, COUPON, BACK), budget=budget, **more)


@pytest.fixture(scope="module")
def plan(fit, summary):
    return ltv.decide(fit, summary, decision(), seed=4)


# ---------------------------------------------------------------------------------------- what adds up


def test_parts_add_up_to_net_exactly(plan):
    table = plan.actions
    parts = table[list(PARTS)].to_numpy() @ SIGNS - table["fixed_cost"]
    assert np.allclose(parts, table["net"], atol=1e-9)
    assert table["net"].iloc[:-1].sum() == pytest.approx(table["net"].iloc[-1], abs=1e-9)
    options = plan.options
    each = sum(sign * options[f"{name}_mean"] for name, sign in zip(PARTS, SIGNS, strict=True))
    assert np.allclose(each, options["net_mean"], atol=1e-9, equal_nan=True)


def test_the_portfolio_is_the_sum_of_its_customers_inside_each_draw(plan):
    mine = plan.draws.sel(policy="plan")
    chosen = mine["assigned"].values
    at = np.flatnonzero(chosen >= 0)
    fixed = float(mine["fixed_cost"].sum())
    expected = plan.options["net_mean"].values[at, chosen[at]].sum() - fixed
    assert float(mine["net"].mean()) == pytest.approx(expected, abs=1e-5)
    assert plan.attrs["allocation_net"] == pytest.approx(expected)
    # quantiles of a portfolio are not the sums of its customers' quantiles
    low = plan.options["net_p05"].values[at, chosen[at]].sum() - fixed
    assert plan.attrs["net_p05"] > low


def test_what_was_asked_is_respected(plan):
    customers = plan.customers
    assert plan.attrs["cost_mean"] <= 40.0 + 1e-5
    eligible = plan.options["eligible"].values
    assigned = plan.draws["assigned"].values
    for policy in assigned:
        treated = np.flatnonzero(policy >= 0)
        assert eligible[treated, policy[treated]].all()
    held = (customers["assignment"] == "hold_out").to_numpy()
    assert 0 < held.sum() < 40
    assert (assigned[:, held] == -1).all()
    assert (customers.loc[held, "recommended_action"] != "none").all()
    assert (customers.loc[held, "propensity"] == 0.2).all()
    given = customers["assignment"].isin(["letter", "coupon", "back"])
    assert (customers.loc[given, "propensity"] == 0.8).all()
    assert (customers.loc[customers["recommended_action"] == "none", "propensity"] == 1).all()
    table = plan.policies.set_index("policy")
    assert table.loc["none", ["net", "cost", "customers"]].eq(0).all()
    limited = ["random", "highest_churn_risk", "highest_ltv", "flat_share_of_ltv", "one_for_all_letter"]
    assert (table.loc[limited, "cost"] <= 40.0 + 1e-5).all()


def test_the_band_of_the_budget_curve_is_that_of_plans_with_these_budgets(fit, summary, plan):
    curve = plan.budget_curve

    def band(cost):
        return [np.interp(cost, curve["cost"], curve[name]) for name in ("net_p05", "net_p95")]

    def said(made):
        return [made.attrs["net_p05"], made.attrs["net_p95"]]

    assert band(plan.attrs["allocation_cost"]) == pytest.approx(said(plan), abs=0.02 * np.ptp(said(plan)))
    assert (curve["net_p05"] <= curve["net_p95"]).all()
    assert curve["net"].between(curve["net_p05"], curve["net_p95"]).all()
    for amount in (15.0, 90.0):  # between those that were added up
        other = ltv.decide(fit, summary, decision(budget=replace(BUDGET, amount=amount)), seed=4)
        wide = np.ptp(said(other))
        assert band(other.attrs["allocation_cost"]) == pytest.approx(said(other), abs=0.1 * wide)


def test_no_other_rule_claims_more_at_the_same_money(plan):
    table = plan.policies.set_index("policy")
    others = table.drop(index="plan")
    same_money = others[others["cost"] <= plan.attrs["cost_mean"] + 1e-9]
    assert (same_money["net"] <= plan.attrs["allocation_bound"] + 1e-6).all()
    assert (table["regret"] >= table.loc["plan", "regret"] - 1e-9).any()


def test_hold_out_is_random_and_the_same_in_every_run(fit, summary, plan):
    half = summary.iloc[::2].reset_index(drop=True)
    half.attrs = summary.attrs
    again = ltv.decide(fit, half, decision(), seed=4)
    both = again.customers.merge(plan.customers, on="customer_id")
    held = both[(both["recommended_action_x"] != "none") & (both["recommended_action_y"] != "none")]
    assert ((held["assignment_x"] == "hold_out") == (held["assignment_y"] == "hold_out")).all()


def test_blocks_and_threads_change_no_number(fit, summary, plan):
    again = ltv.decide(fit, summary, decision(), seed=4, block=7, threads=2)
    assert again.options.identical(plan.options)
    assert again.draws.identical(plan.draws)
    pd.testing.assert_frame_equal(again.customers, plan.customers)


def test_draws_of_customers_and_effects_go_together(fit, summary):
    """Where all customers share an effect, the portfolio is as unsure as the effect: nothing averages out."""
    rate = np.where(np.arange(DRAWS) % 2, 3.0, 0.2)
    alone = replace(LETTER, eligible="")
    shared = ltv.decide(
        fit, summary, decision(alone, budget=None), seed=4, effects={"letter": Effects({"rate": rate})}
    )
    net = shared.draws["net"].sel(policy="one_for_all_letter").values
    assert net[rate > 1].mean() > 0 > net[rate < 1].mean()
    assert net[rate > 1].min() > net[rate < 1].max()


def test_effects_of_a_test_are_used_cell_by_cell_and_said_to_be_from_it(fit, summary):
    cells = [0, 1, 2]
    drawn = xr.Dataset(
        {"rate": (("cell", "draw"), np.array([[0.3] * DRAWS, [4.0] * DRAWS, [1.0] * DRAWS]))},
        coords={"cell": ["0", "1", "(other)"]},
        attrs={"cell_columns": json.dumps(["frequency"]), "effect_source": "test"},
    )
    action = replace(LETTER, eligible="frequency <= 2", effects={}, test="spring")
    with pytest.raises(SpecError, match="takes its effects from the test 'spring'"):
        ltv.decide(fit, summary, decision(action), seed=4)
    made = ltv.decide(fit, summary, decision(action, budget=None), seed=4, effects={"letter": drawn})
    net = made.options["net_mean"].sel(action="letter").values
    frequency = made.customers["frequency"].to_numpy()
    assert [bool((net[frequency == cell] > 0).mean() > 0.5) for cell in cells] == [False, True, False]
    # a factor of 1 leaves the contact as the only change
    assert np.allclose(net[frequency == 2], -0.4)
    assert set(made.customers.loc[made.customers["recommended_action"] == "letter", "effect_source"]) == {
        "test"
    }


def test_a_test_without_effect_leaves_little_to_claim(fit, summary):
    """Winner's curse: with three arms that do nothing, known well, the plan spends next to nothing."""
    rng = np.random.default_rng(2)
    known = {
        name: Effects({"rate": np.exp(rng.normal(0.0, 0.03, DRAWS))}, {"rate": "test"})
        for name in ("letter", "coupon")
    }
    made = ltv.decide(fit, summary, decision(LETTER, COUPON), seed=4, effects=known)
    value = made.customers["ltv_mean"].sum()
    assert made.attrs["net_mean"] < 0.001 * value
    assert made.attrs["cost_mean"] < 0.002 * value


def test_the_break_even_effect_breaks_even(fit, summary, plan):
    row = plan.effects.query("action == 'coupon' and parameter == 'rate'").iloc[0]
    at = {"coupon": Effects({"rate": np.full(DRAWS, row["break_even"])})}
    made = ltv.decide(fit, summary, decision(replace(COUPON, fixed=0.0), budget=None), seed=4, effects=at)
    net = made.options["net_mean"].values
    assert abs(np.nanmean(net)) < 0.01 * np.nanmean(made.options["cost_mean"])
    assert row["effect_source"] == "assumed"


def test_capacity_and_limits_hold(fit, summary):
    most = replace(LETTER, capacity=5)
    limits = (ltv.LimitSpec(where="frequency >= 1", action="coupon", at_least=8),)
    made = ltv.decide(
        fit, summary, decision(most, replace(COUPON, fixed=0.0), budget=ltv.BudgetSpec(limits=limits)), seed=4
    )
    given = made.customers["assignment"]
    assert (given == "letter").sum() <= 5
    assert ((given == "coupon") & (made.customers["frequency"] >= 1)).sum() >= 8


# ------------------------------------------------------------------------------- hold-out and what it costs


def count(customers, name):
    return int((customers["assignment"] == name).sum())


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_hold_out_is_of_those_there_is_room_for(fit, summary, weight):
    """Capacity for 20 of 120: about 5 are held out, not a fifth of all, and the 20 are treated."""
    known = {"letter": Effects({"rate": np.linspace(1.4, 1.8, DRAWS)})}
    few = replace(LETTER, eligible="", capacity=20)
    budget = ltv.BudgetSpec(hold_out=0.2, risk_weight=weight)
    made = ltv.decide(fit, summary, decision(few, budget=budget), seed=4, effects=known).customers
    assert count(made, "letter") == 20
    assert 0 < count(made, "hold_out") <= 12
    told = made[made["recommended_action"] == "letter"]
    assert (told["action_net_mean"] > 0).all()
    if weight == 0:
        # the hold-out is from among the same, the best, customers
        others = made.loc[made["recommended_action"] == "none", "ltv_mean"]
        assert told["ltv_mean"].median() > others.median()


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_hold_out_exceeds_no_budget_and_leaves_little_of_it(fit, summary, weight):
    for seed in (1, 2, 3):
        budget = ltv.BudgetSpec(amount=12.0, hold_out=0.3, risk_weight=weight)
        made = ltv.decide(
            fit, summary, decision(replace(LETTER, eligible=""), budget=budget), seed=seed,
            effects={"letter": Effects({"rate": np.linspace(1.4, 1.8, DRAWS)})},
        )  # fmt: skip
        assert made.attrs["cost_mean"] <= 12.0 + 1e-5
        assert made.attrs["cost_mean"] > 11.0
        assert made.attrs["allocation_net"] <= made.attrs["allocation_bound"] + 1e-9
        if weight:
            assert made.attrs["risk_value"] <= made.attrs["risk_bound"] + 1e-9


def test_what_is_done_today_is_compared_at_its_own_cost_but_for_those_held_out(fit, summary, plan):
    ids = summary["customer_id"].astype(str)
    today = {i: "letter" if at % 2 else "none" for at, i in enumerate(ids)}
    made = ltv.decide(fit, summary, decision(), seed=4, current=today)
    held = (made.customers["assignment"] == "hold_out").to_numpy()
    done = made.draws["assigned"].sel(policy="current").values
    assert (done[held] == -1).all()
    treated = done >= 0
    assert treated.sum() > 30
    assert (done[treated] == 0).all()
    assert not treated[::2].any()
    cost = made.policies.set_index("policy").loc["current", "cost"]
    assert cost == pytest.approx(0.4 * treated.sum(), abs=1e-4)
    # nobody who is held out by chance is treated by any policy, the plan's rivals included
    assert (made.draws["assigned"].values[:, held] == -1).all()


def test_an_action_of_today_that_the_decision_does_not_have_is_refused(fit, summary):
    ids = summary["customer_id"].astype(str)
    today = {ids[3]: "leter", ids[5]: "leter", ids[7]: "phone", ids[8]: "none", ids[9]: ""}
    with pytest.raises(DataError) as caught:
        ltv.decide(fit, summary, decision(), seed=4, current=today)
    said = str(caught.value)
    assert f"3 of 120 customers (ids {ids[3]}, {ids[5]}, {ids[7]})" in said
    assert "'leter': did you mean \"letter\"?" in said
    assert "'phone': known: letter, coupon, back" in said


def with_draws(fit, **columns):
    """The fit with other values of some parameters, draw by draw."""
    posterior = fit["posterior"].to_dataset()
    changed = {name: (("chain", "draw"), np.asarray(each)[None]) for name, each in columns.items()}
    made = xr.DataTree.from_dict({"posterior": posterior.assign(changed)})
    made.attrs = fit.attrs
    return sealed(made)


def test_draws_are_multiplied_before_means_are_taken(summary):
    """In half of the draws orders are large and the letter works; in the other half neither."""
    draws, action = 400, replace(LETTER, eligible="", contact=1e-9)
    scales, effects = (300.0, 10.0), (2.0, 0.5)
    fit = point_fit(THETA, draws=draws, family="mbg_nbd")
    even = np.arange(draws) % 2 == 0

    def net(v, effect):
        one = ltv.decide(
            with_draws(fit, v=np.broadcast_to(v, draws)), summary, decision(action, budget=None), seed=4,
            effects={"letter": Effects({"rate": np.array(np.broadcast_to(effect, draws))})}, draws=None,
        )  # fmt: skip
        return float(one.options["net_mean"].mean())

    joint = net(np.where(even, *scales), np.where(even, *effects))
    apart = (net(scales[0], effects[0]) + net(scales[1], effects[1])) / 2
    of_means = net(np.mean(scales), np.mean(effects))
    shuffled = net(np.where(even, *scales), np.random.default_rng(1).permutation(np.where(even, *effects)))
    assert joint == pytest.approx(apart, rel=0.1)
    assert abs(joint - of_means) > 0.3 * joint
    assert shuffled < 0.8 * joint


# ------------------------------------------------------------------------------------------------ risk


def test_weight_on_the_tail_buys_a_better_tail(fit, summary):
    risky = np.where(np.arange(DRAWS) % 2, 3.4, 0.1)
    safe = np.full(DRAWS, 1.45)
    actions = (replace(LETTER, eligible="", name="risky"), replace(LETTER, eligible="", name="safe"))
    known = {"risky": Effects({"rate": risky}), "safe": Effects({"rate": safe})}
    plans = [
        ltv.decide(
            fit,
            summary,
            decision(*actions, budget=ltv.BudgetSpec(amount=30.0, risk_weight=w)),
            seed=4,
            effects=known,
        )
        for w in (0.0, 0.9)
    ]
    tables = [each.policies.set_index("policy").loc["plan"] for each in plans]
    assert tables[1]["cvar"] > tables[0]["cvar"]
    assert tables[1]["net"] < tables[0]["net"]
    assert plans[1].attrs["risk_value"] <= plans[1].attrs["risk_bound"] + 1e-9


def test_the_balance_of_mean_and_tail_is_the_linear_programs():
    """Two actions for one divisible cell: the best share by a fine grid."""
    rng = np.random.default_rng(3)
    draws = np.stack([rng.normal(1.0, 2.0, 400), rng.normal(0.6, 0.8, 400)])[None, :, :]

    def solve(net):
        best = int(np.argmax(net[0]))
        value = max(0.0, float(net[0, best]))
        return ltv_allocation(np.array([best if net[0, best] > 0 else -1], np.int32), value)

    def net_of(assigned):
        return portfolio_net(draws, assigned, np.zeros(2))

    found = balance_risk(solve, net_of, draws, weight=0.5, tail=0.1)
    grid = [(x, y) for x in np.linspace(0, 1, 101) for y in np.linspace(0, 1, 101) if x + y <= 1 + 1e-12]
    best = max(objective(x * draws[0, 0] + y * draws[0, 1], 0.5, 0.1) for x, y in grid)
    assert found.value == pytest.approx(best, abs=2e-3)
    assert found.bound >= found.value - 1e-9


def ltv_allocation(assigned, value):
    from bayesltv.allocation.allocation import Allocation

    return Allocation(assigned, value, 0.0, value, 0.0)


def test_many_customers_become_cells_of_alike_ones():
    rng = np.random.default_rng(1)
    net, cost = rng.normal(1, 1, (60_000, 3)), rng.uniform(0.1, 1, (60_000, 3))
    eligible = rng.random((60_000, 3)) < 0.9
    cell = make_cells(net, cost, eligible)
    assert cell.max() < 2_100
    assert np.array_equal(make_cells(net[:100], cost[:100], eligible[:100]), np.arange(100))
    pattern = eligible @ np.array([1, 2, 4])
    assert pd.Series(pattern).groupby(cell).nunique().max() == 1


def test_a_small_capacity_is_used_where_customers_share_cells(fit, summary, monkeypatch):
    """Cells of 12 customers and room for 7: customers are counted, not cells."""
    monkeypatch.setattr(cvar, "EACH_CUSTOMER", 50)
    monkeypatch.setattr(cvar, "CELLS", 10)
    actions = (replace(LETTER, eligible="", capacity=7), replace(COUPON, fixed=0.0))
    known = {name: Effects({"rate": np.linspace(1.3, 2.6, DRAWS)}) for name in ("letter", "coupon")}
    for share in (0.0, 0.2):
        budget = ltv.BudgetSpec(amount=10.0, risk_weight=0.5, hold_out=share)
        made = ltv.decide(fit, summary, decision(*actions, budget=budget), seed=4, effects=known)
        given = made.customers["assignment"]
        assert 6 <= (given == "letter").sum() <= 7
        assert made.attrs["cost_mean"] <= 10.0 + 1e-5
        assert made.attrs["risk_value"] <= made.attrs["risk_bound"] + 1e-9
        assert made.attrs["risk_value"] > 0.9 * made.attrs["risk_bound"]


def test_weight_on_the_tail_buys_a_better_tail_where_customers_share_cells_and_few_have_room(
    fit, summary, monkeypatch
):
    """As much as with each customer as a cell: a capacity of 3 is below the size of a cell."""
    risky, safe = np.where(np.arange(DRAWS) % 2, 3.4, 0.1), np.full(DRAWS, 1.45)
    actions = tuple(replace(LETTER, eligible="", name=name, capacity=3) for name in ("risky", "safe"))
    known = {"risky": Effects({"rate": risky}), "safe": Effects({"rate": safe})}

    def tail(weight):
        budget = ltv.BudgetSpec(amount=2.0, risk_weight=weight)
        made = ltv.decide(fit, summary, decision(*actions, budget=budget), seed=4, effects=known)
        return made.policies.set_index("policy").loc["plan", "cvar"], made

    neutral, _ = tail(0.0)
    single, _ = tail(0.9)
    monkeypatch.setattr(cvar, "EACH_CUSTOMER", 50)
    monkeypatch.setattr(cvar, "CELLS", 10)
    shared, told = tail(0.9)
    assert told.attrs["allocation_method"] == "mean-CVaR"
    assert 2 <= count(told.customers, "safe") <= 3
    assert neutral < shared
    assert shared - neutral > 0.8 * (single - neutral)


def chance(max_p_loss, **more):
    return ltv.BudgetSpec(amount=30.0, max_p_loss=max_p_loss, **more)


@pytest.fixture(scope="module")
def gambles():
    """A fair-looking action that loses in four draws of ten, and one that gains a little in 59 of 60."""
    risky = np.where(np.arange(DRAWS) % 5 < 2, 0.1, 4.0)
    safe = np.where(np.arange(DRAWS) == 7, 0.5, 1.6)
    actions = (replace(LETTER, eligible="", name="risky"), replace(LETTER, eligible="", name="safe"))
    return actions, {"risky": Effects({"rate": risky}), "safe": Effects({"rate": safe})}


def test_the_probability_of_a_loss_is_held_below_what_is_accepted(fit, summary, gambles):
    actions, known = gambles
    free = ltv.decide(fit, summary, decision(*actions, budget=chance(None)), seed=4, effects=known)
    assert free.attrs["p_loss"] > 0.2
    bound = ltv.decide(fit, summary, decision(*actions, budget=chance(0.1)), seed=4, effects=known)
    net = bound.draws["net"].sel(policy="plan").values
    assert (net < 0).mean() == bound.attrs["p_loss"] <= 0.1
    assert 0 < bound.attrs["net_mean"] < free.attrs["net_mean"]
    assert bound.attrs["risk_weight"] > 0
    loose = ltv.decide(fit, summary, decision(*actions, budget=chance(0.99)), seed=4, effects=known)
    assert loose.attrs["net_mean"] == free.attrs["net_mean"]


def test_where_everything_may_lose_nobody_gets_anything(fit, summary, gambles):
    actions, known = gambles
    only = {"risky": known["risky"]}
    made = ltv.decide(fit, summary, decision(actions[0], budget=chance(0.05)), seed=4, effects=only)
    assert (made.customers["recommended_action"] == "none").all()
    assert made.attrs["net_mean"] == made.attrs["p_loss"] == made.attrs["cost_mean"] == 0


# ------------------------------------------------------------------------------------- what is credited


def test_referrals_are_added_as_they_are_and_never_estimated(fit, summary, plan):
    credited = summary.assign(referral_value=0.0)
    credited.loc[3, "referral_value"] = 1e6
    credited.attrs = summary.attrs
    made = ltv.decide(fit, credited, decision(), seed=4)
    table = made.customers
    assert np.allclose(table["ltv_with_referral_mean"] - table["ltv_mean"], credited["referral_value"])
    pd.testing.assert_series_equal(table["ltv_mean"], plan.customers["ltv_mean"])
    pd.testing.assert_frame_equal(made.actions, plan.actions)  # an action is not credited with referrals
    export = crm_table(made)
    assert export.loc[3, "referral_value"] == 1e6
    assert crm_table(plan)["referral_value"].isna().all()
    # who is credited most ranks first where value decides
    assert (
        int(made.draws["assigned"].sel(policy="highest_ltv")[3]) >= 0
        or table.loc[3, "assignment"] == "hold_out"
    )


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_a_referral_value_is_an_amount(fit, summary, wrong):
    credited = summary.assign(referral_value=2.0)
    credited.loc[5, "referral_value"] = wrong
    credited.attrs = summary.attrs
    with pytest.raises(DataError) as caught:
        ltv.decide(fit, credited, decision(), seed=4)
    assert "no amount of 0 or more for 1 of 120" in str(caught.value)
    assert str(summary.loc[5, "customer_id"]) in str(caught.value)


# ------------------------------------------------------------------------------------- what is labelled


def test_a_win_back_of_one_time_buyers_who_cannot_lapse_is_warned_of(summary):
    immortal = point_fit(THETA, draws=20, family="bg_nbd")
    with pytest.warns(BayesltvWarning, match="never won back. Fit MBG/NBD"):
        ltv.decide(immortal, summary, decision(LETTER, BACK), seed=4)


def test_revenue_is_called_revenue_wherever_money_stands(fit, summary):
    value = ltv.ValueSpec(horizon="52 weeks", annual_discount_rate=0.1, basis="revenue", currency="EUR")
    revenue = ltv.DecisionSpec(value=value, actions=(LETTER,), acquisition=AcquisitionSpec(cac=5.0))
    made = ltv.decide(fit, summary, revenue, seed=4)
    money = (
        "actions",
        "policies",
        "budget_curve",
        "segments",
        "portfolio",
        "simple_ltv",
        "acquisition",
        "next_unit",
    )
    for name in money:
        assert (made.tables[name]["value_basis"] == "revenue").all(), name
    assert (crm_table(made)["value_basis"] == "revenue").all()
    axes = plot_waterfall(made)
    assert axes.get_title(loc="left") == "From incremental revenue to net value"
    assert axes.get_xticklabels()[0].get_text() == "incremental\nrevenue"
    assert plot_waterfall(ltv.decide(fit, summary, decision(LETTER), seed=4)).get_title(loc="left") == (
        "From incremental margin to net value"
    )
    assert "more revenue" in [column.header for column in actions_table(made).columns]


def test_headroom_of_relative_tiers_is_to_where_the_next_one_begins_on_average(fit, summary):
    tiers = ltv.TierSpec([ltv.Tier("rest"), ltv.Tier("best", top=0.2)], kind="relative")
    made = ltv.decide(fit, summary, decision(LETTER, tiers=tiers), seed=4)
    table, export = made.customers, crm_table(made)
    draws = ltv.predict(fit, summary, horizon="52 weeks", annual_discount_rate=0.1, margin=0.4, seed=4,
                        service_cost_per_year=1.0)  # fmt: skip
    ranked = np.sort(draws["value"].stack(d=("chain", "draw")).transpose("customer_id", "d").values, axis=0)
    rest = (table["tier"] == "rest").to_numpy()
    floor = (table["headroom"] + table["ltv_p50"])[rest]
    assert floor.round(6).nunique() == 1
    # the best fifth of 120 are 24: their tier begins above the 25th, draw by draw
    assert floor.iloc[0] == pytest.approx(ranked[-25].mean(), rel=1e-6)
    assert table.loc[~rest, "headroom"].isna().all()
    assert np.allclose(export["p_moves_up"][rest], table["p_tier_best"][rest])
    pd.testing.assert_series_equal(export["headroom"], table["headroom"])


# ------------------------------------------------------------------------------------- what is refused


def test_what_is_wrong_is_said_before_anything_is_evaluated(fit, summary):
    cases = [
        (
            replace(LETTER, eligible="p_alife > 0.5"),
            "there is no score column 'p_alife'; did you mean \"p_alive\"?",
        ),
        (replace(LETTER, eligible='tier == "high"'), "no score column 'tier'; it comes with [tiers]: add"),
        (replace(LETTER, eligible="frequency > 999"), "none of 120 customers is eligible"),
        (replace(LETTER, eligible="frequency > 'one'"), "frequency is a number"),
    ]
    for action, says in cases:
        with pytest.raises(SpecError) as caught:
            ltv.decide(fit, summary, decision(action), seed=4)
        assert says in str(caught.value)
    with pytest.raises(SpecError, match="has neither actions nor acquisition"):
        ltv.decide(fit, summary, ltv.DecisionSpec(value=VALUE), seed=4)
    dollars = summary.copy()
    dollars.attrs = {**summary.attrs, "currency": "USD"}
    with pytest.raises(SpecError, match="currencies differ"):
        ltv.decide(fit, dollars, decision(), seed=4)
    short = {"letter": Effects({"rate": np.ones(7)})}
    with pytest.raises(DataError, match="7 draws of rate"):
        ltv.decide(fit, summary, decision(), seed=4, effects=short)
    with pytest.raises(SpecError, match="names 'mail'"):
        ltv.decide(fit, summary, decision(), seed=4, effects={"mail": Effects({"rate": np.ones(DRAWS)})})
    no_spend = point_fit({k: THETA[k] for k in ("r", "alpha", "a", "b")}, draws=4, family="mbg_nbd")
    with pytest.warns(BayesltvWarning), pytest.raises(DataError, match="no spend model"):
        ltv.decide(no_spend, summary, decision(LETTER), seed=4)


def test_impossible_draws_of_effects_are_refused():
    for values, says in [
        ({"rate": np.array([1.0, -0.1])}, "rate must be positive and finite in every draw, is not in 1"),
        ({"redemption": np.array([0.5, 1.2])}, "between 0 and 1"),
        ({"spend": np.array([np.nan, 1.0])}, "spend must be positive"),
        ({"rats": np.ones(2)}, "unknown"),
    ]:
        with pytest.raises(SpecError) as caught:
            Effects(values)
        assert says in str(caught.value)


def test_a_prior_that_rules_out_harm_is_warned_of(fit, summary):
    sure = replace(LETTER, effects={"rate": belief(1.2, 1.4)})
    with pytest.warns(BayesltvWarning, match=r"letter\.rate all but rule out"):
        ltv.decide(fit, summary, decision(sure), seed=4)


def test_assumed_effects_have_their_priors_law_and_a_stream_each():
    first, again = (assumed_effects(LETTER, 2_000, seed=1).values["rate"] for _ in range(2))
    assert np.array_equal(first, again)
    prior = LETTER.effects["rate"]
    assert first.mean() == pytest.approx(float(prior.frozen().mean()), rel=2e-3)
    other = assumed_effects(replace(LETTER, name="other"), 2_000, seed=1).values["rate"]
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.1


# ------------------------------------------------------------------------------------- who is eligible


def test_conditions_hold_for_known_values_only():
    table = pd.DataFrame(
        {
            "a": [1.0, np.nan, 3.0],
            "tier": ["low", None, "high"],
            "day": pd.to_datetime(["1997-01-01", None, "1997-06-01"]),
        }
    )
    cases = {
        "a >= 1": [True, False, True],
        "not a >= 1": [False, True, False],
        "a != 1": [False, False, True],
        "a not in [1]": [False, False, True],
        "a not in [1, 3]": [False, False, False],
        "tier not in ['high', 'mid']": [True, False, False],
        "not a in [1]": [False, True, True],
        "a is missing": [False, True, False],
        "tier in ['high', 'mid'] or a == 1": [True, False, True],
        "day < '1997-03-01'": [True, False, False],
        "a > 0 and tier != 'low'": [False, False, True],
    }
    for text, expected in cases.items():
        assert fulfils(parse(text), table).tolist() == expected, text
    with pytest.raises(SpecError, match="is not a date"):
        fulfils(parse("day > 'soon'"), table)


# ------------------------------------------------------------------------------------------ the export


def test_the_export_has_the_documented_columns_and_types(plan, tmp_path):
    parquet, *others, manifest = write_plan(plan, tmp_path / "plan", provenance={"seed": 4})
    export = pd.read_parquet(parquet)
    assert [name for name in export.columns if not name.startswith(("p_tier_", "p_stage_"))] == list(
        CRM_TYPES
    )
    for name, kind in CRM_TYPES.items():
        wanted = {"number": "float64", "count": "Int64", "date": "datetime64[us]", "text": "str"}[kind]
        assert str(crm_table(plan)[name].dtype) == wanted, name
    assert len(export) == len(plan.customers)
    told = json.loads(manifest.read_text())
    assert told["rows"] == 120
    assert told["plan"]["budget"] == 40.0
    assert set(told["sha256"]) == {path.name for path in (parquet, *others)}


def test_a_spreadsheet_runs_no_id(fit, summary, tmp_path):
    strange = summary.head(30).copy()
    strange["customer_id"] = [f"=cmd{i}" for i in range(30)]
    strange.attrs = summary.attrs
    made = ltv.decide(fit, strange, decision(replace(LETTER, eligible="")), seed=4)
    parquet, csv, *_ = write_plan(made, tmp_path / "plan", provenance={})
    text = csv.read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    assert b"\n'=cmd0," in text
    assert pd.read_parquet(parquet)["customer_id"].iloc[0] == "=cmd0"


def test_nobody_is_a_plan_too(fit, summary):
    nobody = summary.iloc[:0].copy()
    nobody.attrs = summary.attrs
    made = ltv.decide(fit, nobody, decision(), seed=4)
    assert len(made.customers) == 0
    assert made.attrs["net_mean"] == 0


def test_a_price_change_breaks_even_at_an_elasticity(fit, summary):
    """At a higher price p with unit costs unchanged, margin m: (m + p − 1) n(e) = m n(1), nearly n ~ rate."""
    rise = ltv.ActionSpec(name="rise", kind="price_change", price=1.05, effects={"rate": belief(0.7, 1.1)})
    costless = ltv.DecisionSpec(value=replace(VALUE, service_cost=0.0), actions=(rise,))
    row = ltv.decide(fit, summary, costless, seed=4).effects.iloc[0]
    # fewer orders a week are partly made up for in the long run: customers leave after orders, not weeks
    assert 0.4 / 0.45 * 0.8 < row["break_even"] < 0.4 / 0.45
    assert row["break_even_elasticity"] == pytest.approx(np.log(row["break_even"]) / np.log(1.05))


# ---------------------------------------------------------------------------------------- acquisition alone


def test_acquisition_alone_says_what_a_decision_with_actions_says_of_it(fit, summary, tmp_path):
    cost = AcquisitionSpec(cac=60.0, next_costs=1.2)
    value = {"value": VALUE, "acquisition": cost}
    alone = ltv.decide(fit, summary, ltv.DecisionSpec(**value), seed=4)
    beside = ltv.decide(fit, summary, decision(acquisition=cost), seed=4)
    pd.testing.assert_frame_equal(alone.acquisition, beside.acquisition, check_exact=True)
    assert "retention" in set(beside.next_unit["use"])
    pd.testing.assert_frame_equal(
        alone.next_unit, beside.next_unit[beside.next_unit["use"] != "retention"].reset_index(drop=True)
    )
    pd.testing.assert_frame_equal(alone.portfolio, beside.portfolio)
    assert alone.customers["recommended_action"].eq("none").all()
    assert (alone.acquisition["payback_unit"].iloc[0], alone.attrs["cost_mean"]) == ("week", 0.0)
    assert plan_figures(alone) == {}
    write_plan(alone, tmp_path / "plan", provenance={}, figures={})
    read = pd.read_csv(tmp_path / "plan" / "acquisition.csv")
    assert read["holds_for"].tolist() == ["the group's new customers together"]
    assert len(pd.read_csv(tmp_path / "plan" / "customers.csv")) == len(summary)


@pytest.mark.parametrize(("like", "lever"), [(LETTER, "rate"), (BACK, "reactivation")])
def test_a_custom_action_is_worth_what_its_levers_are(fit, summary, like, lever):
    known = ltv.decide(fit, summary, decision(like), seed=4)
    custom = ltv.decide(fit, summary, decision(replace(like, kind="custom")), seed=4)
    xr.testing.assert_identical(custom.options, known.options)
    pd.testing.assert_frame_equal(custom.effects, known.effects)
    assert custom.effects.set_index("parameter")["break_even"].notna()[lever]


def test_more_spend_is_worth_as_much_whatever_sells_it(fit, summary):
    bundle = replace(LETTER, kind="bundle", effects={"spend": belief(0.9, 1.4)})
    sold = [
        ltv.decide(fit, summary, decision(replace(bundle, kind=kind)), seed=4).options
        for kind in ("bundle", "cross_sell")
    ]
    xr.testing.assert_identical(*sold)
