"""How unequal customers are: the Lorenz curve of what they will bring, draw by draw."""

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.errors import DataError
from bayesltv.names import CHAIN, CUSTOMER_ID, DRAW
from bayesltv.numerics.levels import quantiles_of

SHARES = np.linspace(0.0, 1.0, 101)
BEST = 0.2


def lorenz_curve(drawn: xr.Dataset, *, quantity: str = "value") -> pd.DataFrame:
    """Return what share of a quantity the lowest customers bring, ordered anew in each draw.

    L(p) = Σ of the lowest p · n of n customers / Σ of all, linear between customers (Lorenz 1905).

    Parameters
    ----------
    drawn : Dataset
        From ``base.predict``.
    quantity : "value", "spend" or "purchases"

    Returns
    -------
    DataFrame
        ``customers`` (share, 0 to 1), ``p05``, ``p50``, ``p95`` over draws. ``attrs["best"]`` holds the share
        of the top 20 % and ``attrs["gini"]`` the Gini coefficient, 5, 50 and 95 % quantiles each;
        ``attrs["nothing"]`` the share of draws in which nobody brings anything, which are left out.

    Raises
    ------
    DataError
        Where the draws have no such quantity, or no draw has a positive sum.
    """
    if quantity not in drawn:
        raise DataError(
            f"there is no {quantity!r} among these draws: they have {', '.join(map(str, drawn.data_vars))}"
        )
    values = drawn[quantity].stack(at=(CHAIN, DRAW)).transpose("at", CUSTOMER_ID).values.astype(np.float64)
    sums = np.concatenate([np.zeros((len(values), 1)), np.sort(values, axis=1).cumsum(axis=1)], axis=1)
    kept = sums[sums[:, -1] > 0]
    if not len(kept):
        raise DataError(f"nobody brings any {quantity} in any draw: a longer horizon may help")
    places = np.linspace(0.0, 1.0, kept.shape[1])
    curves = kept / kept[:, -1:]
    levels = quantiles_of([np.interp(SHARES, places, curve) for curve in curves], axis=0)
    table = pd.DataFrame({"customers": SHARES, **levels})
    best = [1 - np.interp(1 - BEST, places, curve) for curve in curves]
    gini = 1 - 2 * np.trapezoid(curves, places, axis=1)
    table.attrs = {
        "quantity": quantity,
        "best": np.quantile(best, [0.05, 0.5, 0.95]).tolist(),
        "gini": np.quantile(gini, [0.05, 0.5, 0.95]).tolist(),
        "nothing": 1 - len(kept) / len(values),
        "count": values.shape[1],
    }
    return table
