"""Summaries made by other packages: pymc-marketing and lifetimes."""

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bayesltv import names
from bayesltv.data.arguments import refuse_log
from bayesltv.data.frames import table_of
from bayesltv.data.summary.store import read_summary
from bayesltv.data.summary.validate import validate_summary
from bayesltv.dates import Date
from bayesltv.errors import DataError, warn


def as_summary(
    frame: object,
    *,
    time_unit: str | None = None,
    observation_end: Date | None = None,
    groups: Sequence[str] = (),
    currency: str | None = None,
    customer_id_col: str | None = None,
    frequency_col: str = names.FREQUENCY,
    recency_col: str = names.RECENCY,
    T_col: str = names.T,
    monetary_value_col: str | None = None,
    allow_empty: bool = False,
) -> pd.DataFrame:
    """Return a frame of one row per customer as a customer summary.

    Adopts what pymc-marketing's `rfm_summary` (id as a column) and lifetimes'
    `summary_data_from_transaction_data` (id as the index) return, and summaries that came back from a file or
    a join. There, monetary_value is 0 where there is no repeat purchase: here it is missing.

    Parameters
    ----------
    frame : DataFrame or path
        Of pandas, Polars, PyArrow or DuckDB; or a summary on disk, .parquet or .csv.
    time_unit : str, optional
        Unit in which recency and T are counted; needed where `frame.attrs` does not say.
    observation_end : date, optional
        Last day observed, where known.
    groups : sequence of str
        Group columns.
    currency : str, optional
        Carried in `attrs`.
    customer_id_col : str, optional
        Default "customer_id", and where there is no such column the index.
    frequency_col, recency_col, T_col : str
        Their columns. Recency is the time from first to last purchase, not the time since.
    monetary_value_col : str, optional
        Mean repeat spend; default "monetary_value" where there is such a column.
    allow_empty : bool
        Whether no customers are fine.

    Returns
    -------
    DataFrame
        As `validate_summary` returns it, sorted by the text of customer_id; further columns are kept.

    Raises
    ------
    DataError
        Where it is no frame, a column is missing, or a rule of `validate_summary` is broken.

    Examples
    --------
    >>> frame = pd.DataFrame({"frequency": [2, 0], "recency": [30.4, 0], "T": [38.9, 38.9]}, index=[9, 4])
    >>> as_summary(frame, time_unit="week")["customer_id"].tolist()
    ['4', '9']
    """
    refuse_log(frame)
    table = _without_texts_of_days(_frame_of(frame))
    wanted = {frequency_col: names.FREQUENCY, recency_col: names.RECENCY, T_col: names.T}
    if monetary_value_col is not None:
        if monetary_value_col not in table:
            raise DataError(
                f"the frame has no column {monetary_value_col!r}: its columns are {list(table.columns)[:20]}"
            )
        wanted[monetary_value_col] = names.MONETARY_VALUE
    summary = _with_id(table, customer_id_col).rename(columns=wanted)
    if currency is not None:
        summary.attrs = {**summary.attrs, names.CURRENCY: currency}
    checked = validate_summary(
        summary, time_unit=time_unit, observation_end=observation_end, groups=groups, allow_empty=allow_empty
    )
    return checked.sort_values(names.CUSTOMER_ID, ignore_index=True)


def _frame_of(frame: object) -> pd.DataFrame:
    if isinstance(frame, (str, os.PathLike)):
        return read_summary(Path(frame))
    return frame if isinstance(frame, pd.DataFrame) else table_of(frame).to_pandas()


def _without_texts_of_days(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out repeat days that a CSV holds as text: it cuts long lists short."""
    if names.REPEAT_DAYS not in table or not isinstance(table[names.REPEAT_DAYS].dtype, pd.StringDtype):
        return table
    warn(
        f"column {names.REPEAT_DAYS!r} is text, as a CSV holds it, and is left out: a clock and counts over "
        "time need it, so keep summaries as Parquet for these"
    )
    return table.drop(columns=names.REPEAT_DAYS)


def _with_id(table: pd.DataFrame, customer_id_col: str | None) -> pd.DataFrame:
    """Copy with a column customer_id, taken from the column asked for or else the index."""
    if customer_id_col is not None and customer_id_col in table:
        return table.rename(columns={customer_id_col: names.CUSTOMER_ID})
    if customer_id_col is None and names.CUSTOMER_ID in table:
        return table.copy()
    if customer_id_col is not None and customer_id_col != table.index.name:
        raise DataError(
            f"the frame has no column or index {customer_id_col!r}: its columns are "
            f"{list(table.columns)[:20]}"
        )
    if isinstance(table.index, pd.MultiIndex):
        raise DataError("the index has several levels: name the id's column with customer_id_col=")
    return table.rename_axis(names.CUSTOMER_ID).reset_index()
