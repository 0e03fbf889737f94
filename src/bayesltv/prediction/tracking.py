"""``track``: repeat purchases by week of the calendar, simulated and actual."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.data.validate import resolve_observation_end
from bayesltv.errors import DataError
from bayesltv.kernels.clocked import count_clocked_in_bins
from bayesltv.kernels.tracking import count_in_bins
from bayesltv.names import (
    CUSTOMER_ID,
    DRAW,
    FIRST_PURCHASE,
    FREQUENCY,
    OBSERVATION_END,
    PERIOD_END,
    REPEAT_DAYS,
    TIME_UNIT,
    T,
)
from bayesltv.prediction.calendar import calendar_of, days_of, make_calendar
from bayesltv.prediction.customers import EVENTS, LATENTS, Customers, make_customers, walk
from bayesltv.prediction.draws import match_summary
from bayesltv.prediction.expected import places_of
from bayesltv.prediction.new_groups import UnknownGroups, place
from bayesltv.prediction.population import Population, population_of, read_posterior
from bayesltv.units import DAYS_PER, horizon_in

Integers = NDArray[np.int64]
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
    """Return simulated repeat purchases of all customers together, by week of the calendar.

    Up to the end of observation every customer is lived through anew from the day of the first purchase on,
    knowing the posterior but not the customer's history: a check of the model. From there on the forecast
    starts from each customer's history, with the draws of ``predict``: under the same seed its counts add up
    to ``predict``'s purchases, draw by draw.

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
        Coordinates: ``period_end`` (the period's last day), ``days`` (its length; the last one may be cut off
        by the horizon), ``is_forecast``. Attributes: ``customers``, ``purchases_observed`` (repeat purchases
        really made by the end of observation), ``bin_days``, ``observation_end``, ``time_unit``.

    Raises
    ------
    DataError
        Where the summary does not fit the fit, or the end of observation is not known.
    SpecError
        Where horizon or bin is no duration, or the bin not a whole number of days.
    """
    posterior = read_posterior(fit)
    checked = match_summary(posterior, summary, time_unit=time_unit)
    end = resolve_observation_end(checked, observation_end)
    if end is None:
        raise DataError("the summary does not say when observation ended: pass observation_end=")
    unit = posterior.time_unit
    days = DAYS_PER[unit]
    ahead = 0.0 if horizon is None else horizon_in(horizon, unit)
    calendar = make_calendar(
        end, longest=float(checked[T].max()) * days, horizon=ahead * days, width=days_of(bin)
    )
    population = population_of(posterior).thinned(draws)
    population, codes = place(posterior, population, checked, unknown_groups=unknown_groups, seed=seed)
    people = make_customers(
        checked, codes, population.family, with_spend=False,
        with_days=population.clock is not None,
    )  # fmt: skip
    width = calendar.width / days
    past = _count_replicates(
        population, people, seed=seed, width=width, bins=calendar.before, threads=threads
    )
    future = _count_futures(
        population, people, seed=seed, width=width, bins=calendar.after, horizon=ahead, threads=threads
    )
    bought = int(checked[FREQUENCY].sum())
    attributes = {
        TIME_UNIT: unit,
        OBSERVATION_END: end.date().isoformat(),
        "customers": len(people),
        "purchases_observed": bought,
        "bin_days": calendar.width,
    }
    cumulative = np.concatenate([past.cumsum(axis=1), bought + future.cumsum(axis=1)], axis=1)
    dims = (DRAW, PERIOD_END)
    return xr.Dataset(
        {
            "purchases": (dims, np.concatenate([past, future], axis=1)),
            "cumulative_purchases": (dims, cumulative),
        },
        coords=calendar.coords(),
        attrs=attributes,
    )


def actual_counts(
    track: xr.Dataset, later: pd.DataFrame, *, customers: Iterable[object] | None = None
) -> xr.Dataset:
    """Return the repeat purchases that were really made in the periods of a track.

    Parameters
    ----------
    track : Dataset
        From ``track``.
    later : DataFrame
        Summary of the log at the end of the hold-out, or at any end from ``track``'s on. Customers who came
        after the track's end of observation are left out.
    customers : iterable, optional
        Ids that were tracked, where they are not all that came by then.

    Returns
    -------
    xarray.Dataset
        ``purchases`` and ``cumulative_purchases`` (float), dim period_end; NaN for periods that `later` does
        not cover.

    Raises
    ------
    DataError
        Where `later` has no repeat days, ends too early, or is about other customers.
    """
    calendar = calendar_of(track)
    known_until = resolve_observation_end(later)
    if known_until is None or known_until < calendar.end:
        raise DataError(
            f"the later summary must say that observation ended on {calendar.end.date()} or after, not "
            f"{None if known_until is None else known_until.date()}: make it by summarize(log, "
            "observation_end=...)"
        )
    absent = [name for name in (FIRST_PURCHASE, REPEAT_DAYS) if name not in later.columns]
    if absent:
        raise DataError(f"the later summary lacks {', '.join(absent)}: make it by summarize(log)")
    followed = _followed(later, calendar.end, customers, expected=int(track.attrs["customers"]))
    lists = [np.asarray(days, dtype=np.int64) for days in followed[REPEAT_DAYS]]
    place = calendar.bin_of(np.concatenate([np.zeros(0, dtype=np.int64), *lists]))
    size = calendar.before + calendar.after
    counts = np.bincount(place[(place >= 0) & (place < size)], minlength=size).astype(np.float64)
    # a bin's last day stands for all of it, so a bin counts once that day has been observed
    unknown = track[PERIOD_END].values > known_until.to_datetime64()
    counts[unknown] = np.nan
    return xr.Dataset(
        {"purchases": (PERIOD_END, counts), "cumulative_purchases": (PERIOD_END, counts.cumsum())},
        coords=track.coords,
        attrs=dict(track.attrs),
    )


def summarise_track(track: xr.Dataset) -> xr.Dataset:
    """Return mean and quantiles over draws; dims (statistic, period_end), statistics as in ``STATISTICS``."""
    levels = [probability for probability in STATISTICS.values() if probability is not None]
    quantiles = track.quantile(levels, dim=DRAW).rename(quantile="statistic")
    mean = track.mean(DRAW).expand_dims(statistic=[0])
    parts = [mean, quantiles.assign_coords(statistic=range(1, len(levels) + 1))]
    return xr.concat(parts, "statistic", join="outer").assign_coords(statistic=list(STATISTICS))


def _followed(
    later: pd.DataFrame, end: pd.Timestamp, customers: Iterable[object] | None, *, expected: int
) -> pd.DataFrame:
    """Return the rows of `later` that were tracked."""
    kept = (later[FIRST_PURCHASE] <= end).to_numpy()
    if customers is not None:
        kept = (
            kept & later[CUSTOMER_ID].astype(str).isin({str(customer) for customer in customers}).to_numpy()
        )
    if int(kept.sum()) != expected:
        raise DataError(
            f"the later summary has {int(kept.sum()):,} customers to follow, but {expected:,} were tracked: "
            "summarize the same log, and pass customers= where only some were tracked"
        )
    return later[kept]


def _count_replicates(
    population: Population, people: Customers, *, seed: int, width: float, bins: int, threads: int | None
) -> Integers:
    """Return counts (draw, bin) of customers lived through anew from their first purchase to the end."""

    def work(some: Customers) -> Integers:
        anew = np.zeros_like(some.histories)
        anew[1] = population.family.first_coins
        start = np.maximum(bins * width - some.histories[3], 0.0)
        born = replace(some, histories=anew, days=some.days[[0, 0, 0]])
        return _counts(population, born, start, bins * width, width, bins, seed, REPLICATE)

    return _add_up(population, people, work, bins, threads)


def _count_futures(
    population: Population,
    people: Customers,
    *,
    seed: int,
    width: float,
    bins: int,
    horizon: float,
    threads: int | None,
) -> Integers:
    """Return counts (draw, bin) of what customers do past the end of observation, given their histories."""
    if not bins:
        return np.zeros((population.draws.size, 0), dtype=np.int64)

    def work(some: Customers) -> Integers:
        return _counts(population, some, np.zeros(len(some)), horizon, width, bins, seed, "")

    return _add_up(population, people, work, bins, threads)


def _add_up(
    population: Population,
    people: Customers,
    work: Callable[[Customers], Integers],
    bins: int,
    threads: int | None,
) -> Integers:
    total = np.zeros((population.draws.size, bins), dtype=np.int64)
    block = max(64, _FUTURES_PER_BLOCK // population.draws.size)
    for part in walk(people, work, block=block, threads=threads):
        total += part
    return total


def _counts(
    population: Population,
    people: Customers,
    start: NDArray[np.float64],
    until: float,
    width: float,
    bins: int,
    seed: int,
    streams: str,
) -> Integers:
    counts = np.zeros((population.draws.size, bins), dtype=np.int64)
    keys = [people.keys(seed, streams + stream) for stream in (LATENTS, EVENTS)]
    clock = population.clock
    if clock is None:
        count_in_bins(
            *keys, population.draws, people.histories, people.group, population.purchase,
            start, until, width, counts,
        )  # fmt: skip
    else:
        places = places_of(clock, people, until - start)
        count_clocked_in_bins(
            *keys, population.draws, people.histories, places, people.group, *clock.as_tuple(),
            population.purchase, start, width, counts,
        )  # fmt: skip
    return counts
