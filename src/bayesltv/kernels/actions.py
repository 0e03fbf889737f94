"""What an action does to a customer's purchases and money, in closed form given the latents.

An action changes the process. In a window W a customer who is alive buys at rate mλ, drops out after a
purchase with probability p₁ = min(1, kp) and spends (1+s)ζ an order; for a time W' after it the rate is m'λ;
then all is as it was. Windows and discounting are calendar time; rates are per unit of operational time where
customers share a clock. What each stretch holds is in closed form (`bayesltv.kernels.stretches`).

A customer who has dropped out comes back with probability ρ, buys at once, and if the coin after that
purchase allows lives a second life at the rates λ₂ = m₂λ and p₂ = min(1, k₂p).
"""

import math
from typing import NamedTuple

import numpy as np

from bayesltv.families import verbs
from bayesltv.kernels.block import spent_of
from bayesltv.kernels.calendar import history_at, road_of, stand
from bayesltv.kernels.stretches import live, time_after
from bayesltv.numerics.arrays import Codes, Floats
from bayesltv.numerics.compile import compiled, inlined
from bayesltv.numerics.random_numbers import open_stream, uniform

RATE, RATE_AFTER, DROPOUT, SPEND, MARGIN, REACTIVATION, SECOND_RATE, SECOND_DROPOUT, REDEMPTION = range(9)
"""Rows of `effects`: m, m', k, 1+s, factor on the margin, ρ, m₂, k₂, chance that an order redeems."""
WINDOW, AFTER, DEPTH, PER_REDEMPTION, SINGLE_USE, CAP, CONTACT, RUNNING, PRICE, WINS_BACK = range(10)
"""Columns of `offers`, one row per action."""
GAIN, NEW_DISCOUNT, SUBSIDY, CONTACTED, RAN, SERVED = range(6)
"""Parts of the profit and loss: what is gained, and five costs that are taken off."""
PARTS = 6


class Offers(NamedTuple):
    """What may be done to a block of customers.

    Attributes
    ----------
    effects : ndarray of float64, shape (action, cell, draw, 9)
    offers : ndarray of float64, shape (action, 10)
    cell : ndarray of int32, shape (action, customer)
        Cell of the test that the action's effects come from; 0 without one.
    terms : tuple of float
        Horizon H, continuous discount rate δ, margin, service cost per unit of time alive.
    """

    effects: Floats
    offers: Floats
    cell: Codes
    terms: tuple[float, float, float, float]


@compiled
def net_of(parts):
    """Return what is left of the gain after all costs, always added in the same order."""
    costs = parts[NEW_DISCOUNT] + parts[SUBSIDY] + parts[CONTACTED] + parts[RAN] + parts[SERVED]
    return parts[GAIN] - costs


@compiled
def redemptions(road, latents, redeems, single_use, until, discount):
    """Return the expected discounted number of orders that redeem within `until`, of a customer alive now.

    Where only one order can redeem, a customer who has not yet redeemed stops being one at the rate
    u(r + (1−r)p): by redeeming or by dropping out.
    """
    left = verbs.stopping(latents, redeems) if single_use else latents
    return redeems * verbs.rate_of(latents) * live(road, 0.0, until, left, discount)[0]


@compiled
def capped_redemptions(state, road, latents, buyer, lift, redeems, offer, discount):
    """Return one customer's discounted redemptions in money, simulated order by order up to the cap."""
    if not 0.0 <= verbs.rate_of(latents) < math.inf:
        return math.nan
    left, paid, ends = offer[CAP], 0.0, verbs.draw_span(latents, state)
    passed = verbs.draw_gap(latents, True, state)
    while left > 0.0 and passed < ends:
        time = time_after(road, passed)
        if not time < offer[WINDOW]:
            break
        is_redeemed, amount = uniform(state) < redeems, verbs.draw_amount(buyer, state)
        drops_out = verbs.draw_leaving(latents, state)
        if is_redeemed:
            given = min(left, offer[DEPTH] * lift * amount + offer[PER_REDEMPTION])
            left = 0.0 if offer[SINGLE_USE] > 0.0 else left - given
            paid += given * math.exp(-discount * time)
        if drops_out:
            break
        passed += verbs.draw_gap(latents, False, state)
    return paid


