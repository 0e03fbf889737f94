"""Gauss-Legendre nodes inside compiled kernels, and the scratch arrays that integrals over a horizon need."""

import numpy as np

from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.compile import compiled

MAX_NODES = 64
MOST_NODES = 20
"""Of one segment of a calendar."""
SCRATCH = 512
"""Numbers in a row of the scratch space: nodes, or terms of a series."""


def _legendre_tables() -> tuple[Floats, Floats]:
    nodes, weights = np.zeros((MAX_NODES + 1, MAX_NODES)), np.zeros((MAX_NODES + 1, MAX_NODES))
    for n in range(1, MAX_NODES + 1):
        nodes[n, :n], weights[n, :n] = np.polynomial.legendre.leggauss(n)
    return nodes, weights


NODES, WEIGHTS = _legendre_tables()
"""Nodes and weights on [-1, 1]: row n has the rule of n nodes."""


@compiled
def work_space():
    """Return the scratch array of one thread for an integral over a horizon."""
    return np.zeros((6, SCRATCH))


@compiled
def calendar_space(edges):
    """Return the arrays `laid` and `work` of one thread for a timeline with so many edges."""
    return np.zeros((4, MOST_NODES * edges)), np.zeros((6, MOST_NODES * edges))
