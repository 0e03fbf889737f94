"""AR(1): shocks that fade. Stationary, so that the intensity returns to its usual level."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bayesltv.clock_processes.process import Blocks, Terms, Values
from bayesltv.names import CLOCK_RHO, CLOCK_SD
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.prior import PriorSpec

NAME = "ar1"
SCALE = CLOCK_SD
HAS_TERMS = False
FEWEST_DAYS, TOO_SHORT = 0, ""
PRIORS: Mapping[str, PriorSpec] = {
    CLOCK_SD: PriorSpec(
        "HalfNormal",
        {"sigma": 0.15},
        why="a month of a shop seldom lies a third above or below its usual level, and what a year tells of "
        "that is little",
    ),
    CLOCK_RHO: PriorSpec(
        "Beta",
        {"alpha": 2.0, "beta": 2.0},
        why="from shocks that are gone in the next block to ones that last for half a year",
    ),
}


def size(blocks: Blocks) -> int:
    """Return the number of states: one for each block."""
    return blocks.fitted


def design(blocks: Blocks) -> Floats:
    """Return the matrix from states to s: they are s."""
    return np.eye(blocks.fitted)


def precision(values: Values, blocks: Blocks) -> Terms:
    """Return that of a stationary AR(1): a state is tied to its neighbours alone."""
    sd, rho = values[CLOCK_SD], values[CLOCK_RHO]
    whole, inner = np.eye(blocks.fitted), np.eye(blocks.fitted)
    inner[[0, -1], [0, -1]] = 0.0
    beside = np.eye(blocks.fitted, k=1) + np.eye(blocks.fitted, k=-1)
    scale = sd**-2 / (1.0 - rho**2)
    return [(scale, whole), (scale * rho**2, inner), (-scale * rho, beside)]


def fading(rho: Any, blocks: int) -> Any:  # noqa: ANN401
    """Return A with s = A u a stationary AR(1) of sd 1: ρ^(i−j) √(1 − ρ²) below, ρ^i in the first column."""
    lag = np.subtract.outer(np.arange(blocks), np.arange(blocks)).astype(np.float64)
    powers = rho ** np.maximum(lag, 0.0) * (lag >= 0)
    first = (np.arange(blocks) == 0).astype(np.float64)
    return powers * (first + (1.0 - first) * (1.0 - rho**2) ** 0.5)


def continued(state: Floats, values: Values, shocks: Callable[[int], Floats], blocks: Blocks) -> Floats:
    """Return s over all blocks: each next one is ρ of the last and a shock."""
    sd, rho = values[CLOCK_SD], values[CLOCK_RHO]
    s = np.empty((state.shape[0], blocks.middles.size))
    s[:, : blocks.fitted] = state
    for block in range(blocks.fitted, s.shape[1]):
        shock = sd * np.sqrt(1 - rho**2) * shocks(block - blocks.fitted)
        s[:, block] = rho * s[:, block - 1] + shock
    return s
