"""Who is recommended what: allocation under budget, capacities, limits and risk, with a random hold-out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.decisions.actions import ActionModel, Offered, Options
from bayesltv.decisions.allocation import NOBODY, Allocation, allocate
from bayesltv.decisions.eligibility import fulfils
from bayesltv.decisions.limits import Limit
from bayesltv.decisions.risk import DRAWS, balance_risk, make_cells, objective, portfolio_net
from bayesltv.errors import SpecError
from bayesltv.prediction.customers import walk
from bayesltv.spec.actions import ActionSpec
from bayesltv.spec.budget import BudgetSpec
from bayesltv.streams import customer_keys

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int32]
HOLD_OUT = "hold_out"


@dataclass(frozen=True)
class Choice:
    """Who is recommended what, and who is held out.

    Attributes
    ----------
    recommended : ndarray of int32, shape (customer,)
        Number of the action, -1 for none.
    held_out : ndarray of bool, shape (customer,)
    allocation : Allocation
        Of those who are not held out.
    risk : tuple of float, optional
        Value and bound of the balance of mean and tail; None without a risk weight.
    """

    recommended: Codes
    held_out: Flags
    allocation: Allocation
    risk: tuple[float, float] | None = None

    @property
    def treated(self) -> Codes:
        """What is really done."""
        return np.where(self.held_out, NOBODY, self.recommended).astype(np.int32)


@dataclass(frozen=True)
class Problem:
    """An allocation to be found: the arguments of ``allocate``."""

    net: Floats
    cost: Floats
    eligible: Flags
    money: float
    fixed: Floats
    limits: tuple[Limit, ...]

    def solve(self) -> Allocation:
        """Return the allocation with the most expected net value."""
        return allocate(
            self.net, self.cost, self.eligible, budget=self.money, fixed=self.fixed, limits=self.limits
        )


def choose(
    model: ActionModel,
    offered: Offered,
    options: Options,
    budget: BudgetSpec,
    table: pd.DataFrame,
    *,
    seed: int,
    block: int | None = None,
    threads: int | None = None,
) -> Choice:
    """Return who is recommended what under budget, capacities, limits and hold-out.

    Customers are held out at random before anything is allocated; the rule that is found for the others then
    says what they would have got.
    """
    held_out = _held_out(offered.customers.ids, budget.hold_out, seed)
    free = offered.eligible & ~held_out[:, None]
    limits = limits_of(model.actions, budget, table)
    money = np.inf if budget.amount is None else budget.amount
    fixed = np.array([action.fixed for action in model.actions])
    problem = Problem(options.net, options.cost, free, money, fixed, tuple(limits))
    found, risk = problem.solve(), None
    if budget.risk_weight > 0 and len(offered):
        found, risk = _with_risk(model, offered, problem, found, budget, block=block, threads=threads)
    recommended = found.assigned.copy()
    if held_out.any():
        rule = _rule(options.net, options.cost, offered.eligible, found, fixed)
        recommended[held_out] = rule[held_out]
    return Choice(recommended, held_out & (recommended >= 0), found, risk)


def limits_of(actions: Sequence[ActionSpec], budget: BudgetSpec, table: pd.DataFrame) -> list[Limit]:
    """Return the capacities of the actions and the limits of the budget."""
    shape = (len(table), len(actions))
    limits = []
    for at, action in enumerate(actions):
        if action.capacity is not None:
            counted = np.zeros(shape, dtype=np.bool_)
            counted[:, at] = True
            limits.append(Limit(f"{action.name}.capacity", counted, at_most=action.capacity))
    for i, limit in enumerate(budget.limits):
        try:
            who = fulfils(limit.condition, table)
        except SpecError as error:
            raise SpecError(f"budget.limits[{i}].where: {error}") from None
        which = np.array([limit.action in (None, action.name) for action in actions])
        limits.append(Limit(f"limits[{i}]", who[:, None] & which, limit.at_least, limit.at_most))
    return limits


def limit_names(budget: BudgetSpec, actions: Sequence[ActionSpec]) -> list[str]:
    """Return the names of the rows of the limits, in the order of their prices."""
    named: list[tuple[str, int, int | None]] = [
        (f"{action.name}.capacity", 0, action.capacity) for action in actions if action.capacity
    ]
    named += [(f"limits[{i}]", each.at_least, each.at_most) for i, each in enumerate(budget.limits)]
    most = [f"{name} (at most)" for name, _, at_most in named if at_most is not None]
    return most + [f"{name} (at least)" for name, at_least, _ in named if at_least > 0]


def _held_out(ids: NDArray[np.object_], share: float, seed: int) -> Flags:
    """Return who is held out: decided by a hash of seed and id, so that it is random and can be repeated."""
    keys = customer_keys(seed, HOLD_OUT, ids)
    held: Flags = keys < np.uint64(share * (2**64 - 1)) if share > 0 else np.zeros(len(ids), np.bool_)
    return held


def _rule(net: Floats, cost: Floats, eligible: Flags, found: Allocation, fixed: Floats) -> Codes:
    """Return what the prices of an allocation would give each customer, of the actions that it uses."""
    used = np.zeros(len(fixed), dtype=np.bool_)
    used[np.unique(found.assigned[found.assigned >= 0])] = True
    worth = np.where(eligible & used, net - found.shadow_price * cost, 0.0)
    best = np.argmax(worth, axis=1)
    return np.where(worth.max(axis=1, initial=0.0) > 0, best, NOBODY).astype(np.int32)


def _with_risk(
    model: ActionModel,
    offered: Offered,
    problem: Problem,
    neutral: Allocation,
    budget: BudgetSpec,
    *,
    block: int | None,
    threads: int | None,
) -> tuple[Allocation, tuple[float, float]]:
    """Return the allocation that balances mean and tail, with its value and bound.

    It is never worse than the one that looks at the mean alone, on the draws that are looked at.
    """
    cell = make_cells(problem.net, problem.cost, problem.eligible)
    draws = _cell_draws(model, offered, problem.eligible, cell, block=block, threads=threads)
    cells = _of_cells(problem, cell)
    weight, tail = budget.risk_weight, budget.tail

    def solve(net: Floats) -> Allocation:
        return replace(cells, net=net).solve()

    plan = balance_risk(solve, draws, problem.fixed, weight=weight, tail=tail)
    mixed = _trimmed(problem, np.where(problem.eligible.any(axis=1), plan.assign(cell), NOBODY))
    values = {}
    for name, assigned in (("neutral", neutral.assigned), ("mixed", mixed)):
        net = _net_of_cells(draws, cell, assigned, problem)
        values[name] = objective(net, weight, tail)
    best = max(values, key=lambda name: values[name])
    if best == "neutral":
        return neutral, (values[best], max(plan.bound, values[best]))
    treated = np.flatnonzero(mixed >= 0)
    fixed = float(problem.fixed[np.unique(mixed[treated])].sum())
    found = replace(
        neutral,
        assigned=mixed,
        net=float(problem.net[treated, mixed[treated]].sum()) - fixed,
        cost=float(problem.cost[treated, mixed[treated]].sum()) + fixed,
        method="mean-CVaR",
    )
    return found, (values[best], max(plan.bound, values[best]))


def _cell_draws(
    model: ActionModel,
    offered: Offered,
    eligible: Flags,
    cell: NDArray[np.int64],
    *,
    block: int | None,
    threads: int | None,
) -> Floats:
    """Return net value by cell, action and draw, summed over the customers of each cell."""
    is_single = cell.max() + 1 == len(cell)
    if is_single:
        model = model.thinned(DRAWS)
    able = replace(offered, eligible=eligible)
    shape = (int(cell.max()) + 1, eligible.shape[1], model.population.draws.size)
    sums = np.zeros(shape, dtype=np.float32 if is_single else np.float64)
    at = 0
    for net, _ in walk(able, model.draw, block=model.block(block), threads=threads):
        np.add.at(sums, cell[at : at + len(net)], net)
        at += len(net)
    return sums


def _of_cells(problem: Problem, cell: NDArray[np.int64]) -> Problem:
    """Return the problem of cells: sums over their customers; limits count cells, in proportion."""
    number = int(cell.max()) + 1
    if number == len(cell):
        return problem

    def summed(values: Floats) -> Floats:
        sums = np.zeros((number, values.shape[1]))
        np.add.at(sums, cell, np.where(problem.eligible, values, 0.0))
        return sums

    able = summed(problem.eligible.astype(np.float64)) > 0
    size = len(cell) / number
    limits = []
    for limit in problem.limits:
        counted = summed((limit.counted & problem.eligible).astype(np.float64)) > 0
        most = None if limit.at_most is None else int(limit.at_most / size)
        limits.append(Limit(limit.name, counted, 0, most))
    return Problem(
        summed(problem.net), summed(problem.cost), able, problem.money, problem.fixed, tuple(limits)
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
    due = float(problem.fixed[np.unique(result[order])].sum())
    spent = np.cumsum(problem.cost[order, result[order]]) + due
    result[order[spent > problem.money]] = NOBODY
    return result


def _net_of_cells(draws: Floats, cell: NDArray[np.int64], assigned: Codes, problem: Problem) -> Floats:
    """Return the net value of customers' actions draw by draw, each at its share of its cell's."""
    if draws.shape[0] == len(cell):
        return portfolio_net(draws, assigned, problem.fixed)
    able = np.zeros(draws.shape[:2])
    np.add.at(able, cell, problem.eligible.astype(np.float64))
    share = np.zeros(draws.shape[:2])
    treated = np.flatnonzero(assigned >= 0)
    np.add.at(share, (cell[treated], assigned[treated]), 1.0)
    share = np.divide(share, able, out=np.zeros_like(share), where=able > 0)
    due = float(problem.fixed[np.unique(assigned[treated])].sum())
    return np.asarray(np.einsum("ca,cad->d", share, draws) - due, dtype=np.float64)
