"""The block scorer: columns and totals of some customers, the same on every thread, engine and machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv import names
from bayesltv.base.customers import Customers, walk
from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.base.placed_base import Placement, place_customers
from bayesltv.base.population import Hyperparameters, Population, Posterior, hyperparameters_of
from bayesltv.errors import SpecError
from bayesltv.kernels.closed_forms import COLUMNS, value_means
from bayesltv.numerics.arrays import Codes, Floats, Integers
from bayesltv.numerics.reductions import quantiles
from bayesltv.prediction.draws import block_size, simulate_futures
from bayesltv.prediction.expected import expect
from bayesltv.prediction.packed import laws_of, people_of
from bayesltv.prediction.scores.score_columns import in_order, tier_column
from bayesltv.prediction.scores.tiers import tier_labels, tier_probabilities
from bayesltv.prediction.terms import Terms, terms_of
from bayesltv.prediction.totals import Totals, add_up, step_of
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.units import DAYS_PER

DRAWS = 1000
QUANTILES = {"ltv_p05": 0.05, "ltv_p50": 0.5, "ltv_p95": 0.95}
Columns = dict[str, Any]


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
    thresholds : ndarray of float64, shape (tier - 1, draw), optional
        Where each tier but the lowest begins in each draw; needed unless the tiers are absolute.
    """

    population: Population
    terms: Terms
    decision: DecisionSpec
    seed: int
    days_per_unit: float
    step: float
    thresholds: Floats | None = None
    tier_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        tiers = self.decision.tiers
        has_tiers = tiers is not None and self.population.has_spend
        object.__setattr__(self, "tier_names", tiers.names if has_tiers and tiers is not None else ("all",))

    def __call__(self, customers: Customers) -> tuple[Columns, Codes, Totals]:
        """Return the columns of a block, the codes of its groups, and the totals of these."""
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
            probabilities = tier_probabilities(futures.value, tiers, self.thresholds)
            tier = tier_labels(probabilities, tiers)
            columns |= {tier_column(name): probabilities[:, k] for k, name in enumerate(tiers.names)}
            columns["tier"] = np.asarray(tiers.names, dtype=object)[tier]
        groups, code = np.unique(self.population.groups(customers.group), return_inverse=True)
        totals = add_up(
            futures.purchases,
            futures.spend,
            futures.value,
            code.astype(np.int32),
            tier,
            shape=(groups.size, len(self.tier_names)),
            step=self.step,
        )
        return columns, groups, totals

    def empty_totals(self) -> Totals:
        """Return the totals of no customers."""
        shape = (len(self.population.labels), len(self.tier_names))
        sums = np.zeros((3, *shape, self.population.draws.size), dtype=np.int64)
        return Totals(sums, np.zeros(shape, dtype=np.int64), self.step)

    def _expectations(self, customers: Customers) -> Columns:
        """Return the closed-form columns, evaluated once per distinct history of the block."""
        population = self.population
        horizon, discount, margin, service = self.terms.as_tuple()
        found = expect(
            population, customers, horizon=horizon, discount=discount, days_per_unit=self.days_per_unit
        )
        cell = found.cell
        columns: Columns = {name: found.forms.means[at, cell] for at, name in enumerate(COLUMNS)}
        if population.has_spend:
            spend, value = np.empty(len(customers)), np.empty(len(customers))
            people = people_of(population, customers, horizon)
            value_means(cell, people, laws_of(population).spend, found.forms, (margin, service), spend, value)
            columns |= {"ltv_mean": value, "expected_spend_per_purchase": spend}
        columns["next_purchase_days_p50"] = found.forms.waits[cell]
        return columns


@dataclass(frozen=True)
class Scoring:
    """A fit, a decision and a seed: all that scores any rows of any summary, here or on a worker.

    Attributes
    ----------
    posterior : Posterior
    hyperparameters : Hyperparameters
        The draws used, of the groups that were fitted.
    decision : DecisionSpec
    seed : int
    unknown_groups : "error" or "population"
    fitted_until : str or None
        The fit's end of observation.
    thresholds : ndarray of float64, shape (tier - 1, draw), optional
        Of tiers that are relative to other customers.
    accepted_failed : tuple of str
        Failed checks of the fit that were accepted; they stand in every row, where there are any.
    """

    posterior: Posterior
    hyperparameters: Hyperparameters
    decision: DecisionSpec
    seed: int
    unknown_groups: UnknownGroups = "error"
    fitted_until: str | None = None
    thresholds: Floats | None = None
    accepted_failed: tuple[str, ...] = ()

    @property
    def is_relative(self) -> bool:
        """Whether tiers are relative to other customers, so that thresholds are needed."""
        tiers = self.decision.tiers
        return tiers is not None and not tiers.is_absolute and self.hyperparameters.has_spend

    def place(self, checked: pd.DataFrame) -> Placement:
        """Return the customers of a validated summary where they stand.

        Raises
        ------
        DataError
            Where a group column is missing, or a level is unknown and not allowed to be.
        """
        return place_customers(
            self.posterior, self.hyperparameters, checked, unknown_groups=self.unknown_groups, seed=self.seed
        )

    def told(self) -> dict[str, Any]:
        """Return what the manifest of a run says of it, in JSON's types."""
        return {
            "decision": self.decision.to_dict(),
            "seed": int(self.seed),
            "draws": int(self.hyperparameters.draws.size),
            "unknown_groups": self.unknown_groups,
            **({"without_first_amounts": True} if self.posterior.without_first_amounts else {}),
            "accepted_failed_checks": list(self.accepted_failed),
        }

    @property
    def step(self) -> float:
        """In which money is added up: of the fitted groups, so that all rows share one."""
        return step_of(self.hyperparameters.typical_amount)

    def scorer(self, population: Population) -> Scorer:
        """Return what scores a block of customers who stand in this population."""
        return Scorer(
            population,
            terms_of(self.decision.value, self.posterior.time_unit),
            self.decision,
            self.seed,
            DAYS_PER[self.posterior.time_unit],
            self.step,
            self.thresholds,
        )


