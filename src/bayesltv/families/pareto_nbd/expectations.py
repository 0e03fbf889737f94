"""Expectations and counts of Pareto/NBD over a horizon, given alive: short integrals of positive terms."""

import math

from bayesltv.families.bg_nbd.law import wait_of
from bayesltv.families.pareto_nbd.integral import nodes_for
from bayesltv.numerics.compile import compiled
from bayesltv.numerics.quadrature import NODES, WEIGHTS
from bayesltv.numerics.special import discounted_time

_NODES, _WIDEST, _COUNT_NODES = 16, 1.5, 48
_MOST_PANELS = 10_000.0
"""Where discount leaves nothing after a moment, more would be a long way to the same number."""


@compiled
def time_alive(horizon, discount, s, beta):
    """Return the expected discounted time alive: ∫ β e^{u − su − δβ(e^u − 1)} du, u = ln(1 + t/β)."""
    length = math.log1p(horizon / beta)
    if not abs(discount) < math.inf:
        return math.nan
    if discount == 0.0 or not length < math.inf:
        return beta * discounted_time(length, s - 1.0)
    panels = 1 + int(min(max(length, 0.25 * abs(discount) * horizon) / _WIDEST, _MOST_PANELS))
    total, half = 0.0, 0.5 * length / panels
    nodes = min(nodes_for(2.0 * half, abs(discount) * horizon / panels), _NODES)
    for panel in range(panels):
        for i in range(nodes):
            u = half * (2.0 * panel + 1.0 + NODES[nodes, i])
            total += half * WEIGHTS[nodes, i] * math.exp((1.0 - s) * u - discount * beta * math.expm1(u))
    return beta * total


@compiled
def count_probability(y, horizon, alive, r, alpha, s, beta):
    """Return P(X* = y): whoever is alive buys so often in the horizon, or in the life that is left."""
    if horizon <= 0.0:
        return 1.0 if y == 0 else 0.0
    whole = math.exp(-s * math.log1p(horizon / beta)) * _poisson_gamma(y, horizon, r, alpha)
    ends = (
        0.0, math.log1p(min(horizon, alpha / r) / beta), math.log1p(min(horizon, 4.0 * alpha / r) / beta),
        math.log1p(horizon / beta),
    )  # fmt: skip
    for panel in range(3):
        half, middle = 0.5 * (ends[panel + 1] - ends[panel]), 0.5 * (ends[panel + 1] + ends[panel])
        for i in range(_COUNT_NODES if half > 0.0 else 0):
            u = middle + half * NODES[_COUNT_NODES, i]
            time = beta * math.expm1(u)
            density = s * math.exp(-s * u) * half * WEIGHTS[_COUNT_NODES, i]
            whole += density * _poisson_gamma(y, time, r, alpha)
    return (1.0 - alive if y == 0 else 0.0) + alive * whole


@compiled
def _poisson_gamma(y, time, r, alpha):
    """Return P(y purchases within `time`) of who does not leave: negative binomial."""
    if y == 0:
        return math.exp(-r * math.log1p(time / alpha))
    log_p = math.lgamma(r + y) - math.lgamma(r) - math.lgamma(y + 1.0) - r * math.log1p(time / alpha)
    return math.exp(log_p + y * math.log(time / (alpha + time)))


@compiled
def life_of(u, s, beta):
    """Return the remaining life whose tail probability is u: Lomax."""
    return wait_of(u, s, beta)
