"""Allocation against complete enumeration, bounds and linear programs; hold-out by repeated draws of it."""

import ctypes
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from bayesltv.allocation import allocation as module
from bayesltv.allocation.allocation import Problem, allocate, by_hull
from bayesltv.allocation.budget_curve import budget_curve
from bayesltv.allocation.hold_out import expected_problem, recommend
from bayesltv.allocation.limits import Limit
from bayesltv.errors import SpecError
from bayesltv.numerics.knapsack import Choices


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
        with pytest.raises(SpecError, match=r"limits\[0\] asks for 50 customers") as said:
            allocate(net, cost, eligible, budget=1.0, limits=everybody)
        cheapest = np.sort(np.where(eligible, cost, np.inf).min(axis=1))
        most = int((np.cumsum(cheapest) <= 1.0).sum())
        assert f"and {most} can be reached" in str(said.value)


def test_limits_that_exclude_each_other_are_said_to_be_possible_by_themselves():
    net, cost, eligible = problem(40)
    eligible = np.ones_like(eligible)
    first, second = (np.broadcast_to(np.arange(3) == a, net.shape) for a in (0, 1))
    limits = [Limit("limits[0]", first, at_least=30), Limit("limits[1]", second, at_least=30)]
    with pytest.raises(SpecError, match="each by itself but not all at once"):
        allocate(net, cost, eligible, limits=limits)


def test_the_gap_at_twenty_thousand_customers_is_below_one_in_ten_thousand():
    net, cost, eligible = problem(20_000, actions=4, seed=7)
    found = allocate(net, cost, eligible, budget=0.05 * cost.sum())
    assert found.shadow_price > 0
    assert found.gap < 1e-4
    assert found.cost <= 0.05 * cost.sum()


def test_the_shadow_price_is_the_slope_of_the_curve():
    net, cost, eligible = problem(5_000, actions=4)
    at = 400.0
    found = by_hull(Choices(net, cost, eligible), at)
    more = by_hull(Choices(net, cost, eligible), at + 5.0)
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
    found = by_hull(Choices(net, cost, np.ones((2, 2), dtype=bool)), 4.0)
    assert found.assigned.tolist() == [-1, 0]
    assert (found.net, found.cost) == (1.0, 2.0)
    assert found.bound == pytest.approx(8.0)


# --------------------------------------------------------------------------------------------- fixed costs


def everything(net, cost, budget, fixed):
    """The best value of every set of actions by enumeration, and a bound: each set's linear relaxation."""
    best, bound = -np.inf, -np.inf
    for kept in product([False, True], repeat=net.shape[1]):
        due = np.asarray(fixed)[list(kept)].sum()
        if due <= budget:
            found = by_hull(Choices(net, cost, np.broadcast_to(kept, net.shape)), budget - due)
            best, bound = max(best, found.net - due), max(bound, found.bound - due)
    return best, bound


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("budget", [25.0, np.inf])
def test_with_nine_fixed_costs_the_bound_is_one_and_no_better_set_is_missed(seed, budget):
    rng = np.random.default_rng(seed)
    cost, net = rng.uniform(0.2, 2, (40, 9)), rng.normal(0.3, 1.2, (40, 9))
    fixed = rng.uniform(0.5, 6, 9)
    found = allocate(net, cost, np.ones((40, 9), bool), budget=budget, fixed=fixed)
    best, bound = everything(net, cost, budget, fixed)
    assert found.cost <= budget
    assert found.bound >= best - 1e-9
    assert found.net == pytest.approx(best, abs=1e-9)
    assert found.bound <= bound + 0.01 * best
    assert value_of(found, net, cost, fixed) == pytest.approx((found.net, found.cost))


@pytest.mark.parametrize("seed", range(4))
def test_fixed_costs_and_limits_together_are_bounded_by_what_enumeration_finds(seed):
    net, cost, eligible = problem(6, seed=seed)
    limits = [Limit("first", np.broadcast_to(np.arange(3) == 0, net.shape), at_most=1)]
    for fixed in ([0.2, 0.1, 0.3], [0.5, 2.0, 30.0]):
        best = best_by_enumeration(net, cost, eligible, 4.0, fixed, limits)
        found = allocate(net, cost, eligible, budget=4.0, fixed=fixed, limits=limits)
        assert found.bound >= best - 1e-6
        assert found.net == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("pairs", [5_000, 0])
