"""Who gets what: one action each, under a budget and limits, with a bound that says how good it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bayesltv.allocation.fixed_costs import Actions, Relaxed, best_set
from bayesltv.allocation.lagrangian import relax_dual, solve_dual
from bayesltv.allocation.limits import Found, Limit, stack_limits, unmet
from bayesltv.allocation.milp import relax_program, solve_program
from bayesltv.errors import SpecError
from bayesltv.numerics.arrays import Codes, Flags, Floats
from bayesltv.numerics.knapsack import Choices, hull_steps, take_steps

NOBODY = -1
"""Code of a customer who gets no action."""
PROGRAM_PAIRS = 5_000
"""Up to so many customer-action pairs, limits are solved by branch and bound (HiGHS)."""


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
        Cost and expected net value along the whole way from spending nothing to spending all that pays;
        filled where a budget alone decides, and else by ``bayesltv.allocation.budget_curve``.
    """

    assigned: Codes
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


@dataclass(frozen=True)
class Problem:
    """An allocation to be found.

    Attributes
    ----------
    net, cost : ndarray, shape (customer, action)
        Expected, in money; costs are not negative.
    eligible : ndarray of bool, shape (customer, action)
    money : float
        The budget; infinity for none.
    fixed : ndarray, shape (action,)
        Paid for actions that somebody gets.
    limits : tuple of Limit
    """

    net: Floats
    cost: Floats
    eligible: Flags
    money: float
    fixed: Floats
    limits: tuple[Limit, ...] = ()

    @property
    def paying(self) -> dict[int, float]:
        """Return the actions that have a fixed cost, with it."""
        return {int(a): float(self.fixed[a]) for a in np.flatnonzero(self.fixed > 0)}

    def due(self, assigned: Codes) -> float:
        """Return the fixed costs of the actions that somebody gets."""
        return float(self.fixed[np.unique(assigned[assigned >= 0])].sum())

    def given(self, assigned: Codes, like: Allocation, *, method: str) -> Allocation:
        """Return this assignment as an allocation whose bound and prices are those of another one."""
        treated = np.flatnonzero(assigned >= 0)
        chosen, due = assigned[treated], self.due(assigned)
        return replace(
            like,
            assigned=assigned,
            net=float(self.net[treated, chosen].sum()) - due,
            cost=float(self.cost[treated, chosen].sum()) + due,
            method=method,
        )

    @property
    def is_small(self) -> bool:
        """Return whether limits are solved exactly."""
        return int(self.eligible.sum()) <= PROGRAM_PAIRS

    def solve(self) -> Allocation:
        """Return the allocation with the most expected net value.

        Raises
        ------
        SpecError
            Where limits cannot be met: it says how many customers could be reached.
        """
        try:
            return self._solved()
        except SpecError as error:
            floors = [limit for limit in self.limits if limit.at_least > 0]
            raise (unmet([(each, self.reach(each)) for each in floors]) if floors else error) from None

    def reach(self, limit: Limit) -> int:
        """Return how many customers a limit counts where nothing but these is wanted."""
        worth = np.where(limit.counted, 1.0 + float(self.fixed.sum()), 0.0)
        others = tuple(replace(each, at_least=0) for each in self.limits if each.at_most is not None)
        most = replace(self, net=worth, eligible=self.eligible & limit.counted, limits=others)._solved()
        return int((most.assigned >= 0).sum())

    def _solved(self) -> Allocation:
        paying = self.paying
        if not paying:
            return self.solve_for(frozenset())
        search = _Search(self)
        _, bound = best_set(paying, search.relax, search.value)
        if search.best is None:
            raise search.error or SpecError("the budget is below every fixed cost")
        return replace(search.best, bound=max(bound, search.best.net))

    def solve_for(self, kept: Actions) -> Allocation:
        """Return the best allocation where some fixed costs are set aside and no other is paid.

        Raises
        ------
        SpecError
            Where limits, or the fixed costs, cannot be met.
        """
        offered, due = self.paid_for(kept)
        found = offered._by_limits() if self.limits else by_hull(*offered.plain)
        paid = self.due(found.assigned)
        return replace(
            found,
            net=found.net - paid,
            cost=found.cost + paid,
            bound=found.bound - due,
            curve=found.curve + np.array([[due], [-due]]),
        )

    def paid_for(self, kept: Actions, spread: Actions = frozenset()) -> tuple["Problem", float]:
        """Return the problem without fixed costs once some are set aside, and their sum.

        Actions in `spread` are offered at their fixed cost divided by how many could get them; all others
        with a fixed cost are not offered.

        Raises
        ------
        SpecError
            Where the budget is below the fixed costs.
        """
        eligible, net, cost = self.eligible, self.net, self.cost
        due = float(self.fixed[list(kept)].sum())
        out = list(self.paying.keys() - kept - spread)
        if due > self.money:
            raise SpecError(f"fixed costs of {due:,.2f} are above the budget of {self.money:,.2f}")
        if out:
            eligible = eligible.copy()
            eligible[:, out] = False
        if spread:
            each = np.zeros(self.fixed.size)
            for a in spread:
                each[a] = self.fixed[a] / max(self.most(a), 1)
            net, cost = net - each, cost + each
        nothing = np.zeros(self.fixed.size)
        return Problem(net, cost, eligible, self.money - due, nothing, self.limits), due

    def most(self, action: int) -> int:
        """Return how many customers could get an action."""
        able = self.eligible[:, action]
        caps = [
            limit.at_most
            for limit in self.limits
            if limit.at_most is not None and limit.counted[able, action].all()
        ]
        return min([int(able.sum()), *caps])

    @property
    def plain(self) -> tuple[Choices, float]:
        """Return what customers can choose among, and the budget."""
        return Choices(self.net, self.cost, self.eligible), self.money

    def relaxed(self) -> Found:
        """Return the linear relaxation: its bound, prices, and who gets what of it; fixed costs left out.

        Raises
        ------
        SpecError
            Where limits cannot be met.
        """
        if not self.limits:
            found = by_hull(*self.plain)
            return Found(found.assigned, found.bound, found.shadow_price, ())
        relax = relax_program if self.is_small else relax_dual
        return relax(*self.plain, stack_limits(self.limits))

    def _by_limits(self) -> Allocation:
        solve = solve_program if self.is_small else solve_dual
        found = solve(*self.plain, stack_limits(self.limits))
        treated = np.flatnonzero(found.assigned >= 0)
        chosen = found.assigned[treated]
        return Allocation(
            found.assigned,
            float(self.net[treated, chosen].sum()),
            float(self.cost[treated, chosen].sum()),
            found.bound,
            found.money_price,
            found.limit_prices,
            "program" if self.is_small else "dual",
        )


