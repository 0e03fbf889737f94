"""The customers of a log as a fit has them: its unit, groups and covariates, up to a day."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import xarray as xr

from bayesltv.base.population import Posterior
from bayesltv.data.log.reading import Summarizing
from bayesltv.data.log.sources import PARQUET_SUFFIXES
from bayesltv.data.log.summarize import summarize_as
from bayesltv.data.summary.store import read_summary
from bayesltv.dates import Date
from bayesltv.errors import DataError
from bayesltv.names import CURRENCY, FREQUENCY, OBSERVATION_END, RECENCY, T

_OWN = {FREQUENCY, RECENCY, T}
"""Columns by which a summary is told from a log."""


def end_of(fit: xr.DataTree) -> pd.Timestamp:
    """Return the last day that a fit has seen.

    Raises
    ------
    DataError
        Where it does not say.
    """
    end = fit.attrs.get(OBSERVATION_END) or None
    if end is None:
        raise DataError("the fit does not say when observation ended: pass observation_end=")
    return pd.Timestamp(end)


def summarized(
    posterior: Posterior, log: object, asked: Summarizing, *, observation_end: Date | None
) -> pd.DataFrame:
    """Return the customers of a log up to a day; unit, groups and covariates are those of the fit."""
    carried = replace(asked.carried, groups=posterior.columns, covariates=tuple(posterior.spec.covariates))
    wanted = replace(
        asked, carried=carried, late="cut", time_unit=posterior.time_unit, observation_end=observation_end
    )
    return summarize_as(log, wanted)


def as_summary_given(log: object) -> pd.DataFrame | None:
    """Return what was given if it is a summary, a frame or a Parquet file; None for a log."""
    if isinstance(log, pd.DataFrame):
        return log if set(log.columns) >= _OWN else None
    if not isinstance(log, str | Path) or Path(log).suffix.lower() not in PARQUET_SUFFIXES:
        return None
    is_file = Path(log).is_file()
    return read_summary(log) if is_file and set(pq.read_schema(log).names) >= _OWN else None


def currency_of(fit: xr.DataTree) -> str | None:
    """Return the currency that a fit carries, if any."""
    return fit.attrs.get(CURRENCY) or None
