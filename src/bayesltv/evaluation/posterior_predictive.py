"""``posterior_predictive``: customers as the fitted model would make them, beside the real ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.customers import Customers
from bayesltv.base.meeting import Meeting
from bayesltv.base.placed_base import PlacedBase, place_base
from bayesltv.base.population import Population
from bayesltv.evaluation.replicas import CLASSES, Histories, Tally, tally, tally_replicas
from bayesltv.evaluation.result import InJson, records, rich_table
from bayesltv.names import SPEND_LOG_SUM, SPEND_STATISTICS
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.levels import ENDS, quantiles_of
from bayesltv.units import DAYS_PER

DRAWS = 500
FREQUENCY, RECENCY, REPEAT = "frequency", "recency given frequency", "repeat share"
PURCHASES, SPEND, TYPICAL, SPREAD = (
    "repeat purchases",
    "mean spend",
    "typical spend",
    "within-customer spread",
)
FIRST, ALIKE = "typical first amount", "first and repeat amounts, correlation of logs"
TENTHS = 10
EXTREME = 0.01
"""A p-value nearer than this to 0 or 1 is worth a look."""


@dataclass(frozen=True)
class PosteriorPredictive(InJson):
    """Statistics of replicated customers beside those of real ones.

    Attributes
    ----------
    table : DataFrame
        One row per statistic and label: ``observed``; ``predicted``, ``p05``, ``p95`` over draws;
        ``p_value``, the share of replicas above what was observed, ties half: near 0 the model makes too
        little of it, near 1 too much. Statistics: "frequency" (customers by number of repeat purchases),
        "recency given frequency" (mean of recency / T), "repeat share" (of all, and by group), "repeat
        purchases", "mean spend" (share of repeaters in each tenth of the real mean amounts), "typical spend"
        (geometric mean of the mean amounts), "within-customer spread" (mean of ln mean − mean ln of a
        customer's amounts); where the fit uses first amounts "typical first amount" (geometric mean), and
        their correlation with the same customer's mean repeat amount, of logarithms.
    facts : mapping
        Customers, draws, seed.
    """

    table: pd.DataFrame
    facts: dict[str, Any]

    @property
    def misfits(self) -> pd.DataFrame:
        """The rows of the table whose p-value is extreme, the worst first."""
        far = np.minimum(self.table["p_value"], 1 - self.table["p_value"])
        return self.table[far < EXTREME].iloc[np.argsort(far[far < EXTREME], kind="stable")]

    def to_dict(self) -> dict[str, Any]:
        """Return facts and table in JSON's types."""
        return {"facts": dict(self.facts), "table": records(self.table)}

    def __rich__(self) -> Any:  # noqa: ANN401
        """Return the table for the terminal."""
        return rich_table(self.table, f"Replicas ({self.facts['draws']:,} draws) beside real customers")


def posterior_predictive(
    fit: xr.DataTree,
    summary: pd.DataFrame,
    *,
    seed: int = 1,
    draws: int | None = DRAWS,
    time_unit: str | None = None,
    threads: int | None = None,
) -> PosteriorPredictive:
    """Return how customers made by the fitted model compare with those it was fitted to.

    In each posterior draw every customer is made anew: latents from the population (not from the customer's
    own history), purchases over the customer's own T, dated by day as in a log, amounts; where the fit has a
    clock, at the clock's pace on the customer's own days. Replication from
    the population is what can show that a family does not fit.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame
        The summary that was fitted.
    seed : int
    draws : int, optional
        Posterior draws, spread evenly over chains; None for all.
    time_unit : str, optional
        For a summary that has lost its attributes.
    threads : int, optional
        Changes speed, never a number.

    Returns
    -------
    PosteriorPredictive

    Raises
    ------
    DataError
        Where the summary does not fit the fit, or has groups that were not fitted.
    """
    base = place_base(fit, summary, Meeting(seed, time_unit=time_unit))
    return posterior_predictive_base(base, draws=draws, threads=threads)


def posterior_predictive_base(
    base: PlacedBase, *, draws: int | None = DRAWS, threads: int | None = None
) -> PosteriorPredictive:
    """Return how customers made anew compare with those of a base; see `posterior_predictive`."""
    base.require_customers()
    checked, population, people = base.placed(draws)
    real = _histories(people, checked)
    edges = _edges(real)
    group = population.groups(people.group)
    observed = tally(real, people.histories[3], group, groups=len(population.labels), edges=edges)
    replicated = tally_replicas(
        population, people, seed=base.seed, days_per_unit=DAYS_PER[base.posterior.time_unit], edges=edges,
        threads=threads,
    )  # fmt: skip
    sizes = np.bincount(group, minlength=len(population.labels))
    rows = [
        _row(statistic, label, float(one[0]), many)
        for (statistic, label, one), (_, _, many) in zip(
            _statistics(observed, population, sizes, edges),
            _statistics(replicated, population, sizes, edges),
            strict=True,
        )
        if np.isfinite(one[0])
    ]
    facts = {"customers": len(people), "draws": int(population.draws.size), "seed": int(base.seed)}
    return PosteriorPredictive(pd.DataFrame(rows), facts)


def _histories(people: Customers, summary: pd.DataFrame) -> Histories:
    """Return the real histories, as one draw."""
    x, count = (people.histories[at].astype(np.int32)[:, None] for at in (0, 4))
    full = set(SPEND_STATISTICS) <= set(summary.columns)
    logs = summary[SPEND_LOG_SUM].to_numpy(float) if full else np.full(len(summary), np.nan)
    recency, total, first = (people.histories[at][:, None] for at in (2, 5, 6))
    return Histories(x, recency, count, total, logs[:, None], first)


def _edges(real: Histories) -> Floats:
    """Return the inner tenths of the real mean amounts; none where there are too few to divide."""
    spent = real.count[:, 0] > 0
    if spent.sum() < TENTHS:
        return np.zeros(0)
    means = real.total[spent, 0] / real.count[spent, 0]
    return np.unique(np.quantile(means, np.arange(1, TENTHS) / TENTHS))


def _statistics(
    tallied: Tally, population: Population, sizes: Integers, edges: Floats
) -> Iterator[tuple[str, str, Floats]]:
    """Yield each statistic by name and label, one value per draw."""
    classes = [*map(str, range(CLASSES - 1)), f"{CLASSES - 1}+"]
    for k, label in enumerate(classes):
        yield FREQUENCY, label, tallied.frequency[k]
    for k in range(1, CLASSES):
        yield RECENCY, classes[k], _ratio(tallied.recency[k], tallied.frequency[k])
    yield REPEAT, "all", tallied.repeaters.sum(axis=0) / sizes.sum()
    if len(population.labels) > 1:
        for g in np.flatnonzero(sizes):
            yield REPEAT, population.labels[g], tallied.repeaters[g] / sizes[g]
    yield PURCHASES, "all", tallied.purchases
    if population.has_spend and edges.size:
        ends = ["", *(f"{edge:,.2f}" for edge in edges), ""]
        for k in range(edges.size + 1):
            yield SPEND, f"{ends[k]}–{ends[k + 1]}", _ratio(tallied.spend[k], tallied.spenders)
        yield TYPICAL, "all", np.exp(_ratio(tallied.log_mean, tallied.spenders))
        yield SPREAD, "all", _ratio(tallied.spread, tallied.spread_of)
    if population.uses_first_amounts:
        yield FIRST, "all", np.exp(_ratio(tallied.log_first, tallied.first_of))
        yield ALIKE, "all", _correlation(tallied.moments)


def _correlation(moments: Floats) -> Floats:
    """Return the correlation of each draw from its sums; NaN where there are too few or all are equal."""
    n, a, b, aa, bb, ab = moments
    spread = (n * aa - a * a) * (n * bb - b * b)
    return np.where(spread > 0, (n * ab - a * b) / np.sqrt(np.where(spread > 0, spread, 1.0)), np.nan)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Return the quotient, NaN where nobody is counted."""
    return np.where(denominator > 0, numerator / np.maximum(denominator, 1), np.nan)


def _row(statistic: str, label: str, observed: float, replicated: Floats) -> dict[str, Any]:
    known = replicated[np.isfinite(replicated)]
    if not known.size:
        known = np.array([np.nan])
    return {
        "statistic": statistic,
        "label": label,
        "observed": observed,
        "predicted": float(known.mean()),
        **quantiles_of(known, levels=ENDS),
        "p_value": float((known > observed).mean() + 0.5 * (known == observed).mean()),
    }
