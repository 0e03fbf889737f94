"""What a family can do inside compiled kernels: in its own way, or as most do where that is written here.

A *law* is a family's NamedTuple of parameters: arrays by (group, draw), or numbers after `at`. A *life* is
what a simulated future needs besides the time, a *buyer* what the amounts of one customer need. Kernels know
neither's fields. Streams: `latents` is the customer's latent stream at a draw, `coins` and `amounts` are
scratch states that a way may open as a branch of it.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesltv.numerics.compile import inlined, usual, verb
from bayesltv.numerics.random_numbers import exponential, uniform

DROPOUT_BRANCH, SPEND_BRANCH = np.uint64(1), np.uint64(2)
"""Streams beside the latent one."""


class History(NamedTuple):
    """One customer's purchases at one draw.

    Attributes
    ----------
    x, k : float
        Repeat purchases; dropout coins met, where the family tosses coins.
    t_x, T : float
        Time from the first purchase to the last one and to the end of observation; operational time where
        customers share a clock.
    """

    x: float
    k: float
    t_x: float
    T: float


class Spent(NamedTuple):
    """What is known of one customer's amounts: number and sum of the positive repeat ones, and the first.

    The first is 0 where there is none, or it says nothing.
    """

    number: float
    total: float
    first: float


NOTHING_SPENT = Spent(0.0, 0.0, 0.0)
"""Of whom nothing is known yet."""


@inlined
def draw_alive(latents, inverse):
    """Return whether the customer is alive, given 1 / P(alive): the latent stream's first number."""
    return uniform(latents) * inverse < 1.0


# ------------------------------------------------------------------------------------------------ both kinds


@verb
def at(law, group, draw):
    """Return the law of one group at one draw: numbers in place of arrays."""


@usual
def draws_of(law):
    """Return how many draws an array of laws holds."""
    return law[0].shape[1]


# ------------------------------------------------------------------------------------------------- purchases


@verb
def inverse_p_alive(law, history):
    """Return 1 / P(alive at T), 1 or more, infinity where that overflows."""


@verb
def silent_below(law, history, ahead):
    """Return a bound: a wait's uniform up to it means no purchase within `ahead`. 0 where none is known."""


@verb
def first_wait(law, history, u):
    """Return the time to the next purchase of who is alive, from the latent stream's second number."""


@usual
def draw_life(law, history, coins, key, draw):
    """Return how long who is alive lives if no purchase ends it: from the dropout branch, or infinity."""
    return math.inf


@verb
def begin_life(law, history, wait, latents, coins, key, draw):
    """Return the life of who buys after `wait`."""


@verb
def next_purchase(life, n, time, coins, events):
    """Return the life, and when the purchase after the n-th one, at `time`, comes: infinity after dropout."""


@verb
def value_and_slopes(kind, parameters, cells):
    """Return the log likelihood of `cells.Cells`, and slopes by (parameter, group), distinct T, recency."""


@verb
def draw_latents(law, history, state, key, draw):
    """Return alive, and the customer's latents: what is hidden of one, from the latent stream."""


@verb
def given_alive(law, history):
    """Return the law of the future of who is alive at the end of this history."""


@verb
def p_bought(law, time):
    """Return P(buys within `time`), under the law of a future."""


@usual
def fill_bought(laws, draw, row, time, given):
    """Fill a row of (row, stage, draw) with what `p_bought` returns, for each stage at a draw."""
    given[row, 0, draw] = p_bought(at(laws, 0, draw), time)


@verb
def wait_and_slopes(law, time):
    """Return P = P(no purchase within `time`), e = −d ln P / d ln time, and d ln(P·e) / d ln time."""


@verb
def usual_wait(laws, ever):
    """Return about the median wait if P(alive) = `ever` > 0.5: inf if unknown, NaN if surely none."""


@verb
def room_for(law, draws):
    """Return room for the futures of one customer at so many draws."""


@verb
def put(laws, draw, law):
    """Store the law of a future in such room, where `at` finds it as group 0."""


@verb
def expected(law, horizon, discount, work):
    """Return E of purchases, discounted purchases and time alive within the horizon; `work`: `work_space`."""


@usual
def fill_expected(laws, draw, horizon, discount, work, given):
    """Fill rows 3 to 5 of (row, stage, draw) with what `expected` returns, for each stage at a draw."""
    found = expected(at(laws, 0, draw), horizon, discount, work)
    given[3, 0, draw], given[4, 0, draw], given[5, 0, draw] = found


