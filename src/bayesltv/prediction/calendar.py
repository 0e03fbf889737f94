"""The calendar of a track: bins of whole days before and past the end of observation."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.data.day_lists import day_number
from bayesltv.errors import SpecError, shown
from bayesltv.names import OBSERVATION_END, PERIOD_END
from bayesltv.numerics.arrays import Integers
from bayesltv.units import horizon_in

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Calendar:
    """Bins of equal width, laid so that one of them ends with the last day observed.

    A purchase on day k after a customer's first stands for the time span (k − 1, k] days, so that a bin holds
    whole days and is named after its last.

    Attributes
    ----------
    end : Timestamp
        Last day observed.
    width, horizon : float
        In days; the last bin is cut off at the horizon.
    before, after : int
        Number of bins up to `end` and past it.
    """

    end: pd.Timestamp
    width: int
    horizon: float
    before: int
    after: int

    def bin_of(self, days: Integers) -> Integers:
        """Return the bin of whole days since 1970-01-01; negative or past the last where there is none."""
        return self.before - 1 + -(-(days - day_number(self.end)) // self.width)

    def coords(self) -> dict[str, Any]:
        """Return the coordinates of the bins: last day, days covered, whether they lie past `end`."""
        last = np.arange(1 - self.before, self.after + 1) * float(self.width)
        cut = np.minimum(last, max(self.horizon, 0.0))
        stamps = self.end.to_datetime64() + np.ceil(cut - _ROUNDING).astype("timedelta64[D]")
        return {
            PERIOD_END: stamps.astype("datetime64[ns]"),
            "days": (PERIOD_END, self.width - (last - cut)),
            "is_forecast": (PERIOD_END, last > 0),
        }


def make_calendar(end: pd.Timestamp, *, longest: float, horizon: float, width: int) -> Calendar:
    """Return bins of `width` days from `longest` days before `end` to `horizon` days past it."""
    return Calendar(
        end,
        width,
        horizon,
        before=max(1, math.ceil(longest / width - _ROUNDING)),
        after=math.ceil(horizon / width - _ROUNDING),
    )


def days_of(text: str) -> int:
    """Return the whole number of days in a word ("week") or duration ("4 weeks").

    Raises
    ------
    SpecError
        Where it is no duration, or not a whole number of days.
    """
    words = text if any(letter.isdigit() for letter in text) else f"1 {text}"
    days = horizon_in(words, "day")
    if days != round(days):
        raise SpecError(
            f'bin={shown(text)} is {days:g} days, not a whole number: use "day", "week" or "4 weeks"'
        )
    return round(days)


def calendar_of(track: xr.Dataset) -> Calendar:
    """Return the calendar that a track was made on."""
    ahead = track["is_forecast"].values
    return Calendar(
        pd.Timestamp(track.attrs[OBSERVATION_END]),
        int(track.attrs["bin_days"]),
        float(track["days"].values[ahead].sum()),
        before=int((~ahead).sum()),
        after=int(ahead.sum()),
    )
