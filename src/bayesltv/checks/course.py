"""Customers from their first purchase on, by the parameters in the middle of a fit's posterior."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.customers import Customers
from bayesltv.base.meeting import Meeting
from bayesltv.base.placed_base import PlacedBase, place_base
from bayesltv.base.population import Population
from bayesltv.data.summary.days import Days, Repeats, history_days, repeats_of
from bayesltv.errors import DataError
from bayesltv.kernels.calendar import Running
from bayesltv.kernels.expected import expect_newborns, silence_of_newborns
from bayesltv.languages.language import mark
from bayesltv.names import FIRST_PURCHASE, REPEAT_DAYS, TIME_UNIT
from bayesltv.numerics.arrays import Codes, Floats
from bayesltv.prediction.packed import at_means, clock_of
from bayesltv.units import DAYS_PER

DRAWS = 64
"""Draws whose middle stands for the posterior: its error is an eighth of a posterior sd."""
MOST_ROWS = 2000
"""Different parameters that are looked at, for a second's work; with more, fewer customers are."""
KNOTS = 96


@dataclass(frozen=True)
class Course:
    """The customers of a summary, and a population of one draw in which they stand.

    Attributes
    ----------
    population : Population
    customers : Customers
    summary : DataFrame
        Validated.
    """

    population: Population
    customers: Customers
    summary: pd.DataFrame

    @property
    def unit(self) -> float:
        """Days of a time unit."""
        return DAYS_PER[str(self.summary.attrs[TIME_UNIT])]

    @property
    def knows_days(self) -> bool:
        """Whether the summary tells on which days customers came back."""
        return {FIRST_PURCHASE, REPEAT_DAYS} <= set(self.summary.columns)

    @cached_property
    def days(self) -> Days:
        """First and last purchase and end of observation of each customer."""
        return history_days(self.summary)

    @cached_property
    def repeats(self) -> Repeats:
        """Repeat purchases one by one."""
        return repeats_of(self.summary, self.days)

    def passed(self, rows: Codes, begin: Floats, until: Floats) -> Floats:
        """Return the operational time between days, the first axis of which are customers of these rows."""
        clock = clock_of(self.population)
        if not isinstance(clock, Running):
            return (until - begin) / self.unit
        time, own = np.empty(np.broadcast(begin, until).shape), clock.of_group[rows]
        for number, (table,) in enumerate(clock.times):
            begun, ended = (
                np.interp(days[own == number] / self.unit, clock.edges, table) for days in (begin, until)
            )
            time[own == number] = ended - begun
        return time

    def silence(self, rows: Codes, time: Floats) -> Floats:
        """Return P(no repeat purchase within a time of the first purchase) of customers of these rows."""
        out = np.empty(time.size)
        family = self.population.family
        law = family.laws(self.population.purchase)
        silence_of_newborns(law, float(family.first_coins), rows, np.ascontiguousarray(time), out)
        return out

    def knots(self, longest: float) -> tuple[Floats, Floats]:
        """Return times up to the longest, and the purchases expected until then, shape (row, time)."""
        family, rows = self.population.family, self.population.purchase.shape[1]
        times = longest * np.linspace(0.0, 1.0, KNOTS) ** 2  # customers buy most in the beginning
        out = np.empty((rows, KNOTS))
        expect_newborns(family.laws(self.population.purchase), float(family.first_coins), times, out)
        return times, out


def follow(fit: xr.DataTree, summary: pd.DataFrame | None) -> Course | str:
    """Return the course of a summary's customers, or in words why nobody can be followed.

    Where covariates set most customers apart they are evenly picked ones.
    """
    if summary is None:
        return mark("needs the summary")
    try:
        return _placed(place_base(fit, summary, Meeting(0, unknown_groups="population", draws=DRAWS)))
    except DataError as error:
        return reason(error)


def reason(error: DataError) -> str:
    """Return what is wrong in a few words, without the ids of customers: results of checks hold none."""
    return error.template.replace(" ({ids})", "").split(": ")[0]


def _placed(base: PlacedBase) -> Course:
    base.require_customers()
    placed = base.placed(DRAWS)
    rows = np.unique(placed.customers.group).size
    if rows > MOST_ROWS:
        some = base.summary.iloc[:: -(-rows // MOST_ROWS)].reset_index(drop=True)
        some.attrs = base.summary.attrs
        placed = replace(base, summary=some).placed(DRAWS)
    middle = np.exp(np.log(placed.population.purchase).mean(axis=2, keepdims=True))
    population = replace(at_means(placed.population), purchase=middle)
    return Course(population, placed.customers, placed.summary)


def first_waits(course: Course) -> Floats:
    """Return the days from each customer's first purchase to the next one, infinite where there is none.

    Raises
    ------
    DataError
        Where repeat days contradict the rest of the summary.
    """
    waits = np.full(len(course.summary), np.inf)
    repeats = course.repeats
    np.minimum.at(waits, repeats.customer, (repeats.day - course.days.first[repeats.customer]).astype(float))
    return waits


def require_days(course: Course) -> None:
    """Raise DataError where the summary does not tell on which days customers came back."""
    if not course.knows_days:
        raise DataError("needs a summary with first_purchase and repeat_days")
