"""Replicated customers: new latents from the population, lived through the time each was observed.

Purchases are dated as a log dates them: one at time t belongs to day ceil(t), and purchases of one day are
one purchase.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesltv.families import verbs
from bayesltv.kernels.calendar import history_at, passed_until, stand
from bayesltv.numerics.arrays import Codes, Floats
from bayesltv.numerics.compile import compiled
from bayesltv.numerics.random_numbers import open_stream


class Replicated(NamedTuple):
    """Arrays (customer, draw) for replicated histories.

    Attributes
    ----------
    frequency : ndarray of int32
        Repeat purchase days.
    recency : ndarray of float64
        Time from first to last purchase, in the time unit.
    total, log_total : ndarray of float64
        Sum and log sum of the repeat amounts.
    first : ndarray of float64
        First amounts, where they are asked for.
    """

    frequency: Codes
    recency: Floats
    total: Floats
    log_total: Floats
    first: Floats


@compiled
def draw_replicas(streams, people, laws, clock, observed, days, with_first, replicated):
    """Fill (customer, draw) arrays with the histories of customers like those observed.

    Parameters
    ----------
    streams : Streams
    people : People
        As on the day of their first purchase: histories of zeros, but for its coins.
    laws : Laws
    clock : Still or Running
    observed : ndarray of float64, shape (customer,)
        T of each customer, in the time unit.
    days : float
        Days of the time unit.
    with_first : bool
        Whether first amounts are asked for.
    replicated : Replicated
    """
    (purchase, spend), (frequency, recency, total, log_total, first) = laws, replicated
    latents, events, amounts = np.empty(4, np.uint64), np.empty(4, np.uint64), np.empty(4, np.uint64)
    with_spend, draws = verbs.is_modelled(spend), streams.draws
    for i in range(people.group.size):
        g, key, customer = people.group[i], streams.latents[i], stand(clock, people, i)
        last = math.floor(observed[i] * days + 0.5)
        for d in range(draws.size):
            frequency[i, d], recency[i, d], total[i, d], log_total[i, d] = 0, 0.0, 0.0, 0.0
            law, history, buyer = verbs.at(purchase, g, d), history_at(customer, d), verbs.nobody(spend)
            if with_first:
                own = verbs.at(spend, g, d)
                buyer = verbs.draw_buyer(own, verbs.NOTHING_SPENT, amounts, key, draws[d])
                open_stream(amounts, streams.amounts[i], draws[d])
                first[i, d] = verbs.level_of_first(own) * verbs.draw_amount(buyer, amounts)
            is_alive, found = verbs.draw_latents(law, history, latents, key, draws[d])
            if not is_alive:
                continue
            open_stream(events, streams.events[i], draws[d])
            ends = verbs.draw_span(found, events)
            time = verbs.draw_gap(found, True, events)
            passed = passed_until(customer, d, time) * days
            if passed > last or time >= ends:
                continue
            if with_spend and not with_first:
                buyer = verbs.draw_buyer(verbs.at(spend, g, d), verbs.NOTHING_SPENT, latents, key, draws[d])
                open_stream(amounts, streams.amounts[i], draws[d])
            before = 0.0
            while passed <= last:
                day = max(math.ceil(passed), 1.0)
                if day > before:
                    frequency[i, d] += 1
                    if with_spend:
                        z = verbs.draw_amount(buyer, amounts)
                        total[i, d] += z
                        log_total[i, d] += math.log(z)
                before = day
                if verbs.draw_leaving(found, events):
                    break
                time += verbs.draw_gap(found, False, events)
                if time >= ends:
                    break
                passed = passed_until(customer, d, time) * days
            recency[i, d] = before / days
