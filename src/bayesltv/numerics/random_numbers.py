"""Random numbers inside compiled kernels: one stream per (customer key, draw).

xoshiro256++ (Blackman & Vigna 2021) seeded by SplitMix64 (Steele, Lea & Flood 2014). A stream is opened
anywhere by its key and draw number alone, which is what makes a customer's draws independent of row order,
blocks and threads. The state is an array of four uint64 that the caller owns.
"""

import math

import numpy as np

from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.compile import compiled, inlined

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_U5, _U12, _U17, _U19, _U23, _U27, _U30, _U31, _U41, _U45 = (
    np.uint64(n) for n in (5, 12, 17, 19, 23, 27, 30, 31, 41, 45)
)
_LAYERS, _TAIL = 256, 3.6541528853610088
"""Of the ziggurat: where the tail of 256 layers begins (Marsaglia & Tsang 2000)."""
_LAYER_BITS = np.uint64(_LAYERS - 1)
_TO_UNIT = 2.0**-52  # 52 bits and a half fit a double exactly; 53 would round up to 1


@inlined
def _mix(z):
    z = (z ^ (z >> _U30)) * _MIX_1
    z = (z ^ (z >> _U27)) * _MIX_2
    return z ^ (z >> _U31)


@inlined
def open_stream(state, key, draw):
    """Set `state` to the beginning of the stream of (key, draw), both uint64."""
    z = _mix(key + _GOLDEN) ^ _mix((draw + np.uint64(1)) * _GOLDEN)
    for i in range(4):
        z = z + _GOLDEN
        state[i] = _mix(z)


@inlined
def open_branch(state, key, draw, branch):
    """Set `state` to the beginning of one of the streams that belong to (key, draw), `branch` a uint64."""
    open_stream(state, key ^ (branch * _MIX_1), draw)


@inlined
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


@inlined
def uniform(state):
    """Return a number in (0, 1), never 0 or 1."""
    return (np.float64(next_uint64(state) >> _U12) + 0.5) * _TO_UNIT


@inlined
def exponential(state):
    """Return a standard exponential number."""
    return -math.log(uniform(state))


def _ziggurat_tables() -> tuple[Floats, Floats]:
    """Return right ends x and heights exp(−x²/2) of layers of equal area under the bell, the tail's first."""
    edge = math.exp(-0.5 * _TAIL**2)
    area = _TAIL * edge + math.sqrt(0.5 * math.pi) * math.erfc(_TAIL / math.sqrt(2.0))
    x = np.zeros(_LAYERS + 1)
    x[0], x[1] = area / edge, _TAIL
    for i in range(2, _LAYERS):
        x[i] = math.sqrt(-2.0 * math.log(area / x[i - 1] + math.exp(-0.5 * x[i - 1] ** 2)))
    return x, np.exp(-0.5 * x**2)


_RIGHT, _HEIGHT = _ziggurat_tables()


@compiled
def _normal_tail(state):
    while True:
        beyond = exponential(state) / _TAIL
        if 2.0 * exponential(state) > beyond * beyond:
            return _TAIL + beyond


@inlined
def normal(state):
    """Return a standard normal number (ziggurat of Marsaglia & Tsang 2000; 8 bits layer, 52 place)."""
    while True:
        bits = next_uint64(state)
        i = np.int64(bits & _LAYER_BITS)
        u = 2.0 * (np.float64(bits >> _U12) + 0.5) * _TO_UNIT - 1.0
        x = u * _RIGHT[i]
        if abs(x) < _RIGHT[i + 1]:
            return x
        if i == 0:
            return math.copysign(_normal_tail(state), u)
        lower, upper = _HEIGHT[i], _HEIGHT[i + 1]
        if lower + uniform(state) * (upper - lower) < math.exp(-0.5 * x * x):
            return x


@inlined
def gamma_above_one(state, shape):
    """Return a Gamma(shape, rate 1) number, shape >= 1 (Marsaglia & Tsang 2000); no number for no number."""
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(state)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v, square, u = v * v * v, x * x, uniform(state)
        if u < 1.0 - 0.0331 * square * square:
            return d * v
        if not math.log(u) >= 0.5 * square + d * (1.0 - v + math.log(v)):  # a shape that is no number ends
            return d * v


@inlined
def gamma(state, shape):
    """Return a Gamma(shape, rate 1) number."""
    boost = 1.0 if shape >= 1.0 else math.exp(-exponential(state) / shape)
    return gamma_above_one(state, shape if shape >= 1.0 else shape + 1.0) * boost


@compiled
def _log_gamma_draw(state, shape):
    g = gamma_above_one(state, shape + 1.0)
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
