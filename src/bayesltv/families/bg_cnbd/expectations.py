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
def _sums_at(s, shape, passed, law):
    """Return Σ_n t_n, and Σ t_n (R+j+n) before purchases, from the mode: no underflow; `shape` is R + j."""
    rate, a, b, stages = law.rate, law.a, law.b, law.stages
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
def _sums_at_nodes(nodes, law, work):
    """Do `_sums_at` for all nodes and stages in one walk; False where a first term is too small for it.

    N counts stages with those that have passed: given j of them, a term of the walk from none has the weight
    N (N−1) ... (N−j+1) (α'/s)^j / (R)_j. Rows 4 and following of `work` are plain sums, then weighted ones.
    """
    shape, rate, a, b, stages = law.shape, law.rate, law.a, law.b, law.stages
    u, s, term, w = work[0], work[1], work[2], work[3]
    last = nodes - 1  # the node furthest out converges last
    if shape * u[last] > 500.0:
        return False
    for i in range(nodes):
        w[i] = s[i] / (rate + s[i])
        term[i] = math.exp(-shape * u[i])
    for j in range(stages):
        plain, weighted = work[4 + j], work[4 + stages + j]
        for i in range(nodes):
            plain[i] = term[i] if j == 0 else 0.0
            weighted[i] = term[i] * shape if stages == 1 else 0.0
    n, y = 0, 0
    while True:
        base = (shape + n) / (n + 1.0)
        n += 1
        step = base
        if n % stages == 0:
            step *= (b + y) / (a + b + y)
            y += 1
        for i in range(nodes):
            term[i] *= step * w[i]
        buys, ways = (n + 1) % stages == 0, 1.0
        for j in range(stages):
            plain, weighted = work[4 + j], work[4 + stages + j]
            for i in range(nodes):
                plain[i] += term[i] * ways
            if buys:
                for i in range(nodes):
                    weighted[i] += term[i] * (ways * (shape + n))
            ways *= n - j
        bound = max(base, 1.0) * w[last] * (n + 1.0) / max(n + 2.0 - stages, 1.0)
        known = work[3 + stages, last] + work[3 + 2 * stages, last]
        tail = term[last] * ways / max(n + 1.0 - stages, 1.0) * (shape + n)
        if bound < 1.0 and n >= 2 * stages and tail <= _SMALLEST * known * (1.0 - bound):
            break
    for j in range(1, stages):
        plain, weighted, rising = work[4 + j], work[4 + stages + j], 1.0
        for k in range(j):
            rising *= shape + k
        for i in range(nodes):
            factor = (rate / s[i]) ** j / rising
            plain[i] *= factor
            weighted[i] *= factor
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
def expected_by_stage(horizon, discount, law, work, found):
    """Fill E of purchases, discounted purchases and discounted time alive in (T, T + H], given each stage.

    Parameters
    ----------
    horizon, discount : float
        H in the time unit; continuous rate per unit.
    law : Ahead
        Numbers; what it says of the stage is not used.
    work : ndarray of float64, shape (12, 64)
        Scratch space of the caller.
    found : ndarray of float64, shape (3, stage)
        Filled here.
    """
    shape, rate, a, b, stages = law.shape, law.rate, law.a, law.b, law.stages
    found[:] = math.nan
    if not (horizon >= 0.0 and 0.0 < rate < math.inf and settles(horizon / (rate + horizon), shape, a, b)):
        return
    found[:] = 0.0
    u, s = work[0], work[1]
    end, gaps = math.log1p(horizon / rate), shape / stages
    split = min(end, math.log1p(4.0 / gaps))
    first, later = _first_nodes(gaps * math.expm1(split)), 0
    if split < end:
        wanted = node_count(end - split, horizon, discount, gaps, a, b)
        later = min(_MOST, max(_NODES, wanted))
    for i in range(first + later):
        u[i] = _place(i, first, later, split, end)[0]
        s[i] = rate * math.expm1(u[i])
    if horizon > 0.0 and not _sums_at_nodes(first + later, law, work):
        for j in range(stages):
            for i in range(first + later):
                work[4 + j, i], work[4 + stages + j, i] = _sums_at(s[i], shape + j, j, law)
    for i in range(first + later if horizon > 0.0 else 0):
        du = _place(i, first, later, split, end)[1]
        fading = math.exp(-discount * s[i])
        for j in range(stages):
            found[0, j] += du * work[4 + stages + j, i]
            found[1, j] += du * work[4 + stages + j, i] * fading
            found[2, j] += du * (rate + s[i]) * work[4 + j, i] * fading
