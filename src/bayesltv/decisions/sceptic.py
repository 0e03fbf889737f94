"""A plan in the eyes of a sceptic: what is left of it if its actions do less than is believed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from bayesltv.decisions.offer.actions import ActionModel
from bayesltv.decisions.offer.pnl import net_value
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.levels import quantiles_of
from bayesltv.specs.decision.actions import EFFECTS

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the believed effects that are left: none works, half works, all is as believed."""
DRAWS = 100
"""Posterior draws that stand for all: the means of sums over customers move by little."""
_IS_FACTOR = np.array([support == "positive" for support in EFFECTS.values()])
_STAYS = list(EFFECTS).index("redemption")


def weakened(effects: Floats, share: float) -> Floats:
    """Return effects of which only a share is left: factors draw near 1, the chance of a return near 0.

    The chance that an order redeems stays: what is given away does not depend on whether it works.

    Parameters
    ----------
    effects : ndarray, shape (action, cell, draw, parameter)
    share : float
    """
    nothing = np.where(_IS_FACTOR, 1.0, 0.0)
    left = nothing + share * (effects - nothing)
    left[..., _STAYS] = effects[..., _STAYS]
    return left


def sceptic_table(
    model: ActionModel, add_up: Callable[[ActionModel], Floats], fixed: float
) -> tuple[pd.DataFrame, float]:
    """Return what the plan brings by share of the effects that is left, and where it breaks even.

    Parameters
    ----------
    model : ActionModel
    add_up : callable
        Returns the plan's totals under a model, shape (action, part, draw), in money.
    fixed : float
        Fixed costs of the campaigns it uses.

    Returns
    -------
    DataFrame
        ``share_of_effect``, ``net`` with 5, 50 and 95 %, and ``p_loss``, given the assumed effects.
    float
        Share of the effects at which the expected net value is 0, between those that were looked at; 0 where
        the plan gains even if nothing works, missing where it loses even if all does.
    """
    thin, rows = model.thinned(DRAWS), []
    for share in SHARES:
        under = replace(thin, effects=weakened(thin.effects, share))
        net = net_value(add_up(under), axis=1).sum(axis=0) - fixed
        rows.append(
            {
                "share_of_effect": share,
                "net": float(net.mean()),
                **quantiles_of(net, "net_"),
                "p_loss": float((net < 0).mean()),
            }
        )
    table = pd.DataFrame(rows)
    return table, _break_even(table["share_of_effect"].to_numpy(), table["net"].to_numpy())


def _break_even(share: Floats, net: Floats) -> float:
    """Return the largest share at which the net value crosses 0, by straight lines between shares."""
    if net[-1] <= 0:
        return float("nan")
    below = np.flatnonzero(net <= 0)
    if not below.size:
        return 0.0
    at = int(below[-1])
    return float(share[at] + (share[at + 1] - share[at]) * -net[at] / (net[at + 1] - net[at]))
