"""A whole policy: sums over customers inside each draw, quantiles last."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.allocation.cvar import cvar
from bayesltv.decisions.offer.pnl import PARTS, net_value, pnl_row, pnl_table
from bayesltv.names import CUSTOMER_ID, DRAW
from bayesltv.numerics.arrays import Codes, Floats
from bayesltv.numerics.levels import ENDS, quantiles_of


def policy_draws(
    totals: Floats,
    policies: Mapping[str, Codes],
    actions: Sequence[str],
    fixed: Floats,
    ids: NDArray[np.object_],
) -> xr.Dataset:
    """Return totals of the policies as a dataset.

    Parameters
    ----------
    totals : ndarray, shape (policy, action, part, draw)
        In money.
    policies : mapping of str to ndarray of int32, shape (customer,)
    actions : sequence of str
    fixed : ndarray, shape (action,)
        Fixed cost of each campaign; paid by policies that use the action.
    ids : ndarray of object, shape (customer,)

    Returns
    -------
    xarray.Dataset
        ``pnl``, dims (policy, action, part, draw); ``customers``, dims (policy, action); ``fixed_cost``, dims
        (policy, action); ``net``, dims (policy, draw), fixed costs taken off; ``assigned``, dims (policy,
        customer_id), numbers of actions, -1 for none.
    """
    number = np.array(
        [[int((policy == a).sum()) for a in range(len(actions))] for policy in policies.values()]
    ).reshape(len(policies), len(actions))
    paid = np.where(number > 0, fixed, 0.0)
    net = net_value(totals, axis=2).sum(axis=1) - paid.sum(axis=1)[:, None]
    return xr.Dataset(
        {
            "pnl": (("policy", "action", "part", DRAW), totals),
            "customers": (("policy", "action"), number),
            "fixed_cost": (("policy", "action"), paid),
            "net": (("policy", DRAW), net),
            "assigned": (("policy", CUSTOMER_ID), np.stack(list(policies.values()))),
        },
        coords={
            "policy": list(policies),
            "action": list(actions),
            "part": list(PARTS),
            CUSTOMER_ID: ids,
        },
    )


def action_table(draws: xr.Dataset, policy: str) -> pd.DataFrame:
    """Return the profit and loss of a policy by action and in all; quantiles do not add up over rows."""
    mine = draws.drop_vars("assigned").sel(policy=policy)
    rows = {}
    for name in [str(each) for each in draws["action"].values]:
        of = mine.sel(action=name)
        rows[name] = {"customers": float(of["customers"])} | pnl_row(
            of["pnl"].values, float(of["fixed_cost"])
        )
    whole = mine.sum("action")
    rows["total"] = {"customers": float(whole["customers"])} | pnl_row(
        whole["pnl"].values, float(whole["fixed_cost"])
    )
    table = pnl_table(rows, "action")
    return table.astype({"customers": int})


def policy_table(draws: xr.Dataset, plan: str, *, tail: float) -> pd.DataFrame:
    """Return what each policy is claimed to bring, and what it gives up against the best of them.

    Returns
    -------
    DataFrame
        One row per policy: ``customers``, ``cost``, ``net`` with 5, 50 and 95 %, ``p_loss``, ``cvar`` (mean
        of the worst `tail` of the draws), ``regret`` (expected loss against whichever of these policies is
        best in each draw), ``behind_plan`` with 5 and 95 %, and ``p_plan_better``.
    """
    net = draws["net"].values
    draws = draws.drop_vars("assigned")
    best = net.max(axis=0)
    mine = net[[str(each) for each in draws["policy"].values].index(plan)]
    rows = []
    for at, name in enumerate(str(each) for each in draws["policy"].values):
        whole = draws.isel(policy=at).sum("action")
        row = pnl_row(whole["pnl"].values, float(whole["fixed_cost"]))
        behind = mine - net[at]
        rows.append(
            {
                "policy": name,
                "customers": int(whole["customers"]),
                **{key: row[key] for key in ("cost", "net", "net_p05", "net_p50", "net_p95")},
                "p_loss": float((net[at] < 0).mean()),
                "cvar": cvar(net[at], tail),
                "regret": float((best - net[at]).mean()),
                "behind_plan": float(behind.mean()),
                **quantiles_of(behind, "behind_plan_", levels=ENDS),
                "p_plan_better": float((behind > 0).mean()),
            }
        )
    return pd.DataFrame(rows)
