"""The customers of a test where it begins: placed on the draws of a fit, and what is expected of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from bayesltv.base.customers import Customers
from bayesltv.base.gate import require_passed
from bayesltv.base.placed_base import PlacedBase, Placement
from bayesltv.base.population import Population
from bayesltv.data.experiment import Assigned
from bayesltv.data.summary.cells import number_rows
from bayesltv.errors import DataError, warn
from bayesltv.experiments.likelihoods import RATE, SPEND
from bayesltv.experiments.posed import PosedUplift
from bayesltv.kernels.window import expected_in_window, mean_amounts
from bayesltv.machine import available_processors
from bayesltv.names import CUSTOMER_ID, OBSERVATION_END
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.prediction.packed import clock_of, laws_of, people_of
from bayesltv.units import DAYS_PER, horizon_in

DRAWS, ASKED = 32, 100
"""Posterior draws that have tables of their own, and customers whose expectations are the level of a draw."""
LARGE_GAP = 0.25
"""Share of the window that may lie between the end of the histories and the assignment without a warning."""


@dataclass(frozen=True)
class Window:
    """The customers of a test at its beginning, on the draws that have tables.

    Attributes
    ----------
    placement : Placement
    assigned : Assigned
    shape : tuple of int
        Cells and arms.
    length : float
        In the time unit.
    """

    placement: Placement
    assigned: Assigned
    shape: tuple[int, int]
    length: float

    @property
    def population(self) -> Population:
        """Return the population of the fit."""
        return self.placement.population

    @property
    def code(self) -> Integers:
        """Cell and arm of each customer as one number."""
        return self.assigned.cell * self.shape[1] + self.assigned.arm

    def summed(self, logs: Floats, rows: csr_array) -> Floats:
        """Return sums over customers, shape (arm, cell, point), of what rows of histories have."""
        sums: Floats = (rows @ logs).reshape(*self.shape, -1).swapaxes(0, 1)
        return sums


def meet(posed: PosedUplift, base: PlacedBase) -> Window:
    """Return the customers of a test where they stand in a base; see ``latents.calibrate``."""
    require_passed(base.fit, base.accept_failed)
    assigned, day, length = posed.counts.assigned, posed.assigned_on, posed.window
    if day is None or length is None:
        what = "assigned_on= (the day of assignment)" if day is None else 'window= ("8 weeks")'
        raise DataError(f"with a base the test's window must be known: pass {what}")
    unit = base.posterior.time_unit
    _require_before(base, day, horizon_in(length, unit) * DAYS_PER[unit])
    strange = assigned.ids[~assigned.ids.isin(base.summary[CUSTOMER_ID])]
    if len(strange):
        raise DataError(
            f"{len(strange):,} of {len(assigned.ids):,} customers of the test are not in the "
            f"summary ({{ids}}): it must hold all who were there on {day}. Leave out who came later",
            ids=strange,
        )
    placement = replace(base.of(list(assigned.ids)), draws=None).placed(DRAWS)
    shape = len(posed.counts.labels), len(posed.counts.arms)
    return Window(placement, assigned, shape, horizon_in(length, unit))


def _require_before(base: PlacedBase, day: date, window_days: float) -> None:
    """Refuse histories, or a fit, that hold purchases of the test: they would be counted twice."""
    fitted = base.fit.attrs.get(OBSERVATION_END) or None
    for what, end in (("the summary", base.require_end()), ("the fit's data", fitted)):
        if end is not None and pd.Timestamp(end).date() > day:
            raise DataError(
                f"{what} end on {pd.Timestamp(end).date()}, after the arms were assigned on {day}: purchases "
                f"of the test would count as history too. Summarize with observation_end={day}, and fit that"
            )
    gap = (pd.Timestamp(day) - base.require_end()).days
    if gap > LARGE_GAP * window_days:
        warn(
            f"the histories end {gap:,} days before the arms were assigned: what was bought between them is "
            "known of nobody, so that effects are less certain than they are said to be"
        )


def levels_of(window: Window, base: PlacedBase) -> dict[str, Integers]:
    """Return the set of tables of each of the fit's draws, shape (chain, draw), for purchases and for spend.

    It is that of the draw whose level, the mean expectation of some customers, is next to its own.
    """
    ids = window.placement.summary[CUSTOMER_ID]
    some = np.unique(np.linspace(0, len(ids) - 1, ASKED).astype(int))
    few = replace(base.of(list(ids.iloc[some])), draws=None).placed(None)
    asked = replace(window, placement=few)
    shape = base.posterior.chains, base.posterior.draws_per_chain
    draws = range(few.population.draws.size)
    one = np.ones(1)
    levels = {RATE: np.array([expected(asked, few.customers, one, draw)[1].mean() for draw in draws])}
    if few.population.has_spend:
        levels[SPEND] = np.array([np.median(mean_orders(asked, draw)) for draw in draws])
    return {name: nearest(level, window.population.draws).reshape(shape) for name, level in levels.items()}


def nearest(levels: Floats, chosen: NDArray[np.uint64]) -> Integers:
    """Return which of the chosen draws is nearest to each draw; those alike take turns."""
    own = levels[chosen.astype(np.int64)]
    order = np.argsort(own, kind="stable")
    middles = 0.5 * (own[order][1:] + own[order][:-1])
    first, last = (np.searchsorted(middles, levels, side=side) for side in ("left", "right"))
    return order[first + np.arange(levels.size) % (last - first + 1)]


def distinct(window: Window, *more: Integers) -> tuple[Customers, Integers]:
    """Return the distinct histories, with what else tells them apart, and the one of each customer."""
    customers = window.placement.customers
    number, first = number_rows(customers.group, *customers.histories[:4], *customers.calendar, *more)
    return customers.rows(first), number


def expected(window: Window, people: Customers, factors: Floats, draw: int) -> tuple[Floats, Floats]:
    """Return P(bought) and expected purchases of the window, (customer, factor), at a draw with tables."""
    population = window.population
    bought, purchases = np.empty((len(people), factors.size)), np.empty((len(people), factors.size))
    expected_in_window(
        people_of(population, people, window.length), laws_of(population).purchase, clock_of(population),
        window.length, factors, draw, bought, purchases,
    )  # fmt: skip
    return bought, purchases


def mean_orders(window: Window, draw: int) -> Floats:
    """Return the mean amount of each customer's orders at a draw."""
    customers = window.placement.customers
    out = np.empty(len(customers))
    people = people_of(window.population, customers, window.length)
    mean_amounts(people, laws_of(window.population).spend, draw, out)
    return out


def over_draws(of_draw: Callable[[int], Floats], draws: int) -> Floats:
    """Return what each draw has, the draws first."""
    with ThreadPoolExecutor(available_processors()) as pool:
        return np.stack(list(pool.map(of_draw, range(draws))))
