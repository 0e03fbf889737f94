"""A posterior's clock over past and future: each draw goes on with its own intensity, shared by all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesltv import names
from bayesltv.base.customers import Customers
from bayesltv.clock_processes import ar1
from bayesltv.clock_processes.process import Blocks, ClockProcess
from bayesltv.clock_processes.registry import PROCESSES
from bayesltv.errors import DataError, SpecError, counted
from bayesltv.kernels.calendar import STILL, Running, Still
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.specs.model.clock import ClockSpec
from bayesltv.specs.model.events import iso
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.specs.model.timeline import Timeline, make_timeline
from bayesltv.streams import generator
from bayesltv.units import DAYS_PER, DAYS_PER_YEAR

YEARS_AHEAD = 10
"""How far past the fit's end every draw is continued; later the last block's pace goes on."""


@dataclass(frozen=True)
class StillClock:
    """Time itself, for fits without a clock: the same for all groups and draws. It does what `Clock` does."""

    needs_days: ClassVar[bool] = False

    def taken(self, draws: NDArray[Any]) -> "StillClock":  # noqa: ARG002
        """Return the clock of some of the draws."""
        return self

    def for_rows(self, group: NDArray[Any]) -> "StillClock":  # noqa: ARG002
        """Return the clock for rows of these groups."""
        return self

    def at_means(self) -> "StillClock":
        """Return the clock of one draw, the mean of all."""
        return self

    def flat_ahead(self) -> "StillClock":
        """Return the clock with s = 0 from now on: itself."""
        return self

    def for_kernels(self, factors: Floats) -> Still:
        """Return the clock as kernels take it, with the factors of customers' own time."""
        return STILL._replace(factors=factors)

    def own_of(self, customers: Customers) -> Floats:
        """Return stretches of customers' own time with places for days: times are places."""
        return customers.own

    def places_of(self, customers: Customers, horizon: float | Floats, *further: float) -> Floats:  # noqa: ARG002
        """Return where customers' days stand: nowhere, shape (0, customer)."""
        return np.zeros((0, len(customers)))

    def days_of_newcomers(self, count: int, today: float | None) -> Floats:  # noqa: ARG002
        """Return the days of customers who come today: none, shape (3, 0)."""
        return np.zeros((3, 0))