class _Search:
    """What the search over sets of actions asks for; it remembers the best allocation and what was tried."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.best: Allocation | None = None
        self.error: SpecError | None = None
        self.tried: dict[Actions, tuple[float, float]] = {}

    def relax(self, kept: Actions, undecided: Actions) -> Relaxed | None:
        if not undecided:
            net, bound = self._tried(kept)
            return None if net == -np.inf else Relaxed(bound, {})
        try:
            offered, due = self.problem.paid_for(kept, undecided)
            found = offered.relaxed()
        except SpecError:
            return None
        counts = np.bincount(found.assigned[found.assigned >= 0], minlength=self.problem.fixed.size)
        charged = {a: counts[a] / max(self.problem.most(a), 1) for a in undecided if counts[a]}
        return Relaxed(found.bound - due, charged)

    def value(self, kept: Actions) -> float:
        return self._tried(kept)[0]

    def _tried(self, kept: Actions) -> tuple[float, float]:
        if kept not in self.tried:
            self.tried[kept] = self._try(kept)
        return self.tried[kept]

    def _try(self, kept: Actions) -> tuple[float, float]:
        try:
            found = self.problem.solve_for(kept)
        except SpecError as error:
            self.error = error
            return -np.inf, -np.inf
        if self.best is None or found.net > self.best.net:
            self.best = found
        return found.net, found.bound


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
    where there are too many customers for it. Fixed costs are paid for actions that somebody gets: which
    actions these should be is found by branch and bound over sets of actions.

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
    return Problem(net, cost, eligible, budget, costs, tuple(limits)).solve()


def by_hull(choices: Choices, budget: float) -> Allocation:
    """Return the allocation under a budget alone, and the whole curve of net value against money.

    The bound is that of the linear relaxation: what is found is worth less by no more than one step.
    """
    size = choices.net.size
    who, what = np.empty(size, np.int32), np.empty(size, np.int32)
    more, dearer = np.empty(size), np.empty(size)
    count = hull_steps(choices.contiguous(), who, what, more, dearer)
    customer, action, gain, price = who[:count], what[:count], more[:count], dearer[:count]
    with np.errstate(divide="ignore"):
        efficiency = gain / price
    order = np.argsort(-efficiency, kind="stable")
    spent, earned = np.cumsum(price[order]), np.cumsum(gain[order])
    curve = np.vstack([np.append(0.0, spent), np.append(0.0, earned)])
    assigned = np.empty(choices.net.shape[0], np.int32)
    money, value = take_steps(order, customer, action, gain, price, budget, assigned)
    if count == 0 or spent[-1] <= budget:
        return Allocation(assigned, value, money, value, 0.0, curve=curve)
    split = int(np.searchsorted(spent, budget, side="right"))
    before = (spent[split - 1], earned[split - 1]) if split else (0.0, 0.0)
    slope = float(efficiency[order[split]])
    bound = before[1] + slope * (budget - before[0])
    return Allocation(assigned, value, money, float(bound), slope, curve=curve)
