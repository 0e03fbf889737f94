"""What an action does to a customer's purchases and money, in closed form given the latents.

An action changes the process. In a window W a customer who is alive buys at rate mλ, drops out after a
purchase with probability p₁ = min(1, kp) and spends (1+s)ζ an order; for a time W' after it the rate is m'λ;
then all is as it was. Windows and discounting are calendar time; rates are per unit of operational time where
customers share a clock. What each stretch holds is in closed form (`bayesltv.kernels.stretches`).

A customer who has dropped out comes back with probability ρ, buys at once, and if the coin after that
purchase allows lives a second life at the rates λ₂ = m₂λ and p₂ = min(1, k₂p).
"""

import math

import numpy as np

from bayesltv.kernels.compile import compiled, inlined
from bayesltv.kernels.latents import draw_purchase_latents, draw_spend_latent
from bayesltv.kernels.random_numbers import exponential, gamma, open_stream, uniform
from bayesltv.kernels.stretches import history_at, live, time_after, today_of

RATE, RATE_AFTER, DROPOUT, SPEND, MARGIN, REACTIVATION, SECOND_RATE, SECOND_DROPOUT, REDEMPTION = range(9)
"""Rows of `effects`: m, m', k, 1+s, factor on the margin, ρ, m₂, k₂, chance that an order redeems."""
WINDOW, AFTER, DEPTH, PER_REDEMPTION, SINGLE_USE, CAP, CONTACT, RUNNING, PRICE, WINS_BACK = range(10)
"""Columns of `offers`, one row per action."""
GAIN, NEW_DISCOUNT, SUBSIDY, CONTACTED, RAN, SERVED = range(6)
"""Parts of the profit and loss: what is gained, and five costs that are taken off."""
PARTS = 6


@compiled
def net_of(parts):
    """Return what is left of the gain after all costs, always added in the same order."""
    costs = parts[NEW_DISCOUNT] + parts[SUBSIDY] + parts[CONTACTED] + parts[RAN] + parts[SERVED]
    return parts[GAIN] - costs


@compiled
def redemptions(road, rate, coin, redeems, single_use, until, discount):
    """Return the expected discounted number of orders that redeem within `until`, of a customer alive now.

    Where only one order can redeem, a customer who has not yet redeemed stops being one at the rate
    u(r + (1−r)p): by redeeming or by dropping out.
    """
    leaves = redeems + (1.0 - redeems) * coin if single_use else coin
    return redeems * rate * live(road, 0.0, until, rate, leaves, discount)[0]


@compiled
def capped_redemptions(state, road, lam, coin, shape, nu, lift, redeems, offer, discount):
    """Return one customer's discounted redemptions in money, simulated order by order up to the cap."""
    if not 0.0 <= lam < math.inf:
        return math.nan
    left, passed, paid = offer[CAP], 0.0, 0.0
    while left > 0.0:
        passed += exponential(state) / lam
        time = time_after(road, passed)
        if not time < offer[WINDOW]:
            break
        is_redeemed, amount = uniform(state) < redeems, gamma(state, shape) / nu
        drops_out = uniform(state) < coin
        if is_redeemed:
            given = min(left, offer[DEPTH] * lift * amount + offer[PER_REDEMPTION])
            left = 0.0 if offer[SINGLE_USE] > 0.0 else left - given
            paid += given * math.exp(-discount * time)
        if drops_out:
            break
    return paid


