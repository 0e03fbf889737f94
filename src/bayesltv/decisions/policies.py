"""What is chosen: who gets which action under the budget, and the policies that it is compared with."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.allocation.allocation import Problem
from bayesltv.allocation.shared_budget import Market
from bayesltv.decisions.baselines import Setting, compare_with, net_at_means
from bayesltv.decisions.chance_constraint import choose_within, share_of_losses
from bayesltv.decisions.choice import Choice, choose, limits_of
from bayesltv.decisions.offer.offer import Offer
from bayesltv.decisions.plan import PLAN
from bayesltv.errors import warn
from bayesltv.names import LTV_WITH_REFERRAL
from bayesltv.specs.decision.budget import BudgetSpec
from bayesltv.streams import generator

Codes = NDArray[np.int32]
LEAST = 1e-6
"""Money of a budget that buys nothing."""


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
    offer: Offer,
    budget: BudgetSpec,
    table: pd.DataFrame,
    *,
    market: Market | None = None,
    today: Codes | None,
    seed: int,
) -> Policies:
    """Return the plan under a budget, and what it is compared with.

    Where new customers share the budget, all of these have what is left when they are paid for.

    Raises
    ------
    SpecError
        Where limits cannot be met.
    """
    walking = offer.walking
    _warn_of_fixed_costs(offer, budget)

    def chosen(under: BudgetSpec) -> Choice:
        return choose(
            offer.model, offer.offered, offer.options, under, offer.asked, seed=seed, block=walking.block,
            threads=walking.threads,
        )  # fmt: skip

    def p_loss(choice: Choice) -> float:
        return share_of_losses(offer.add_up([choice.treated]), choice, offer.fixed)

    choice, under = choose_within(chosen, p_loss, budget)
    if market is not None and budget.amount is not None:
        left = market.left_to(choice.allocation.curve, budget.amount)
        if left < budget.amount:
            choice, under = choose_within(chosen, p_loss, replace(budget, amount=max(left, LEAST)))
    return Policies(choice, under, _assigned(offer, choice, under, table, today, seed))


def _assigned(
    offer: Offer, choice: Choice, budget: BudgetSpec, table: pd.DataFrame, today: Codes | None, seed: int
) -> dict[str, Codes]:
    """Return what each policy does; customers who are held out get nothing from any."""
    model, options = offer.model, offer.options
    free = offer.offered.eligible & ~choice.withheld[:, None]
    money = np.inf if budget.amount is None else budget.amount
    limits = tuple(limits_of(model.actions, budget, table))
    setting = Setting(
        tuple(offer.names),
        Problem(options.net, options.cost, free, money, offer.fixed, limits),
        choice.allocation.cost if np.isinf(money) else money,
        generator(seed, "policies").permutation(len(free)),
        np.isin(np.arange(len(offer.names)), choice.recommended) | (choice.recommended < 0).all(),
        choice.withheld,
    )
    others = compare_with(
        setting,
        churn_risk=1 - table["p_alive"].to_numpy(float),
        ltv=table[LTV_WITH_REFERRAL if LTV_WITH_REFERRAL in table else "ltv_mean"].to_numpy(float),
        net_at_means=lambda: net_at_means(model, offer.offered),
        current=today,
    )
    return {PLAN: choice.treated, **others}


def _warn_of_fixed_costs(offer: Offer, budget: BudgetSpec) -> None:
    """Say which actions nobody can get, since the budget does not reach beyond their fixed cost."""
    if budget.amount is None:
        return
    for action in offer.model.actions:
        if action.fixed >= budget.amount:
            warn(
                f"actions.{action.name} is dropped: its fixed cost of {action.fixed:,g} leaves nothing of "
                f"the budget of {budget.amount:,g}. Raise budget.amount, or leave the action out"
            )
