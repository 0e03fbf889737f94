"""Rivals of a plan: the same money, the same limits, the same hold-out, and rankings of their own."""

import numpy as np
import pytest

from bayesltv.allocation.allocation import Problem
from bayesltv.allocation.limits import Limit
from bayesltv.decisions.baselines import Setting, compare_with

CUSTOMERS, BUDGET = 400, 300.0


def setting(seed, *, limits=(), fixed=(0.0, 0.0, 20.0), used=(True, True, True)):
    rng = np.random.default_rng(seed)
    cost = np.column_stack([rng.gamma(4.0, share, CUSTOMERS) for share in (0.1, 0.5, 1.0)])
    held_out = rng.random(CUSTOMERS) < 0.1
    eligible = (rng.random((CUSTOMERS, 3)) < 0.7) & ~held_out[:, None]
    problem = Problem(
        rng.normal(1.0, 2.0, (CUSTOMERS, 3)), cost, eligible, BUDGET, np.array(fixed), tuple(limits)
    )
    return Setting(
        ("mail", "call", "gift"), problem, BUDGET, rng.permutation(CUSTOMERS), np.array(used), held_out
    )


def rivals(made, seed=0):
    rng = np.random.default_rng(seed + 1000)
    return compare_with(
        made,
        churn_risk=rng.random(CUSTOMERS),
        ltv=rng.gamma(1.0, 10.0, CUSTOMERS),
        net_at_means=lambda: made.problem.net + rng.normal(0.0, 1.0, made.problem.net.shape),
    )


def money_of(problem, assigned):
    got = np.flatnonzero(assigned >= 0)
    return problem.cost[got, assigned[got]].sum() + problem.fixed[np.unique(assigned[got])].sum()


def capacity(action, most):
    counted = np.zeros((CUSTOMERS, 3), bool)
    counted[:, action] = True
    return Limit("capacity", counted, at_most=most)


def at_least(least):
    counted = np.zeros((CUSTOMERS, 3), bool)
    counted[:200] = True
    return Limit("floor", counted, at_least=least)


@pytest.mark.parametrize("seed", range(10))
def test_no_rival_spends_more_than_the_budget_breaks_a_limit_or_treats_who_is_held_out(seed):
    made = setting(seed, limits=(capacity(0, 50), at_least(60)))
    for name, assigned in rivals(made, seed).items():
        treated = np.flatnonzero(assigned >= 0)
        assert money_of(made.problem, assigned) <= BUDGET + 1e-9, name
        assert (assigned == 0).sum() <= 50, name
        assert made.problem.eligible[treated, assigned[treated]].all(), name
        assert not made.held_out[treated].any(), name


def test_a_ranking_meets_a_floor_before_it_goes_on():
    made = setting(1, limits=(at_least(150),))
    found = rivals(made)
    for name in ("random", "highest_churn_risk", "highest_ltv", "plug_in_means"):
        assert (found[name][:200] >= 0).sum() >= 150, name


@pytest.mark.parametrize("seed", range(5))
def test_a_ranking_goes_on_until_the_money_or_the_customers_are_used_up(seed):
    made = setting(seed)
    for name in ("random", "highest_churn_risk", "highest_ltv"):
        assigned = rivals(made, seed)[name]
        left = BUDGET - money_of(made.problem, assigned)
        waiting = made.problem.eligible & (assigned < 0)[:, None]
        assert not (waiting & (made.problem.cost <= left)).any(), name


def test_rankings_use_the_actions_of_the_plan_alone():
    made = setting(3, used=(True, False, True))
    found = rivals(made)
    for name in ("random", "highest_churn_risk", "highest_ltv"):
        assert set(np.unique(found[name])) <= {-1, 0, 2}, name


def test_who_ranks_first_gets_what_is_best_for_all():
    made = setting(4)
    found = rivals(made)
    worth = {}
    for a, name in enumerate(made.names):
        everybody = found[f"one_for_all_{name}"]
        worth[a] = made.problem.net[everybody >= 0, a].sum() - made.problem.fixed[a]
    best = max(worth, key=worth.get)
    first = int(np.argmax(np.where(made.problem.eligible[:, best], made_ltv(), -1.0)))
    assert found["highest_ltv"][first] == best


def made_ltv(seed=0):
    rng = np.random.default_rng(seed + 1000)
    rng.random(CUSTOMERS)
    return rng.gamma(1.0, 10.0, CUSTOMERS)