@compiled
def act_on_alive(state, road, lam, p, shape, nu, effect, offer, terms, parts):
    """Fill the profit and loss of an action on a customer who is alive.

    Parameters
    ----------
    state : ndarray of uint64, shape (4,)
        Stream of the redemptions; used only where there is a cap.
    road : tuple
        The calendar ahead: see ``stretches.live``.
    lam, p, shape, nu : float
        λ, dropout probability, and the gamma law of an order's amount.
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
    zeta, coin = shape / nu, min(1.0, effect[DROPOUT] * p)
    fast, later = effect[RATE] * lam, effect[RATE_AFTER] * lam

    bought_without, lived_without, _ = live(road, 0.0, horizon, lam, p, discount)
    bought_within, lived_within, weight = live(road, 0.0, window, fast, coin, discount)
    bought_after, lived_after, fading = live(road, window, ends, later, p, discount)
    bought_rest, lived_rest, _ = live(road, ends, horizon, lam, p, discount)
    rest = weight * fading

    earned = margin * effect[MARGIN] + offer[PRICE] - 1.0
    after = later * weight * bought_after + lam * (rest * bought_rest - bought_without)
    parts[GAIN] = earned * effect[SPEND] * zeta * fast * bought_within + margin * zeta * after
    parts[CONTACTED] = offer[CONTACT]
    parts[RAN] = offer[RUNNING] * lived_within
    parts[SERVED] = service * (lived_within + weight * lived_after + rest * lived_rest - lived_without)
    parts[SUBSIDY], parts[NEW_DISCOUNT] = 0.0, 0.0
    if offer[DEPTH] > 0.0 or offer[PER_REDEMPTION] > 0.0:
        redeems, once = effect[REDEMPTION], offer[SINGLE_USE] > 0.0
        if offer[CAP] < math.inf:
            begin = state.copy()
            lift = effect[SPEND]
            given = capped_redemptions(state, road, fast, coin, shape, nu, lift, redeems, offer, discount)
            parts[SUBSIDY] = capped_redemptions(begin, road, lam, p, shape, nu, 1.0, redeems, offer, discount)
        else:
            lifted = offer[DEPTH] * effect[SPEND] * zeta + offer[PER_REDEMPTION]
            given = lifted * redemptions(road, fast, coin, redeems, once, window, discount)
            worth = offer[DEPTH] * zeta + offer[PER_REDEMPTION]
            parts[SUBSIDY] = worth * redemptions(road, lam, p, redeems, once, window, discount)
        parts[NEW_DISCOUNT] = given - parts[SUBSIDY]


@compiled
def act_on_lapsed(road, lam, p, zeta, effect, offer, terms, parts):
    """Fill the profit and loss of an action on a customer who has dropped out; only a win-back brings any.

    The purchase that redeems is made at once and counted once; a second life follows it with probability
    1 − p₂.
    """
    horizon, discount, margin, service = terms
    parts[:] = 0.0
    parts[CONTACTED] = offer[CONTACT]
    if offer[WINS_BACK] > 0.0:
        back = effect[REACTIVATION]
        rate, coin = effect[SECOND_RATE] * lam, min(1.0, effect[SECOND_DROPOUT] * p)
        bought, lived, _ = live(road, 0.0, horizon, rate, coin, discount)
        parts[GAIN] = back * margin * zeta * (1.0 + rate * (1.0 - coin) * bought)
        parts[NEW_DISCOUNT] = back * min(offer[CAP], offer[DEPTH] * zeta + offer[PER_REDEMPTION])
        parts[SERVED] = back * service * (1.0 - coin) * lived


@compiled
def evaluate_actions(
    latent_keys,
    redemption_keys,
    draws,
    customers,
    places,
    group,
    clocks,
    times,
    edges,
    purchase,
    spend,
    terms,
    effects,
    offers,
    cell,
    eligible,
    net,
    means,
):
    """Fill the net value of each eligible action by draw, and the means of its parts over draws.

    Parameters
    ----------
    latent_keys, redemption_keys : ndarray of uint64, shape (customer,)
        Keys of the latent stream, which `predict` starts from too, and of the redemptions.
    draws : ndarray of uint64, shape (draw,)
        Number of each posterior draw.
    customers : ndarray of float64, shape (6, customer)
        x, k, t_x, T, count of positive repeat amounts, their sum; t_x and T are not looked at.
    places : ndarray of float64, shape (3 or more, customer)
        First purchase, last purchase and end of observation among the edges.
    group : ndarray of int32, shape (customer,)
    clocks : ndarray of int64, shape (group,)
        The clock that each group goes by.
    times : ndarray of float64, shape (clock, draw, edge)
        Operational time at the edges.
    edges : ndarray of float64, shape (edge,)
        In time units.
    purchase : ndarray of float64, shape (4, group, draw)
        r, alpha (a rate), a, b.
    spend : ndarray of float64, shape (3, group, draw)
        p, q, v (a rate).
    terms : tuple of float
        Horizon H, continuous discount rate δ, margin, service cost per unit of time alive.
    effects : ndarray of float64, shape (action, cell, draw, 9)
    offers : ndarray of float64, shape (action, 10)
    cell : ndarray of int32, shape (action, customer)
        Cell of the test that the action's effects come from; 0 without one.
    eligible : ndarray of bool, shape (customer, action)
    net : ndarray of float64, shape (customer, action, draw)
        Filled here; 0 where not eligible.
    means : ndarray of float64, shape (customer, action, 6)
        Filled here; 0 where not eligible.
    """
    latents, redeeming, parts = np.empty(4, np.uint64), np.empty(4, np.uint64), np.zeros(PARTS)
    n_actions, n_draws = offers.shape[0], draws.size
    net[:] = 0.0
    means[:] = 0.0
    for i in range(latent_keys.size):
        if not eligible[i].any():
            continue
        x, k, count, total = customers[0, i], customers[1, i], customers[4, i], customers[5, i]
        g, key = group[i], latent_keys[i]
        segment, today = today_of(places, i, edges)
        for d in range(n_draws):
            table = times[clocks[g], d]
            t_x, T = history_at(places, i, table)
            road = table, edges, segment, today
            r, alpha, left, stay = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d], purchase[3, g, d]
            alive, lam, p = draw_purchase_latents(latents, key, draws[d], x, k, t_x, T, r, alpha, left, stay)
            shape, q, v = spend[0, g, d], spend[1, g, d], spend[2, g, d]
            nu = draw_spend_latent(latents, key, draws[d], count, total, shape, q, v)
            for a in range(n_actions):
                if eligible[i, a]:
                    if offers[a, CAP] < math.inf:
                        open_stream(redeeming, redemption_keys[i], draws[d])
                    _act(
                        redeeming,
                        road,
                        alive,
                        lam,
                        p,
                        shape,
                        nu,
                        effects[a, cell[a, i], d],
                        offers[a],
                        terms,
                        parts,
                    )
                    net[i, a, d] = net_of(parts)
                    for part in range(PARTS):
                        means[i, a, part] += parts[part]
        for a in range(n_actions):
            for part in range(PARTS):
                means[i, a, part] /= n_draws


@compiled
def add_up_policies(
    latent_keys,
    redemption_keys,
    draws,
    customers,
    places,
    group,
    clocks,
    times,
    edges,
    purchase,
    spend,
    terms,
    effects,
    offers,
    cell,
    assigned,
    step,
    sums,
):
    """Add a block's profit and loss to the totals of several policies, draw by draw.

    The latents are drawn again from the same streams, so that nothing of size customers × actions × draws is
    kept between two walks.

    Parameters
    ----------
    latent_keys, redemption_keys, draws, customers, places, group, clocks, times, edges
        As in `evaluate_actions`.
    purchase, spend, terms, effects, offers, cell
        As in `evaluate_actions`.
    assigned : ndarray of int32, shape (policy, customer)
        Number of the action; negative: none.
    step : float
        Money of one step of the sums.
    sums : ndarray of int64, shape (policy, action, 6, draw)
        Added to: exact, whatever the order.
    """
    latents, redeeming, parts = np.empty(4, np.uint64), np.empty(4, np.uint64), np.zeros(PARTS)
    n_policies, n_actions = assigned.shape[0], offers.shape[0]
    wanted, steps = np.zeros(n_actions, np.bool_), np.zeros((n_actions, PARTS), np.int64)
    for i in range(latent_keys.size):
        wanted[:] = False
        for policy in range(n_policies):
            if assigned[policy, i] >= 0:
                wanted[assigned[policy, i]] = True
        if not wanted.any():
            continue
        x, k, count, total = customers[0, i], customers[1, i], customers[4, i], customers[5, i]
        g, key = group[i], latent_keys[i]
        segment, today = today_of(places, i, edges)
        for d in range(draws.size):
            table = times[clocks[g], d]
            t_x, T = history_at(places, i, table)
            road = table, edges, segment, today
            r, alpha, left, stay = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d], purchase[3, g, d]
            alive, lam, p = draw_purchase_latents(latents, key, draws[d], x, k, t_x, T, r, alpha, left, stay)
            shape, q, v = spend[0, g, d], spend[1, g, d], spend[2, g, d]
            nu = draw_spend_latent(latents, key, draws[d], count, total, shape, q, v)
            for a in range(n_actions):
                if wanted[a]:
                    if offers[a, CAP] < math.inf:
                        open_stream(redeeming, redemption_keys[i], draws[d])
                    _act(
                        redeeming,
                        road,
                        alive,
                        lam,
                        p,
                        shape,
                        nu,
                        effects[a, cell[a, i], d],
                        offers[a],
                        terms,
                        parts,
                    )
                    for part in range(PARTS):
                        steps[a, part] = round(parts[part] / step)
            for policy in range(n_policies):
                a = assigned[policy, i]
                if a >= 0:
                    for part in range(PARTS):
                        sums[policy, a, part, d] += steps[a, part]


@compiled
def evaluate_at_means(
    customers, places, group, clocks, times, edges, purchase, spend, terms, effects, offers, cell, eligible,
    net, cost,
):  # fmt: skip
    """Fill what actions seem worth where means take the place of all that is uncertain.

    Parameters
    ----------
    customers, places, group, clocks, edges, terms, offers, cell, eligible
        As in `evaluate_actions`; caps are left out.
    times : ndarray of float64, shape (clock, edge)
    purchase : ndarray of float64, shape (4, group)
    spend : ndarray of float64, shape (3, group)
    effects : ndarray of float64, shape (action, cell, 9)
    net, cost : ndarray of float64, shape (customer, action)
        Filled here; 0 where not eligible.
    """
    state, alive_parts, lapsed_parts = np.zeros(4, np.uint64), np.zeros(PARTS), np.zeros(PARTS)
    for i in range(group.size):
        x, k, count, total = customers[0, i], customers[1, i], customers[4, i], customers[5, i]
        table = times[clocks[group[i]]]
        t_x, T = history_at(places, i, table)
        segment, today = today_of(places, i, edges)
        road = table, edges, segment, today
        r, alpha, a, b = purchase[:, group[i]]
        p, q, v = spend[:, group[i]]
        alive, lapsed_coin = 1.0, 0.5
        if k > 0:
            odds = math.log(a / (b + k - 1.0)) + (r + x) * math.log((alpha + T) / (alpha + t_x))
            alive, lapsed_coin = 1.0 / (1.0 + math.exp(odds)), (a + 1.0) / (a + b + k)
        zeta = p * (v + total) / max(p * count + q - 1.0, 0.1)
        for action in range(offers.shape[0]):
            net[i, action], cost[i, action] = 0.0, 0.0
            if eligible[i, action]:
                effect, offer = effects[action, cell[action, i]], offers[action].copy()
                offer[CAP] = np.inf
                lam, coin = (r + x) / (alpha + T), a / (a + b + k)
                act_on_alive(state, road, lam, coin, p, p / zeta, effect, offer, terms, alive_parts)
                lam = (r + x) / (alpha + t_x)
                act_on_lapsed(road, lam, lapsed_coin, zeta, effect, offer, terms, lapsed_parts)
                net[i, action] = alive * net_of(alive_parts) + (1.0 - alive) * net_of(lapsed_parts)
                for part in (NEW_DISCOUNT, SUBSIDY, CONTACTED, RAN):
                    cost[i, action] += alive * alive_parts[part] + (1.0 - alive) * lapsed_parts[part]


@inlined
def _act(state, road, alive, lam, p, shape, nu, effect, offer, terms, parts):
    if alive:
        act_on_alive(state, road, lam, p, shape, nu, effect, offer, terms, parts)
    else:
        act_on_lapsed(road, lam, p, shape / nu, effect, offer, terms, parts)
