"""Exact draws of customers' latents: alive, purchase rate, dropout, spend rate ν."""

import numpy as np

from bayesltv.families.verbs import at, draw_buyer, is_modelled, leaving_of, rate_of, spend_rate_of
from bayesltv.families.verbs import draw_latents as drawn
from bayesltv.kernels.block import spent_of
from bayesltv.kernels.calendar import history_at, stand
from bayesltv.numerics.compile import compiled


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
