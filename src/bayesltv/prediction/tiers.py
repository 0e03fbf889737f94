"""Tiers: probabilities from predictive draws, and the label that costs least."""

import numpy as np
from numpy.typing import NDArray

from bayesltv.kernels.reductions import shares_reaching
from bayesltv.spec.tiers import TierSpec

Floats = NDArray[np.float64]


def tier_probabilities(value: Floats, tiers: TierSpec) -> Floats:
    """Return P(value falls in each tier), low to high.

    Parameters
    ----------
    value : ndarray, shape (customer, draw)
        Predictive draws of value, in money.
    tiers : TierSpec
        Absolute thresholds; a value equal to one belongs to the tier above it.

    Returns
    -------
    ndarray, shape (customer, tier)
        Rows sum to 1.
    """
    customers, draws = value.shape
    thresholds = np.repeat(np.array(tiers.thresholds, dtype=np.float64)[:, None], draws, axis=1)
    reached = np.empty((len(tiers.thresholds), customers))
    shares_reaching(value, thresholds, reached)
    steps = np.vstack([np.ones(customers), reached, np.zeros(customers)])
    return np.ascontiguousarray((steps[:-1] - steps[1:]).T)


def tier_labels(probabilities: Floats, tiers: TierSpec) -> NDArray[np.int64]:
    """Return the position of the Bayes act of each row: argmin_k Σ_j P_j cost[j][k]; the lower of equals.

    Parameters
    ----------
    probabilities : ndarray, shape (customer, tier)
    tiers : TierSpec

    Returns
    -------
    ndarray of int64, shape (customer,)
    """
    expected = probabilities @ np.asarray(tiers.cost, dtype=np.float64)
    # differences below the resolution of the draws are ties
    labels: NDArray[np.int64] = np.argmin(np.round(expected, 9), axis=1).astype(np.int64)
    return labels
