"""Allocation under limits by prices: Lagrangian duality with cutting planes, then a greedy allocation.

g(μ, κ) = Σ_i max(0, max_a net − μ cost − κ·counted) + μ budget + κ·bound is convex, bounds every allocation
from above, and its minimum is the linear relaxation's value (Kelley 1960 for the cuts, here with a trust
region).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bayesltv.allocation.limits import Found, Rows, unreachable
from bayesltv.numerics.knapsack import best_options, fill_greedily, improve

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
ROUNDS = 200
SECOND_CHANCES = 8
CLOSE = 1e-8
"""Relative distance between the best bound and what the cuts still allow at which the search ends."""
ROUGH = 1e-4
"""The same where the value by budget is asked for."""
UNMET = 0.99
"""An "at least" whose price comes so near its ceiling is not met."""


def solve_dual(net: Floats, cost: Floats, eligible: Flags, budget: float, rows: Rows) -> Found:
    """Return an allocation that respects budget and limits, with the least upper bound found.

    Raises
    ------
    SpecError
        Where no allocation was found that meets the limits.
    """
    net, cost = np.ascontiguousarray(net), np.ascontiguousarray(cost)
    prices, bound = _best_prices(net, cost, eligible, budget, rows)
    assigned = _filled(net, cost, eligible, budget, rows, prices)
    broken = rows.shortfall(assigned)
    if broken.any():
        raise unreachable(rows, broken)
    return Found(assigned, bound, float(prices[0]), tuple(float(each) for each in prices[1:]))


def relax_dual(net: Floats, cost: Floats, eligible: Flags, budget: float, rows: Rows) -> Found:
    """Return the least upper bound found, its prices, and what everybody would like at them."""
    net, cost = np.ascontiguousarray(net), np.ascontiguousarray(cost)
    prices, bound = _best_prices(net, cost, eligible, budget, rows)
    best, margin = np.empty(net.shape[0], np.int32), np.empty(net.shape[0])
    counts = np.empty(rows.bound.size, np.int64)
    best_options(net, cost, eligible, prices[0], rows.counted, rows.sign * prices[1:], best, margin, counts)
    return Found(best, bound, float(prices[0]), tuple(float(each) for each in prices[1:]))


def worth_by_budget(
    net: Floats, cost: Floats, eligible: Flags, budgets: Floats, rows: Rows, asked: Floats
) -> Floats:
    """Return the relaxation's value at each amount of money asked for, shape (amount,).

    Prices are sought at some budgets, one after the other, and each price tried on the way bounds the value
    of every amount of money: the least of these bounds is returned, exact at the budgets and close between
    them. It is -inf below the least budget at which each "at least" can be met.
    """
    net, cost = np.ascontiguousarray(net), np.ascontiguousarray(cost)
    cuts, least = Cuts(), np.inf
    top = price_ceilings(net, cost, eligible, rows, has_budget=True)
    for budget in budgets:
        prices, _ = _best_prices(net, cost, eligible, float(budget), rows, cuts=cuts, close=ROUGH)
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
    net: Floats,
    cost: Floats,
    eligible: Flags,
    budget: float,
    rows: Rows,
    *,
    cuts: Cuts | None = None,
    close: float = CLOSE,
) -> tuple[Floats, float]:
    """Return prices (money first, then one per row) near the minimum of the dual, and its value."""
    has_budget = np.isfinite(budget)
    ends = np.append(budget if has_budget else 0.0, rows.bound)
    top = price_ceilings(net, cost, eligible, rows, has_budget=has_budget)
    at, best_at, best, radius = np.zeros(top.size), np.zeros(top.size), np.inf, top / 4
    cuts = Cuts() if cuts is None else cuts
    if cuts.values:
        first = cuts.lowest(ends, np.zeros(top.size), top)
        at = at if first is None else first[0]
    for _ in range(ROUNDS):
        value, usage = _dual(net, cost, eligible, rows, at)
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


def _dual(net: Floats, cost: Floats, eligible: Flags, rows: Rows, at: Floats) -> tuple[float, Floats]:
    """Return Σ_i max(...) at some prices, and how much of each constraint its maximisers use."""
    best, margin = np.empty(net.shape[0], np.int32), np.empty(net.shape[0])
    counts = np.empty(rows.bound.size, np.int64)
    signed = rows.sign * at[1:]
    value, spent = best_options(net, cost, eligible, at[0], rows.counted, signed, best, margin, counts)
    return value, np.append(spent, rows.sign * counts)


def price_ceilings(net: Floats, cost: Floats, eligible: Flags, rows: Rows, *, has_budget: bool) -> Floats:
    """Return prices above which nobody would buy anything any more."""
    with np.errstate(divide="ignore", invalid="ignore"):
        efficiency = np.where(eligible & (net > 0) & (cost > 0), net / cost, 0.0)
    steepest = float(efficiency.max(initial=0.0)) if has_budget else 0.0
    dearest = float(cost[eligible].max(initial=0.0))
    span = float(np.abs(net[eligible]).max(initial=0.0)) + steepest * dearest
    return np.append(steepest, np.full(rows.bound.size, 2 * span))


def _filled(
    net: Floats, cost: Floats, eligible: Flags, budget: float, rows: Rows, prices: Floats
) -> NDArray[np.int32]:
    """Return an allocation near the prices' own one that respects everything it can."""
    best, margin = np.empty(net.shape[0], np.int32), np.empty(net.shape[0])
    signed, counts = rows.sign * prices[1:], np.empty(rows.bound.size, np.int64)
    best_options(net, cost, eligible, prices[0], rows.counted, signed, best, margin, counts)
    room = np.where(rows.sign > 0, rows.bound, np.iinfo(np.int64).max // 2).astype(np.int64)
    reduced = net - prices[0] * cost - np.tensordot(signed, rows.counted, axes=1)

    def filled(first: NDArray[np.int64]) -> NDArray[np.int32]:
        # those to whom the choice matters least come last, and take what is left
        later = margin.copy()
        later[first] = np.inf
        order, assigned = np.argsort(-later, kind="stable"), np.empty(net.shape[0], np.int32)
        fill_greedily(
            order, net, cost, eligible, prices[0], rows.counted, signed, budget, room.copy(), assigned
        )
        completed(net, cost, eligible, budget, rows, assigned, money_price=float(prices[0]))
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
    net: Floats,
    cost: Floats,
    eligible: Flags,
    budget: float,
    rows: Rows,
    assigned: NDArray[np.int32],
    *,
    money_price: float = 0.0,
) -> None:
    """Move customers in `assigned` until each "at least" is met, and use what money and room are left."""
    treated = np.flatnonzero(assigned >= 0)
    is_most = rows.sign > 0
    ceilings = np.ascontiguousarray(rows.counted[is_most])
    room = rows.bound[is_most].astype(np.int64)
    room -= ceilings[:, treated, assigned[treated]].sum(axis=1)
    left = float(budget - cost[treated, assigned[treated]].sum())
    for row in np.flatnonzero(~is_most):
        worth = net - money_price * cost
        left = _floor_met(worth, cost, eligible, rows, int(row), ceilings, left, room, assigned)
    now = np.maximum(assigned, 0)
    everybody = np.arange(len(assigned))
    for counted in rows.counted[~is_most]:  # who is counted in an "at least" stays in it
        needed = (assigned >= 0) & counted[everybody, now]
        eligible = eligible & (counted | ~needed[:, None])
    _improved(net, cost, eligible, ceilings, left, room, assigned)


