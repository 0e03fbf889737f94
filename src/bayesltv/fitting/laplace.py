"""A near-exact posterior in seconds: mode and curvature, put right by Pareto-smoothed importance sampling.

Draws come from a multivariate t at the mode, with the inverse Hessian as its scale; smoothed importance
weights (Vehtari, Simpson, Gelman, Yao & Gabry 2024) turn them into draws of the posterior, and the tail shape
k-hat of the weights says whether they can. With groups they cannot: pooling scales make the posterior far
from normal, and 12 of 2,000 draws remained effective with 5 groups. Grouped specs are refused before anything
is computed.
"""

from dataclasses import dataclass

import numpy as np
import pymc as pm
import xarray as xr
from arviz_stats.base import array_stats
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import multivariate_t

from bayesltv.errors import FitError
from bayesltv.fitting.density import Density
from bayesltv.model.pooling import OFFSET
from bayesltv.names import CHAIN, DRAW
from bayesltv.spec.settings import SamplerSpec

Floats = NDArray[np.float64]
PROPOSALS_PER_DRAW = 4
DEGREES_OF_FREEDOM = 10.0
"""Of the proposal: heavier tails than the posterior's keep importance weights bounded."""
_STEP = 1e-4
_NEWTON_STEPS = 20


@dataclass(frozen=True)
class Normal:
    """Mode of a density on the unconstrained space and its inverse Hessian there."""

    mode: Floats
    covariance: Floats


def sample_laplace(
    model: pm.Model, density: Density, sampler: SamplerSpec, *, rng: np.random.Generator
) -> dict[str, xr.Dataset]:
    """Return the groups ``posterior`` and ``sample_stats`` of an importance-sampled Laplace approximation.

    Parameters
    ----------
    model : pymc.Model
        For dims.
    density : Density
    sampler : SamplerSpec
        chains × draws are returned, in that shape, so that all else takes them like NUTS draws.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to Dataset
        ``sample_stats`` holds ``pareto_k`` and ``importance_ess``, one number each.

    Raises
    ------
    FitError
        Where no mode with a proper curvature is found.
    """
    normal = find_mode(density)
    wanted = sampler.chains * sampler.draws
    proposal = multivariate_t(normal.mode, normal.covariance, df=DEGREES_OF_FREEDOM, seed=rng)
    points = np.atleast_2d(proposal.rvs(PROPOSALS_PER_DRAW * wanted))
    log_ratio = np.array([density(point)[0] for point in points]) - proposal.logpdf(points)
    log_ratio[~np.isfinite(log_ratio)] = -np.inf
    weights, khat = smoothed_weights(log_ratio)
    chosen = points[rng.permutation(resample(weights, wanted, rng))]
    stats = xr.Dataset({"pareto_k": khat, "importance_ess": float(1 / np.sum(weights**2))})
    return {"posterior": _expanded(model, density, chosen, sampler), "sample_stats": stats}


def find_mode(density: Density) -> Normal:
    """Return the mode and the inverse Hessian of minus the log density there."""

    def downhill(point: Floats) -> tuple[float, Floats]:
        value, gradient = density(point)
        return (-value, -gradient) if np.isfinite(value) else (1e100, np.zeros_like(point))

    point = minimize(downhill, density.start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    for _ in range(_NEWTON_STEPS):
        covariance = _inverse_hessian(density, point)
        step = covariance @ density(point)[1]
        point = point + step
        if np.max(np.abs(step)) < 1e-8:
            break
    return Normal(point, _inverse_hessian(density, point))


def smoothed_weights(log_ratio: Floats) -> tuple[Floats, float]:
    """Return Pareto-smoothed importance weights that sum to 1, and k-hat.

    Parameters
    ----------
    log_ratio : ndarray, shape (proposal,)
        Log density minus log proposal density, up to a constant.
    """
    log_weights, khat = array_stats.psislw(-log_ratio)
    return np.exp(log_weights - logsumexp(log_weights)), float(khat)


def resample(weights: Floats, size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return `size` positions by systematic resampling: each about its expected number of times."""
    ladder = (rng.uniform() + np.arange(size)) / size
    places = np.searchsorted(np.cumsum(weights), ladder)
    return np.minimum(places, weights.size - 1).astype(np.int64)


def _inverse_hessian(density: Density, point: Floats) -> Floats:
    steps = _STEP * np.eye(point.size)
    rows = [(density(point + h)[1] - density(point - h)[1]) / (2 * _STEP) for h in steps]
    hessian = -(np.array(rows) + np.array(rows).T) / 2
    try:
        np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        raise FitError(
            "the posterior has no mode with proper curvature, so that it is not near a normal: "
            "use method='nuts'"
        ) from None
    inverse: Floats = np.linalg.inv(hessian).astype(np.float64)
    return inverse


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
    return xr.Dataset(variables, coords={CHAIN: np.arange(shape[0]), DRAW: np.arange(shape[1])})
