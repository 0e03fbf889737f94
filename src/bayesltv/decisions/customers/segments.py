"""Tiers by stages of life: how many customers are where, how they are doing, and what they should bring."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bayesltv.names import FREQUENCY
from bayesltv.numerics.arrays import Integers
from bayesltv.specs.decision.stages import STAGES

ALL = "all"
"""Label of the rows that add tiers or stages up."""
Counts = Mapping[str, Integers]


def segment_table(table: pd.DataFrame, tiers: tuple[str, ...], counts: Counts | None) -> pd.DataFrame:
    """Return key figures of each tier and stage, and of their margins.

    Customers stand where their labels are: the tier of the least cost of error and the most probable stage.
    How many really are in a stage is unsure; that is counted draw by draw among the customers of the tier.

    Parameters
    ----------
    table : DataFrame
        The scores, one row per customer, with ``stage`` where there are stages.
    tiers : tuple of str
        From low to high; empty: no tiers.
    counts : mapping of str to ndarray of int64, shape (stage, draw), optional
        Tier -> customers of that label who are in each stage, draw by draw.

    Returns
    -------
    DataFrame
        ``tier``, ``stage``; ``customers`` by label; ``in_stage_p05``, ``_p50``, ``_p95``: customers of the
        tier who are in the stage, over draws; ``retention``, mean P(purchase within the horizon); ``alive``,
        mean P(alive); ``active``, mean P(stage is active), missing without stages; ``repurchase``, the share
        who have bought again so far; ``expected_purchases`` of all together; ``average_order``, expected
        spend per expected purchase, in money; ``value`` (latent, in expectation) of all together and
        ``value_per_customer``. Means of nobody are missing.
    """
    tier = table["tier"].to_numpy(object) if tiers else np.full(len(table), ALL, dtype=object)
    stage = table["stage"].to_numpy(object) if "stage" in table else np.full(len(table), ALL, dtype=object)
    stages = (*STAGES, ALL) if "stage" in table else (ALL,)
    of_stage = {name: (stage == name) | (name == ALL) for name in stages}
    rows = []
    for t in (*tiers, ALL):
        of_tier = (tier == t) | (t == ALL)
        for s in stages:
            here = of_tier & of_stage[s]
            in_stage = _in_stage(counts, t, s)
            rows.append({"tier": t, "stage": s, **_key_figures(table[here], in_stage)})
    return pd.DataFrame(rows)


def _in_stage(counts: Counts | None, tier: str, stage: str) -> Integers | None:
    """Return how many customers of a tier are in a stage, draw by draw; None where that is not counted."""
    if counts is None or stage == ALL:
        return None
    parts = list(counts.values()) if tier == ALL else [counts[tier]]
    return np.sum(parts, axis=0)[STAGES.index(stage)]  # type: ignore[no-any-return]


def _key_figures(some: pd.DataFrame, in_stage: Integers | None) -> dict[str, float]:
    number = len(some)
    levels = np.full(3, np.nan) if in_stage is None else np.quantile(in_stage, [0.05, 0.5, 0.95])

    def mean_of(name: str) -> float:
        return float(some[name].mean()) if number and name in some else np.nan

    def sum_of(values: "pd.Series[float]") -> float:
        return float(values.sum(skipna=False))

    purchases = sum_of(some["expected_purchases"])
    figures = {
        "customers": number,
        **dict(zip(("in_stage_p05", "in_stage_p50", "in_stage_p95"), levels, strict=True)),
        "retention": mean_of("p_purchase_horizon"),
        "alive": mean_of("p_alive"),
        "active": mean_of("p_stage_active"),
        "repurchase": float((some[FREQUENCY] > 0).mean()) if number and FREQUENCY in some else np.nan,
        "expected_purchases": purchases,
    }
    if "ltv_mean" in some:
        spend = sum_of(some["expected_purchases"] * some["expected_spend_per_purchase"])
        value = sum_of(some["ltv_mean"])
        figures |= {
            "average_order": spend / purchases if purchases > 0 else np.nan,
            "value": value,
            "value_per_customer": value / number if number else np.nan,
        }
    return figures
