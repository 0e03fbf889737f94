"""Exact draws of customers' latents: alive, purchase rate, dropout, spend rate ν; and what comes of them."""

from typing import Any, NamedTuple

import numpy as np

from bayesltv.families.verbs import (
    at,
    changed,
    draw_buyer,
    is_modelled,
    leaving_of,
    rate_of,
    spend_rate_of,
    usual_amount,
)
from bayesltv.families.verbs import draw_latents as drawn
from bayesltv.kernels.block import spent_of
from bayesltv.kernels.calendar import history_at, road_of, stand
from bayesltv.kernels.stretches import live
from bayesltv.numerics.compile import compiled

BOUGHT, LIVED, EARNED = range(3)
"""Parts of the sums: discounted purchases, discounted time alive, discounted spend."""
PARTS = 3


class Levers(NamedTuple):
    """What a block of customers is added up in.

    Attributes
    ----------
    label : ndarray of int64, shape (customer,)
    steps : tuple of float
        One step of each part.
    sums : ndarray of int64, shape (label, lever, 3, draw)
        Added to: exact, whatever the order.
    """

    label: Any
    steps: tuple[float, float, float]
    sums: Any


@compiled
def draw_latents(streams, people, laws, clock, alive, rate, dropout, spend_rate):
    """Fill (customer, draw) arrays with the latents of a block.

    Parameters
    ----------
    streams : Streams
    people : People
    laws : Laws
    clock : Still or Running
    alive, rate, dropout, spend_rate : ndarray, shape (customer, draw)
        Filled here; `spend_rate` only where there is a spend model.
    """
    (purchase, spend), state, draws = laws, np.empty(4, np.uint64), streams.draws
    for i in range(people.group.size):
        customer, g, key = stand(clock, people, i), people.group[i], streams.latents[i]
        for d in range(draws.size):
            law, history = at(purchase, g, d), history_at(customer, d)
            alive[i, d], found = drawn(law, history, state, key, draws[d])
            rate[i, d], dropout[i, d] = rate_of(found), leaving_of(found)
            if is_modelled(spend):
                buyer = draw_buyer(at(spend, g, d), spent_of(people, i), state, key, draws[d])
                spend_rate[i, d] = spend_rate_of(buyer)


@compiled
def add_up_levers(streams, people, laws, clock, terms, factors, levers):
    """Add what a block of customers does within the horizon to the sums, draw by draw and lever by lever.

    Parameters
    ----------
    streams : Streams
        The latents', which `predict` starts from too.
    people : People
    laws : Laws
    clock : Still or Running
    terms : tuple of float
        Horizon, continuous discount rate.
    factors : ndarray of float64, shape (lever, 2)
        On the purchase rate and on dropout.
    levers : Levers
    """
    (horizon, discount), (label, steps, sums) = terms, levers
    state = np.empty(4, np.uint64)
    for i in range(people.group.size):
        customer, g, row = stand(clock, people, i), people.group[i], label[i]
        for d in range(streams.draws.size):
            law, key, number = at(laws.purchase, g, d), streams.latents[i], streams.draws[d]
            alive, latents = drawn(law, history_at(customer, d), state, key, number)
            if not alive:
                continue
            zeta = usual_amount(draw_buyer(at(laws.spend, g, d), spent_of(people, i), state, key, number))
            road = road_of(customer, d)
            for f in range(factors.shape[0]):
                other = changed(latents, factors[f, 0], factors[f, 1])
                bought, lived, _, _ = live(road, 0.0, horizon, other, discount)
                orders = rate_of(other) * bought
                sums[row, f, BOUGHT, d] += round(orders / steps[BOUGHT])
                sums[row, f, LIVED, d] += round(lived / steps[LIVED])
                sums[row, f, EARNED, d] += round(zeta * orders / steps[EARNED])