def test_what_must_be_done_is_done_at_its_fixed_cost(monkeypatch, pairs):
    """Sets without the action cannot meet the limit; that is no reason to give up the others."""
    monkeypatch.setattr(module, "PROGRAM_PAIRS", pairs)
    net, cost, eligible = problem(60)
    second = np.broadcast_to(np.arange(3) == 1, net.shape)
    fixed = [0.0, 3.0, 2.0]
    found = allocate(net, cost, eligible, fixed=fixed, limits=[Limit("limits[0]", second, at_least=5)])
    assert (found.assigned == 1).sum() >= 5
    assert value_of(found, net, cost, fixed) == pytest.approx((found.net, found.cost))
    with pytest.raises(SpecError, match=r"fixed costs of 3\.00 are above the budget of 2\.00|limits\[0\]"):
        allocate(
            net, cost, eligible, budget=2.0, fixed=fixed, limits=[Limit("limits[0]", second, at_least=5)]
        )


# ----------------------------------------------------------------------------------------------- the curve


def curve_of(net, cost, eligible, budget, *, fixed=(0.0, 0.0, 0.0), limits=()):
    asked = Problem(net, cost, eligible, budget, np.array(fixed), tuple(limits))
    return asked, budget_curve(asked, asked.solve())


@pytest.mark.parametrize("pairs", [5_000, 0])
@pytest.mark.parametrize("fixed", [(0.0, 0.0, 0.0), (6.0, 0.0, 25.0)])
def test_each_point_of_the_curve_is_the_best_allocation_for_that_money(monkeypatch, pairs, fixed):
    monkeypatch.setattr(module, "PROGRAM_PAIRS", pairs)
    net, cost, eligible = problem(300)
    limits = [
        Limit("first", np.broadcast_to(np.arange(3) == 0, net.shape), at_most=30),
        Limit("third", np.broadcast_to(np.arange(3) == 2, net.shape), at_most=20),
    ]
    asked, (spent, earned) = curve_of(net, cost, eligible, 60.0, fixed=fixed, limits=limits)
    for budget in (5.0, 15.0, 40.0, 60.0, 90.0, 140.0, 500.0):
        found = replace(asked, money=budget).solve()
        read = np.interp(budget, spent, earned)
        assert found.net <= read + 0.01 * found.net
        # the relaxation may split one customer, who is worth little beside the others from some money on
        assert read <= found.bound + (0.005 if budget >= 40 else 0.05) * found.net
    assert spent[-1] < 500
    assert np.all(np.diff(earned) >= -1e-6)


def test_a_fixed_cost_does_not_hide_what_is_best_with_less_money():
    """The dear action is best at 100 and out of reach at 20, where the cheap one earns 0.5 for each unit."""
    net, cost = np.tile([1.0, 3.0], (40, 1)), np.tile([2.0, 2.0], (40, 1))
    _, (spent, earned) = curve_of(net, cost, np.ones((40, 2), bool), 100.0, fixed=(0.0, 30.0))
    assert np.interp([10.0, 20.0], spent, earned) == pytest.approx([5.0, 10.0])
    # 35 customers at 3 each less 30; from the fixed cost on the slope is 1.5, and the lines cross at 75
    assert np.interp(100.0, spent, earned) == pytest.approx(75.0)
    assert np.interp([70.0, 80.0], spent, earned) == pytest.approx([35.0, 45.0], abs=0.2)


@pytest.mark.parametrize("pairs", [5_000, 0])
def test_the_shadow_price_is_the_slope_of_the_curve_under_limits(monkeypatch, pairs):
    monkeypatch.setattr(module, "PROGRAM_PAIRS", pairs)
    net, cost, eligible = problem(1_500)
    limits = [Limit("first", np.broadcast_to(np.arange(3) == 0, net.shape), at_most=100)]
    asked, (spent, earned) = curve_of(net, cost, eligible, 200.0, limits=limits)
    slope = (np.interp(202.0, spent, earned) - np.interp(198.0, spent, earned)) / 4
    assert slope == pytest.approx(asked.solve().shadow_price, rel=0.03)


# ------------------------------------------------------------------------------------------------ hold-out


SHARE = 0.2


def coins(n, seed):
    return np.random.default_rng(seed).random(n) < SHARE


