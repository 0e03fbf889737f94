"""``decide``: from posterior, customers and a decision file to who gets which action."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.base.placed_base import PlacedBase, place_base
from bayesltv.decisions.baselines import current_codes
from bayesltv.decisions.budget_split import channels_of, with_new_customers
from bayesltv.decisions.campaigns import own_time_of
from bayesltv.decisions.choice import Choice, limit_names, limits_of
from bayesltv.decisions.customers.described import Described, describe
from bayesltv.decisions.customers.portfolio_value import portfolio_table, simple_ltv_table
from bayesltv.decisions.customers.refresh import Refresh
from bayesltv.decisions.customers.segments import segment_table
from bayesltv.decisions.offer.actions import ActionModel, Offered
from bayesltv.decisions.offer.offer import Offer, Walking, believed, make_offer
from bayesltv.decisions.offer.roi import option_table
from bayesltv.decisions.plan import PLAN, TREATED_BEFORE, Plan, curve_table, customer_table, effect_table
from bayesltv.decisions.planned_tests import plan_tests, plans_table
from bayesltv.decisions.policies import Policies, make_policies, with_band
from bayesltv.decisions.portfolio import action_table, policy_draws, policy_table
from bayesltv.decisions.reasons import Expected
from bayesltv.decisions.returns import Segments, return_draws, return_table, segments_of
from bayesltv.decisions.sceptic import sceptic_table
from bayesltv.errors import SpecError
from bayesltv.experiments.effects import Effects
from bayesltv.experiments.measured import uplift_of_tests
from bayesltv.numerics.arrays import Codes, Floats
from bayesltv.prediction.scores.score import ScoreTable, score_base
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.specs.catalogue import DecisionLike, decision_of
from bayesltv.specs.decision.budget import BudgetSpec
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.specs.decision.stages import STAGES


def decide(
    fit: xr.DataTree,
    summary: pd.DataFrame,
    decision: DecisionLike,
    *,
    seed: int,
    draws: int | None = DRAWS,
    effects: Mapping[str, Effects | xr.Dataset] | None = None,
    tests: Mapping[str, xr.DataTree] | None = None,
    current: Mapping[str, str] | None = None,
    previous: pd.DataFrame | Mapping[str, str] | None = None,
    plan_test: bool = False,
    test_cost: float = 0.0,
    customers_per_week: float | None = None,
    unknown_groups: UnknownGroups = "error",
    without_first_amounts: bool = False,
    accept_failed: Sequence[str] = (),
    max_fit_age_days: float | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    threads: int | None = None,
    block: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Plan:
    """Return who gets which action, what that is expected to bring, and what else could be done.

    Actions change the process of purchases (``bayesltv.kernels.actions``); their net value is evaluated at
    the customer's latents and the action's effects draw by draw, with one draw index for all. Customers are
    walked twice: first for each action's expected value, then for the totals of whole policies.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame
        Customer summary; it may be newer than the fit and hold new customers.
    decision : DecisionSpec, str or Path
        A decision, a file, or the name of a shipped one: "retention". With actions, or with acquisition: the
        plan then says what new customers are worth, and has nobody to treat.
    seed : int
    draws : int, optional
        Posterior draws, spread evenly over chains; None for all.
    effects : mapping of str to Effects or Dataset, optional
        Action -> draws of its effects, one per draw of the whole posterior, in place of its priors: made by
        hand, or a test's (``bayesltv.experiments.table.effect_draws``).
    tests : mapping of str to DataTree, optional
        Name of a test -> what ``fit_uplift`` returned, for the actions that name it.
    current : mapping of str to str, optional
        Customer id -> action that is done today, compared with the plan at its own cost.
    previous : DataFrame or mapping, optional
        An earlier export, or customer id -> tier: labels that need not move stay. An export also has the
        values that say who moved, and why: ``plan.refresh``; and whom the earlier plan treated, whose time
        since its ``as_of_date`` has then run by the believed factor, so that the campaign does not count as
        their own habit.
    plan_test : bool
        Say for each action how large a test of it should be, or that none pays: ``plan.tests``.
    test_cost : float
        Fixed cost of a test, in money.
    customers_per_week : float, optional
        How many customers a test can enrol in a week, both arms together.
    unknown_groups : "error" or "population"
    without_first_amounts : bool
        Leave first amounts out of what is known of customers, though the fit uses them: for a summary that
        has none. One-time buyers then all get the same spend.
    accept_failed : sequence of str
        Failed checks of the fit that are accepted.
    max_fit_age_days : float, optional
        Refuse a fit whose data end more days than this before the summary's.
    time_unit, observation_end : str, optional
        For a summary that has lost its attributes.
    threads, block : int, optional
        Change speed and memory, never a number.
    progress : callable, optional
        Told how many customers have been evaluated since it was last called.

    Returns
    -------
    Plan

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed.
    DataError
        Where the summary does not fit the fit, the fit has no spend model, or `current` names an action that
        the decision does not have.
    SpecError
        Where the decision has neither actions nor acquisition, nobody is eligible for an action, or limits
        cannot be met.
    """
    decision = decision_of(decision)
    meeting = Meeting(
        seed, None, unknown_groups, accept_failed, max_fit_age_days, time_unit, observation_end,
        without_first_amounts,
    )  # fmt: skip
    base = place_base(fit, summary, meeting)
    asked = PlanRequest(
        draws, effects or {}, tests or {}, current, previous, plan_test, test_cost, customers_per_week
    )
    return decide_base(base, decision, asked, walking=Walking(threads, block, progress))


@dataclass(frozen=True)
class PlanRequest:
    """What a plan is asked beside its decision; as the arguments of `decide`."""

    draws: int | None = DRAWS
    effects: Mapping[str, Effects | xr.Dataset] = field(default_factory=dict)
    tests: Mapping[str, xr.DataTree] = field(default_factory=dict)
    current: Mapping[str, str] | None = None
    previous: pd.DataFrame | Mapping[str, str] | None = None
    plan_test: bool = False
    test_cost: float = 0.0
    customers_per_week: float | None = None


def decide_base(base: PlacedBase, decision: DecisionSpec, asked: PlanRequest, *, walking: Walking) -> Plan:
    """Return who of a base gets which action; see `decide`."""
    _require_question(decision)
    threads, effects = walking.threads, believed(base, decision, asked.effects, asked.tests)
    base = replace(base, own_time=own_time_of(asked.previous, base, decision.actions, effects))
    scores = score_base(base, decision, draws=asked.draws, threads=threads, block=walking.block)
    placed = base.placed(asked.draws)
    names = tuple(action.name for action in decision.actions)
    today = None if asked.current is None else current_codes(asked.current, placed.customers.ids, names)
    people = describe(base, placed, scores, decision, previous=asked.previous, threads=threads)
    offer = make_offer(base, placed, decision, people.asked, effects=effects, walking=walking)
    channels = channels_of(placed, decision, base.posterior.time_unit)
    market = channels.market if channels is not None and channels.share else None
    policies = make_policies(
        offer, decision.budget or BudgetSpec(), people.table, market=market, today=today, seed=base.seed
    )
    plan = _plan(base, decision, scores, people, offer, policies)
    attrs = {**plan.attrs, TREATED_BEFORE: 0 if base.own_time is None else base.own_time.customers}
    plan = replace(plan, uplift=uplift_of_tests(asked.tests), attrs=attrs)
    if channels is not None:
        found = policies.choice.allocation
        plan = with_new_customers(plan, channels, decision, found, base.posterior.time_unit)
    return _with_tests(plan, offer, decision, base.posterior.time_unit, asked) if asked.plan_test else plan


def _plan(
    base: PlacedBase,
    decision: DecisionSpec,
    scores: ScoreTable,
    people: Described,
    offer: Offer,
    policies: Policies,
) -> Plan:
    """Return the tables of a plan: the second walk, over whole policies."""
    choice, budget, columns = policies.choice, policies.budget, base.posterior.columns
    ids, eligible = offer.offered.customers.ids, offer.offered.eligible
    totals, returns = _totals(offer, policies, _segments(people, columns if offer.names else None))
    band = with_band(curve_table(choice.allocation), policies, totals, offer.fixed)
    outcome = policy_draws(totals[: len(policies.assigned)], policies.assigned, offer.names, offer.fixed, ids)
    sceptic, enough = _doubted(offer, choice, float(outcome["fixed_cost"].sel(policy=PLAN).sum()))
    comparison = policy_table(outcome, PLAN, tail=(decision.budget or budget).tail)
    basis = {"value_basis": decision.value.basis}
    return Plan(
        customers=customer_table(
            people.table, offer.options, choice, decision.actions, offer.effects, budget,
            expected=Expected(
                offer.options.net, offer.options.cost, eligible, offer.fixed, choice.allocation.shadow_price,
                bool(limits_of(decision.actions, budget, people.asked)),
            ),
        ),
        actions=action_table(outcome, PLAN).assign(**basis, value_kind=LATENT),
        effects=effect_table(offer.model, offer.offered, offer.effects),
        policies=comparison.assign(**basis, value_kind=LATENT),
        budget_curve=band.assign(**basis),
        options=option_table(offer.options, eligible, ids, offer.names),
        draws=outcome,
        totals=scores.totals,
        segments=segment_table(people.table, people.tiers, people.in_stage).assign(
            **basis, value_kind=LATENT
        ),
        portfolio=portfolio_table(scores.totals, scores, decision.value, columns),
        simple_ltv=simple_ltv_table(
            base.summary, scores, scores.totals, decision.value, columns=columns,
            time_unit=base.posterior.time_unit,
        ),
        refresh=people.refresh,
        attrs=_attributes(scores, columns, offer, policies, comparison.iloc[0], people.refresh)
        | {"break_even_share": enough},
        returns=return_table(returns).assign(**basis) if returns.sizes["segment"] else None,
        return_draws=returns,
        sceptic=sceptic.assign(**basis) if offer.names else None,
    )  # fmt: skip


def _segments(people: Described, columns: Sequence[str] | None) -> Segments:
    """Return the segments that returns are told by, tiers from high to low; none without actions."""
    orders = {"tier": people.tiers[::-1], "stage": STAGES}
    return segments_of(people.table, () if columns is None else ("tier", "stage", *columns), orders)


def _totals(offer: Offer, policies: Policies, segments: Segments) -> tuple[Floats, xr.Dataset]:
    """Return totals of the policies and of those along the curve, and by segment and action: one walk."""
    treated = policies.choice.treated
    whole = [*policies.assigned.values(), *(each.assigned for each in policies.along)]
    n = len(whole)

    def expand(part: Offered) -> Codes:
        rows, codes = part.assigned[:n], part.assigned[n:]
        return np.vstack([rows, segments.policies(rows[0], part.eligible, codes)])

    totals = offer.add_up([*whole, *segments.codes], expand)
    eligible = offer.offered.eligible
    return totals[:n], return_draws(totals[n:], segments, treated, eligible, offer.names)


def _doubted(offer: Offer, choice: Choice, fixed: float) -> tuple[pd.DataFrame, float]:
    """Return the plan if its actions do less than is believed."""

    def add_up(model: ActionModel) -> Floats:
        totals: Floats = offer.add_up_under(model, [choice.treated])[0]
        return totals

    return sceptic_table(offer.model, add_up, fixed)


def _with_tests(plan: Plan, offer: Offer, decision: DecisionSpec, time_unit: str, asked: PlanRequest) -> Plan:
    """Return the plan with how large a test of each action should be."""
    planned = plan_tests(
        offer.model, offer.offered, time_unit=time_unit, cost=asked.test_cost,
        customers_per_week=asked.customers_per_week,
    )  # fmt: skip
    table = plans_table(planned).assign(value_basis=decision.value.basis)
    return replace(plan, tests=planned, test_plans=table)


LATENT = "latent"
"""Value given the customer's latents: what actions are judged by. Totals of what will happen are realised."""


