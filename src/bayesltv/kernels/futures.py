"""Predictive draws of the future: one replicate per posterior draw of each customer, event by event.

Given the latents, purchases come at exponential gaps until the customer drops out, and each amount is drawn
from the customer's own law. The first wait and what ends a life come from the family, in the order in which a
future asks for them. Latents, events and amounts have streams of their own: the latents of a draw are the
same whatever is simulated from them, purchases are the same with and without a spend model, and a longer
horizon only lengthens the path.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesltv.families import verbs
from bayesltv.kernels.block import spent_of
from bayesltv.kernels.calendar import ahead_of, history_at, is_same_day, passed_until, stand
from bayesltv.numerics.arrays import Codes, Flags, Floats
from bayesltv.numerics.compile import compiled
from bayesltv.numerics.random_numbers import open_stream, uniform
from bayesltv.numerics.special import discounted_time


class Filled(NamedTuple):
    """Arrays (customer, draw) for what a block does.

    Attributes
    ----------
    alive : ndarray of bool
    purchases : ndarray of int32
    amount, value : ndarray of float64
        Money spent; margin × discounted spend − discounted service cost.
    """

    alive: Flags
    purchases: Codes
    amount: Floats
    value: Floats


@compiled
def is_same_history(clock, people, i, j):
    """Return whether two customers have equal histories, in the same group."""
    same = people.group[i] == people.group[j] and people.histories[0, i] == people.histories[0, j]
    return same and people.histories[1, i] == people.histories[1, j] and is_same_day(clock, people, i, j)


@compiled
def bounds_of_history(purchase, group, customer, horizon, inverse, silent):
    """Fill, per draw, 1 / P(alive) and a bound below which the wait's uniform means no purchase."""
    for d in range(inverse.size):
        law, history = verbs.at(purchase, group, d), history_at(customer, d)
        inverse[d] = verbs.inverse_p_alive(law, history)
        silent[d] = verbs.silent_below(law, history, ahead_of(customer, d, horizon))


@compiled
def draw_futures(streams, people, laws, clock, terms, filled):
    """Fill (customer, draw) arrays with what a block of customers does until the end of the horizon.

    Neighbours with equal histories share what depends on the history alone, so that a block sorted by history
    is drawn faster; the draws are the same in any order.

    Parameters
    ----------
    streams : Streams
    people : People
    laws : Laws
        Without spend `amount` is 0 and `value` only service cost.
    clock : Still or Running
    terms : tuple of float
        Horizon H, continuous discount rate per unit, margin, service cost per unit of time alive; all of them
        run over the calendar.
    filled : Filled
    """
    horizon, discount, margin, service = terms
    purchase, spend = laws
    draws, with_spend = streams.draws, verbs.is_modelled(spend)
    latents, coins, events = np.empty(4, np.uint64), np.empty(4, np.uint64), np.empty(4, np.uint64)
    amounts, inverse, silent = np.empty(4, np.uint64), np.empty(draws.size), np.empty(draws.size)
    alive, purchases, amount, value = filled
    whole = service * discounted_time(horizon, discount)
    for i in range(people.group.size):
        g, key, customer = people.group[i], streams.latents[i], stand(clock, people, i)
        if i == 0 or not is_same_history(clock, people, i, i - 1):
            bounds_of_history(purchase, g, customer, horizon, inverse, silent)
        for d in range(draws.size):
            alive[i, d], purchases[i, d], amount[i, d], value[i, d] = False, 0, 0.0, 0.0
            open_stream(latents, key, draws[d])
            if not verbs.draw_alive(latents, inverse[d]):
                continue
            u = uniform(latents)
            if service == 0.0 and u <= silent[d]:  # how long who buys nothing lives is then of no worth
                alive[i, d] = True
                continue
            law, history = verbs.at(purchase, g, d), history_at(customer, d)
            span, left = verbs.draw_life(law, history, coins, key, draws[d]), horizon
            alive[i, d], value[i, d] = True, 0.0 - whole
            if span < math.inf and span < ahead_of(customer, d, horizon):
                left = passed_until(customer, d, span)
                value[i, d] = 0.0 - service * discounted_time(left, discount)
            if u <= silent[d]:
                continue
            time, ahead = verbs.first_wait(law, history, u), min(ahead_of(customer, d, horizon), span)
            if time >= ahead:
                continue
            life, buyer = (
                verbs.begin_life(law, history, time, latents, coins, key, draws[d]),
                verbs.nobody(spend),
            )
            open_stream(events, streams.events[i], draws[d])
            if with_spend:
                buyer = verbs.draw_buyer(verbs.at(spend, g, d), spent_of(people, i), amounts, key, draws[d])
                open_stream(amounts, streams.amounts[i], draws[d])
            n, spent, worth, last = 0, 0.0, 0.0, 0.0
            while time < ahead:
                n, last = n + 1, time
                if with_spend:
                    z = verbs.draw_amount(buyer, amounts)
                    spent += z
                    if discount != 0.0:
                        z *= math.exp(-discount * passed_until(customer, d, time))
                    worth += z
                life, time = verbs.next_purchase(life, n, time, coins, events)
            until = passed_until(customer, d, last) if time == math.inf else left
            purchases[i, d], amount[i, d] = n, spent
            value[i, d] = margin * worth - service * discounted_time(until, discount)
