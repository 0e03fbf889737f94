"""Arguments that stand in the wrong place: a log for a summary, a summary for a fit, a path for either."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import xarray as xr

from bayesltv import names
from bayesltv.errors import DataError, StoreError, shown

_OF_A_SUMMARY = (names.FREQUENCY, names.RECENCY, names.T)
_OF_A_LOG = ("date", "time", "day", "stamp")
"""Parts of the names that the column of a purchase's day has."""


def require_fit(fit: object) -> None:
    """Raise where `fit` is no fit.

    Raises
    ------
    DataError
        Where it is a table: fit and summary are swapped.
    StoreError
        Where it is anything else.
    """
    if isinstance(fit, xr.DataTree) and "posterior" in fit.children:
        return
    if hasattr(fit, "columns"):
        what = "a log" if _is_log(fit.columns) else "a summary"
        raise DataError(
            f"{what} stands where the fit should: swap the arguments, or pass what ltv.fit returned"
        )
    if isinstance(fit, str | Path):
        raise StoreError(f"a path is no fit yet: pass ltv.load({shown(str(fit))})")
    raise StoreError("this is not a fit of bayesltv: pass what ltv.fit or ltv.load returned")


def require_summary(summary: object) -> None:
    """Raise where `summary` is no frame of customers.

    Raises
    ------
    DataError
        Saying what it is, and the cure.
    """
    if isinstance(summary, xr.DataTree):
        raise DataError("a fit stands where the summary should: swap the arguments")
    refuse_log(summary)
    if isinstance(summary, str | Path):
        raise DataError(
            f"a path is no summary yet: pass pd.read_parquet({shown(str(summary))}), or of a log "
            f"ltv.summarize({shown(str(summary))}, ...)"
        )
    if not isinstance(summary, pd.DataFrame):
        kind = f"{type(summary).__module__}.{type(summary).__name__}"
        raise DataError(
            f"a customer summary is a pandas DataFrame, not {kind}: are arguments swapped? Make one with "
            "summarize(log) or as_summary(frame)"
        )


def refuse_log(frame: object) -> None:
    """Raise DataError where a frame, of pandas or not, is a log: nobody has summarized it yet."""
    columns = getattr(frame, "columns", ())
    if _is_log(columns):
        raise DataError(
            "this is a log: summarize it first, "
            'summary = ltv.summarize(log, observation_end="2024-01-31", time_unit="week")'
        )


def _is_log(columns: object) -> bool:
    """Whether columns have no history of a customer, but a day of something."""
    listed = [str(each) for each in columns] if isinstance(columns, Iterable) else []
    is_summary = any(name in listed for name in _OF_A_SUMMARY)
    return not is_summary and any(part in name.lower() for name in listed for part in _OF_A_LOG)
