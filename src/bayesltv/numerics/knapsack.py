"""One option per customer under a budget: upper hulls of (cost, net value) and greedy walks along them.

The multiple-choice knapsack's linear relaxation is solved by its hulls (Sinha & Zoltners 1979): on each
customer's upper hull from (0, 0) the steps have falling efficiency Δnet/Δcost, and all customers' steps are
taken in the order of efficiency until the budget is used up.
"""

from typing import NamedTuple

import numpy as np

from bayesltv.numerics.arrays import Flags, Floats, Integers
from bayesltv.numerics.compile import compiled


class Choices(NamedTuple):
    """What customers can choose among, each of shape (customer, action).

    Attributes
    ----------
    net, cost : ndarray of float64
        Costs are not negative.
    eligible : ndarray of bool
    """

    net: Floats
    cost: Floats
    eligible: Flags

    def contiguous(self) -> "Choices":
        """Return the choices in memory as compiled functions are made for."""
        return self._replace(net=np.ascontiguousarray(self.net), cost=np.ascontiguousarray(self.cost))


class Room(NamedTuple):
    """What limits still allow.

    Attributes
    ----------
    limits : ndarray of bool, shape (limit, customer, action)
        What each limit counts.
    left : ndarray of int64, shape (limit,)
        How many more each allows; used up by those who are given something.
    """

    limits: Flags
    left: Integers


@compiled
def hull_steps(choices, customer, action, gain, price):
    """Fill the steps of all customers' upper hulls and return how many there are.

    Parameters
    ----------
    choices : Choices
    customer, action : ndarray of int32, shape (customer × action,)
        Filled: who moves, and to which action.
    gain, price : ndarray of float64, shape (customer × action,)
        Filled: more net value and more cost than before the step; both rise from step to step, and gain/price
        falls.
    """
    net, cost, eligible = choices
    count, n_actions = 0, net.shape[1]
    for i in range(net.shape[0]):
        value, spent, free = 0.0, 0.0, -1
        for a in range(n_actions):  # what costs nothing comes first
            if eligible[i, a] and cost[i, a] <= 0.0 and net[i, a] > value:
                value, free = net[i, a], a
        if free >= 0:
            customer[count], action[count], gain[count], price[count] = i, free, value, 0.0
            count += 1
        while True:
            best, steepest, dearest = -1, 0.0, 0.0
            for a in range(n_actions):
                if eligible[i, a] and net[i, a] > value and cost[i, a] > spent:
                    slope = (net[i, a] - value) / (cost[i, a] - spent)
                    if slope > steepest or (slope == steepest and cost[i, a] > dearest):
                        best, steepest, dearest = a, slope, cost[i, a]
            if best < 0:
                break
            customer[count], action[count] = i, best
            gain[count], price[count] = net[i, best] - value, cost[i, best] - spent
            value, spent = net[i, best], cost[i, best]
            count += 1
    return count


@compiled
def take_steps(order, customer, action, gain, price, budget, assigned):
    """Walk along the steps while they fit, fill who gets what, and return cost and net value at the end.

    A customer whose step does not fit takes no later one either; customers after it may.

    Parameters
    ----------
    order : ndarray of int64, shape (step,)
        Of falling efficiency.
    customer, action, gain, price : ndarray, shape (step,)
        From `hull_steps`.
    budget : float
    assigned : ndarray of int32, shape (customer,)
        Filled: the action, or -1.
    """
    assigned[:] = -1
    blocked = np.zeros(assigned.size, np.bool_)
    cost, value = 0.0, 0.0
    for at in range(order.size):
        step = order[at]
        i = customer[step]
        if not blocked[i]:
            if cost + price[step] <= budget:
                cost += price[step]
                value += gain[step]
                assigned[i] = action[step]
            else:
                blocked[i] = True
    return cost, value


@compiled
def _worth(net, cost, money_price, limits, prices, i, a):
    worth = net[i, a] - money_price * cost[i, a]
    for r in range(prices.size):
        if limits[r, i, a]:
            worth -= prices[r]
    return worth


