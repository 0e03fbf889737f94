"""A near-exact posterior in seconds: mode and curvature, put right by Pareto-smoothed importance sampling.

The posterior falls into blocks that are independent of each other (purchases, spend); each is proposed from
normals given its pooling sds, see `conditional`. Smoothed importance weights (Vehtari, Simpson, Gelman, Yao &
Gabry 2024) turn the proposals into draws of the block, the tail shape k-hat of the weights says whether they
can, and draws of the blocks are paired at random. The worst block counts.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pymc as pm
import xarray as xr
from arviz_stats.base import array_stats
from scipy.special import logsumexp

from bayesltv.fitting.density import Density
from bayesltv.fitting.laplace.blocks import Block, independent_blocks
from bayesltv.fitting.laplace.conditional import Expansion, Proposal, make_proposal
from bayesltv.fitting.laplace.kernel_proposal import KernelProposal, kernels_around
from bayesltv.fitting.laplace.ridges import ridges
from bayesltv.machine import available_processors
from bayesltv.model.build import Problem
from bayesltv.model.pooling import OFFSET
from bayesltv.names import CHAIN, DRAW
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.specs.model.settings import SamplerSpec

PROPOSALS_PER_DRAW = 2
TERMS = 1e8
"""Cells or repeaters times proposals that are paid for, some seconds' worth: with more terms the number of
proposals falls, and with it the number of distinct draws. With so many data the posterior is close to normal,
and nine of ten proposals are effective."""
LEAST_PROPOSALS, LEAST_POOLED = 800, 2000
"""But no fewer than these, where nothing or something is pooled."""


GOOD, ROUNDS = 0.4, 4
"""A k-hat above which further proposals follow the weights of the best one so far, and how many there are.
At 0.5 a mean is still right, but the sd of a number with a heavy tail (dropout concentration) is not."""
GOOD_OF_FEW = 0.3
"""The same where less than half of the proposals are effective: with 300 groups the sds of all their dropouts
follow that of the concentration, whose tail few of the proposals reach."""


@dataclass(frozen=True)
class Weighed:
    """Draws of one block, and what their weights were like.

    Attributes
    ----------
    points : ndarray, shape (draw, whole size)
        Of the block's places only the values count.
    khat, ess : float
    proposals : int
    """

    points: Floats
    khat: float
    ess: float
    proposals: int


@dataclass(frozen=True)
class Weights:
    """Proposals of one block and their smoothed importance weights, which sum to 1."""

    points: Floats
    weights: Floats
    khat: float

    @property
    def proposed(self) -> tuple[Floats, Floats]:
        """Return points and weights."""
        return self.points, self.weights

    @property
    def ess(self) -> float:
        """Return the number of independent draws that they are worth."""
        return float(1 / np.sum(self.weights**2))

    @property
    def is_good(self) -> bool:
        """Whether no further proposals are needed."""
        are_few = self.ess < 0.5 * len(self.points)
        return self.khat <= (GOOD_OF_FEW if are_few else GOOD)

    def drawn(self, wanted: int, rng: np.random.Generator) -> Weighed:
        """Return `wanted` draws by the weights, in random order."""
        chosen = rng.permutation(resample(self.weights, wanted, rng))
        return Weighed(self.points[chosen], self.khat, self.ess, len(self.points))


def sample_laplace(
    model: pm.Model,
    density: Density,
    problem: Problem,
    sampler: SamplerSpec,
    *,
    rng: np.random.Generator,
    cores: int | None = None,
) -> dict[str, xr.Dataset]:
    """Return the groups ``posterior`` and ``sample_stats`` of an importance-sampled Laplace approximation.

    Parameters
    ----------
    model : pymc.Model
    density : Density
        Of the model.
    problem : Problem
        Which the model was made from, for what is pooled.
    sampler : SamplerSpec
        chains × draws are returned, in that shape, so that all else takes them like NUTS draws.
    rng : numpy.random.Generator
    cores : int, optional
        Threads that evaluate the density; default as many as there are processors.

    Returns
    -------
    dict of str to Dataset
        ``sample_stats`` holds ``pareto_k``, ``importance_ess`` and ``proposals``, one number each: those of
        the worst block.

    Raises
    ------
    FitError
        Where no mode with a proper curvature is found.
    """
    points = np.tile(density.start, (sampler.chains * sampler.draws, 1))
    found = []
    for block in independent_blocks(model, density, problem):
        weighed = sample_block(block, density.start, len(points), rng=rng, cores=cores)
        points[:, block.where] = weighed.points[:, block.where]
        found.append(weighed)
    stats = xr.Dataset(
        {
            "pareto_k": float(np.max([each.khat for each in found])),  # NaN where one is
            "importance_ess": float(np.min([each.ess for each in found])),
            "proposals": min(each.proposals for each in found),
        }
    )
    return {"posterior": _expanded(model, density, points, sampler), "sample_stats": stats}


def sample_block(
    block: Block, start: Floats, wanted: int, *, rng: np.random.Generator, cores: int | None = None
) -> Weighed:
    """Return `wanted` draws of a block, in random order; `start` is the whole point to search from."""
    least = LEAST_POOLED if block.hypers.size else LEAST_PROPOSALS
    affordable = max(least, int(TERMS / max(block.density.terms, 1)))
    size = min(PROPOSALS_PER_DRAW * wanted, affordable)
    proposal = make_proposal(block, start, rng)
    first = weigh(block, proposal, size, rng, cores)
    best = first if first.is_good else follow(proposal.expansion, first, size, rng, cores)
    return best.drawn(wanted, rng)


def follow(
    expansion: Expansion, first: Weights, size: int, rng: np.random.Generator, cores: int | None
) -> Weights:
    """Return the best of the `first` proposals and some rounds of kernels around the last one's draws."""
    best = last = first
    ridge = ridges(expansion)
    for _ in range(ROUNDS):
        kernels = kernels_around(expansion, *last.proposed, ridge, rng)
        last = weigh(expansion.block, kernels, size, rng, cores)
        best = max(best, last, key=lambda each: (each.is_good, each.ess))
        if best.is_good:
            break
    return best


