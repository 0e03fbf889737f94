"""The levels at which tables tell what is drawn."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from bayesltv.numerics.arrays import Floats

LEVELS = {"p05": 0.05, "p50": 0.5, "p95": 0.95}
"""By the ends of their columns' names."""
ENDS = {"p05": 0.05, "p95": 0.95}
"""Of the interval of 90 % alone."""


def quantiles_of(
    draws: ArrayLike, prefix: str = "", *, axis: int = -1, levels: Mapping[str, float] = LEVELS
) -> dict[str, Floats]:
    """Return the quantiles over the axis of draws, by their level's name after the prefix."""
    found = np.quantile(np.asarray(draws), list(levels.values()), axis=axis)
    return {prefix + level: each for level, each in zip(levels, found, strict=True)}
