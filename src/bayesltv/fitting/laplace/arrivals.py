"""New customers by week without chains: states given their sds, and these and the overdispersion by kernels.

Kernels stand around draws of the prior that their Laplace evidence weighs, and around theirs in turn. Given
the hyperparameters the states (shocks, season, levels, trends) are near a normal around their mode,
found for each proposal anew; importance weights put right what it misses, as in `laplace.posterior`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy.spatial.distance import cdist
from scipy.special import expit, logit, logsumexp
from scipy.stats import multivariate_t

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
    WEEK_END,
    Weeks,
    seasons_of,
)
from bayesltv.fitting.laplace.latents import log_seen
from bayesltv.fitting.laplace.posterior import PROPOSALS_PER_DRAW, resample, smoothed_weights
from bayesltv.fitting.laplace.tails import draw_standard
from bayesltv.model.arrivals import OVERDISPERSION_SD, PRIORS, centres_of, coords_of, prior_terms
from bayesltv.names import CHAIN, DRAW
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.weekly_counts import states_given
from bayesltv.specs.model.settings import SamplerSpec
from bayesltv.specs.prior import PriorSpec
from bayesltv.units import DAYS_PER_YEAR

FEWEST, ROUNDS = 2000, 5
"""Proposals at least; rounds of kernels before they are made."""
CENTRES, NARROW, DEGREES, SHARE = 1000, 0.8, 5.0, 0.3
"""Kernels, their sds in shares of the whole's, their degrees of freedom, and the share of the prior, which
bounds the weights: no sd is so unlikely that it is never proposed."""


class _Counts(NamedTuple):
    """Counts, and the states that each hangs on; see ``numerics.weekly_counts``."""

    counts: Floats
    places: Integers
    value: Floats
    centres: Floats


class _Given(NamedTuple):
    """By proposal: states, ln p(counts, states), ln q(states), and about ln p(counts)."""

    states: Floats
    height: Floats
    proposed: Floats
    evidence: Floats


def sample_arrivals_laplace(
    weeks: Weeks, sampler: SamplerSpec, rng: np.random.Generator
) -> dict[str, xr.Dataset]:
    """Return the groups ``posterior`` and ``sample_stats`` of weekly arrivals, importance sampled."""
    data, priors = _laid_out(weeks), _priors(weeks)
    wanted = sampler.chains * sampler.draws
    size = max(FEWEST, PROPOSALS_PER_DRAW * wanted)
    hypers = _from_prior(priors, CENTRES, rng)
    log_proposed = _log_prior(priors, hypers)
    for number in (*ROUNDS * (CENTRES,), size):
        log_weight = _given(data, priors, hypers, rng).evidence + _log_prior(priors, hypers) - log_proposed
        weight = smoothed_weights(log_weight)[0]
        hypers, log_proposed = _around(priors, hypers, weight, number, rng)
    given = _given(data, priors, hypers, rng)
    log_ratio = given.height - given.proposed + _log_prior(priors, hypers) - log_proposed
    log_ratio[~np.isfinite(log_ratio)] = -np.inf
    weights, khat = smoothed_weights(log_ratio)
    chosen = rng.permutation(resample(weights, wanted, rng))
    stats = {"pareto_k": khat, "importance_ess": float(1 / np.sum(weights**2)), "proposals": size}
    natural = {name: each[chosen] for name, each in _natural(priors, hypers).items()}
    return {
        "posterior": _posterior(weeks, natural, given.states[chosen], sampler),
        "sample_stats": xr.Dataset(stats),
    }


def _from_prior(priors: Mapping[str, PriorSpec], size: int, rng: np.random.Generator) -> Floats:
    """Return hyperparameters as the sampler sees them, drawn from their priors, shape (size, hyper)."""
    drawn = [(prior, prior.frozen().rvs(size=size, random_state=rng)) for prior in priors.values()]
    seen = [logit(each) if prior.support == "unit" else np.log(each) for prior, each in drawn]
    return np.stack(seen, axis=1)


def _around(
    priors: Mapping[str, PriorSpec], hypers: Floats, weight: Floats, size: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return draws of a t around weighed rows of hyperparameters, a share of the prior, and log densities."""
    centres = hypers[resample(weight, CENTRES, rng)]
    dim = hypers.shape[1]
    spread = NARROW**2 * np.cov(hypers.T, aweights=weight) + 1e-9 * np.eye(dim)
    root, is_near = np.linalg.cholesky(spread), rng.random(size) >= SHARE
    steps = rng.standard_normal((size, dim)) / np.sqrt(rng.chisquare(DEGREES, (size, 1)) / DEGREES)
    near = centres[rng.integers(CENTRES, size=size)] + steps @ root.T
    drawn = np.where(is_near[:, None], near, _from_prior(priors, size, rng))
    apart = cdist(*(np.linalg.solve(root, each.T).T for each in (drawn, centres)), "sqeuclidean")
    kernels = -0.5 * (DEGREES + dim) * np.log1p(apart / DEGREES) - np.log(CENTRES)
    middle = multivariate_t(shape=spread, df=DEGREES).logpdf(np.zeros(dim))
    log_near = logsumexp(kernels, axis=1) + middle + np.log1p(-SHARE)
    return drawn, np.logaddexp(log_near, _log_prior(priors, drawn) + np.log(SHARE))


