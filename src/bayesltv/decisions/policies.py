"""What is chosen: who gets which action under the budget, and the policies that it is compared with."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.allocation.allocation import Allocation, allocate
from bayesltv.decisions.baselines import Setting, compare_with, values_at_means
from bayesltv.decisions.chance_constraint import choose_within, share_of_losses
from bayesltv.decisions.choice import Choice, choose, limits_of
from bayesltv.decisions.offer.offer import Offer
from bayesltv.decisions.plan import PLAN
from bayesltv.names import LTV_WITH_REFERRAL
from bayesltv.specs.decision.budget import BudgetSpec
from bayesltv.streams import generator

Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Policies:
    """What was chosen.

    Attributes
    ----------
    choice : Choice
    budget : BudgetSpec
        Under which it was chosen: with ``max_p_loss`` the risk weight may have been raised.
    assigned : mapping of str to ndarray of int32, shape (customer,)
        By policy, the plan first.
    """

    choice: Choice
    budget: BudgetSpec
    assigned: dict[str, Codes]


def make_policies(
    offer: Offer, budget: BudgetSpec, table: pd.DataFrame, *, today: Codes | None, seed: int
) -> Policies:
    """Return the plan under a budget, and what it is compared with.

    Raises
    ------
    SpecError
        Where limits cannot be met.
    """
    walking = offer.walking

    def chosen(under: BudgetSpec) -> Choice:
        return choose(
            offer.model, offer.offered, offer.options, under, offer.asked, seed=seed, block=walking.block,
            threads=walking.threads,
        )  # fmt: skip

    def p_loss(choice: Choice) -> float:
        return share_of_losses(offer.add_up([choice.treated]), choice, offer.fixed)

    choice, under = choose_within(chosen, p_loss, budget)
    return Policies(choice, under, _assigned(offer, choice, under, table, today, seed))


def _assigned(
    offer: Offer, choice: Choice, budget: BudgetSpec, table: pd.DataFrame, today: Codes | None, seed: int
) -> dict[str, Codes]:
    """Return what each policy does; customers who are held out get nothing from any."""
    model, options = offer.model, offer.options
    free = offer.offered.eligible & ~choice.withheld[:, None]
    money = np.inf if budget.amount is None else budget.amount
    names = tuple(offer.names)
    capacity = [np.inf if action.capacity is None else action.capacity for action in model.actions]
    setting = Setting(
        names,
        options.net,
        options.cost,
        free,
        offer.fixed,
        np.array(capacity, dtype=np.float64),
        money,
        choice.allocation.cost if np.isinf(money) else money,
        generator(seed, "policies").permutation(len(free)),
        np.isin(np.arange(len(names)), choice.recommended) | (choice.recommended < 0).all(),
        choice.withheld,
    )

    def plug_in() -> Allocation:
        net, cost = values_at_means(model, offer.offered)
        limits = limits_of(model.actions, budget, table)
        return allocate(net, cost, free, budget=money, fixed=setting.fixed, limits=limits)

    others = compare_with(
        setting,
        churn_risk=1 - table["p_alive"].to_numpy(float),
        ltv=table[LTV_WITH_REFERRAL if LTV_WITH_REFERRAL in table else "ltv_mean"].to_numpy(float),
        plug_in=plug_in,
        current=today,
    )
    return {PLAN: choice.treated, **others}