def weigh(
    block: Block, proposal: Proposal | KernelProposal, size: int, rng: np.random.Generator, cores: int | None
) -> Weights:
    """Return `size` proposals with their smoothed importance weights."""
    points, log_proposed = proposal.draw(size, rng)
    log_ratio = heights(block.density, points, cores) - log_proposed
    log_ratio[~np.isfinite(log_ratio)] = -np.inf
    return Weights(points, *smoothed_weights(log_ratio))


def heights(density: Density, points: Floats, cores: int | None) -> Floats:
    """Return the log density at each of `points`, shape (point, size), found in threads."""
    threads = cores or available_processors()

    def of_some(some: Floats) -> list[float]:
        return [density(point)[0] for point in some]

    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(of_some, np.array_split(points, threads))
        return np.array([value for part in parts for value in part])


def smoothed_weights(log_ratio: Floats) -> tuple[Floats, float]:
    """Return Pareto-smoothed importance weights that sum to 1, and k-hat.

    Parameters
    ----------
    log_ratio : ndarray, shape (proposal,)
        Log density minus log proposal density, up to a constant.
    """
    log_weights, khat = array_stats.psislw(-log_ratio)
    return np.exp(log_weights - logsumexp(log_weights)), float(khat)


def resample(weights: Floats, size: int, rng: np.random.Generator) -> Integers:
    """Return `size` positions by systematic resampling: each about its expected number of times."""
    ladder = (rng.uniform() + np.arange(size)) / size
    places = np.searchsorted(np.cumsum(weights), ladder)
    return np.minimum(places, weights.size - 1).astype(np.int64)


def _expanded(model: pm.Model, density: Density, points: Floats, sampler: SamplerSpec) -> xr.Dataset:
    rows = [density.expand(point) for point in points]
    shape = (sampler.chains, sampler.draws)
    variables = {}
    for name in density.names:
        if OFFSET in name:
            continue
        values = np.array([row[name] for row in rows])
        dims = tuple(str(dim) for dim in model.named_vars_to_dims.get(name, ()))
        variables[name] = ((CHAIN, DRAW, *dims), values.reshape(*shape, *values.shape[1:]))
    used = {dim for dims, _ in variables.values() for dim in dims}
    labels = {name: list(values) for name, values in model.coords.items() if name in used}
    return xr.Dataset(variables, coords={**labels, CHAIN: np.arange(shape[0]), DRAW: np.arange(shape[1])})
