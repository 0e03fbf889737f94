"""Allocation under limits by prices: Lagrangian duality with cutting planes, then a greedy allocation.

g(μ, κ) = Σ_i max(0, max_a net − μ cost − κ·counted) + μ budget + κ·bound is convex, bounds every allocation
from above, and its minimum is the linear relaxation's value (Kelley 1960 for the cuts, here with a trust
region).
"""

from dataclasses import dataclass, field

import numpy as np

from bayesltv.allocation.limits import Found, Rows, unreachable
from bayesltv.numerics.arrays import Codes, Floats, Integers
from bayesltv.numerics.knapsack import Choices, Room, best_options, fill_greedily, improve

ROUNDS = 200
SECOND_CHANCES = 8
CLOSE = 1e-8
"""Relative distance between the best bound and what the cuts still allow at which the search ends."""
ROUGH = 1e-4
"""The same where the value by budget is asked for."""
UNMET = 0.99
"""An "at least" whose price comes so near its ceiling is not met."""


def solve_dual(choices: Choices, budget: float, rows: Rows) -> Found:
    """Return an allocation that respects budget and limits, with the least upper bound found.

    Raises
    ------
    SpecError
        Where no allocation was found that meets the limits.
    """
    choices = choices.contiguous()
    prices, bound = _best_prices(choices, budget, rows)
    assigned = _filled(choices, budget, rows, prices)
    broken = rows.shortfall(assigned)
    if broken.any():
        raise unreachable(rows, broken)
    return Found(assigned, bound, float(prices[0]), tuple(float(each) for each in prices[1:]))


def relax_dual(choices: Choices, budget: float, rows: Rows) -> Found:
    """Return the least upper bound found, its prices, and what everybody would like at them."""
    choices = choices.contiguous()
    prices, bound = _best_prices(choices, budget, rows)
    best, _, _, _ = _best_options(choices, rows, prices)
    return Found(best, bound, float(prices[0]), tuple(float(each) for each in prices[1:]))


def worth_by_budget(choices: Choices, budgets: Floats, rows: Rows, asked: Floats) -> Floats:
    """Return the relaxation's value at each amount of money asked for, shape (amount,).

    Prices are sought at some budgets, one after the other, and each price tried on the way bounds the value
    of every amount of money: the least of these bounds is returned, exact at the budgets and close between
    them. It is -inf below the least budget at which each "at least" can be met.
    """
    choices = choices.contiguous()
    cuts, least = Cuts(), np.inf
    top = price_ceilings(choices, rows, has_budget=True)
    for budget in budgets:
        prices, _ = _best_prices(choices, float(budget), rows, cuts=cuts, close=ROUGH)
        if not (prices[1:] >= UNMET * top[1:])[rows.sign < 0].any():
            least = min(least, float(budget))
    prices, values = np.array(cuts.prices), np.array(cuts.values)
    bounds = (values + prices[:, 1:] @ rows.bound)[:, None] + prices[:, [0]] * asked
    return np.where(asked >= least, bounds.min(axis=0), -np.inf)


@dataclass
class Cuts:
    """What has been learnt of Σ_i max(...), by prices: its values and, as slopes, what is used at them."""

    prices: list[Floats] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    usages: list[Floats] = field(default_factory=list)

    def add(self, at: Floats, value: float, usage: Floats) -> None:
        """Add what was found at some prices."""
        self.prices.append(at)
        self.values.append(value)
        self.usages.append(usage)

    def lowest(self, ends: Floats, low: Floats, high: Floats) -> tuple[Floats, float] | None:
        """Return the prices in a box at which the cuts allow the lowest bound, and that bound."""
        from scipy.optimize import linprog

        usages = np.array(self.usages)
        slopes, offsets = ends - usages, np.array(self.values) + (usages * np.array(self.prices)).sum(axis=1)
        found = linprog(
            np.append(np.zeros(ends.size), 1.0),
            A_ub=np.column_stack([slopes, -np.ones(len(slopes))]),
            b_ub=-offsets,
            bounds=[*zip(low, high, strict=True), (None, None)],
            method="highs",
        )
        return (found.x[:-1], float(found.fun)) if found.success else None