@pytest.fixture(scope="module", params=["money", "capacity", "all"])
def asked(request):
    net, cost, eligible = problem(400)
    first = np.broadcast_to(np.arange(3) == 0, net.shape)
    third = np.broadcast_to(np.arange(3) == 2, net.shape)
    fixed = np.array([0.0, 2.0, 0.0])
    return {
        "money": Problem(net, cost, eligible, 60.0, np.zeros(3)),
        "capacity": Problem(net, cost, eligible, np.inf, np.zeros(3), (Limit("first", first, at_most=30),)),
        "all": Problem(
            net, cost, eligible, 60.0, fixed,
            (Limit("first", first, at_most=20), Limit("third", third, at_least=12)),
        ),
    }[request.param]  # fmt: skip


@pytest.fixture(scope="module")
def wanted(asked):
    return expected_problem(asked, SHARE).solve()


def test_the_treated_use_up_what_there_is_and_exceed_nothing(asked, wanted):
    for seed in range(8):
        withheld = coins(400, seed)
        treated = np.where(withheld, -1, recommend(asked, wanted, withheld, SHARE))
        at = np.flatnonzero(treated >= 0)
        a = treated[at]
        due = asked.fixed[np.unique(a)].sum()
        assert asked.cost[at, a].sum() + due <= asked.money + 1e-9
        for limit in asked.limits:
            count = limit.counted[at, a].sum()
            assert count >= limit.at_least
            assert limit.at_most is None or count <= limit.at_most
        free = replace(asked, eligible=asked.eligible & ~withheld[:, None]).solve()
        net = asked.net[at, a].sum() - due
        assert net <= free.bound + 1e-6
        # little is lost against those who know the coins beforehand
        assert net > 0.95 * free.net
        if np.isfinite(asked.money):
            assert asked.cost[at, a].sum() + due > 0.97 * asked.money


def test_a_recommendation_does_not_depend_on_ones_own_coin(asked, wanted):
    """What makes propensities exact: turning over one customer's coin leaves its recommendation as it is."""
    withheld = coins(400, 1)
    before = recommend(asked, wanted, withheld, SHARE)
    for i in range(0, 400, 3):
        other = withheld.copy()
        other[i] = ~other[i]
        try:
            after = recommend(asked, wanted, other, SHARE)
        except SpecError:  # an "at least" that is met with this coin alone
            continue
        assert after[i] == before[i]


def test_the_share_that_is_withheld_is_the_propensity(asked, wanted):
    """Over 300 draws of the coins: of those who are recommended something a fifth is held out."""
    given = held = 0
    for seed in range(300):
        withheld = coins(400, 1_000 + seed)
        who = recommend(asked, wanted, withheld, SHARE) >= 0
        given, held = given + who.sum(), held + (who & withheld).sum()
    assert held / given == pytest.approx(SHARE, abs=4 * np.sqrt(SHARE * (1 - SHARE) / given))


def test_no_more_are_recommended_than_the_room_is_for():
    """The capacity of 50 of 1,000 goes to 50; about a ninth as many are held out, at a tenth."""
    rng = np.random.default_rng(3)
    net = rng.lognormal(1, 1, (1_000, 1))
    limit = Limit("letter.capacity", np.ones((1_000, 1), bool), at_most=50)
    asked = Problem(net, 0.1 * np.ones((1_000, 1)), np.ones((1_000, 1), bool), np.inf, np.zeros(1), (limit,))
    withheld = np.random.default_rng(4).random(1_000) < 0.1
    who = recommend(asked, expected_problem(asked, 0.1).solve(), withheld, 0.1) >= 0
    assert (who & ~withheld).sum() == 50
    assert 0 < (who & withheld).sum() < 15
    # the best customers are recommended it, whatever their coins
    assert net[who].min() > net[~who].max()


def test_lines_that_the_solver_prints_do_not_reach_stdout(capfd, monkeypatch):
    from scipy import optimize

    solve, libc = optimize.milp, ctypes.CDLL(None)
    monkeypatch.setattr(optimize, "milp", lambda *a, **k: (libc.printf(b"left in it\n"), solve(*a, **k))[1])
    net, cost, eligible = problem(6, seed=1)
    limits = [Limit("one", np.ones_like(eligible), at_most=1)]
    assert allocate(net, cost, eligible, budget=4.0, limits=limits).method == "program"
    print("ours")
    libc.fflush(None)
    assert capfd.readouterr().out == "ours\n"
