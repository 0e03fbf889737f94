"""``decide``: from posterior, customers and a decision file to who gets which action."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.data.arguments import require_fit, require_summary
from bayesltv.decisions.acquisition import acquisition, next_unit_of_money, warn_of_infinite_spend
from bayesltv.decisions.actions import (
    ActionModel,
    Offered,
    Options,
    add_up_all,
    evaluate_all,
    make_action_model,
)
from bayesltv.decisions.allocation import NOBODY, Allocation, allocate
from bayesltv.decisions.baselines import Setting, compare_with, current_codes, values_at_means
from bayesltv.decisions.chance import choose_within, share_of_losses
from bayesltv.decisions.choice import Choice, choose, limit_names, limits_of
from bayesltv.decisions.customer_base import portfolio_table, simple_ltv_table
from bayesltv.decisions.effects import Effects, cells_of, effects_of, warn_of_harmless
from bayesltv.decisions.eligibility import eligible_customers
from bayesltv.decisions.plan import PLAN, Plan, curve_table, customer_table, effect_table
from bayesltv.decisions.planned_tests import plan_tests, plans_table
from bayesltv.decisions.portfolio import action_table, policy_draws, policy_table
from bayesltv.decisions.refresh import Refresh, compare_refresh, has_values, warn_of_campaigns
from bayesltv.decisions.roi import option_table
from bayesltv.decisions.segments import ALL, Counts, segment_table
from bayesltv.decisions.stages import StageBlock, stage_block, stage_limits, warn_of_immortals
from bayesltv.decisions.tested import all_effects, effects_of_tests, uplift_of_tests
from bayesltv.decisions.tiers import with_tier_columns
from bayesltv.errors import DataError, SpecError
from bayesltv.names import (
    CUSTOMER_ID,
    LTV_WITH_REFERRAL,
    MONETARY_VALUE,
    RECENCY,
    REFERRAL_VALUE,
    T,
)
from bayesltv.prediction.customers import Customers, make_customers, walk
from bayesltv.prediction.draws import block_size, match_summary
from bayesltv.prediction.new_groups import UnknownGroups, place
from bayesltv.prediction.population import Population, population_of, read_posterior
from bayesltv.prediction.score import score
from bayesltv.prediction.scoring import DRAWS
from bayesltv.prediction.terms import Terms, terms_of
from bayesltv.prediction.totals import step_of
from bayesltv.spec.budget import BudgetSpec
from bayesltv.spec.catalogue import DecisionLike, decision_of
from bayesltv.spec.decision_spec import DecisionSpec
from bayesltv.streams import generator

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int32]


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
        A decision, a file, or the name of a shipped one: "retention". With actions.
    seed : int
    draws : int, optional
        Posterior draws, spread evenly over chains; None for all.
    effects : mapping of str to Effects or Dataset, optional
        Action -> draws of its effects, one per draw of the whole posterior, in place of its priors: made by
        hand, or a test's (``bayesltv.decisions.uplift.effect_draws``).
    tests : mapping of str to DataTree, optional
        Name of a test -> what ``fit_uplift`` returned, for the actions that name it.
    current : mapping of str to str, optional
        Customer id -> action that is done today, compared with the plan at its own cost.
    previous : DataFrame or mapping, optional
        An earlier export, or customer id -> tier: labels that need not move stay. An export also has the
        values that say who moved, and why: ``plan.refresh``.
    plan_test : bool
        Say for each action how large a test of it should be, or that none pays: ``plan.tests``.
    test_cost : float
        Fixed cost of a test, in money.
    customers_per_week : float, optional
        How many customers a test can enrol in a week, both arms together.
    unknown_groups : "error" or "population"
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
        Where the decision has no actions, nobody is eligible for one, or limits cannot be met.
    """
    decision = decision_of(decision)
    require_fit(fit)
    require_summary(summary)
    _require_actions(decision)
    scores = score(
        fit, summary, decision, seed=seed, draws=draws, unknown_groups=unknown_groups,
        accept_failed=accept_failed, max_fit_age_days=max_fit_age_days, time_unit=time_unit,
        observation_end=observation_end, threads=threads, block=block,
    )  # fmt: skip
    posterior = read_posterior(fit)
    checked = match_summary(
        posterior, summary, time_unit=time_unit, observation_end=observation_end, allow_empty=True
    )
    population = population_of(posterior).thinned(draws)
    population, codes = place(posterior, population, checked, unknown_groups=unknown_groups, seed=seed)
    people = make_customers(
        checked, codes, population.family, with_spend=population.has_spend,
        with_days=population.clock is not None,
    )  # fmt: skip
    names = [action.name for action in decision.actions]
    today = None if current is None else current_codes(current, people.ids, tuple(names))
    terms = terms_of(decision.value, posterior.time_unit)
    _warn_of_immortals(decision, population, people, posterior.time_unit)
    table = _with_referrals(_with_tiers(scores, decision, previous), checked)
    tiers = decision.tiers.names if decision.tiers is not None and "tier" in table else ()
    table, in_stage = _with_stages(
        table, tiers, decision, population, people, terms, posterior.time_unit, seed, threads
    )

    refresh = _refreshed(previous, table, decision)
    if isinstance(previous, pd.DataFrame):
        warn_of_campaigns(previous, scores.attrs["as_of_date"])

    total = posterior.chains * posterior.draws_per_chain
    given = all_effects(
        {**effects_of_tests(decision.actions, tests or {}, total, seed=seed), **(effects or {})}
    )
    known = effects_of(decision.actions, given, total, seed)
    known = [each.taken(population.draws) for each in known]
    warn_of_harmless(decision.actions, given)
    model = make_action_model(
        population, terms, decision.actions, known, time_unit=posterior.time_unit, seed=seed
    )
    asked = _columns_to_ask(table, checked)
    offered = Offered(
        people,
        eligible_customers(decision.actions, asked),
        cells_of(known, asked),
        np.full((0, len(people)), NOBODY, np.int32),
    )
    options = evaluate_all(model, offered, threads=threads, block=block, progress=progress)
    budget = decision.budget or BudgetSpec()
    typical = max(float(np.abs(options.net).mean()), 1e-6) if len(people) else 1.0
    fixed = np.array([action.fixed for action in decision.actions])

    def add_up(policies: Sequence[Codes]) -> Floats:
        alternatives = Offered(people, offered.eligible, offered.cell, np.stack(policies))
        return add_up_all(model, alternatives, step_of(typical), threads=threads, block=block)

    def chosen(under: BudgetSpec) -> Choice:
        return choose(model, offered, options, under, asked, seed=seed, block=block, threads=threads)

    choice, budget = choose_within(
        chosen, lambda each: share_of_losses(add_up([each.treated]), each, fixed), budget
    )
    policies = _policies(model, offered, options, choice, budget, table, today, seed)
    totals = add_up(list(policies.values()))
    names = [action.name for action in decision.actions]
    outcome = policy_draws(totals, policies, names, fixed, people.ids)
    comparison = policy_table(outcome, PLAN, tail=(decision.budget or budget).tail)
    planned = (
        plan_tests(
            model, offered, time_unit=posterior.time_unit, cost=test_cost,
            customers_per_week=customers_per_week,
        )
        if plan_test
        else {}
    )  # fmt: skip
    channels = None
    if decision.acquisition is not None:
        channels = acquisition(population, terms, decision.acquisition, today=people.last_end)
        warn_of_infinite_spend(population)
    mine, basis = comparison.iloc[0], {"value_basis": decision.value.basis}
    return Plan(
        customers=customer_table(table, options, choice, decision.actions, known, budget),
        actions=action_table(outcome, PLAN).assign(**basis, value_kind=LATENT),
        effects=effect_table(model, offered, known),
        policies=comparison.assign(**basis, value_kind=LATENT),
        budget_curve=curve_table(choice.allocation).assign(**basis),
        options=option_table(options, offered.eligible, people.ids, names),
        draws=outcome,
        totals=scores.totals,
        segments=segment_table(table, tiers, in_stage).assign(**basis, value_kind=LATENT),
        portfolio=portfolio_table(scores.totals, scores, decision.value, posterior.columns),
        simple_ltv=simple_ltv_table(
            checked,
            scores,
            scores.totals,
            decision.value,
            columns=posterior.columns,
            time_unit=posterior.time_unit,
        ),
        refresh=refresh,
        uplift=uplift_of_tests(tests or {}),
        attrs=_attributes(scores, posterior.columns, decision, budget, choice, known, mine, refresh),
        tests=planned,
        test_plans=plans_table(planned).assign(**basis) if plan_test else None,
        acquisition=None if channels is None else channels.table.assign(**basis),
        next_unit=None
        if channels is None
        else next_unit_of_money(channels, choice.allocation.shadow_price).assign(**basis),
    )