@dataclass(frozen=True)
class Clock:
    """Operational time U over the calendar, draw by draw.

    Attributes
    ----------
    timeline : Timeline
        The fit's segments, and those of the years that follow.
    times : ndarray of float64, shape (clock, draw, edge)
        U at the timeline's edges, in time units.
    of_group : ndarray of int64, shape (group,)
        The clock that each group goes by.
    days_per_unit : float
    known_until : int
        Last day for which events are known; the last edge where there are none.
    """

    timeline: Timeline
    times: Floats
    of_group: Integers
    days_per_unit: float
    known_until: int
    needs_days: ClassVar[bool] = True

    def taken(self, draws: NDArray[Any]) -> "Clock":
        """Return the clock of some of the draws."""
        return replace(self, times=np.ascontiguousarray(self.times[:, draws]))

    def flat_ahead(self) -> "Clock":
        """Return the clock with s = 0 from the end of the fit on: no shocks, no season, no events."""
        fitted = int(np.searchsorted(self.timeline.edges, self.timeline.end))
        ahead = np.cumsum(self.timeline.days[fitted:] / self.days_per_unit)
        past = self.times[:, :, : fitted + 1]
        return replace(self, times=np.concatenate([past, past[:, :, -1:] + ahead], axis=-1))

    def for_rows(self, group: NDArray[Any]) -> "Clock":
        """Return the clock for rows of these groups."""
        return replace(self, of_group=self.of_group[group])

    def at_means(self) -> "Clock":
        """Return the clock of one draw, the mean of all."""
        return replace(self, times=self.times.mean(axis=1, keepdims=True))

    def for_kernels(self, factors: Floats) -> Running:
        """Return the clock as kernels take it, with the factors of customers' own time."""
        return Running(self.of_group, self.times, self.edges / self.days_per_unit, factors)

    def own_of(self, customers: Customers) -> Floats:
        """Return stretches of customers' own time with places for times since the first purchase."""
        days = customers.days[0][:, None, None] + customers.own[:, :, :2] * self.days_per_unit
        return np.concatenate([self.timeline.place(days), customers.own[:, :, 2:]], axis=2)

    def days_of_newcomers(self, count: int, today: float | None) -> Floats:
        """Return the days of customers who come today, or as the fit ends, shape (3, customer)."""
        return np.full((3, count), self.timeline.end if today is None else today, np.float64)

    @property
    def edges(self) -> Floats:
        """Days of the edges, as kernels take them."""
        return self.timeline.edges.astype(np.float64)

    @property
    def intensity(self) -> Floats:
        """Return s of each clock, draw and segment."""
        pace = np.diff(self.times, axis=-1) * self.days_per_unit / self.timeline.days
        return np.log(pace)

    def times_at(self, place: Floats, group: NDArray[Any]) -> Floats:
        """Return U at places of customers of these groups, shape (customer, draw)."""
        segment = np.minimum(place.astype(np.int64), self.timeline.block.size - 1)
        share = (place - segment)[:, None]
        own = self.of_group[group]
        return (1 - share) * self.times[own, :, segment] + share * self.times[own, :, segment + 1]

    def places(self, days: Floats) -> Floats:
        """Return where days stand among the edges.

        Raises
        ------
        DataError
            For days before the clock begins.
        """
        start = float(self.timeline.edges[0])
        early = int((days < start).sum()) if days.size else 0
        if early:
            raise DataError(
                f"{counted(early, 'customer was', 'customers were')} acquired before {iso(int(start))}, "
                "where the fit's clock begins: fit it to a summary that holds them, or leave them out"
            )
        return self.timeline.place(days)

    def places_of(self, customers: Customers, horizon: float | Floats, *further: float) -> Floats:
        """Return where each customer's days stand on the clock's timeline.

        Parameters
        ----------
        customers : Customers
            With days.
        horizon : float or ndarray, shape (customer,)
            In the time unit.
        *further : float
            More days after the end of observation that are asked for.

        Returns
        -------
        ndarray of float64, shape (4 + further, customer)
            First purchase, last purchase, end of observation, end of the horizon, the others.

        Raises
        ------
        DataError
            Where a first purchase lies before the clock begins, or the horizon ends past what it knows.
        """
        first, last, end = customers.days
        until = end + horizon * self.days_per_unit
        if until.size:
            self.require(float(until.max()))
        return self.places(np.stack([first, last, end, until, *(end + days for days in further)]))

    def require(self, last: float) -> None:
        """Refuse a horizon that ends past what the clock knows.

        Raises
        ------
        DataError
            Where events are not known, or no draw was continued, until then.
        """
        if last > self.known_until + 1e-6:
            why = (
                "the clock's events are known: complete the event table, extend covers, and fit again"
                if self.known_until < self.timeline.edges[-1]
                else f"a clock is continued ({YEARS_AHEAD} years): take a shorter horizon"
            )
            raise DataError(
                f"the horizon ends on {iso(int(np.ceil(last)))}, after {iso(self.known_until)}, until which "
                f"{why}"
            )


