"""Profit and loss: where the money of an action comes from and goes to, in parts that add up exactly."""

import numpy as np
import pandas as pd

from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.levels import quantiles_of

PARTS = (
    "incremental_margin",
    "incremental_discount",
    "subsidy",
    "contact_cost",
    "running_cost",
    "service_cost",
)
"""Parts in the order of ``kernels.actions``. The first is a gain, the others are costs: what is given away on
purchases that would not have been made, on those that would, contact, running cost, and serving customers for
longer. They are signed: a harmful action has a negative gain, a lost purchase a negative discount."""
SPENT = ("incremental_discount", "subsidy", "contact_cost", "running_cost")
"""What a budget pays for; service of customers who stay longer is a consequence, not a means."""
_SIGNS = np.array([1.0, -1.0, -1.0, -1.0, -1.0, -1.0])
_PAID = np.array([name in SPENT for name in PARTS])


def net_value(parts: Floats, *, axis: int = -1) -> Floats:
    """Return the gain less all costs, summed over an axis of parts."""
    result: Floats = np.moveaxis(parts, axis, -1) @ _SIGNS
    return result


def spending(parts: Floats, *, axis: int = -1) -> Floats:
    """Return what a budget pays for, summed over an axis of parts."""
    result: Floats = np.moveaxis(parts, axis, -1)[..., _PAID].sum(axis=-1)
    return result


def pnl_row(parts: Floats, fixed: float) -> dict[str, float]:
    """Return means of the parts and of net value, cost and return, of draws of a sum over customers.

    Parameters
    ----------
    parts : ndarray, shape (part, draw)
        In money.
    fixed : float
        Fixed cost of the campaign, in money.

    Returns
    -------
    dict
        Each part, ``fixed_cost``, ``net`` with quantiles (of the draws of the sum), ``cost``, ``p_pays``, and
        ``return_on_cost``: E[incremental margin − service cost]/E[cost], a ratio of means, with the quantiles
        of ``roi``, net over cost in each draw.
    """
    net = net_value(parts, axis=0) - fixed
    cost = spending(parts, axis=0) + fixed
    row = dict(zip(PARTS, parts.mean(axis=1), strict=True))
    row |= {"fixed_cost": fixed, "net": net.mean(), **quantiles_of(net, "net_")}
    row |= {"p_pays": float((net > 0).mean()), "cost": cost.mean()}
    gained = parts[0] - parts[PARTS.index("service_cost")]
    has_cost = cost.mean() > 0
    row["return_on_cost"] = gained.mean() / cost.mean() if has_cost else np.nan
    roi = np.divide(net, cost, out=np.full(net.shape, np.nan), where=cost > 0)
    is_defined = bool(np.isfinite(roi).all())
    for name, share in (("roi_p05", 0.05), ("roi_p50", 0.5), ("roi_p95", 0.95)):
        row[name] = float(np.quantile(roi, share)) if is_defined else np.nan
    return {name: float(value) for name, value in row.items()}


def pnl_table(rows: dict[str, dict[str, float]], label: str) -> pd.DataFrame:
    """Return rows of `pnl_row` as a table, one line per key, which stands in the column `label`."""
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.insert(0, label, list(rows))
    return table.reset_index(drop=True)
