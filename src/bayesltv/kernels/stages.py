"""Stages and early warnings of a block of customers, averaged over draws of their latents.

The latents are the first numbers of each customer's latent stream: the very draws that `predict` starts from.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesltv.families import verbs
from bayesltv.kernels.block import spent_of
from bayesltv.kernels.calendar import history_at, road_of, stand
from bayesltv.kernels.stretches import live, passed_within
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.compile import compiled

NEW, LAPSED, AT_RISK, ACTIVE = range(4)
"""Rows of `shares` and `counts`, in the order of precedence."""
DROPS_OUT, NO_PURCHASE, VALUE_AT_RISK = range(3)
"""Rows of `warnings`."""


class Found(NamedTuple):
    """What is filled.

    Attributes
    ----------
    shares : ndarray of float64, shape (4, customer)
        Share of draws in each stage.
    warnings : ndarray of float64, shape (3, customer)
        P(alive now and drops out within h), P(no purchase within h), value at risk; the last is NaN where
        mean spend is infinite in some draw, and 0 without a spend model.
    counts : ndarray of int64, shape (4, draw)
        Customers in each stage.
    """

    shares: Floats
    warnings: Floats
    counts: Integers


@compiled
def _stage(is_new, alive, is_late, drops, limit):
    if is_new:
        return NEW
    if not alive:
        return LAPSED
    return AT_RISK if is_late or drops > limit else ACTIVE


@compiled
def draw_stages(streams, people, laws, clock, terms, limits, found):
    """Fill what a block of customers is like, and who slips away.

    Given alive, λ and p, a customer drops out within h with probability 1 − e^{−λph}, and the money that
    goes with it is margin ζ e^{−δh} (1 − e^{−λph}) λ (1 − e^{−q₂(H−h)})/q₂, q₂ = λp + δ: what one who is
    still there at h buys in (h, H]. ζ is the mean of the customer's spend given the hyperparameters. Under a
    clock silence and what is left are counted in operational time; h, H and how long one is new are calendar.

    Parameters
    ----------
    streams : Streams
    people : People
    laws : Laws
    clock : Still or Running
    terms : tuple of float
        Horizon H, continuous discount rate δ per unit, margin, service cost (not used: it is saved, not
        lost, when a customer drops out).
    limits : tuple of float
        Time that a customer is new; −ln(1 − q) of the overdue quantile q; h (at most H); probability of
        dropout within h above which a customer is at risk.
    found : Found
        Filled here.
    """
    horizon, discount, margin, _ = terms
    new_within, patience, ahead, limit = limits
    (purchase, spend), (shares, warnings, counts) = laws, found
    worth = margin * math.exp(-discount * ahead)
    state, draws = np.empty(4, np.uint64), streams.draws
    counts[:, :] = 0
    for i in range(people.group.size):
        g, key, customer = people.group[i], streams.latents[i], stand(clock, people, i)
        is_new = people.histories[0, i] == 0.0 and new_within >= people.histories[3, i]
        stages = np.zeros(4)
        drops_out, silent, at_risk = 0.0, 0.0, 0.0
        for d in range(draws.size):
            history, road = history_at(customer, d), road_of(customer, d)
            passed = passed_within(road, ahead)
            alive, latents = verbs.draw_latents(verbs.at(purchase, g, d), history, state, key, draws[d])
            drops = verbs.drops_out_within(latents, passed)
            is_late = verbs.is_overdue(latents, history.T - history.t_x, patience)
            stage = _stage(is_new, alive, is_late, drops, limit)
            stages[stage] += 1.0
            counts[stage, d] += 1
            mean = 0.0
            if verbs.is_modelled(spend):
                mean = verbs.expected_amount(verbs.at(spend, g, d), spent_of(people, i))
            if alive:
                drops_out += drops
                silent += verbs.silent_within(latents, passed)
                left = live(road, ahead, horizon, verbs.later(latents, passed), discount)[0]
                at_risk += worth * mean * drops * verbs.rate_of(latents) * left
            else:
                silent += 1.0
                at_risk += 0.0 * mean
        shares[:, i] = stages / draws.size
        warnings[DROPS_OUT, i] = drops_out / draws.size
        warnings[NO_PURCHASE, i] = silent / draws.size
        warnings[VALUE_AT_RISK, i] = at_risk / draws.size