def make_clock(
    dataset: xr.Dataset,
    clock: ClockSpec,
    *,
    calendar: tuple[int, int],
    levels: Sequence[str | None],
    time_unit: str,
    seed: int,
) -> Clock:
    """Return the clock of all draws of a posterior.

    Parameters
    ----------
    dataset : Dataset
        The posterior.
    clock : ClockSpec
    calendar : tuple of int
        First day (the earliest first purchase) and last day of the fit.
    levels : sequence of str or None
        Level of the clock's group column of each group; None where all groups share one clock. A level that
        was not fitted deviates by a path of its own, drawn from the process.
    time_unit : str
    seed : int
        Each draw has one future, which customers share; it depends on the seed, the draw and the block.
    """
    start, end = calendar
    timeline = make_timeline(clock, start=start, end=end, until=end + round(YEARS_AHEAD * DAYS_PER_YEAR))
    blocks = int(timeline.block[-1]) + 1
    draws = _Draws(dataset, seed)
    common = np.zeros((draws.size, blocks))
    calendar_blocks = Blocks(timeline.block_middles, timeline.blocks, clock.harmonics)
    for name in clock.process:
        common += _path(draws, PROCESSES[name], calendar_blocks)
    distinct: list[str | None] = [None] if clock.by is None else list(dict.fromkeys(levels))
    own = [
        common if clock.by is None else common + _deviation(draws, clock, str(level), calendar_blocks)
        for level in distinct
    ]
    s = np.stack(own)[:, :, timeline.block]
    if clock.events is not None:
        for at, event in enumerate(clock.events.names):
            s += np.log(draws.of(names.factor_name(event)))[None, :, None] * timeline.events[at]
    days_per_unit = DAYS_PER[time_unit]
    steps = np.exp(s) * timeline.days / days_per_unit
    times = np.concatenate([np.zeros((*s.shape[:2], 1)), np.cumsum(steps, axis=-1)], axis=-1)
    of_group = np.array(
        [0 if clock.by is None else distinct.index(level) for level in levels], dtype=np.int64
    )
    last = int(timeline.edges[-1])
    known = last if clock.events is None else min(last, clock.events.covers[1])
    return Clock(timeline, times, of_group, days_per_unit, known)


def refuse_clock(spec: ModelSpec, what: str) -> None:
    """Refuse a spec with a clock where it is not followed.

    Raises
    ------
    SpecError
        Naming `what` cannot follow it.
    """
    if spec.has_clock:
        raise SpecError(f"{what} does not follow a calendar clock: use a spec without [clock] for it")


@dataclass(frozen=True)
class _Draws:
    """Variables of a posterior as (draw, ...), and the streams that go on from them."""

    dataset: xr.Dataset
    seed: int

    @property
    def size(self) -> int:
        return int(self.dataset.sizes[names.CHAIN] * self.dataset.sizes[names.DRAW])

    def of(self, name: str) -> Floats:
        array = self.dataset[name]
        last = [dim for dim in array.dims if dim not in (names.CHAIN, names.DRAW)]
        values = array.transpose(names.CHAIN, names.DRAW, *last).values.astype(np.float64)
        return values.reshape(self.size, *values.shape[2:])

    def shocks(self, name: str, block: int) -> Floats:
        """Return standard normals, one per draw, that depend on nothing but seed, name and block."""
        return generator(self.seed, names.CLOCK, name, str(block)).standard_normal(self.size)


def _path(draws: _Draws, process: ClockProcess, blocks: Blocks) -> Floats:
    """Return a process over the blocks of the fit and those ahead, shape (draw, block)."""
    name = names.clock_name(process.NAME)
    state = draws.of(name if name in draws.dataset else names.CLOCK)
    values = {each: draws.of(names.clock_name(each)) for each in process.PRIORS}
    return process.continued(state, values, partial(draws.shocks, process.NAME), blocks)


def _deviation(draws: _Draws, clock: ClockSpec, level: str, blocks: Blocks) -> Floats:
    """Return how one level deviates from the common clock, shape (draw, block)."""
    assert clock.by is not None
    sd, rho = draws.of(names.sd_name(names.CLOCK, clock.by)), draws.of(names.clock_name(names.CLOCK_RHO))
    known = [str(each) for each in draws.dataset[clock.by].values]
    stream, fitted = f"{clock.by}\x1f{level}", blocks.fitted
    if level in known:
        state = draws.of(names.effect_name(names.CLOCK, clock.by))[:, known.index(level)]
    else:
        shocks = np.stack([draws.shocks(stream, at - fitted) for at in range(fitted)], axis=1)
        fading = np.stack([ar1.fading(each, fitted) for each in rho])
        state = sd[:, None] * np.einsum("dij,dj->di", fading, shocks)
    return ar1.continued(
        state, {names.CLOCK_SD: sd, names.CLOCK_RHO: rho}, partial(draws.shocks, stream), blocks
    )
