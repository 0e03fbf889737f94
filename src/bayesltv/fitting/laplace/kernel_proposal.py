"""A second proposal, in the shape that importance weights found: for posteriors that bend away from a normal.

What is not an effect of a level (the scales and the log pooling sds, a handful of numbers) is proposed from
kernels of a t around draws resampled by the weights of the proposal before, and a share from one wide t. The
effects of levels follow from normals given these, see `local_effects`. Cappé, Guillin, Marin & Robert (2004)
call such a sequence of proposals population Monte Carlo.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from bayesltv.fitting.laplace.blocks import Places
from bayesltv.fitting.laplace.conditional import Expansion
from bayesltv.fitting.laplace.local_effects import LocalEffects, local_effects, nearest
from bayesltv.numerics.arrays import Floats

CENTRES = 400
"""Kernels at most; as many as effective draws where these are fewer."""
DEGREES = 3.0
"""Degrees of freedom of each kernel, and of the wide t."""
WIDE, WIDE_SHARE = 3.0, 0.1
"""This share comes from a t three times as wide as the draws: what was missed before is seen then."""
RIDGE_WIDTH, RIDGE_SHARE = 1.0, 0.2
"""This share comes from kernels as wide as the draws around points of the ridges; see `ridges`."""
SHARES = (1 - WIDE_SHARE - RIDGE_SHARE, RIDGE_SHARE, WIDE_SHARE)
LEAST_VARIANCE = 1e-6
"""Added to the variances, so that draws that are all alike have a covariance."""


@dataclass(frozen=True)
class KernelProposal:
    """Kernels in the free numbers, and a normal with a share of t in the effects given these.

    Attributes
    ----------
    expansion : Expansion
    free : ndarray of int64, shape (free,)
        Places in the whole point of all in the block but effects.
    centres : ndarray, shape (kernel, free)
    ridge : ndarray, shape (ridge point, free)
    location : ndarray, shape (free,)
    factor : ndarray, shape (free, free)
        Lower triangular: the weighted draws' covariance is factor factor'.
    width : float
        Of a kernel, in sds of the draws.
    effects : LocalEffects, optional
        None where nothing is pooled.
    """

    expansion: Expansion
    free: Places
    centres: Floats
    ridge: Floats
    location: Floats
    factor: Floats
    width: float
    effects: LocalEffects | None

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return whole points, shape (size, whole size), and the log density of each block's part."""
        counts = [part.size for part in np.array_split(np.arange(size), -(-size // self.expansion.at_once))]
        parts = [self._draw(count, rng) for count in counts]
        return np.concatenate([points for points, _ in parts]), np.concatenate([log for _, log in parts])

    def _draw(self, size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        free = self._draw_free(size, rng)
        points = np.tile(self.expansion.mode, (size, 1))
        points[:, self.free] = free
        log_density = self._log_density_of_free(free)
        if self.effects is not None:
            near = nearest(self._white(free), self._white(self.effects.places))
            log_density = log_density + self.effects.fill(points, free, near, rng)
        return points, log_density

    def _draw_free(self, size: int, rng: np.random.Generator) -> Floats:
        dim = self.free.size
        t = rng.standard_normal((size, dim)) / np.sqrt(rng.chisquare(DEGREES, size) / DEGREES)[:, None]
        which = rng.choice(3, size=size, p=SHARES)
        groups = (self.centres, self.ridge, self.location[None])
        around = np.array([each[rng.integers(len(each), size=size)] for each in groups])
        spread = np.array([self.width, RIDGE_WIDTH, WIDE])[which]
        return around[which, np.arange(size)] + (spread[:, None] * t) @ self.factor.T

    def _log_density_of_free(self, free: Floats) -> Floats:
        white, mixed = self._white(free), np.zeros(len(free))
        groups = (self.centres, self.ridge, self.location[None])
        for share, group, width in zip(SHARES, groups, (self.width, RIDGE_WIDTH, WIDE), strict=True):
            squares = cdist(white, self._white(group), "sqeuclidean")
            mixed += share * _t(squares, width, self.free.size).mean(axis=1)
        density: Floats = np.log(mixed) - np.log(np.diag(self.factor)).sum()
        return density

    def _white(self, free: Floats) -> Floats:
        white: Floats = solve_triangular(self.factor, (free - self.location).T, lower=True).T
        return white


def kernels_around(
    expansion: Expansion, points: Floats, weights: Floats, ridge: Floats, rng: np.random.Generator
) -> KernelProposal:
    """Return kernels around whole `points`, shape (point, whole size), chosen by weights that sum to 1.

    `ridge` holds whole points of the ridges, see `ridges`.
    """
    block = expansion.block
    free = np.setdiff1d(block.where, block.effects)
    values = points[:, free]
    location = weights @ values
    apart = values - location
    covariance = apart.T @ (weights[:, None] * apart) + LEAST_VARIANCE * np.eye(free.size)
    number = int(min(CENTRES, max(1 / np.sum(weights**2), 1)))
    chosen = rng.choice(weights.size, size=number, p=weights)
    width = (4 / ((free.size + 2) * number)) ** (1 / (free.size + 4))  # Silverman (1986), eq. 4.14
    at = np.vstack([expansion.mode, rng.permutation(np.vstack([ridge, points[chosen[: len(ridge)]]]))])
    effects = local_effects(block, at, free) if block.effects.size else None
    factor = np.linalg.cholesky(covariance).astype(np.float64)
    return KernelProposal(expansion, free, values[chosen], ridge[:, free], location, factor, width, effects)


def _t(squares: Floats, scale: float, dim: int) -> Floats:
    """Return the density of a t with unit matrix times scale², from squared distances."""
    half = 0.5 * (DEGREES + dim)
    constant = gammaln(half) - gammaln(0.5 * DEGREES) - 0.5 * dim * np.log(DEGREES * np.pi * scale**2)
    density: Floats = np.exp(constant) * (1.0 + squares / (DEGREES * scale**2)) ** -half
    return density
