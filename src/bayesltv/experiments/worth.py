"""Is a test worth it: the value of information about an action's effect, by size of the test.

One arm against control, n customers in each, and an outcome of sd s of a single customer. What the action
brings over the horizon is not what a window shows: either both are one number, N(m₀, s₀²) before the test,
or draws say of each effect what it brings and what the window would show of it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from bayesltv.experiments.sight import make_sight
from bayesltv.experiments.test_plan import TestPlan
from bayesltv.numerics.arrays import Floats
from bayesltv.specs import checked

_GRID, _NEAR = 120, 40


def evsi(n: float | Floats, effect_mean: float, effect_sd: float, outcome_sd: float) -> Floats:
    """Return the expected value of sample information per customer who is decided on afterwards.

    The posterior mean of the effect is a priori N(m₀, u²), u = s₀²/√(s₀² + 2s²/n), and the action is taken
    where it is positive: m₀Φ(m₀/u) + uφ(m₀/u) − max(0, m₀) (Raiffa & Schlaifer 1961).

    Parameters
    ----------
    n : float or ndarray
        Customers per arm; infinity gives the value of knowing the effect (EVPPI).
    effect_mean, effect_sd, outcome_sd : float
        m₀, s₀ and s, in money per customer.

    Returns
    -------
    ndarray, shape of `n`
        Money per customer.
    """
    size = np.asarray(n, dtype=np.float64)
    with np.errstate(divide="ignore"):
        spread = effect_sd**2 + 2 * outcome_sd**2 / size
    u = np.where(np.isfinite(spread), effect_sd**2 / np.sqrt(spread), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(u > 0, effect_mean / u, np.inf)
    density = np.exp(-0.5 * z**2) / math.sqrt(2 * math.pi)
    # |m₀|Φ(−|m₀|/u) is what is lost by being wrong, without the cancellation of m₀Φ(m₀/u) − max(0, m₀)
    gained: Floats = np.where(u > 0, u * density - abs(effect_mean) * ndtr(-np.abs(z)), 0.0)
    return np.maximum(gained, 0.0)


def net_benefit(
    n: float | Floats,
    customers: float,
    effect_mean: float,
    effect_sd: float,
    outcome_sd: float,
    *,
    cost: float = 0.0,
) -> Floats:
    """Return the expected net benefit of sampling (ENBS) of a test with n customers per arm, in money.

    (N − 2n)(EVSI + max(0, m₀)) + n m₀ − N max(0, m₀) − cost: those in the test are treated as the test says,
    half of them, and the rest as the better arm. Without a test everybody is treated where m₀ > 0.
    """
    return _benefit(n, evsi(n, effect_mean, effect_sd, outcome_sd), customers, effect_mean, cost)


def _benefit(n: float | Floats, evsi: Floats, customers: float, effect_mean: float, cost: float) -> Floats:
    size, now = np.asarray(n, dtype=np.float64), max(0.0, effect_mean)
    return (customers - 2 * size) * (evsi + now) + size * effect_mean - customers * now - cost


def test_and_roll(customers: float, outcome_sd: float, arm_sd: float) -> float:
    """Return the profit-maximising customers per arm of a test of two arms that are alike a priori.

    n = √(N/4 (s/σ)² + (¾(s/σ)²)²) − ¾(s/σ)² (Feit & Berman 2019, eq. 10).

    Parameters
    ----------
    customers : float
        N, those in the test included.
    outcome_sd : float
        s, of a single customer's outcome.
    arm_sd : float
        σ, of the mean outcome of an arm before the test. The difference of two such arms has sd √2 σ.
    """
    ratio = (outcome_sd / arm_sd) ** 2
    return math.sqrt(customers / 4 * ratio + (0.75 * ratio) ** 2) - 0.75 * ratio


def plan_test(
    *,
    effect_mean: float,
    effect_sd: float,
    outcome_sd: float,
    customers: int,
    cost: float = 0.0,
    customers_per_week: float | None = None,
    window_weeks: float = 0.0,
    evpi: float | None = None,
) -> TestPlan:
    """Return how large a test of one action should be, and whether it is worth it.

    Parameters
    ----------
    effect_mean, effect_sd : float
        Belief about the net effect of the action per customer, money over the horizon of value: the mean and
        sd over draws of the action's *effects*, after averaging over the customers' latents.
    outcome_sd : float
        Standard deviation of a single customer's outcome as the test measures it, in the same money.
    customers : int
        Everybody whom the action is for, those in the test included.
    cost : float
        Fixed cost of the test: people, delay.
    customers_per_week : float, optional
        How many can be enrolled in a week, both arms together.
    window_weeks : float
        How long the outcome of a customer is watched.
    evpi : float, optional
        The expected value of perfect information, to be printed beside.

    Returns
    -------
    TestPlan

    Raises
    ------
    SpecError
        Where a number is impossible.
    """
    checked.number("effect_mean", effect_mean)
    checked.number("effect_sd", effect_sd, at_least=0.0)
    checked.number("outcome_sd", outcome_sd, above=0.0)
    checked.count("customers", customers, at_least=2)
    checked.number("cost", cost, at_least=0.0)
    checked.number("window_weeks", window_weeks, at_least=0.0)
    if customers_per_week is not None:
        checked.number("customers_per_week", customers_per_week, above=0.0)
    belief = (effect_mean, effect_sd, outcome_sd)
    traffic = Traffic(customers, cost, customers_per_week, window_weeks)
    plan = _best(lambda n: evsi(n, *belief), effect_mean, traffic)
    arm_sd = effect_sd / math.sqrt(2)
    return TestPlan(
        effect_mean=effect_mean,
        effect_sd=effect_sd,
        outcome_sd=outcome_sd,
        evppi=float(customers * evsi(np.inf, *belief)),
        evpi=evpi,
        test_and_roll=round(test_and_roll(customers, outcome_sd, arm_sd)) if arm_sd > 0 else 0,
        **plan,
    )


@dataclass(frozen=True)
class Traffic:
    """Whom a test is for, its fixed cost, how many a week can be enrolled, and how long they are watched."""

    customers: int
    cost: float = 0.0
    customers_per_week: float | None = None
    window_weeks: float = 0.0


def plan_sighted_test(
    shown: Floats, brings: Floats, *, outcome_sd: float, traffic: Traffic, evpi: float | None = None
) -> TestPlan:
    """Return how large a test should be of an action whose window does not show all that it does.

    Parameters
    ----------
    shown, brings : ndarray, shape (draw,)
        Of each draw of the effects, per customer, averaged over customers and their latents: the difference
        of the outcome between arms in the window, and net value over the horizon.
    outcome_sd : float
        Standard deviation of a customer's outcome in the window given the history.
    traffic : Traffic
    evpi : float, optional
        Over all customers, to be printed beside.
    """
    sight, mean = make_sight(shown, brings), float(brings.mean())
    plan = _best(lambda n: sight.evsi(n, outcome_sd), mean, traffic)
    number, arm_sd = traffic.customers, float(shown.std()) / math.sqrt(2)
    window = number * sight.ceiling
    evppi = max(window, number * (float(np.maximum(brings, 0.0).mean()) - max(0.0, mean)))
    seen = number * float(sight.evsi(float(plan["n_per_arm"] or max(1, number // 20)), outcome_sd))
    return TestPlan(
        effect_mean=mean,
        effect_sd=float(brings.std()),
        outcome_sd=outcome_sd,
        evppi=evppi,
        evpi=evpi,
        test_and_roll=round(test_and_roll(number, outcome_sd, arm_sd)) if arm_sd > 0 else 0,
        evppi_window=window,
        share_seen=seen / evppi if evppi > 0 else None,
        **plan,
    )


def _best(worth: Callable[[Floats], Floats], effect_mean: float, traffic: Traffic) -> dict[str, Any]:
    """Return the size of the highest net benefit, and the curve; no test where none is positive."""
    customers, cost = traffic.customers, traffic.cost
    sizes = np.unique(np.rint(np.geomspace(1, customers // 2, _GRID)))
    values = worth(sizes)
    benefits = _benefit(sizes, values, customers, effect_mean, cost)
    best = int(np.argmax(benefits))
    low, high = sizes[max(best - 1, 0)], sizes[min(best + 1, sizes.size - 1)]
    while high - low > _NEAR:
        near = np.unique(np.rint(np.linspace(low, high, _NEAR)))
        exact = _benefit(near, worth(near), customers, effect_mean, cost)
        at = int(np.argmax(exact))
        low, high = near[max(at - 1, 0)], near[min(at + 1, near.size - 1)]
    near = np.arange(low, high + 1)
    exact = _benefit(near, worth(near), customers, effect_mean, cost)
    size, gained = int(near[np.argmax(exact)]), float(exact.max())
    if gained <= 0.0 or not values.any():
        size, gained = 0, 0.0
    weeks = None
    if traffic.customers_per_week and size:
        weeks = 2 * size / traffic.customers_per_week + traffic.window_weeks
    curve = pd.DataFrame(
        {"n_per_arm": sizes.astype(np.int64), "evsi": customers * values, "net_benefit": benefits}
    )
    return {
        "customers": customers, "cost": cost, "n_per_arm": size, "net_benefit": gained, "weeks": weeks,
        "window_weeks": traffic.window_weeks, "curve": curve,
    }  # fmt: skip
