"""What a plan is compared with: the policies that a team would use without it, at the same budget."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bayesltv.allocation.allocation import NOBODY, Problem
from bayesltv.allocation.hold_out import Turns
from bayesltv.allocation.limits import stack_limits
from bayesltv.decisions.offer.actions import ActionModel, Offered
from bayesltv.errors import DataError, shown
from bayesltv.kernels.actions import Offers, evaluate_at_means
from bayesltv.numerics.arrays import Codes, Flags, Floats, Integers
from bayesltv.prediction.packed import at_means, clock_of, laws_of, people_of
from bayesltv.specs import checked
from bayesltv.specs.decision.actions import NO_ACTION

NONE, RANDOM, CHURN, LTV, FLAT, PLUG_IN, CURRENT = (
    "none",
    "random",
    "highest_churn_risk",
    "highest_ltv",
    "flat_share_of_ltv",
    "plug_in_means",
    "current",
)
ONE_FOR_ALL = "one_for_all_"
_HALVINGS = 40
SHOWN = 5
"""So many unknown names and ids are spelt out in an error."""


@dataclass(frozen=True)
class Setting:
    """What all policies have in common.

    Attributes
    ----------
    names : tuple of str
        Of the actions.
    problem : Problem
        Expected net value and cost, budget, fixed costs and limits. Customers who are held out are eligible
        for nothing.
    money : float
        What policies spend: the budget, or without one what the plan costs.
    order : ndarray of int, shape (customer,)
        A random order of the customers.
    used : ndarray of bool, shape (action,)
        Actions that the plan uses: what rankings of customers have to choose from.
    held_out : ndarray of bool, shape (customer,)
    """

    names: tuple[str, ...]
    problem: Problem
    money: float
    order: Integers
    used: Flags
    held_out: Flags


def compare_with(
    setting: Setting,
    *,
    churn_risk: Floats,
    ltv: Floats,
    net_at_means: Callable[[], Floats],
    current: Codes | None = None,
) -> dict[str, Codes]:
    """Return the policies to compare with, by name: ndarray of int32, shape (customer,), -1 for nothing.

    All but ``none`` and ``current`` have the plan's budget, limits and hold-out, and count money as it does;
    each fills the budget by a ranking of its own. ``none``; ``one_for_all_<action>``, in random order;
    ``random``, in random order a random one of the plan's actions; ``highest_churn_risk`` and
    ``highest_ltv``, those who rank first get the action that is best for all, and who cannot have it the
    next best; ``flat_share_of_ltv``, each customer the dearest action that costs no more than a fixed share
    of its value, the share such that the money is spent; ``plug_in_means``, the plan that follows from means
    in place of draws; ``current``, what is done today but to those who are held out, at its own cost.
    """
    n, actions = setting.problem.net.shape
    policies, worth = {NONE: np.full(n, NOBODY, np.int32)}, np.zeros(actions)
    if not actions:
        return policies
    for a, name in enumerate(setting.names):
        alone = np.arange(actions) == a
        policy = _in_order(setting, setting.order, np.full((n, 1), a), alone, setting.problem.money)
        policies[f"{ONE_FOR_ALL}{name}"] = policy
        worth[a] = setting.problem.net[policy >= 0, a].sum() - setting.problem.fixed[a]
    best_first = np.argsort(-np.where(setting.used, worth, -np.inf), kind="stable")[: setting.used.sum()]
    policies[RANDOM] = _in_order(setting, setting.order, _any_first(setting), setting.used, setting.money)
    for name, score in ((CHURN, churn_risk), (LTV, ltv)):
        ranking = np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")
        options = np.tile(best_first, (n, 1))
        policies[name] = _in_order(setting, ranking, options, setting.used, setting.money)
    policies[FLAT] = _flat_share(setting, np.nan_to_num(ltv))
    policies[PLUG_IN] = replace(setting.problem, net=net_at_means()).solve().assigned
    if current is not None:
        policies[CURRENT] = np.where(setting.held_out, NOBODY, current).astype(np.int32)
    return policies


def net_at_means(model: ActionModel, offered: Offered) -> Floats:
    """Return the net value of each action where means take the place of draws, shape (customer, action).

    Hyperparameters and effects are averaged first, then the customer's latents: what a spreadsheet does.
    """
    shape = (len(offered), len(model.actions))
    net, cost = np.empty(shape), np.empty(shape)
    population = at_means(model.population)
    evaluate_at_means(
        people_of(population, offered.customers, model.terms.horizon),
        laws_of(population),
        clock_of(population),
        Offers(model.effects.mean(axis=2, keepdims=True), model.offers, offered.cell, model.terms.as_tuple()),
        offered.eligible,
        net,
        cost,
    )
    return net


def _in_order(setting: Setting, order: Integers, options: Integers, used: Flags, money: float) -> Codes:
    """Give each customer in turn the first of its options that is left, until the money is used up.

    Who comes first in a limit of "at least" so many gets the cheapest that counts, as far as money goes.

    Parameters
    ----------
    setting : Setting
    order : ndarray of int, shape (customer,)
    options : ndarray of int, shape (customer, option)
        The first choice first.
    used : ndarray of bool, shape (action,)
        Whose fixed costs are paid.
    money : float
    """
    problem = setting.problem
    rows, nobody = stack_limits(problem.limits), np.zeros(len(order), np.bool_)
    turns = Turns(problem.cost, rows, nobody, money - float(problem.fixed[used].sum()))
    customers, wanted = np.repeat(order, options.shape[1]), options[order].ravel()
    able = problem.eligible[customers, wanted]
    customers, wanted = customers[able], wanted[able]
    for row in np.flatnonzero(rows.sign < 0):
        price = np.where(problem.eligible & used & rows.counted[row], problem.cost, np.inf)
        able = order[np.isfinite(price.min(axis=1)[order])]
        turns.offer(able, price.argmin(axis=1)[able], stop_at=int(row))
    turns.offer(customers, wanted)
    return turns.recommended


def _any_first(setting: Setting) -> Integers:
    """Return the plan's actions for each customer, the first of them decided by the random order."""
    used = np.flatnonzero(setting.used)
    first = np.empty(len(setting.order), np.int64)
    first[setting.order] = np.arange(len(first))
    return np.asarray(used[(first[:, None] + np.arange(used.size)) % used.size], dtype=np.int64)


