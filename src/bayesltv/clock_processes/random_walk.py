"""A random walk: a level that drifts and does not return."""

from collections.abc import Callable, Mapping

import numpy as np

from bayesltv.clock_processes.process import Blocks, Terms, Values
from bayesltv.names import CLOCK_STEP_SD
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.prior import PriorSpec

NAME = "random_walk"
SCALE = CLOCK_STEP_SD
HAS_TERMS = False
FEWEST_DAYS, TOO_SHORT = 0, ""
PRIORS: Mapping[str, PriorSpec] = {
    CLOCK_STEP_SD: PriorSpec(
        "HalfNormal",
        {"sigma": 0.1},
        why="a level that drifts by a tenth in every block is a factor of three off in ten years",
    ),
}


def size(blocks: Blocks) -> int:
    """Return the number of states: one for each block."""
    return blocks.fitted


def design(blocks: Blocks) -> Floats:
    """Return the matrix from states to s: they are s."""
    return np.eye(blocks.fitted)


def precision(values: Values, blocks: Blocks) -> Terms:
    """Return that of a random walk that leaves 0 with the first block."""
    step = np.eye(blocks.fitted) - np.eye(blocks.fitted, k=-1)
    return [(values[CLOCK_STEP_SD] ** -2, step.T @ step)]


def continued(state: Floats, values: Values, shocks: Callable[[int], Floats], blocks: Blocks) -> Floats:
    """Return s over all blocks: each next one is the last and a step."""
    s = np.empty((state.shape[0], blocks.middles.size))
    s[:, : blocks.fitted] = state
    for block in range(blocks.fitted, s.shape[1]):
        s[:, block] = s[:, block - 1] + values[CLOCK_STEP_SD] * shocks(block - blocks.fitted)
    return s
