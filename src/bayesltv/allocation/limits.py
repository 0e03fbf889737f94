"""Limits on how many customers get an action, as rows of a linear program."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayesltv.errors import SpecError
from bayesltv.numerics.arrays import Codes, Flags, Floats, Integers


@dataclass(frozen=True)
class Limit:
    """So many of some customers may or must get one of some actions.

    Attributes
    ----------
    name : str
        For messages and tables.
    counted : ndarray of bool, shape (customer, action)
    at_least : int
    at_most : int, optional
    """

    name: str
    counted: Flags
    at_least: int = 0
    at_most: int | None = None


@dataclass(frozen=True)
class Rows:
    """Limits as rows: Σ sign · counted · x <= bound.

    Attributes
    ----------
    counted : ndarray of bool, shape (row, customer, action)
    sign : ndarray of float64, shape (row,)
        1 for "at most", -1 for "at least".
    bound : ndarray of float64, shape (row,)
    names : tuple of str
    """

    counted: Flags
    sign: Floats
    bound: Floats
    names: tuple[str, ...]

    def shortfall(self, assigned: Codes) -> Integers:
        """Return by how much each row is broken, in customers."""
        if not self.names:
            return np.zeros(0, np.int64)
        treated = np.flatnonzero(assigned >= 0)
        counts = self.counted[:, treated, assigned[treated]].sum(axis=1)
        broken: Integers = np.maximum(self.sign * counts - self.bound, 0).astype(np.int64)
        return broken


def stack_limits(limits: Sequence[Limit]) -> Rows:
    """Return the rows of some limits; of none, no rows."""
    rows = [(limit, 1.0, float(limit.at_most)) for limit in limits if limit.at_most is not None]
    rows += [(limit, -1.0, -float(limit.at_least)) for limit in limits if limit.at_least > 0]
    if not rows:
        return Rows(np.zeros((0, 0, 0), np.bool_), np.zeros(0), np.zeros(0), ())
    return Rows(
        np.stack([limit.counted for limit, _, _ in rows]),
        np.array([sign for _, sign, _ in rows]),
        np.array([bound for _, _, bound in rows]),
        tuple(limit.name for limit, _, _ in rows),
    )


@dataclass(frozen=True)
class Found:
    """What a solver found.

    Attributes
    ----------
    assigned : ndarray of int32, shape (customer,)
    bound : float
        No allocation is worth more.
    money_price : float
        Of a unit of the budget.
    limit_prices : tuple of float
        One per row.
    """

    assigned: Codes
    bound: float
    money_price: float
    limit_prices: tuple[float, ...]


def unreachable(rows: Rows, broken: Integers) -> SpecError:
    """Return the error to raise where limits cannot be met."""
    said = "; ".join(
        f"{name} by {count:,} customers" for name, count in zip(rows.names, broken, strict=True) if count
    )
    return SpecError(
        f"the limits of the budget cannot be met{f' ({said})' if said else ''}: lower at_least, raise the "
        "budget, or make more customers eligible"
    )


def unmet(reached: Sequence[tuple[Limit, int]]) -> SpecError:
    """Return the error to raise where limits cannot be met, given how many each could reach by itself."""
    short = [(limit, most) for limit, most in reached if most < limit.at_least]
    said = "; ".join(
        f"{limit.name} asks for {limit.at_least:,} customers and {most:,} can be reached"
        for limit, most in short or reached
    )
    each = "" if short else ", each by itself but not all at once"
    return SpecError(
        f"the limits of the budget cannot be met ({said}{each}): lower at_least, raise the budget, or make "
        "more customers eligible"
    )
