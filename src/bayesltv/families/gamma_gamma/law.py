"""Gamma-Gamma in compiled kernels: ν ~ Gamma(q+p·n, rate v+Σz), and amounts Gamma(p, rate ν)."""

import math
from typing import Any, NamedTuple

import numpy as np

from bayesltv.families import verbs
from bayesltv.families.verbs import SPEND_BRANCH
from bayesltv.numerics.compile import way
from bayesltv.numerics.random_numbers import gamma, open_branch


class GammaGamma(NamedTuple):
    """ν ~ Gamma(q, rate v): arrays by (group, draw), empty where there is no spend, or numbers."""

    p: Any
    q: Any
    v: Any


class Buyer(NamedTuple):
    """Who spends amounts Gamma(shape, rate)."""

    shape: float
    rate: float


@way(verbs.at, GammaGamma)
def _at(law, group, draw):
    return GammaGamma(law.p[group, draw], law.q[group, draw], law.v[group, draw])


@way(verbs.draws_of, GammaGamma)
def _draws_of(law):
    return law.p.shape[1]


@way(verbs.is_modelled, GammaGamma)
def _is_modelled(law):
    return law.p.shape[0] > 0


@way(verbs.draw_buyer, GammaGamma)
def _draw_buyer(law, count, total, state, key, draw):
    open_branch(state, key, draw, SPEND_BRANCH)
    return Buyer(law.p, gamma(state, law.q + law.p * count) / (law.v + total))


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
def _expected_amount(law, count, total):
    """P (v+Σz) / (p·n+q−1)."""
    excess = law.p * count + law.q - 1.0
    return law.p * (law.v + total) / excess if excess > 0.0 else np.nan


@way(verbs.finite_amount, GammaGamma)
def _finite_amount(law, count, total):
    return law.p * (law.v + total) / max(law.p * count + law.q - 1.0, 0.1)


@way(verbs.buyer_of_mean, GammaGamma)
def _buyer_of_mean(law, mean):
    return Buyer(law.p, law.p / mean)


@way(verbs.log_spent, GammaGamma)
def _log_spent(law, count, total, spent, orders, factor, shape):
    """Of Gamma(orders · shape, rate ν shape / (p factor)), ν ~ Gamma(q + p·count, v + total)."""
    pace, mine, q, v = shape / (law.p * factor), orders * shape, law.q + law.p * count, law.v + total
    ahead = mine * math.log(pace) + (mine - 1.0) * math.log(spent) - math.lgamma(mine)
    behind = math.lgamma(q + mine) - math.lgamma(q) + q * math.log(v)
    return ahead + behind - (q + mine) * math.log(v + pace * spent)
