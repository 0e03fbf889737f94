"""What forecasts of customers and of their total are worth once it is known what happened."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bayesltv.comparison.forecast import Forecast
from bayesltv.evaluation import rules
from bayesltv.evaluation.ranking import normalised_gini
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.streams import generator

Measure = Literal["crps", "rmse", "gini"]
RESAMPLES = 1000
LEVEL = 0.9


@dataclass(frozen=True)
class Judged:
    """A forecast of customers beside what they did.

    Attributes
    ----------
    mean, actual : ndarray of float64, shape (customer,)
    crps : ndarray of float64, shape (customer,)
        Of a single number, its absolute error.
    """

    mean: Floats
    actual: Floats
    crps: Floats

    @property
    def squared(self) -> Floats:
        """Squared error of each customer's mean."""
        return np.asarray((self.mean - self.actual) ** 2)


def judge(forecast: Forecast, actual: Floats) -> Judged:
    """Return a forecast beside what happened."""
    mean = forecast.mean.astype(np.float64)
    error = np.abs(mean - actual)
    return Judged(mean, actual, error if forecast.ordered is None else rules.crps(forecast.ordered, actual))


def scores(forecast: Forecast, actual: Floats) -> dict[str, float]:
    """Return how far a forecast was off, how well it ranks customers, and whether its intervals hold.

    ``mae`` and ``rmse`` are those of the mean, ``mae_of_median`` that of the median; ``total`` is the
    forecast sum over the actual one − 1. Coverage, PIT and the total's 90 % interval are missing where the
    method has none.
    """
    each, everything = judge(forecast, actual), float(actual.sum())
    found = {
        "mae": float(np.abs(each.mean - actual).mean()),
        "rmse": float(np.sqrt(each.squared.mean())),
        "crps": float(each.crps.mean()),
        "gini": normalised_gini(each.mean, actual),
        "total": float(each.mean.sum()) / everything - 1 if everything else float("nan"),
    }
    if forecast.ordered is not None:
        found |= _of_distribution(forecast, actual)
    if forecast.total is not None:
        low, high = np.quantile(forecast.total, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        found |= {"total_p05": float(low), "total_p95": float(high)}
    return found


def _of_distribution(forecast: Forecast, actual: Floats) -> dict[str, float]:
    assert forecast.ordered is not None
    low, high = rules.intervals(forecast.ordered)
    inside = ((low <= actual) & (actual <= high)).mean(axis=1)
    return {
        "mae_of_median": float(np.abs(np.median(forecast.ordered, axis=1) - actual).mean()),
        "pit": rules.pit_deviation(*rules.pit_limits(forecast.ordered, actual)),
        **{
            f"inside_{level:.0%}".rstrip("%"): float(x) for level, x in zip(rules.LEVELS, inside, strict=True)
        },
    }


def paired(measure: Measure, theirs: Judged, ours: Judged, *, seed: int = 1) -> tuple[float, float, float]:
    """Return a difference, theirs − ours, and its 95 % interval by a paired bootstrap over customers."""
    draws = RESAMPLES if measure != "gini" else RESAMPLES // 5
    rng, n = generator(seed, "paired bootstrap"), ours.actual.size
    gap = {"crps": _crps_gap, "rmse": _rmse_gap, "gini": _gini_gap}[measure]
    found = [gap(theirs, ours, rng.integers(0, n, n)) for _ in range(draws)]
    low, high = np.nanquantile(found, [0.025, 0.975])
    return gap(theirs, ours, np.arange(n)), float(low), float(high)


def resampled_means(sums: Floats, counts: Floats, *, seed: int = 1) -> Floats:
    """Return means of `RESAMPLES` bootstrap samples of customers, each with so many values of such a sum."""
    rng, n = generator(seed, "paired bootstrap"), sums.size
    chosen = (rng.integers(0, n, n) for _ in range(RESAMPLES))
    return np.array([sums[each].sum() / counts[each].sum() for each in chosen])


def _crps_gap(theirs: Judged, ours: Judged, chosen: Integers) -> float:
    return float((theirs.crps - ours.crps)[chosen].mean())


def _rmse_gap(theirs: Judged, ours: Judged, chosen: Integers) -> float:
    return float(np.sqrt(theirs.squared[chosen].mean()) - np.sqrt(ours.squared[chosen].mean()))


def _gini_gap(theirs: Judged, ours: Judged, chosen: Integers) -> float:
    actual = ours.actual[chosen]
    return normalised_gini(theirs.mean[chosen], actual) - normalised_gini(ours.mean[chosen], actual)
