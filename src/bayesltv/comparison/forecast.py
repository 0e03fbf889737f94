"""What a method says of each customer: one number, and perhaps a distribution."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bayesltv.numerics.arrays import Codes, Floats


@dataclass(frozen=True)
class Forecast:
    """One quantity of each customer within the horizon.

    Attributes
    ----------
    mean : ndarray of float64, shape (customer,)
        What the method gives as one number: the mean, where it has a distribution.
    ordered : ndarray, shape (customer, draw), optional
        Draws or evenly spread quantiles of what may happen, sorted along the row.
    total : ndarray of float64, shape (draw,), optional
        Draws of the sum over customers, where the method has a joint distribution.
    """

    mean: Floats
    ordered: Floats | Codes | None = None
    total: Floats | None = None

    @property
    def median(self) -> Floats | None:
        """Median of each customer's distribution."""
        return None if self.ordered is None else np.median(self.ordered, axis=1)


def of_draws(draws: Mapping[str, Floats]) -> dict[str, Forecast]:
    """Return the forecasts of joint draws, each of shape (customer, draw)."""
    return {
        name: Forecast(each.mean(axis=1), np.sort(each, axis=1), each.sum(axis=0).astype(np.float64))
        for name, each in draws.items()
    }
