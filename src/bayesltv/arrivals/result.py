"""What the business will bring by period: existing customers, first orders, repeats of new ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.data.summary.weeks import CHANNEL, NEW_CUSTOMERS
from bayesltv.names import DRAW
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.levels import quantiles_of

PARTS = ("existing", "first", "repeat")
PART, PERIOD, TOTAL, WHOLE = "part", "period", "total", "all"


@dataclass(frozen=True)
class Forecast:
    """The business ahead.

    Attributes
    ----------
    table : DataFrame
        One row per period (``period`` "all": the whole horizon), ``part`` and ``quantity``: ``mean``,
        ``p05``, ``p50``, ``p95`` over draws; ``first_day``, ``last_day``. Parts are "existing" customers'
        orders, "first" orders, "repeat" orders of new customers, and their "total"; of new customers their
        channels. Quantities are "new_customers", "purchases", "revenue", and where a margin was given
        "margin", where costs are known "acquisition" and "net", margin less acquisition.
    draws : Dataset
        ``purchases`` and ``revenue``, dims (part, draw, period), ``new_customers`` (channel, draw, period),
        ``acquisition`` (draw, period): the same draw index everywhere.
    reached : DataFrame, optional
        With a plan to be reached: ``period``, ``channel``, ``planned``, ``p_reached``, ``is_far`` (outside of
        99 % of draws). With a target: one row more, of revenue.
    attrs : mapping
        ``by``, ``horizon_days``, ``margin``, ``source`` ("arrivals" or "as planned"), ``observation_end``,
        ``currency``, ``seed``, ``draws``, ``customers``, ``common_shocks``, ``has_clock``, ``said``.
    """

    table: pd.DataFrame
    draws: xr.Dataset
    reached: pd.DataFrame | None
    attrs: Mapping[str, Any]

    def total(self, quantity: str = "revenue") -> Floats:
        """Return the draws of a quantity over the whole horizon, all parts together, shape (draw,)."""
        values = self.quantities()[TOTAL, quantity]
        return np.asarray(values.sum(axis=1))

    def quantities(self) -> dict[tuple[str, str], Floats]:
        """Return all quantities by part and name, shape (draw, period)."""
        found: dict[tuple[str, str], Floats] = {}
        for at, channel in enumerate(self.draws[CHANNEL].values):
            found[str(channel), NEW_CUSTOMERS] = self.draws[NEW_CUSTOMERS].values[at].astype(np.float64)
        found[TOTAL, NEW_CUSTOMERS] = self.draws[NEW_CUSTOMERS].values.sum(axis=0).astype(np.float64)
        margin = self.attrs["margin"]
        for name in (name for name in ("purchases", "revenue") if name in self.draws):
            values = self.draws[name].values
            own = dict(zip(PARTS, values, strict=True)) | {TOTAL: values.sum(axis=0)}
            found |= {(part, name): each.astype(np.float64) for part, each in own.items()}
            if name == "revenue" and margin is not None:
                found |= {(part, "margin"): margin * each for part, each in own.items()}
        if "acquisition" in self.draws:
            found[TOTAL, "acquisition"] = self.draws["acquisition"].values
            if margin is not None and "revenue" in self.draws:
                found[TOTAL, "net"] = found[TOTAL, "margin"] - found[TOTAL, "acquisition"]
        return found


def tabulated(found: Forecast, periods: pd.DataFrame) -> pd.DataFrame:
    """Return the table of a forecast: quantiles last."""
    whole = pd.DataFrame(
        {
            PERIOD: [WHOLE],
            "first_day": periods["first_day"].iloc[:1],
            "last_day": periods["last_day"].iloc[-1],
        }
    )
    left, parts = pd.concat([periods, whole], ignore_index=True), []
    for (part, name), values in found.quantities().items():
        draws = np.concatenate([values, values.sum(axis=1, keepdims=True)], axis=1)
        levels = quantiles_of(draws, axis=0)
        parts.append(left.assign(part=part, quantity=name, mean=draws.mean(axis=0), **levels))
    return pd.concat(parts, ignore_index=True)


def dataset_of(
    sums: Mapping[str, list[Floats]], came: Floats, channels: Sequence[str], labels: Sequence[str]
) -> xr.Dataset:
    """Return the draws of a forecast; `sums` by name with one array (draw, period) per part."""
    made = {name: ((PART, DRAW, PERIOD), np.stack(each)) for name, each in sums.items()}
    made[NEW_CUSTOMERS] = ((CHANNEL, DRAW, PERIOD), came)
    return xr.Dataset(made, coords={PART: list(PARTS), PERIOD: list(labels), CHANNEL: list(channels)})
