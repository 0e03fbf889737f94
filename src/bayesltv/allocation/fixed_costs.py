"""Which actions to have at all, where each has a fixed cost: branch and bound over sets of actions.

A node has decided on some actions. What is undecided is offered at its fixed cost spread over all who could
get it, which relaxes "nobody, or the whole fixed cost": no set that the node leaves open is worth more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

type Actions = frozenset[int]

NODES = 400
CLOSE = 1e-6
"""Relative distance to the bound at which no other set is looked at."""
WORTH_IT = 1e-5
"""Relative distance to the bound above which single actions are exchanged in the end."""


@dataclass(frozen=True)
class Relaxed:
    """The relaxation of a node.

    Attributes
    ----------
    bound : float
        No set of actions that the node leaves open is worth more.
    charged : dict of int to float
        Undecided actions that somebody gets -> share of their fixed cost that is charged.
    """

    bound: float
    charged: dict[int, float]


def best_set(
    paying: dict[int, float],
    relax: Callable[[Actions, Actions], Relaxed | None],
    value: Callable[[Actions], float],
) -> tuple[Actions, float]:
    """Return the best set of actions that was found, and a bound on all sets.

    Parameters
    ----------
    paying : dict of int to float
        Action -> its fixed cost.
    relax : callable
        Actions to pay for, actions undecided -> the relaxation; None where nothing is feasible.
    value : callable
        Actions to pay for -> what is earned with them, -inf where that is not feasible.
    """
    best, found = frozenset[int](), value(frozenset())
    closed, number = -float("inf"), count()
    heap: list[tuple[float, int, Actions, Actions, Relaxed]] = []

    def push(kept: Actions, undecided: Actions) -> None:
        relaxed = relax(kept, undecided)
        if relaxed is not None:
            heappush(heap, (-relaxed.bound, next(number), kept, undecided, relaxed))

    push(frozenset(), frozenset(paying))
    for _ in range(NODES):
        if not heap or _is_close(-heap[0][0], found):
            break
        _, _, kept, undecided, relaxed = heappop(heap)
        candidate = kept | frozenset(relaxed.charged)
        earned = value(candidate)
        if earned > found:
            best, found = candidate, earned
        unpaid = {a: paying[a] * (1 - share) for a, share in relaxed.charged.items()}
        if not unpaid or max(unpaid.values()) <= 0:
            closed = max(closed, relaxed.bound)
            continue
        split = max(unpaid, key=lambda a: unpaid[a])
        push(kept | {split}, undecided - {split})
        push(kept, undecided - {split})
    bound = max([closed, found, *(-node[0] for node in heap)])
    if not _is_close(bound, found, WORTH_IT):
        best, found = _exchanged(paying, value, best, found)
    return best, bound


def _is_close(bound: float, found: float, close: float = CLOSE) -> bool:
    return found > -float("inf") and bound <= found + close * abs(found)


def _exchanged(
    paying: dict[int, float], value: Callable[[Actions], float], best: Actions, found: float
) -> tuple[Actions, float]:
    """Return what adding, dropping or exchanging single actions makes of a set."""
    while True:
        near = [best ^ {a} for a in paying]
        near += [best ^ {a, b} for a in best for b in paying if b not in best]
        worth = {actions: value(actions) for actions in near}
        better = max(worth, key=lambda actions: worth[actions], default=best)
        if worth.get(better, found) <= found:
            return best, found
        best, found = better, worth[better]
