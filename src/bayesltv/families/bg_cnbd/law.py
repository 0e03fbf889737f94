"""BG/CNBD-k and MBG/CNBD-k in compiled kernels: exact latents, and a future event by event.

The posterior is a mixture of independent conjugates: alive with j < k stages of the running gap passed, λ ~
Gamma(R+j, rate α+T) and p ~ Beta(a, b+coins), R = r + k·x; dropped out, λ ~ Gamma(R, rate α+t_x) and p ~
Beta(a+1, b+coins−1). As in BG/NBD what comes first in a future is drawn before the latent that governs it:
the wait by its own tail, λ | wait ~ Gamma(R+k, rate α+T+wait) whatever the stage, and of k − 1 stages each
was passed with probability (time since the last purchase)/(that and the wait). Coins are the same urn.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from bayesltv.families import verbs
from bayesltv.families.bg_cnbd.counts import purchase_probability
from bayesltv.families.bg_cnbd.expectations import expected_in_stage, fill_stages
from bayesltv.families.bg_cnbd.latents import Latents
from bayesltv.families.bg_cnbd.likelihood import value_and_slopes
from bayesltv.families.bg_cnbd.stages import (
    draw_stages_passed,
    erlang,
    hazard_top,
    silent,
    stage_sum,
    stage_terms,
    too_few,
    wait_past,
)
from bayesltv.families.bg_nbd.law import (
    COINS,
    draw_dropout,
    draw_dropout_after_coins,
    draw_rate,
    drops_out,
    wait_of,
)
from bayesltv.families.verbs import DROPOUT_BRANCH, draw_alive
from bayesltv.numerics.compile import way
from bayesltv.numerics.random_numbers import open_branch, open_stream, uniform

_SAFELY = 1e-9


class BgCnbd(NamedTuple):
    """λ ~ Gamma(r, rate alpha), p ~ Beta(a, b): arrays by (group, draw), or numbers; stages of a wait."""

    r: Any
    alpha: Any
    a: Any
    b: Any
    stages: Any


class Ahead(NamedTuple):
    """The future of who is alive: arrays by (1, draw), or numbers at a stage.

    λ ~ Gamma(shape, rate), where nothing is known of the stage; time since the last purchase; a and b' of the
    coins; stages of a wait; stages passed, of `at`.
    """

    shape: Any
    rate: Any
    since: Any
    a: Any
    b: Any
    stages: Any
    passed: Any


class Life(NamedTuple):
    """A life that is being simulated: λ, p once it is needed, and the urn, a and b'."""

    rate: float
    dropout: float
    a: float
    b: float
    stages: int


@way(verbs.at, BgCnbd)
def _at(law, group, draw):
    return BgCnbd(
        law.r[group, draw], law.alpha[group, draw], law.a[group, draw], law.b[group, draw], law.stages
    )


@way(verbs.value_and_slopes, BgCnbd)
def _value_and_slopes(kind, parameters, cells):
    return value_and_slopes(parameters, cells, kind.stages)


@way(verbs.inverse_p_alive, BgCnbd)
def _inverse_p_alive(law, history):
    """Return 1 + 1{k>0} a/(b+k−1) ((α+T)/(α+t_x))^R / S."""
    if history.k <= 0.0:
        return 1.0
    shape, rate = law.r + law.stages * history.x, law.alpha + history.T
    odds = math.log(law.a / (law.b + history.k - 1.0)) + shape * math.log(rate / (law.alpha + history.t_x))
    return 1.0 + math.exp(odds) / stage_sum(stage_terms(shape, law.stages), (history.T - history.t_x) / rate)


@way(verbs.silent_below, BgCnbd)
def _silent_below(law, history, ahead):
    shape, since = law.r + law.stages * history.x, history.T - history.t_x
    terms = stage_terms(shape, law.stages)
    return silent(ahead, terms, shape, law.alpha + history.T, since) * (1.0 - _SAFELY)


