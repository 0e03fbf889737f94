"""Blocks of a posterior that are independent of each other, and the pooling within them.

Purchases and spend share no parameter, and their priors are independent: given the data the two are
independent too, and can be sampled apart. What hangs together is read off the graph of the model, so that
parts which do share something (a user's potential may) become one block.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pymc as pm
from numpy.typing import NDArray
from pytensor.graph.traversal import ancestors

from bayesltv.fitting.density import Density, likelihoods_and_others
from bayesltv.model.build import Problem
from bayesltv.model.pooling import OFFSET, level_errors, zero_sum_basis
from bayesltv.names import sd_name
from bayesltv.specs.prior import PriorSpec

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Slice:
    """A density over some places of the unconstrained point, the others held fixed; see `LogDensity`.

    Attributes
    ----------
    density : Density
    where : ndarray of int64, shape (size,)
    base : ndarray, shape (whole size,)
        The whole point: the values held fixed, and where to start from.
    """

    density: Density
    where: Places
    base: Floats

    @property
    def size(self) -> int:
        """Return the number of free places."""
        return self.where.size

    @property
    def start(self) -> Floats:
        """Return the base at the free places."""
        return self.base[self.where]

    def __call__(self, point: Floats) -> tuple[float, Floats]:
        """Return the log density and its gradient at `point`, shape (size,)."""
        value, gradient = self.density(self.whole(point))
        return value, gradient[self.where]

    def expand(self, point: Floats) -> dict[str, Floats]:
        """Return the named variables at `point`."""
        return self.density.expand(self.whole(point))

    def whole(self, point: Floats) -> Floats:
        """Return the whole point."""
        whole = self.base.copy()
        whole[self.where] = point
        return whole


@dataclass(frozen=True)
class Pool:
    """The effects of one column on one scale; see ``model.pooling``.

    Attributes
    ----------
    sd : int
        Place of the pooling sd (its log) in the point.
    offsets : ndarray of int64, shape (level - 1,)
        Places of the sampler's variables z_j = w_j √(1/sd² + λ_j), w_j ~ N(0, sd²) the effects along the
        basis.
    information : ndarray, shape (level - 1,)
        λ.
    prior : PriorSpec
        Of the sd.
    column : str
        Whose levels they are.
    basis : ndarray, shape (level, level - 1)
        Effects of the levels are the basis times w.
    """

    sd: int
    offsets: Places
    information: Floats
    prior: PriorSpec
    column: str
    basis: Floats


@dataclass(frozen=True)
class Block:
    """Free places of the point that no likelihood or prior ties to the others.

    Attributes
    ----------
    density : Density
        Of the whole point, with the likelihoods of this block alone.
    where : ndarray of int64, shape (size,)
        Sorted.
    pools : tuple of Pool
    """

    density: Density
    where: Places
    pools: tuple[Pool, ...]

    @property
    def sds(self) -> Places:
        """Return the places of the log pooling sds, in the order of `pools`."""
        return np.array([pool.sd for pool in self.pools], dtype=np.int64)


def independent_blocks(model: pm.Model, density: Density, problem: Problem) -> list[Block]:
    """Return the blocks of a model, each with the likelihoods it feeds and the pools it holds."""
    places = _places(model)
    pools = list(_pools(problem, places))
    terms, others = likelihoods_and_others(model)
    blocks = []
    for names in _connected(model, [*terms, *others, *model.observed_RVs, *model.free_RVs]):
        where = np.sort(np.concatenate([places[name] for name in places if name in names]))
        fed = [at for at, term in enumerate(terms) if _free(model, term) & names]
        held = tuple(pool for pool in pools if pool.sd in where)
        blocks.append(Block(density.only(fed), where, held))
    return blocks


def _places(model: pm.Model) -> dict[str, Places]:
    """Return where each free variable stands in the unconstrained point."""
    sizes = {rv.name: int(np.prod(model.rvs_to_values[rv].type.shape, dtype=int)) for rv in model.free_RVs}
    ends = np.cumsum(list(sizes.values()))
    return {name: np.arange(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}


def _pools(problem: Problem, places: dict[str, Places]) -> Iterator[Pool]:
    spec, cells = problem.spec, problem.cells
    for scale in spec.scales:
        for column in spec.pooled_columns(scale):
            basis, information = zero_sum_basis(1 / level_errors(scale, column, cells) ** 2)
            yield Pool(
                sd=int(places[sd_name(scale, column)][0]),
                offsets=places[f"{scale}{OFFSET}{column}"],
                information=information,
                prior=spec.pooling[scale].scale,
                column=column,
                basis=basis,
            )


def _free(model: pm.Model, term: object) -> set[str]:
    """Return the names of the free variables that `term` depends on, itself included."""
    above = set(ancestors([term]))
    return {rv.name for rv in model.free_RVs if rv in above}


def _connected(model: pm.Model, terms: Sequence[object]) -> list[set[str]]:
    """Return the free variables' names in sets that no term ties to each other, in the model's order."""
    sets: list[set[str]] = []
    for term in terms:
        names = _free(model, term)
        apart = [each for each in sets if not each & names]
        sets = [*apart, names.union(*(each for each in sets if each & names))] if names else sets
    order = [rv.name for rv in model.free_RVs]
    return sorted(sets, key=lambda names: min(order.index(name) for name in names))