@compiled
def best_options(choices, money_price, limits, prices, best, margin, counts):
    """Fill each customer's best option at given prices; return what they are worth after them, and cost.

    Parameters
    ----------
    choices : Choices
    money_price : float
        Of a unit of the budget.
    limits : ndarray of bool, shape (limit, customer, action)
        What each limit counts.
    prices : ndarray of float64, shape (limit,)
        Of what a limit counts; negative where there must be at least so many.
    best : ndarray of int32, shape (customer,)
        Filled: the action, or -1.
    margin : ndarray of float64, shape (customer,)
        Filled: how much better it is than the next best, doing nothing included.
    counts : ndarray of int64, shape (limit,)
        Filled: what each limit counts.
    """
    net, cost, eligible = choices
    value, spent = 0.0, 0.0
    counts[:] = 0
    for i in range(net.shape[0]):
        first, second, choice = 0.0, -np.inf, -1
        for a in range(net.shape[1]):
            if eligible[i, a]:
                worth = _worth(net, cost, money_price, limits, prices, i, a)
                if worth > first:
                    first, second, choice = worth, first, a
                elif worth > second:
                    second = worth
        best[i], margin[i] = choice, first - second
        if choice >= 0:
            value += first
            spent += cost[i, choice]
            for r in range(prices.size):
                counts[r] += limits[r, i, choice]
    return value, spent


@compiled
def fill_greedily(order, choices, money_price, prices, budget, room, assigned):
    """Give each customer in turn the best option at given prices that there is room for; return what is left.

    Parameters
    ----------
    order : ndarray of int64, shape (customer,)
    choices, money_price, prices
        As in `best_options`.
    budget : float
    room : Room
    assigned : ndarray of int32, shape (customer,)
        Filled: the action, or -1.
    """
    net, cost, eligible = choices
    assigned[:] = -1
    for at in range(order.size):
        i = order[at]
        choice, most = -1, 0.0
        for a in range(net.shape[1]):
            if eligible[i, a] and cost[i, a] <= budget:
                worth = _worth(net, cost, money_price, room.limits, prices, i, a)
                if worth > most and _fits(room, i, a):
                    choice, most = a, worth
        if choice >= 0:
            assigned[i] = choice
            budget -= cost[i, choice]
            _take(room, i, choice, 1)
    return budget


@compiled
def improve(order, option, choices, budget, room, assigned):
    """Move customers to better options while there is room and money; return what is left.

    Parameters
    ----------
    order : ndarray of int64, shape (candidate,)
        Customers, the most efficient move first.
    option : ndarray of int64, shape (candidate,)
        Where each would move.
    choices, budget, room, assigned
        As in `fill_greedily`; `room` and `assigned` are changed.
    """
    net, cost = choices.net, choices.cost
    for at in range(order.size):
        i, a = order[at], option[at]
        now = assigned[i]
        more = cost[i, a] - (cost[i, now] if now >= 0 else 0.0)
        if more > budget or net[i, a] <= (net[i, now] if now >= 0 else 0.0):
            continue
        if now >= 0:
            _take(room, i, now, -1)
        if _fits(room, i, a):
            assigned[i] = a
            budget -= more
            now = a
        if now >= 0:
            _take(room, i, now, 1)
    return budget


@compiled
def _fits(room, i, a):
    fits = True
    for r in range(room.left.size):
        fits &= room.left[r] > 0 or not room.limits[r, i, a]
    return fits


@compiled
def _take(room, i, a, times):
    for r in range(room.left.size):
        room.left[r] -= times * room.limits[r, i, a]


@compiled
def offer_in_turn(customer, option, cost, withheld, budget, room, until, recommended):
    """Recommend options in turn while there is money and room, and return what money is left.

    Who gets a recommendation is decided before it is looked at whether it is withheld; who is treated uses
    money and room.

    Parameters
    ----------
    customer, option : ndarray of int64, shape (turn,)
    cost : ndarray of float64, shape (customer, action)
    withheld : ndarray of bool, shape (customer,)
    budget : float
    room : Room
    until : tuple of int
        (row, wanted): the turns end when limit `row` counts so many more of the treated; row -1 for no end.
    recommended : ndarray of int32, shape (customer,)
        The action, or -1: changed where it is -1.
    """
    row, wanted = until
    for at in range(customer.size):
        if row >= 0 and wanted <= 0:
            break
        i, a = customer[at], option[at]
        if recommended[i] < 0 and cost[i, a] <= budget and _fits(room, i, a):
            recommended[i] = a
            if not withheld[i]:
                budget -= cost[i, a]
                _take(room, i, a, 1)
                if row >= 0:
                    wanted -= room.limits[row, i, a]
    return budget