def _floor_met(
    worth: Floats,
    cost: Floats,
    eligible: Flags,
    rows: Rows,
    row: int,
    ceilings: Flags,
    left: float,
    room: NDArray[np.int64],
    assigned: NDArray[np.int32],
) -> float:
    """Move the customers whom it costs least until one "at least" is met, as far as money and room go."""
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
        freed = ceilings[:, i, assigned[i]] if assigned[i] >= 0 else np.zeros(room.size, bool)
        after = room + freed - ceilings[:, i, option[i]].astype(np.int64)
        if more <= left and np.all(after >= 0):
            room[:] = after
            left, missing = left - more, missing - 1
            assigned[i] = option[i]
    return left


def _worth_of(worth: Floats, assigned: NDArray[np.int32]) -> Floats:
    rows = np.arange(len(assigned))
    return np.where(assigned >= 0, worth[rows, np.maximum(assigned, 0)], 0.0)


def _improved(
    net: Floats,
    cost: Floats,
    eligible: Flags,
    ceilings: Flags,
    left: float,
    room: NDArray[np.int64],
    assigned: NDArray[np.int32],
) -> None:
    """Use what money and room are left, the most efficient moves first."""
    gain = np.where(eligible, net, -np.inf) - _worth_of(net, assigned)[:, None]
    more = cost - _worth_of(cost, assigned)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        efficiency = np.where(gain > 0, gain / np.maximum(more, 1e-300), -np.inf)
    customer, option = np.nonzero(gain > 0)
    order = np.argsort(-efficiency[customer, option], kind="stable")
    improve(customer[order], option[order], net, cost, ceilings, left, room, assigned)
