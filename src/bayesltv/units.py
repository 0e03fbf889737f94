"""Time: units, horizons in words, discount rates per unit."""

import math
import re

from bayesltv.errors import DataError, SpecError, shown

DAYS_PER_YEAR = 365.25
DAYS_PER = {"day": 1.0, "week": 7.0, "month": DAYS_PER_YEAR / 12, "year": DAYS_PER_YEAR}
_SHORT = {"D": "day", "W": "week", "M": "month", "Y": "year"}
_DURATION = re.compile(r"\s*+([0-9]++(?:\.[0-9]++)?|\.[0-9]++)\s*+([A-Za-z]++)\s*+")


def time_unit_of(text: object) -> str:
    """Return "day", "week", "month" or "year" from such a word, its plural or its letter (D, W, M, Y).

    Raises
    ------
    DataError
        Where the word is none of these.
    """
    word = text.strip() if isinstance(text, str) else shown(text)
    unit = _SHORT.get(word.upper(), word.lower().removesuffix("s"))
    if unit not in DAYS_PER:
        raise DataError(f"time unit {shown(text)} is unknown: use day, week, month or year (or D, W, M, Y)")
    return unit


def units_per_year(time_unit: str) -> float:
    """Return how many of `time_unit` a year of 365.25 days holds."""
    return DAYS_PER_YEAR / DAYS_PER[time_unit]


def convert(value: float, source: str, target: str) -> float:
    """Return a duration of `value` `source` units in `target` units."""
    return value * DAYS_PER[source] / DAYS_PER[target]


def horizon_in(horizon: str | float, time_unit: str) -> float:
    """Return a horizon in `time_unit`.

    Parameters
    ----------
    horizon : str or float
        Text with a unit ("39 weeks", "12 months"), or a number already in `time_unit`.
    time_unit : str
        Unit of the customer summary.

    Raises
    ------
    SpecError
        Where the horizon is no duration, or is not positive and finite.
    """
    if isinstance(horizon, str):
        match = _DURATION.fullmatch(horizon)
        if match is None:
            raise SpecError(
                f'horizon {shown(horizon)} is not a duration: write a number and a unit, like "12 months"'
            )
        try:
            unit = time_unit_of(match[2])
        except DataError as error:
            raise SpecError(f"horizon {shown(horizon)}: {error}") from None
        value = convert(float(match[1]), unit, time_unit)
    else:
        value = _float_of(horizon)
    if not (math.isfinite(value) and value > 0):
        raise SpecError(
            f"horizon {shown(horizon)} must be positive and finite: lifetime purchases can be infinite"
        )
    return value


def _float_of(number: float) -> float:
    """Return a number as a float; a whole number that is too large for one is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf


def discount_per(time_unit: str, annual_discount_rate: float) -> float:
    """Return the continuous discount rate per `time_unit`: ln(1 + annual rate) / units per year.

    Raises
    ------
    SpecError
        Where the annual rate is not finite or not above -1.
    """
    if not (math.isfinite(annual_discount_rate) and annual_discount_rate > -1):
        raise SpecError(
            f"annual_discount_rate = {annual_discount_rate} must be finite and above -1 (0.10 is 10 % a year)"
        )
    return math.log1p(annual_discount_rate) / units_per_year(time_unit)
