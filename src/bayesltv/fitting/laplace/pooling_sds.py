"""Pooling sds as functions of what is about standard normal."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from bayesltv.fitting.laplace.blocks import Places
from bayesltv.numerics.arrays import Floats

FARTHEST, MOST = 35.0, 6.0
"""Standard normal values beyond the former count as there, since Φ would round to 0; and exponents beyond the
latter, which stand for values of 28."""


@dataclass(frozen=True)
class PoolingSds:
    """Their logs θ as an increasing function of standard normal x: θ = location + width · ln(−ln(1 − Φ(x))).

    That is the log of a Weibull variable. An sd that groups hardly need has a density that is flat at 0, so
    that its log has the tail of an exponential, in which chains walk slowly; x has not. (A clock's sds are
    known better. Bent, they halved the effective sample size.)

    Attributes
    ----------
    where : ndarray of int64, shape (sd,)
        Their places in the point.
    location, width : ndarray, shape (sd,)
    """

    where: Places
    location: Floats
    width: Floats

    @classmethod
    def of_moments(cls, where: Places, mean: Floats, sd: Floats) -> "PoolingSds":
        """Return those with this mean and sd of θ, each of shape (sd,): a Gumbel variable's."""
        width = sd * np.sqrt(6) / np.pi
        return cls(where, mean + np.euler_gamma * width, width)

    def bent(self, points: Floats) -> Floats:
        """Return points, shape (..., size), with θ in place of x."""
        bent, x = points.copy(), np.clip(points[..., self.where], -FARTHEST, FARTHEST)
        bent[..., self.where] = self.location + self.width * np.log(-log_ndtr(-x))
        return bent

    def straightened(self, points: Floats) -> Floats:
        """Return points, shape (..., size), with x in place of θ."""
        straight, exponent = points.copy(), (points[..., self.where] - self.location) / self.width
        straight[..., self.where] = -ndtri_exp(-np.exp(np.minimum(exponent, MOST)))
        return straight

    def slopes(self, point: Floats) -> tuple[Floats, Floats]:
        """Return dθ/dx at a point that holds x, and the derivative by x of its log, each of shape (sd,)."""
        x = np.clip(point[self.where], -FARTHEST, FARTHEST)
        exponent = -log_ndtr(-x)
        hazard = np.exp(exponent - 0.5 * x**2) / np.sqrt(2 * np.pi)
        return self.width * hazard / exponent, hazard - x - hazard / exponent
