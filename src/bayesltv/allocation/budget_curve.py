"""Expected net value of the best allocation against money: what more budget would bring.

Of one set of actions it is the value of the linear relaxation, concave in money: exact from hulls where a
budget alone decides, and under limits from Lagrangian prices at a ladder of budgets. Where actions have
fixed costs it is the upper envelope over sets of actions, each from its fixed costs on.
"""

from contextlib import suppress
from dataclasses import replace
from itertools import combinations

import numpy as np

from bayesltv.allocation.allocation import Allocation, Problem, by_hull
from bayesltv.allocation.fixed_costs import Actions
from bayesltv.allocation.lagrangian import worth_by_budget
from bayesltv.allocation.limits import stack_limits
from bayesltv.errors import SpecError
from bayesltv.numerics.arrays import Floats

MANY = 4
"""With up to so many fixed costs all sets are compared, with more a chain of them."""
RUNGS = 12
"""Budgets at which prices are sought; twice as many linear programs where customers are few."""
NEAR = 0.02
"""So near the plan's own budget there are points on both sides, that the curve has its slope there."""
POINTS = 400
STEPS = 6
"""Budgets of which whole allocations are sought: between them a curve's draws are interpolated."""


def budget_curve(problem: Problem, found: Allocation) -> Floats:
    """Return money and the net value of the best allocation for it, shape (2, point).

    Parameters
    ----------
    problem : Problem
    found : Allocation
        Its solution; where a budget alone decides, its own curve is exact and returned.
    """
    if not problem.limits and not problem.paying:
        return found.curve
    curves = []
    for kept in _sets(problem, found):
        offered, due = replace(problem, money=np.inf).paid_for(kept)
        curve = _ladder(offered, problem.money - due) if problem.limits else by_hull(*offered.plain).curve
        if curve.size:
            curves.append(_without_steps(curve) + np.array([[due], [-due]]))
    return _envelope(curves, problem.money) if curves else np.zeros((2, 1))


def allocations_along(problem: Problem, curve: Floats) -> list[Allocation]:
    """Return the best allocations of some budgets up to where more money no longer matters, cheapest first.

    Parameters
    ----------
    problem : Problem
    curve : ndarray, shape (2, point)
        Its curve.
    """
    found: dict[float, Allocation] = {}
    for share in np.linspace(0, 1, STEPS + 1)[1:] ** 2:
        with suppress(SpecError):  # an "at least" that so little money cannot meet
            each = replace(problem, money=float(share * curve[0, -1]) * (1 + 1e-9)).solve()
            found.setdefault(each.cost, each)
    return [found[cost] for cost in sorted(found)]


def _sets(problem: Problem, found: Allocation) -> list[Actions]:
    """Return the sets of actions to compare, the one that was found among them."""
    paying = problem.paying
    if len(paying) <= MANY:
        return [frozenset(s) for size in range(len(paying) + 1) for s in combinations(paying, size)]
    alone = {a: np.maximum(problem.net[problem.eligible[:, a], a], 0.0).sum() for a in paying}
    order = sorted(paying, key=lambda a: paying[a] / max(alone[a], 1e-300))
    used = frozenset(int(a) for a in np.unique(found.assigned)) & paying.keys()
    chain = [frozenset(order[:size]) for size in range(len(order) + 1)]
    mine = [frozenset(a for a in order if a in used and a not in order[:k]) for k in range(len(order))]
    return list(dict.fromkeys([*chain, *mine, *(frozenset({a}) for a in paying), frozenset(used)]))


def _ladder(offered: Problem, money: float) -> Floats:
    """Return the curve of a problem with limits but without fixed costs, shape (2, point).

    Budgets go down from where money no longer matters, closer together towards 0. Where an "at least" cannot
    be met the curve has no point.
    """
    try:
        free = offered.relaxed()
    except SpecError:
        return np.empty((2, 0))
    treated = np.flatnonzero(free.assigned >= 0)
    top = float(offered.cost[treated, free.assigned[treated]].sum())
    own = min(max(money, 0.0), top)
    asked = np.append(np.linspace(0, 1, POINTS + 1) ** 2 * top, own)
    if offered.is_small:
        ladder = np.linspace(0, 1, 2 * RUNGS + 1) ** 2 * top
        asked = np.unique([*ladder, own, *(own * (1 + by) for by in (-NEAR, NEAR) if own * (1 + by) < top)])
        worth = np.array([_worth_of_program(replace(offered, money=float(each))) for each in asked])
    else:
        rungs = np.append(np.linspace(1, 0, RUNGS) ** 2 * top, own)
        asked = np.unique(asked)
        worth = worth_by_budget(offered.plain[0], rungs, stack_limits(offered.limits), asked)
    kept = np.isfinite(worth)
    return np.stack([asked[kept], worth[kept]])


def _worth_of_program(offered: Problem) -> float:
    try:
        return offered.relaxed().bound
    except SpecError:
        return -np.inf


def _without_steps(curve: Floats) -> Floats:
    """Return a curve with one point for each amount of money, the highest."""
    return curve[:, np.append(np.diff(curve[0]) > 0, True)]


def _envelope(curves: list[Floats], money: float) -> Floats:
    """Return the highest of some curves at each amount of money; each goes on level where it ends."""
    if len(curves) == 1:
        return curves[0]
    ends = max(float(curve[0, -1]) for curve in curves)
    sampled = [
        curve[0, np.linspace(0, curve.shape[1] - 1, max(2, POINTS // len(curves))).astype(np.int64)]
        for curve in curves
    ]
    asked = np.unique(np.concatenate([np.linspace(0, ends, POINTS), *sampled, [min(money, ends)]]))
    worth = np.max([np.interp(asked, curve[0], curve[1], left=-np.inf) for curve in curves], axis=0)
    kept = np.isfinite(worth)
    return np.stack([asked[kept], worth[kept]])
