"""Gamma-Gamma in compiled kernels: ν | amounts is Gamma, and amounts are Gamma(p, rate ν).

With n repeat amounts of the sum S and a first amount z₀ (h = 1; h = 0 where there is none), ν | data ~
Gamma(q + p(n+h), rate v + S + z₀/δ).
"""

import math
from typing import Any, NamedTuple

import numpy as np

from bayesltv.families import verbs
from bayesltv.families.verbs import SPEND_BRANCH
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.compile import inlined, way
from bayesltv.numerics.random_numbers import gamma, open_branch


class GammaGamma(NamedTuple):
    """ν ~ Gamma(q, rate v), first amounts on the level δ: arrays by (group, draw), or numbers.

    Arrays are empty where there is no spend.
    """

    p: Any
    q: Any
    v: Any
    delta: Any


class Buyer(NamedTuple):
    """Who spends amounts Gamma(shape, rate)."""

    shape: float
    rate: float


def of_repeats(p: Floats, q: Floats, v: Floats) -> GammaGamma:
    """Return the law of a fit to repeat amounts alone, whose first orders are like all others."""
    return GammaGamma(p, q, v, np.ones_like(p))


@inlined
def _given(law, spent):
    """Return shape and rate of ν given what was spent."""
    count = spent.number + (1.0 if spent.first > 0.0 else 0.0)
    return law.q + law.p * count, law.v + (spent.total + spent.first / law.delta)


@way(verbs.at, GammaGamma)
def _at(law, group, draw):
    return GammaGamma(law.p[group, draw], law.q[group, draw], law.v[group, draw], law.delta[group, draw])


@way(verbs.is_modelled, GammaGamma)
def _is_modelled(law):
    return law.p.shape[0] > 0


@way(verbs.draw_buyer, GammaGamma)
def _draw_buyer(law, spent, state, key, draw):
    open_branch(state, key, draw, SPEND_BRANCH)
    shape, rate = _given(law, spent)
    return Buyer(law.p, gamma(state, shape) / rate)


@way(verbs.level_of_first, GammaGamma)
def _level_of_first(law):
    return law.delta


@way(verbs.nobody, GammaGamma)
def _nobody(law):
    return Buyer(0.0, 1.0)


@way(verbs.draw_amount, Buyer)
def _draw_amount(buyer, amounts):
    return gamma(amounts, buyer.shape) / buyer.rate


@way(verbs.spend_rate_of, Buyer)
def _spend_rate_of(buyer):
    return buyer.rate


@way(verbs.usual_amount, Buyer)
def _usual_amount(buyer):
    return buyer.shape / buyer.rate


@way(verbs.expected_amount, GammaGamma)
def _expected_amount(law, spent):
    """P · rate / (shape − 1) of ν."""
    shape, rate = _given(law, spent)
    excess = shape - 1.0
    return law.p * rate / excess if excess > 0.0 else np.nan


@way(verbs.finite_amount, GammaGamma)
def _finite_amount(law, spent):
    shape, rate = _given(law, spent)
    return law.p * rate / max(shape - 1.0, 0.1)


@way(verbs.buyer_of_mean, GammaGamma)
def _buyer_of_mean(law, mean):
    return Buyer(law.p, law.p / mean)


@way(verbs.log_spent, GammaGamma)
def _log_spent(law, before, spent, orders, factor, shape):
    """Of Gamma(orders · shape, rate ν shape / (p factor)), ν as what was spent before leaves it."""
    q, v = _given(law, before)
    pace, mine = shape / (law.p * factor), orders * shape
    ahead = mine * math.log(pace) + (mine - 1.0) * math.log(spent) - math.lgamma(mine)
    behind = math.lgamma(q + mine) - math.lgamma(q) + q * math.log(v)
    return ahead + behind - (q + mine) * math.log(v + pace * spent)
