"""Who is recommended what: allocation under budget, capacities, limits and risk, with a random hold-out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesltv.allocation.allocation import NOBODY, Allocation, Problem
from bayesltv.allocation.budget_curve import budget_curve
from bayesltv.allocation.hold_out import HOLD_OUT, draw_coins, expected_problem, recommend
from bayesltv.allocation.limits import Limit
from bayesltv.decisions.offer.actions import ActionModel, Offered, Options
from bayesltv.decisions.offer.eligibility import fulfils
from bayesltv.decisions.portfolio_cvar import balanced, look_at_draws
from bayesltv.numerics.arrays import Codes, Flags
from bayesltv.specs import checked
from bayesltv.specs.decision.actions import ActionSpec
from bayesltv.specs.decision.budget import BudgetSpec

__all__ = ["HOLD_OUT", "Choice", "choose", "limit_names", "limits_of"]


@dataclass(frozen=True)
class Choice:
    """Who is recommended what, and from whom it is withheld.

    Attributes
    ----------
    recommended : ndarray of int32, shape (customer,)
        Number of the action, -1 for none.
    withheld : ndarray of bool, shape (customer,)
        Whose coin says "hold out", whatever is recommended: no policy treats these customers.
    allocation : Allocation
        Of those from whom nothing is withheld.
    risk : tuple of float, optional
        Value and bound of the balance of mean and tail; None without a risk weight.
    """

    recommended: Codes
    withheld: Flags
    allocation: Allocation
    risk: tuple[float, float] | None = None

    @property
    def held_out(self) -> Flags:
        """Who would have got an action."""
        return self.withheld & (self.recommended >= 0)

    @property
    def treated(self) -> Codes:
        """What is really done."""
        return np.where(self.withheld, NOBODY, self.recommended).astype(np.int32)


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

    Raises
    ------
    SpecError
        Where limits cannot be met.
    """
    money = np.inf if budget.amount is None else budget.amount
    fixed = np.array([action.fixed for action in model.actions])
    limits = tuple(limits_of(model.actions, budget, table))
    problem = Problem(options.net, options.cost, offered.eligible, money, fixed, limits)
    share = budget.hold_out
    expected = expected_problem(problem, share)
    wanted, risk, view, weights = expected.solve(), None, None, None
    if budget.risk_weight > 0 and len(offered):
        with_own = share > 0 or bool(limits)
        view = look_at_draws(model, offered, problem, with_own=with_own, block=block, threads=threads)
        wanted, weights, risk = balanced(
            view.times(1 - share), expected, wanted, weight=budget.risk_weight, tail=budget.tail
        )
    withheld = draw_coins(offered.customers.ids, share, seed)
    if share == 0:
        return Choice(wanted.assigned, withheld, _with_curve(problem, wanted), risk)
    free = replace(problem, eligible=problem.eligible & ~withheld[:, None])
    if view is None or weights is None:
        recommended = recommend(problem, wanted, withheld, share)
    else:
        seen = view.worth(weights)
        recommended = recommend(
            replace(problem, net=seen),
            wanted,
            withheld,
            share,
            fill_to=wanted.cost - problem.due(wanted.assigned),
        )
        value = view.objective(
            np.where(withheld, NOBODY, recommended), fixed, weight=budget.risk_weight, tail=budget.tail
        )
        risk = (value, max(value, replace(free, net=seen).solve().bound))
    return Choice(recommended, withheld, _of_treated(free, wanted, recommended, withheld), risk)


def _of_treated(free: Problem, wanted: Allocation, recommended: Codes, withheld: Flags) -> Allocation:
    """Return the allocation to those from whom nothing is withheld, with bound and prices of their own."""
    assigned = np.where(withheld, NOBODY, recommended).astype(np.int32)
    return _with_curve(free, free.given(assigned, free.solve(), method=wanted.method))


def _with_curve(problem: Problem, found: Allocation) -> Allocation:
    return replace(found, curve=budget_curve(problem, found))


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
        with checked.located(f"budget.limits[{i}].where"):
            who = fulfils(limit.condition, table)
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