def _best_prices(
    choices: Choices,
    budget: float,
    rows: Rows,
    *,
    cuts: Cuts | None = None,
    close: float = CLOSE,
) -> tuple[Floats, float]:
    """Return prices (money first, then one per row) near the minimum of the dual, and its value."""
    has_budget = np.isfinite(budget)
    ends = np.append(budget if has_budget else 0.0, rows.bound)
    top = price_ceilings(choices, rows, has_budget=has_budget)
    at, best_at, best, radius = np.zeros(top.size), np.zeros(top.size), np.inf, top / 4
    cuts = Cuts() if cuts is None else cuts
    if cuts.values:
        first = cuts.lowest(ends, np.zeros(top.size), top)
        at = at if first is None else first[0]
    for _ in range(ROUNDS):
        _, _, value, usage = _best_options(choices, rows, at)
        cuts.add(at, value, np.where(top > 0, usage, ends))
        height = value + float(at @ ends)
        if height < best:
            best, best_at, radius = height, at, radius * 1.5
        else:
            radius = radius * 0.7
        low, high = np.maximum(best_at - radius, 0.0), np.minimum(best_at + radius, top)
        found = cuts.lowest(ends, low, high)
        if found is None:
            break
        at, lowest = found
        is_inside = bool(np.all((at > low) | (low == 0)) and np.all((at < high) | (high == top)))
        if best - lowest <= close * max(1.0, abs(best)):
            if is_inside:
                break
            radius = radius * 4
    return best_at, best


def _best_options(choices: Choices, rows: Rows, at: Floats) -> tuple[Codes, Floats, float, Floats]:
    """Return what is best at some prices, by how much, Σ_i max(...), and what is used of each constraint."""
    customers = len(choices.net)
    best, margin = np.empty(customers, np.int32), np.empty(customers)
    counts = np.empty(rows.bound.size, np.int64)
    value, spent = best_options(choices, at[0], rows.counted, rows.sign * at[1:], best, margin, counts)
    return best, margin, value, np.append(spent, rows.sign * counts)


def price_ceilings(choices: Choices, rows: Rows, *, has_budget: bool) -> Floats:
    """Return prices above which nobody would buy anything any more."""
    net, cost, eligible = choices
    with np.errstate(divide="ignore", invalid="ignore"):
        efficiency = np.where(eligible & (net > 0) & (cost > 0), net / cost, 0.0)
    steepest = float(efficiency.max(initial=0.0)) if has_budget else 0.0
    dearest = float(cost[eligible].max(initial=0.0))
    span = float(np.abs(net[eligible]).max(initial=0.0)) + steepest * dearest
    return np.append(steepest, np.full(rows.bound.size, 2 * span))


