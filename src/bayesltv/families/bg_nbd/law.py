"""BG/NBD and MBG/NBD in compiled kernels: exact latents, and a future event by event.

The posterior is a two-component mixture of independent conjugates: alive, λ ~ Gamma(r+x, rate α+T) and p ~
Beta(a, b+k); dropped out, λ ~ Gamma(r+x, rate α+t_x) and p ~ Beta(a+1, b+k−1).

What comes first in a future is drawn before the latent that governs it, and the latent given it. The wait
for the next purchase is Lomax, P(wait > s) = (α'/(α'+s))^{r'}, and λ | wait ~ Gamma(r'+1, rate α'+wait). The
coins are Pólya's urn: with n tossed and none of them a dropout, the next one is with probability a/(a+b'+n),
and p ~ Beta(a+1, b'+n) if so. The joint distribution is the same, and most futures need neither λ nor p: who
does not buy within the horizon has no more than a wait, who leaves at once no more than a coin.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from bayesltv.families import verbs
from bayesltv.families.bg_nbd.counts import purchase_probability
from bayesltv.families.bg_nbd.expectations import expected_at_nodes, expected_over_span, lay_nodes
from bayesltv.families.bg_nbd.likelihood import value_and_slopes
from bayesltv.families.verbs import DROPOUT_BRANCH, draw_alive
from bayesltv.numerics.compile import compiled, inlined, way
from bayesltv.numerics.random_numbers import (
    beta,
    exponential,
    gamma_above_one,
    open_branch,
    open_stream,
    uniform,
)
from bayesltv.numerics.special import discounted_time

COINS = 8
"""So many coins come from the urn; who has outlasted them all gets a p for the rest."""
_SAFELY = 1e-9
"""Who is told not to buy by a bound on the wait's uniform lies beyond the horizon by this at least."""


class BgNbd(NamedTuple):
    """λ ~ Gamma(r, rate alpha), p ~ Beta(a, b): arrays by (group, draw), or numbers."""

    r: Any
    alpha: Any
    a: Any
    b: Any


class Latents(NamedTuple):
    """λ and p of one customer."""

    rate: float
    dropout: float


class Life(NamedTuple):
    """A life that is being simulated: λ, p once it is needed, and the urn, a and b'."""

    rate: float
    dropout: float
    a: float
    b: float


@way(verbs.at, BgNbd)
def _at(law, group, draw):
    return BgNbd(law.r[group, draw], law.alpha[group, draw], law.a[group, draw], law.b[group, draw])


@way(verbs.value_and_slopes, BgNbd)
def _value_and_slopes(kind, parameters, cells):
    return value_and_slopes(parameters, cells)


@way(verbs.inverse_p_alive, BgNbd)
def _inverse_p_alive(law, history):
    """Return 1 + 1{k>0} a/(b+k−1) ((α+T)/(α+t_x))^{r+x}."""
    if history.k <= 0.0:
        return 1.0
    stretch = math.log((law.alpha + history.T) / (law.alpha + history.t_x))
    return 1.0 + math.exp(math.log(law.a / (law.b + history.k - 1.0)) + (law.r + history.x) * stretch)


@way(verbs.silent_below, BgNbd)
def _silent_below(law, history, ahead):
    reach = math.log1p(ahead / (law.alpha + history.T))
    return math.exp(-(law.r + history.x) * reach) * (1.0 - _SAFELY)


@inlined
def wait_of(u, shape, rate):
    """Return the wait whose tail probability is u."""
    return rate * math.expm1(-math.log(u) / shape)


@inlined
def draw_rate(latents, wait, shape, rate):
    """Return λ given the wait: the latent stream's last number; no number where no process has such a λ.

    Time does not pass at an infinite or negative rate: purchases would never end.
    """
    lam = gamma_above_one(latents, shape + 1.0) / (rate + wait)
    return lam if 0.0 <= lam < math.inf else math.nan


@inlined
def drops_out(coins, tossed, a, b):
    """Return whether the next coin is the dropout, after `tossed` < COINS that were not; b is b'."""
    return uniform(coins) * (a + b + tossed) < a


@compiled
def draw_dropout_after_coins(coins, a, b):
    """Return p of who has outlasted the urn's coins; b is b'."""
    return beta(coins, a, b + COINS)


@way(verbs.first_wait, BgNbd)
def _first_wait(law, history, u):
    return wait_of(u, law.r + history.x, law.alpha + history.T)


@way(verbs.begin_life, BgNbd)
def _begin_life(law, history, wait, latents, coins, key, draw):
    open_branch(coins, key, draw, DROPOUT_BRANCH)
    rate = draw_rate(latents, wait, law.r + history.x, law.alpha + history.T)
    return Life(rate, 0.0, law.a, law.b + history.k)


@way(verbs.next_purchase, Life)
def _next_purchase(life, n, time, coins, events):
    """Toss a coin: the first `COINS` come from the urn, later ones have probability p."""
    a, b, dropout = life.a, life.b, life.dropout
    if n == COINS + 1:
        dropout = draw_dropout_after_coins(coins, a, b)
    gone = drops_out(coins, n - 1, a, b) if n <= COINS else uniform(coins) < dropout
    return Life(life.rate, dropout, a, b), math.inf if gone else time + exponential(events) / life.rate


