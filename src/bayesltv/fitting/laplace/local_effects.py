"""Effects of levels given all else, from normals expanded at several places: their spread differs by place.

Where dropout is rare, or customers are all alike in it, what data say of a level's effect is another thing
than at the mode. Given the free numbers (scales and log pooling sds) the effects are proposed from the
expansion at the nearest place: there the likelihood is exp(h'w − w'Λw/2), with h moved along by the scales'
distance to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist

from bayesltv.errors import FitError
from bayesltv.fitting.laplace.arrow import Arrow, arrow_of
from bayesltv.fitting.laplace.blocks import Block, Places, Slice
from bayesltv.fitting.laplace.conditional import log_diagonal
from bayesltv.fitting.laplace.latents import PriorPrecision, lifted, place, precisions
from bayesltv.fitting.laplace.tails import draw_standard
from bayesltv.fitting.mode import find_mode, without_saddles
from bayesltv.numerics.arrays import Floats, Integers

MOST, GRADIENTS = 40, 8000
"""Places at most, and gradients that their Hessians may take: with many effects there are fewer places."""
_STEP = 1e-4


@dataclass(frozen=True)
class LocalEffects:
    """Expansions of the likelihood in the effects.

    Attributes
    ----------
    block : Block
    effects : ndarray of int64, shape (effect,)
        Places in the whole point, sorted.
    places : ndarray, shape (place, free)
        Free numbers at which it was expanded.
    linear : ndarray, shape (place, effect)
    curvature : ndarray, shape (place, effect, effect)
    cross : ndarray, shape (place, free, effect)
        What a step in a free number takes off `linear`.
    arrows : tuple of Arrow or None
        By place, the structure of the curvature where levels are many.
    """

    block: Block
    effects: Places
    places: Floats
    linear: Floats
    curvature: Floats
    cross: Floats
    arrows: tuple[Arrow | None, ...]

    def fill(self, points: Floats, free: Floats, near: Integers, rng: np.random.Generator) -> Floats:
        """Draw the effects of whole `points` in place; return the log density of what the sampler sees.

        Parameters
        ----------
        points : ndarray, shape (point, whole size)
        free : ndarray, shape (point, free)
            Their free numbers.
        near : ndarray of int64, shape (point,)
            The place that each is nearest to.
        rng : numpy.random.Generator
        """
        log_sds = points[:, self.block.hypers]
        moved = np.einsum("nf,nfe->ne", free - self.places[near], self.cross[near])
        prior, linear = precisions(self.block, self.effects, log_sds), self.linear[near] - moved
        drawn: Floats = np.empty_like(linear)
        log_density: Floats = np.zeros(len(points))
        by_whole = np.isin(near, [at for at, arrow in enumerate(self.arrows) if arrow is None])
        if by_whole.any():
            some = self._by_whole(linear[by_whole], prior.of(by_whole), near[by_whole], rng)
            drawn[by_whole], log_density[by_whole] = some[0], log_density[by_whole] + some[1]
        for at, arrow in enumerate(self.arrows):
            rows = near == at
            if arrow is not None and rows.any():
                own = prior.of(rows)
                some = arrow.normals(linear[rows], own.pooling, own.states).draw(rng)
                drawn[rows], log_density[rows] = some[0], log_density[rows] + some[1]
        return log_density - place(self.block, self.effects, points, drawn)

    def _by_whole(
        self, linear: Floats, prior: PriorPrecision, near: Integers, rng: np.random.Generator
    ) -> tuple[Floats, Floats]:
        """Return draws by whole matrices, and their log density."""
        precision = self.curvature[near] + prior.whole()
        factor = np.linalg.cholesky(precision).astype(np.float64)
        z, log_of_z = draw_standard(len(linear), self.effects.size, rng)
        whitened = np.linalg.solve(factor, linear[..., None]) + z[..., None]  # L⁻¹h + z
        drawn = np.linalg.solve(np.swapaxes(factor, 1, 2), whitened)[..., 0].astype(np.float64)
        return drawn, log_of_z + log_diagonal(factor)


def nearest(white: Floats, white_places: Floats) -> Integers:
    """Return the number of the place that each row is nearest to."""
    squares: Floats = cdist(white, white_places, "sqeuclidean")
    number: Integers = np.argmin(squares, axis=1).astype(np.int64)
    return number


def local_effects(block: Block, points: Floats, free: Places) -> LocalEffects:
    """Return expansions at the first of some whole `points`, as many as are paid for.

    Raises
    ------
    FitError
        Where the effects have a mode at none of them.
    """
    effects = block.effects
    number = int(np.clip(GRADIENTS // (4 * effects.size), 1, MOST))
    found = list(_expansions(block, effects, free, points[:number]))
    if not found:
        raise FitError("the effects of levels have no mode with proper curvature: use method='nuts'")
    places, linear, curvature, cross, arrows = zip(*found, strict=True)
    expanded = (np.array(places), np.array(linear), np.array(curvature), np.array(cross))
    return LocalEffects(block, effects, *expanded, arrows=tuple(arrows))


def _expansions(
    block: Block, effects: Places, free: Places, points: Floats
) -> Iterator[tuple[Floats, Floats, Floats, Floats, Arrow | None]]:
    """Yield free numbers, linear, curvature, cross and arrow at each point where the effects have a mode."""
    for point in points:
        given = Slice(block.density, effects, point)
        try:
            normal = find_mode(given)
        except FitError:
            continue
        prior = precisions(block, effects, point[None, block.hypers]).whole()[0]
        whole = given.whole(normal.mode)
        u, unit = lifted(block, effects, whole)
        raw = unit.T @ np.linalg.inv(normal.covariance) @ unit - prior
        arrow = arrow_of(raw, prior @ u, block.pools, effects)
        curvature = without_saddles(raw) if arrow is None else arrow.matrix
        cross = _cross(block, effects, free, whole, u) @ unit
        yield point[free], curvature @ u + prior @ u, curvature, cross, arrow


def _cross(block: Block, effects: Places, free: Places, point: Floats, u: Floats) -> Floats:
    """Return minus the derivative of the effects' gradient by the free numbers; by log sds it is 0."""
    moving = np.flatnonzero(~np.isin(free, block.hypers))
    cross = np.zeros((free.size, effects.size))
    for at in moving:
        both = np.tile(point, (2, 1))
        both[:, free[at]] += (_STEP, -_STEP)
        place(block, effects, both, np.tile(u, (2, 1)))
        ahead, behind = (block.density(each)[1][effects] for each in both)
        cross[at] = -(ahead - behind) / (2 * _STEP)
    return cross
