"""What value hangs on: elasticities, and how rate, lifetime and spend make one label worth more than another.

Both are reckoned given each customer's latents, on the draws of `predict`, and summed over customers inside
each draw. Rows of the tables are customers by label: of groups, tiers or any column.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from bayesltv.base.customers import LATENTS, Customers, walk
from bayesltv.base.placed_base import PlacedBase
from bayesltv.errors import DataError
from bayesltv.kernels.block import Streams
from bayesltv.kernels.latents import BOUGHT, EARNED, LIVED, PARTS, Levers, add_up_levers
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.levels import quantiles_of
from bayesltv.prediction.draws import block_size
from bayesltv.prediction.packed import clock_of, laws_of, people_of
from bayesltv.prediction.scores.score import score_base
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.prediction.terms import Terms, terms_of
from bayesltv.prediction.totals import step_of
from bayesltv.specs import checked
from bayesltv.specs.decision.decision_spec import DecisionSpec

STEP = 0.01
"""Half the width of the difference that stands for a derivative: one per cent."""
FACTORS = np.array([[1.0, 1.0], [1 + STEP, 1.0], [1 - STEP, 1.0], [1.0, 1 + STEP], [1.0, 1 - STEP]])
"""On rate and dropout: as they are, then each a per cent up and down."""
LEVERS = ("purchase_rate", "dropout", "spend", "margin")
WAYS = ("+1 %", "-1 %", "+1 %", "+1 %")
"""The change of each lever that is for the better."""
SOURCES = ("rate", "lifetime", "spend", "service")
_FINE = 2.0**-30
TIER = "tier"
ALL = "all"


class Labelled(NamedTuple):
    """Customers by label.

    Attributes
    ----------
    labels : DataFrame
        One row per label, the columns asked for.
    code : ndarray of int64, shape (customer,)
        Row of `labels`.
    sizes : ndarray of int64, shape (label,)
    """

    labels: pd.DataFrame
    code: Integers
    sizes: Integers


@dataclass(frozen=True)
class _Asked:
    """A block of customers and their labels."""

    customers: Customers
    code: Integers

    def __len__(self) -> int:
        return len(self.customers)

    def rows(self, chosen: slice) -> "_Asked":
        return _Asked(self.customers.rows(chosen), np.ascontiguousarray(self.code[chosen]))


def elasticity_base(
    base: PlacedBase, decision: DecisionSpec, *, by: str | Sequence[str] = (), threads: int | None = None
) -> pd.DataFrame:
    """Return d ln value / d ln of purchase rate, dropout, spend and margin, and what one per cent is worth.

    Value is what is to come within the decision's horizon, of the customers there are. Their latents are
    changed, not what is known of them: the question is what a lasting change from today on would do.

    Parameters
    ----------
    base : PlacedBase
    decision : DecisionSpec
        States horizon, discount, margin and service cost.
    by : str or sequence of str
        Columns of the summary, or "tier"; default: all together.
    threads : int, optional
        Changes speed, never a number.

    Returns
    -------
    DataFrame
        One row per label and lever: the columns of `by` (or ``all``), ``lever``, ``customers``;
        ``elasticity`` and ``one_percent`` with ``_mean``, ``_p05``, ``_p50``, ``_p95``: per cent of value
        for one per cent of the lever, and the money that one per cent for the better (``change``) would
        bring.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed.
    DataError
        Where the fit has no spend model, or a column is not there.
    """
    rows, terms, sums = _summed(base, decision, by, FACTORS, threads)
    value = _value(sums, terms)
    now, (up, down), (more, less) = value[:, 0], (value[:, 1], value[:, 2]), (value[:, 3], value[:, 4])
    gross = terms.margin * sums[:, 0, EARNED]
    slopes = ((up - down) / (2 * STEP), (more - less) / (2 * STEP), gross, gross)
    parts = []
    for lever, way, slope in zip(LEVERS, WAYS, slopes, strict=True):
        relative = np.divide(slope, now, out=np.full(now.shape, np.nan), where=now != 0)
        better = -0.01 * slope if way.startswith("-") else 0.01 * slope
        found = rows.labels.assign(lever=lever, change=way, customers=rows.sizes)
        parts.append(
            found.assign(**with_levels("elasticity", relative), **with_levels("one_percent", better))
        )
    return pd.concat(parts, ignore_index=True)


def composition_base(
    base: PlacedBase, decision: DecisionSpec, *, by: str | Sequence[str], threads: int | None = None
) -> pd.DataFrame:
    """Return why customers of a label are worth more or less than all: by rate, lifetime and spend.

    Value per customer is margin × purchases per time alive × time alive × spend per purchase, less the cost
    of service. The difference from all customers is split by logarithmic means (Ang 2004, LMDI-I), which
    leave no remainder: ``rate + lifetime + spend + service = difference`` in every draw.

    Parameters
    ----------
    base, decision, threads
        As in `elasticity_base`.
    by : str or sequence of str
        Columns of the summary, or "tier".

    Returns
    -------
    DataFrame
        One row per label: the columns of `by`, ``customers``; per customer and in money, each with
        ``_mean``, ``_p05``, ``_p50`` and ``_p95``: ``value``, ``difference`` from all, and its parts
        ``rate``, ``lifetime``, ``spend``, ``service``. Means add up; quantiles do not.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed.
    DataError
        Where the fit has no spend model, or a column is not there.
    """
    rows, terms, sums = _summed(base, decision, by, FACTORS[:1], threads)
    own, size = sums[:, 0], rows.sizes[:, None].astype(np.float64)
    whole, everybody = own.sum(axis=0, keepdims=True), size.sum()
    service = -terms.service_cost * (own[:, LIVED] / size - whole[:, LIVED] / everybody)
    mine, theirs = terms.margin * own[:, EARNED] / size, terms.margin * whole[:, EARNED] / everybody
    parts = (*_by_logarithms(own, whole, size, everybody, mine, theirs), service)
    value = _value(sums, terms)[:, 0] / size
    difference = value - _value(sums, terms)[:, 0].sum(axis=0) / everybody
    table = rows.labels.assign(customers=rows.sizes)
    for name, draws in zip(("value", "difference", *SOURCES), (value, difference, *parts), strict=True):
        table = table.assign(**with_levels(name, draws))
    return table


def _by_logarithms(
    own: Floats, whole: Floats, size: Floats, everybody: float, mine: Floats, theirs: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the parts of `mine` - `theirs` by rate, lifetime and spend; all by lifetime where one is 0."""
    is_proper = (mine > 0) & (theirs > 0)

    def log_ratio(top: Floats, bottom: Floats, all_top: Floats, all_bottom: Floats | float) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = np.log(top / bottom) - np.log(all_top / all_bottom)
        return np.where(is_proper, found, 0.0)

    rate = log_ratio(own[:, BOUGHT], own[:, LIVED], whole[:, BOUGHT], whole[:, LIVED])
    spend = log_ratio(own[:, EARNED], own[:, BOUGHT], whole[:, EARNED], whole[:, BOUGHT])
    lifetime = log_ratio(own[:, LIVED], size, whole[:, LIVED], everybody)
    whole_log, gap = rate + spend + lifetime, mine - theirs
    weight = np.divide(gap, whole_log, out=np.where(is_proper, mine, 0.0), where=np.abs(whole_log) > 1e-12)
    return weight * rate, np.where(is_proper, gap - weight * (rate + spend), gap), weight * spend