@usual
def lay_nodes(laws, steps, edges, end, until, discount, laid):
    """Lay nodes of quadrature over the calendar of a horizon for all draws at once; return their number."""
    return 0  # no clock


@usual
def expected_at_nodes(law, count, laid, table, edges, now, work):
    """Return what `expected` does, in operational time."""
    return math.nan, math.nan, math.nan  # no clock


@verb
def count_probability(law, y, ahead, alive):
    """Return P(y purchases within `ahead`), given P(alive)."""


@verb
def at_means(law, history):
    """Return P(alive), the latents of who is alive and of who is not: means for all latents."""


@usual
def stages_of(law):
    """Return how many futures one must tell apart among those who are alive: see `stage_shares`."""
    return 1


@usual
def stage_shares(law, history, futures, draw, shares):
    """Fill the probability of each of these futures, and let `futures` know the recency where it matters."""
    shares[0] = 1.0


@verb
def newborn(law, k):
    """Return P(alive) after the first purchase, and its coins `k`, and the law of the future if so."""


# --------------------------------------------------------------------- one customer, whose latents are known


@usual
def rate_of(latents):
    """Return purchases per unit of the clock's time while alive."""
    return latents.rate


@verb
def leaving_of(latents):
    """Return what ends this life: the probability of dropout after a purchase, or the hazard."""


@verb
def lead(latents, weight, pace, time, discount):
    """Return what a stretch of the calendar holds that begins with this weight, and the latents at its end.

    Discounted purchases per unit of rate, discounted time alive, weight at the end (survival and discount);
    `pace` is how fast the clock runs in it.
    """


@usual
def later(latents, passed):
    """Return the latents of who is still alive when so much of the clock's time has passed."""
    return latents


@usual
def as_far_as(latents, other):
    """Return these latents at the place that the life `other` has come to."""
    return latents


@verb
def changed(latents, rate, leaving):
    """Return the latents with the rate of purchases and what ends a life multiplied."""


@usual
def reborn(latents):
    """Return the latents right after a purchase."""
    return latents


@verb
def stopping(latents, share):
    """Return the latents of who also stops with this probability after a purchase."""


@verb
def stays(latents):
    """Return P(alive right after a purchase)."""


@verb
def drops_out_within(latents, passed):
    """Return P(drops out within so much of the clock's time)."""


@verb
def silent_within(latents, passed):
    """Return P(no purchase within so much of the clock's time)."""


@usual
def is_overdue(latents, silence, patience):
    """Return whether own gaps are longer than `silence` with probability below exp(−patience)."""
    return silence * latents.rate > patience


@usual
def draw_span(latents, events):
    """Return when the life ends by itself, infinity where only purchases end it."""
    return math.inf


@usual
def draw_gap(latents, is_first, events):
    """Return the time to the next purchase: the first one from now, or one after a purchase."""
    return exponential(events) / latents.rate


@verb
def draw_leaving(latents, events):
    """Return whether the purchase just made was the last."""


# ----------------------------------------------------------------------------------------------------- spend


@verb
def is_modelled(law):
    """Return whether there is a model of spend at all."""


@verb
def draw_buyer(law, spent, state, key, draw):
    """Return the buyer who spent this, from the spend branch of the latent stream."""


@verb
def level_of_first(law):
    """Return what first amounts are worth against later ones."""


@verb
def nobody(law):
    """Return a buyer who spends nothing: in the place of one where there is no model of spend."""


@verb
def draw_amount(buyer, amounts):
    """Return what one purchase is worth."""


@verb
def spend_rate_of(buyer):
    """Return the latent by which amounts of one customer differ from those of another."""


@verb
def usual_amount(buyer):
    """Return the mean of the buyer's amounts."""


@verb
def expected_amount(law, spent):
    """Return the mean of a customer's later amounts under the law; NaN where it is infinite."""


@verb
def finite_amount(law, spent):
    """Return that mean, or a large number in the place of an infinite one."""


@verb
def buyer_of_mean(law, mean):
    """Return a buyer whose amounts have this mean."""


@verb
def log_spent(law, before, spent, orders, factor, shape):
    """Return ln p(spent in so many orders | spent before), their mean times `factor`, of an own shape."""
