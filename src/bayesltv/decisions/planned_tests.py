"""The tests that a decision file's actions would be worth, from their priors and the customers at hand."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import ndtri

from bayesltv.base.customers import walk
from bayesltv.decisions.offer.actions import ActionModel, Offered
from bayesltv.experiments.sight import make_sight
from bayesltv.experiments.test_plan import TestPlan
from bayesltv.experiments.worth import Traffic, plan_sighted_test
from bayesltv.kernels.actions import CAP, CONTACT, DEPTH, MARGIN, PER_REDEMPTION, RATE, RUNNING
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.prediction.draws import simulate_futures
from bayesltv.prediction.terms import Terms
from bayesltv.specs.decision.actions import EFFECTS as PARAMETERS
from bayesltv.specs.decision.actions import ActionSpec
from bayesltv.streams import generator
from bayesltv.units import convert

_COLUMNS = (
    "effect_mean", "effect_sd", "outcome_sd", "customers", "n_per_arm", "weeks", "net_benefit",
    "evppi_window", "evppi", "evpi", "share_seen", "window_weeks", "watch_weeks", "test_and_roll", "advice",
)  # fmt: skip
EFFECTS, LATENTS, CUSTOMERS = 250, 40, 300
"""Draws of effects, each met with so many draws of the latents of so many customers: 3 million evaluations
of an action take a second, and averages over customers are good to a few per cent."""
RATE_SD = 0.1
"""Sd of the log factor on the rate of an action on dropout that states none: that such an action leaves the
rate exactly as it is would lend a test eyes that it has not, since then the window's small difference gives
dropout away."""
_BLOCK = 50
_LONGER, _ENOUGH = (2.0, 4.0, 8.0, 16.0), 0.7


def plan_tests(
    model: ActionModel,
    offered: Offered,
    *,
    time_unit: str,
    cost: float = 0.0,
    customers_per_week: float | None = None,
    rate_sd: float = RATE_SD,
) -> dict[str, TestPlan]:
    """Return, for each action, how large a test of it against nothing should be, or that it should not be.

    What is decided after the test is whether all who are eligible get the action. Each draw of the effects
    brings net value per eligible customer over the horizon (a share of the fixed cost taken off), and would
    show a difference of what is spent within the action's window; both are averaged over customers and
    latents. The test is worth what the second tells of the first: 0 ≤ EVSI ≤ EVPPI of the window ≤ EVPPI ≤
    EVPI.

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
    rate_sd : float
        Sd of the log factor on the rate of an action on dropout that states none.

    Returns
    -------
    dict of str to TestPlan
        By action, in the file's order; an action that fewer than two customers are eligible for is left out.
    """
    plans = {}
    for at, action in enumerate(model.actions):
        eligible = np.flatnonzero(offered.eligible[:, at])
        if eligible.size < 2:
            continue
        some, alone = _chosen(offered, eligible, CUSTOMERS, at), model.only(at)
        effects = _with_rate(action, _spread(alone.effects[0], action.main_effect), rate_sd, model.seed)
        net = nested_net(alone, some, effects) - action.fixed / eligible.size
        brings, window = net.mean(axis=(0, 2)), float(alone.offers[0, 0])
        traffic = Traffic(int(eligible.size), cost, customers_per_week, convert(window, time_unit, "week"))
        evpi = eligible.size * (float(np.maximum(net, 0.0).mean()) - max(0.0, float(brings.mean())))
        plan = plan_sighted_test(
            shown_within(alone, some, effects, window), brings, outcome_sd=_outcome_sd(model, some, window),
            traffic=traffic, evpi=evpi,
        )  # fmt: skip
        if plan.is_blind:
            watch = _watch(alone, some, effects, plan, brings)
            plan = replace(plan, watch_weeks=convert(watch, time_unit, "week"))
        plans[action.name] = plan
    return plans


def nested_net(model: ActionModel, offered: Offered, effects: Floats) -> Floats:
    """Return net value of one action, shape (customer, effect, latent): every effect meets the same latents.

    Parameters
    ----------
    model : ActionModel
        Of one action.
    offered : Offered
    effects : ndarray, shape (cell, effect, parameter)
    """
    latents, number = model.thinned(LATENTS), effects.shape[1]
    draws = latents.population.draws.size
    many = replace(
        latents,
        actions=model.actions * number,
        offers=np.repeat(model.offers, number, axis=0),
        effects=np.ascontiguousarray(np.repeat(effects.swapaxes(0, 1)[:, :, None], draws, axis=2)),
    )
    everyone = Offered(
        offered.customers, np.ones((len(offered), number), bool), np.repeat(offered.cell, number, axis=0),
        offered.assigned,
    )  # fmt: skip
    return np.concatenate(list(walk(everyone, lambda part: many.draw(part)[0], block=_BLOCK, threads=None)))


def shown_within(model: ActionModel, offered: Offered, effects: Floats, watched: float) -> Floats:
    """Return the mean difference of what a customer spends in a time between endless arms, by effect."""
    offers, plain = model.offers.copy(), effects.copy()
    offers[:, [DEPTH, PER_REDEMPTION, CONTACT, RUNNING]], offers[:, CAP] = 0.0, np.inf
    plain[..., MARGIN] = 1.0
    revenue = replace(model, offers=offers, terms=Terms(watched, 0.0, 1.0))
    shown: Floats = nested_net(revenue, offered, plain).mean(axis=(0, 2))
    return shown


def plans_table(plans: Mapping[str, TestPlan]) -> pd.DataFrame:
    """Return one row per action: the belief, the size, what the test is worth, and what to do."""
    rows = [
        {"action": name} | {each: getattr(plan, each) for each in _COLUMNS} for name, plan in plans.items()
    ]
    table = pd.DataFrame(rows, columns=["action", *_COLUMNS])
    maybe = ["weeks", "evppi_window", "evpi", "share_seen", "watch_weeks"]
    return table.astype(dict.fromkeys(maybe, np.float64))


def _watch(model: ActionModel, some: Offered, effects: Floats, plan: TestPlan, brings: Floats) -> float:
    """Return a longer time to watch that shows most of what the action does; NaN for none."""
    window, horizon = float(model.offers[0, 0]), model.terms.horizon
    size = float(plan.n_per_arm or max(1, plan.customers // 20))
    for watched in [window * each for each in _LONGER if window * each < horizon] + [horizon]:
        sight = make_sight(shown_within(model, some, effects, watched), brings)
        seen = plan.customers * float(sight.evsi(size, _outcome_sd(model, some, watched)))
        if seen >= _ENOUGH * plan.evppi:
            return watched
    return float("nan")


def _with_rate(action: ActionSpec, effects: Floats, rate_sd: float, seed: int) -> Floats:
    """Return effects with an uncertain factor on the rate, where an action on dropout states none."""
    if "dropout" not in action.effects or "rate" in action.effects or action.test is not None:
        return effects
    number = effects.shape[1]
    order = generator(seed, "planned rate", action.name).permutation(number)
    found = effects.copy()
    found[..., RATE] = np.exp(rate_sd * ndtri((order + 0.5) / number))
    return found


def _spread(effects: Floats, main: str) -> Floats:
    """Return at most `EFFECTS` draws, shape (cell, effect, parameter), that are spread as all are.

    They are evenly spaced in the order of the main effect: any others would move what knowing it is worth by
    what chance makes of their mean.
    """
    number = effects.shape[1]
    order = np.argsort(effects[..., list(PARAMETERS).index(main)].mean(axis=0), kind="stable")
    middle = (np.arange(min(EFFECTS, number)) + 0.5) * max(1.0, number / EFFECTS)
    return effects[:, np.sort(order[middle.astype(np.int64)])]


def _chosen(offered: Offered, eligible: Integers, size: int, action: int) -> Offered:
    rows = eligible[np.unique(np.linspace(0, eligible.size - 1, min(size, eligible.size)).astype(np.int64))]
    return offered.alone(rows, action)


def _outcome_sd(model: ActionModel, offered: Offered, watched: float) -> float:
    """Return the sd of what a customer spends in a time about what the history lets expect, in money."""
    terms = Terms(watched, 0.0, 1.0)
    spent = simulate_futures(model.population, offered.customers, terms, seed=model.seed).value
    return float(max(np.sqrt(spent.var(axis=1).mean()), 1e-9))
