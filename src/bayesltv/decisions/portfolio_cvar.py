"""Who is recommended what where the tail of the whole portfolio counts: draws by cell, and what they say."""

from dataclasses import dataclass, replace

import numpy as np

from bayesltv.allocation.allocation import NOBODY, Allocation, Problem
from bayesltv.allocation.cvar import DRAWS, RiskPlan, balance_risk, make_cells, objective, portfolio_net
from bayesltv.allocation.fixed_costs import Actions
from bayesltv.base.customers import walk
from bayesltv.decisions.offer.actions import ActionModel, Offered
from bayesltv.numerics.arrays import Codes, Floats, Integers


@dataclass(frozen=True)
class TailView:
    """Draws of net value by cell of customers.

    Attributes
    ----------
    cell : ndarray of int64, shape (customer,)
    able : ndarray of float64, shape (cell, action)
        Customers of each cell who may get an action.
    draws : ndarray, shape (cell, action, draw)
        Net value summed over them.
    own : ndarray, shape (customer, action), optional
        Customers' own expected net value: they then share with their cell what its draws differ from their
        mean. Without it all customers of a cell count as their average.
    """

    cell: Integers
    able: Floats
    draws: Floats
    own: Floats | None = None

    @property
    def is_single(self) -> bool:
        """Return whether each customer is a cell."""
        return len(self.able) == len(self.cell)

    def times(self, factor: float) -> "TailView":
        """Return the view of draws that are worth `factor` as much."""
        if factor == 1:
            return self
        return replace(self, draws=self.draws * factor, own=None if self.own is None else self.own * factor)

    def worth(self, weights: Floats) -> Floats:
        """Return each customer's net value where draws have weights, shape (customer, action)."""
        return self.of_customers(np.asarray(self.draws @ weights, dtype=np.float64))

    def of_customers(self, sums: Floats) -> Floats:
        """Return customers' net values where those of their cells are `sums`, shape (customer, action)."""
        if self.own is None:
            return (sums / np.maximum(self.able, 1.0))[self.cell]
        change = (sums - self.draws.mean(axis=2)) / np.maximum(self.able, 1.0)
        return np.asarray(self.own + change[self.cell], dtype=np.float64)

    def net_of(self, assigned: Codes, fixed: Floats) -> Floats:
        """Return the net value of customers' actions draw by draw, each at its share of its cell's."""
        if self.is_single:
            return portfolio_net(self.draws, assigned, fixed)
        given = np.zeros(self.able.shape)
        treated = np.flatnonzero(assigned >= 0)
        np.add.at(given, (self.cell[treated], assigned[treated]), 1.0)
        share = given / np.maximum(self.able, 1.0)
        total = np.einsum("ca,cad->d", share, self.draws) - fixed[np.unique(assigned[treated])].sum()
        if self.own is not None:
            mean = (share * self.draws.mean(axis=2)).sum()
            total += self.own[treated, assigned[treated]].sum() - mean
        return np.asarray(total, dtype=np.float64)

    def objective(self, assigned: Codes, fixed: Floats, *, weight: float, tail: float) -> float:
        """Return what customers' actions are worth, mean and tail together."""
        return objective(self.net_of(assigned, fixed), weight, tail)


def look_at_draws(
    model: ActionModel,
    offered: Offered,
    problem: Problem,
    *,
    with_own: bool,
    block: int | None,
    threads: int | None,
) -> TailView:
    """Return net value by cell, action and draw: a walk over the blocks."""
    cell = make_cells(problem.net, problem.cost, problem.eligible)
    able = _summed(problem.eligible.astype(np.float64), cell)
    is_single = len(able) == len(cell)
    if is_single:
        model = model.thinned(DRAWS)
    shape = (*able.shape, model.population.draws.size)
    sums = np.zeros(shape, dtype=np.float32 if is_single else np.float64)
    at = 0
    for net, _ in walk(offered, model.draw, block=model.block(block), threads=threads):
        np.add.at(sums, cell[at : at + len(net)], net)
        at += len(net)
    return TailView(cell, able, sums, problem.net if with_own and not is_single else None)


