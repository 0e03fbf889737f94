"""``prior_predictive``: what a spec's priors say about customers, before any data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesltv.base.clock import refuse_clock
from bayesltv.base.customers import Customers
from bayesltv.base.population import Population
from bayesltv.data.summary.cells import spend_rows
from bayesltv.data.summary.groups import make_groups
from bayesltv.data.summary.validate import resolve_time_unit, validate_summary
from bayesltv.evaluation.replicas import simulate_replicas
from bayesltv.evaluation.result import InJson, records, rich_table
from bayesltv.families.gamma_gamma import GAMMA_GAMMA
from bayesltv.model.prior_draws import draw_prior
from bayesltv.names import DRAW, FREQUENCY, GROUP, GROUPS, MONETARY_VALUE, T
from bayesltv.numerics.arrays import Codes, Floats
from bayesltv.specs.catalogue import SpecLike, spec_of
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.streams import generator
from bayesltv.units import DAYS_PER, units_per_year

DRAWS = 500
CUSTOMERS = 200
"""Customers simulated per prior draw, so that a share is known to ± .07."""
TOO_MUCH = 0.2
"""A prior with more than this share of its mass on the implausible is flagged."""
REPEAT_SHARE, PURCHASES, BEST, SPEND = (
    "repeat share, 1 year",
    "purchases a year",
    "best of 200, a year",
    "mean / typical spend",
)
PLAUSIBLE = {
    REPEAT_SHARE: (0.005, 0.995),
    PURCHASES: (0.01, 52.0),
    BEST: (0.0, 365.0),
    SPEND: (0.1, 10.0),
}
"""Outside of these nobody would believe a shop's figures."""
SCALES = {
    REPEAT_SHARE: "purchase_rate and purchase_shape",
    PURCHASES: "purchase_rate",
    BEST: "purchase_rate and purchase_shape",
    SPEND: "spend_typical, spend_within and spend_between",
}


@dataclass(frozen=True)
class PriorPredictive(InJson):
    """A prior in customers' terms.

    Attributes
    ----------
    table : DataFrame
        One row per quantity (share of customers who come back within a year; repeat purchases a year, mean
        and of the best customer in 200; mean spend over the typical amount of the log): ``p05``, ``p50``,
        ``p95`` over prior draws; ``plausible_from``,
        ``plausible_to`` and ``share_implausible`` of draws outside; ``flagged``; with a summary also
        ``observed`` and ``share_below_observed``; ``advice``.
    draws : DataFrame
        One row per prior draw and one column per quantity.
    """

    table: pd.DataFrame
    draws: pd.DataFrame

    @property
    def plausible(self) -> bool:
        """Whether nothing is flagged."""
        return not bool(self.table["flagged"].any())

    def to_dict(self) -> dict[str, Any]:
        """Return the table in JSON's types."""
        return {"plausible": self.plausible, "table": records(self.table)}

    def __rich__(self) -> Any:  # noqa: ANN401
        """Return the table and the advice for the terminal."""
        from rich.console import Group

        advice = [f"{row.quantity}: {row.advice}" for row in self.table.itertuples() if row.flagged]
        shown = self.table.drop(columns=["advice", "plausible_from", "plausible_to"])
        return Group(rich_table(shown, "What the priors say about customers"), *advice)


def prior_predictive(
    spec: SpecLike,
    summary: pd.DataFrame | None = None,
    *,
    seed: int = 1,
    draws: int = DRAWS,
    time_unit: str | None = None,
) -> PriorPredictive:
    """Return what the priors of a spec say about repeat share, purchases a year and spend.

    For each prior draw 200 new customers are simulated over a year. With groups, they are spread over the
    groups as the summary's are; without a summary the groups' spread is left out.

    Parameters
    ----------
    spec : ModelSpec, str or Path
        A spec, a file, or the name of a shipped one: "pooled".
    summary : DataFrame, optional
        Gives the time unit, the groups, the typical amount, and the real figures to put beside.
    seed : int
    draws : int
    time_unit : str, optional
        Needed where neither summary nor spec says; default "week".

    Returns
    -------
    PriorPredictive
        The summary's repeat share and purchases a year are of customers observed for about their own T, so
        that they are comparable only roughly.

    Examples
    --------
    >>> found = prior_predictive(ModelSpec(spend=None), draws=50)
    >>> found.table["quantity"].iloc[0], found.plausible
    ('repeat share, 1 year', True)
    """
    declared = spec_of(spec)
    refuse_clock(declared, "the prior predictive check")
    unit, resolved, groups, codes = _resolved(declared, summary, time_unit)
    prior = draw_prior(resolved, groups, draws=draws, rng=generator(seed, "prior predictive"))
    with_spend = resolved.spend is not None
    bought = resolved.purchase.card
    spent = GAMMA_GAMMA if resolved.spend is None else resolved.spend.card
    population = Population(
        bought,
        np.stack([_by_group(prior[name]) for name in bought.parameters]),
        np.stack([_by_group(prior[name]) for name in spent.parameters])
        if with_spend
        else np.zeros((len(spent.parameters), 0, 0)),
        np.arange(draws, dtype=np.uint64),
        1,
        tuple(groups.labels),
        spent,
    )
    people = _newcomers(codes, units_per_year(unit))
    replicas = simulate_replicas(population, people, seed=seed, days_per_unit=DAYS_PER[unit])
    simulated = {
        REPEAT_SHARE: (replicas.frequency > 0).mean(axis=0),
        PURCHASES: replicas.frequency.mean(axis=0),
        BEST: replicas.frequency.max(axis=0).astype(float),
    }
    if with_spend:
        count = replicas.count.sum(axis=0)
        money = np.where(count > 0, replicas.total.sum(axis=0) / np.maximum(count, 1), np.nan)
        simulated[SPEND] = money / float(resolved.spend_unit or 1.0)
    observed = {} if summary is None else _observed(summary, unit, resolved.spend_unit)
    table = pd.DataFrame([_row(name, values, observed) for name, values in simulated.items()])
    return PriorPredictive(table, pd.DataFrame(simulated))


