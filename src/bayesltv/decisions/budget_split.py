"""How a budget is shared between the customers one has and those to be won, and what each part brings."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.allocation.allocation import Allocation
from bayesltv.allocation.shared_budget import Market
from bayesltv.base.placed_base import Placement
from bayesltv.decisions.acquisition import (
    Acquisition,
    acquisition,
    next_unit_of_money,
    warn_of_infinite_spend,
)
from bayesltv.decisions.plan import PLAN, Plan
from bayesltv.names import DRAW, GROUP
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.levels import quantiles_of
from bayesltv.prediction.terms import terms_of
from bayesltv.specs.decision.decision_spec import DecisionSpec

RETENTION, TOTAL = "retention", "total"
ACQUISITION = "acquisition: "
"""Before the group whose new customers money is spent on."""


@dataclass(frozen=True)
class Channels:
    """New customers as uses of money.

    Attributes
    ----------
    found : Acquisition
    price, capacity : ndarray of float64, shape (group,)
        Money per further customer, NaN where it is not stated; most customers.
    """

    found: Acquisition
    price: Floats
    capacity: Floats

    @property
    def share(self) -> bool:
        """Whether they share the budget: where it is stated how many can be won."""
        return bool(np.isfinite(self.capacity).any())

    @property
    def market(self) -> Market:
        """Where they can be won."""
        room = np.nan_to_num(self.price) * self.capacity
        return Market(self.found.ltv_new.values.mean(axis=1) / self.price - 1, room)


def channels_of(placed: Placement, decision: DecisionSpec, time_unit: str) -> Channels | None:
    """Return what new customers are worth and cost; None where the decision does not ask for them."""
    spec = decision.acquisition
    if spec is None:
        return None
    found = acquisition(
        placed.population, terms_of(decision.value, time_unit), spec, today=placed.customers.last_end,
        customers=placed.customers.group,
    )  # fmt: skip
    warn_of_infinite_spend(placed.population)
    capacity = np.array([spec.capacity_of(group) for group in found.table["group"]])
    return Channels(found, found.table["cac"].to_numpy(np.float64) * spec.next_costs, capacity)


def with_new_customers(
    plan: Plan, channels: Channels, decision: DecisionSpec, chosen: Allocation, time_unit: str
) -> Plan:
    """Return a plan with new customers: their worth, their share of the budget, and what more money does."""
    basis, found = {"value_basis": decision.value.basis}, channels.found
    if channels.share:
        whole = None if decision.budget is None else decision.budget.amount
        split, draws = split_budget(channels, chosen, plan.draws["net"].sel(policy=PLAN), whole)
        plan = replace(plan, split=split.assign(**basis), draws=plan.draws.assign(split_net=draws))
        found = replace(found, table=found.table.assign(next_unit=split["next_unit"].to_numpy()[1:-1]))
    following = next_unit_of_money(found, chosen.shadow_price if decision.actions else None)
    table = found.table.assign(payback_unit=time_unit, **basis)
    return replace(plan, acquisition=table, next_unit=following.assign(**basis))


def group_of(use: str) -> str:
    """Return the group that new customers of a use of money belong to."""
    return use.removeprefix(ACQUISITION)


def split_budget(
    channels: Channels, chosen: Allocation, net: xr.DataArray, money: float | None
) -> tuple[pd.DataFrame, xr.DataArray]:
    """Return what each use of a budget gets and brings, and its net value draw by draw.

    Parameters
    ----------
    channels : Channels
    chosen : Allocation
        To the customers one has.
    net : DataArray, dims (draw,)
        Of what is done with them.
    money : float, optional
        The whole budget.

    Returns
    -------
    DataFrame
        One row per use and their total: ``money``, ``customers``, ``capacity``, ``net`` with quantiles of its
        draws, ``p_pays``, ``roi``, and ``next_unit``: what another unit of money brings there, net of itself,
        missing where there is no room for it; in all, where it does most, 0 where it is better kept.
    DataArray
        ``net``, dims (use, draw): the rows of the total are the sums of the others in every draw.
    """
    market = channels.market
    spent = market.bought(np.inf if money is None else max(0.0, money - chosen.cost))
    won = np.divide(spent, channels.price, out=np.zeros(spent.size), where=spent > 0)
    worth = np.nan_to_num(channels.found.ltv_new.values) * won[:, None] - spent[:, None]
    draws = np.vstack([net.values, worth])
    draws = np.vstack([draws, draws.sum(axis=0)])
    groups = [f"{ACQUISITION}{group}" for group in channels.found.ltv_new[GROUP].values]
    further = np.append(chosen.shadow_price, market.next_unit(spent))
    paid = np.append(chosen.cost, spent)
    kept = float((chosen.assigned >= 0).sum())
    table = pd.DataFrame(
        {
            "use": [RETENTION, *groups, TOTAL],
            "money": np.append(paid, paid.sum()),
            "customers": np.array([kept, *won, kept + won.sum()]),
            "capacity": np.array([np.nan, *channels.capacity, np.nan]),
            "net": draws.mean(axis=1),
            **quantiles_of(draws, "net_"),
            "p_pays": (draws > 0).mean(axis=1),
            "next_unit": np.append(further, max(0.0, np.nanmax(further))),
        }
    )
    table.insert(8, "roi", (table["net"] / table["money"]).where(table["money"] > 0))
    array = xr.DataArray(draws, dims=("use", DRAW), coords={"use": table["use"].to_numpy(object)}, name="net")
    return table, array
