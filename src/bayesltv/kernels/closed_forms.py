"""The closed-form columns of a score table, averaged over posterior draws, once per distinct history."""

from typing import NamedTuple

import numpy as np

from bayesltv.families import verbs
from bayesltv.kernels.block import spent_of
from bayesltv.kernels.calendar import ahead_of, history_at, is_same_present, soon_of, stand
from bayesltv.kernels.expected import expect, lay, median_wait, scratch_of
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.compile import compiled, inlined

COLUMNS = ("p_alive", "p_purchase_30d", "p_purchase_90d", "p_purchase_horizon", "expected_purchases")


class Forms(NamedTuple):
    """Closed forms of cells.

    Attributes
    ----------
    means : ndarray of float64, shape (5, cell)
        Averages over draws of ``COLUMNS``.
    discounted, time_alive : ndarray of float64, shape (cell, draw)
        Expected discounted purchases and discounted time alive per draw.
    waits : ndarray of float64, shape (cell,)
        Median time to the next purchase, NaN where P(buys again within a century) <= 0.5.
    """

    means: Floats
    discounted: Floats
    time_alive: Floats
    waits: Floats


@compiled
def _fill_given_alive(customer, purchase, group, terms, given, futures, scratch):
    """Fill the rows of `given` and the futures: what is true given alive, whatever the recency."""
    horizon, discount, month, quarter, _ = terms
    for d in range(verbs.draws_of(purchase)):
        verbs.put(futures, d, verbs.given_alive(verbs.at(purchase, group, d), history_at(customer, d)))
    nodes = lay(customer, futures, discount, scratch)
    for d in range(verbs.draws_of(purchase)):
        soon, later = soon_of(customer, d, month, quarter)
        verbs.fill_bought(futures, d, 0, soon, given)
        verbs.fill_bought(futures, d, 1, later, given)
        verbs.fill_bought(futures, d, 2, ahead_of(customer, d, horizon), given)
        expect(customer, d, futures, terms, nodes, scratch, given)


@compiled
def closed_forms(people, purchase, clock, terms, forms):
    """Fill the closed forms of each cell.

    Neighbours that differ in recency alone share what is true given alive: order cells by group, x, T, t_x.

    Parameters
    ----------
    people : People
        Of the cells.
    purchase : law of a family by (group, draw)
    clock : Still or Running
    terms : tuple of float
        Horizon H, continuous discount rate δ, 30 and 90 days, a century; all in the time unit.
    forms : Forms
        Filled here.
    """
    n_draws = verbs.draws_of(purchase)
    stages, futures, alive = verbs.stages_of(purchase), verbs.room_for(purchase, n_draws), np.empty(n_draws)
    given, shares, scratch = np.empty((6, stages, n_draws)), np.empty(stages), scratch_of(clock)
    for i in range(people.group.size):
        customer, g = stand(clock, people, i), people.group[i]
        if i == 0 or not _is_same_future(clock, people, i, i - 1):
            _fill_given_alive(customer, purchase, g, terms, given, futures, scratch)
        sums = np.zeros(5)
        for d in range(n_draws):
            law, history = verbs.at(purchase, g, d), history_at(customer, d)
            share = 1.0 / verbs.inverse_p_alive(law, history)
            verbs.stage_shares(law, history, futures, d, shares)
            alive[d] = share
            sums[0] += share
            for row in range(4):
                sums[row + 1] += share * _over_stages(shares, given, row, d)
            forms.discounted[i, d] = share * _over_stages(shares, given, 4, d)
            forms.time_alive[i, d] = share * _over_stages(shares, given, 5, d)
        forms.means[:, i] = sums / n_draws
        forms.waits[i] = median_wait(customer, futures, alive, terms[4])


@inlined
def _over_stages(shares, given, row, draw):
    total = shares[0] * given[row, 0, draw]
    for stage in range(1, shares.size):
        total += shares[stage] * given[row, stage, draw]
    return total


@compiled
def _is_same_future(clock, people, i, j):
    """Whether two cells differ in recency alone, which matters no more to those who are alive at a stage."""
    same = people.group[i] == people.group[j] and people.histories[0, i] == people.histories[0, j]
    return same and people.histories[1, i] == people.histories[1, j] and is_same_present(clock, people, i, j)


@compiled
def alive_draws(people, purchase, clock, out):
    """Fill `out`, shape (customer, draw), with P(alive) of each customer or cell at each draw."""
    for i in range(people.group.size):
        customer = stand(clock, people, i)
        for d in range(verbs.draws_of(purchase)):
            law = verbs.at(purchase, people.group[i], d)
            out[i, d] = 1.0 / verbs.inverse_p_alive(law, history_at(customer, d))


@compiled
def value_means(cell, people, spend, forms, terms, spend_mean, value_mean):
    """Fill each customer's expected spend per purchase and expected value, averaged over draws last.

    Parameters
    ----------
    cell : ndarray of int64, shape (customer,)
        Where the customer's history stands in `forms`.
    people : People
    spend : law of a family by (group, draw)
    forms : Forms
        From `closed_forms`.
    terms : tuple of float
        Share of spend that is margin; service cost per unit of time alive.
    spend_mean, value_mean : ndarray of float64, shape (customer,)
        Filled; NaN where spend has no mean in some draw.
    """
    n_draws, (margin, service) = verbs.draws_of(spend), terms
    for i in range(cell.size):
        g, c = people.group[i], cell[i]
        spent, worth = 0.0, 0.0
        for d in range(n_draws):
            mean = verbs.expected_amount(verbs.at(spend, g, d), spent_of(people, i))
            spent += mean
            worth += margin * forms.discounted[c, d] * mean - service * forms.time_alive[c, d]
        spend_mean[i], value_mean[i] = spent / n_draws, worth / n_draws


@compiled
def expected_values(cell, people, spend, forms, terms, value):
    """Fill each customer's expected value at each draw of the parameters.

    Parameters
    ----------
    cell, people, spend, forms, terms
        As in ``closed_forms.value_means``.
    value : ndarray of float64, shape (customer, draw)
        Filled; NaN where spend has no mean.
    """
    margin, service = terms
    for i in range(cell.size):
        g, c = people.group[i], cell[i]
        for d in range(value.shape[1]):
            mean = verbs.expected_amount(verbs.at(spend, g, d), spent_of(people, i))
            value[i, d] = margin * forms.discounted[c, d] * mean - service * forms.time_alive[c, d]
