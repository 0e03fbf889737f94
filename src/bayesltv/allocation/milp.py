"""Allocation under limits as a mixed-integer linear program (HiGHS).

Where branch and bound takes too long the relaxation is rounded: a vertex of it has no more fractional
customers than there are constraints besides "one action each".
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayesltv.allocation.lagrangian import completed
from bayesltv.allocation.limits import Found, Rows, unreachable
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.knapsack import Choices

RELATIVE_GAP = 1e-7
SECONDS = 20.0
WHOLE = 1 - 1e-6


@dataclass(frozen=True)
class _Program:
    """max worth·x, matrix x <= upper, 0 <= x <= 1, over the pairs (customer, action)."""

    customer: NDArray[np.intp]
    action: NDArray[np.intp]
    worth: Floats
    matrix: object
    upper: Floats
    sides: int


def solve_program(choices: Choices, budget: float, rows: Rows) -> Found:
    """Return the best allocation under budget and limits, with its bound and the relaxation's prices.

    Raises
    ------
    SpecError
        Where the limits cannot be met.
    """
    program = _program(choices, budget, rows)
    relaxed, bound, prices = _relaxed(program, rows, len(choices.net))
    exact = _branch_and_bound(program)
    taken, bound = (relaxed, bound) if exact is None else exact
    assigned = np.full(len(choices.net), -1, np.int32)
    whole = taken >= WHOLE
    assigned[program.customer[whole]] = program.action[whole]
    completed(choices, budget, rows, assigned)
    broken = rows.shortfall(assigned)
    if broken.any():
        raise unreachable(rows, broken)
    return Found(assigned, bound, *_split(prices, budget, rows))


def relax_program(choices: Choices, budget: float, rows: Rows) -> Found:
    """Return the linear relaxation: its bound, prices, and for each customer the most of what it gets.

    Raises
    ------
    SpecError
        Where the limits cannot be met.
    """
    net = choices.net
    program = _program(choices, budget, rows)
    taken, bound, prices = _relaxed(program, rows, len(net))
    parts = np.zeros(net.shape)
    parts[program.customer, program.action] = taken
    most = np.argmax(parts, axis=1).astype(np.int32) if net.size else np.empty(0, np.int32)
    most[parts.max(axis=1, initial=0.0) <= 1 - WHOLE] = -1
    return Found(most, bound, *_split(prices, budget, rows))


def _relaxed(program: _Program, rows: Rows, customers: int) -> tuple[Floats, float, Floats]:
    from scipy.optimize import linprog

    if not program.worth.size:
        nobody = np.full(customers, -1, np.int32)
        if rows.shortfall(nobody).any():
            raise unreachable(rows, rows.shortfall(nobody))
        return np.empty(0), 0.0, np.zeros(program.sides)
    found = linprog(-program.worth, A_ub=program.matrix, b_ub=program.upper, bounds=(0, 1), method="highs")
    if not found.success:
        nobody = np.full(customers, -1, np.int32)
        raise unreachable(rows, rows.shortfall(nobody))
    prices: Floats = -found.ineqlin.marginals[: program.sides]
    return found.x, -float(found.fun), prices


def _split(prices: Floats, budget: float, rows: Rows) -> tuple[float, tuple[float, ...]]:
    """Return the price of money, and those of the rows."""
    money = float(prices[0]) if np.isfinite(budget) else 0.0
    return money, tuple(float(each) for each in prices[-rows.bound.size :])


def _program(choices: Choices, budget: float, rows: Rows) -> _Program:
    from scipy.sparse import csr_array, vstack

    net, cost, eligible = choices
    # what does not pay is only ever taken to meet an "at least"
    useful = eligible & ((net > 0) | rows.counted[rows.sign < 0].any(axis=0))
    customer, action = np.nonzero(useful)
    pairs = np.arange(customer.size)
    once = csr_array((np.ones(pairs.size), (customer, pairs)), shape=(net.shape[0], pairs.size))
    sides = [sign * counted[customer, action] for sign, counted in zip(rows.sign, rows.counted, strict=True)]
    ends = list(rows.bound)
    if np.isfinite(budget):
        sides, ends = [cost[customer, action], *sides], [budget, *ends]
    return _Program(
        customer,
        action,
        net[customer, action],
        vstack([csr_array(np.array(sides)), once]),
        np.concatenate([ends, np.ones(net.shape[0])]),
        len(sides),
    )


def _branch_and_bound(program: _Program) -> tuple[Floats, float] | None:
    from scipy.optimize import Bounds, LinearConstraint, milp

    if not program.worth.size:
        return None
    with _own_stdout():
        solved = milp(
            -program.worth,
            integrality=np.ones(program.worth.size),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(program.matrix, ub=program.upper),
            options={"mip_rel_gap": RELATIVE_GAP, "time_limit": SECONDS},
        )
    return None if solved.x is None else (solved.x, -float(solved.mip_dual_bound))


@contextmanager
def _own_stdout() -> Iterator[None]:
    """Keep stdout for what we say: HiGHS leaves lines of its own there (SciPy 1.18)."""
    if os.name != "posix":
        yield
        return
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)  # C's own buffer, while it still goes nowhere
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
