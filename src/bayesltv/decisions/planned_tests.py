"""The tests that a decision file's actions would be worth, from their priors and the customers at hand."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.decisions.offer.actions import ActionModel, Offered
from bayesltv.experiments.worth import TestPlan, plan_test, value_of_information
from bayesltv.prediction.draws import simulate_futures
from bayesltv.units import convert

Floats = NDArray[np.float64]
_COLUMNS = (
    "action", "effect_mean", "effect_sd", "outcome_sd", "customers", "n_per_arm", "weeks", "net_benefit",
    "evppi", "evpi", "test_and_roll", "advice",
)  # fmt: skip
DRAWS, CUSTOMERS = 100, 300
"""Draws of effects (and as many of latents for each) and customers that stand for all: 9 million evaluations
of an action take seconds, and the averages over customers are good to a few per cent."""


def plan_tests(
    model: ActionModel,
    offered: Offered,
    *,
    time_unit: str,
    cost: float = 0.0,
    customers_per_week: float | None = None,
    draws: int = DRAWS,
    customers: int = CUSTOMERS,
) -> dict[str, TestPlan]:
    """Return, for each action, how large a test of it against nothing should be, or that it should not be.

    What is decided after the test is whether all who are eligible get the action. The effect is net value
    per eligible customer, a share of the fixed cost taken off; its prior comes from draws of the action's
    effects, after averaging over the customers and their latents (effects and latents are independent a
    priori). The outcome that the test compares is realised value within the action's window.

    Parameters
    ----------
    model : ActionModel
    offered : Offered
        All customers.
    time_unit : str
        Of the fit.
    cost : float
        Fixed cost of a test.
    customers_per_week : float, optional
        How many can be enrolled in a week, both arms together.
    draws, customers : int
        How many stand for all: evenly spaced draws, and evenly spaced eligible customers of each action.

    Returns
    -------
    dict of str to TestPlan
        By action, in the file's order; an action that fewer than two customers are eligible for is left out.
    """
    thin = model.thinned(draws)
    plans = {}
    for at, action in enumerate(model.actions):
        eligible = np.flatnonzero(offered.eligible[:, at])
        if eligible.size < 2:
            continue
        some = _chosen(offered, eligible, customers, at)
        alone = thin.only(at)
        by_effect = net_by_effect(alone, some)[:, 0] - action.fixed / eligible.size
        joint = alone.draw(some)[0][:, 0] - action.fixed / eligible.size
        effect = by_effect.mean(axis=0)
        window = convert(float(alone.offers[0, 0]), time_unit, "week")
        plans[action.name] = plan_test(
            effect_mean=float(effect.mean()),
            effect_sd=float(effect.std()),
            outcome_sd=_outcome_sd(alone, some),
            customers=int(eligible.size),
            cost=cost,
            customers_per_week=customers_per_week,
            window_weeks=window,
            evpi=eligible.size / len(some) * value_of_information(_against_nothing(joint)),
        )
    return plans


def net_by_effect(model: ActionModel, offered: Offered) -> Floats:
    """Return net value given the effects, averaged over latents, shape (customer, action, effect draw).

    Every draw of the effects meets every draw of the customers' latents once.
    """
    draws = model.population.draws.size
    total = np.zeros((len(offered), len(model.actions), draws))
    for shift in range(draws):
        turned = replace(model, effects=np.ascontiguousarray(np.roll(model.effects, shift, axis=2)))
        total += np.roll(turned.draw(offered)[0], -shift, axis=2)
    return total / draws


def plans_table(plans: Mapping[str, TestPlan]) -> pd.DataFrame:
    """Return one row per action: the belief, the size, what the test is worth, and what to do."""
    rows = [
        {
            "action": name,
            "effect_mean": plan.effect_mean,
            "effect_sd": plan.effect_sd,
            "outcome_sd": plan.outcome_sd,
            "customers": plan.customers,
            "n_per_arm": plan.n_per_arm,
            "weeks": np.nan if plan.weeks is None else plan.weeks,
            "net_benefit": plan.net_benefit,
            "evppi": plan.evppi,
            "evpi": np.nan if plan.evpi is None else plan.evpi,
            "test_and_roll": plan.test_and_roll,
            "advice": plan.advice,
        }
        for name, plan in plans.items()
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _chosen(offered: Offered, eligible: NDArray[np.int64], size: int, action: int) -> Offered:
    rows = eligible[np.unique(np.linspace(0, eligible.size - 1, min(size, eligible.size)).astype(np.int64))]
    return Offered(
        offered.customers.rows(rows),
        np.ascontiguousarray(offered.eligible[rows][:, [action]]),
        np.ascontiguousarray(offered.cell[[action]][:, rows]),
        np.full((0, rows.size), -1, np.int32),
    )


def _against_nothing(net: Floats) -> Floats:
    return np.stack([np.zeros_like(net), net], axis=1)


def _outcome_sd(model: ActionModel, offered: Offered) -> float:
    """Return the sd of a random customer's realised value within the action's window, in money."""
    terms = replace(model.terms, horizon=float(model.offers[0, 0]))
    value = simulate_futures(model.population, offered.customers, terms, seed=model.seed).value
    return float(max(value.std(), 1e-9))
