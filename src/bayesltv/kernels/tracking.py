"""Simulated purchases and spend by bin of the calendar, summed over customers inside each draw."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesltv.families.verbs import (
    at,
    begin_life,
    draw_alive,
    draw_amount,
    draw_buyer,
    draw_life,
    first_wait,
    inverse_p_alive,
    is_modelled,
    next_purchase,
    nobody,
)
from bayesltv.kernels.block import spent_of
from bayesltv.kernels.calendar import ahead_of, history_at, passed_until, stand
from bayesltv.numerics.compile import compiled
from bayesltv.numerics.random_numbers import open_stream, uniform


class Bins(NamedTuple):
    """Bins of the calendar, and what is counted in them.

    Attributes
    ----------
    start : ndarray of float64, shape (customer,)
        Where each customer's present lies: time units from the first bin's beginning.
    until, width : float
        End of the calendar and width of a bin; what falls past the last bin by rounding counts in it.
    step : float
        Money of one unit of `money`: whole numbers add up to the same in any order.
    counts, money : ndarray of int64, shape (draw, bin)
    """

    start: NDArray[np.float64]
    until: float
    width: float
    step: float
    counts: NDArray[np.int64]
    money: NDArray[np.int64]


@compiled
def count_in_bins(streams, people, laws, clock, bins):
    """Add the purchases of a block of customers, and what they spend, to the bin in which they fall.

    Streams are read as `bayesltv.kernels.futures.draw_futures` reads them: with the same keys, start 0 and
    until H, each draw's counts and money add up to the purchases and amounts that it draws.

    Parameters
    ----------
    streams : Streams
    people : People
        A history of zeros (but for k) starts a customer anew.
    laws : Laws
    clock : Still or Running
    bins : Bins
        Added to here.
    """
    (purchase, spend), (start, until, width, step, counts, money) = laws, bins
    latents, coins, events = np.empty(4, np.uint64), np.empty(4, np.uint64), np.empty(4, np.uint64)
    amounts, with_spend, draws = np.empty(4, np.uint64), is_modelled(spend), streams.draws
    last = counts.shape[1] - 1
    for i in range(people.group.size):
        g, key, customer = people.group[i], streams.latents[i], stand(clock, people, i)
        for d in range(draws.size):
            law, history = at(purchase, g, d), history_at(customer, d)
            open_stream(latents, key, draws[d])
            if not draw_alive(latents, inverse_p_alive(law, history)):
                continue
            time = first_wait(law, history, uniform(latents))
            span = draw_life(law, history, coins, key, draws[d])
            ahead = min(ahead_of(customer, d, until - start[i]), span)
            if not 0.0 <= time < ahead:
                continue
            life, buyer, n = begin_life(law, history, time, latents, coins, key, draws[d]), nobody(spend), 0
            open_stream(events, streams.events[i], draws[d])
            if with_spend:
                buyer = draw_buyer(at(spend, g, d), spent_of(people, i), amounts, key, draws[d])
                open_stream(amounts, streams.amounts[i], draws[d])
            while time < ahead:
                n += 1
                place = min(int((start[i] + passed_until(customer, d, time)) / width), last)
                counts[d, place] += 1
                if with_spend:
                    money[d, place] += np.int64(np.rint(draw_amount(buyer, amounts) / step))
                life, time = next_purchase(life, n, time, coins, events)
