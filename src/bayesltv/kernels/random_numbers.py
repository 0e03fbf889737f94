"""Random numbers inside compiled kernels: one stream per (customer key, draw).

xoshiro256++ (Blackman & Vigna 2021) seeded by SplitMix64 (Steele, Lea & Flood 2014). A stream is opened
anywhere by its key and draw number alone, which is what makes a customer's draws independent of row order,
blocks and threads. The state is an array of four uint64 that the caller owns.
"""

import math

import numpy as np

from bayesltv.kernels.compile import compiled

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_U5, _U12, _U17, _U19, _U23, _U27, _U30, _U31, _U41, _U45 = (
    np.uint64(n) for n in (5, 12, 17, 19, 23, 27, 30, 31, 41, 45)
)
_TO_UNIT = 2.0**-52  # 52 bits and a half fit a double exactly; 53 would round up to 1


@compiled
def _mix(z):
    z = (z ^ (z >> _U30)) * _MIX_1
    z = (z ^ (z >> _U27)) * _MIX_2
    return z ^ (z >> _U31)


@compiled
def open_stream(state, key, draw):
    """Set `state` to the beginning of the stream of (key, draw), both uint64."""
    z = _mix(key + _GOLDEN) ^ _mix((draw + np.uint64(1)) * _GOLDEN)
    for i in range(4):
        z = z + _GOLDEN
        state[i] = _mix(z)


@compiled
def next_uint64(state):
    """Return the next 64 random bits."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    total = s0 + s3
    result = ((total << _U23) | (total >> _U41)) + s0
    t = s1 << _U17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = (s3 << _U45) | (s3 >> _U19)
    state[0], state[1], state[2], state[3] = s0, s1, s2, s3
    return result


@compiled
def uniform(state):
    """Return a number in (0, 1), never 0 or 1."""
    return (np.float64(next_uint64(state) >> _U12) + 0.5) * _TO_UNIT


@compiled
def exponential(state):
    """Return a standard exponential number."""
    return -math.log(uniform(state))


@compiled
def normal(state):
    """Return a standard normal number (Marsaglia's polar method)."""
    while True:
        x = 2.0 * uniform(state) - 1.0
        y = 2.0 * uniform(state) - 1.0
        s = x * x + y * y
        if 0.0 < s < 1.0:
            return x * math.sqrt(-2.0 * math.log(s) / s)


@compiled
def _gamma_above_one(state, shape):
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(state)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        u = uniform(state)
        if u < 1.0 - 0.0331 * x * x * x * x or math.log(u) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
            return d * v


@compiled
def gamma(state, shape):
    """Return a Gamma(shape, rate 1) number (Marsaglia & Tsang 2000)."""
    if shape >= 1.0:
        return _gamma_above_one(state, shape)
    g = _gamma_above_one(state, shape + 1.0)
    return g * math.exp(-exponential(state) / shape)


@compiled
def _log_gamma_draw(state, shape):
    g = _gamma_above_one(state, shape + 1.0)
    return math.log(g) - exponential(state) / shape


@compiled
def beta(state, a, b):
    """Return a Beta(a, b) number; tiny a and b, where gamma numbers underflow, are done on the log scale."""
    if a < 0.1 or b < 0.1:
        x = _log_gamma_draw(state, a)
        y = _log_gamma_draw(state, b)
        return 1.0 / (1.0 + math.exp(y - x))
    x = gamma(state, a)
    y = gamma(state, b)
    return x / (x + y)
