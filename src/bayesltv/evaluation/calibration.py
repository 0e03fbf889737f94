"""Calibration: whether 30 % came back of the customers who got a probability of 30 %."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from bayesltv.errors import DataError
from bayesltv.numerics.arrays import Flags, Floats, Integers

LEVEL = 0.9


def purchase_calibration(
    probability: ArrayLike, came_back: ArrayLike, *, bins: int | Sequence[float] = 10
) -> pd.DataFrame:
    """Return predicted against observed shares of customers who bought, by bin of predicted probability.

    Parameters
    ----------
    probability : array_like, shape (customer,)
        Predicted P(purchase within the horizon), as in ``scores.p_purchase_horizon``.
    came_back : array_like of bool, shape (customer,)
        Whether the customer did buy within it.
    bins : int or sequence of float
        Number of equal steps from 0 to the largest prediction, or the inner edges.

    Returns
    -------
    DataFrame
        One row per bin that has customers, from low to high: ``p_from``, ``p_to`` (smallest and largest
        prediction), ``customers``, ``came_back`` (counts), ``predicted`` (mean), ``observed`` (share),
        ``observed_p05``, ``observed_p95`` (Jeffreys interval, 90 %: Brown, Cai & DasGupta 2001).

    Raises
    ------
    DataError
        Where the two differ in length, there are no customers, or a probability is not in [0, 1].

    Examples
    --------
    >>> table = purchase_calibration([0.1, 0.1, 0.1, 0.9], [False, False, True, True], bins=[0.5])
    >>> table[["customers", "predicted", "observed"]].round(3).to_numpy().tolist()
    [[3.0, 0.1, 0.333], [1.0, 0.9, 1.0]]
    """
    p, came = np.asarray(probability, dtype=np.float64), np.asarray(came_back, dtype=bool)
    _check(p, came)
    edges = p.max() * np.arange(1, bins) / bins if isinstance(bins, int) else np.asarray(bins)
    frame = pd.DataFrame({"bin": np.searchsorted(edges, p, side="left"), "p": p, "came": came})
    table = frame.groupby("bin").agg(
        p_from=("p", "min"),
        p_to=("p", "max"),
        customers=("p", "size"),
        came_back=("came", "sum"),
        predicted=("p", "mean"),
        observed=("came", "mean"),
    )
    low, high = jeffreys_interval(table["came_back"].to_numpy(), table["customers"].to_numpy(), level=LEVEL)
    return table.assign(observed_p05=low, observed_p95=high).reset_index(drop=True)


def jeffreys_interval(successes: Integers, trials: Integers, *, level: float) -> tuple[Floats, Floats]:
    """Return the equal-tailed interval of a share under Jeffreys' prior Beta(1/2, 1/2).

    It begins at 0 where nobody, and ends at 1 where everybody, succeeds.
    """
    tail = (1 - level) / 2
    posterior = stats.beta(successes + 0.5, trials - successes + 0.5)
    low = np.where(successes == 0, 0.0, posterior.ppf(tail))
    high = np.where(successes == trials, 1.0, posterior.ppf(1 - tail))
    return low, high


def _check(p: Floats, came: Flags) -> None:
    if p.shape != came.shape or p.ndim != 1 or not p.size:
        raise DataError(f"{p.size:,} probabilities and {came.size:,} outcomes: give one of each per customer")
    bad = int((~((p >= 0) & (p <= 1))).sum())
    if bad:
        raise DataError(f"{bad:,} of {p.size:,} probabilities are missing or not in [0, 1]")