def balanced(
    view: TailView, problem: Problem, neutral: Allocation, *, weight: float, tail: float
) -> tuple[Allocation, Floats, tuple[float, float]]:
    """Return the allocation that balances mean and tail, the weights of draws it ends at, value and bound.

    It is never worse than `neutral`, which looks at the mean alone, on the draws that are looked at. A
    mixture of different sets of actions with fixed costs would pay all of these in full: each of the sets is
    then also mixed by itself.
    """
    plan = _mixture(view, problem, None, weight=weight, tail=tail)
    sets = {
        frozenset(a for a in np.unique(each.assigned).tolist() if a in problem.paying)
        for each in plan.mixture
    }
    plans = [plan]
    if len(sets) > 1:
        plans += [
            _mixture(view, problem, kept, weight=weight, tail=tail) for kept in sorted(sets, key=sorted)
        ]
    found, weights = neutral, plan.weights
    value = view.objective(neutral.assigned, problem.fixed, weight=weight, tail=tail)
    for each in plans:
        assigned = _realised(view, problem, each)
        other = view.objective(assigned, problem.fixed, weight=weight, tail=tail)
        if other > value:
            found, value, weights = problem.given(assigned, neutral, method="mean-CVaR"), other, each.weights
    return found, weights, (value, max(plan.bound, value))


def _mixture(
    view: TailView, problem: Problem, kept: Actions | None, *, weight: float, tail: float
) -> RiskPlan:
    """Return the best mixture of allocations; of those that use a set of actions where one is named.

    Where customers share cells and numbers of them are limited, customers are allocated, not cells.
    """
    is_by_customer = not view.is_single and bool(problem.limits)
    units = problem if view.is_single or is_by_customer else _of_cells(problem, view)

    def solve(net: Floats) -> Allocation:
        asked = replace(units, net=view.of_customers(net) if is_by_customer else net)
        return asked.solve() if kept is None else asked.solve_for(kept)

    def net_of(assigned: Codes) -> Floats:
        if is_by_customer:
            return view.net_of(assigned, problem.fixed)
        return portfolio_net(view.draws, assigned, problem.fixed)

    return balance_risk(solve, net_of, view.draws, weight=weight, tail=tail)


def _realised(view: TailView, problem: Problem, plan: RiskPlan) -> Codes:
    """Return what each customer gets of a mixture, as far as it fits."""
    is_by_cell = len(plan.mixture[0].assigned) == len(view.able)
    unit = view.cell if is_by_cell else np.arange(len(view.cell))
    able = problem.eligible.any(axis=1)
    return _trimmed(problem, np.where(able, plan.assign(view.cell, unit), NOBODY))


def _summed(values: Floats, cell: Integers) -> Floats:
    sums = np.zeros((int(cell.max()) + 1, values.shape[1]))
    np.add.at(sums, cell, values)
    return sums


def _of_cells(problem: Problem, view: TailView) -> Problem:
    """Return the problem of cells: sums over their customers."""

    def summed(values: Floats) -> Floats:
        return _summed(np.where(problem.eligible, values, 0.0), view.cell)

    return replace(
        problem, net=summed(problem.net), cost=summed(problem.cost), eligible=view.able > 0, limits=()
    )


def _trimmed(problem: Problem, assigned: Codes) -> Codes:
    """Return an allocation without those who are not eligible or do not fit, the least efficient first."""
    result = assigned.astype(np.int32)
    everybody = np.arange(len(result))
    result[~problem.eligible[everybody, np.maximum(result, 0)]] = NOBODY
    treated = np.flatnonzero(result >= 0)
    net, cost = problem.net[treated, result[treated]], problem.cost[treated, result[treated]]
    order = treated[np.argsort(-net / np.maximum(cost, 1e-12), kind="stable")]
    for limit in problem.limits:
        if limit.at_most is not None:
            mine = order[(result[order] >= 0) & limit.counted[order, result[order]]]
            result[mine[limit.at_most :]] = NOBODY
    order = order[result[order] >= 0]
    spent = np.cumsum(problem.cost[order, result[order]]) + problem.due(result[order])
    result[order[spent > problem.money]] = NOBODY
    return result
