"""How many new customers come in each week ahead, draw by draw: of fitted arrivals, or of a plan."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from bayesltv.arrivals.plan import AcquisitionPlan
from bayesltv.base.gate import require_passed
from bayesltv.base.seal import ARRIVALS, CHECKS, require_sound
from bayesltv.clock_processes import ar1
from bayesltv.clock_processes.process import Blocks
from bayesltv.data.summary.weeks import (
    ALL,
    LEVEL,
    OVERDISPERSION,
    SEASON,
    SHOCK,
    SHOCK_RHO,
    SHOCK_SD,
    TREND,
    WEEK,
    seasons_of,
    week_ends,
)
from bayesltv.errors import DataError, StoreError, shown
from bayesltv.names import CHAIN, CLOCK_RHO, CLOCK_SD, DRAW, GROUP_SEPARATOR, OBSERVATION_END, factor_name
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.specs.model.events import Events
from bayesltv.specs.toml_file import Table
from bayesltv.streams import generator
from bayesltv.units import DAYS_PER_YEAR

MOST = 20_000_000
"""New customers of a draw: above it the trend runs away."""


@dataclass(frozen=True)
class Coming:
    """New customers ahead, by cell: a week of a channel.

    Attributes
    ----------
    columns : tuple of str
    levels : tuple of tuple of str
        Of each cell.
    start : ndarray of int64, shape (cell,)
        First day of the week.
    counts : ndarray of int64, shape (cell, draw)
    cac : ndarray of float64, shape (cell,)
        NaN where no cost is known.
    source : str
        "arrivals", or "as planned".
    """

    columns: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    start: Integers
    counts: Integers
    cac: Floats
    source: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The channel of each cell."""
        return tuple(GROUP_SEPARATOR.join(each) or ALL for each in self.levels)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels, in the order in which they are told first."""
        return tuple(dict.fromkeys(self.labels))

    @cached_property
    def channel(self) -> Integers:
        """The channel of each cell."""
        place = {label: at for at, label in enumerate(self.channels)}
        return np.array([place[label] for label in self.labels], dtype=np.int64)


def coming_of_fit(
    fit: xr.DataTree,
    *,
    end: int,
    days: int,
    draws: int,
    seed: int,
    cac: float | Mapping[str, float] | None = None,
    accept_failed: Sequence[str] = (),
) -> Coming:
    """Return the new customers that fitted arrivals go on to, draw d of the fit's with draw d of the base's.

    Parameters
    ----------
    fit : DataTree
        From ``fit_arrivals``.
    end : int
        Last day observed of the base.
    days : int
        Days ahead; the last week is told whole.
    draws, seed : int
    cac : number or mapping, optional
        Cost of acquisition per customer, for all or by channel.
    accept_failed : sequence of str
        Failed checks that are accepted.

    Raises
    ------
    StoreError
        Where this is no fit of arrivals.
    CheckFailed
        Where it failed its checks.
    DataError
        Where it ends on another day, its events are not known so far, or it runs away.
    """
    told = _require_arrivals(fit, end, accept_failed)
    weeks = -(-days // WEEK)
    ends = week_ends(end, np.arange(1, weeks + 1, dtype=np.int64))
    drawn = _Drawn(fit["posterior"].to_dataset(), draws, seed)
    eta = _eta(drawn, ends, end, told)
    levels = [tuple(each) for each in told["channels"]]
    names = [GROUP_SEPARATOR.join(each) or ALL for each in levels]
    counts = np.stack([drawn.counts(at, eta[:, at], name) for at, name in enumerate(names)])
    most = int(counts.sum(axis=(0, 1)).max())
    if most > MOST:
        raise DataError(f"{most:,} new customers within {days} days in one draw: arrivals run away")
    cells = [each for each in levels for _ in range(weeks)]
    first = np.tile(ends - WEEK + 1, len(levels))
    cost = np.repeat(_costs(cac, names), weeks)
    return Coming(tuple(told["columns"]), tuple(cells), first, counts.reshape(-1, draws), cost, "arrivals")


def coming_of_plan(plan: AcquisitionPlan, *, draws: int, seed: int) -> Coming:
    """Return the new customers of a plan; where it states an sd, gamma around what is planned."""
    counts = np.empty((len(plan.levels), draws), np.int64)
    for at, (label, start) in enumerate(zip(plan.labels, plan.start, strict=True)):
        mean, sd = plan.customers[at], plan.sd[at]
        drawn = np.full(draws, mean)
        if sd > 0 and mean > 0:
            rng = generator(seed, ARRIVALS, "plan", label, str(start))
            drawn = rng.gamma((mean / sd) ** 2, sd**2 / mean, draws)
        counts[at] = np.rint(drawn)
    return Coming(plan.columns, plan.levels, plan.start, counts, plan.cac, "as planned")


def _require_arrivals(fit: xr.DataTree, end: int, accept_failed: Sequence[str]) -> dict[str, Any]:
    require_sound(fit, "the fit of arrivals")
    if fit.attrs.get("kind") != ARRIVALS:
        raise StoreError("this is no fit of arrivals: pass what ltv.fit_arrivals returned, or a plan")
    checks = {each["name"] for each in json.loads(fit.attrs.get(CHECKS, "[]"))}
    require_passed(fit, [name for name in accept_failed if name in checks])
    until = str(np.datetime64(end, "D"))
    if fit.attrs[OBSERVATION_END] != until:
        raise DataError(
            f"arrivals are known until {fit.attrs[OBSERVATION_END]} and the summary until {until}: fit them "
            f'to the same log, fit_arrivals(log, observation_end="{until}")'
        )
    told: dict[str, Any] = json.loads(fit.attrs[ARRIVALS])
    return told


@dataclass(frozen=True)
class _Drawn:
    """Variables of fitted arrivals as (draw, ...), as many draws as the base has, and streams that go on."""

    dataset: xr.Dataset
    draws: int
    seed: int

    def of(self, name: str) -> Floats:
        array = self.dataset[name]
        values = array.transpose(CHAIN, DRAW, ...).values.astype(np.float64)
        values = values.reshape(-1, *values.shape[2:])
        own, wanted = len(values), np.arange(self.draws)
        return np.asarray(values[wanted * own // self.draws if own >= self.draws else wanted % own])

    def shocks(self, week: int) -> Floats:
        return generator(self.seed, ARRIVALS, "shock", str(week)).standard_normal(self.draws)

    def counts(self, channel: int, eta: Floats, label: str) -> Integers:
        """Return negative binomial counts of a channel, shape (week, draw)."""
        size = 1.0 / self.of(OVERDISPERSION)[:, channel]
        found = np.empty((eta.shape[1], self.draws), np.int64)
        for week in range(eta.shape[1]):
            rng = generator(self.seed, ARRIVALS, label, str(week))
            mean = rng.gamma(size, np.exp(eta[:, week]) / size)
            found[week] = rng.poisson(np.minimum(mean, 10.0 * MOST))
        return found


def _eta(drawn: _Drawn, ends: Integers, end: int, told: Mapping[str, Any]) -> Floats:
    """Return the log mean of the weeks ahead, shape (draw, channel, week)."""
    shock, weeks = drawn.of(SHOCK), ends.size
    fitted = shock.shape[1]
    path = ar1.continued(
        shock, {CLOCK_SD: drawn.of(SHOCK_SD), CLOCK_RHO: drawn.of(SHOCK_RHO)}, drawn.shocks,
        Blocks(np.zeros(fitted + weeks), fitted, 0),
    )[:, fitted:]  # fmt: skip
    common = path + drawn.of(SEASON)[:, seasons_of(ends)]
    if told["events"] is not None:
        events = Events.read(Table(told["events"], "the stored arrivals", is_file=False))
        events.require(end + 1, int(ends[-1]), "the forecast")
        for name, share in zip(events.names, events.shares(ends - WEEK + 1, ends), strict=True):
            common = common + np.log1p(share * (drawn.of(factor_name(name))[:, None] - 1.0))
    years = (ends - end) / DAYS_PER_YEAR
    own = drawn.of(LEVEL)[:, :, None] + drawn.of(TREND)[:, :, None] * years
    return np.asarray(own + common[:, None, :])


def _costs(cac: float | Mapping[str, float] | None, labels: Sequence[str]) -> Floats:
    """Return the cost per customer of each channel; NaN where it is not known."""
    if cac is None:
        return np.full(len(labels), np.nan)
    if not isinstance(cac, Mapping):
        cac = dict.fromkeys(labels, cac)
    unknown = [label for label in cac if label not in labels]
    if unknown:
        raise DataError(f"cac: no channel is called {shown(unknown[0])}: there are {', '.join(labels)}")
    found = np.array([float(cac.get(label, np.nan)) for label in labels])
    if (found < 0).any() or np.isinf(found).any():
        raise DataError("cac: a cost is negative or infinite: give money of 0 or more per customer")
    return found
