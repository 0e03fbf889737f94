"""Forecasts without a model, which rank customers better than their simplicity suggests."""

import numpy as np

from bayesltv.comparison.forecast import Forecast
from bayesltv.comparison.known import DAY, PURCHASES, SPEND, Known
from bayesltv.names import FREQUENCY, VALUE_TO_DATE, T
from bayesltv.units import DAYS_PER


def past_spend(known: Known) -> dict[str, Forecast]:
    """Return as much again as so far."""
    return _paired(known, known.summary[FREQUENCY].to_numpy(float) + 1.0, 1.0)


def last_window(known: Known) -> dict[str, Forecast]:
    """Return what each customer did in the last window of the horizon's length."""
    found = known.within(known.cut - known.days * DAY, known.days)
    return {name: Forecast(found[name]) for name in known.quantities}


def average_order(known: Known) -> dict[str, Forecast]:
    """Return average order × orders per unit of time so far × time ahead, the first order included."""
    week = DAYS_PER["week"] / DAYS_PER[known.time_unit]
    ahead = known.horizon / np.maximum(known.summary[T].to_numpy(float), week)
    return _paired(known, (known.summary[FREQUENCY].to_numpy(float) + 1.0) * ahead, ahead)


def _paired(known: Known, purchases: np.ndarray, factor: np.ndarray | float) -> dict[str, Forecast]:
    made = {PURCHASES: Forecast(purchases)}
    if known.has_amounts:
        made[SPEND] = Forecast(known.summary[VALUE_TO_DATE].to_numpy(float) * factor)
    return made
