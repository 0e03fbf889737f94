"""What a data scientist tells a regression about a customer: recency, frequency, money, and waits."""

import numpy as np
import pandas as pd

from bayesltv.data.log.split import PurchaseDays

WINDOWS = (0.25, 0.5, 1.0, 2.0)
"""Stretches before the cut in which purchases and spend are counted, in horizons."""
_MONTH = 30


def features(days: PurchaseDays, *, cut: pd.Timestamp, horizon: int) -> pd.DataFrame:
    """Return 25 figures of each customer (15 where there is no money); missing where there is none.

    Parameters
    ----------
    days : PurchaseDays
        All purchase days up to the cut, in the order of customers and days.
    cut : Timestamp
    horizon : int
        Days ahead.

    Returns
    -------
    DataFrame
        Indexed by the id of the customer; times in days.
    """
    code, ids = pd.factorize(days.customer_id)
    day = days.day
    end = int(cut.to_datetime64().astype("datetime64[D]").astype(np.int64))
    count = np.bincount(code, minlength=len(ids))
    start = np.cumsum(count) - count
    last = start + count - 1
    age, silence = end - day[start], end - day[last]
    is_wait = np.ones(day.size, dtype=bool)
    is_wait[start] = False
    wait = pd.Series(np.diff(day, prepend=day[:1])[is_wait])
    waits = wait.groupby(code[is_wait]).agg(["mean", "std", "last", "max"]).reindex(range(len(ids)))
    months = pd.Series((end - day) // _MONTH).groupby(code).nunique()
    table = {
        "frequency": count - 1,
        "age": age,
        "recency": age - silence,
        "silence": silence,
        "rate": count / np.maximum(age, 1),
        **{f"wait_{name}": waits[name].to_numpy() for name in waits},
        "silence_in_waits": silence / waits["mean"].to_numpy(),
        "months_with_purchase": months.to_numpy(),
    }
    recent = {share: day > end - share * horizon for share in WINDOWS}
    for share, chosen in recent.items():
        table[f"purchases_{share}"] = np.bincount(code[chosen], minlength=len(ids))
    if days.amount is not None:
        amounts = pd.Series(days.amount).groupby(code).agg(["sum", "mean", "std", "first", "last", "max"])
        table |= {f"amount_{name}": amounts[name].to_numpy() for name in amounts}
        for share, chosen in recent.items():
            table[f"spend_{share}"] = np.bincount(
                code[chosen], weights=days.amount[chosen], minlength=len(ids)
            )
    return pd.DataFrame(table, index=pd.Index(ids, dtype="str"))
