"""Rows that a CRM has to load again: new customers, other tiers, other values, and who is gone."""

import numpy as np
import pandas as pd

from bayesltv.decisions.customers.refresh import one_row_each
from bayesltv.errors import SpecError
from bayesltv.names import CUSTOMER_ID

NEW, TIER, VALUE = "new", "tier", "value"
"""What changed in a row, the first that holds."""
TOLERANCE = 0.05
"""Share by which a value may differ and count as the same."""


def changed_rows(
    previous: pd.DataFrame, scores: pd.DataFrame, *, tolerance: float = TOLERANCE
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the score rows that are not what they were, and the customers who are no longer scored.

    Parameters
    ----------
    previous, scores : DataFrame
        An earlier and the present score table.
    tolerance : float
        A value counts as changed where it differs by more than this share of the earlier value, or of the
        mean earlier value where that is larger: a customer worth next to nothing is not loaded for cents.

    Returns
    -------
    changed : DataFrame
        Rows of `scores` with ``change`` ("new", "tier" or "value") after the id, and at the end
        ``tier_previous`` and ``value_previous``.
    gone : DataFrame
        customer_id, ``tier_previous``, ``value_previous``.

    Raises
    ------
    DataError
        Where a customer stands twice in the earlier table.
    SpecError
        Where the tolerance is negative.

    Examples
    --------
    >>> before = pd.DataFrame({"customer_id": ["a", "b", "c"], "ltv_mean": [10.0, 20.0, 30.0]})
    >>> now = pd.DataFrame({"customer_id": ["b", "c", "d"], "ltv_mean": [20.5, 40.0, 5.0]})
    >>> changed, gone = changed_rows(before, now)
    >>> changed[["customer_id", "change"]].to_numpy().tolist(), gone["customer_id"].tolist()
    ([['c', 'value'], ['d', 'new']], ['a'])
    """
    if not tolerance >= 0:
        raise SpecError(f"tolerance={tolerance} must be at least 0: 0.05 stands for five per cent")
    before, ids = (
        one_row_each(previous, title="the earlier scores"),
        pd.Index(scores[CUSTOMER_ID].astype(str)),
    )
    name = "ltv_mean" if "ltv_mean" in scores and "ltv_mean" in before else "expected_purchases"
    old = before.reindex(ids)
    value, was = scores[name].to_numpy(np.float64), old[name].to_numpy(np.float64)
    room = tolerance * np.maximum(np.abs(was), float(before[name].abs().mean()))
    is_new = ~ids.isin(before.index)
    has_tiers = "tier" in scores and "tier" in before
    moved = (scores["tier"].astype(str).to_numpy() != old["tier"].to_numpy()) if has_tiers else is_new
    change = np.select([is_new, moved, ~(np.abs(value - was) <= room)], [NEW, TIER, VALUE], default="")
    table = pd.DataFrame(scores).copy()
    table.insert(1, "change", change)
    told = {"tier_previous": old["tier"].to_numpy()} if has_tiers else {}
    table = table.assign(**told, value_previous=was)[change != ""].reset_index(drop=True)
    gone = before[~before.index.isin(ids)]
    told = {"tier_previous": gone["tier"].to_numpy()} if has_tiers else {}
    left = pd.DataFrame({CUSTOMER_ID: gone.index.to_numpy(), **told, "value_previous": gone[name].to_numpy()})
    return table, left
