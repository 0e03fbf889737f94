"""A posterior that is near a normal given its hyperparameters θ, and the density of these.

θ are pooling sds, and the sds and correlation of a clock. In effects w ~ N(0, sd²) and in a clock's states
x ~ N(0, Q⁻¹) the likelihood does not know them. Expanded once, around the mode given some θ, it is
exp(h'u − u'Λu / 2) in w, x and all other parameters u. Given *any* θ u is then normal with precision
H = Λ + P, where P holds 1/sd² at the effects and Q at the states, and mean m = H⁻¹h, and θ has log density

    log prior(θ) + ½ log|P| − ½ log|H| + ½ m'Hm + constant.

This is the Laplace approximation that INLA integrates over (Rue, Martino & Chopin 2009), in closed form. A t
in the log sds (and the log odds of the correlation) that matches its moments, and normals given them, are
what importance weights put right. Below "log sds" are all of θ, as the sampler sees them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_t

from bayesltv.fitting.laplace.arrow import Arrow, ArrowNormals, arrow_of
from bayesltv.fitting.laplace.blocks import Block, Places, Slice
from bayesltv.fitting.laplace.latents import first_hypers, lifted, log_prior, place, precisions
from bayesltv.fitting.laplace.pooling_sds import PoolingSds
from bayesltv.fitting.laplace.tails import draw_standard
from bayesltv.fitting.mode import find_mode, without_saddles
from bayesltv.numerics.arrays import Floats

EXPANSIONS = 2
"""The second at the mean of the log sds that follows from the first."""
WIDE, WIDE_SHARE = 3.0, 0.1
"""This share of log sds is spread three times as far: their tail towards sd = 0 is an exponential's."""
ROUNDS, TRIALS = 4, 1500
"""Of matching the moments of the log sds, for which no likelihood is evaluated."""
FARTHEST = 10.0
"""Log sds beyond it are left out of the moments: rounding would break the precision matrix."""
REACH = 1.5
"""With many levels, how far above those of the expansion log sds are let in: where hundreds of effects are
all but free, the curvature at one mode says nothing."""
SD_DEGREES = 5.0
"""Degrees of freedom in the log sds, whose density falls off like an exponential where an sd goes to 0."""
AT_ONCE, NUMBERS_AT_ONCE = 500, 4_000_000
"""Proposals that are made at a time, and the numbers in the matrices of all normals in memory."""


