"""A season: the same waves every year, known for all years once they are known for one."""

from collections.abc import Callable, Mapping

import numpy as np

from bayesltv.clock_processes.process import Blocks, Terms, Values
from bayesltv.names import CLOCK_SEASON_SD
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.prior import PriorSpec
from bayesltv.units import DAYS_PER_YEAR

NAME = "seasonal"
SCALE = CLOCK_SEASON_SD
HAS_TERMS = True
FEWEST_DAYS = 548  # a season is told from a trend by what comes back: a year and a half has half of it twice
TOO_SHORT = "cannot tell a yearly season from a trend"
PRIORS: Mapping[str, PriorSpec] = {
    CLOCK_SEASON_SD: PriorSpec(
        "HalfNormal", {"sigma": 0.3}, why="the best month of a usual year is up to twice the worst"
    ),
}


def size(blocks: Blocks) -> int:
    """Return the number of states: a cosine and a sine of each harmonic."""
    return 2 * blocks.harmonics


def design(blocks: Blocks) -> Floats:
    """Return the matrix from states to s: the waves at the blocks of the fit."""
    return waves(blocks.middles[: blocks.fitted], blocks.harmonics)


def precision(values: Values, blocks: Blocks) -> Terms:
    """Return that of independent terms."""
    return [(values[CLOCK_SEASON_SD] ** -2, np.eye(size(blocks)))]


def waves(day: Floats, harmonics: int) -> Floats:
    """Return cosine and sine of each yearly harmonic, shape (day, 2 × harmonics).

    Parameters
    ----------
    day : ndarray, shape (day,)
        Days since 1970-01-01.
    harmonics : int
    """
    angle = 2 * np.pi * np.outer(day, np.arange(1, harmonics + 1)) / DAYS_PER_YEAR
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)


def labels(harmonics: int) -> list[str]:
    """Return the names of its terms."""
    orders = range(1, harmonics + 1)
    return [f"{wave} {order}" for wave in ("cos", "sin") for order in orders]


def continued(
    state: Floats,
    values: Values,  # noqa: ARG001
    shocks: Callable[[int], Floats],  # noqa: ARG001
    blocks: Blocks,
) -> Floats:
    """Return s over all blocks: its terms times the waves."""
    return state @ waves(blocks.middles, blocks.harmonics).T
