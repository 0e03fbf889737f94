"""The band of the budget curve: net value of whole allocations, draw by draw."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.decisions.offer.pnl import net_value
from bayesltv.decisions.policies import Policies

Floats = NDArray[np.float64]


def with_band(curve: pd.DataFrame, policies: Policies, totals: Floats, fixed: Floats) -> pd.DataFrame:
    """Return the budget curve with 5 and 95 % of its net value over draws, as ``net_p05`` and ``net_p95``.

    The plan and the best allocations of some other budgets are added up draw by draw. Between two of them
    each draw's distance from the mean is interpolated, as where some customers are treated by the one and
    the others by the other; the mean is the curve's.

    Parameters
    ----------
    curve : DataFrame
        ``cost`` and ``net``, from the least money on.
    policies : Policies
    totals : ndarray, shape (policy, action, part, draw)
        Of the policies, the plan first, and after them of those along the curve.
    fixed : ndarray, shape (action,)
        Fixed cost of each action, paid where somebody gets it.
    """
    codes = [policies.choice.treated, *(each.assigned for each in policies.along)]
    spent = np.array([policies.choice.allocation.cost, *(each.cost for each in policies.along)])
    sums = net_value(totals, axis=2).sum(axis=1)[[0, *range(len(policies.assigned), len(totals))]]
    paid = np.array([fixed[np.unique(each[each >= 0])].sum() for each in codes])
    nets, asked = sums - paid[:, None], curve["cost"].to_numpy(float)
    cost, first = np.unique(np.append(asked[0], spent), return_index=True)  # of the least money all is known
    known = np.vstack([np.zeros(nets.shape[1]), nets - nets.mean(axis=1, keepdims=True)])[first]
    above = np.clip(np.searchsorted(cost, asked), min(1, cost.size - 1), cost.size - 1)
    below = np.maximum(above - 1, 0)
    share = np.clip((asked - cost[below]) / np.maximum(cost[above] - cost[below], 1e-300), 0.0, 1.0)[:, None]
    low, high = np.quantile(known[below] * (1 - share) + known[above] * share, [0.05, 0.95], axis=1)
    return curve.assign(net_p05=curve["net"] + low, net_p95=curve["net"] + high)