def _priors(weeks: Weeks) -> dict[str, PriorSpec]:
    spread = PriorSpec("HalfNormal", {"sigma": OVERDISPERSION_SD})
    return {**PRIORS, **{f"{OVERDISPERSION} {at}": spread for at in range(len(weeks.labels))}}


def _laid_out(weeks: Weeks) -> _Counts:
    """Return the counts with the places of shock, season, level and trend among the states."""
    channels, number = weeks.counts.shape
    week, channel = np.arange(number), np.arange(channels)[:, None]
    season, at_end = number + seasons_of(weeks.ends), number + SEASONS
    parts = (week, season, at_end + channel, at_end + channels + channel)
    years = (weeks.ends - weeks.end) / DAYS_PER_YEAR
    shape = (channels, number)
    index = np.stack([np.broadcast_to(each, shape) for each in parts], axis=-1).astype(np.int64)
    value = np.stack([np.broadcast_to(each, shape) for each in (1.0, 1.0, 1.0, years)], axis=-1)
    return _Counts(weeks.counts.astype(np.float64), index, np.ascontiguousarray(value), centres_of(weeks))


def _natural(priors: Mapping[str, PriorSpec], hypers: Floats) -> dict[str, Floats]:
    return {
        name: expit(column) if prior.support == "unit" else np.exp(column)
        for (name, prior), column in zip(priors.items(), hypers.T, strict=True)
    }


def _log_prior(priors: Mapping[str, PriorSpec], hypers: Floats) -> Floats:
    pairs = zip(priors.values(), hypers.T, strict=True)
    return np.asarray(sum(log_seen(prior, column) for prior, column in pairs))


def _given(
    data: _Counts, priors: Mapping[str, PriorSpec], hypers: Floats, rng: np.random.Generator
) -> _Given:
    """Return states drawn given each row of hyperparameters."""
    channels, number = data.counts.shape
    natural = _natural(priors, np.clip(hypers, -14.0, 14.0))
    numbers, matrices = zip(*prior_terms(number, channels, natural), strict=True)
    scales = np.array([np.broadcast_to(each, len(hypers)) for each in numbers])
    size = number + SEASONS + 2 * channels
    z, log_of_z = draw_standard(len(hypers), size, rng)
    states, found = np.empty_like(z), np.empty((len(hypers), 3))
    sizes = 1.0 / np.stack(list(natural.values())[-channels:], axis=1)
    for row in range(len(hypers)):
        prior = sum(scale * matrix for scale, matrix in zip(scales[:, row], matrices, strict=True))
        states[row], *found[row] = states_given(z[row], *data, sizes[row], prior)
    height, volume, evidence = found.T
    return _Given(states, height, log_of_z + volume, evidence)


def _posterior(
    weeks: Weeks, natural: Mapping[str, Floats], states: Floats, sampler: SamplerSpec
) -> xr.Dataset:
    channels = len(weeks.labels)
    shape = (sampler.chains, sampler.draws)
    shock, season, level, trend = np.split(
        states, np.cumsum([weeks.counts.shape[1], SEASONS, channels]), axis=1
    )
    spread = np.stack(list(natural.values())[-channels:], axis=1)
    by = {
        SHOCK: (WEEK_END, shock), SEASON: (FOUR_WEEKS, season), LEVEL: (CHANNEL, level + centres_of(weeks)),
        TREND: (CHANNEL, trend), OVERDISPERSION: (CHANNEL, spread),
    }  # fmt: skip
    one = {name: ((CHAIN, DRAW), natural[name].reshape(shape)) for name in (SHOCK_SD, SHOCK_RHO, SEASON_SD)}
    more = {name: ((CHAIN, DRAW, dim), each.reshape(*shape, -1)) for name, (dim, each) in by.items()}
    drawn = {CHAIN: np.arange(shape[0]), DRAW: np.arange(shape[1])}
    return xr.Dataset({**one, **more}, coords={**coords_of(weeks), **drawn})
