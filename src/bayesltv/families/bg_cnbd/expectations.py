"""Expectations over the horizon where a purchase takes several stages: series of positive terms.

Given alive with j stages passed, N counts the stages of the mixed Poisson process: P(alive at T+s) = Σ_n
P(N_s = n) P(K > ⌊(j+n)/k⌋), and purchases arrive at the rate Σ P(N_s = n) P(K > ⌊(j+n)/k⌋) (R+j+n)/(α'+s)
over those n after which one more stage is a purchase. Time integrals run over u = ln(1 + s/α'). The rate
swings over the first gaps, until chance has mixed the stages, so that they have nodes of their own.
"""

import math

from bayesltv.families.bg_nbd.expectations import node_count, settles
from bayesltv.numerics.compile import compiled, inlined
from bayesltv.numerics.quadrature import NODES, WEIGHTS

_NODES, _MOST = 14, 48
_SMALLEST = 1e-12


@compiled
def _sums_at(s, shape, law):
    """Return Σ_n t_n, and Σ t_n (R+j+n) before purchases, from the mode: no underflow."""
    rate, a, b, stages, passed = law.rate, law.a, law.b, law.stages, law.passed
    w = s / (rate + s)
    mode = int(max(0.0, (shape - 1.0) * s / rate))
    y = (passed + mode) // stages
    log_top = (
        math.lgamma(shape + mode) - math.lgamma(shape) - math.lgamma(mode + 1.0)
        - shape * math.log1p(s / rate) + mode * math.log(w)
        + math.lgamma(b + y) - math.lgamma(b) + math.lgamma(a + b) - math.lgamma(a + b + y)
    )  # fmt: skip
    plain, weighted, term, n = 1.0, 0.0, 1.0, mode
    if (passed + n + 1) % stages == 0:
        weighted = shape + n
    while True:
        ratio = (shape + n) / (n + 1.0) * w
        term *= ratio
        n += 1
        if (passed + n) % stages == 0:
            term *= (b + y) / (a + b + y)
            y += 1
        plain += term
        if (passed + n + 1) % stages == 0:
            weighted += term * (shape + n)
        bound = max(ratio, w)
        if bound < 1.0 and term * (shape + n) <= _SMALLEST * (weighted + plain) * (1.0 - bound):
            break
    term, n, y = 1.0, mode, (passed + mode) // stages
    while n > 0 and term > _SMALLEST * plain:
        if (passed + n) % stages == 0:
            y -= 1
            term *= (a + b + y) / (b + y)
        n -= 1
        term *= (n + 1.0) / (shape + n) / w
        plain += term
        if (passed + n + 1) % stages == 0:
            weighted += term * (shape + n)
    return math.exp(log_top) * plain, math.exp(log_top) * weighted


@compiled
def _sums_at_nodes(nodes, shape, law, work):
    """Do `_sums_at` for all nodes in one walk over n; False where a first term is too small to start from."""
    rate, a, b, stages, passed = law.rate, law.a, law.b, law.stages, law.passed
    u, s, plain, weighted, term, w = work[0], work[1], work[2], work[3], work[4], work[5]
    last = nodes - 1  # the node furthest out converges last
    if shape * u[last] > 500.0:
        return False
    before = passed + 1 == stages
    for i in range(nodes):
        w[i] = s[i] / (rate + s[i])
        term[i] = math.exp(-shape * u[i])
        plain[i] = term[i]
        weighted[i] = term[i] * shape if before else 0.0
    n, y = 0, 0
    while True:
        step = (shape + n) / (n + 1.0)
        n += 1
        if (passed + n) % stages == 0:
            step *= (b + y) / (a + b + y)
            y += 1
        if (passed + n + 1) % stages == 0:
            for i in range(nodes):
                term[i] *= step * w[i]
                plain[i] += term[i]
                weighted[i] += term[i] * (shape + n)
        else:
            for i in range(nodes):
                term[i] *= step * w[i]
                plain[i] += term[i]
        bound = max((shape + n) / (n + 1.0), 1.0) * w[last]
        left = _SMALLEST * (weighted[last] + plain[last]) * (1.0 - bound)
        if bound < 1.0 and term[last] * (shape + n) <= left:
            return True


@inlined
def _first_nodes(gaps):
    """Return how many nodes the first gaps need for an error of 1e-10, at most four: measured."""
    if gaps < 0.5:
        return 10
    return 12 if gaps < 2.0 else _NODES


@inlined
def _place(i, first, later, split, end):
    """Return where node i lies, and its weight."""
    if i < first:
        return 0.5 * split * (1.0 + NODES[first, i]), 0.5 * split * WEIGHTS[first, i]
    half = 0.5 * (end - split)
    return split + half * (1.0 + NODES[later, i - first]), half * WEIGHTS[later, i - first]


@compiled
def expected_in_stage(horizon, discount, law, work):
    """Return E of purchases, discounted purchases and discounted time alive in (T, T + H], given the stage.

    Parameters
    ----------
    horizon, discount : float
        H in the time unit; continuous rate per unit.
    law : Ahead
        Numbers, at a stage.
    work : ndarray of float64, shape (6, 64)
        Scratch space of the caller.
    """
    shape, rate, a, b = law.shape + law.passed, law.rate, law.a, law.b
    if not (horizon >= 0.0 and 0.0 < rate < math.inf and settles(horizon / (rate + horizon), shape, a, b)):
        return math.nan, math.nan, math.nan
    u, s, plain, weighted = work[0], work[1], work[2], work[3]
    end = math.log1p(horizon / rate)
    gaps = law.shape / law.stages
    split = min(end, math.log1p(4.0 / gaps))
    first, later = _first_nodes(gaps * math.expm1(split)), 0
    if split < end:
        wanted = node_count(end - split, horizon, discount, shape / law.stages, a, b)
        later = min(_MOST, max(_NODES, wanted))
    for i in range(first + later):
        u[i] = _place(i, first, later, split, end)[0]
        s[i] = rate * math.expm1(u[i])
    if not _sums_at_nodes(first + later, shape, law, work):
        for i in range(first + later):
            plain[i], weighted[i] = _sums_at(s[i], shape, law)
    purchases, discounted, alive = 0.0, 0.0, 0.0
    for i in range(first + later):
        du = _place(i, first, later, split, end)[1]
        fading = math.exp(-discount * s[i])
        purchases += du * weighted[i]
        discounted += du * weighted[i] * fading
        alive += du * (rate + s[i]) * plain[i] * fading
    return purchases, discounted, alive
