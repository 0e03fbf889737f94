"""What is normal given hyperparameters, effects of levels and states of a clock: its prior, and its place.

Effects w and states x are u in `conditional`; the sampler has other variables in their stead, w √(1/sd² + λ)
and L'x − L⁻¹p (see ``model.pooling`` and ``model.clock``). "Log sds" are all hyperparameters as the sampler
sees them: logs of sds, then the log odds of a correlation.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit, logit

from bayesltv.fitting.laplace.blocks import Block, Places
from bayesltv.numerics.arrays import Flags, Floats
from bayesltv.numerics.whitening import coordinates_of_each, log_roots, states_of
from bayesltv.specs.prior import PriorSpec

FIRST_SD = 0.2
"""Pooling sds of the first expansion, on log or logit scales: groups differ, and not by much."""


def first_hypers(block: Block) -> Floats:
    """Return where the first expansion is: groups differ somewhat, and a clock as its priors have it."""
    own = [_seen_by_sampler(prior) for clock in block.clocks for prior in clock.priors]
    return np.array([*np.full(len(block.pools), np.log(FIRST_SD)), *own])


def _seen_by_sampler(prior: PriorSpec) -> float:
    middle = prior.quantile(0.5)
    return float(logit(middle) if prior.support == "unit" else np.log(middle))


def log_seen(prior: PriorSpec, log_sd: Floats) -> Floats:
    """Return the log density of a prior in what the sampler sees: logs, or log odds."""
    if prior.support == "unit":
        inside = prior.frozen().logpdf(expit(log_sd)) + log_expit(log_sd) + log_expit(-log_sd)
    else:
        inside = prior.frozen().logpdf(np.exp(log_sd)) + log_sd
    return np.asarray(inside)


def log_prior(block: Block, log_sds: Floats) -> Floats:
    """Return the log density of rows of log sds, and half the log determinant of P, shape (n,)."""
    log_density = np.zeros(len(log_sds))
    for log_sd, prior in zip(log_sds.T, block.priors, strict=True):
        log_density += log_seen(prior, log_sd)
    for log_sd, pool in zip(log_sds.T, block.pools, strict=False):
        log_density -= pool.offsets.size * log_sd
    for clock in block.clocks:
        log_density += log_roots(clock.precision(log_sds[:, len(block.pools) :]))
    return log_density


@dataclass(frozen=True)
class PriorPrecision:
    """P, the precision of effects and states given rows of log sds.

    Attributes
    ----------
    pooling : ndarray, shape (n, rest)
        1/sd² at effects, else 0.
    states : ndarray, shape (n, rest, rest), optional
        Q at the states of a clock, else 0.
    """

    pooling: Floats
    states: Floats | None = None

    def of(self, rows: Flags) -> "PriorPrecision":
        """Return that of some rows."""
        return PriorPrecision(self.pooling[rows], None if self.states is None else self.states[rows])

    def whole(self) -> Floats:
        """Return P, shape (n, rest, rest)."""
        diagonal = self.pooling[:, :, None] * np.eye(self.pooling.shape[1])
        return diagonal if self.states is None else diagonal + self.states


def precisions(block: Block, rest: Places, log_sds: Floats) -> PriorPrecision:
    """Return the precision of effects and states, and 0 elsewhere, over the places `rest` of the point."""
    pooling = np.zeros((log_sds.shape[0], rest.size))
    for log_sd, pool in zip(log_sds.T, block.pools, strict=False):
        pooling[:, np.searchsorted(rest, pool.offsets)] = np.exp(-2 * log_sd)[:, None]
    if not block.clocks:
        return PriorPrecision(pooling)
    states = np.zeros((*pooling.shape, rest.size))
    for clock in block.clocks:
        at = np.searchsorted(rest, clock.offsets)
        states[:, at[:, None], at] = clock.precision(log_sds[:, len(block.pools) :])
    return PriorPrecision(pooling, states)


def stretches(block: Block, log_sds: Floats) -> list[Floats]:
    """Return by pool the sampler's variables per unit of effects, √(1/sd² + λ), shape (n, level - 1)."""
    return [
        np.sqrt(np.exp(-2 * log_sd)[:, None] + pool.information)
        for log_sd, pool in zip(log_sds.T, block.pools, strict=False)
    ]


def place(block: Block, rest: Places, points: Floats, u: Floats) -> Floats:
    """Set whole `points` to u at the places `rest`; return the log of the sampler's volume per unit of u's.

    Parameters
    ----------
    block : Block
    rest : ndarray of int64, shape (rest,)
    points : ndarray, shape (n, whole size)
        With hyperparameters, and all that is not in rest.
    u : ndarray, shape (n, rest)
    """
    log_sds, log_volume = points[:, block.hypers], np.zeros(len(points))
    points[:, rest] = u
    for pool, stretch in zip(block.pools, stretches(block, log_sds), strict=True):
        points[:, pool.offsets] *= stretch
        log_volume += np.log(stretch).sum(axis=1)
    for clock in block.clocks:
        precision = clock.precision(log_sds[:, len(block.pools) :]) + clock.states.information
        x, pull = points[:, clock.offsets], clock.pull(points[:, clock.rate])
        points[:, clock.offsets], log_det = coordinates_of_each(x, precision, pull)
        log_volume += log_det
    return log_volume


def lifted(block: Block, rest: Places, point: Floats) -> tuple[Floats, Floats]:
    """Return u of a whole point, and the derivative of the sampler's variables by it, shape (rest, rest)."""
    u, unit, log_sds = point[rest].copy(), np.eye(rest.size), point[None, block.hypers]
    for pool, stretch in zip(block.pools, stretches(block, log_sds), strict=True):
        at = np.searchsorted(rest, pool.offsets)
        unit[at, at] = stretch[0]
        u[at] /= stretch[0]
    for clock in block.clocks:
        at = np.searchsorted(rest, clock.offsets)
        precision = clock.precision(log_sds[:, len(block.pools) :])[0] + clock.states.information
        u[at] = states_of(u[at], precision, clock.pull(point[None, clock.rate])[0])[0]
        root = np.linalg.cholesky(precision)
        unit[np.ix_(at, at)] = root.T
        unit[at[:, None], rest == clock.rate] = np.linalg.solve(root, clock.states.pull[:, 1:])
    return u, unit
