"""Waits of several stages: what of a wait has passed in silence, and what is left of it.

Given λ, a customer who is alive has passed j stages of the running gap with probability proportional to
(λw)^j / j!, j < k, where w is the time since the last purchase. With λ ~ Gamma(R, rate α') that is
e_j / S(u), u = w/α', e_j = (R)_j u^j / j!, S = Σ e_j.
"""

import math

import numpy as np

from bayesltv.families.bg_nbd.law import wait_of
from bayesltv.numerics.compile import compiled, inlined
from bayesltv.numerics.random_numbers import uniform
from bayesltv.numerics.special import discounted_time

_STEPS, _LAST_STEP = 60, 1e-4
_LEAST_STAYING = 1e-9
"""Of 1 − p in the modes, whose sums cancel below."""
_SMALL = 1e-4
ROOTS = np.array(
    [
        [1.0, 0.0, 0.0, 0.0],
        [1.0, -1.0, 0.0, 0.0],
        [1.0, complex(-0.5, math.sqrt(0.75)), complex(-0.5, -math.sqrt(0.75)), 0.0],
        [1.0, 1j, -1.0, -1j],
    ]
)
"""Row k − 1: the k-th roots of 1, in order; those past the middle are conjugates of those before it."""


@inlined
def stage_terms(shape, stages):
    """Return (R)_j / j! of j = 1, 2, 3, which are 0 from k on: S is a polynomial in u."""
    first = shape if stages > 1 else 0.0
    second = first * (shape + 1.0) / 2.0 if stages > 2 else 0.0
    return first, second, second * (shape + 2.0) / 3.0 if stages > 3 else 0.0


@inlined
def stage_sum(terms, u):
    """Return S(u), `terms` from `stage_terms`."""
    first, second, third = terms
    return 1.0 + u * (first + u * (second + u * third))


@inlined
def hazard_top(shape, u, stages):
    """Return (R)_k u^{k−1} / (k−1)!."""
    top = shape
    for j in range(1, stages):
        top *= (shape + j) * u / j
    return top


@inlined
def silent(time, terms, shape, rate, since):
    """Return P(no purchase within `time`) of who is alive."""
    now, then = stage_sum(terms, since / rate), stage_sum(terms, (since + time) / (rate + time))
    return math.exp(-shape * math.log1p(time / rate)) * then / now


@inlined
def too_few(none, shape, w, needed):
    """Return P(N < needed), N the stages passed, negative binomial, none of them with probability `none`."""
    below, term = 0.0, none
    for n in range(needed):
        below += term
        term *= (shape + n) / (n + 1.0) * w
    return below


@compiled
def wait_past(u, shape, rate, since, stages):
    """Return the wait whose tail probability is u.

    In y = ln(1 + wait/α') the logarithm of the tail is concave, and its derivatives follow from its hazard:
    Halley's steps. They begin where the tail would be u if S were what it is (k − 1/2) ln(1/u) stages ahead.
    An error of the last step's size is cubed by it.
    """
    if stages == 1:
        return wait_of(u, shape, rate)
    terms, top, left = stage_terms(shape, stages), hazard_top(shape, 1.0, stages), (rate - since) / rate
    goal, ahead = u * stage_sum(terms, since / rate), (stages - 0.5) * 2.0 * (1.0 - u) / (1.0 + u)
    y = math.log(stage_sum(terms, 1.0 - left * shape / (shape + ahead)) / goal) / shape
    for _ in range(_STEPS):
        open_part = left * math.exp(-y)
        v = 1.0 - open_part
        total = stage_sum(terms, v)
        short, steep = math.log(total / goal) - shape * y, top / total
        for _ in range(stages - 1):
            steep *= v
        bend = (stages - 1.0) * open_part / v - shape + steep
        step = 2.0 * short / (2.0 * steep + short * bend)
        y = max(y + step, 0.25 * y)
        if not abs(step) > _LAST_STEP * y:
            break
    return rate * math.expm1(max(y, 0.0))


@inlined
def draw_stages_passed(state, since, wait, stages):
    """Return how many stages of a gap are over, of which `since` has passed and `wait` is left."""
    passed = 0
    for _ in range(stages - 1):
        if uniform(state) * (since + wait) < since:
            passed += 1
    return passed


@inlined
def erlang(state, stages):
    """Return a Gamma(stages, rate 1) number."""
    product = uniform(state)
    for _ in range(stages - 1):
        product *= uniform(state)
    return -math.log(product)


@inlined
def poisson_below(mean, count):
    """Return P(Poisson(mean) < count)."""
    total, term = 1.0, 1.0
    for n in range(1, count):
        term *= mean / n
        total += term
    return math.exp(-mean) * total


@inlined
def _mode_time(time, theta):
    """Return ∫₀^time e^{−theta·s} ds, theta complex."""
    x = theta * time
    if abs(x.real) + abs(x.imag) < _SMALL:
        return time * (1.0 - x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0)))
    return (1.0 - np.exp(-x)) / theta


@compiled
def lead_stages(place, rate, dropout, time, discount, stages):
    """Return ∫ of a purchase's last stage and of all, discounted, and the stages at the end.

    The stages are a ring that is walked at `rate` and left with probability `dropout` at its last step.
    Scaled by powers of q = (1 − p)^{1/k} it is a ring left at an even rate, whose modes are powers of the
    roots of 1.

    Parameters
    ----------
    place : tuple of four float
        Weight in each stage at the beginning.
    rate, dropout : float
    time : float
    discount : float
    stages : int

    Returns
    -------
    float, float, tuple of four float
    """
    q = max(1.0 - dropout, _LEAST_STAYING) ** (1.0 / stages)
    last, lived = 0.0, 0.0
    ends = (0.0, 0.0, 0.0, 0.0)
    for i in range(stages // 2 + 1):
        root = ROOTS[stages - 1, i]
        back = root.conjugate()
        amplitude, scale = 0.0j, 1.0 + 0.0j
        for j in range(stages):
            amplitude += place[j] * scale
            scale *= q * back
        twice = 1.0 if i == 0 or 2 * i == stages else 2.0  # with the conjugate mode
        amplitude *= twice / stages
        theta = rate * (1.0 - q * back) + discount
        if i == 0:
            span, fading = discounted_time(time, theta.real) + 0.0j, math.exp(-theta.real * time) + 0.0j
        else:
            span, fading = _mode_time(time, theta), np.exp(-theta * time)
        part, whole, forward = amplitude * span, 0.0j, 1.0 + 0.0j
        for j in range(stages):
            end = (amplitude * fading * forward).real
            ends = (
                ends[0] + (end if j == 0 else 0.0), ends[1] + (end if j == 1 else 0.0),
                ends[2] + (end if j == 2 else 0.0), ends[3] + (end if j == 3 else 0.0),
            )  # fmt: skip
            whole += forward
            if j < stages - 1:
                forward *= root / q
        last += (part * forward).real
        lived += (part * whole).real
    return last, lived, ends