@compiled
def act_on_alive(state, road, latents, buyer, effect, offer, terms, parts):
    """Fill the profit and loss of an action on a customer who is alive.

    Parameters
    ----------
    state : ndarray of uint64, shape (4,)
        Stream of the redemptions; used only where there is a cap.
    road : tuple
        The calendar ahead: see ``stretches.live``.
    latents : latents of a family
    buyer : what the amounts of the customer need
        See ``families.verbs``.
    effect : ndarray of float64, shape (9,)
    offer : ndarray of float64, shape (10,)
    terms : tuple of float
        Horizon H, continuous discount rate δ, margin, service cost per unit of time alive.
    parts : ndarray of float64, shape (6,)
        Filled here, in money.
    """
    horizon, discount, margin, service = terms
    window = min(offer[WINDOW], horizon)
    ends = window + min(offer[AFTER], horizon - window)
    zeta, fast = verbs.usual_amount(buyer), verbs.changed(latents, effect[RATE], effect[DROPOUT])

    bought_without, lived_without, _, _ = live(road, 0.0, horizon, latents, discount)
    bought_within, lived_within, weight, then = live(road, 0.0, window, fast, discount)
    slow = verbs.as_far_as(verbs.changed(latents, effect[RATE_AFTER], 1.0), then)
    bought_after, lived_after, fading, then = live(road, window, ends, slow, discount)
    bought_rest, lived_rest, _, _ = live(road, ends, horizon, verbs.as_far_as(latents, then), discount)
    rest = weight * fading

    earned = margin * effect[MARGIN] + offer[PRICE] - 1.0
    after = verbs.rate_of(slow) * weight * bought_after + verbs.rate_of(latents) * (
        rest * bought_rest - bought_without
    )
    parts[GAIN] = earned * effect[SPEND] * zeta * verbs.rate_of(fast) * bought_within + margin * zeta * after
    parts[CONTACTED] = offer[CONTACT]
    parts[RAN] = offer[RUNNING] * lived_within
    parts[SERVED] = service * (lived_within + weight * lived_after + rest * lived_rest - lived_without)
    parts[SUBSIDY], parts[NEW_DISCOUNT] = 0.0, 0.0
    if offer[DEPTH] > 0.0 or offer[PER_REDEMPTION] > 0.0:
        redeems, once = effect[REDEMPTION], offer[SINGLE_USE] > 0.0
        if offer[CAP] < math.inf:
            begin = state.copy()
            lift = effect[SPEND]
            given = capped_redemptions(state, road, fast, buyer, lift, redeems, offer, discount)
            parts[SUBSIDY] = capped_redemptions(begin, road, latents, buyer, 1.0, redeems, offer, discount)
        else:
            lifted = offer[DEPTH] * effect[SPEND] * zeta + offer[PER_REDEMPTION]
            given = lifted * redemptions(road, fast, redeems, once, window, discount)
            worth = offer[DEPTH] * zeta + offer[PER_REDEMPTION]
            parts[SUBSIDY] = worth * redemptions(road, latents, redeems, once, window, discount)
        parts[NEW_DISCOUNT] = given - parts[SUBSIDY]


@compiled
def act_on_lapsed(road, latents, zeta, effect, offer, terms, parts):
    """Fill the profit and loss of an action on a customer who has dropped out; only a win-back brings any.

    The purchase that redeems is made at once and counted once; a second life follows it with probability
    1 − p₂, or surely where no coin follows a purchase.
    """
    horizon, discount, margin, service = terms
    parts[:] = 0.0
    parts[CONTACTED] = offer[CONTACT]
    if offer[WINS_BACK] > 0.0:
        back = effect[REACTIVATION]
        second = verbs.reborn(verbs.changed(latents, effect[SECOND_RATE], effect[SECOND_DROPOUT]))
        bought, lived, _, _ = live(road, 0.0, horizon, second, discount)
        parts[GAIN] = back * margin * zeta * (1.0 + verbs.rate_of(second) * verbs.stays(second) * bought)
        parts[NEW_DISCOUNT] = back * min(offer[CAP], offer[DEPTH] * zeta + offer[PER_REDEMPTION])
        parts[SERVED] = back * service * verbs.stays(second) * lived


@inlined
def _draw_latents(streams, people, laws, customer, i, draw, state):
    """Return alive, the latents and the buyer that customer `i` is at a draw."""
    g, key, number = people.group[i], streams.latents[i], streams.draws[draw]
    law, history = verbs.at(laws.purchase, g, draw), history_at(customer, draw)
    alive, latents = verbs.draw_latents(law, history, state, key, number)
    return (
        alive,
        latents,
        verbs.draw_buyer(verbs.at(laws.spend, g, draw), spent_of(people, i), state, key, number),
    )


@inlined
def _act(state, road, found, effect, offer, terms, parts):
    alive, latents, buyer = found
    if alive:
        act_on_alive(state, road, latents, buyer, effect, offer, terms, parts)
    else:
        act_on_lapsed(road, latents, verbs.usual_amount(buyer), effect, offer, terms, parts)