@way(verbs.first_wait, BgCnbd)
def _first_wait(law, history, u):
    shape, since = law.r + law.stages * history.x, history.T - history.t_x
    return wait_past(u, shape, law.alpha + history.T, since, law.stages)


@way(verbs.begin_life, BgCnbd)
def _begin_life(law, history, wait, latents, coins, key, draw):
    open_branch(coins, key, draw, DROPOUT_BRANCH)
    shape = law.r + law.stages * history.x + (law.stages - 1.0)
    rate = draw_rate(latents, wait, shape, law.alpha + history.T)
    return Life(rate, 0.0, law.a, law.b + history.k, law.stages)


@way(verbs.next_purchase, Life)
def _next_purchase(life, n, time, coins, events):
    """Toss a coin, as in BG/NBD."""
    a, b, dropout = life.a, life.b, life.dropout
    if n == COINS + 1:
        dropout = draw_dropout_after_coins(coins, a, b)
    gone = drops_out(coins, n - 1, a, b) if n <= COINS else uniform(coins) < dropout
    after = math.inf if gone else time + erlang(events, life.stages) / life.rate
    return Life(life.rate, dropout, a, b, life.stages), after


@way(verbs.draw_latents, BgCnbd)
def _draw_latents(law, history, state, key, draw):
    open_stream(state, key, draw)
    alive = draw_alive(state, verbs.inverse_p_alive(law, history))
    shape, passed, u = law.r + law.stages * history.x, 0, uniform(state)
    if alive:
        rate, since = law.alpha + history.T, history.T - history.t_x
        wait = wait_past(u, shape, rate, since, law.stages)
        lam = draw_rate(state, wait, shape + (law.stages - 1.0), rate)
        passed = draw_stages_passed(state, since, wait, law.stages)
    else:
        rate = law.alpha + history.t_x
        lam = draw_rate(state, wait_of(u, shape, rate), shape, rate)
    open_branch(state, key, draw, DROPOUT_BRANCH)
    dropout = draw_dropout(state, alive, history.k, law.a, law.b)
    place = (
        1.0 if passed == 0 else 0.0, 1.0 if passed == 1 else 0.0, 1.0 if passed == 2 else 0.0,
        1.0 if passed == 3 else 0.0,
    )  # fmt: skip
    return alive, Latents(lam, dropout, law.stages, place)


@way(verbs.given_alive, BgCnbd)
def _given_alive(law, history):
    shape, since = law.r + law.stages * history.x, history.T - history.t_x
    return Ahead(shape, law.alpha + history.T, since, law.a, law.b + history.k, law.stages, 0)


@way(verbs.at, Ahead)
def _at_stage(laws, stage, draw):
    return Ahead(
        laws.shape[0, draw], laws.rate[0, draw], laws.since[0, draw], laws.a[0, draw], laws.b[0, draw],
        laws.stages, stage,
    )  # fmt: skip


@way(verbs.room_for, Ahead)
@way(verbs.room_for, BgCnbd)
def _room_for(law, draws):
    return Ahead(
        np.empty((1, draws)), np.empty((1, draws)), np.empty((1, draws)), np.empty((1, draws)),
        np.empty((1, draws)), law.stages, 0,
    )  # fmt: skip


@way(verbs.put, Ahead)
def _put(laws, draw, law):
    laws.shape[0, draw], laws.rate[0, draw], laws.since[0, draw] = law.shape, law.rate, law.since
    laws.a[0, draw], laws.b[0, draw] = law.a, law.b


@way(verbs.p_bought, Ahead)
def _p_bought(law, time):
    shape = law.shape + law.passed
    none = math.exp(-shape * math.log1p(time / law.rate))
    return 1.0 - too_few(none, shape, time / (law.rate + time), law.stages - law.passed)


