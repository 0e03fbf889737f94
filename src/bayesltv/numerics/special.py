"""Special functions inside compiled kernels."""

import math

import numpy as np

from bayesltv.numerics.compile import compiled, inlined

LARGEST = 1e9
"""Of shapes: beyond, differences of log gammas are rounding errors that look like likelihood."""


@compiled
def digamma(x):
    """Return ψ(x) for x > 0: recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.3.18)."""
    if not x > 0.0:
        return math.nan
    shift = 0.0
    while x < 10.0:
        shift -= 1.0 / x
        x += 1.0
    z = 1.0 / (x * x)
    series = z * (
        1.0 / 12 - z * (1.0 / 120 - z * (1.0 / 252 - z * (1.0 / 240 - z * (1.0 / 132 - z * (691.0 / 32760)))))
    )
    return shift + math.log(x) - 0.5 / x - series


@inlined
def discounted_time(until, discount):
    """Return ∫₀^until e^{−discount·s} ds: the present value of a unit of money per unit of time."""
    return until if discount == 0.0 else -math.expm1(-discount * until) / discount


@compiled
def all_proper(parameters, shapes):
    """Whether all are positive and finite, and `shapes` such that rounding leaves their log gammas right."""
    return np.all((parameters > 0.0) & (parameters < np.inf)) and np.all(shapes < LARGEST)