def _flat_share(setting: Setting, ltv: Floats) -> Codes:
    problem = setting.problem
    fitting = problem.eligible & (problem.cost > 0)
    dearest = np.argsort(-problem.cost, axis=1, kind="stable")

    def given(share: float) -> tuple[Codes, float]:
        allowed = fitting & (problem.cost <= share * ltv[:, None])
        narrow = replace(setting, problem=replace(problem, eligible=allowed))
        assigned = _in_order(narrow, setting.order, dearest, np.ones_like(setting.used), np.inf)
        chosen = np.flatnonzero(assigned >= 0)
        return assigned, float(problem.cost[chosen, assigned[chosen]].sum() + problem.due(assigned))

    best = np.full(len(ltv), NOBODY, np.int32)
    positive = ltv[ltv > 0]
    if not positive.size or setting.money <= 0:
        return best
    low, high = 0.0, float(problem.cost.max() / positive.min())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        policy, cost = given(middle)
        if cost <= setting.money:
            low, best = middle, policy
        else:
            high = middle
    return best


def current_codes(
    current: Mapping[str, str],
    ids: NDArray[np.object_],
    names: tuple[str, ...],
    *,
    whose: str = "the current assignment",
) -> Codes:
    """Return what is done today as codes; customers who are not named, or have "none", get nothing.

    Neither eligibility nor budget takes anything away: what is done today is shown as it is done, at its own
    cost.

    Raises
    ------
    DataError
        Where an action is none of the decision's.
    """
    code = {"": NOBODY, NO_ACTION: NOBODY, **{name: at for at, name in enumerate(names)}}
    given = [str(current.get(str(i), NO_ACTION)) for i in ids]
    strange = [(str(i), name) for i, name in zip(ids, given, strict=True) if name not in code]
    if strange:
        raise _unknown_actions(strange, len(given), names, whose)
    return np.array([code[name] for name in given], dtype=np.int32)


def _unknown_actions(
    strange: list[tuple[str, str]], total: int, known: tuple[str, ...], whose: str
) -> DataError:
    unknown = list(dict.fromkeys(name for _, name in strange))
    said = "; ".join(f"{shown(name)}: {checked.nearest(name, known)}" for name in unknown[:SHOWN])
    more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
    ids = ", ".join(i for i, _ in strange[:SHOWN]) + (", ..." if len(strange) > SHOWN else "")
    return DataError(
        f"{whose} gives {len(strange):,} of {total:,} customers (ids {ids}) actions that the "
        f"decision does not have: {said}{more}. Rename them as in the decision, or to {shown(NO_ACTION)}"
    )
