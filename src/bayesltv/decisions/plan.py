"""A plan: who gets what, what it is expected to bring, and how it compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.allocation.allocation import Allocation
from bayesltv.decisions.choice import HOLD_OUT, Choice
from bayesltv.decisions.customers.refresh import Refresh
from bayesltv.decisions.offer.actions import ActionModel, Offered, Options
from bayesltv.decisions.offer.roi import break_even, elasticity
from bayesltv.decisions.reasons import Expected, reasons, runners_up
from bayesltv.experiments.effects import Effects
from bayesltv.experiments.test_plan import TestPlan
from bayesltv.languages.notebook import html_of
from bayesltv.names import CUSTOMER_ID
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.levels import ENDS, quantiles_of
from bayesltv.specs.decision.actions import NO_ACTION, ActionSpec
from bayesltv.specs.decision.budget import BudgetSpec

CURVE_POINTS = 400
ALWAYS = ("actions", "effects", "policies", "budget_curve", "segments", "portfolio", "simple_ltv")
"""Tables that every plan has."""
SOMETIMES = (
    "returns", "sceptic", "at_risk", "migration", "movers", "uplift", "test_plans", "acquisition", "split",
    "next_unit",
)  # fmt: skip
"""Tables that earlier versions lack, or that need stages, an earlier export, tests or acquisition."""
AT_RISK = (
    CUSTOMER_ID, "value_at_risk", "p_drops_out", "p_no_purchase", "p_alive", "ltv_mean", "tier", "stage",
    "recommended_action", "assignment", "reason", "runner_up",
)  # fmt: skip
"""Columns of the list of who is slipping away."""
EFFECT_COLUMNS = (
    "action", "parameter", "mean", "p05", "p95", "effect_source", "measured_as", "break_even",
    "break_even_elasticity",
)  # fmt: skip
UNTESTED = ("dropout", "rate_after")
"""What no test of some weeks shows: listed as assumed where an action was tested."""
PLAN = "plan"
"""Name of the plan among the policies."""
TREATED_BEFORE = "treated_before"
"""Attribute: customers whose time has run by the factors of an earlier plan."""


@dataclass(frozen=True)
class Plan:
    """What ``decide`` recommends.

    Attributes
    ----------
    customers : DataFrame
        One row per customer in the summary's order: the columns of ``score`` and of stages, then
        ``recommended_action`` ("none" where none pays), ``assignment`` (what is really done: "hold_out" where
        the recommended action is withheld at random), ``propensity`` (probability of that assignment),
        ``action_net_mean``, ``_p05``, ``_p95``, ``p_action_pays``, ``action_cost_mean``,
        ``action_subsidy_mean``, ``action_roi`` (net over cost, of the means) and ``effect_source`` of the
        recommended action; ``runner_up`` and ``runner_up_net_mean``, the best option beside it; ``reason``
        where nothing is done: "not_eligible", "does_not_pay", "budget", "capacity" or "held_out".
    actions : DataFrame
        Profit and loss of each action and in all, over the customers who get it.
    effects : DataFrame
        One row per action and parameter: mean, 5 and 95 % of its draws, where they come from, and for the
        main effect the value at which the action would just pay (for a price change also as an elasticity).
    policies : DataFrame
        The plan and what it is compared with.
    budget_curve : DataFrame
        ``cost`` and ``net``: expected net value of the best allocation for each amount of money; ``net_p05``
        and ``net_p95`` over draws.
    options : xarray.Dataset
        What each action would bring each customer, dims (customer_id, action).
    draws : xarray.Dataset
        Totals of all policies draw by draw, and what each of them gives whom.
    totals : xarray.Dataset
        ``scores.totals``.
    segments : DataFrame
        Key figures by tier and stage.
    portfolio : DataFrame
        Totals of the customers one has by group and tier: past value, and future value with intervals.
    simple_ltv : DataFrame
        The model's value beside reckonings that need no model.
    attrs : mapping
        Budget, cost, gap, bound, shadow price, seed, hashes, currency, horizon.
    refresh : Refresh, optional
        What changed since the earlier export, where one was given.
    uplift : DataFrame, optional
        Effects by cell and arm, raw and shrunk, of the tests that were given.
    tests : mapping of str to TestPlan
        By action: whether to test it first; empty where not asked for.
    test_plans : DataFrame, optional
        `tests` as a table.
    acquisition : DataFrame, optional
        What new customers of each group are worth against their cost, where the decision states costs.
    split : DataFrame, optional
        How the budget is shared between the customers one has and new ones, where capacities are stated; net
        value draw by draw is ``draws["split_net"]``.
    next_unit : DataFrame, optional
        What one more unit of money brings in retention and in each group's acquisition.
    returns : DataFrame, optional
        What each action returns by tier, stage and group: for all who are eligible and for those chosen.
    return_draws : xarray.Dataset, optional
        The profit and loss behind `returns`, draw by draw.
    sceptic : DataFrame, optional
        What the plan brings if its actions do less than is believed.
    """

    customers: pd.DataFrame
    actions: pd.DataFrame
    effects: pd.DataFrame
    policies: pd.DataFrame
    budget_curve: pd.DataFrame
    options: xr.Dataset
    draws: xr.Dataset
    totals: xr.Dataset
    segments: pd.DataFrame
    portfolio: pd.DataFrame
    simple_ltv: pd.DataFrame
    attrs: Mapping[str, Any]
    refresh: Refresh | None = None
    uplift: pd.DataFrame | None = None
    tests: Mapping[str, TestPlan] = field(default_factory=dict)
    test_plans: pd.DataFrame | None = None
    acquisition: pd.DataFrame | None = None
    split: pd.DataFrame | None = None
    next_unit: pd.DataFrame | None = None
    returns: pd.DataFrame | None = None
    return_draws: xr.Dataset | None = None
    sceptic: pd.DataFrame | None = None

    @property
    def actions_offered(self) -> int:
        """How many actions the decision has: without any the plan is about new customers alone."""
        return int(self.options.sizes["action"])

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables but the customers', by name: those that every plan has, then those that it may have."""
        told = self.refresh
        may = {
            "migration": None if told is None else told.migration.reset_index().rename_axis(columns=None),
            "movers": None if told is None else told.movers,
            "uplift": self.uplift,
            "test_plans": self.test_plans,
            "acquisition": self.acquisition,
            "split": self.split,
            "next_unit": self.next_unit,
            "returns": self.returns,
            "sceptic": self.sceptic,
            "at_risk": at_risk_table(self.customers),
        }
        always = {name: getattr(self, name) for name in ALWAYS}
        return always | {name: table for name, table in may.items() if table is not None}

    def _repr_html_(self) -> str:
        policies = ["policy", "customers", "cost", "net", "net_p05", "net_p95", "p_plan_better"]
        actions = ["action", "customers", "cost", "net", "net_p05", "net_p95", "p_pays"]
        tables = {"what it brings": self.actions[actions], "beside other rules": self.policies[policies]}
        return html_of(repr(self).strip("<>"), tables)

    def __repr__(self) -> str:
        told = self.attrs
        if self.actions_offered == 0 and self.acquisition is not None:
            return f"<Plan: no actions; what new customers of {len(self.acquisition):,} groups are worth>"
        counts = ", ".join(
            f"{name} {number:,}"
            for name, number in self.customers["assignment"].value_counts(sort=False).items()
        )
        return (
            f"<Plan: net {told['net_mean']:,.2f} ({told['net_p05']:,.2f} to {told['net_p95']:,.2f}) "
            f"{told['currency'] or ''} at cost {told['cost_mean']:,.2f}; {counts}>"
        )


