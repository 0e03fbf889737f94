"""Stages and early warnings of a block of customers, averaged over draws of their latents.

The latents are the first numbers of each customer's latent stream: the very draws that `predict` starts from.
"""

import math

import numpy as np

from bayesltv.kernels.compile import compiled
from bayesltv.kernels.latents import draw_purchase_latents
from bayesltv.kernels.stretches import history_at, live, passed_within, today_of

NEW, LAPSED, AT_RISK, ACTIVE = range(4)
"""Rows of `shares` and `counts`, in the order of precedence."""
DROPS_OUT, NO_PURCHASE, VALUE_AT_RISK = range(3)
"""Rows of `warnings`."""


@compiled
def _stage(is_new, alive, silent, drops, lam, patience, limit):
    if is_new:
        return NEW
    if not alive:
        return LAPSED
    return AT_RISK if silent * lam > patience or drops > limit else ACTIVE


@compiled
def draw_stages(
    keys, draws, customers, places, group, clocks, times, edges, purchase, spend, terms, limits, shares,
    warnings, counts,
):  # fmt: skip
    """Fill what a block of customers is like, and who slips away.

    Given alive, λ and p, a customer drops out within h with probability 1 − e^{−λph}, and the money that
    goes with it is margin ζ e^{−δh} (1 − e^{−λph}) λ (1 − e^{−q₂(H−h)})/q₂, q₂ = λp + δ: what one who is
    still there at h buys in (h, H]. ζ is the mean of the customer's spend given the hyperparameters. Under a
    clock silence and what is left are counted in operational time; h, H and how long one is new are calendar.

    Parameters
    ----------
    keys : ndarray of uint64, shape (customer,)
        Keys of the latent stream.
    draws : ndarray of uint64, shape (draw,)
        Number of each posterior draw.
    customers : ndarray of float64, shape (6, customer)
        x, k, t_x, T, count of positive repeat amounts, their sum.
    places, clocks, times, edges
        As in ``actions.evaluate_actions``.
    group : ndarray of int32, shape (customer,)
    purchase : ndarray of float64, shape (4, group, draw)
        r, alpha (a rate), a, b.
    spend : ndarray of float64, shape (3, group, draw), or (3, 0, 0) without a spend model
        p, q, v (a rate).
    terms : tuple of float
        Horizon H, continuous discount rate δ per unit, margin, service cost (not used: it is saved, not
        lost, when a customer drops out).
    limits : tuple of float
        Time that a customer is new; −ln(1 − q) of the overdue quantile q; h (at most H); probability of
        dropout within h above which a customer is at risk.
    shares : ndarray of float64, shape (4, customer)
        Filled with the share of draws in each stage.
    warnings : ndarray of float64, shape (3, customer)
        Filled with P(alive now and drops out within h), P(no purchase within h), value at risk; the last is
        NaN where mean spend is infinite in some draw, and 0 without a spend model.
    counts : ndarray of int64, shape (4, draw)
        Filled with the customers in each stage.
    """
    horizon, discount, margin, _ = terms
    new_within, patience, ahead, limit = limits
    later = margin * math.exp(-discount * ahead)
    state = np.empty(4, np.uint64)
    counts[:, :] = 0
    for i in range(keys.size):
        x, k, count, total = customers[0, i], customers[1, i], customers[4, i], customers[5, i]
        g = group[i]
        segment, today = today_of(places, i, edges)
        is_new = x == 0.0 and new_within >= customers[3, i]
        stages = np.zeros(4)
        drops_out, silent, at_risk = 0.0, 0.0, 0.0
        for d in range(draws.size):
            table = times[clocks[g], d]
            t_x, T = history_at(places, i, table)
            road = table, edges, segment, today
            passed = passed_within(road, ahead)
            r, alpha, a, b = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d], purchase[3, g, d]
            alive, lam, coin = draw_purchase_latents(state, keys[i], draws[d], x, k, t_x, T, r, alpha, a, b)
            drops = -math.expm1(-lam * coin * passed)
            stage = _stage(is_new, alive, T - t_x, drops, lam, patience, limit)
            stages[stage] += 1.0
            counts[stage, d] += 1
            mean = 0.0
            if spend.shape[1] > 0:
                excess = spend[0, g, d] * count + spend[1, g, d] - 1.0
                mean = spend[0, g, d] * (spend[2, g, d] + total) / excess if excess > 0.0 else np.nan
            if alive:
                drops_out += drops
                silent += math.exp(-lam * passed)
                left = live(road, ahead, horizon, lam, coin, discount)[0]
                at_risk += later * mean * drops * lam * left
            else:
                silent += 1.0
                at_risk += 0.0 * mean
        shares[:, i] = stages / draws.size
        warnings[DROPS_OUT, i] = drops_out / draws.size
        warnings[NO_PURCHASE, i] = silent / draws.size
        warnings[VALUE_AT_RISK, i] = at_risk / draws.size
