"""Who gets what: one action each, under a budget and limits, with a bound that says how good it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bayesltv.decisions.dual import solve_dual
from bayesltv.decisions.limits import Limit, stack_limits
from bayesltv.decisions.side_constraints import solve_program
from bayesltv.kernels.knapsack import hull_steps, take_steps

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
NOBODY = -1
"""Code of a customer who gets no action."""
PROGRAM_PAIRS = 5_000
"""Up to so many customer-action pairs, limits are solved by branch and bound (HiGHS)."""
MANY_FIXED = 6


@dataclass(frozen=True)
class Allocation:
    """Who gets which action.

    Attributes
    ----------
    assigned : ndarray of int32, shape (customer,)
        Number of the action, -1 for none.
    net, cost : float
        Expected, in money, fixed costs included.
    bound : float
        No allocation under the same constraints is worth more.
    shadow_price : float
        What another unit of the budget would bring; 0 where it does not bind.
    limit_prices : tuple of float
        What relaxing each limit by one customer would bring.
    method : str
        "hull", "program" (HiGHS) or "dual".
    curve : ndarray of float64, shape (2, point)
        Cost and expected net value along the whole way from spending nothing to spending all that pays.
    """

    assigned: NDArray[np.int32]
    net: float
    cost: float
    bound: float
    shadow_price: float
    limit_prices: tuple[float, ...] = ()
    method: str = "hull"
    curve: Floats = field(default_factory=lambda: np.zeros((2, 1)), repr=False)

    @property
    def gap(self) -> float:
        """Return how far the net value can be from the best there is, as a share of the bound."""
        return max(0.0, self.bound - self.net) / abs(self.bound) if self.bound else 0.0


def allocate(
    net: Floats,
    cost: Floats,
    eligible: Flags,
    *,
    budget: float = np.inf,
    fixed: Sequence[float] | Floats = (),
    limits: Sequence[Limit] = (),
) -> Allocation:
    """Return the allocation with the most expected net value.

    Without limits by the upper hulls of (cost, net); with them by branch and bound, or by Lagrangian prices
    where there are too many customers for it. Fixed costs are paid for actions that somebody gets: sets of
    actions are compared.

    Parameters
    ----------
    net, cost : ndarray, shape (customer, action)
        Expected, in money; costs are not negative.
    eligible : ndarray of bool, shape (customer, action)
    budget : float
    fixed : sequence of float
        Per action, in money.
    limits : sequence of Limit

    Raises
    ------
    SpecError
        Where limits cannot be met.
    """
    costs = np.asarray(fixed if len(fixed) else np.zeros(net.shape[1]), dtype=np.float64)
    paying = np.flatnonzero(costs > 0)
    tried = [_with_fixed(net, cost, eligible, budget, costs, limits, out) for out in _left_out(paying)]
    best = max(tried, key=lambda each: each.net)
    bound = max(each.bound for each in tried)
    return Allocation(
        best.assigned,
        best.net,
        best.cost,
        bound,
        best.shadow_price,
        best.limit_prices,
        best.method,
        best.curve,
    )


def _left_out(paying: NDArray[np.intp]) -> list[tuple[int, ...]]:
    """Return the sets of actions to do without, all there are where those with fixed costs are few."""
    sizes = range(paying.size + 1) if paying.size <= MANY_FIXED else (0, 1, paying.size - 1, paying.size)
    return [tuple(int(a) for a in chosen) for size in sizes for chosen in combinations(paying, size)]


def _with_fixed(
    net: Floats,
    cost: Floats,
    eligible: Flags,
    budget: float,
    fixed: Floats,
    limits: Sequence[Limit],
    out: tuple[int, ...],
) -> Allocation:
    """Return the best allocation without some actions; the fixed costs of all others are set aside."""
    offered = eligible.copy()
    offered[:, list(out)] = False
    kept = np.setdiff1d(np.arange(net.shape[1]), out)
    due = float(fixed[kept].sum())
    if due > budget:
        nobody = np.full(net.shape[0], NOBODY, np.int32)
        return Allocation(nobody, -np.inf, 0.0, -np.inf, 0.0)
    found = _solve(net, cost, offered, budget - due, limits)
    used = np.unique(found.assigned[found.assigned >= 0])
    paid = float(fixed[used].sum())
    return Allocation(
        found.assigned,
        found.net - paid,
        found.cost + paid,
        found.bound - due,
        found.shadow_price,
        found.limit_prices,
        found.method,
        found.curve + np.array([[due], [-due]]),
    )


def _solve(net: Floats, cost: Floats, eligible: Flags, budget: float, limits: Sequence[Limit]) -> Allocation:
    if not limits:
        return by_hull(net, cost, eligible, budget)
    rows = stack_limits(limits)
    is_small = int(eligible.sum()) <= PROGRAM_PAIRS
    found = (solve_program if is_small else solve_dual)(net, cost, eligible, budget, rows)
    treated = np.flatnonzero(found.assigned >= 0)
    chosen = found.assigned[treated]
    return Allocation(
        found.assigned,
        float(net[treated, chosen].sum()),
        float(cost[treated, chosen].sum()),
        found.bound,
        found.money_price,
        found.limit_prices,
        "program" if is_small else "dual",
        by_hull(net, cost, eligible, np.inf).curve,
    )


def by_hull(net: Floats, cost: Floats, eligible: Flags, budget: float) -> Allocation:
    """Return the allocation under a budget alone, and the whole curve of net value against money.

    The bound is that of the linear relaxation: what is found is worth less by no more than one step.
    """
    size = net.size
    who, what = np.empty(size, np.int32), np.empty(size, np.int32)
    more, dearer = np.empty(size), np.empty(size)
    net, cost = np.ascontiguousarray(net), np.ascontiguousarray(cost)
    count = hull_steps(net, cost, eligible, who, what, more, dearer)
    customer, action, gain, price = who[:count], what[:count], more[:count], dearer[:count]
    with np.errstate(divide="ignore"):
        efficiency = gain / price
    order = np.argsort(-efficiency, kind="stable")
    spent, earned = np.cumsum(price[order]), np.cumsum(gain[order])
    curve = np.vstack([np.append(0.0, spent), np.append(0.0, earned)])
    assigned = np.empty(net.shape[0], np.int32)
    money, value = take_steps(order, customer, action, gain, price, budget, assigned)
    if count == 0 or spent[-1] <= budget:
        return Allocation(assigned, value, money, value, 0.0, curve=curve)
    split = int(np.searchsorted(spent, budget, side="right"))
    before = (spent[split - 1], earned[split - 1]) if split else (0.0, 0.0)
    slope = float(efficiency[order[split]])
    bound = before[1] + slope * (budget - before[0])
    return Allocation(assigned, value, money, float(bound), slope, curve=curve)
