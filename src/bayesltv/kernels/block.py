"""A block of customers and draws as kernels take it."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesltv.families.verbs import Spent
from bayesltv.numerics.arrays import Codes, Floats
from bayesltv.numerics.compile import inlined


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
    histories : ndarray of float64, shape (7, customer)
        x, k, t_x, T, count of positive repeat amounts, their sum, first amount (0: none that says anything).
    group : ndarray of int32, shape (customer,)
    places : ndarray of float64, shape (rows, customer), or (rows, 0) for the still clock
        See ``FIRST`` to ``CENTURY`` of `bayesltv.kernels.calendar`.
    own : ndarray of float64, shape (customer, stretch, 3)
        Stretches of the past in which a customer's own time ran by a factor: where each begins and ends (a
        place on the clock; time since the first purchase with the still one), number of the factor.
    """

    histories: Floats
    group: Codes
    places: Floats
    own: Floats


class Laws(NamedTuple):
    """What customers buy and spend by: NamedTuples of families, arrays by (group, draw); see ``families``."""

    purchase: Any
    spend: Any


@inlined
def spent_of(people, i):
    """Return what customer `i` has spent."""
    return Spent(people.histories[4, i], people.histories[5, i], people.histories[6, i])
