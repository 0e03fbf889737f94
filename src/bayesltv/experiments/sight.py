"""What a window shows of an action, beside what the action brings over the horizon: draws of both in bins."""

import math
from dataclasses import dataclass

import numpy as np

from bayesltv.numerics.arrays import Floats

BINS = 20


@dataclass(frozen=True)
class Sight:
    """What a window shows of an action beside what the horizon brings, by draws of the effects in bins.

    Attributes
    ----------
    shown, brings : ndarray, shape (bin,)
        Means, per customer: of the difference that the window would show of arms without number, and of net
        value over the horizon. Within a bin the window tells no difference.
    weight : ndarray, shape (bin,)
    """

    shown: Floats
    brings: Floats
    weight: Floats

    @property
    def ceiling(self) -> float:
        """Return EVPPI of what the window shows, per customer."""
        mean = float(self.weight @ self.brings)
        return float(self.weight @ np.maximum(self.brings, 0.0)) - max(0.0, mean)

    def evsi(self, n: float | Floats, outcome_sd: float) -> Floats:
        """Return the expected value of sample information per customer who is decided on afterwards.

        ∫ max(0, Σ_b w_b B_b φ((s − S_b)/τ)/τ) ds − max(0, B̄), τ² = 2s²/n: what is seen is S of the truth and
        noise, and the action is taken where what it brings is positive on average given what was seen.

        Parameters
        ----------
        n : float or ndarray
            Customers per arm.
        outcome_sd : float
            Of one customer, given the history.
        """
        sizes = np.atleast_1d(np.asarray(n, dtype=np.float64))
        worth = np.array([self._evsi(outcome_sd * math.sqrt(2.0 / size)) for size in sizes])
        found: Floats = np.clip(worth, 0.0, self.ceiling).reshape(np.shape(n))
        return found

    def _evsi(self, noise: float) -> float:
        around = noise * np.linspace(-6.0, 6.0, 97)
        seen = np.unique((self.shown[:, None] + around).ravel())
        z = (seen[:, None] - self.shown) / noise
        gain = np.exp(-0.5 * z**2) @ (self.weight * self.brings) / (noise * math.sqrt(2.0 * math.pi))
        mean = float(self.weight @ self.brings)
        return float(np.trapezoid(np.maximum(gain, 0.0), seen)) - max(0.0, mean)


def make_sight(shown: Floats, brings: Floats, *, bins: int = BINS) -> Sight:
    """Return a sight from draws of the effects, each of shape (draw,): quantile bins of what is shown.

    Without bins, tiny differences of what is shown would name the draw.
    """
    order = np.argsort(shown, kind="stable")
    parts = [part for part in np.array_split(order, min(bins, order.size)) if part.size]
    seen = np.array([shown[part].mean() for part in parts])
    number = np.array([part.size for part in parts], dtype=np.float64)
    sums = np.array([brings[part].sum() for part in parts])
    distinct, at = np.unique(seen, return_inverse=True)
    weight = np.bincount(at, weights=number)
    return Sight(distinct, np.bincount(at, weights=sums) / weight, weight / weight.sum())