def _resolved(spec: ModelSpec, summary: pd.DataFrame | None, time_unit: str | None) -> Any:  # noqa: ANN401
    """Return the unit, the spec in it, its groups, and the groups of simulated customers."""
    if summary is None:
        unit = time_unit or spec.time_unit or "week"
        plain = spec.with_groups(())
        resolved = plain.resolved(time_unit=unit, spend_unit=1.0 if plain.spend is not None else None)
        nobody, _ = make_groups(pd.DataFrame(index=range(1)), ())
        return unit, resolved, nobody, np.zeros(CUSTOMERS, dtype=np.int32)
    unit = resolve_time_unit(summary, time_unit)
    columns = tuple(summary.attrs.get(GROUPS, ())) if spec.is_open else tuple(spec.groups)
    checked = validate_summary(summary, time_unit=unit, groups=columns)
    groups, codes = make_groups(checked, columns)
    named = spec.with_groups(columns).with_groups(groups.columns)
    rows = spend_rows(checked, codes) if named.spend is not None else None
    named = named if rows is not None else named.without_spend()
    resolved = named.resolved(time_unit=unit, spend_unit=None if rows is None else rows.unit)
    at = np.linspace(0, len(codes) - 1, CUSTOMERS).round().astype(np.int64)
    return unit, resolved, groups, np.sort(codes)[at]


def _by_group(array: Any) -> Floats:  # noqa: ANN401
    values = array.isel(chain=0)
    ordered = values.transpose(GROUP, DRAW).values if GROUP in values.dims else values.values[None]
    return np.ascontiguousarray(ordered, dtype=np.float64)


def _newcomers(codes: Codes, year: float) -> Customers:
    histories = np.zeros((7, codes.size))
    histories[3] = year
    ids = np.array([f"newcomer {k}" for k in range(codes.size)], dtype=np.object_)
    return Customers(ids, histories, np.ascontiguousarray(codes, dtype=np.int32))


def _observed(summary: pd.DataFrame, unit: str, spend_unit: float | None) -> dict[str, float]:
    """Return the real figures: shares as observed, purchases per customer-year."""
    seen = {
        REPEAT_SHARE: float((summary[FREQUENCY] > 0).mean()),
        PURCHASES: float(summary[FREQUENCY].sum() / summary[T].sum() * units_per_year(unit)),
    }
    if spend_unit is not None and MONETARY_VALUE in summary:
        spent = summary[summary[MONETARY_VALUE] > 0]
        mean = np.average(spent[MONETARY_VALUE], weights=spent[FREQUENCY])
        seen[SPEND] = float(mean / spend_unit)
    return seen


def _row(name: str, values: Floats, observed: Mapping[str, float]) -> dict[str, Any]:
    known = values[np.isfinite(values)]
    low, high = PLAUSIBLE[name]
    outside = float(((known < low) | (known > high)).mean()) if known.size else 0.0
    p05, p50, p95 = np.quantile(known, [0.05, 0.5, 0.95]) if known.size else (np.nan,) * 3
    row: dict[str, Any] = {"quantity": name, "p05": float(p05), "p50": float(p50), "p95": float(p95)}
    row |= {"plausible_from": low, "plausible_to": high, "share_implausible": outside}
    if observed:
        seen = observed.get(name, np.nan)
        row |= {"observed": seen, "share_below_observed": float((known <= seen).mean())}
        if np.isnan(seen):
            row["share_below_observed"] = np.nan
    surprised = bool(observed) and not 0.005 <= row["share_below_observed"] <= 0.995
    surprised = surprised and not np.isnan(row["share_below_observed"])
    row["flagged"] = bool(outside > TOO_MUCH or surprised)
    row["advice"] = ""
    if row["flagged"]:
        what = "hardly allows what was observed" if surprised else "thinks the implausible likely"
        row["advice"] = f"the prior {what}: look at {SCALES[name]} and their unit"
    return row
