"""Lifetime value of chosen customers, with its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesltv.errors import DataError
from bayesltv.languages.language import tr, trn
from bayesltv.names import CUSTOMER_ID, FREQUENCY
from bayesltv.report.figures.tiers import rows_of
from bayesltv.report.style import (
    BLUE,
    VERMILLION,
    dress,
    legend,
    money_axis,
    new_axes,
    shortened,
    value_label,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHOSEN = 12


def plot_ltv_intervals(
    scores: pd.DataFrame, customers: Sequence[object] | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw the predictive interval of customers' value, the most valuable at the top.

    Parameters
    ----------
    scores : DataFrame
        Score table with value.
    customers : sequence, optional
        Ids; default twelve from the best to the middle of the ranking by expected value.
    ax : Axes, optional

    Raises
    ------
    DataError
        Where the table has no value (no spend model), or not these customers.
    """
    if "ltv_p95" not in scores.columns:
        raise DataError("the score table has no ltv columns: the fit has no spend model")
    chosen = rows_of(scores, customers if customers is not None else spread_of_customers(scores))
    chosen = chosen.sort_values("ltv_mean", kind="stable", na_position="first")
    place = np.arange(len(chosen))
    ax = new_axes(ax, size=(7.6, 1.9 + 0.3 * len(chosen)))
    ax.hlines(
        place,
        chosen["ltv_p05"],
        chosen["ltv_p95"],
        color=BLUE,
        linewidth=5,
        alpha=0.3,
        label=tr("90 % interval"),
    )
    ax.plot(
        chosen["ltv_p50"],
        place,
        linestyle="none",
        marker="|",
        markersize=11,
        markeredgewidth=2.4,
        color=BLUE,
        label=tr("median"),
    )
    ax.plot(
        chosen["ltv_mean"],
        place,
        linestyle="none",
        marker="o",
        markersize=5.5,
        color=VERMILLION,
        label=tr("expected value"),
    )
    ax.set_yticks(place, _labels(chosen))
    ax.set_ylim(-0.7, len(chosen) - 0.3)
    money_axis(ax.xaxis, scores.attrs.get("currency"))
    ax.set_xlabel(value_label(scores.attrs))
    ax.set_ylabel(tr("customer"))
    legend(ax, location="lower right")
    reading = tr("The expected value alone hides how far apart good and bad luck lie")
    return dress(ax, title=tr("What single customers may be worth"), subtitle=reading, grid="x")


def spread_of_customers(scores: pd.DataFrame, *, count: int = CHOSEN) -> list[str]:
    """Return ids from the best to the middle of the ranking by expected value, denser towards the top."""
    ranking = pd.DataFrame(scores).sort_values("ltv_mean", ascending=False, kind="stable")[CUSTOMER_ID]
    last = max(1, len(ranking) // 2)
    ranks = np.unique(np.round(np.geomspace(1, last, min(count, last))).astype(int) - 1)
    return [str(ranking.iloc[rank]) for rank in ranks]


def _labels(chosen: pd.DataFrame) -> list[str]:
    ids = shortened(chosen[CUSTOMER_ID].astype(str).tolist())
    if FREQUENCY not in chosen:
        return ids
    return [
        trn("{who}  ({n} repeat purchase)", "{who}  ({n} repeat purchases)", n, who=who)
        for who, n in zip(ids, chosen[FREQUENCY].astype(int), strict=True)
    ]
