"""Pareto/NBD in compiled kernels: exact latents, and a future event by event.

Alive, λ ~ Gamma(r+x, rate α+T) and μ ~ Gamma(s, rate β+T) are independent; who left at τ has λ ~ Gamma(r+x,
rate α+τ) and μ ~ Gamma(s+1, rate β+τ). What comes first in a future is drawn before the latents: the wait for
the next purchase and the life that is left, both Lomax; λ | wait ~ Gamma(r+x+1, rate α+T+wait), μ | life ~
Gamma(s+1, rate β+T+life).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from bayesltv.families import verbs
from bayesltv.families.bg_nbd.law import draw_rate, wait_of
from bayesltv.families.pareto_nbd.dead import draw_end
from bayesltv.families.pareto_nbd.expectations import count_probability, life_of, time_alive
from bayesltv.families.pareto_nbd.integral import odds_dead, p_silent, silence_odds, silent_odds
from bayesltv.families.pareto_nbd.latents import Latents
from bayesltv.families.pareto_nbd.likelihood import value_and_slopes
from bayesltv.families.verbs import DROPOUT_BRANCH, draw_alive
from bayesltv.numerics.compile import inlined, way
from bayesltv.numerics.random_numbers import exponential, gamma, open_branch, open_stream, uniform

_SAFELY = 1e-9
_DOUBLINGS, _HALVINGS = 16, 6


class ParetoNbd(NamedTuple):
    """λ ~ Gamma(r, rate alpha), μ ~ Gamma(s, rate beta): arrays by (group, draw), or numbers."""

    r: Any
    alpha: Any
    s: Any
    beta: Any


class Life(NamedTuple):
    """A life that is being simulated: λ."""

    rate: float


@way(verbs.at, ParetoNbd)
def _at(law, group, draw):
    return ParetoNbd(law.r[group, draw], law.alpha[group, draw], law.s[group, draw], law.beta[group, draw])


@way(verbs.value_and_slopes, ParetoNbd)
def _value_and_slopes(kind, parameters, cells):
    return value_and_slopes(parameters, cells)


@way(verbs.inverse_p_alive, ParetoNbd)
def _inverse_p_alive(law, history):
    return 1.0 + odds_dead(history.t_x, history.T, law.alpha, law.beta, law.r + history.x, law.s)


@way(verbs.silent_below, ParetoNbd)
def _silent_below(law, history, ahead):
    reach = math.log1p(ahead / (law.alpha + history.T))
    return math.exp(-(law.r + history.x) * reach) * (1.0 - _SAFELY)


@way(verbs.first_wait, ParetoNbd)
def _first_wait(law, history, u):
    return wait_of(u, law.r + history.x, law.alpha + history.T)


@way(verbs.draw_life, ParetoNbd)
def _draw_life(law, history, coins, key, draw):
    open_branch(coins, key, draw, DROPOUT_BRANCH)
    return life_of(uniform(coins), law.s, law.beta + history.T)


@way(verbs.begin_life, ParetoNbd)
def _begin_life(law, history, wait, latents, coins, key, draw):
    return Life(draw_rate(latents, wait, law.r + history.x, law.alpha + history.T))


@way(verbs.next_purchase, Life)
def _next_purchase(life, n, time, coins, events):
    return life, time + exponential(events) / life.rate


@way(verbs.draw_latents, ParetoNbd)
def _draw_latents(law, history, state, key, draw):
    open_stream(state, key, draw)
    shape = law.r + history.x
    total, fall = silence_odds(history.t_x, history.T, law.alpha, law.beta, shape, law.s)
    odds = law.s * total * math.exp(fall) if total > 0.0 else total
    alive, u = draw_alive(state, 1.0 + odds), uniform(state)
    end = history.T
    if not alive:
        end = draw_end(state, history.t_x, history.T, law.alpha, law.beta, shape, law.s, total)
    rate = draw_rate(state, wait_of(u, shape, law.alpha + end), shape, law.alpha + end)
    open_branch(state, key, draw, DROPOUT_BRANCH)
    hazard = law.beta + end
    if alive:
        hazard += life_of(uniform(state), law.s, hazard)
    return alive, Latents(rate, gamma(state, law.s + 1.0) / hazard, 0.0)


@way(verbs.given_alive, ParetoNbd)
def _given_alive(law, history):
    """Return r' = r + x, α' = α + T, s, β' = β + T: a law of the same family."""
    return ParetoNbd(law.r + history.x, law.alpha + history.T, law.s, law.beta + history.T)


