"""Are these numbers uniform? Simultaneous bands of an empirical distribution function, computed exactly.

Säilynoja, Bürkner & Vehtari (2022), "Graphical test for discrete uniformity and its applications in
goodness-of-fit evaluation and multiple sample comparison", section 3: pointwise binomial intervals of one
tail probability at equally spaced points, and the probability that a uniform sample stays within all of
them. ArviZ finds that probability by simulation, out of whose reach bands of level 1 − 10⁻⁵ are; here it is
exact: counts of a uniform sample in equal cells are independent Poisson counts given their sum.
"""

import numpy as np
from scipy.optimize import brentq
from scipy.special import bdtr
from scipy.stats import poisson

POINTS = 250
"""Cells at most: more make nothing visible that fewer hide."""


def ranked(draws, truth, rng):
    """Return where `truth` stands among `draws`, as a number in (0, 1): uniform where both are alike.

    Parameters
    ----------
    draws : array, shape (..., draw)
    truth : array, shape (...)
        Ties (counts, alive or not) are broken at random.
    """
    below = (draws < truth[..., None]).sum(axis=-1)
    ties = (draws == truth[..., None]).sum(axis=-1)
    rank = below + rng.integers(0, ties + 1)
    return (rank + rng.uniform(size=np.shape(rank))) / (draws.shape[-1] + 1)


def points(size):
    """Return how many equal cells a sample of this size is counted in."""
    return min(size, POINTS)


def tail(numbers):
    """Return the smallest pointwise tail probability of the empirical distribution function."""
    size = len(numbers)
    at = np.arange(1, points(size)) / points(size)
    count = np.searchsorted(np.sort(numbers), at, side="right")
    return float(min(bdtr(count, size, at).min(), upper_tail(count, size, at).min()))


def upper_tail(count, size, at):
    """Return P(Binomial(size, at) >= count)."""
    return bdtr(size - count, size, 1 - at)


def window(size, smallest):
    """Return the least and the greatest count at each point with tails of at least `smallest`."""
    at = np.arange(1, points(size))[:, None] / points(size)
    count = np.arange(size + 1)[None, :]
    within = (bdtr(count, size, at) >= smallest) & (upper_tail(count, size, at) >= smallest)
    return within.argmax(axis=1), size - within[:, ::-1].argmax(axis=1)


def p_within(size, smallest):
    """Return the probability that a uniform sample stays in the window at all points."""
    low, high = window(size, smallest)
    expected = size / points(size)
    in_cell = poisson.pmf(np.arange(int(expected + 15 * np.sqrt(expected) + 15)), expected)
    weight = np.zeros(size + 1)
    weight[0] = 1.0
    for least, greatest in zip([*low, size], [*high, size], strict=True):
        weight = np.convolve(weight, in_cell)[: size + 1]
        weight[:least] = 0.0
        weight[greatest + 1 :] = 0.0
    return float(weight[size] / poisson.pmf(size, size))


def p_uniform(numbers):
    """Return the probability that a uniform sample of this size strays at least as far as `numbers`."""
    # a little above the tail seen, so that the window holds only what strays less
    return max(0.0, 1 - p_within(len(numbers), tail(numbers) * (1 + 1e-9)))


def band(size, level):
    """Return points and the band around them, as differences to the diagonal, of a joint level."""
    log_tail = brentq(
        lambda x: p_within(size, np.exp(x)) - level, np.log(1e-14), np.log(0.5 / size), xtol=1e-3
    )
    low, high = window(size, np.exp(log_tail))
    at = np.arange(1, points(size)) / points(size)
    return at, low / size - at, high / size - at
