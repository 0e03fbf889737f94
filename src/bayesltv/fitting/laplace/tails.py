"""Standard normals with a share of t: proposals whose tails bound the importance weights."""

import numpy as np
from scipy.special import gammaln

from bayesltv.numerics.arrays import Floats

TAIL, TAIL_DEGREES = 0.1, 5.0
"""This share of the proposals comes from a t: it bounds the weights where tails are heavy."""


def draw_standard(size: int, dim: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return draws of a standard normal mixed with a t, shape (size, dim), and their log densities."""
    normal = rng.standard_normal((size, dim))
    z = normal / draw_divisors(size, rng)[:, None]
    return z, log_standard(np.sum(z**2, axis=1), dim)


def draw_divisors(size: int, rng: np.random.Generator) -> Floats:
    """Return what turns `size` vectors of standard normals into draws of the mixture."""
    heavy = rng.uniform(size=size) < TAIL
    return np.where(heavy, np.sqrt(rng.chisquare(TAIL_DEGREES, size) / TAIL_DEGREES), 1.0)


def log_standard(squared: Floats, dim: int) -> Floats:
    """Return the log density of the mixture in `dim` dimensions, from squared lengths."""
    log_normal = -0.5 * squared - 0.5 * dim * np.log(2 * np.pi)
    half = 0.5 * (TAIL_DEGREES + dim)
    log_t = gammaln(half) - gammaln(0.5 * TAIL_DEGREES) - 0.5 * dim * np.log(TAIL_DEGREES * np.pi)
    log_t = log_t - half * np.log1p(squared / TAIL_DEGREES)
    mixed: Floats = np.logaddexp(np.log1p(-TAIL) + log_normal, np.log(TAIL) + log_t)
    return mixed
