"""``score``: one flat row per customer, and totals per draw beside it."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.data.cells import number_rows
from bayesltv.data.validate import resolve_observation_end
from bayesltv.errors import BayesltvWarning
from bayesltv.kernels.closed_forms import COLUMNS, closed_forms, value_means
from bayesltv.kernels.reductions import quantiles
from bayesltv.names import (
    CURRENCY,
    CUSTOMER_ID,
    FIRST_PURCHASE,
    FREQUENCY,
    LAST_PURCHASE,
    OBSERVATION_END,
    VALUE_TO_DATE,
)
from bayesltv.prediction.customers import Customers, make_customers, walk
from bayesltv.prediction.draws import block_size, match_summary, simulate_futures
from bayesltv.prediction.gate import require_passed
from bayesltv.prediction.new_groups import UnknownGroups, place
from bayesltv.prediction.population import Population, Posterior, population_of, read_posterior
from bayesltv.prediction.terms import Terms, terms_of
from bayesltv.prediction.tiers import tier_labels, tier_probabilities
from bayesltv.prediction.totals import Totals, add_up, labelled, step_of
from bayesltv.spec.decision_spec import DecisionSpec
from bayesltv.units import DAYS_PER

DRAWS = 1000
QUANTILES = {"ltv_p05": 0.05, "ltv_p50": 0.5, "ltv_p95": 0.95}
Columns = dict[str, NDArray[Any]]


class ScoreTable(pd.DataFrame):
    """A DataFrame with the totals per draw beside it, as ``scores.totals`` (an xarray.Dataset)."""

    _metadata = ["totals"]  # noqa: RUF012  (pandas' own protocol)
    totals: xr.Dataset

    @property
    def _constructor(self) -> type["ScoreTable"]:
        return ScoreTable


@dataclass(frozen=True)
class Scorer:
    """All that a block needs to be scored; the same on every thread and engine.

    Attributes
    ----------
    population : Population
    terms : Terms
    decision : DecisionSpec
    seed : int
    days_per_unit : float
    step : float
        Of the totals, in money.
    """

    population: Population
    terms: Terms
    decision: DecisionSpec
    seed: int
    days_per_unit: float
    step: float
    tier_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        tiers = self.decision.tiers
        has_tiers = tiers is not None and self.population.has_spend
        object.__setattr__(self, "tier_names", tiers.names if has_tiers and tiers is not None else ("all",))

    def __call__(self, customers: Customers) -> tuple[Columns, Totals]:
        """Return the columns and totals of a block."""
        expected = self._expectations(customers)
        futures = simulate_futures(self.population, customers, self.terms, seed=self.seed)
        tier = np.zeros(len(customers), dtype=np.int64)
        columns: Columns = {}
        if self.population.has_spend:
            levels = np.empty((len(QUANTILES), len(customers)))
            quantiles(futures.value, np.array(list(QUANTILES.values())), levels)
            columns |= {"ltv_mean": expected.pop("ltv_mean"), **dict(zip(QUANTILES, levels, strict=True))}
        columns |= expected
        tiers = self.decision.tiers
        if self.population.has_spend and tiers is not None:
            probabilities = tier_probabilities(futures.value, tiers)
            tier = tier_labels(probabilities, tiers)
            columns |= {f"p_tier_{name}": probabilities[:, k] for k, name in enumerate(tiers.names)}
            columns["tier"] = np.asarray(tiers.names, dtype=object)[tier]
        totals = add_up(
            futures.purchases,
            futures.spend,
            futures.value,
            customers.group,
            tier,
            shape=(len(self.population.labels), len(self.tier_names)),
            step=self.step,
        )
        return columns, totals

    def empty_totals(self) -> Totals:
        """Return the totals of no customers."""
        shape = (len(self.population.labels), len(self.tier_names))
        sums = np.zeros((3, *shape, self.population.draws.size), dtype=np.int64)
        return Totals(sums, np.zeros(shape, dtype=np.int64), self.step)

    def _expectations(self, customers: Customers) -> Columns:
        """Return the closed-form columns, evaluated once per distinct history of the block."""
        population, histories = self.population, customers.histories
        frequency, coins, recency, observed = histories[:4]
        cell, first = number_rows(customers.group, frequency, coins, observed, recency)
        cells, group = np.ascontiguousarray(histories[:4, first]), customers.group[first]
        means, waits = np.empty((len(COLUMNS), first.size)), np.empty(first.size)
        discounted = np.empty((first.size, population.draws.size))
        time_alive = np.empty_like(discounted)
        month, quarter = 30 / self.days_per_unit, 90 / self.days_per_unit
        horizon, discount, margin, service = self.terms.as_tuple()
        closed_forms(
            cells, group, population.purchase, horizon, discount, month, quarter,
            means, discounted, time_alive, waits,
        )  # fmt: skip
        columns: Columns = {name: means[at, cell] for at, name in enumerate(COLUMNS)}
        if population.has_spend:
            spend, value = np.empty(len(customers)), np.empty(len(customers))
            count, total = np.ascontiguousarray(histories[4]), np.ascontiguousarray(histories[5])
            value_means(
                cell, count, total, customers.group, population.spend, discounted, time_alive,
                margin, service, spend, value,
            )  # fmt: skip
            columns |= {"ltv_mean": value, "expected_spend_per_purchase": spend}
        columns["next_purchase_days_p50"] = (waits * self.days_per_unit)[cell]
        return columns


def make_scorer(posterior: Posterior, population: Population, decision: DecisionSpec, *, seed: int) -> Scorer:
    """Return the block scorer of a posterior and a decision."""
    typical = 1.0
    if population.has_spend:
        p, q, v = population.spend
        typical = float(np.median(p * v / q))
    return Scorer(
        population,
        terms_of(decision.value, posterior.time_unit),
        decision,
        seed,
        DAYS_PER[posterior.time_unit],
        step_of(typical),
    )


def score(
    fit: xr.DataTree,
    summary: pd.DataFrame,
    decision: DecisionSpec,
    *,
    seed: int,
    draws: int | None = DRAWS,
    unknown_groups: UnknownGroups = "error",
    accept_failed: Sequence[str] = (),
    time_unit: str | None = None,
    observation_end: str | None = None,
    threads: int | None = None,
    block: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> ScoreTable:
    """Return the score table: one row per customer in the summary's order, and ``totals`` per draw beside it.

    Expectations, P(alive), probabilities of purchase and the median wait are closed forms averaged over
    posterior draws; quantiles and tier probabilities come from predictive draws of realised value.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame
        Customer summary; it may be newer than the fit and hold new customers.
    decision : DecisionSpec
        Horizon, discount, margin, service cost and tiers.
    seed : int
        A customer's draws depend only on the posterior, the seed and the customer's own row.
    draws : int, optional
        Posterior draws, spread evenly over chains; None for all.
    unknown_groups : "error" or "population"
    accept_failed : sequence of str
        Failed checks of the fit that are accepted; they stand in ``attrs``.
    time_unit, observation_end : str, optional
        For a summary that has lost its attributes.
    threads, block : int, optional
        Change speed and memory, never a byte of the result.
    progress : callable, optional
        Told how many customers have been scored since it was last called.

    Returns
    -------
    ScoreTable
        A DataFrame. Money is in the log's currency, probabilities are shares, ``next_purchase_days_p50`` is
        in days and missing where the customer more likely than not never buys again.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed.
    DataError
        Where the summary does not fit the fit.
    """
    accepted = require_passed(fit, accept_failed)
    posterior = read_posterior(fit)
    checked = match_summary(posterior, summary, time_unit=time_unit, allow_empty=True)
    population = population_of(posterior).thinned(draws)
    population, codes = place(posterior, population, checked, unknown_groups=unknown_groups, seed=seed)
    people = make_customers(checked, codes, population.family, with_spend=population.has_spend)
    scorer = make_scorer(posterior, population, decision, seed=seed)
    _warn_of_missing_money(population, decision)
    size = block_size(population.draws.size, block)
    columns, totals = _walked(people, scorer, block=size, threads=threads, progress=progress)
    end = resolve_observation_end(checked, observation_end)
    table = ScoreTable({**_known(checked, posterior, fit, end), **columns})
    table = ScoreTable(_with_known_last(table))
    _warn_of_infinite_means(table)
    table.totals = labelled(
        totals, population.labels or ("",), scorer.tier_names, with_money=population.has_spend
    )
    table.attrs |= _attributes(fit, decision, population, end, seed, accepted)
    return table


def _walked(
    people: Customers,
    scorer: Scorer,
    *,
    block: int,
    threads: int | None,
    progress: Callable[[int], None] | None,
) -> tuple[Columns, Totals]:
    """Return the columns of all customers in their order, and their totals.

    Blocks go through the customers sorted by history, so that equal histories, and those that differ in
    recency alone, meet in a block and share what is equal.
    """
    frequency, coins, recency, observed = people.histories[:4]
    order = np.lexsort((recency, observed, coins, frequency, people.group))
    totals, parts = scorer.empty_totals(), []
    for columns, part in walk(people.rows(order), scorer, block=block, threads=threads):
        parts.append(columns)
        totals = totals + part
        if progress is not None:
            progress(int(part.customers.sum()))
    parts = parts or [scorer(people)[0]]
    columns = {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}
    place = np.argsort(order)
    return {name: values[place] for name, values in columns.items()}, totals


def _known(
    summary: pd.DataFrame, posterior: Posterior, fit: xr.DataTree, end: pd.Timestamp | None
) -> dict[str, Any]:
    """Return the columns that are copied or follow from dates."""
    known: dict[str, Any] = {CUSTOMER_ID: summary[CUSTOMER_ID]}
    known |= {column: summary[column] for column in posterior.columns}
    known |= {
        column: summary[column]
        for column in (FIRST_PURCHASE, LAST_PURCHASE, FREQUENCY, VALUE_TO_DATE)
        if column in summary.columns
    }
    known["fit_age_days"] = fit_age_days(fit, end)
    return known


def fit_age_days(fit: xr.DataTree, end: pd.Timestamp | None) -> float:
    """Return days from the fit's end of observation to `end`; NaN where one of them is not known."""
    fitted = fit.attrs.get(OBSERVATION_END) or None
    if fitted is None or end is None:
        return float("nan")
    return float((end - pd.Timestamp(fitted)).days)


