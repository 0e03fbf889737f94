"""Lifetime value of chosen customers, with its uncertainty."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from bayesltv.errors import DataError
from bayesltv.languages.language import tr, trn, word
from bayesltv.languages.written import percent
from bayesltv.names import CUSTOMER_ID, FREQUENCY
from bayesltv.prediction.concentration import BEST, lorenz_curve
from bayesltv.report import style
from bayesltv.report.figures.tiers import rows_of

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
    ax = style.new_axes(ax, size=(7.6, 1.9 + 0.3 * len(chosen)))
    ax.hlines(
        place,
        chosen["ltv_p05"],
        chosen["ltv_p95"],
        color=style.BLUE,
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
        color=style.BLUE,
        label=tr("median"),
    )
    ax.plot(
        chosen["ltv_mean"],
        place,
        linestyle="none",
        marker="o",
        markersize=5.5,
        color=style.VERMILLION,
        label=tr("expected value"),
    )
    ax.set_yticks(place, _labels(chosen))
    ax.set_ylim(-0.7, len(chosen) - 0.3)
    style.money_axis(ax.xaxis, scores.attrs.get("currency"))
    ax.set_xlabel(style.value_label(scores.attrs))
    ax.set_ylabel(tr("customer"))
    style.legend(ax, location="lower right")
    reading = tr("The expected value alone hides how far apart good and bad luck lie")
    return style.dress(ax, title=tr("What single customers may be worth"), subtitle=reading, grid="x")


def plot_lorenz(drawn: xr.Dataset, *, quantity: str = "value", ax: Axes | None = None) -> Axes:
    """Draw the Lorenz curve of what customers will bring, with its 90 % band and the share of the top 20 %.

    Parameters
    ----------
    drawn : Dataset
        From ``base.predict``.
    quantity : "value", "spend" or "purchases"
    ax : Axes, optional

    Raises
    ------
    DataError
        Where the draws have no such quantity, or nobody brings any.
    """
    table = lorenz_curve(drawn, quantity=quantity)
    low, middle, high = table.attrs["best"]
    ax = style.new_axes(ax, size=(6.2, 5.2))
    ax.plot(
        [0, 1], [0, 1], color=style.GREY, linewidth=1, linestyle=(0, (4, 3)), label=tr("all bring the same")
    )
    ax.fill_between(
        table["customers"],
        table["p05"],
        table["p95"],
        color=style.BLUE,
        alpha=0.22,
        linewidth=0,
        label=tr("90 % of draws"),
    )
    ax.plot(table["customers"], table["p50"], color=style.BLUE, linewidth=1.8, label=tr("median"))
    ax.vlines(1 - BEST, 1 - middle, 1, color=style.VERMILLION, linewidth=2.4)
    words = tr(
        "the top {best} bring\n{middle} ({low} to {high})", best=percent(BEST), middle=percent(middle),
        low=f"{100 * low:.0f}", high=percent(high),
    )  # fmt: skip
    style.note(ax, words, (1 - BEST, 1), (-6, -4), align=("right", "top"))
    ax.set(xlim=(0, 1), ylim=(min(0.0, float(table["p05"].min())), 1))
    style.percent_axis(ax.xaxis, ax.yaxis)
    ax.set_xlabel(tr("share of customers, from those who bring least"))
    ax.set_ylabel(tr("share of all {quantity}", quantity=word(quantity)))
    ax.legend(loc="center left", frameon=False, fontsize=9)
    gini = table.attrs["gini"]
    reading = tr(
        "{customers:,} customers, ordered in each draw by what they bring in it.\n"
        "Gini {middle:.2f} ({low:.2f} to {high:.2f})",
        customers=table.attrs["count"], middle=gini[1], low=gini[0], high=gini[2],
    )  # fmt: skip
    title = tr("Who brings the {quantity}?", quantity=word(quantity))
    return style.dress(ax, title=title, subtitle=reading, grid="both")


def spread_of_customers(scores: pd.DataFrame, *, count: int = CHOSEN) -> list[str]:
    """Return ids from the best to the middle of the ranking by expected value, denser towards the top."""
    ranking = pd.DataFrame(scores).sort_values("ltv_mean", ascending=False, kind="stable")[CUSTOMER_ID]
    last = max(1, len(ranking) // 2)
    ranks = np.unique(np.round(np.geomspace(1, last, min(count, last))).astype(int) - 1)
    return [str(ranking.iloc[rank]) for rank in ranks]


def _labels(chosen: pd.DataFrame) -> list[str]:
    ids = style.shortened(chosen[CUSTOMER_ID].astype(str).tolist())
    if FREQUENCY not in chosen:
        return ids
    return [
        trn("{who}  ({n} repeat purchase)", "{who}  ({n} repeat purchases)", n, who=who)
        for who, n in zip(ids, chosen[FREQUENCY].astype(int), strict=True)
    ]
