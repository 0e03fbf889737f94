"""Why a customer gets what it gets: the reason where it gets nothing, and the option that came second."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesltv.allocation.allocation import NOBODY
from bayesltv.numerics.arrays import Codes, Flags, Floats

NOT_ELIGIBLE, NO_GAIN, NO_MONEY, NO_ROOM, HELD = (
    "not_eligible",
    "does_not_pay",
    "budget",
    "capacity",
    "held_out",
)
"""Why a customer gets nothing."""


@dataclass(frozen=True)
class Expected:
    """What is expected of each option, and what money and room cost.

    Attributes
    ----------
    net, cost : ndarray, shape (customer, action)
    eligible : ndarray of bool, shape (customer, action)
    fixed : ndarray, shape (action,)
    price : float
        What one more unit of money would bring.
    is_limited : bool
        Whether capacities or other limits may stand in the way.
    """

    net: Floats
    cost: Floats
    eligible: Flags
    fixed: Floats
    price: float
    is_limited: bool


def reasons(expected: Expected, recommended: Codes, withheld: Flags) -> NDArray[np.object_]:
    """Return why nothing is done with a customer; empty where something is.

    "not_eligible" for any action; "does_not_pay" in expectation (also: its campaign's fixed cost is not
    earned); "budget", the money does more elsewhere; "capacity", room or another limit is used up;
    "held_out", by the coin of the hold-out.
    """
    net = np.where(expected.eligible, expected.net, -np.inf)
    used = np.isin(np.arange(net.shape[1]), recommended)
    open_now = (used | (expected.fixed == 0))[None, :] & (net > 0)
    worth_its_price = net - expected.price * np.where(expected.eligible, expected.cost, 0.0) > 0
    nothing = recommended < 0
    found = np.full(len(net), "", dtype=object)
    found[nothing] = NO_MONEY
    found[nothing & (open_now & worth_its_price).any(axis=1)] = NO_ROOM if expected.is_limited else NO_MONEY
    found[nothing & ~open_now.any(axis=1)] = NO_GAIN
    found[nothing & ~expected.eligible.any(axis=1)] = NOT_ELIGIBLE
    found[~nothing & withheld] = HELD
    return found


def runners_up(expected: Expected, recommended: Codes) -> tuple[Codes, Floats]:
    """Return the best option beside the recommended one (-1: none), and its expected net value."""
    net = np.where(expected.eligible, expected.net, -np.inf)
    rows = np.flatnonzero(recommended >= 0)
    net[rows, recommended[rows]] = -np.inf
    net = np.column_stack([net, np.full(len(net), -np.inf)])  # so that there is one where there is no action
    second = net.argmax(axis=1).astype(np.int32)
    value = net[np.arange(len(net)), second]
    return np.where(np.isfinite(value), second, NOBODY).astype(np.int32), np.where(
        np.isfinite(value), value, np.nan
    )