@dataclass(frozen=True)
class Expansion:
    """The likelihood, and the priors of all but effects, as exp(linear'u − u' curvature u / 2).

    Attributes
    ----------
    block : Block
    rest : ndarray of int64, shape (rest,)
        Places of u in the whole point: those of the block that hold no log sd.
    linear : ndarray, shape (rest,)
    curvature : ndarray, shape (rest, rest)
    mode : ndarray
        The whole point around which it was found.
    arrow : Arrow, optional
        The structure of the curvature where levels are many.
    """

    block: Block
    rest: Places
    linear: Floats
    curvature: Floats
    mode: Floats
    arrow: Arrow | None = None

    @property
    def most(self) -> int:
        """Return how many normals memory allows at a time."""
        numbers = self.rest.size**2 if self.arrow is None else self.arrow.numbers
        return max(1, NUMBERS_AT_ONCE // max(numbers, 1))

    @property
    def at_once(self) -> int:
        """Return how many proposals to make at a time."""
        return min(AT_ONCE, self.most)


@dataclass(frozen=True)
class WholeNormals:
    """One normal for each vector of log sds, by whole matrices; see `ArrowNormals` for what it is used for.

    Attributes
    ----------
    mean : ndarray, shape (n, rest)
    factor : ndarray, shape (n, rest, rest)
        Lower triangular Cholesky factor of the precision.
    linear : ndarray, shape (rest,)
    """

    mean: Floats
    factor: Floats
    linear: Floats

    @property
    def log_evidence(self) -> Floats:
        """Return m'Hm / 2 − log |H| / 2 by normal."""
        return 0.5 * (self.mean @ self.linear) - log_diagonal(self.factor)

    def draw(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return a draw by normal, shape (n, rest), and its log density, a share of them from a t."""
        z, log_of_z = draw_standard(len(self.mean), self.mean.shape[1], rng)
        u = self.mean + np.linalg.solve(np.swapaxes(self.factor, 1, 2), z[..., None])[..., 0]
        return u, log_of_z + log_diagonal(self.factor)


@dataclass(frozen=True)
class Proposal:
    """Log sds from a t with a share of a wider one, the others given them from a normal with a share of t.

    Attributes
    ----------
    expansion : Expansion
    location : ndarray, shape (sd,)
    scale : ndarray, shape (sd, sd)
    """

    expansion: Expansion
    location: Floats
    scale: Floats

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return whole points, shape (size, whole size), and the log density of each block's part."""
        counts = [part.size for part in np.array_split(np.arange(size), -(-size // self.expansion.at_once))]
        parts = [self._draw(count, rng) for count in counts]
        return np.concatenate([points for points, _ in parts]), np.concatenate([log for _, log in parts])

    def typical(self, size: int, rng: np.random.Generator) -> Floats:
        """Return draws of the approximation itself, without the tails that weights need, whole points."""
        expansion, block = self.expansion, self.expansion.block
        points = np.tile(expansion.mode, (size, 1))
        points[:, block.hypers] = self._typical_log_sds(size, rng)
        for rows in np.array_split(np.arange(size), -(-size // expansion.at_once)):
            own = points[rows]
            place(block, expansion.rest, own, normals(expansion, own[:, block.hypers]).draw(rng)[0])
            points[rows] = own
        return points

    def _typical_log_sds(self, size: int, rng: np.random.Generator) -> Floats:
        """Return draws with their mean and about their covariance, those of pooling skewed as they are."""
        covariance = self.scale * SD_DEGREES / (SD_DEGREES - 2)
        sd = np.sqrt(np.diag(covariance))
        if not sd.size:
            return np.empty((size, 0))
        x = rng.multivariate_normal(np.zeros(sd.size), covariance / np.outer(sd, sd), size)
        pools = len(self.expansion.block.pools)
        skewed = PoolingSds.of_moments(np.arange(pools), self.location[:pools], sd[:pools])
        return np.concatenate([skewed.bent(x)[:, :pools], (self.location + sd * x)[:, pools:]], axis=1)

    def _draw(self, size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        expansion = self.expansion
        log_sds, log_density = _draw_log_sds(self.location, self.scale, size, rng)
        u, log_of_u = normals(expansion, log_sds).draw(rng)
        points = np.tile(expansion.mode, (size, 1))
        points[:, expansion.block.hypers] = log_sds
        return points, log_density + log_of_u - place(expansion.block, expansion.rest, points, u)


def make_proposal(block: Block, start: Floats, rng: np.random.Generator) -> Proposal:
    """Return what the block is proposed from; `start` is a whole point to begin with.

    Raises
    ------
    FitError
        Where the posterior has no mode given the sds.
    """
    location, scale = first_hypers(block), 0.5 * np.eye(block.hypers.size)
    point = start
    for _ in range(EXPANSIONS if location.size else 1):
        expansion = expand(block, point, location)
        location, scale = match_moments(expansion, location, scale, rng)
        point = expansion.mode
    return Proposal(expansion, location, scale)


def expand(block: Block, start: Floats, log_sds: Floats) -> Expansion:
    """Return the expansion around the mode given `log_sds`, searched from the whole point `start`."""
    rest = np.setdiff1d(block.where, block.hypers)
    base = start.copy()
    base[block.hypers] = log_sds
    given = Slice(block.density, rest, base)
    normal = find_mode(given)
    mode = given.whole(normal.mode)
    prior = precisions(block, rest, log_sds[None]).whole()[0]
    u, unit = lifted(block, rest, mode)
    raw = unit.T @ np.linalg.inv(normal.covariance) @ unit - prior
    arrow = arrow_of(raw, prior @ u, block.pools, rest)
    curvature = without_saddles(raw) if arrow is None else arrow.matrix
    return Expansion(block, rest, curvature @ u + prior @ u, curvature, mode, arrow)


def normals(expansion: Expansion, log_sds: Floats) -> WholeNormals | ArrowNormals:
    """Return the normal of u given each row of `log_sds`, shape (n, sd)."""
    prior = precisions(expansion.block, expansion.rest, log_sds)
    if expansion.arrow is not None:
        return expansion.arrow.normals(expansion.linear, prior.pooling, prior.states)
    precision = expansion.curvature + prior.whole()
    factor = np.linalg.cholesky(precision).astype(np.float64)
    linear = np.tile(expansion.linear, (log_sds.shape[0], 1))[..., None]
    mean = np.linalg.solve(precision, linear)[..., 0].astype(np.float64)
    return WholeNormals(mean, factor, expansion.linear)


def log_marginal(expansion: Expansion, log_sds: Floats) -> Floats:
    """Return the log density of each row of `log_sds`, up to a constant; some normals at a time."""
    parts = np.array_split(log_sds, max(1, -(-len(log_sds) // expansion.most)))
    log_density = np.concatenate([normals(expansion, part).log_evidence for part in parts])
    return log_density + log_prior(expansion.block, log_sds)


def match_moments(
    expansion: Expansion, location: Floats, scale: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return location and scale of a t with the log sds' mean and covariance, from a first guess."""
    size = location.size
    for _ in range(ROUNDS if size else 0):
        log_sds, log_density = _draw_log_sds(location, scale, TRIALS, rng)
        is_near = np.max(np.abs(log_sds), axis=1) < FARTHEST
        if expansion.arrow is not None:
            is_near &= np.all(log_sds < expansion.mode[expansion.block.hypers] + REACH, axis=1)
        log_sds = log_sds[is_near]
        log_weight = log_marginal(expansion, log_sds) - log_density[is_near]
        weight = np.exp(log_weight - logsumexp(log_weight))
        location = weight @ log_sds
        apart = log_sds - location
        covariance = apart.T @ (weight[:, None] * apart)
        scale = covariance * (SD_DEGREES - 2) / SD_DEGREES + 1e-6 * np.eye(size)
    return location, scale


def _draw_log_sds(
    location: Floats, scale: Floats, size: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return draws of a t and a wider one, shape (size, sd), and their log densities; 0 without an sd."""
    if not location.size:
        return np.empty((size, 0)), np.zeros(size)
    laws = [multivariate_t(location, each, df=SD_DEGREES) for each in (scale, WIDE**2 * scale)]
    drawn = laws[0].rvs(size, random_state=rng).reshape(size, location.size)
    is_wide = rng.uniform(size=size) < WIDE_SHARE
    drawn = location + (drawn - location) * np.where(is_wide, WIDE, 1.0)[:, None]
    near, far = (law.logpdf(drawn).reshape(size) for law in laws)
    return drawn, np.logaddexp(np.log1p(-WIDE_SHARE) + near, np.log(WIDE_SHARE) + far)


def log_diagonal(factor: Floats) -> Floats:
    """Return half the log determinant from Cholesky factors, shape (n, dim, dim)."""
    logs: Floats = np.log(np.einsum("nii->ni", factor)).sum(axis=1)
    return logs