@compiled
def draw_dropout(coins, alive, k, a, b):
    """Return p of a customer who has met k coins."""
    if not alive:
        return beta(coins, a + 1.0, b + k - 1.0)
    for tossed in range(COINS):
        if drops_out(coins, tossed, a, b + k):
            return beta(coins, a + 1.0, b + k + tossed)
    return draw_dropout_after_coins(coins, a, b + k)


@way(verbs.draw_latents, BgNbd)
def _draw_latents(law, history, state, key, draw):
    open_stream(state, key, draw)
    alive = draw_alive(state, verbs.inverse_p_alive(law, history))
    shape, since = law.r + history.x, law.alpha + (history.T if alive else history.t_x)
    rate = draw_rate(state, wait_of(uniform(state), shape, since), shape, since)
    open_branch(state, key, draw, DROPOUT_BRANCH)
    return alive, Latents(rate, draw_dropout(state, alive, history.k, law.a, law.b))


@way(verbs.given_alive, BgNbd)
def _given_alive(law, history):
    """Return r' = r + x, α' = α + T, a, b' = b + k: a law of the same family."""
    return BgNbd(law.r + history.x, law.alpha + history.T, law.a, law.b + history.k)


@way(verbs.p_bought, BgNbd)
def _p_bought(law, time):
    return -math.expm1(-law.r * math.log1p(time / law.alpha))


@way(verbs.wait_and_slopes, BgNbd)
def _wait_and_slopes(law, time):
    left = law.alpha / (law.alpha + time)
    steep = law.r * (1.0 - left)
    return math.exp(law.r * math.log(left)), steep, left - steep


@way(verbs.usual_wait, BgNbd)
def _usual_wait(laws, ever):
    return laws.alpha.mean() * math.expm1(-math.log1p(-0.5 / ever) / laws.r.mean())


@way(verbs.room_for, BgNbd)
def _room_for(law, draws):
    return BgNbd(np.empty((1, draws)), np.empty((1, draws)), np.empty((1, draws)), np.empty((1, draws)))


@way(verbs.put, BgNbd)
def _put(laws, draw, law):
    laws.r[0, draw], laws.alpha[0, draw], laws.a[0, draw], laws.b[0, draw] = law.r, law.alpha, law.a, law.b


@way(verbs.expected, BgNbd)
def _expected(law, horizon, discount, work):
    return expected_over_span(0.0, horizon, discount, law.r, law.alpha, law.a, law.b, work)


@way(verbs.lay_nodes, BgNbd)
def _lay_nodes(laws, steps, edges, end, until, discount, laid):
    shape, leaves = laws.r.max(), (laws.a / (laws.a + laws.b)).max()
    return lay_nodes(steps, edges, end, until, discount, shape, laws.alpha.mean(), leaves, laid)


@way(verbs.expected_at_nodes, BgNbd)
def _expected_at_nodes(law, count, laid, table, edges, now, work):
    return expected_at_nodes(count, laid, table, edges, now, law, work)


@way(verbs.count_probability, BgNbd)
def _count_probability(law, y, ahead, alive):
    return purchase_probability(y, ahead, alive, law.r, law.alpha, law.a, law.b)


@way(verbs.at_means, BgNbd)
def _at_means(law, history):
    alive, lapsed_coin = 1.0, 0.5
    if history.k > 0.0:
        alive = 1.0 / verbs.inverse_p_alive(law, history)
        lapsed_coin = (law.a + 1.0) / (law.a + law.b + history.k)
    shape, coin = law.r + history.x, law.a / (law.a + law.b + history.k)
    living = Latents(shape / (law.alpha + history.T), coin)
    return alive, living, Latents(shape / (law.alpha + history.t_x), lapsed_coin)


@way(verbs.newborn, BgNbd)
def _newborn(law, k):
    alive = 1.0 if k == 0.0 else (law.b + k - 1.0) / (law.a + law.b + k - 1.0)
    return alive, BgNbd(law.r, law.alpha, law.a, law.b + k)


# ---------------------------------------------------------------------- one customer, whose latents are known


@way(verbs.leaving_of, Latents)
def _leaving_of(latents):
    return latents.dropout


@way(verbs.lead, Latents)
def _lead(latents, weight, pace, time, discount):
    leaving = latents.rate * pace * latents.dropout + discount
    lived = weight * discounted_time(time, leaving)
    return pace * lived, lived, weight * math.exp(-leaving * time), latents


@way(verbs.changed, Latents)
def _changed(latents, rate, leaving):
    return Latents(rate * latents.rate, min(1.0, leaving * latents.dropout))


@way(verbs.stopping, Latents)
def _stopping(latents, share):
    return Latents(latents.rate, share + (1.0 - share) * latents.dropout)


@way(verbs.stays, Latents)
def _stays(latents):
    return 1.0 - latents.dropout


@way(verbs.drops_out_within, Latents)
def _drops_out_within(latents, passed):
    return -math.expm1(-latents.rate * latents.dropout * passed)


@way(verbs.silent_within, Latents)
def _silent_within(latents, passed):
    return math.exp(-latents.rate * passed)


@way(verbs.draw_leaving, Latents)
def _draw_leaving(latents, events):
    return uniform(events) < latents.dropout
