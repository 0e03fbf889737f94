"""Recency, frequency and money: the classes of practice, beside tiers and stages."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.base.placed_base import PlacedBase
from bayesltv.decisions.customers.described import describe
from bayesltv.errors import DataError
from bayesltv.names import CUSTOMER_ID, FREQUENCY, MONETARY_VALUE, RECENCY, VALUE_TO_DATE, T
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.prediction.scores.score import score_base
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.specs import checked
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.units import DAYS_PER

MOST = 9
CHAMPIONS, LOYAL, NEW, NEED_ATTENTION, AT_RISK, LOST = (
    "champions",
    "loyal",
    "new",
    "need attention",
    "at risk",
    "lost",
)


def rfm_base(
    base: PlacedBase,
    decision: DecisionSpec | None = None,
    *,
    bins: int = 5,
    threads: int | None = None,
) -> pd.DataFrame:
    """Return each customer's class of recency, frequency and money, and the segment that makes.

    Classes have about equal numbers of customers; customers who are level share a class. Any of the columns
    can be a cell of a test (``suggest_cells(table, by=["rfm_segment"])``).

    Parameters
    ----------
    base : PlacedBase
    decision : DecisionSpec, optional
        Adds each customer's ``tier``, and its ``stage`` where the decision has stages.
    bins : int
        Classes of each, from 2 to 9.
    threads : int, optional
        Changes speed, never a number.

    Returns
    -------
    DataFrame
        ``customer_id``; ``days_since_last``, ``purchases`` (days with a purchase), ``money``: value to date,
        or the mean amount where the summary has no other; ``r_score``, ``f_score``, ``m_score`` from 1 to
        `bins`, the highest for the latest, the most, the largest; ``rfm``, the three digits;
        ``rfm_segment``: by the recency and frequency classes, upper and lower half (``champions`` are in the
        highest class of both; ``new`` have bought once, lately); ``tier`` and ``stage``.

    Raises
    ------
    CheckFailed
        Where tiers are asked for and a gating check of the fit failed.
    DataError
        Where the summary has no money.
    """
    base.require_customers()
    checked.count("bins", bins, at_least=2)
    if bins > MOST:
        raise DataError(f"bins={bins} has classes of two digits: {MOST} at most")
    summary = base.summary
    money = next((name for name in (VALUE_TO_DATE, MONETARY_VALUE) if name in summary), None)
    if money is None:
        raise DataError("the summary has no money: make it with amounts, summarize(log)")
    days = (summary[T] - summary[RECENCY]).to_numpy(float) * DAYS_PER[base.posterior.time_unit]
    table = pd.DataFrame(
        {
            CUSTOMER_ID: summary[CUSTOMER_ID].to_numpy(),
            "days_since_last": days,
            "purchases": summary[FREQUENCY].to_numpy() + 1,
            "money": summary[money].fillna(0.0).to_numpy(float),
        }
    )
    table["r_score"] = _classes(-days, bins)
    table["f_score"] = _classes(table["purchases"].to_numpy(float), bins)
    table["m_score"] = _classes(table["money"].to_numpy(float), bins)
    table["rfm"] = table["r_score"].astype(str) + table["f_score"].astype(str) + table["m_score"].astype(str)
    table["rfm_segment"] = _segments(table, bins)
    return table if decision is None else _with_labels(table, base, decision, threads)


def _classes(values: Floats, bins: int) -> Integers:
    """Return the class of each value, 1 for the lowest: those who are level share their middle rank."""
    rank = pd.Series(values).rank(method="average").to_numpy()
    return np.clip(np.ceil(rank / len(values) * bins), 1, bins).astype(np.int64)


def _segments(table: pd.DataFrame, bins: int) -> NDArray[np.object_]:
    """Return the names of segments, the first that holds."""
    recent, often = table["r_score"] > bins / 2, table["f_score"] > bins / 2
    once = table["purchases"] == 1
    conditions = [
        (table["r_score"] == bins) & (table["f_score"] == bins),
        recent & once,
        recent & often,
        recent,
        often,
    ]
    names = [CHAMPIONS, NEW, LOYAL, NEED_ATTENTION, AT_RISK]
    return np.select([each.to_numpy() for each in conditions], names, LOST).astype(object)


def _with_labels(
    table: pd.DataFrame, base: PlacedBase, decision: DecisionSpec, threads: int | None
) -> pd.DataFrame:
    scores = score_base(base, decision, threads=threads)
    people = describe(base, base.placed(DRAWS), scores, decision, previous=None, threads=threads).table
    labels = [name for name in ("tier", "stage") if name in people]
    return table.assign(**{name: people[name].to_numpy() for name in labels})
