"""A randomised test on disk: CSV or Parquet, one row per customer who was assigned."""

import os
from pathlib import Path

import pandas as pd

from bayesltv.data.csv_table import read_csv_table
from bayesltv.data.ids import whole_ids
from bayesltv.errors import DataError, StoreError
from bayesltv.names import CUSTOMER_ID


def read_experiment(path: str | Path, *, outcome: str, customer_id_col: str = CUSTOMER_ID) -> pd.DataFrame:
    """Read a test from .csv or .parquet; in a CSV all but the outcome is text, so that "007" keeps its zeros.

    Raises
    ------
    StoreError
        Where the file cannot be read.
    DataError
        Where an outcome is no number.
    """
    source = Path(path)
    if not os.path.isfile(source):
        raise StoreError(f"experiment file {source} does not exist")
    is_csv = source.suffix.lower() == ".csv"
    try:
        frame = read_csv_table(source) if is_csv else pd.read_parquet(source)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"cannot read {source}: {{quoted}}. It must be .csv with a header, or .parquet",
            quoted=str(error),
        ) from error
    if is_csv and customer_id_col in frame:
        ids = whole_ids(frame[customer_id_col], customer_id_col, title=str(source))
        frame = frame.assign(**{customer_id_col: ids})
    if not is_csv or outcome not in frame:
        return frame
    numbers = pd.to_numeric(frame[outcome], errors="coerce")
    strange = frame[outcome][numbers.isna() & frame[outcome].notna()]
    if len(strange):
        raise DataError(
            f"{outcome} is no number for {len(strange):,} of {len(frame):,} rows, like {{quoted}}",
            quoted=repr(strange.iloc[0]),
        )
    return frame.assign(**{outcome: numbers})