_NET = {
    "p_loss": "p_loss",
    "net_mean": "net",
    "net_p05": "net_p05",
    "net_p50": "net_p50",
    "net_p95": "net_p95",
}


def _attributes(
    scores: pd.DataFrame,
    groups: Sequence[str],
    offer: Offer,
    policies: Policies,
    mine: "pd.Series[Any]",
    refresh: Refresh | None,
) -> dict[str, Any]:
    """Return what a plan says of itself; `mine` is its row among the policies."""
    budget, choice, actions = policies.budget, policies.choice, offer.model.actions
    found, risk = choice.allocation, choice.risk or (None, None)
    prices = zip(limit_names(budget, actions), found.limit_prices, strict=False)
    return {
        **{str(name): value for name, value in scores.attrs.items()},
        "groups": list(groups),
        "stayed_in_tier": None if refresh is None else refresh.stayed,
        "stability_index": None if refresh is None else refresh.stability_index,
        "budget": budget.amount,
        "hold_out": budget.hold_out,
        "held_out": int(choice.held_out.sum()),
        "risk_weight": budget.risk_weight,
        "max_p_loss": budget.max_p_loss,
        **{name: float(mine[key]) if actions else None for name, key in _NET.items()},
        "cost_mean": float(mine["cost"]),
        "allocation_cost": found.cost,
        "allocation_net": found.net,
        "allocation_bound": found.bound,
        "allocation_gap": found.gap,
        "allocation_method": found.method,
        "shadow_price": found.shadow_price,
        "limit_prices": dict(prices),
        "risk_value": risk[0],
        "risk_bound": risk[1],
        "effect_sources": {
            action.name: dict(each.source) for action, each in zip(actions, offer.effects, strict=True)
        },
    }


def _require_question(decision: DecisionSpec) -> None:
    if not decision.actions and decision.acquisition is None:
        raise SpecError(
            "the decision has neither actions nor acquisition: add [actions.NAME] tables, or [acquisition] "
            "with what a new customer costs, or use score"
        )