@dataclass(frozen=True)
class Scored:
    """Rows that were scored.

    Attributes
    ----------
    table : DataFrame
        One row per customer, in the order given.
    totals : Totals
    groups, tiers : tuple of str
        Labels of the totals.
    """

    table: pd.DataFrame
    totals: Totals
    groups: tuple[str, ...]
    tiers: tuple[str, ...]


def make_scoring(
    fit: xr.DataTree,
    decision: DecisionSpec,
    meeting: Meeting,
    posterior: Posterior,
    *,
    thresholds: Floats | None = None,
    accepted: Sequence[str] = (),
) -> Scoring:
    """Return what scores rows; `require_passed` is the caller's to ask first.

    `posterior` is that of the fit, as it has been read.

    Raises
    ------
    DataError
        Where `draws` is below 1.
    SpecError
        Where thresholds are given that are not one row per tier but the lowest and one column per draw.
    """
    found = hyperparameters_of(posterior).thinned(meeting.draws)
    given = None if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    _require_fitting(given, decision, found)
    until = fit.attrs.get(names.OBSERVATION_END) or None
    seed, unknown = meeting.seed, meeting.unknown_groups
    return Scoring(posterior, found, decision, seed, unknown, until, given, tuple(accepted))


def score_rows(
    scoring: Scoring,
    placed: Placement,
    *,
    observation_end: pd.Timestamp | None,
    threads: int | None = None,
    block: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Scored:
    """Return scores and totals of customers who have been placed: a whole summary's, or any part of one.

    A row's scores do not depend on which others come with it. Sums of parts are those of the whole.
    """
    scorer = scoring.scorer(placed.population)
    size = block_size(placed.population.draws.size, block)
    columns, totals = _walked(placed.customers, scorer, block=size, threads=threads, progress=progress)
    known = _known(placed.summary, scoring.posterior, scoring.fitted_until, observation_end)
    if "tier" in columns:
        columns["tier"] = pd.array(columns["tier"], dtype="str")  # text also where there are no rows
    table = pd.DataFrame({**known, **columns})
    if scoring.accepted_failed:
        table[names.ACCEPTED_FAILED] = pd.array(
            [", ".join(scoring.accepted_failed)] * len(table), dtype="str"
        )
    table = table[in_order(table.columns, groups=scoring.posterior.columns)]
    return Scored(table, totals, scorer.population.labels or ("",), scorer.tier_names)


def _require_fitting(thresholds: Floats | None, decision: DecisionSpec, found: Hyperparameters) -> None:
    if thresholds is None:
        return
    wanted = (0 if decision.tiers is None else len(decision.tiers.names) - 1, found.draws.size)
    if thresholds.shape != wanted:
        raise SpecError(
            f"thresholds of shape {thresholds.shape} do not fit {wanted[0] + 1} tiers, {wanted[1]:,} draws: "
            "take those of a score table made with the same decision and draws"
        )


def in_order_of_history(people: Customers) -> tuple[Customers, Integers]:
    """Return customers in the order in which they are walked, and where each one stood.

    Equal histories, and those that differ in recency alone, meet in a block and share what is equal.
    """
    frequency, coins, recency, observed = people.histories[:4]
    order = np.lexsort((recency, observed, coins, frequency, people.group))
    return people.rows(order), order


def _walked(
    people: Customers,
    scorer: Scorer,
    *,
    block: int,
    threads: int | None,
    progress: Callable[[int], None] | None,
) -> tuple[Columns, Totals]:
    """Return the columns of all customers in their order, and their totals."""
    ordered, order = in_order_of_history(people)
    totals, parts = scorer.empty_totals(), []
    for columns, groups, part in walk(ordered, scorer, block=block, threads=threads):
        parts.append(columns)
        totals.sums[:, groups] += part.sums
        totals.customers[groups] += part.customers
        if progress is not None:
            progress(int(part.customers.sum()))
    parts = parts or [scorer(people)[0]]
    columns = {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}
    place = np.argsort(order)
    return {name: values[place] for name, values in columns.items()}, totals


def _known(
    summary: pd.DataFrame, posterior: Posterior, fitted_until: str | None, end: pd.Timestamp | None
) -> dict[str, Any]:
    """Return the columns that are copied or follow from dates."""
    known: dict[str, Any] = {names.CUSTOMER_ID: summary[names.CUSTOMER_ID]}
    known |= {column: summary[column] for column in posterior.columns}
    known |= {
        column: summary[column]
        for column in (names.FIRST_PURCHASE, names.LAST_PURCHASE, names.FREQUENCY, names.VALUE_TO_DATE)
        if column in summary.columns
    }
    known["fit_age_days"] = days_between(fitted_until, end)
    return known


def days_between(fitted_until: str | None, end: pd.Timestamp | None) -> float:
    """Return days from the fit's end of observation to `end`; NaN where one of them is not known."""
    if fitted_until is None or end is None:
        return float("nan")
    return float((end - pd.Timestamp(fitted_until)).days)
