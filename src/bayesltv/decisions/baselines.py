"""What a plan is compared with: the policies that a team would use without it, at the same budget."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesltv.allocation.allocation import NOBODY, Allocation
from bayesltv.decisions.offer.actions import ActionModel, Offered
from bayesltv.errors import DataError, shown
from bayesltv.kernels.actions import Offers, evaluate_at_means
from bayesltv.prediction.packed import at_means, clock_of, laws_of, people_of
from bayesltv.specs import checked
from bayesltv.specs.decision.actions import NO_ACTION

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int32]
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
    net, cost : ndarray, shape (customer, action)
        Expected, in money.
    eligible : ndarray of bool, shape (customer, action)
        Customers who are held out are eligible for nothing.
    fixed : ndarray, shape (action,)
    capacity : ndarray, shape (action,)
        Most customers; infinity for no limit.
    budget : float
        Infinity for no limit.
    money : float
        What policies spend that choose whom to spend it on: the budget, or without one what the plan costs.
    order : ndarray of int, shape (customer,)
        A random order of the customers.
    used : ndarray of bool, shape (action,)
        Actions that the plan uses: a random policy has these to choose from.
    held_out : ndarray of bool, shape (customer,)
    """

    names: tuple[str, ...]
    net: Floats
    cost: Floats
    eligible: Flags
    fixed: Floats
    capacity: Floats
    budget: float
    money: float
    order: NDArray[np.int64]
    used: Flags
    held_out: Flags


def compare_with(
    setting: Setting,
    *,
    churn_risk: Floats,
    ltv: Floats,
    plug_in: Callable[[], Allocation],
    current: Codes | None = None,
) -> dict[str, Codes]:
    """Return the policies to compare with, by name: ndarray of int32, shape (customer,), -1 for nothing.

    ``none``; ``one_for_all_<action>``, everybody who is eligible, in random order where the budget does not
    reach; ``random``, in random order a random one of the plan's actions until the money is spent;
    ``highest_churn_risk`` and ``highest_ltv``, the best of the one-for-all actions to those who rank first;
    ``flat_share_of_ltv``, each customer the dearest action that costs no more than a fixed share of its
    value, the share such that the money is spent; ``plug_in_means``, the plan that follows from means in
    place of draws; ``current``, what is done today but to those who are held out, at its own cost.
    """
    n = len(setting.net)
    policies = {NONE: np.full(n, NOBODY, np.int32)}
    worth = {}
    for a, name in enumerate(setting.names):
        policy = _in_order(setting, setting.order, np.full(n, a), setting.budget)
        policies[f"{ONE_FOR_ALL}{name}"] = policy
        worth[a] = setting.net[policy >= 0, a].sum() - setting.fixed[a]
    best = max(worth, key=lambda a: worth[a])
    policies[RANDOM] = _in_order(setting, setting.order, _any_option(setting), setting.money)
    for name, score in ((CHURN, churn_risk), (LTV, ltv)):
        ranking = np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable")
        policies[name] = _in_order(setting, ranking, np.full(n, best), setting.money)
    policies[FLAT] = _flat_share(setting, np.nan_to_num(ltv))
    policies[PLUG_IN] = plug_in().assigned
    if current is not None:
        policies[CURRENT] = np.where(setting.held_out, NOBODY, current).astype(np.int32)
    return policies


def values_at_means(model: ActionModel, offered: Offered) -> tuple[Floats, Floats]:
    """Return net value and cost of each action where means take the place of draws, shape (customer, action).

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
    return net, cost


def _in_order(setting: Setting, order: NDArray[np.int64], option: NDArray[np.int64], money: float) -> Codes:
    """Give each customer in turn its option until the money, or the room for the action, is used up."""
    assigned = np.full(len(order), NOBODY, np.int32)
    able = order[setting.eligible[order, option[order]]]
    chosen = option[able]
    for a in np.unique(chosen):
        mine = np.flatnonzero(chosen == a)
        room = setting.capacity[a]
        if mine.size > room:
            able, chosen = np.delete(able, mine[int(room) :]), np.delete(chosen, mine[int(room) :])
    due = setting.fixed[np.unique(chosen)].sum() if chosen.size else 0.0
    within = np.cumsum(setting.cost[able, chosen]) <= money - due
    assigned[able[within]] = chosen[within]
    return assigned


def _any_option(setting: Setting) -> NDArray[np.int64]:
    """Return one of each customer's eligible actions, each as likely, decided by the random order."""
    able = setting.eligible & setting.used
    count = able.sum(axis=1)
    rank = np.empty(len(count), np.int64)
    rank[setting.order] = np.arange(len(count))
    wanted = rank % np.maximum(count, 1)
    place = np.cumsum(able, axis=1) - 1
    return np.asarray(np.argmax(able & (place == wanted[:, None]), axis=1), dtype=np.int64)


def _flat_share(setting: Setting, ltv: Floats) -> Codes:
    n = len(ltv)

    def given(share: float) -> tuple[Codes, float]:
        fits = setting.eligible & (setting.cost <= share * ltv[:, None]) & (setting.cost > 0)
        option = np.argmax(np.where(fits, setting.cost, -1.0), axis=1)
        assigned = np.where(fits.any(axis=1), option, NOBODY).astype(np.int32)
        for a in range(setting.cost.shape[1]):
            mine = setting.order[assigned[setting.order] == a]
            if mine.size > setting.capacity[a]:
                assigned[mine[int(setting.capacity[a]) :]] = NOBODY
        chosen = np.flatnonzero(assigned >= 0)
        fixed = setting.fixed[np.unique(assigned[chosen])].sum()
        return assigned, float(setting.cost[chosen, assigned[chosen]].sum() + fixed)

    nobody = np.full(n, NOBODY, np.int32)
    positive = ltv[ltv > 0]
    if not positive.size or setting.money <= 0:
        return nobody
    low, high = 0.0, float(setting.cost.max() / positive.min())
    best = nobody
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        policy, cost = given(middle)
        if cost <= setting.money:
            low, best = middle, policy
        else:
            high = middle
    return best


def current_codes(current: Mapping[str, str], ids: NDArray[np.object_], names: tuple[str, ...]) -> Codes:
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
        raise _unknown_actions(strange, len(given), names)
    return np.array([code[name] for name in given], dtype=np.int32)


def _unknown_actions(strange: list[tuple[str, str]], total: int, known: tuple[str, ...]) -> DataError:
    unknown = list(dict.fromkeys(name for _, name in strange))
    said = "; ".join(f"{shown(name)}: {checked.nearest(name, known)}" for name in unknown[:SHOWN])
    more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
    ids = ", ".join(i for i, _ in strange[:SHOWN]) + (", ..." if len(strange) > SHOWN else "")
    return DataError(
        f"the current assignment gives {len(strange):,} of {total:,} customers (ids {ids}) actions that the "
        f"decision does not have: {said}{more}. Rename them as in the decision, or to {shown(NO_ACTION)}"
    )
