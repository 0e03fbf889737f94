"""A gradient-boosted model as a practising data scientist builds it: counts and quantiles from RFM figures.

Earlier windows of the same log are its examples: figures up to a day, and what was done after it, scaled to
the horizon. scikit-learn comes with the extra ``benchmark``.
"""

from typing import Any

import numpy as np
import pandas as pd

from bayesltv.comparison.forecast import Forecast
from bayesltv.comparison.known import DAY, PURCHASES, Known
from bayesltv.comparison.rivals.features import features
from bayesltv.errors import DataError
from bayesltv.numerics.arrays import Floats
from bayesltv.streams import generator

WINDOWS = 4
LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
"""Of the quantile losses: the ends of the intervals that are judged, and the median."""
POINTS = 200
"""Quantiles that stand for a distribution, evenly spread."""
SETTINGS = {"learning_rate": 0.05, "max_iter": 200, "max_leaf_nodes": 15, "min_samples_leaf": 40}


def boosted(known: Known, *, seed: int = 1) -> dict[str, Forecast]:
    """Return means by Poisson loss and intervals by quantile losses, one model each.

    Quantiles that cross are put in order (Chernozhukov, Fernández-Val & Galichon 2010) and joined by straight
    lines; those of purchases are rounded to whole ones.

    Raises
    ------
    DataError
        Where the log before the cut is too short for earlier windows.
    """
    past, after = examples(known)
    now = features(known.days_upto(known.cut), cut=known.cut, horizon=known.days).reindex(known.ids)
    made = {}
    for name in known.quantities:
        target = after[name]
        mean = _model("poisson", seed).fit(past, target).predict(now) if target.any() else np.zeros(len(now))
        rows = [_model("quantile", seed, quantile=level).fit(past, target).predict(now) for level in LEVELS]
        ends = np.maximum(np.sort(np.column_stack(rows), axis=1), 0.0)
        quantiles = _joined(np.rint(ends) if name == PURCHASES else ends)
        made[name] = Forecast(mean, np.rint(quantiles) if name == PURCHASES else quantiles)
    return made


def examples(known: Known) -> tuple[pd.DataFrame, dict[str, Floats]]:
    """Return the figures of customers at earlier cuts, and what they did next, scaled to the horizon."""
    cuts, width = earlier_cuts(known)
    tables, targets = [], []
    for cut in cuts:
        table = features(known.days_upto(cut), cut=cut, horizon=known.days)
        tables.append(table)
        targets.append(known.within(cut, width, table.index))
    scale = known.days / width
    after = {name: scale * np.concatenate([each[name] for each in targets]) for name in known.quantities}
    return pd.concat(tables, ignore_index=True), after


def earlier_cuts(known: Known) -> tuple[list[pd.Timestamp], int]:
    """Return up to four cuts whose windows end before the cut, and the days of a window.

    A window is as long as the horizon, but no longer than a third of what is known; the first cut leaves a
    quarter of it before itself. Windows may overlap.
    """
    past = (known.cut - known.first).days + 1
    width = min(known.days, past // 3)
    if width < 7:
        raise DataError(
            f"a boosted model learns from earlier windows, and {past} days before {known.cut.date()} are too "
            "few for them: take a later cut"
        )
    latest = past - width
    earliest = max(past // 4, latest - (WINDOWS - 1) * width)
    places = np.unique(np.linspace(earliest, latest, WINDOWS).astype(int))
    return [known.first + int(place - 1) * DAY for place in places], width


def _model(loss: str, seed: int, **more: float) -> Any:  # noqa: ANN401
    from sklearn.ensemble import HistGradientBoostingRegressor

    state = int(generator(seed, "boosted").integers(2**31))
    return HistGradientBoostingRegressor(loss=loss, random_state=state, **SETTINGS, **more)


def _joined(ends: Floats) -> Floats:
    """Return evenly spread quantiles of shape (customer, point) on lines through those of `LEVELS`."""
    at = (np.arange(POINTS) + 0.5) / POINTS
    levels = np.asarray(LEVELS)
    right = np.clip(np.searchsorted(levels, at), 1, levels.size - 1)
    share = np.clip((at - levels[right - 1]) / (levels[right] - levels[right - 1]), 0.0, 1.0)
    return np.asarray(ends[:, right - 1] * (1 - share) + ends[:, right] * share)
