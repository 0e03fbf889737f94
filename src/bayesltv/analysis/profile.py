"""Who fulfils a condition: attributes and key figures of some customers beside those of all."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bayesltv.base.customers import Customers, walk
from bayesltv.base.placed_base import PlacedBase
from bayesltv.decisions.customers.described import Described, describe
from bayesltv.decisions.offer.eligibility import fulfils
from bayesltv.errors import DataError, shown
from bayesltv.names import FREQUENCY, RECENCY, VALUE_TO_DATE, T
from bayesltv.numerics.arrays import Flags, Floats
from bayesltv.prediction.draws import block_size, simulate_futures
from bayesltv.prediction.scores.score import score_base
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.prediction.terms import terms_of
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.specs.decision.expression import parse
from bayesltv.specs.decision.stages import STAGES
from bayesltv.units import DAYS_PER

Row = tuple[str, str, str, float, float, float]
"""Kind, name, level, figure, 5 and 95 %."""
_PREDICTED = ("p_alive", "p_purchase_horizon", "expected_purchases", "ltv_mean")
"""Columns of ``score`` whose mean is a key figure, in the order of what is counted draw by draw."""
_LEFT = ["kind", "name", "level"]


def profile_base(
    base: PlacedBase, where: str, decision: DecisionSpec, *, threads: int | None = None
) -> pd.DataFrame:
    """Return attributes and key figures of the customers who fulfil a condition, beside those of all.

    Parameters
    ----------
    base : PlacedBase
    where : str
        As ``eligible`` of an action: "tier == 'high' and p_alive < 0.5". It may name columns of ``score``,
        of stages, groups, and recency, T and monetary_value of the summary.
    decision : DecisionSpec
        States horizon, discount, margin, tiers and stages.
    threads : int, optional
        Changes speed, never a number.

    Returns
    -------
    DataFrame
        One row per figure: ``kind``, ``name``, ``level``; ``chosen``, ``chosen_p05``, ``chosen_p95``,
        ``all``, ``all_p05``, ``all_p95``. Kinds: "customers" (their number); "share", of customers by level
        of each group column, of ``tier`` (their labels) and of ``stage`` (mean probability); "known", means
        per customer up to now; "predicted", means per customer within the horizon: P(alive) (today),
        P(purchase), purchases, value in money, and ``average_order``, spend over purchases. The figure is the
        mean of what ``score`` says of each; 5 and 95 % are of predictive draws of these customers together,
        missing where nothing is predicted. Without a shared clock customers are independent given the
        parameters, so that bands of many customers are too narrow.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed.
    DataError
        Where nobody fulfils the condition.
    SpecError
        Where it is no condition, or names a column that is not there.
    """
    condition = parse(where)
    base.require_customers()
    scores = score_base(base, decision, threads=threads)
    people = describe(base, base.placed(DRAWS), scores, decision, previous=None, threads=threads)
    chosen = fulfils(condition, people.asked)
    if not chosen.any():
        raise DataError(f"none of {len(base):,} customers fulfils {shown(where)}: widen the condition")
    parts = {}
    for name, mine in (("chosen", chosen), ("all", np.ones(len(base), np.bool_))):
        rows = list(_rows(base, people, mine, decision, threads))
        figures = [name, f"{name}_p05", f"{name}_p95"]
        parts[name] = pd.DataFrame(rows, columns=[*_LEFT, *figures]).set_index(_LEFT)
    both = parts["all"].join(parts["chosen"])
    shares = both.index.get_level_values("kind") == "share"
    both.loc[shares, "chosen"] = both.loc[shares, "chosen"].fillna(0.0)
    order = [f"{name}{level}" for name in ("chosen", "all") for level in ("", "_p05", "_p95")]
    return both[order].reset_index()


def _rows(
    base: PlacedBase, people: Described, mine: Flags, decision: DecisionSpec, threads: int | None
) -> Iterator[Row]:
    table, summary, nan = people.table[mine], base.summary[mine], np.nan
    yield "customers", "customers", "", float(mine.sum()), nan, nan
    for name in (*base.posterior.columns, *(["tier"] if people.tiers else [])):
        labels = table[name].astype(str)
        for level in people.tiers if name == "tier" else sorted(labels.unique()):
            yield "share", name, level, float((labels == level).mean()), nan, nan
    for stage in STAGES if "stage" in table else ():
        yield "share", "stage", stage, float(table[f"p_stage_{stage}"].mean()), nan, nan
    since = (summary[T] - summary[RECENCY]) * DAYS_PER[base.posterior.time_unit]
    known = {FREQUENCY: summary[FREQUENCY], "days_since_last": since}
    if VALUE_TO_DATE in summary:
        known[VALUE_TO_DATE] = summary[VALUE_TO_DATE]
    for name, values in known.items():
        yield "known", name, "", float(values.mean()), nan, nan
    sums, size = _by_draw(base, mine, decision, threads), mine.sum()
    for at, name in enumerate(_PREDICTED):
        if name in table:
            low, high = np.quantile(sums[at] / size, [0.05, 0.95])
            yield "predicted", name, "", float(table[name].mean(skipna=False)), float(low), float(high)
    if "ltv_mean" in table and (sums[2] > 0).any():
        order = sums[4][sums[2] > 0] / sums[2][sums[2] > 0]
        low, high = np.quantile(order, [0.05, 0.95])
        purchases = table["expected_purchases"].to_numpy(np.float64)
        spend = purchases * table["expected_spend_per_purchase"].to_numpy(np.float64)
        mean = float(spend.sum() / purchases.sum())
        yield "predicted", "average_order", "", mean, float(low), float(high)


def _by_draw(base: PlacedBase, mine: Flags, decision: DecisionSpec, threads: int | None) -> Floats:
    """Return sums over customers, shape (5, draw): alive, who buy, purchases, value, spend."""
    _, population, people = base.placed(DRAWS)
    terms = terms_of(decision.value, base.posterior.time_unit)

    def work(some: Customers) -> Floats:
        found = simulate_futures(population, some, terms, seed=base.seed)
        counted = (found.alive, found.purchases > 0, found.purchases, found.value, found.spend)
        return np.array([each.sum(axis=0, dtype=np.float64) for each in counted])

    size, rows = block_size(population.draws.size, None), people.rows(np.flatnonzero(mine))
    return np.sum(list(walk(rows, work, block=size, threads=threads)), axis=0)  # type: ignore[no-any-return]