LATENT = "latent"
"""Value given the customer's latents: what actions are judged by. Totals of what will happen are realised."""


_NET = {"net_mean": "net", "net_p05": "net_p05", "net_p50": "net_p50", "net_p95": "net_p95"}


def _attributes(
    scores: pd.DataFrame,
    groups: Sequence[str],
    decision: DecisionSpec,
    budget: BudgetSpec,
    choice: Choice,
    effects: Sequence[Effects],
    mine: "pd.Series[Any]",
    refresh: Refresh | None,
) -> dict[str, Any]:
    """Return what a plan says of itself; `mine` is its row among the policies."""
    found, risk = choice.allocation, choice.risk or (None, None)
    prices = zip(limit_names(budget, decision.actions), found.limit_prices, strict=False)
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
        "p_loss": float(mine["p_loss"]),
        **{name: float(mine[key]) for name, key in _NET.items()},
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
            action.name: dict(each.source) for action, each in zip(decision.actions, effects, strict=True)
        },
    }


def _require_actions(decision: DecisionSpec) -> None:
    if not decision.actions:
        raise SpecError("the decision has no actions: add [actions.NAME] tables, or use score")


def _with_tiers(
    scores: pd.DataFrame, decision: DecisionSpec, previous: pd.DataFrame | Mapping[str, str] | None
) -> pd.DataFrame:
    """Return the scores with what a wrong label costs, and with labels that need not move."""
    table = pd.DataFrame(scores)
    if decision.tiers is None or "tier" not in table:
        return table
    found = scores.attrs.get("thresholds")  # of tiers that are relative to other customers
    floors = None if found is None else np.asarray(found, dtype=np.float64).mean(axis=1)
    return with_tier_columns(table, decision.tiers, previous=previous, floors=floors)


