"""A block of customers and draws as kernels take it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Streams(NamedTuple):
    """Keys of a block's random streams, each of shape (customer,), and numbers of draws, all uint64."""

    latents: NDArray[np.uint64]
    events: NDArray[np.uint64]
    amounts: NDArray[np.uint64]
    draws: NDArray[np.uint64]


class People(NamedTuple):
    """The customers of a block.

    Attributes
    ----------
    histories : ndarray of float64, shape (6, customer)
        x, k, t_x, T, count of positive repeat amounts, their sum.
    group : ndarray of int32, shape (customer,)
    places : ndarray of float64, shape (rows, customer), or (rows, 0) for the still clock
        See ``FIRST`` to ``CENTURY`` of `bayesltv.kernels.calendar`.
    """

    histories: NDArray[np.float64]
    group: NDArray[np.int32]
    places: NDArray[np.float64]


class Laws(NamedTuple):
    """What customers buy and spend by: NamedTuples of families, arrays by (group, draw); see ``families``."""

    purchase: Any
    spend: Any
