"""The mode of a density and its curvature there: where Laplace draws from, and where NUTS starts from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import minimize

from bayesltv.errors import FitError
from bayesltv.numerics.arrays import Floats

Objective = Callable[[Floats], tuple[float, Floats]]
_STEP = 1e-4
_CLOSE = 1e-6
"""In posterior standard deviations: a Newton step below it ends the search."""
_NEWTON_STEPS = 20
_ROUNDING = 1e-9
"""Of the log density's own size: less than that is no way down."""
_FLAT, _TRUST_STEPS = 1e-3, 200
"""The gradient at which steps within a region of trust hand over to Newton's, and how many there are."""


class LogDensity(Protocol):
    """What is sampled: a density on the unconstrained space, and the way back to named variables."""

    @property
    def size(self) -> int:
        """Return the dimension of the unconstrained space."""
        ...

    @property
    def start(self) -> Floats:
        """Return the point around which chains start, shape (size,)."""
        ...

    def __call__(self, point: Floats) -> tuple[float, Floats]:
        """Return the log density and its gradient."""
        ...

    def expand(self, point: Floats) -> dict[str, Floats]:
        """Return the named variables at `point`."""
        ...


@dataclass(frozen=True)
class Normal:
    """Mode of a density on the unconstrained space and its inverse Hessian there."""

    mode: Floats
    covariance: Floats


def find_mode(density: LogDensity) -> Normal:
    """Return the mode and the inverse Hessian of minus the log density there.

    Newton's steps from where L-BFGS stopped. Where those stray (it may stop on a shelf, where the curvature
    is that of a saddle), steps within a region of trust climb from there, and from the start, to a mode.

    Raises
    ------
    FitError
        Where there is no mode with a proper curvature.
    """

    def downhill(point: Floats) -> tuple[float, Floats]:
        value, gradient = density(point)
        return (-value, -gradient) if np.isfinite(value) else (1e100, np.zeros_like(point))

    point = minimize(downhill, density.start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    found = _by_newton(density, point)
    if found is not None:
        return found
    tops = [_by_newton(density, _climbed(density, downhill, start)) for start in (point, density.start)]
    modes = [top for top in tops if top is not None]
    if not modes:
        raise FitError(
            "the posterior has no mode with proper curvature, so that it is not near a normal: "
            "use method='nuts'"
        )
    return max(modes, key=lambda normal: density(normal.mode)[0])


def without_saddles(curvature: Floats) -> Floats:
    """Return the curvature with eigenvalues that are not positive raised to almost 0."""
    values, vectors = np.linalg.eigh(curvature)
    proper: Floats = ((vectors * np.maximum(values, 1e-8 * values[-1])) @ vectors.T).astype(np.float64)
    return proper


def _by_newton(density: LogDensity, start: Floats) -> Normal | None:
    """Return the mode that undamped steps converge to, None where they stray or lead downhill."""
    point = start
    for _ in range(_NEWTON_STEPS):
        covariance = _inverse_hessian(density, point)
        if covariance is None:
            return None
        step = covariance @ density(point)[1]
        point = point + step
        if np.max(np.abs(step) / np.sqrt(np.diag(covariance))) < _CLOSE:
            break
    else:
        return None
    here, before = density(point)[0], density(start)[0]
    at_mode = _inverse_hessian(density, point)
    if at_mode is None or not here >= before - _ROUNDING * (1.0 + abs(before)):
        return None
    return Normal(point, at_mode)


def _climbed(density: LogDensity, downhill: Objective, start: Floats) -> Floats:
    """Return where steps within a region of trust end, whatever the curvature on the way."""

    def hessian(point: Floats) -> Floats:
        return np.nan_to_num(_hessian(density, point))

    options = {"gtol": _FLAT, "maxiter": _TRUST_STEPS}
    found = minimize(downhill, start, jac=True, hess=hessian, method="trust-exact", options=options)
    point: Floats = found.x
    return point


def _hessian(density: LogDensity, point: Floats) -> Floats:
    """Return the Hessian of minus the log density, from differences of gradients."""
    steps = _STEP * np.eye(point.size)
    rows = [(density(point + h)[1] - density(point - h)[1]) / (2 * _STEP) for h in steps]
    return -(np.array(rows) + np.array(rows).T) / 2


def _inverse_hessian(density: LogDensity, point: Floats) -> Floats | None:
    """Return the inverse Hessian, None where it is not positive definite."""
    hessian = _hessian(density, point)
    try:
        np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return None
    return np.linalg.inv(hessian).astype(np.float64)
