"""A block of customers: predictive draws against what they did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.base.customers import Customers, walk
from bayesltv.base.population import Population
from bayesltv.evaluation import rules
from bayesltv.kernels.closed_forms import COLUMNS, value_means
from bayesltv.numerics.arrays import Columns, Floats, Integers
from bayesltv.prediction.draws import block_size, simulate_futures
from bayesltv.prediction.expected import expect, probability_of
from bayesltv.prediction.packed import laws_of, people_of
from bayesltv.prediction.scores.score_columns import tier_column
from bayesltv.prediction.scores.tiers import tier_probabilities
from bayesltv.prediction.terms import Terms
from bayesltv.prediction.totals import Totals, add_up
from bayesltv.specs.decision.tiers import TierSpec
from bayesltv.streams import customer_keys

BINS = 8
"""Calibration frequencies 0, 1, ..., 7 and more."""
_UNIT = 2.0**-53


@dataclass(frozen=True)
class Outcomes:
    """What happened, in the order of `ids`.

    Attributes
    ----------
    ids : Index
        Customer ids.
    purchases : ndarray of int64, shape (customer,)
    spend : ndarray of float64, shape (customer,), or None
        Where it is not to be judged.
    """

    ids: pd.Index[Any]
    purchases: Integers
    spend: Floats | None


@dataclass(frozen=True)
class Judge:
    """All that a block needs to be judged; the draws are those of ``score`` and ``predict``.

    Attributes
    ----------
    population : Population
    terms : Terms
        Without service cost.
    outcomes : Outcomes
    tiers : TierSpec, optional
    seed : int
    step : float
        Of the totals, in money.
    thresholds : ndarray of float64, shape (tier - 1, draw), optional
        Of tiers that are relative to other customers.
    """

    population: Population
    terms: Terms
    outcomes: Outcomes
    tiers: TierSpec | None
    seed: int
    step: float
    thresholds: Floats | None = None

    @property
    def judges_spend(self) -> bool:
        """Whether there is both a spend model and money in the log."""
        return self.population.has_spend and self.outcomes.spend is not None

    def __call__(self, customers: Customers) -> tuple[Columns, Totals]:
        """Return one value per customer of each column, and per-draw totals by group and frequency.

        The third quantity of the totals is the number of customers who bought at all.
        """
        at = self.outcomes.ids.get_indexer(pd.Index(customers.ids, dtype="str"))
        futures = simulate_futures(self.population, customers, self.terms, seed=self.seed)
        bought = self.outcomes.purchases[at]
        columns = self._expected(customers, bought)
        columns |= _judged("purchases", np.sort(futures.purchases, axis=1), bought)
        if self.judges_spend:
            assert self.outcomes.spend is not None
            columns |= _judged("spend", np.sort(futures.spend, axis=1), self.outcomes.spend[at])
        if self.tiers is not None and self.judges_spend:
            chances = tier_probabilities(futures.value, self.tiers, self.thresholds)
            columns |= {tier_column(name): chances[:, k] for k, name in enumerate(self.tiers.names)}
        totals = add_up(
            futures.purchases,
            futures.spend,
            (futures.purchases > 0).astype(np.float64),
            self.population.groups(customers.group),
            np.minimum(customers.histories[0], BINS - 1).astype(np.int64),
            shape=(len(self.population.labels), BINS),
            step=self.step,
        )
        return columns, totals

    def _expected(self, customers: Customers, bought: Integers) -> Columns:
        """Return closed forms, once per distinct history, and intervals of the expectation over draws."""
        population = self.population
        found = expect(population, customers, horizon=self.terms.horizon, discount=0.0)
        cell, expected = found.cell, found.forms.discounted
        closed = dict(zip(COLUMNS, found.forms.means, strict=True))
        columns: Columns = {
            "p_alive": closed["p_alive"][cell],
            "p_purchase": closed["p_purchase_horizon"][cell],
            "purchases_expected": closed["expected_purchases"][cell],
            "purchases_log_score": self._log_scores(customers, bought),
        }
        if self.judges_spend:
            spend, value = np.empty(len(customers)), np.empty(len(customers))
            people = people_of(population, customers, self.terms.horizon)
            value_means(cell, people, laws_of(population).spend, found.forms, (1.0, 0.0), spend, value)
            columns["spend_expected"] = value
        low, high = rules.intervals(np.sort(expected, axis=1))
        for level, lower, upper in zip(rules.LEVELS, low, high, strict=True):
            inside = (bought >= lower[cell]) & (bought <= upper[cell])
            columns |= {
                f"expectation_covered_{level:.0%}": inside,
                f"expectation_width_{level:.0%}": (upper - lower)[cell],
            }
        return columns

    def _log_scores(self, customers: Customers, bought: Integers) -> Floats:
        """Return ln P(X = y) of the predictive distribution, exact given the draws of the parameters."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(probability_of(self.population, customers, bought, self.terms.horizon)))


def judge_all(
    judge: Judge, people: Customers, *, threads: int | None, block: int | None
) -> tuple[Columns, Totals]:
    """Return the columns of all customers in their order, and their totals; memory does not grow with draws.

    Customers are walked sorted by history, so that closed forms are evaluated once.
    """
    order = np.lexsort((*people.histories[3::-1], people.group))
    parts, totals = [], None
    size = block_size(judge.population.draws.size, block)
    for columns, part in walk(people.rows(order), judge, block=size, threads=threads):
        parts.append(columns)
        totals = part if totals is None else totals + part
    assert totals is not None
    place = np.argsort(order)
    columns = {name: np.concatenate([each[name] for each in parts])[place] for name in parts[0]}
    return columns, totals


def uniforms(ids: NDArray[np.object_], *, seed: int, stream: str) -> Floats:
    """Return one number in [0, 1) per customer, which depends on seed, stream and id alone."""
    return (customer_keys(seed, stream, ids) >> np.uint64(11)).astype(np.float64) * _UNIT


def _judged(name: str, ordered: rules.Numbers, actual: rules.Numbers) -> Columns:
    """Return the scores of one quantity."""
    below, upto = rules.pit_limits(ordered, actual)
    columns: Columns = {
        f"{name}_actual": actual,
        f"{name}_p50": rules.quantiles(ordered, np.array([0.5]))[0],
        f"{name}_crps": rules.crps(ordered, actual),
        f"{name}_pit_below": below,
        f"{name}_pit_upto": upto,
    }
    low, high = rules.intervals(ordered)
    for level, lower, upper in zip(rules.LEVELS, low, high, strict=True):
        columns[f"{name}_covered_{level:.0%}"] = (actual >= lower) & (actual <= upper)
        columns[f"{name}_width_{level:.0%}"] = upper - lower
    return columns
