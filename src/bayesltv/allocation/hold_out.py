"""The random hold-out: what is recommended is withheld from some, decided after it has been recommended.

Customers have their turns in an order, and with options, that do not depend on whose coin says what. Who has
its turn is recommended its option where money and room are left; then its own coin is looked at, and only
where that says "treat" are money and room used. A recommendation depends on earlier customers' coins, never
on its own, so that the logged propensities are exact, while those who are treated use up the budget and
exceed nothing.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bayesltv.allocation.allocation import NOBODY, Allocation, Problem
from bayesltv.allocation.limits import Limit, Rows, stack_limits, unreachable
from bayesltv.numerics.arrays import Codes, Flags, Floats, Integers
from bayesltv.numerics.knapsack import Room, offer_in_turn
from bayesltv.streams import customer_keys

HOLD_OUT = "hold_out"
_FUZZ = 1e-9
_ENDLESS = np.iinfo(np.int64).max // 2


def draw_coins(ids: NDArray[np.object_], share: float, seed: int) -> Flags:
    """Return from whom an action is withheld: by a hash of seed and id, random and the same in every run."""
    keys = customer_keys(seed, HOLD_OUT, ids)
    return keys < np.uint64(share * (2**64 - 1)) if share > 0 else np.zeros(len(ids), np.bool_)


def expected_problem(problem: Problem, share: float) -> Problem:
    """Return the problem of whom to recommend what, where a share of it will be withheld.

    Net value and cost are those expected before the coins are tossed; numbers of customers are raised so
    that those who are treated are expected to be as many as the limits say.
    """
    if share == 0:
        return problem
    treated = 1 - share
    limits = []
    for limit in problem.limits:
        most = None if limit.at_most is None else int(np.floor(limit.at_most / treated + _FUZZ))
        able = int((limit.counted & problem.eligible).any(axis=1).sum())
        least = min(int(np.ceil(limit.at_least / treated - _FUZZ)), able if most is None else min(able, most))
        limits.append(Limit(limit.name, limit.counted, max(least, limit.at_least), most))
    return replace(problem, net=problem.net * treated, cost=problem.cost * treated, limits=tuple(limits))


def recommend(
    problem: Problem, wanted: Allocation, withheld: Flags, share: float, *, fill_to: float = np.inf
) -> Codes:
    """Return what each customer is recommended, those included from whom it will be withheld.

    Parameters
    ----------
    problem : Problem
        Of all customers; its limits are those on the treated.
    wanted : Allocation
        Of ``expected_problem``: its customers come first, in the order of their worth for what they use.
    withheld : ndarray of bool, shape (customer,)
    share : float
        Of customers from whom it is withheld, in expectation.
    fill_to : float
        Where chance withheld much, others follow in the order of their worth until so much money is spent.

    Raises
    ------
    SpecError
        Where chance has left too few to meet an "at least".
    """
    used = np.isin(np.arange(problem.fixed.size), wanted.assigned)
    able = problem.eligible & used
    rows = stack_limits(problem.limits)
    turns = Turns(problem.cost, rows, withheld, problem.money - float(problem.fixed[used].sum()))
    efficiency = _efficiency(problem, rows, wanted, share)
    chosen = np.flatnonzero(wanted.assigned >= 0)
    order = chosen[np.argsort(-efficiency[chosen, wanted.assigned[chosen]], kind="stable")]
    for row in np.flatnonzero(rows.sign < 0):
        first = order[rows.counted[row, order, wanted.assigned[order]]]
        others, options = _cheapest(problem.net, able & rows.counted[row], wanted.assigned, first)
        turns.offer(np.append(first, others), np.append(wanted.assigned[first], options), stop_at=int(row))
    turns.offer(order, wanted.assigned[order])
    turns.money = min(turns.money, fill_to - turns.spent)
    customers, options = np.nonzero(able & (problem.net > 0))
    by_worth = np.argsort(-efficiency[customers, options], kind="stable")
    turns.offer(customers[by_worth], options[by_worth])
    broken = rows.shortfall(np.where(withheld, NOBODY, turns.recommended).astype(np.int32))
    if broken.any():
        raise unreachable(rows, broken)
    return turns.recommended


class Turns:
    """Money and room that are left, and who has been recommended what so far."""

    def __init__(self, cost: Floats, rows: Rows, withheld: Flags, money: float) -> None:
        self.cost, self.rows, self.withheld, self.money = cost, rows, withheld, money
        self.room = np.where(rows.sign > 0, rows.bound, _ENDLESS).astype(np.int64)
        self.recommended = np.full(len(withheld), NOBODY, np.int32)

    @property
    def spent(self) -> float:
        """Return what those who are treated so far cost."""
        treated = np.flatnonzero((self.recommended >= 0) & ~self.withheld)
        return float(self.cost[treated, self.recommended[treated]].sum())

    def offer(
        self, customers: NDArray[np.intp], options: NDArray[np.signedinteger], *, stop_at: int | None = None
    ) -> None:
        """Give some customers their turns, until an "at least" is met where `stop_at` names its row."""
        wanted = _ENDLESS
        if stop_at is not None:
            wanted = int(-self.rows.bound[stop_at] - (_ENDLESS - self.room[stop_at]))
        self.money = offer_in_turn(
            np.ascontiguousarray(customers, dtype=np.int64),
            np.ascontiguousarray(options, dtype=np.int64),
            self.cost,
            self.withheld,
            self.money,
            Room(self.rows.counted, self.room),
            (-1 if stop_at is None else stop_at, wanted),
            self.recommended,
        )


def _efficiency(problem: Problem, rows: Rows, wanted: Allocation, share: float) -> Floats:
    """Return net value over the price of what is used, shape (customer, action); infinite for what is free.

    Prices of the expected problem are of net value that comes with a chance of 1 - share.
    """
    use = wanted.shadow_price * problem.cost
    for sign, counted, price in zip(rows.sign, rows.counted, wanted.limit_prices, strict=False):
        use = use + sign * price / (1 - share) * counted
    if not (use > 0).any():
        use = problem.cost
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(use > 0, problem.net / use, np.where(problem.net > 0, np.inf, -np.inf))


def _cheapest(net: Floats, able: Flags, assigned: Codes, but: Integers) -> tuple[Integers, Integers]:
    """Return customers by what their best option in `able` would lose, the least first, and the options."""
    there = np.where(able, net, -np.inf)
    rows = np.arange(len(net))
    option = np.argmax(there, axis=1)
    own = np.where(assigned >= 0, net[rows, np.maximum(assigned, 0)], 0.0)
    loss = own - there[rows, option]
    loss[but] = np.inf
    order = np.argsort(loss, kind="stable")
    order = order[np.isfinite(loss[order])]
    return order, option[order]