@compiled
def evaluate_actions(streams, people, laws, clock, offers, eligible, net, means):
    """Fill the net value of each eligible action by draw, and the means of its parts over draws.

    Parameters
    ----------
    streams : Streams
        The latents', which `predict` starts from too; as events the redemptions.
    people : People
    laws : Laws
    clock : Still or Running
    offers : Offers
    eligible : ndarray of bool, shape (customer, action)
    net : ndarray of float64, shape (customer, action, draw)
        Filled here; 0 where not eligible.
    means : ndarray of float64, shape (customer, action, 6)
        Filled here; 0 where not eligible.
    """
    state, redeeming, parts = np.empty(4, np.uint64), np.empty(4, np.uint64), np.zeros(PARTS)
    effects, terms_of, cell, terms = offers
    n_actions, n_draws = terms_of.shape[0], streams.draws.size
    net[:] = 0.0
    means[:] = 0.0
    for i in range(people.group.size):
        if not eligible[i].any():
            continue
        customer = stand(clock, people, i)
        for d in range(n_draws):
            road, found = road_of(customer, d), _draw_latents(streams, people, laws, customer, i, d, state)
            for a in range(n_actions):
                if eligible[i, a]:
                    if terms_of[a, CAP] < math.inf:
                        open_stream(redeeming, streams.events[i], streams.draws[d])
                    _act(redeeming, road, found, effects[a, cell[a, i], d], terms_of[a], terms, parts)
                    net[i, a, d] = net_of(parts)
                    for part in range(PARTS):
                        means[i, a, part] += parts[part]
        for a in range(n_actions):
            for part in range(PARTS):
                means[i, a, part] /= n_draws


@compiled
def add_up_policies(streams, people, laws, clock, offers, assigned, step, sums):
    """Add a block's profit and loss to the totals of several policies, draw by draw.

    The latents are drawn again from the same streams, so that nothing of size customers × actions × draws is
    kept between two walks.

    Parameters
    ----------
    streams, people, laws, clock, offers
        As in `evaluate_actions`.
    assigned : ndarray of int32, shape (policy, customer)
        Number of the action; negative: none.
    step : float
        Money of one step of the sums.
    sums : ndarray of int64, shape (policy, action, 6, draw)
        Added to: exact, whatever the order.
    """
    state, redeeming, parts = np.empty(4, np.uint64), np.empty(4, np.uint64), np.zeros(PARTS)
    effects, terms_of, cell, terms = offers
    n_policies, n_actions = assigned.shape[0], terms_of.shape[0]
    wanted, steps = np.zeros(n_actions, np.bool_), np.zeros((n_actions, PARTS), np.int64)
    for i in range(people.group.size):
        wanted[:] = False
        for policy in range(n_policies):
            if assigned[policy, i] >= 0:
                wanted[assigned[policy, i]] = True
        if not wanted.any():
            continue
        customer = stand(clock, people, i)
        for d in range(streams.draws.size):
            road, found = road_of(customer, d), _draw_latents(streams, people, laws, customer, i, d, state)
            for a in range(n_actions):
                if wanted[a]:
                    if terms_of[a, CAP] < math.inf:
                        open_stream(redeeming, streams.events[i], streams.draws[d])
                    _act(redeeming, road, found, effects[a, cell[a, i], d], terms_of[a], terms, parts)
                    for part in range(PARTS):
                        steps[a, part] = round(parts[part] / step)
            for policy in range(n_policies):
                a = assigned[policy, i]
                if a >= 0:
                    for part in range(PARTS):
                        sums[policy, a, part, d] += steps[a, part]


@compiled
def evaluate_at_means(people, laws, clock, offers, eligible, net, cost):
    """Fill what actions seem worth where means take the place of all that is uncertain.

    Parameters
    ----------
    people, laws, clock, offers, eligible
        As in `evaluate_actions`, with one draw, of means; caps are left out.
    net, cost : ndarray of float64, shape (customer, action)
        Filled here; 0 where not eligible.
    """
    state, alive_parts, lapsed_parts = np.zeros(4, np.uint64), np.zeros(PARTS), np.zeros(PARTS)
    effects, terms_of, cell, terms = offers
    for i in range(people.group.size):
        customer, g = stand(clock, people, i), people.group[i]
        road, spend = road_of(customer, 0), verbs.at(laws.spend, g, 0)
        alive, living, lapsed = verbs.at_means(verbs.at(laws.purchase, g, 0), history_at(customer, 0))
        zeta = verbs.finite_amount(spend, spent_of(people, i))
        buyer = verbs.buyer_of_mean(spend, zeta)
        for a in range(terms_of.shape[0]):
            net[i, a], cost[i, a] = 0.0, 0.0
            if eligible[i, a]:
                effect, offer = effects[a, cell[a, i], 0], terms_of[a].copy()
                offer[CAP] = np.inf
                act_on_alive(state, road, living, buyer, effect, offer, terms, alive_parts)
                act_on_lapsed(road, lapsed, zeta, effect, offer, terms, lapsed_parts)
                net[i, a] = alive * net_of(alive_parts) + (1.0 - alive) * net_of(lapsed_parts)
                for part in (NEW_DISCOUNT, SUBSIDY, CONTACTED, RAN):
                    cost[i, a] += alive * alive_parts[part] + (1.0 - alive) * lapsed_parts[part]
