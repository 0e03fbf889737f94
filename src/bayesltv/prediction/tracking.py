"""``track``: repeat purchases and spend by week of the calendar, simulated and actual."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv import names
from bayesltv.base.customers import Customers, walk
from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.base.placed_base import PlacedBase, place_base
from bayesltv.base.population import Population
from bayesltv.kernels.tracking import Bins, count_in_bins
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.prediction.calendar import days_of, make_calendar
from bayesltv.prediction.packed import clock_of, laws_of, people_of, streams_of
from bayesltv.prediction.totals import step_of
from bayesltv.units import DAYS_PER, horizon_in

DRAWS = 500
REPLICATE = "replicate "
"""Streams of customers who are lived through anew are apart from those of their futures."""
STATISTICS = {"mean": None, "p05": 0.05, "p25": 0.25, "p75": 0.75, "p95": 0.95}
_FUTURES_PER_BLOCK = 250_000


def track(
    fit: xr.DataTree,
    summary: pd.DataFrame,
    *,
    seed: int,
    horizon: str | float | None = None,
    draws: int | None = DRAWS,
    bin: str = "week",
    unknown_groups: UnknownGroups = "error",
    time_unit: str | None = None,
    observation_end: str | None = None,
    threads: int | None = None,
) -> xr.Dataset:
    """Return simulated repeat purchases and spend of all customers together, by week of the calendar.

    Up to the end of observation every customer is lived through anew from the day of the first purchase on,
    knowing the posterior but not the customer's history: a check of the model. From there on the forecast
    starts from each customer's history, with the draws of ``predict``: under the same seed its counts and
    its spend add up to ``predict``'s, draw by draw.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame
        Customer summary; it may be newer than the fit.
    seed : int
    horizon : str or float, optional
        How far to forecast: text with a unit ("39 weeks") or a number in the summary's unit; None for none.
    draws : int, optional
        Posterior draws, spread evenly over chains; None for all.
    bin : str
        Width of a period: "day", "week", or a whole number of days in words ("4 weeks").
    unknown_groups : "error" or "population"
    time_unit, observation_end : str, optional
        For a summary that has lost its attributes.
    threads : int, optional
        Changes speed, never a number.

    Returns
    -------
    xarray.Dataset
        ``purchases`` (int) in each period and ``cumulative_purchases`` (int) since the first customer's first
        purchase, dims (draw, period_end); the forecast part of the latter starts from what was really bought.
        With a spend model also ``spend`` and ``cumulative_spend``, money spent on these purchases: first
        purchases are left out.
        Coordinates: ``period_end`` (the period's last day), ``days`` (its length; the last one may be cut off
        by the horizon), ``is_forecast``. Attributes: ``customers``, ``purchases_observed`` and
        ``spend_observed`` (repeat purchases really made by the end of observation, and what they were worth),
        ``bin_days``, ``observation_end``, ``time_unit``.

    Raises
    ------
    DataError
        Where the summary does not fit the fit, or the end of observation is not known.
    SpecError
        Where horizon or bin is no duration, or the bin not a whole number of days.
    """
    meeting = Meeting(
        seed, unknown_groups=unknown_groups, time_unit=time_unit, observation_end=observation_end
    )
    base = place_base(fit, summary, meeting)
    return track_base(base, horizon=horizon, draws=draws, bin=bin, threads=threads)


def track_base(
    base: PlacedBase,
    *,
    horizon: str | float | None = None,
    draws: int | None = DRAWS,
    bin: str = "week",
    threads: int | None = None,
) -> xr.Dataset:
    """Return purchases and spend of a base by week of the calendar; see `track`."""
    base.require_customers()
    end, unit, seed = base.require_end(), base.posterior.time_unit, base.seed
    days = DAYS_PER[unit]
    ahead = 0.0 if horizon is None else horizon_in(horizon, unit)
    calendar = make_calendar(
        end, longest=float(base.summary[names.T].max()) * days, horizon=ahead * days, width=days_of(bin)
    )
    checked, population, people = base.placed(draws)
    width = calendar.width / days
    past = _replicate(population, people, seed=seed, width=width, bins=calendar.before, threads=threads)
    future = futures_in_bins(
        population, people, seed=seed, width=width, bins=calendar.after, horizon=ahead, threads=threads
    )
    observed: dict[str, float] = {"purchases": int(checked[names.FREQUENCY].sum())}
    if population.has_spend:
        observed["spend"] = _spent(checked)
    variables = {}
    for name, start in observed.items():
        before, after = getattr(past, name), getattr(future, name)
        variables[name] = np.concatenate([before, after], axis=1)
        added = [before.cumsum(axis=1), start + after.cumsum(axis=1)]
        variables[f"cumulative_{name}"] = np.concatenate(added, axis=1)
    return xr.Dataset(
        {name: ((names.DRAW, names.PERIOD_END), values) for name, values in variables.items()},
        coords=calendar.coords(),
        attrs={
            names.TIME_UNIT: unit,
            names.OBSERVATION_END: end.date().isoformat(),
            "customers": len(people),
            **{f"{name}_observed": start for name, start in observed.items()},
            "bin_days": calendar.width,
        },
    )


def _spent(summary: pd.DataFrame) -> float:
    """Return what all repeat purchases of a summary were worth, the same in any order of rows."""
    if names.SPEND_SUM in summary.columns:
        return math.fsum(summary[names.SPEND_SUM])
    return math.fsum((summary[names.MONETARY_VALUE] * summary[names.FREQUENCY]).fillna(0.0))


def summarise_track(track: xr.Dataset) -> xr.Dataset:
    """Return mean and quantiles over draws; dims (statistic, period_end), statistics as in ``STATISTICS``."""
    levels = [probability for probability in STATISTICS.values() if probability is not None]
    quantiles = track.quantile(levels, dim=names.DRAW).rename(quantile="statistic")
    mean = track.mean(names.DRAW).expand_dims(statistic=[0])
    parts = [mean, quantiles.assign_coords(statistic=range(1, len(levels) + 1))]
    return xr.concat(parts, "statistic", join="outer").assign_coords(statistic=list(STATISTICS))


@dataclass(frozen=True)
class BinSums:
    """Sums over customers by draw and bin, shape (draw, bin); spend in whole steps of money."""

    bought: Integers
    spent: Integers
    step: float

    def __add__(self, other: "BinSums") -> "BinSums":
        return BinSums(self.bought + other.bought, self.spent + other.spent, self.step)

    @property
    def purchases(self) -> Integers:
        """Purchases."""
        return self.bought

    @property
    def spend(self) -> Floats:
        """Spend in money."""
        return self.spent.astype(np.float64) * self.step


def _step(population: Population) -> float:
    if not population.has_spend:
        return 1.0
    return step_of(population.typical_amount)


def _nothing(population: Population, bins: int) -> BinSums:
    shape = (population.draws.size, bins)
    return BinSums(np.zeros(shape, np.int64), np.zeros(shape, np.int64), _step(population))


def _replicate(
    population: Population, people: Customers, *, seed: int, width: float, bins: int, threads: int | None
) -> BinSums:
    """Return sums over customers who live through anew from their first purchase to the end."""

    def work(some: Customers) -> BinSums:
        start = np.maximum(bins * width - some.histories[3], 0.0)
        born = some.as_newborn(population.family)
        return _sums(population, born, start, bins * width, width, bins, seed, REPLICATE)

    return _add_up(population, people, work, bins, threads)


def futures_in_bins(
    population: Population,
    people: Customers,
    *,
    seed: int,
    width: float,
    bins: int,
    horizon: float,
    threads: int | None,
) -> BinSums:
    """Return sums of what customers do past the end of observation, given their histories."""
    if not bins:
        return _nothing(population, 0)

    def work(some: Customers) -> BinSums:
        return _sums(population, some, np.zeros(len(some)), horizon, width, bins, seed, "")

    return _add_up(population, people, work, bins, threads)


def _add_up(
    population: Population,
    people: Customers,
    work: Callable[[Customers], BinSums],
    bins: int,
    threads: int | None,
) -> BinSums:
    total = _nothing(population, bins)
    block = max(64, _FUTURES_PER_BLOCK // population.draws.size)
    for part in walk(people, work, block=block, threads=threads):
        total += part
    return total


def _sums(
    population: Population,
    people: Customers,
    start: Floats,
    until: float,
    width: float,
    bins: int,
    seed: int,
    streams: str,
) -> BinSums:
    made = _nothing(population, bins)
    count_in_bins(
        streams_of(population, people, seed=seed, prefix=streams),
        people_of(population, people, until - start),
        laws_of(population),
        clock_of(population),
        Bins(start, until, width, made.step, made.bought, made.spent),
    )
    return made
