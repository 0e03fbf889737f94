"""What is chosen: who gets which action under the budget, and the policies that it is compared with."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayesltv.allocation.allocation import Allocation, Problem
from bayesltv.allocation.budget_curve import allocations_along
from bayesltv.allocation.shared_budget import Market
from bayesltv.decisions.baselines import Setting, compare_with, net_at_means
from bayesltv.decisions.chance_constraint import choose_within, share_of_losses
from bayesltv.decisions.choice import Choice, choose, limits_of
from bayesltv.decisions.offer.offer import Offer
from bayesltv.decisions.offer.pnl import net_value
from bayesltv.decisions.plan import PLAN
from bayesltv.errors import warn
from bayesltv.names import LTV_WITH_REFERRAL
from bayesltv.numerics.arrays import Codes, Floats
from bayesltv.specs.decision.budget import BudgetSpec
from bayesltv.streams import generator

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
    along : tuple of Allocation
        The best of other budgets: where the budget curve gets its band from.
    """

    choice: Choice
    budget: BudgetSpec
    assigned: dict[str, Codes]
    along: tuple[Allocation, ...] = ()


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
    problem = _problem(offer, choice, under, table)
    along = allocations_along(problem, choice.allocation.curve) if offer.names else []
    return Policies(choice, under, _assigned(offer, choice, problem, table, today, seed), tuple(along))


def _problem(offer: Offer, choice: Choice, budget: BudgetSpec, table: pd.DataFrame) -> Problem:
    """Return what is to be allocated to those who are not held out."""
    free = offer.offered.eligible & ~choice.withheld[:, None]
    money = np.inf if budget.amount is None else budget.amount
    limits = tuple(limits_of(offer.model.actions, budget, table))
    return Problem(offer.options.net, offer.options.cost, free, money, offer.fixed, limits)


def _assigned(
    offer: Offer, choice: Choice, problem: Problem, table: pd.DataFrame, today: Codes | None, seed: int
) -> dict[str, Codes]:
    """Return what each policy does; customers who are held out get nothing from any."""
    setting = Setting(
        tuple(offer.names),
        problem,
        choice.allocation.cost if np.isinf(problem.money) else problem.money,
        generator(seed, "policies").permutation(len(problem.eligible)),
        np.isin(np.arange(len(offer.names)), choice.recommended) | (choice.recommended < 0).all(),
        choice.withheld,
    )
    others = compare_with(
        setting,
        churn_risk=1 - table["p_alive"].to_numpy(float),
        ltv=table[LTV_WITH_REFERRAL if LTV_WITH_REFERRAL in table else "ltv_mean"].to_numpy(float),
        net_at_means=lambda: net_at_means(offer.model, offer.offered),
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
