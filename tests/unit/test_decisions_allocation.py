"""Allocation against complete enumeration, bounds and linear programs."""

from itertools import product

import numpy as np
import pytest

from bayesltv.decisions import allocation as module
from bayesltv.decisions.allocation import allocate, by_hull
from bayesltv.decisions.limits import Limit
from bayesltv.errors import SpecError


def problem(customers, actions=3, seed=1):
    rng = np.random.default_rng(seed)
    worth = rng.lognormal(1, 1, customers)
    cost = np.column_stack([np.full(customers, 0.1), worth * 0.2, np.full(customers, 3.0), 0.5 + worth * 0.1])
    cost = cost[:, :actions]
    effect = np.array([0.05, 0.1, 0.3, 0.2])[:actions]
    net = worth[:, None] * rng.normal(effect, 0.3, (customers, actions)) - 0.3 * cost
    return net, cost, rng.random((customers, actions)) < 0.85


def best_by_enumeration(net, cost, eligible, budget, fixed=None, limits=()):
    """The best value among all assignments."""
    n, actions = net.shape
    fixed = np.zeros(actions) if fixed is None else np.asarray(fixed)
    best = -np.inf
    for options in product(range(-1, actions), repeat=n):
        chosen = [(i, a) for i, a in enumerate(options) if a >= 0]
        if any(not eligible[i, a] for i, a in chosen):
            continue
        used = {a for _, a in chosen}
        due = sum(fixed[a] for a in used)
        if sum(cost[i, a] for i, a in chosen) + due > budget:
            continue
        counts = [sum(limit.counted[i, a] for i, a in chosen) for limit in limits]
        if any(
            count < limit.at_least or (limit.at_most is not None and count > limit.at_most)
            for limit, count in zip(limits, counts, strict=True)
        ):
            continue
        best = max(best, sum(net[i, a] for i, a in chosen) - due)
    return best


def value_of(found, net, cost, fixed=None):
    treated = np.flatnonzero(found.assigned >= 0)
    a = found.assigned[treated]
    due = 0.0 if fixed is None else np.asarray(fixed)[np.unique(a)].sum()
    return net[treated, a].sum() - due, cost[treated, a].sum() + due


@pytest.mark.parametrize("seed", range(6))
def test_small_problems_are_bounded_by_what_enumeration_finds(seed):
    net, cost, eligible = problem(6, seed=seed)
    for budget in (0.5, 2.0, np.inf):
        best = best_by_enumeration(net, cost, eligible, budget)
        found = allocate(net, cost, eligible, budget=budget)
        assert value_of(found, net, cost) == pytest.approx((found.net, found.cost))
        assert found.cost <= budget
        assert found.net <= best + 1e-9 <= found.bound + 2e-9
        # greedy along the hulls never loses more than one step
        assert best - found.net <= np.max(np.where(eligible, net, 0)) + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_small_problems_with_limits_are_solved_exactly(seed):
    net, cost, eligible = problem(6, seed=seed)
    only_first = np.broadcast_to(np.arange(3) == 0, net.shape)
    few = np.zeros_like(eligible)
    few[:3] = True
    eligible[:2] = True
    limits = [Limit("first", only_first, at_most=2), Limit("few", few, at_least=1)]
    best = best_by_enumeration(net, cost, eligible, 4.0, limits=limits)
    found = allocate(net, cost, eligible, budget=4.0, limits=limits)
    assert found.method == "program"
    assert found.net == pytest.approx(best, abs=1e-6)
    assert found.bound >= best - 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_fixed_costs_are_paid_only_where_they_pay(seed):
    net, cost, eligible = problem(6, seed=seed)
    for fixed in ([0.0, 1.0, 0.0], [0.5, 2.0, 30.0]):
        best = best_by_enumeration(net, cost, eligible, np.inf, fixed)
        found = allocate(net, cost, eligible, fixed=fixed)
        assert found.net == pytest.approx(best)
        assert value_of(found, net, cost, fixed)[0] == pytest.approx(found.net)