def _value(sums: Floats, terms: Terms) -> Floats:
    """Return value, shape (label, lever, draw)."""
    return terms.margin * sums[:, :, EARNED] - terms.service_cost * sums[:, :, LIVED]


def _summed(
    base: PlacedBase,
    decision: DecisionSpec,
    by: str | Sequence[str],
    factors: Floats,
    threads: int | None,
) -> tuple[Labelled, Terms, Floats]:
    """Return the labels, the terms, and sums of shape (label, lever, part, draw)."""
    base.require_usable()
    rows = labelled(base, by, decision, threads)
    _, population, people = base.placed(DRAWS)
    population.require_spend()
    terms = terms_of(decision.value, base.posterior.time_unit)
    steps = (_FINE, _FINE, step_of(base.hyperparameters(DRAWS).typical_amount))
    shape = (len(rows.labels), len(factors), PARTS, population.draws.size)

    def work(part: _Asked) -> Integers:
        sums, latents = np.zeros(shape, np.int64), part.customers.keys(base.seed, LATENTS)
        streams = Streams(latents, latents, latents, population.draws)
        standing = people_of(population, part.customers, terms.horizon)
        clock, laws = clock_of(population), laws_of(population)
        levers = Levers(part.code, steps, sums)
        add_up_levers(streams, standing, laws, clock, terms.as_tuple()[:2], factors, levers)
        return sums

    blocks = walk(
        _Asked(people, rows.code), work, block=block_size(population.draws.size, None), threads=threads
    )
    total = sum(blocks, np.zeros(shape, np.int64))
    return rows, terms, total * np.array(steps)[:, None]


def labelled(
    base: PlacedBase, by: str | Sequence[str], decision: DecisionSpec, threads: int | None = None
) -> Labelled:
    """Return the customers of a base by some columns of its summary, or by tier; by none, all together.

    Raises
    ------
    DataError
        Where a column is not there, or tiers are asked for without a decision that has some.
    """
    base.require_customers()
    columns = [by] if isinstance(by, str) else list(by)
    summary = base.summary
    if TIER in columns and TIER not in summary.columns:
        if decision.tiers is None:
            raise DataError('by="tier" needs a decision with tiers: add [tiers] to it')
        summary = summary.assign(tier=score_base(base, decision, threads=threads)[TIER].to_numpy())
    for name in columns:
        if name not in summary.columns:
            known = [str(each) for each in summary.columns]
            raise DataError(f"there is no column {name!r}: {checked.nearest(name, [*known, TIER])}")
    if not columns:
        nothing: Integers = np.zeros(len(summary), np.int64)
        everybody: Integers = np.full(1, len(summary), np.int64)
        return Labelled(pd.DataFrame({ALL: [ALL]}), nothing, everybody)
    groups = summary.groupby(columns, sort=True, dropna=False, observed=True)
    code: Integers = np.array(groups.ngroup(), dtype=np.int64)
    first, sizes = np.unique(code, return_index=True, return_counts=True)[1:]
    labels = summary[columns].iloc[first].reset_index(drop=True)
    return Labelled(labels, code, sizes)


def with_levels(name: str, draws: Floats) -> dict[str, Floats]:
    """Return mean, 5, 50 and 95 % of each row of draws, shape (row, draw), as columns."""
    return {f"{name}_mean": draws.mean(axis=1), **quantiles_of(draws, f"{name}_")}