@way(verbs.p_bought, ParetoNbd)
def _p_bought(law, time):
    return 1.0 - p_silent(time, law.alpha, law.beta, law.r, law.s)


@way(verbs.wait_and_slopes, ParetoNbd)
def _wait_and_slopes(law, time):
    """Return P, e and d ln(P·e)/d ln time: P·e is time × the density of the first purchase."""
    total, fall = silence_odds(0.0, time, law.alpha, law.beta, law.r, law.s)
    neither, in_rate, in_life = math.exp(-fall), time / (law.alpha + time), time / (law.beta + time)
    silent = neither + law.s * total
    further = 1.0 - (law.r + 1.0) * in_rate - law.s * in_life
    return silent, law.r * in_rate * neither / silent, further


@inlined
def _ever_buys_at_most(law):
    """Return a bound of E[λ/(λ+μ)]: B/(B + (1 − B) α/β) of a beta B is concave or convex in it (Jensen)."""
    return law.r / (law.r + law.s * min(1.0, law.alpha / law.beta))


@way(verbs.usual_wait, ParetoNbd)
def _usual_wait(laws, ever):
    """Return about the median of the mean law, infinity where it has none; NaN where no draw has one."""
    most = 0.0
    for d in range(laws.r.shape[1]):
        most = max(most, _ever_buys_at_most(verbs.at(laws, 0, d)))
    if ever * most <= 0.5:
        return math.nan
    law = ParetoNbd(laws.r.mean(), laws.alpha.mean(), laws.s.mean(), laws.beta.mean())
    low, high, silent = 0.0, law.alpha / law.r, 1.0 - 0.5 / ever
    for _ in range(_DOUBLINGS):
        if p_silent(high, law.alpha, law.beta, law.r, law.s) <= silent:
            break
        low, high = high, 2.0 * high
    else:
        return math.inf
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if p_silent(middle, law.alpha, law.beta, law.r, law.s) > silent:
            low = middle
        else:
            high = middle
    return high


@way(verbs.room_for, ParetoNbd)
def _room_for(law, draws):
    return ParetoNbd(np.empty((1, draws)), np.empty((1, draws)), np.empty((1, draws)), np.empty((1, draws)))


@way(verbs.put, ParetoNbd)
def _put(laws, draw, law):
    laws.r[0, draw], laws.alpha[0, draw] = law.r, law.alpha
    laws.s[0, draw], laws.beta[0, draw] = law.s, law.beta


@way(verbs.expected, ParetoNbd)
def _expected(law, horizon, discount, work):
    rate, lived = law.r / law.alpha, time_alive(horizon, discount, law.s, law.beta)
    plain = lived if discount == 0.0 else time_alive(horizon, 0.0, law.s, law.beta)
    return rate * plain, rate * lived, lived


@way(verbs.count_probability, ParetoNbd)
def _count_probability(law, y, ahead, alive):
    return count_probability(y, ahead, alive, law.r, law.alpha, law.s, law.beta)


@way(verbs.at_means, ParetoNbd)
def _at_means(law, history):
    shape, t_x, T = law.r + history.x, history.t_x, history.T
    total, fall, _, per_rate, _, per_hazard = silent_odds(t_x, T, law.alpha, law.beta, shape, law.s)
    living = Latents(shape / (law.alpha + T), law.s / (law.beta + T), 0.0)
    if not total > 0.0:
        return 1.0, living, living
    alive = 1.0 / (1.0 + law.s * total * math.exp(fall))
    return alive, living, Latents(shape * per_rate, (law.s + 1.0) * per_hazard, 0.0)


@way(verbs.newborn, ParetoNbd)
def _newborn(law, k):
    return 1.0, law