def _with_known_last(table: pd.DataFrame) -> pd.DataFrame:
    """Return the id first, then what is predicted, then what is known."""
    last = (FIRST_PURCHASE, LAST_PURCHASE, FREQUENCY, VALUE_TO_DATE, "fit_age_days")
    known = [name for name in table.columns if name in last]
    return table[[name for name in table.columns if name not in known] + known]


def _warn_of_missing_money(population: Population, decision: DecisionSpec) -> None:
    if not population.has_spend:
        left_out = "ltv columns" + ("" if decision.tiers is None else " and tiers")
        warnings.warn(
            f"the fit has no spend model: {left_out} are left out of the score table",
            BayesltvWarning,
            stacklevel=3,
        )


def _warn_of_infinite_means(table: pd.DataFrame) -> None:
    if "ltv_mean" in table and (missing := int(table["ltv_mean"].isna().sum())):
        warnings.warn(
            f"expected spend is infinite for {missing:,} of {len(table):,} customers (p·count + q <= 1 in "
            "some draws): their ltv_mean is left missing; use ltv_p50",
            BayesltvWarning,
            stacklevel=3,
        )


def _attributes(
    fit: xr.DataTree,
    decision: DecisionSpec,
    population: Population,
    end: pd.Timestamp | None,
    seed: int,
    accepted: Sequence[str],
) -> dict[str, Any]:
    value = decision.value
    currency = value.currency or fit.attrs.get(CURRENCY) or None
    return {
        "as_of_date": None if end is None else end.date().isoformat(),
        "horizon": value.horizon,
        "value_basis": value.basis,
        "currency": currency,
        "spec_hash": fit.attrs.get("spec_hash"),
        "decision_hash": decision.hash(),
        "seed": int(seed),
        "draws": int(population.draws.size),
        "accepted_failed_checks": list(accepted),
    }
