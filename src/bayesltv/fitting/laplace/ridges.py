"""Ridges of a density: the highest points where one number is held away from the mode.

A posterior that bends has its mass along them, and a second mode that hangs together with the first is found.
"""

from collections.abc import Iterator

import numpy as np
from scipy.optimize import minimize

from bayesltv.fitting.laplace.blocks import Block, Slice
from bayesltv.fitting.laplace.conditional import Expansion
from bayesltv.numerics.arrays import Floats

STRIDE, STRIDES = 0.7, 8
"""Length of a step, on log or logit scales, and steps each way."""
DROP = 8.0
"""A ridge that has fallen this far below the mode is followed no further."""
_CLIMB = 40


def ridges(expansion: Expansion) -> Floats:
    """Return whole points of the ridges along each scale of a block, the mode first; log sds are held."""
    block = expansion.block
    scales = np.setdiff1d(block.where, np.concatenate([block.hypers, block.effects]))
    found = [expansion.mode]
    for at in scales:
        for direction in (-STRIDE, STRIDE):
            found += _steps(block, expansion.mode, int(at), direction)
    return np.array(found)


def _steps(block: Block, mode: Floats, at: int, stride: float) -> Iterator[Floats]:
    """Yield the points of one ridge."""
    top, point = block.density(mode)[0], mode.copy()
    others = np.setdiff1d(block.where, [*block.hypers, at])
    for _ in range(STRIDES):
        point = point.copy()
        point[at] += stride
        given = Slice(block.density, others, point)

        def downhill(rest: Floats, given: Slice = given) -> tuple[float, Floats]:
            value, gradient = given(rest)
            return (-value, -gradient) if np.isfinite(value) else (1e100, np.zeros_like(rest))

        found = minimize(downhill, given.start, jac=True, method="L-BFGS-B", options={"maxiter": _CLIMB})
        if -found.fun < top - DROP:
            return
        point = given.whole(found.x)
        yield point
