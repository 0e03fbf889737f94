"""Who the customers of a plan are: their scores with tiers, stages and what changed since the last export."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesltv.base.customers import Customers, walk
from bayesltv.base.placed_base import PlacedBase, Placement
from bayesltv.base.population import Population
from bayesltv.decisions.customers.refresh import Refresh, compare_refresh, has_values
from bayesltv.decisions.customers.segments import ALL, Counts
from bayesltv.decisions.customers.stages import StageBlock, stage_block, stage_limits, warn_of_immortals
from bayesltv.decisions.customers.tiers import with_tier_columns
from bayesltv.errors import DataError
from bayesltv.names import CUSTOMER_ID, LTV_WITH_REFERRAL, MONETARY_VALUE, RECENCY, REFERRAL_VALUE, T
from bayesltv.prediction.draws import block_size
from bayesltv.prediction.terms import terms_of
from bayesltv.specs.decision.decision_spec import DecisionSpec

Previous = pd.DataFrame | Mapping[str, str] | None


@dataclass(frozen=True)
class Described:
    """What is known of customers before anything is offered to them.

    Attributes
    ----------
    table : DataFrame
        One row per customer: scores, tiers, stages.
    asked : DataFrame
        What conditions may name: the table, and columns of the summary.
    tiers : tuple of str
        Low to high; none without tiers.
    in_stage : Counts, optional
        How many of each tier are in each stage, draw by draw.
    refresh : Refresh, optional
        What changed since an earlier export.
    """

    table: pd.DataFrame
    asked: pd.DataFrame
    tiers: tuple[str, ...]
    in_stage: Counts | None
    refresh: Refresh | None


def describe(
    base: PlacedBase,
    placed: Placement,
    scores: pd.DataFrame,
    decision: DecisionSpec,
    *,
    previous: Previous,
    threads: int | None,
) -> Described:
    """Return who the customers of a base are.

    Raises
    ------
    DataError
        Where a referral value is missing, no number, or negative for a customer.
    """
    unit = base.posterior.time_unit
    _warn_of_immortals(decision, placed.population, placed.customers, unit)
    table = _with_referrals(_with_tiers(scores, decision, previous), base.summary)
    tiers = decision.tiers.names if decision.tiers is not None and "tier" in table else ()
    table, in_stage = _with_stages(table, tiers, decision, placed, unit, seed=base.seed, threads=threads)
    refresh = _refreshed(previous, table, decision)
    return Described(table, _columns_to_ask(table, base.summary), tiers, in_stage, refresh)


def _with_tiers(scores: pd.DataFrame, decision: DecisionSpec, previous: Previous) -> pd.DataFrame:
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
    elif any(action.returns for action in decision.actions):
        warn_of_immortals(population, people)


def _refreshed(previous: Previous, table: pd.DataFrame, decision: DecisionSpec) -> Refresh | None:
    """Return what changed since an earlier export; None where there is none, or it holds labels only."""
    if not isinstance(previous, pd.DataFrame) or decision.tiers is None or not has_values(previous):
        return None
    return compare_refresh(previous[previous["tier"].notna()], table, decision.tiers)


def _with_stages(
    scores: pd.DataFrame,
    tiers: tuple[str, ...],
    decision: DecisionSpec,
    placed: Placement,
    time_unit: str,
    *,
    seed: int,
    threads: int | None,
) -> tuple[pd.DataFrame, Counts | None]:
    """Return the scores with the columns of stages, and how many of each tier are in each, draw by draw."""
    table = pd.DataFrame(scores)
    if decision.stages is None:
        return table, None
    _, population, people = placed
    terms = terms_of(decision.value, time_unit)
    limits, doubt = stage_limits(decision.stages, terms, time_unit), decision.stages.at_risk_from

    def work(some: Customers) -> StageBlock:
        return stage_block(population, some, terms, limits, at_risk_from=doubt, seed=seed)

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
