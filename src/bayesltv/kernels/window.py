"""What customers do in a window whose time passes faster or slower for them: likelihoods and expectations.

A factor on the purchase rate in a window is operational time (Lewis & Shedler 1979): all that is true of a
horizon H without it is true of `factor` × H with it, so that the laws of a family serve as they are.
"""

import math

import numpy as np

from bayesltv.families import verbs
from bayesltv.kernels.block import spent_of
from bayesltv.kernels.calendar import ahead_of, history_at, stand
from bayesltv.numerics.compile import compiled, inlined
from bayesltv.numerics.quadrature import work_space

_SMALLEST = 1e-300


@inlined
def _p_bought(futures, shares, time):
    """Return P(buys within `time`) of who is alive, at whichever stage."""
    total = 0.0
    for stage in range(shares.size):
        total += shares[stage] * verbs.p_bought(verbs.at(futures, stage, 0), time)
    return total


@inlined
def _expected(futures, shares, time, work):
    """Return the purchases expected within `time` of who is alive, at whichever stage."""
    total = 0.0
    for stage in range(shares.size):
        total += shares[stage] * verbs.expected(verbs.at(futures, stage, 0), time, 0.0, work)[0]
    return total


@compiled
def log_window_counts(people, counts, purchase, clock, horizon, factors, draw, out):
    """Fill the log probability of what each customer or cell bought in the horizon, at each factor.

    Parameters
    ----------
    people : People
    counts : ndarray of int64, shape (customer,)
        Purchases; negative where all that is known is that there were some.
    purchase : law of a family by (group, draw)
    clock : Still or Running
    horizon : float
        In the time unit; with a running clock the places say it.
    factors : ndarray of float64, shape (factor,)
    draw : int
        The posterior draw.
    out : ndarray of float64, shape (customer, factor)
    """
    futures, shares = verbs.room_for(purchase, 1), np.empty(verbs.stages_of(purchase))
    for i in range(counts.size):
        customer, law = stand(clock, people, i), verbs.at(purchase, people.group[i], draw)
        history, ahead = history_at(customer, draw), ahead_of(customer, draw, horizon)
        alive, future = 1.0 / verbs.inverse_p_alive(law, history), verbs.given_alive(law, history)
        verbs.put(futures, 0, future)
        verbs.stage_shares(law, history, futures, 0, shares)
        for j in range(factors.size):
            time = factors[j] * ahead
            if counts[i] < 0:
                chance = alive * _p_bought(futures, shares, time)
            else:
                chance = verbs.count_probability(future, counts[i], time, alive)
            out[i, j] = math.log(max(chance, _SMALLEST))


@compiled
def expected_in_window(people, purchase, clock, horizon, factors, draw, bought, purchases):
    """Fill P(bought) and the expected number of purchases, both of shape (customer, factor).

    Parameters are those of `log_window_counts`.
    """
    futures, shares, work = verbs.room_for(purchase, 1), np.empty(verbs.stages_of(purchase)), work_space()
    for i in range(people.group.size):
        customer, law = stand(clock, people, i), verbs.at(purchase, people.group[i], draw)
        history, ahead = history_at(customer, draw), ahead_of(customer, draw, horizon)
        verbs.put(futures, 0, verbs.given_alive(law, history))
        verbs.stage_shares(law, history, futures, 0, shares)
        alive = 1.0 / verbs.inverse_p_alive(law, history)
        for j in range(factors.size):
            bought[i, j] = alive * _p_bought(futures, shares, factors[j] * ahead)
            purchases[i, j] = alive * _expected(futures, shares, factors[j] * ahead, work)


@compiled
def log_window_amounts(people, spend, baskets, factors, shape, draw, out):
    """Fill the log density of what customers spent, where the mean of an order is multiplied by a factor.

    Parameters
    ----------
    people : People
    spend : law of a family by (group, draw)
    baskets : tuple of ndarray of float64, shape (customer,)
        Money; of how many orders; what the mean is multiplied by beside the factor.
    factors : ndarray of float64, shape (factor,)
    shape : float
        Of one order's amount.
    draw : int
    out : ndarray of float64, shape (customer, factor)
    """
    spent, orders, usual = baskets
    for i in range(spent.size):
        law, before = verbs.at(spend, people.group[i], draw), spent_of(people, i)
        for j in range(factors.size):
            factor = factors[j] * usual[i]
            out[i, j] = verbs.log_spent(law, before, spent[i], orders[i], factor, shape)


@compiled
def mean_amounts(people, spend, draw, out):
    """Fill the mean of an order, shape (customer,); a large number where it is infinite."""
    for i in range(out.size):
        law = verbs.at(spend, people.group[i], draw)
        out[i] = verbs.finite_amount(law, spent_of(people, i))