def customer_table(
    table: pd.DataFrame,
    options: Options,
    choice: Choice,
    actions: Sequence[ActionSpec],
    effects: Sequence[Effects],
    budget: BudgetSpec,
    *,
    expected: Expected,
) -> pd.DataFrame:
    """Return the score table with what is recommended to each customer, why, and what that should bring."""
    names = np.array([*(action.name for action in actions), NO_ACTION], dtype=object)
    sources = np.array([*(each.overall for each in effects), None], dtype=object)
    rows, at = np.arange(len(table)), choice.recommended
    is_none = at < 0

    def chosen(values: Floats) -> Floats:
        return np.column_stack([values, np.full(len(rows), np.nan)])[rows, at]  # -1: the last, for none

    assignment = names[at].copy()
    assignment[choice.held_out] = HOLD_OUT
    propensity = np.where(choice.held_out, budget.hold_out, 1 - budget.hold_out)
    second, second_net = runners_up(expected, at)
    columns = {
        "recommended_action": names[at],
        "action_net_mean": chosen(options.net),
        "action_net_p05": chosen(options.quantiles[0]),
        "action_net_p95": chosen(options.quantiles[2]),
        "p_action_pays": chosen(options.p_pays),
        "action_cost_mean": chosen(options.cost),
        "action_subsidy_mean": chosen(options.parts[..., 2]),
        "action_roi": chosen(_over(options.net, options.cost)),
        "effect_source": sources[at],
        "assignment": assignment,
        "propensity": np.where(is_none, 1.0, propensity),
        "reason": reasons(expected, at, choice.withheld),
        "runner_up": names[second],
        "runner_up_net_mean": second_net,
    }
    return table.assign(**columns)


def _over(net: Floats, cost: Floats) -> Floats:
    ratio: Floats = np.divide(net, cost, out=np.full(net.shape, np.nan), where=cost > 0)
    return ratio


def at_risk_table(customers: pd.DataFrame) -> pd.DataFrame | None:
    """Return who is slipping away, by value at risk; None without stages or spend.

    Customers by whom something would be lost within `warning_within` of the stages: the money that dropping
    out would cost, with its chance, and what is done about it.
    """
    if "value_at_risk" not in customers:
        return None
    columns = [each for each in AT_RISK if each in customers]
    ranked = customers.loc[customers["value_at_risk"] > 0, columns]
    return ranked.sort_values("value_at_risk", ascending=False, kind="stable").reset_index(drop=True)


def effect_table(model: ActionModel, offered: Offered, effects: Sequence[Effects]) -> pd.DataFrame:
    """Return what is known of each effect, and at which value of the main one the action just pays."""
    rows = []
    for at, (action, each) in enumerate(zip(model.actions, effects, strict=True)):
        unknown = UNTESTED if "test" in each.source.values() else ()
        none = {name: np.ones(1) for name in unknown if name not in each.values}
        for name, values in {**each.values, **none}.items():
            is_main = name == action.main_effect and len(offered) > 0
            even = break_even(model, offered, at) if is_main else np.nan
            rows.append(
                {
                    "action": action.name,
                    "parameter": name,
                    "mean": float(values.mean()),
                    **quantiles_of(values, levels=ENDS),
                    "effect_source": each.source.get(name, "assumed"),
                    "measured_as": each.measured.get(name, "no effect" if name in none else "a belief"),
                    "break_even": even,
                    "break_even_elasticity": elasticity(even, action.price),
                }
            )
    return pd.DataFrame(rows, columns=EFFECT_COLUMNS)


def curve_table(allocation: Allocation) -> pd.DataFrame:
    """Return at most a few hundred points of the curve, the corners that matter kept."""
    cost, net = allocation.curve
    kept = np.unique(np.linspace(0, cost.size - 1, min(cost.size, CURVE_POINTS)).astype(np.int64))
    return pd.DataFrame({"cost": cost[kept], "net": net[kept]})
