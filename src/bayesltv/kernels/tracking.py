"""Simulated purchases and spend by bin of the calendar, or by age of cohorts, summed inside each draw."""

import math
from typing import NamedTuple

import numpy as np

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
    level_of_first,
    next_purchase,
    nobody,
)
from bayesltv.kernels.block import spent_of
from bayesltv.kernels.calendar import ahead_of, history_at, passed_until, stand
from bayesltv.kernels.futures import bounds_of_history, is_same_history
from bayesltv.numerics.arrays import Floats, Integers
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

    start: Floats
    until: float
    width: float
    step: float
    counts: Integers
    money: Integers


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


class Standing(NamedTuple):
    """Where the customers of cohorts stand; shapes (customer,).

    Attributes
    ----------
    cohort : ndarray of int64
    age, last : ndarray of int64
        Whole days from the first purchase to the end of observation, and to the last purchase.
    birth : ndarray of int64
        Whole days from the cohort's first day to the customer's first purchase.
    ahead : ndarray of float64
        Each customer's own horizon, in time units.
    """

    cohort: Integers
    age: Integers
    last: Integers
    birth: Integers
    ahead: Floats


class AgeCounts(NamedTuple):
    """Sums of int64 by cohort, draw and day of age 0, 1, ...; a first axis of 2 adds days of the cohort.

    Attributes
    ----------
    bought, second : ndarray, shape (cohort, draw, day)
        Purchases, and customers' second purchases.
    active : ndarray, shape (cohort, draw, period)
        Customers who have bought in a period of their age; period 0 is the first day.
    money : ndarray, shape (1 or 2, cohort, draw, day)
        In steps: by the customer's age and, where asked, by the cohort's.
    gone : ndarray, shape (0, 1 or 2, cohort, draw, day)
        Customers who are seen to leave: nothing where nobody asks.
    """

    bought: Integers
    second: Integers
    active: Integers
    money: Integers
    gone: Integers


@compiled
def _add_at(sums, cohort, draw, age, birth, number):
    """Add to a day of age and, where it is asked for, to the day of the cohort."""
    if age < sums.shape[3]:
        sums[0, cohort, draw, age] += number
    if sums.shape[0] > 1 and age + birth < sums.shape[3]:
        sums[1, cohort, draw, age + birth] += number


@compiled
def count_by_age(streams, people, laws, clock, standing, scale, counts):
    """Add what a block of customers does, from now to each one's own horizon, to the days of their age.

    Streams are read as `bayesltv.kernels.futures.draw_futures` reads them: a longer horizon only lengthens
    the path, so that every prefix is that of ``predict``. Neighbours with equal histories share what depends
    on the history alone.

    Parameters
    ----------
    streams : Streams
    people : People
    laws : Laws
    clock : Still or Running
    standing : Standing
    scale : tuple
        Days per time unit, days per period, money of one step.
    counts : AgeCounts
        Added to here.
    """
    (purchase, spend), (bought, second, active, money, gone) = laws, counts
    cohort, age, last, birth, horizon = standing
    days_per_unit, width, step = scale
    latents, coins, events = np.empty(4, np.uint64), np.empty(4, np.uint64), np.empty(4, np.uint64)
    amounts, with_spend, draws = np.empty(4, np.uint64), is_modelled(spend), streams.draws
    inverse, silent = np.empty(draws.size), np.empty(draws.size)
    oldest, periods, asks_gone = bought.shape[2] - 1, active.shape[2], gone.shape[0] > 0
    for i in range(people.group.size):
        g, c, key, customer = people.group[i], cohort[i], streams.latents[i], stand(clock, people, i)
        if i == 0 or horizon[i] != horizon[i - 1] or not is_same_history(clock, people, i, i - 1):
            bounds_of_history(purchase, g, customer, horizon[i], inverse, silent)
        is_new = people.histories[0, i] == 0
        for d in range(draws.size):
            open_stream(latents, key, draws[d])
            if not draw_alive(latents, inverse[d]):
                if asks_gone:
                    _add_at(gone, c, d, last[i], birth[i], 1)
                continue
            u = uniform(latents)
            if u <= silent[d]:
                continue
            law, history = at(purchase, g, d), history_at(customer, d)
            time, ahead = first_wait(law, history, u), ahead_of(customer, d, horizon[i])
            if time >= ahead:
                continue
            life, buyer = begin_life(law, history, time, latents, coins, key, draws[d]), nobody(spend)
            open_stream(events, streams.events[i], draws[d])
            if with_spend:
                buyer = draw_buyer(at(spend, g, d), spent_of(people, i), amounts, key, draws[d])
                open_stream(amounts, streams.amounts[i], draws[d])
            n, place, seen = 0, age[i], (last[i] + width - 1) // width
            while time < ahead:
                n += 1
                passed = passed_until(customer, d, time) * days_per_unit
                place = min(age[i] + math.ceil(passed - 1e-9), oldest)
                bought[c, d, place] += 1
                if is_new and n == 1:
                    second[c, d, place] += 1
                period = (place + width - 1) // width
                if period != seen and period < periods:
                    active[c, d, period] += 1
                seen = period
                if with_spend:
                    _add_at(
                        money, c, d, place, birth[i], np.int64(np.rint(draw_amount(buyer, amounts) / step))
                    )
                life, time = next_purchase(life, n, time, coins, events)
            if asks_gone and time == math.inf:
                _add_at(gone, c, d, place, birth[i], 1)


@compiled
def count_first_amounts(streams, people, spend, cohort, step, money):
    """Add what new customers pay on their first day, of the same buyers as their later amounts.

    Parameters
    ----------
    streams : Streams
        Keys of amounts are those of first ones.
    people : People
        Histories of zeros.
    spend : law of a family by (group, draw)
    cohort : ndarray of int64, shape (customer,)
    step : float
        Money of one step.
    money : ndarray of int64, shape (cohort, draw)
        In steps; added to here.
    """
    state = np.empty(4, np.uint64)
    for i in range(people.group.size):
        for d in range(streams.draws.size):
            law = at(spend, people.group[i], d)
            buyer = draw_buyer(law, spent_of(people, i), state, streams.latents[i], streams.draws[d])
            open_stream(state, streams.amounts[i], streams.draws[d])
            amount = level_of_first(law) * draw_amount(buyer, state)
            money[cohort[i], d] += np.int64(np.rint(amount / step))
