"""Return on what is spent: per customer and action, and the effect at which an action just pays."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesltv.decisions.offer.actions import ActionModel, Offered, Options
from bayesltv.decisions.offer.pnl import PARTS
from bayesltv.names import CUSTOMER_ID
from bayesltv.numerics.arrays import Flags
from bayesltv.specs.decision.actions import EFFECTS

BREAK_EVEN_CUSTOMERS = 500
BREAK_EVEN_DRAWS = 100
_WIDEST = 50.0
"""Multipliers above this are not looked at: such an action does not pay."""


def option_table(
    options: Options, eligible: Flags, ids: NDArray[np.object_], actions: Sequence[str]
) -> xr.Dataset:
    """Return what each action would bring each customer.

    Returns
    -------
    xarray.Dataset
        Dims (customer_id, action), missing where not eligible: ``net_mean``, ``net_p05``, ``net_p50``,
        ``net_p95``, ``p_pays`` (P(Net > 0)), ``cost_mean``, the means of the parts, and ``return_on_cost``,
        E[incremental margin − service cost]/E[cost], a ratio of means. ``eligible`` says where.
    """
    dims = (CUSTOMER_ID, "action")
    cost = options.cost
    gained = options.parts[..., 0] - options.parts[..., PARTS.index("service_cost")]
    columns = {
        "net_mean": options.net,
        **dict(zip(("net_p05", "net_p50", "net_p95"), options.quantiles, strict=True)),
        "p_pays": options.p_pays,
        "cost_mean": cost,
        "return_on_cost": np.divide(gained, cost, out=np.full(cost.shape, np.nan), where=cost > 0),
        **{f"{name}_mean": options.parts[..., at] for at, name in enumerate(PARTS)},
    }
    variables = {name: (dims, np.where(eligible, values, np.nan)) for name, values in columns.items()}
    variables["eligible"] = (dims, eligible)
    return xr.Dataset(variables, coords={CUSTOMER_ID: ids, "action": list(actions)})


def break_even(model: ActionModel, offered: Offered, at: int) -> float:
    """Return the value of an action's main effect at which the average eligible customer's net value is 0.

    The other effects stay what they are. Multipliers are looked for up to 50, probabilities up to 1; NaN
    where no such value makes the action pay, or any does.

    Parameters
    ----------
    model : ActionModel
    offered : Offered
        Some hundred eligible customers stand for all where there are more.
    at : int
        Number of the action.
    """
    from scipy.optimize import brentq

    action = model.actions[at]
    few = _some(offered, at)
    name = action.main_effect
    thin = model.only(at).thinned(BREAK_EVEN_DRAWS)
    number = list(EFFECTS).index(name)

    def mean_net(value: float) -> float:
        effects = thin.effects.copy()
        effects[..., number] = value
        return float(replace(thin, effects=effects).draw(few)[0].mean())

    low, high = (0.0, 1.0) if EFFECTS[name] == "unit" else (1e-6, _WIDEST)
    if mean_net(low) * mean_net(high) >= 0:
        return float("nan")
    found: float = brentq(mean_net, low, high, xtol=1e-4)
    return found


def elasticity(effect: float, price: float) -> float:
    """Return the price elasticity that a factor on the purchase rate means: ln(effect)/ln(price)."""
    return float(np.log(effect) / np.log(price)) if effect > 0 and price != 1.0 else float("nan")


def _some(offered: Offered, at: int) -> Offered:
    able = np.flatnonzero(offered.eligible[:, at])
    step = max(1, able.size // BREAK_EVEN_CUSTOMERS)
    return offered.alone(able[::step], at)
