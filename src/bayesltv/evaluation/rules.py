"""Scores of predictive draws against outcomes, on bare arrays: one row per customer, one column per draw.

Rows must be sorted: every score here is a function of a row's order statistics.
"""

import numpy as np

from bayesltv.numerics.arrays import Codes, Floats, Integers

Numbers = Floats | Codes | Integers
LEVELS = (0.5, 0.8, 0.9, 0.95)
"""Levels of the intervals whose coverage is reported."""
_GRID = 1000


def crps(ordered: Numbers, actual: Numbers) -> Floats:
    """Return the fair continuous ranked probability score of each row: E|X − y| − E|X − X'|/2.

    The second expectation goes over pairs of *different* draws, so that the expected score does not depend
    on how many draws there are (Ferro 2014, "Fair scores for ensemble forecasts"). The plain score of the
    empirical distribution is larger by E|X − X'| / (2 draws): a fifth of a thousandth at 1,000 draws.

    Parameters
    ----------
    ordered : ndarray, shape (customer, draw)
        Sorted along draws; at least two.
    actual : ndarray, shape (customer,)
    """
    n = ordered.shape[1]
    rank = 2.0 * np.arange(1, n + 1) - n - 1
    spread = ordered @ rank / (n * (n - 1))
    return np.asarray(np.abs(ordered - actual[:, None]).mean(axis=1) - spread)


def pit_limits(ordered: Numbers, actual: Numbers) -> tuple[Floats, Floats]:
    """Return the predictive distribution just below the outcome, P(X < y), and at it, P(X <= y)."""
    return (ordered < actual[:, None]).mean(axis=1), (ordered <= actual[:, None]).mean(axis=1)


def quantiles(ordered: Numbers, probabilities: Floats) -> Floats:
    """Return quantiles that are draws: the smallest with at least this share of draws at or below it.

    Returns
    -------
    ndarray of float64, shape (probability, customer)
    """
    n = ordered.shape[1]
    at = np.clip(np.ceil(np.asarray(probabilities) * n - 1e-9).astype(np.int64) - 1, 0, n - 1)
    return np.asarray(ordered[:, at].T, dtype=np.float64)


def intervals(ordered: Numbers, levels: tuple[float, ...] = LEVELS) -> tuple[Floats, Floats]:
    """Return lower and upper ends of equal-tailed intervals, shape (level, customer)."""
    tails = np.array([(1 - level) / 2 for level in levels])
    return quantiles(ordered, tails), quantiles(ordered, 1 - tails)


def pit_curve(below: Floats, upto: Floats, grid: Floats) -> Floats:
    """Return the non-randomised PIT distribution F̄(u) at `grid` (Czado, Gneiting & Held 2009, eq. 2).

    A customer whose outcome takes up [P(X < y), P(X <= y)] counts as spread evenly over that stretch; F̄ is
    the mean over customers, the identity where forecasts are calibrated.
    """
    total = np.zeros(grid.size)
    for start in range(0, below.size, 4096):  # no customers x grid array beyond a block
        low, high = below[start : start + 4096, None], upto[start : start + 4096, None]
        total += np.clip((grid - low) / np.maximum(high - low, 1e-12), 0.0, 1.0).sum(axis=0)
    return total / below.size


def pit_deviation(below: Floats, upto: Floats) -> float:
    """Return the largest |F̄(u) − u| over u = 0, .001, ..., 1."""
    grid = np.linspace(0, 1, _GRID + 1)
    return float(np.abs(pit_curve(below, upto, grid) - grid).max())


def randomised_pit(below: Floats, upto: Floats, uniform: Floats) -> Floats:
    """Return one PIT value per customer, uniform where forecasts are calibrated: for pictures."""
    return below + uniform * (upto - below)


def interval_score(lower: float, upper: float, actual: float, level: float) -> float:
    """Return the interval score of Gneiting & Raftery (2007, eq. 43): width + 2/α × how far outside."""
    miss = max(lower - actual, 0.0) + max(actual - upper, 0.0)
    return (upper - lower) + 2.0 / (1.0 - level) * miss
