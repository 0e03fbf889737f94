"""Tiers: probabilities from predictive draws, and the label that costs least."""

import numpy as np

from bayesltv.errors import SpecError
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.reductions import shares_reaching
from bayesltv.specs.decision.tiers import TierSpec


def tier_probabilities(value: Floats, tiers: TierSpec, thresholds: Floats | None = None) -> Floats:
    """Return P(value falls in each tier), low to high.

    Parameters
    ----------
    value : ndarray, shape (customer, draw)
        Predictive draws of value, in money.
    tiers : TierSpec
        A value equal to a threshold belongs to the tier above it.
    thresholds : ndarray, shape (tier - 1, draw), optional
        Where each tier but the lowest begins in each draw; needed unless the tiers are absolute.

    Returns
    -------
    ndarray, shape (customer, tier)
        Rows sum to 1.

    Raises
    ------
    SpecError
        Where the tiers are relative to other customers and no thresholds are given.
    """
    customers, draws = value.shape
    if tiers.is_absolute:
        thresholds = np.repeat(np.array(tiers.thresholds, dtype=np.float64)[:, None], draws, axis=1)
    elif thresholds is None:
        raise SpecError(
            f'tiers of kind "{tiers.kind}" need the thresholds that `score` finds: a few customers alone do '
            "not say where the best begin"
        )
    reached = np.empty((len(tiers.names) - 1, customers))
    shares_reaching(value, thresholds, reached)
    steps = np.vstack([np.ones(customers), reached, np.zeros(customers)])
    return np.ascontiguousarray((steps[:-1] - steps[1:]).T)


def tier_labels(probabilities: Floats, tiers: TierSpec) -> Integers:
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
    labels: Integers = np.argmin(np.round(expected, 9), axis=1).astype(np.int64)
    return labels
