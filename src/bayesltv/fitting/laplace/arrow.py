"""Normals whose precision is an arrow: levels of one column, and a corner of all that they share.

Given all else, a cell feels the effects of its own level alone. In level coordinates, the effects themselves
and not those along their basis, the likelihood's curvature is therefore a small block per level, scales by
scales, with a border against the other parameters. Effects of a scale sum to zero, so that with A the blocks
plus 1/sd²,

    inverse of A where sums are zero:   A⁻¹ − A⁻¹1 S⁻¹ 1'A⁻¹,   S = 1'A⁻¹1,
    log |A| there:                      log |A| + log |S| − scales × log(levels).

Draws and determinants for 300 levels then cost thousands of operations, not the hundred million of a matrix.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayesltv.fitting.laplace.blocks import Places, Pool
from bayesltv.fitting.laplace.tails import draw_divisors, log_standard
from bayesltv.fitting.mode import without_saddles
from bayesltv.numerics.arrays import Floats

MANY = 40
"""Levels from which the structure is used; with fewer a whole matrix is as quick."""
ALIKE = 1e-4
"""Of the largest curvature: no more than this may be left over beside the arrow."""
LEAST = 0.05
"""Least curvature of a level along any direction: an sd of 4.5 on log or logit scales. Where data say less,
or the likelihood bends upward, it is raised to that, or to the slope there, so that wide sds promise no more
likelihood than the slope times one half; and the border is taken for 0."""


@dataclass(frozen=True)
class Arrow:
    """Curvature of the likelihood over `rest` (see `Expansion`), in level coordinates for one column.

    Attributes
    ----------
    free : ndarray of int64, shape (free,)
        Places within rest of all but the effects of the column.
    effects : ndarray of int64, shape (scale, level - 1)
        Places within rest of the effects along the basis.
    bases : ndarray, shape (scale, level, level - 1)
    corner : ndarray, shape (free, free)
    border : ndarray, shape (free, scale, level)
    levels : ndarray, shape (scale, scale, level)
    """

    free: Places
    effects: Places
    bases: Floats
    corner: Floats
    border: Floats
    levels: Floats

    @property
    def numbers(self) -> int:
        """Return about how many numbers one normal keeps in memory."""
        return self.effects.size * (self.free.size + 3 * len(self.effects))

    @property
    def matrix(self) -> Floats:
        """Return the whole curvature, shape (rest, rest)."""
        whole = np.zeros(2 * (self.free.size + self.effects.size,))
        whole[np.ix_(self.free, self.free)] = self.corner
        for at, basis, row, border in zip(
            self.effects, self.bases, self.levels, np.swapaxes(self.border, 0, 1), strict=True
        ):
            whole[np.ix_(self.free, at)] = border @ basis
            whole[np.ix_(at, self.free)] = (border @ basis).T
            for there, other, own in zip(self.effects, self.bases, row, strict=True):
                whole[np.ix_(at, there)] = basis.T @ (own[:, None] * other)
        return whole

    def normals(self, linear: Floats, pooling: Floats, states: Floats | None = None) -> "ArrowNormals":
        """Return normals with density ∝ exp(linear'u − u'(curvature + diag(pooling) + states)u / 2).

        Parameters
        ----------
        linear : ndarray, shape (rest,) or (normal, rest)
        pooling : ndarray, shape (normal, rest)
            Prior precisions; those of the effects of one scale are all the same.
        states : ndarray, shape (normal, rest, rest), optional
            Precisions of what is free.
        """
        linear = np.broadcast_to(linear, pooling.shape)
        both = zip(self.effects, self.bases, strict=True)
        pulls = np.array([linear[:, at] @ basis.T for at, basis in both])
        blocks, leaned, corner = self.given(pooling)
        if states is not None:
            corner = corner + states[:, self.free[:, None], self.free]
        root = np.swapaxes(np.linalg.inv(np.linalg.cholesky(corner)), 1, 2).astype(np.float64)
        return ArrowNormals(self, blocks, root, pulls, linear[:, self.free], leaned)

    def given(self, pooling: Floats) -> tuple["ZeroSumBlocks", Floats, Floats]:
        """Return the blocks of levels, their inverse times the border, and the precision of what is free.

        Shapes are those of `ArrowNormals`; the last is (normal, free, free).
        """
        size = len(pooling)
        own = np.repeat(self.levels[:, :, None], size, axis=2)
        for at, places in enumerate(self.effects):
            own[at, at] += pooling[:, places[0], None]
        blocks = ZeroSumBlocks(own, *_inverted(own))
        leaned = np.zeros((self.free.size, *own.shape[1:]))
        for at, row in enumerate(self.border):
            leaned[at] = blocks.solve(np.repeat(row[:, None], size, axis=1))
        corner = self.corner - np.einsum("fkn,gkmn->mfg", self.border, leaned)
        return blocks, leaned, corner + pooling[:, self.free, None] * np.eye(self.free.size)


@dataclass(frozen=True)
class ZeroSumBlocks:
    """Small matrices by normal and level, inverted where each scale sums to zero over the levels.

    Attributes
    ----------
    matrices : ndarray, shape (scale, scale, normal, level)
    roots : ndarray, shape (scale, scale, normal, level)
        Inverses of their lower Cholesky factors.
    inverse : ndarray, shape (scale, scale, normal, level)
    """

    matrices: Floats
    roots: Floats
    inverse: Floats

    @property
    def sums(self) -> Floats:
        """Return S, shape (normal, scale, scale)."""
        return np.moveaxis(self.inverse.sum(axis=-1), -1, 0)

    @property
    def log_root(self) -> Floats:
        """Return half the log determinant by normal."""
        levels = self.roots.shape[-1]
        diagonal = np.log(np.einsum("kkmn->kmn", self.roots)).sum(axis=(0, 2))
        root: Floats = 0.5 * np.linalg.slogdet(self.sums / levels)[1] - diagonal
        return root

    def solve(self, values: Floats) -> Floats:
        """Return the constrained inverse times `values`, shape (scale, normal, level)."""
        return self.centred(np.einsum("klmn,lmn->kmn", self.inverse, values))

    def centred(self, values: Floats) -> Floats:
        """Return what is left of `values`, distributed as unconstrained, given that they sum to zero."""
        excess = np.linalg.solve(self.sums, values.sum(axis=-1).T[..., None])[..., 0]
        left: Floats = values - np.einsum("klmn,ml->kmn", self.inverse, excess)
        return left

    def draw(self, rng: np.random.Generator) -> Floats:
        """Return a normal draw with the constrained inverse as its covariance."""
        z = rng.standard_normal(self.roots.shape[1:])
        return self.centred(np.einsum("jkmn,jmn->kmn", self.roots, z))

    def square(self, values: Floats) -> Floats:
        """Return the quadratic form of the matrices in zero-sum `values`, shape (normal,)."""
        form: Floats = np.einsum("kmn,klmn,lmn->m", values, self.matrices, values, optimize=True)
        return form


@dataclass(frozen=True)
class ArrowNormals:
    """One normal for each row of pooling precisions; see `Arrow.normals`.

    Attributes
    ----------
    arrow : Arrow
    blocks : ZeroSumBlocks
    root : ndarray, shape (normal, free, free)
        The covariance of the free parameters is root root'.
    pulls : ndarray, shape (scale, normal, level)
        The linear term at the levels.
    pull : ndarray, shape (normal, free)
        And at the free parameters.
    leaned : ndarray, shape (free, scale, normal, level)
        The constrained inverse times the border.
    """

    arrow: Arrow
    blocks: ZeroSumBlocks
    root: Floats
    pulls: Floats
    pull: Floats
    leaned: Floats

    @property
    def log_evidence(self) -> Floats:
        """Return m'Hm / 2 − log |H| / 2, with H the precision and m the mean."""
        at_levels = np.einsum("kmn,kmn->m", self.pulls, self.blocks.solve(self.pulls))
        squares = at_levels + np.sum(self._along**2, axis=1)
        evidence: Floats = 0.5 * squares - self.log_root
        return evidence

    @property
    def log_root(self) -> Floats:
        """Return half the log determinant of the precision in rest's coordinates, shape (normal,)."""
        root: Floats = self.blocks.log_root - np.log(np.einsum("mff->mf", self.root)).sum(axis=1)
        return root

    @property
    def _along(self) -> Floats:
        reduced = self.pull - np.einsum("gkmn,kmn->mg", self.leaned, self.pulls)
        along: Floats = np.einsum("mfz,mf->mz", self.root, reduced)
        return along

    def draw(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return a draw by normal, shape (normal, rest), and its log density, a share of them from a t."""
        size, free = self.pull.shape
        divisors = draw_divisors(size, rng)
        z = rng.standard_normal((size, free)) / divisors[:, None]
        apart = self.blocks.draw(rng) / divisors[:, None]
        u = np.einsum("mfz,mz->mf", self.root, self._along + z)
        levels = self.blocks.solve(self.pulls) - np.einsum("mf,fkmn->kmn", u, self.leaned) + apart
        points = np.empty((size, free + self.arrow.effects.size))
        points[:, self.arrow.free] = u
        for at, basis, effects in zip(self.arrow.effects, self.arrow.bases, levels, strict=True):
            points[:, at] = effects @ basis
        squared = np.sum(z**2, axis=1) + self.blocks.square(apart)
        return points, log_standard(squared, points.shape[1]) + self.log_root


def arrow_of(curvature: Floats, slope: Floats, pools: Sequence[Pool], rest: Places) -> Arrow | None:
    """Return the arrow of the column with the most levels, None where there is none or it is no arrow.

    Parameters
    ----------
    curvature : ndarray, shape (rest, rest)
        Of the likelihood, and of the priors of all but effects.
    slope : ndarray, shape (rest,)
        Of the same.
    pools : sequence of Pool
    rest : ndarray of int64, shape (rest,)
        Places in the whole point, sorted.
    """
    largest = max(pools, key=lambda pool: pool.offsets.size, default=None)
    if largest is None or len(largest.basis) < MANY:
        return None
    chosen = [pool for pool in pools if pool.column == largest.column]
    bases = np.array([pool.basis for pool in chosen])
    effects = np.array([np.searchsorted(rest, pool.offsets) for pool in chosen])
    free = np.setdiff1d(np.arange(rest.size), effects)
    border = np.array([curvature[np.ix_(free, at)] @ b.T for at, b in zip(effects, bases, strict=True)])
    pairs = [[curvature[np.ix_(a, b)] for b in effects] for a in effects]
    levels = np.array([[_diagonal(x @ m @ y.T) for m, y in zip(row, bases, strict=True)]
                       for row, x in zip(pairs, bases, strict=True)])  # fmt: skip
    back = [[x.T @ (d[:, None] * y) for d, y in zip(row, bases, strict=True)]
            for row, x in zip(levels, bases, strict=True)]  # fmt: skip
    if np.max(np.abs(np.array(back) - np.array(pairs))) > ALIKE * np.max(np.abs(curvature)):
        return None
    slopes = np.array([basis @ slope[at] for at, basis in zip(effects, bases, strict=True)])
    strong, raised = _raised(levels, slopes)
    arrow = Arrow(
        free, effects, bases, curvature[np.ix_(free, free)], np.einsum("kfn,kln->fln", border, strong), raised
    )
    if not free.size:
        return arrow
    alone = arrow.given(np.zeros((1, rest.size)))[2][0]
    return replace(arrow, corner=arrow.corner + without_saddles(alone) - alone)


def _diagonal(centred: Floats) -> Floats:
    """Return d, of which `centred` is C diag(d) C, where C takes off the mean of the levels."""
    levels = len(centred)
    total = np.trace(centred) / (1 - 1 / levels)
    diagonal: Floats = (np.diag(centred) - total / levels**2) / (1 - 2 / levels)
    return diagonal


def _raised(levels: Floats, slopes: Floats) -> tuple[Floats, Floats]:
    """Return projections on what data tell of each level, and the matrices raised elsewhere; see `LEAST`."""
    values, vectors = np.linalg.eigh(np.moveaxis(levels, -1, 0))
    along = np.abs(np.einsum("nkj,kn->nj", vectors, slopes))
    is_strong = values >= LEAST
    changed = (is_strong.astype(float), np.where(is_strong, values, np.maximum(LEAST, along)))
    strong, raised = ((vectors * each[:, None, :]) @ np.swapaxes(vectors, 1, 2) for each in changed)
    return np.moveaxis(strong, 0, -1), np.moveaxis(raised, 0, -1)


def _inverted(own: Floats) -> tuple[Floats, Floats]:
    """Return the inverses of the lower Cholesky factors of small matrices, and their inverses.

    Entry by entry over all matrices at once: LAPACK takes a call for each.
    """
    lower, roots = np.zeros_like(own), np.zeros_like(own)
    for row in range(len(own)):
        for at in range(row + 1):
            left = own[row, at] - np.sum(lower[row, :at] * lower[at, :at], axis=0)
            lower[row, at] = np.sqrt(left) if at == row else left / lower[at, at]
        roots[row, row] = 1 / lower[row, row]
        for at in range(row):
            through = np.sum(lower[row, at:row] * roots[at:row, at], axis=0)
            roots[row, at] = -through * roots[row, row]
    return roots, np.einsum("jkmn,jlmn->klmn", roots, roots)