def _filled(choices: Choices, budget: float, rows: Rows, prices: Floats) -> Codes:
    """Return an allocation near the prices' own one that respects everything it can."""
    net, cost, _ = choices
    best, margin, _, _ = _best_options(choices, rows, prices)
    signed = rows.sign * prices[1:]
    room = np.where(rows.sign > 0, rows.bound, np.iinfo(np.int64).max // 2).astype(np.int64)
    reduced = net - prices[0] * cost - np.tensordot(signed, rows.counted, axes=1)

    def filled(first: Integers) -> Codes:
        # those to whom the choice matters least come last, and take what is left
        later = margin.copy()
        later[first] = np.inf
        order, assigned = np.argsort(-later, kind="stable"), np.empty(net.shape[0], np.int32)
        left = Room(rows.counted, room.copy())
        fill_greedily(order, choices, prices[0], signed, budget, left, assigned)
        completed(choices, budget, rows, assigned, money_price=float(prices[0]))
        return assigned

    chosen = filled(np.empty(0, np.int64))
    missed = _worth_of(reduced, best) - _worth_of(reduced, chosen)
    # a large customer who came too late may be worth several small ones who came before
    for i in np.argsort(-missed, kind="stable")[:SECOND_CHANCES]:
        if missed[i] <= 0 or rows.shortfall(chosen).any():
            break
        other = filled(np.array([i], dtype=np.int64))
        if _worth_of(net, other).sum() > _worth_of(net, chosen).sum() and not rows.shortfall(other).any():
            chosen = other
    return chosen


def completed(
    choices: Choices, budget: float, rows: Rows, assigned: Codes, *, money_price: float = 0.0
) -> None:
    """Move customers in `assigned` until each "at least" is met, and use what money and room are left."""
    net, cost, eligible = choices
    treated = np.flatnonzero(assigned >= 0)
    is_most = rows.sign > 0
    room = Room(np.ascontiguousarray(rows.counted[is_most]), rows.bound[is_most].astype(np.int64))
    room.left[:] -= room.limits[:, treated, assigned[treated]].sum(axis=1)
    valued = choices._replace(net=net - money_price * cost)
    left = float(budget - cost[treated, assigned[treated]].sum())
    for row in np.flatnonzero(~is_most):
        left = _floor_met(valued, rows, int(row), left, room, assigned)
    now = np.maximum(assigned, 0)
    everybody = np.arange(len(assigned))
    for counted in rows.counted[~is_most]:  # who is counted in an "at least" stays in it
        needed = (assigned >= 0) & counted[everybody, now]
        eligible = eligible & (counted | ~needed[:, None])
    _improved(choices._replace(eligible=eligible), left, room, assigned)


def _floor_met(choices: Choices, rows: Rows, row: int, left: float, room: Room, assigned: Codes) -> float:
    """Move the customers whom it costs least until one "at least" is met, as far as money and room go."""
    worth, cost, eligible = choices
    counted, everybody = rows.counted[row], np.arange(len(assigned))
    is_in = (assigned >= 0) & counted[everybody, np.maximum(assigned, 0)]
    missing = int(-rows.bound[row]) - int(is_in.sum())
    there = np.where(eligible & counted, worth, -np.inf)
    option = np.argmax(there, axis=1)
    loss = np.where(is_in, np.inf, _worth_of(worth, assigned) - there[everybody, option])
    for i in np.argsort(loss, kind="stable"):
        if missing <= 0 or not np.isfinite(loss[i]):
            break
        more = cost[i, option[i]] - (cost[i, assigned[i]] if assigned[i] >= 0 else 0.0)
        freed = room.limits[:, i, assigned[i]] if assigned[i] >= 0 else np.zeros(room.left.size, bool)
        after = room.left + freed - room.limits[:, i, option[i]].astype(np.int64)
        if more <= left and np.all(after >= 0):
            room.left[:] = after
            left, missing = left - more, missing - 1
            assigned[i] = option[i]
    return left


def _worth_of(worth: Floats, assigned: Codes) -> Floats:
    rows = np.arange(len(assigned))
    return np.where(assigned >= 0, worth[rows, np.maximum(assigned, 0)], 0.0)


def _improved(choices: Choices, left: float, room: Room, assigned: Codes) -> None:
    """Use what money and room are left, the most efficient moves first."""
    net, cost, eligible = choices
    gain = np.where(eligible, net, -np.inf) - _worth_of(net, assigned)[:, None]
    more = cost - _worth_of(cost, assigned)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        efficiency = np.where(gain > 0, gain / np.maximum(more, 1e-300), -np.inf)
    customer, option = np.nonzero(gain > 0)
    order = np.argsort(-efficiency[customer, option], kind="stable")
    improve(customer[order], option[order], choices, left, room, assigned)
