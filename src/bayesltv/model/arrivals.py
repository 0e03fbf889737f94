"""New customers by week and channel in a PyMC model.

y ~ NB(e^η, 1/overdispersion), η = level + trend (t − end) + season[four weeks of the year] + shock + events.
Shocks are a stationary AR(1) that channels share. Given sds, ρ and overdispersion all terms but the events'
are normal, and the sampler sees them as the clock's states are seen: see ``model.clock``.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor import shared

from bayesltv.clock_processes import ar1
from bayesltv.clock_processes.process import Blocks, Terms
from bayesltv.data.summary.weeks import (
    CHANNEL,
    FOUR_WEEKS,
    LEVEL,
    OVERDISPERSION,
    SEASON,
    SEASON_SD,
    SEASONS,
    SHOCK,
    SHOCK_RHO,
    SHOCK_SD,
    TREND,
    WEEK,
    WEEK_END,
    Weeks,
    seasons_of,
)
from bayesltv.model.pooling import OFFSET, prior_variable
from bayesltv.model.whitening import whitened_states
from bayesltv.names import CLOCK_RHO, CLOCK_SD, factor_name
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.specs.model.events import Events
from bayesltv.specs.prior import PriorSpec
from bayesltv.units import DAYS_PER_YEAR

Tensor = Any
LEVEL_SD, TREND_SD = 3.0, 0.3
"""Of the log level around the mean count, and of the log trend in a year."""
PRIORS = {
    SHOCK_SD: PriorSpec("HalfNormal", {"sigma": 0.5}),
    SHOCK_RHO: PriorSpec("Beta", {"alpha": 2.0, "beta": 2.0}),
    SEASON_SD: PriorSpec("HalfNormal", {"sigma": 0.5}),
}
OVERDISPERSION_SD = 0.5
_SIZES = (1.0, 100.0)
"""Bounds of the rough size of the negative binomial by which counts are weighed for the coordinates."""


def arrivals_model(weeks: Weeks, events: Events | None) -> pm.Model:
    """Return the model of new customers by week and channel."""
    ends = weeks.ends
    with pm.Model(coords=coords_of(weeks)) as model:
        values = {name: prior_variable(name, prior) for name, prior in PRIORS.items()}
        spread = pm.HalfNormal(OVERDISPERSION, OVERDISPERSION_SD, dims=CHANNEL, shape=(len(weeks.labels),))
        eta = shared(centres_of(weeks))[:, None] + _log_mean(weeks, values)
        if events is not None:
            shares = events.shares(ends - WEEK + 1, ends)
            for name, share in zip(events.names, shares, strict=True):
                factor = prior_variable(factor_name(name), events.priors[name])
                eta = eta + pt.log1p(shared(share) * (factor - 1.0))[None, :]
        counts = shared(weeks.counts.astype(np.float64))
        size = 1.0 / spread[:, None]
        pm.Potential("customers", pm.logp(pm.NegativeBinomial.dist(mu=pt.exp(eta), alpha=size), counts).sum())
    return model


def coords_of(weeks: Weeks) -> dict[str, list[str]]:
    """Return the names of channels, of the parts of the year and of weeks."""
    return {
        CHANNEL: list(weeks.labels), FOUR_WEEKS: [str(at) for at in range(1, SEASONS + 1)],
        WEEK_END: [str(day) for day in weeks.ends.astype("datetime64[D]")],
    }  # fmt: skip


def centres_of(weeks: Weeks) -> Floats:
    """Return the log of each channel's mean count."""
    return np.asarray(np.log(weeks.counts.mean(axis=1) + 0.5 / weeks.counts.shape[1]))


def _log_mean(weeks: Weeks, values: dict[str, Tensor]) -> Tensor:
    """Return η about its centre, without events, shape (channel, week)."""
    channels, number = weeks.counts.shape
    ends, at_end = weeks.ends, SEASONS + 2 * channels
    years = (ends - weeks.end) / DAYS_PER_YEAR
    season = np.eye(SEASONS)[seasons_of(ends)]
    prior = sum(scale * shared(matrix) for scale, matrix in prior_terms(number, channels, values))
    information, pull = _seen(weeks, years, season)
    x = whitened_states(
        f"arrivals{OFFSET}states", prior, prior + shared(information), shared(pull),
        shared(np.int64(number + at_end)),
    )  # fmt: skip
    shock = pm.Deterministic(SHOCK, x[:-at_end], dims=WEEK_END)
    effects = pm.Deterministic(SEASON, x[-at_end : -2 * channels], dims=FOUR_WEEKS)
    level = x[-2 * channels : -channels]
    trend = pm.Deterministic(TREND, x[-channels:], dims=CHANNEL)
    pm.Deterministic(LEVEL, shared(centres_of(weeks)) + level, dims=CHANNEL)
    common = shock + pt.dot(shared(season), effects)
    return level[:, None] + trend[:, None] * shared(years)[None, :] + common[None, :]


def prior_terms(number: int, channels: int, values: Mapping[str, Any]) -> Terms:
    """Return the precision of all states (shocks, season, levels, trends) as numbers times matrices."""
    size = number + SEASONS + 2 * channels
    blocks = Blocks(np.arange(number, dtype=np.float64), number, 0)
    given = {CLOCK_SD: values[SHOCK_SD], CLOCK_RHO: values[SHOCK_RHO]}
    fixed = np.zeros(size)
    fixed[-2 * channels : -channels], fixed[-channels:] = LEVEL_SD**-2, TREND_SD**-2
    terms = [(scale, _padded(matrix, size, 0)) for scale, matrix in ar1.precision(given, blocks)]
    return [*terms, (values[SEASON_SD] ** -2, _padded(np.eye(SEASONS), size, number)), (1.0, np.diag(fixed))]


def _padded(matrix: Floats, size: int, start: int) -> Floats:
    whole = np.zeros((size, size))
    place = slice(start, start + len(matrix))
    whole[place, place] = matrix
    return whole


def _seen(weeks: Weeks, years: Floats, season: Floats) -> tuple[Floats, Floats]:
    """Return about what the counts say of the states: D' diag(w) D and D' diag(w) y, on the log scale."""
    channels, number = weeks.counts.shape
    size = number + SEASONS + 2 * channels
    information, pull = np.zeros((size, size)), np.zeros(size)
    for at, counts in enumerate(weeks.counts):
        design = np.zeros((number, size))
        design[:, :number], design[:, number : number + SEASONS] = np.eye(number), season
        design[:, -2 * channels + at], design[:, size - channels + at] = 1.0, years
        rough = _size_of(counts)
        weight = (counts + 0.5) * rough / (counts + 0.5 + rough)
        information += design.T @ (weight[:, None] * design)
        pull += design.T @ (weight * (np.log(counts + 0.5) - centres_of(weeks)[at]))
    return information, pull


def _size_of(counts: Integers) -> float:
    """Return about the size of the negative binomial, from how much weeks differ from those before them."""
    mean, spread = counts.mean() + 0.5, 0.5 * np.mean(np.diff(counts) ** 2)
    return float(np.clip(mean**2 / max(spread - mean, 1e-9), *_SIZES))
