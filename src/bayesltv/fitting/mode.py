"""The mode of a density and its curvature there: where Laplace draws from, and where NUTS starts from."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from bayesltv.errors import FitError

Floats = NDArray[np.float64]
_STEP = 1e-4
_CLOSE = 1e-6
"""In posterior standard deviations: a Newton step below it ends the search."""
_NEWTON_STEPS = 20


class LogDensity(Protocol):
    """What is sampled: a density on the unconstrained space, and the way back to named variables."""

    @property
    def size(self) -> int:
        """Return the dimension of the unconstrained space."""
        ...

    @property
    def start(self) -> NDArray[np.float64]:
        """Return the point around which chains start, shape (size,)."""
        ...

    def __call__(self, point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the log density and its gradient."""
        ...

    def expand(self, point: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Return the named variables at `point`."""
        ...


@dataclass(frozen=True)
class Normal:
    """Mode of a density on the unconstrained space and its inverse Hessian there."""

    mode: Floats
    covariance: Floats


def find_mode(density: LogDensity) -> Normal:
    """Return the mode and the inverse Hessian of minus the log density there.

    Raises
    ------
    FitError
        Where there is no mode with a proper curvature.
    """

    def downhill(point: Floats) -> tuple[float, Floats]:
        value, gradient = density(point)
        return (-value, -gradient) if np.isfinite(value) else (1e100, np.zeros_like(point))

    point = minimize(downhill, density.start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    for _ in range(_NEWTON_STEPS):
        covariance = _inverse_hessian(density, point)
        step = covariance @ density(point)[1]
        point = point + step
        if np.max(np.abs(step) / np.sqrt(np.diag(covariance))) < _CLOSE:
            break
    return Normal(point, _inverse_hessian(density, point))


def _inverse_hessian(density: LogDensity, point: Floats) -> Floats:
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
