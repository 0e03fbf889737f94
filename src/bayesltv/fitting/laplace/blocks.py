"""Blocks of a posterior that are independent of each other, and what is normal given hyperparameters in them.

Purchases and spend share no parameter, and their priors are independent: given the data the two are
independent too, and can be sampled apart. What hangs together is read off the graph of the model, so that
parts which do share something (a user's potential may) become one block.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pymc as pm
from pytensor.graph.traversal import ancestors
from scipy.special import expit

from bayesltv.fitting.density import Density, likelihoods_and_others, pieces_of
from bayesltv.model.build import Problem
from bayesltv.model.clock import ClockStates
from bayesltv.model.clock_prior import precision_terms, summed
from bayesltv.model.pooling import OFFSET, level_errors, zero_sum_basis
from bayesltv.names import CLOCK, PURCHASE_RATE, clock_name, sd_name
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.specs.prior import PriorSpec

Places = Integers
FARTHEST, MOST_LOG_SD = 14.0, 3.0
"""Of a clock: log sds and log odds beyond which its states are taken for those at the bound."""


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
class Clock:
    """The states of a clock; see ``model.clock``.

    Attributes
    ----------
    states : ClockStates
    hypers : ndarray of int64, shape (hyper,)
        Places of their sds (logs) and correlation (log odds), in the order of ``states.names``.
    priors : tuple of PriorSpec
        Of these.
    offsets : ndarray of int64, shape (state,)
        Places of the sampler's variables z = L'x − L⁻¹p.
    rate : int
        Place of the log of the purchase rate, on which p depends.
    """

    states: ClockStates
    hypers: Places
    priors: tuple[PriorSpec, ...]
    offsets: Places
    rate: int

    def precision(self, hypers: Floats) -> Floats:
        """Return that of the states' prior, shape (n, state, state), by rows of hyperparameters.

        Those beyond the bounds count as there: a proposal from the tails must not break on rounding.
        """
        near = np.clip(hypers, -FARTHEST, FARTHEST)
        values = {
            name: expit(column) if prior.support == "unit" else np.exp(np.minimum(column, MOST_LOG_SD))
            for name, prior, column in zip(self.states.names, self.priors, near.T, strict=True)
        }
        return summed(precision_terms(self.states.clock, self.states.blocks, values))

    def pull(self, log_rate: Floats) -> Floats:
        """Return p by log rate, shape (n, state)."""
        first, second = self.states.pull.T
        pull: Floats = first - log_rate[:, None] * second
        return pull


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
    clocks : tuple of Clock
        One or none.
    """

    density: Density
    where: Places
    pools: tuple[Pool, ...]
    clocks: tuple[Clock, ...] = ()

    @property
    def hypers(self) -> Places:
        """Return the places of the log pooling sds, by pool, and of the clock's parameters."""
        own = [at for clock in self.clocks for at in clock.hypers]
        return np.array([*(pool.sd for pool in self.pools), *own], dtype=np.int64)

    @property
    def priors(self) -> tuple[PriorSpec, ...]:
        """Return the priors of the hyperparameters."""
        own = (prior for clock in self.clocks for prior in clock.priors)
        return (*(pool.prior for pool in self.pools), *own)

    @property
    def effects(self) -> Places:
        """Return the sorted places of what is normal given the hyperparameters: effects and states."""
        own = [clock.offsets for clock in self.clocks]
        parts = [np.empty(0, dtype=np.int64), *(pool.offsets for pool in self.pools), *own]
        return np.sort(np.concatenate(parts))


def independent_blocks(model: pm.Model, density: Density, problem: Problem) -> list[Block]:
    """Return the blocks of a model, each with the likelihoods it feeds and the pools it holds."""
    places = places_of(model, density.size)
    pools = list(_pools(problem, places))
    clocks = list(_clocks(problem, places))
    terms, others = likelihoods_and_others(model)
    blocks = []
    for names in _connected(model, [*terms, *others, *model.observed_RVs, *model.free_RVs]):
        where = np.sort(np.concatenate([places[name] for name in places if name in names]))
        fed = [at for at, term in enumerate(terms) if _free(model, term) & names]
        held = tuple(pool for pool in pools if pool.sd in where)
        shared = tuple(clock for clock in clocks if clock.rate in where)
        blocks.append(Block(density.only(fed), where, held, shared))
    return blocks


def places_of(model: pm.Model, size: int) -> dict[str, Places]:
    """Return where each free variable stands in the unconstrained point."""
    pieces = pieces_of([model.rvs_to_values[rv] for rv in model.free_RVs])
    return {rv.name: np.arange(size)[piece] for rv, piece in zip(model.free_RVs, pieces, strict=True)}


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


def _clocks(problem: Problem, places: dict[str, Places]) -> Iterator[Clock]:
    """Yield the clock; none where levels have their own, whose states are parameters like any other."""
    states = problem.states
    if states is not None and not states.clock.by:
        yield Clock(
            states=states,
            hypers=np.concatenate([places[clock_name(name)] for name in states.names]),
            priors=tuple(states.clock.priors[name] for name in states.names),
            offsets=places[f"{CLOCK}{OFFSET}blocks"],
            rate=int(places[PURCHASE_RATE][0]),
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
