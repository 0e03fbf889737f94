"""The processes of a shared clock as loadings of standard normal innovations.

Written with arithmetic on arrays only, so that the same lines serve NumPy arrays and PyTensor variables.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesltv.units import DAYS_PER_YEAR

Floats = NDArray[np.float64]


def ar1_loadings(rho: Any, blocks: int) -> Any:  # noqa: ANN401
    """Return A with s = A u a stationary AR(1) of sd 1: ρ^(i−j) √(1 − ρ²) below, ρ^i in the first column."""
    lag = np.subtract.outer(np.arange(blocks), np.arange(blocks)).astype(np.float64)
    fading = rho ** np.maximum(lag, 0.0) * (lag >= 0)
    first = (np.arange(blocks) == 0).astype(np.float64)
    return fading * (first + (1.0 - first) * (1.0 - rho**2) ** 0.5)


def random_walk_loadings(blocks: int) -> Floats:
    """Return the loadings of a random walk that leaves 0 with the first block."""
    return np.tril(np.ones((blocks, blocks)))


def season_loadings(day: Floats, harmonics: int) -> Floats:
    """Return cosine and sine of each yearly harmonic, shape (day, 2 × harmonics).

    Parameters
    ----------
    day : ndarray, shape (day,)
        Days since 1970-01-01.
    harmonics : int
    """
    angle = 2 * np.pi * np.outer(day, np.arange(1, harmonics + 1)) / DAYS_PER_YEAR
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
