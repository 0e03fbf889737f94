"""How well a prediction orders customers: Spearman, normalised Gini, lift by tenth."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from bayesltv.numerics.arrays import Floats

TENTHS = 10


def spearman(prediction: Floats, actual: Floats) -> float:
    """Return Spearman's rank correlation; NaN where one of the two does not vary."""
    if np.ptp(prediction) == 0 or np.ptp(actual) == 0:
        return float("nan")
    return float(np.asarray(spearmanr(prediction, actual).statistic))


def normalised_gini(prediction: Floats, actual: Floats) -> float:
    """Return the Gini coefficient of `actual` in the order of `prediction`, over that in its own order.

    1 where customers stand in the order of what they did, 0 where the order says nothing. Ties share their
    mean rank: the mean over all ways of breaking them. NaN where nobody did anything or all did the same.
    """
    own = _concentration(actual, actual)
    return _concentration(prediction, actual) / own if own > 0 else float("nan")


def lift_by_tenth(prediction: Floats, actual: Floats, ids: NDArray[np.object_]) -> pd.DataFrame:
    """Return predicted and actual means of customers by tenth of the prediction, the best first.

    Returns
    -------
    DataFrame
        ``tenth`` (1 is the best), ``customers``, ``predicted``, ``actual`` (means), ``lift`` (actual mean
        over the mean of all), ``cumulative_share`` (of all that was actually done). Equal predictions are
        put in the order of the id.
    """
    order = np.lexsort((ids.astype(str), -prediction))
    parts = [part for part in np.array_split(order, TENTHS) if part.size]
    everything = float(actual.sum())
    mean = everything / actual.size
    done = np.cumsum([actual[part].sum() for part in parts])
    return pd.DataFrame(
        {
            "tenth": np.arange(1, len(parts) + 1),
            "customers": [part.size for part in parts],
            "predicted": [prediction[part].mean() for part in parts],
            "actual": [actual[part].mean() for part in parts],
            "lift": [actual[part].mean() / mean if mean > 0 else np.nan for part in parts],
            "cumulative_share": done / everything if everything > 0 else np.full(len(parts), np.nan),
        }
    )


def _concentration(by: Floats, amounts: Floats) -> float:
    """Return twice the area between the diagonal and the curve of `amounts` in the order of `by`."""
    n, total = amounts.size, float(amounts.sum())
    if total <= 0:
        return 0.0
    rank = rankdata(by)
    return float(2.0 * (rank * amounts).sum() / (n * total) - (n + 1) / n)
