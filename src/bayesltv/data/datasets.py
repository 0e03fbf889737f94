"""The embedded real data: CDNOW."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

import pandas as pd

from bayesltv.errors import DataError, StoreError

COHORT_START = pd.Timestamp("1997-01-01")
_COLUMNS = {
    "sample": ["customer_id", "sample_id", "date", "quantity", "amount"],
    "master": ["customer_id", "date", "quantity", "amount"],
}


def load_cdnow(which: Literal["sample", "master"] = "sample") -> pd.DataFrame:
    """Return the CDNOW transaction log.

    Purchases of compact discs, 1997-01-01 to 1998-06-30, by customers who first bought in the first twelve
    weeks of 1997 (Fader & Hardie 2001): all 23,570 of them, or every tenth (2,357). Amounts are US dollars;
    some are zero. The files are read out of the installed `lifetimes` package, which is not imported.

    Parameters
    ----------
    which : {"sample", "master"}
        The sample's customers go by their id in the master file, so that the two can be joined.

    Returns
    -------
    DataFrame
        One row per order, in the file's order: customer_id (text of five digits), date (datetime64), quantity
        (int), amount (float), cohort (text, week of the customer's first purchase, counted from 1997-01-01:
        "1997-W01" to "1997-W12").

    Raises
    ------
    StoreError
        Where `lifetimes` is not installed or lacks the file.
    DataError
        For another `which`.
    """
    if which not in _COLUMNS:
        raise DataError(f"which={which!r} is unknown: use {' or '.join(map(repr, _COLUMNS))}")
    log = pd.read_csv(
        _file(f"CDNOW_{which}.txt"),
        sep=r"\s+",
        header=None,
        names=_COLUMNS[which],
        skiprows=1 if which == "master" else 0,
        dtype={
            "customer_id": "str",
            "sample_id": "str",
            "date": "str",
            "quantity": "int64",
            "amount": "float64",
        },
    )
    log = log.assign(date=pd.to_datetime(log["date"], format="%Y%m%d"))
    weeks = (log.groupby("customer_id")["date"].transform("min") - COHORT_START).dt.days // 7 + 1
    log = log.assign(cohort="1997-W" + weeks.astype("str").str.zfill(2))
    return log[["customer_id", "date", "quantity", "amount", "cohort"]]


def _file(name: str) -> Path:
    try:
        path = Path(str(distribution("lifetimes").locate_file(f"lifetimes/datasets/{name}")))
    except PackageNotFoundError:
        raise StoreError(
            "CDNOW comes with the package lifetimes, which is not installed: pip install "
            '"bayesltv[lifetimes]"'
        ) from None
    if not path.exists():
        raise StoreError(f'{path} is missing: reinstall it with pip install "bayesltv[lifetimes]"')
    return path