def test_prices_find_what_branch_and_bound_finds(monkeypatch):
    net, cost, eligible = problem(600, actions=4)
    cap = np.broadcast_to(np.arange(4) == 0, net.shape)
    some = np.broadcast_to(np.arange(4) == 2, net.shape)
    for limits in (
        [Limit("cap", cap, at_most=40)],
        [Limit("cap", cap, at_most=40), Limit("some", some, at_least=15)],
    ):
        exact = allocate(net, cost, eligible, budget=150.0, limits=limits)
        with monkeypatch.context() as patch:
            patch.setattr(module, "PROGRAM_PAIRS", 0)
            priced = allocate(net, cost, eligible, budget=150.0, limits=limits)
        assert (exact.method, priced.method) == ("program", "dual")
        assert priced.cost <= 150.0
        assert priced.bound >= exact.net - 1e-6
        assert priced.net == pytest.approx(exact.net, rel=5e-3)
        for limit in limits:
            treated = np.flatnonzero(priced.assigned >= 0)
            count = limit.counted[treated, priced.assigned[treated]].sum()
            assert count >= limit.at_least
            assert limit.at_most is None or count <= limit.at_most


def test_limits_that_cannot_be_met_are_named(monkeypatch):
    net, cost, eligible = problem(50)
    everybody = [Limit("limits[0]", np.ones_like(eligible), at_least=50)]
    for pairs in (5_000, 0):
        monkeypatch.setattr(module, "PROGRAM_PAIRS", pairs)
        with pytest.raises(SpecError, match=r"limits\[0\]"):
            allocate(net, cost, eligible, budget=1.0, limits=everybody)


def test_the_gap_at_twenty_thousand_customers_is_below_one_in_ten_thousand():
    net, cost, eligible = problem(20_000, actions=4, seed=7)
    found = allocate(net, cost, eligible, budget=0.05 * cost.sum())
    assert found.shadow_price > 0
    assert found.gap < 1e-4
    assert found.cost <= 0.05 * cost.sum()


def test_the_shadow_price_is_the_slope_of_the_curve():
    net, cost, eligible = problem(5_000, actions=4)
    at = 400.0
    found = by_hull(net, cost, eligible, at)
    more = by_hull(net, cost, eligible, at + 5.0)
    assert (more.bound - found.bound) / 5.0 == pytest.approx(found.shadow_price, rel=0.02)
    spent, earned = found.curve
    assert np.all(np.diff(spent) >= 0)
    assert np.interp(at, spent, earned) == pytest.approx(found.bound, rel=1e-9)
    # the curve is concave: it never gets cheaper to earn more
    slopes = np.diff(earned)[np.diff(spent) > 1e-9] / np.diff(spent)[np.diff(spent) > 1e-9]
    assert np.all(np.diff(slopes) <= 1e-6 * slopes[:-1])


def test_nobody_gets_what_does_not_pay():
    net, cost, eligible = problem(100)
    found = allocate(-np.abs(net), cost, eligible, budget=50.0)
    assert np.all(found.assigned == -1)
    assert (found.net, found.cost, found.gap) == (0.0, 0.0, 0.0)


def test_order_of_customers_does_not_matter():
    net, cost, eligible = problem(300)
    turned = allocate(net[::-1], cost[::-1], eligible[::-1], budget=40.0)
    found = allocate(net, cost, eligible, budget=40.0)
    assert turned.net == pytest.approx(found.net, rel=1e-12)
    assert np.array_equal(turned.assigned[::-1], found.assigned)


def test_who_cannot_have_the_first_step_gets_no_later_one():
    """5 for the first option, 1 more for the second: with 4 to spend the customer gets neither."""
    net, cost = np.array([[10.0, 11.0], [1.0, 0.0]]), np.array([[5.0, 6.0], [2.0, 9.0]])
    found = by_hull(net, cost, np.ones((2, 2), dtype=bool), 4.0)
    assert found.assigned.tolist() == [-1, 0]
    assert (found.net, found.cost) == (1.0, 2.0)
    assert found.bound == pytest.approx(8.0)