@way(verbs.fill_bought, Ahead)
def _fill_bought(laws, draw, row, time, given):
    """Do `p_bought` for all stages with one power: that of a stage more is smaller by α'/(α' + time)."""
    shape, until = laws.shape[0, draw], laws.rate[0, draw] + time
    none = math.exp(-shape * math.log1p(time / laws.rate[0, draw]))
    for stage in range(laws.stages):
        given[row, stage, draw] = 1.0 - too_few(none, shape + stage, time / until, laws.stages - stage)
        none *= laws.rate[0, draw] / until


@way(verbs.wait_and_slopes, Ahead)
def _wait_and_slopes(law, time):
    """Return P, e and d ln(P·e)/d ln time: P·e is time × the density (w+time)^{k−1} (α'+time)^{−R−k}."""
    past, until = law.since + time, law.rate + time
    terms, u = stage_terms(law.shape, law.stages), past / until
    tail = silent(time, terms, law.shape, law.rate, law.since)
    steep = hazard_top(law.shape, u, law.stages) / stage_sum(terms, u) * time / until
    further = 1.0 + time * ((law.stages - 1.0) / past - (law.shape + law.stages) / until)
    return tail, steep, further


@way(verbs.usual_wait, Ahead)
def _usual_wait(laws, ever):
    shape, rate, since = laws.shape.mean(), laws.rate.mean(), laws.since.mean()
    return wait_past(1.0 - 0.5 / ever, shape, rate, since, laws.stages)


@way(verbs.expected, Ahead)
def _expected(law, horizon, discount, work):
    fill_stages(horizon, discount, law, work)
    return expected_in_stage(law.passed, work)


@way(verbs.fill_expected, Ahead)
def _fill_expected(laws, draw, horizon, discount, work, given):
    fill_stages(horizon, discount, verbs.at(laws, 0, draw), work)
    for stage in range(laws.stages):
        given[3, stage, draw], given[4, stage, draw], given[5, stage, draw] = expected_in_stage(stage, work)


@way(verbs.count_probability, Ahead)
def _count_probability(law, y, ahead, alive):
    return purchase_probability(y, ahead, alive, law)


@way(verbs.stages_of, BgCnbd)
def _stages_of(law):
    return law.stages


@way(verbs.stage_shares, BgCnbd)
def _stage_shares(law, history, futures, draw, shares):
    shape, since = law.r + law.stages * history.x, history.T - history.t_x
    u = since / (law.alpha + history.T)
    futures.since[0, draw] = since
    term = 1.0 / stage_sum(stage_terms(shape, law.stages), u)
    for j in range(law.stages):
        shares[j] = term
        term *= (shape + j) * u / (j + 1.0)


@way(verbs.at_means, BgCnbd)
def _at_means(law, history):
    alive, lapsed_coin = 1.0, 0.5
    if history.k > 0.0:
        alive = 1.0 / verbs.inverse_p_alive(law, history)
        lapsed_coin = (law.a + 1.0) / (law.a + law.b + history.k)
    shape, rate, coin = law.r + law.stages * history.x, law.alpha + history.T, law.a
    u, m = (history.T - history.t_x) / rate, law.stages
    first = shape * u if m > 1 else 0.0
    second = first * (shape + 1.0) * u / 2.0 if m > 2 else 0.0
    third = second * (shape + 2.0) * u / 3.0 if m > 3 else 0.0
    total = 1.0 + first + second + third
    place = (1.0 / total, first / total, second / total, third / total)
    mean = (shape + place[1] + 2.0 * place[2] + 3.0 * place[3]) / rate
    living = Latents(mean, coin / (law.a + law.b + history.k), m, place)
    return alive, living, Latents(shape / (law.alpha + history.t_x), lapsed_coin, m, (1.0, 0.0, 0.0, 0.0))


@way(verbs.newborn, BgCnbd)
def _newborn(law, k):
    alive = 1.0 if k == 0.0 else (law.b + k - 1.0) / (law.a + law.b + k - 1.0)
    return alive, Ahead(law.r, law.alpha, 0.0, law.a, law.b + k, law.stages, 0)
