"""The embedded real data, CDNOW, and a shop like it that is made up."""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal

import pandas as pd

from bayesltv.data.simulate import simulate_log
from bayesltv.errors import DataError, StoreError

COHORT_START, LAST_DAY, COHORTS = pd.Timestamp("1997-01-01"), pd.Timestamp("1998-06-30"), 12
_SIMULATED = 2357
_PURCHASE = {"r": 0.53, "alpha": 5.2, "a": 0.89, "b": 1.61}
_SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}
"""Near the maximum-likelihood estimates of MBG/NBD (weeks) and Gamma-Gamma on CDNOW's sample."""
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
    log = log.assign(cohort=[cohort_name(week) for week in weeks])
    return log[["customer_id", "date", "quantity", "amount", "cohort"]]


def simulate_cdnow() -> pd.DataFrame:
    """Return a log like CDNOW's sample, drawn from MBG/NBD and Gamma-Gamma; always the same.

    As many customers, acquired in the same twelve weeks, with parameters near those that CDNOW's have; later
    cohorts buy more seldom. There is no season and no trend: the model is right about this shop.

    Returns
    -------
    DataFrame
        One row per order, by date: customer_id (text of five digits), date (datetime64), amount (float),
        cohort (text). Columns as those of `load_cdnow`, without quantity.
    """
    weeks = [_simulated_week(week) for week in range(1, COHORTS + 1)]
    log = pd.concat(weeks, ignore_index=True)
    number = pd.factorize(log["cohort"] + log["customer_id"])[0] + 1
    log = log.assign(customer_id=pd.Series(number, dtype="str").str.zfill(5))
    return log.sort_values("date", kind="stable", ignore_index=True)[
        ["customer_id", "date", "amount", "cohort"]
    ]


def cohort_name(week: int) -> str:
    """Return the label of the customers who first bought in a week of 1997: 3 is "1997-W03"."""
    return f"1997-W{week:02d}"


def _simulated_week(week: int) -> pd.DataFrame:
    """Return the purchases of the customers of one week."""
    seldom = 1.0 + 0.05 * (week - 1)
    log = simulate_log(
        _SIMULATED // COHORTS + (week <= _SIMULATED % COHORTS),
        seed=week,
        purchase=_PURCHASE | {"alpha": _PURCHASE["alpha"] * seldom},
        spend=_SPEND,
        family="mbg_nbd",
        start=COHORT_START + pd.Timedelta(days=7 * (week - 1)),
        observation_end=LAST_DAY,
        acquisition_days=7,
        time_unit="week",
    )
    return log.assign(cohort=cohort_name(week))


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