def _with_referrals(table: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return the scores with the money that the user credits customers with, where the summary says so.

    Raises
    ------
    DataError
        Where it is missing, no number, or negative for a customer.
    """
    if REFERRAL_VALUE not in summary:
        return table
    credit = pd.to_numeric(summary[REFERRAL_VALUE], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = ~(np.isfinite(credit) & (credit >= 0))
    if wrong.any():
        raise DataError(
            f"{REFERRAL_VALUE} is no amount of 0 or more for {int(wrong.sum()):,} of {len(table):,} "
            "customers ({ids}): it is money within the horizon that you credit a customer with, 0 for none",
            ids=summary.loc[wrong, CUSTOMER_ID],
        )
    return table.assign(**{REFERRAL_VALUE: credit, LTV_WITH_REFERRAL: table["ltv_mean"].to_numpy() + credit})


def _warn_of_immortals(
    decision: DecisionSpec, population: Population, people: Customers, time_unit: str
) -> None:
    """Warn of one-time buyers who cannot lapse, where stages or a win-back ask who has."""
    if decision.stages is not None:
        warn_of_immortals(population, people, decision.stages.limits_in(time_unit)[0])
    elif any(action.kind == "win_back" for action in decision.actions):
        warn_of_immortals(population, people)


def _refreshed(
    previous: pd.DataFrame | Mapping[str, str] | None, table: pd.DataFrame, decision: DecisionSpec
) -> Refresh | None:
    """Return what changed since an earlier export; None where there is none, or it holds labels only."""
    if not isinstance(previous, pd.DataFrame) or decision.tiers is None or not has_values(previous):
        return None
    return compare_refresh(previous[previous["tier"].notna()], table, decision.tiers)


def _with_stages(
    scores: pd.DataFrame,
    tiers: tuple[str, ...],
    decision: DecisionSpec,
    population: Population,
    people: Customers,
    terms: Terms,
    time_unit: str,
    seed: int,
    threads: int | None,
) -> tuple[pd.DataFrame, Counts | None]:
    """Return the scores with the columns of stages, and how many of each tier are in each, draw by draw."""
    table = pd.DataFrame(scores)
    if decision.stages is None:
        return table, None
    limits = stage_limits(decision.stages, terms, time_unit)

    def work(some: Customers) -> StageBlock:
        return stage_block(population, some, terms, limits, seed=seed)

    size = block_size(population.draws.size, None)
    tier = table["tier"].to_numpy(object) if tiers else np.full(len(table), ALL, dtype=object)
    order, blocks, counts = [], [], {}
    for name in tiers or (ALL,):  # a customer's draws depend on its own row alone, not on who comes with it
        mine = np.flatnonzero(tier == name)
        some = people.rows(mine)
        found = list(walk(some, work, block=size, threads=threads)) or [work(some)]
        order.append(mine)
        blocks += found
        counts[name] = np.sum([each.counts for each in found], axis=0)
    place = np.argsort(np.concatenate(order))
    columns = {
        name: np.concatenate([each.columns[name] for each in blocks])[place] for name in blocks[0].columns
    }
    return table.assign(**columns), counts


def _columns_to_ask(table: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that conditions may name: those of the scores, and of the summary."""
    extra = {
        name: summary[name].to_numpy()
        for name in (RECENCY, T, MONETARY_VALUE)
        if name in summary and name not in table
    }
    return table.assign(**extra)


def _policies(
    model: ActionModel,
    offered: Offered,
    options: Options,
    choice: Choice,
    budget: BudgetSpec,
    table: pd.DataFrame,
    today: Codes | None,
    seed: int,
) -> dict[str, Codes]:
    """Return the plan and what it is compared with; customers who are held out get nothing from any."""
    free = offered.eligible & ~choice.withheld[:, None]
    money = np.inf if budget.amount is None else budget.amount
    names = tuple(action.name for action in model.actions)
    capacity = [np.inf if action.capacity is None else action.capacity for action in model.actions]
    setting = Setting(
        names,
        options.net,
        options.cost,
        free,
        np.array([action.fixed for action in model.actions]),
        np.array(capacity, dtype=np.float64),
        money,
        choice.allocation.cost if np.isinf(money) else money,
        generator(seed, "policies").permutation(len(free)),
        np.isin(np.arange(len(names)), choice.recommended) | (choice.recommended < 0).all(),
        choice.withheld,
    )

    def plug_in() -> Allocation:
        net, cost = values_at_means(model, offered)
        return allocate(
            net, cost, free, budget=money, fixed=setting.fixed, limits=limits_of(model.actions, budget, table)
        )

    others = compare_with(
        setting,
        churn_risk=1 - table["p_alive"].to_numpy(float),
        ltv=table[LTV_WITH_REFERRAL if LTV_WITH_REFERRAL in table else "ltv_mean"].to_numpy(float),
        plug_in=plug_in,
        current=today,
    )
    return {PLAN: choice.treated, **others}
