"""A limit on the probability that the whole plan loses money."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bayesltv.allocation.allocation import NOBODY
from bayesltv.decisions.choice import Choice
from bayesltv.decisions.offer.pnl import net_value
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.decision.budget import BudgetSpec

WEIGHTS = (0.25, 0.5, 0.75, 0.9, 1.0)
"""Weights of the tail that are tried in turn."""


def choose_within(
    choose: Callable[[BudgetSpec], Choice], p_loss: Callable[[Choice], float], budget: BudgetSpec
) -> tuple[Choice, BudgetSpec]:
    """Return a choice whose probability of a loss is at most ``budget.max_p_loss``, and the budget behind it.

    The weight of the tail is raised until P(loss) of the portfolio is low enough, its tail narrowed to the
    accepted probability: where the mean of the worst share a of the draws is not negative, less than a of
    them are. This is a safe allocation, not always the best of the safe ones. Where even the full weight is
    not enough, nobody gets anything, which cannot lose.

    Parameters
    ----------
    choose : callable
        Budget -> the best choice under it.
    p_loss : callable
        Choice -> share of the draws in which the portfolio's net value is negative.
    budget : BudgetSpec
    """
    found = choose(budget)
    if budget.max_p_loss is None or p_loss(found) <= budget.max_p_loss:
        return found, budget
    tail = min(budget.tail, max(budget.max_p_loss, 1e-6))
    for weight in (each for each in WEIGHTS if each > budget.risk_weight):
        safer = replace(budget, risk_weight=weight, tail=tail)
        found = choose(safer)
        if p_loss(found) <= budget.max_p_loss:
            return found, safer
    return _nobody(found), safer


def share_of_losses(totals: Floats, choice: Choice, fixed: Floats) -> float:
    """Return P(net value of the portfolio < 0).

    Parameters
    ----------
    totals : ndarray, shape (1, action, part, draw)
        Of what is really done.
    choice : Choice
    fixed : ndarray, shape (action,)
    """
    used = np.unique(choice.treated[choice.treated >= 0])
    net = net_value(totals, axis=2).sum(axis=(0, 1)) - fixed[used].sum()
    return float((net < 0).mean())


def _nobody(choice: Choice) -> Choice:
    """Return the choice that gives nothing to anybody."""
    nothing = np.full(choice.recommended.shape, NOBODY, np.int32)
    empty = replace(choice.allocation, assigned=nothing, net=0.0, cost=0.0, method="nobody: max_p_loss")
    return Choice(nothing, np.zeros(nothing.shape, np.bool_), empty, choice.risk)
