"""Model criticism as pictures: replicated customers, priors in customers' terms, sensitivity."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesltv.checks.psense import SENSITIVE
from bayesltv.errors import DataError
from bayesltv.evaluation.posterior_predictive import PosteriorPredictive
from bayesltv.evaluation.prior_predictive import PriorPredictive
from bayesltv.languages.language import label, mark, tr, trs
from bayesltv.report.style import (
    BLACK,
    BLUE,
    FAINT,
    GREY,
    ORANGE,
    VERMILLION,
    dress,
    legend,
    new_axes,
    rows_axis,
)

Picture = Callable[[], "Axes | Figure"]
SUBJECTS = {
    "frequency": (
        mark("How many customers come back how often"),
        mark("repeat purchases"),
        mark("customers"),
    ),
    "recency given frequency": (
        mark("When they were last seen"),
        mark("repeat purchases"),
        mark("mean of recency / T"),
    ),
    "repeat share": (
        mark("How many come back, by group"),
        mark("group"),
        mark("share with a repeat purchase"),
    ),
    "mean spend": (
        mark("What a purchase is worth"),
        mark("mean repeat amount of a customer"),
        mark("share of repeaters"),
    ),
}


def plot_posterior_predictive(
    found: PosteriorPredictive, *, statistic: str = "frequency", ax: Axes | None = None
) -> Axes:
    """Draw a statistic of real customers beside the 90 % of replicas.

    Parameters
    ----------
    found : PosteriorPredictive
    statistic : "frequency", "recency given frequency", "repeat share" or "mean spend"
    ax : Axes, optional

    Raises
    ------
    DataError
        Where the model has no such statistic.
    """
    table = found.table[found.table["statistic"] == statistic]
    if table.empty or statistic not in SUBJECTS:
        known = ", ".join(name for name in SUBJECTS if (found.table["statistic"] == name).any())
        raise DataError(f"statistic {statistic!r} cannot be drawn: use {known}")
    title, across, up = trs(SUBJECTS[statistic])
    place = np.arange(len(table))
    ax = new_axes(ax, size=(7.2, 4.2))
    _draw_replicas(table, place, ax)
    labels = [label(each) for each in table["label"]]
    long = max(map(len, labels)) > 6
    ax.set_xticks(place, labels, rotation=30 if long else 0, ha="right" if long else "center")
    ax.set_xlim(-0.6, len(table) - 0.4)
    reach = float(table[["observed", "p95"]].to_numpy().max())
    ax.set_ylim(0, reach * (6 if statistic == "frequency" else 1.35))
    ax.set_xlabel(across)
    ax.set_ylabel(up)
    if statistic == "frequency":
        ax.set_yscale("symlog", linthresh=10)
        ax.set_yticks([0, 10, 100, 1_000, 10_000, 100_000, 1_000_000])
        ax.set_ylim(0, 6 * reach)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    legend(ax, location="lower right" if statistic.startswith("recency") else "upper right")
    reading = tr(
        "{customers:,} real customers, {draws:,} times made anew by the model",
        customers=found.facts["customers"],
        draws=found.facts["draws"],
    )
    return dress(ax, title=title, subtitle=reading)


def plot_prior_predictive(found: PriorPredictive, *, ax: Axes | None = None) -> Axes:
    """Draw what priors say in customers' terms: 90 % intervals and medians on a logarithmic scale.

    Parameters
    ----------
    found : PriorPredictive
    ax : Axes, optional
    """
    table = found.table
    place = np.arange(len(table))[::-1]
    ax = new_axes(ax, size=(7.2, 1.7 + 0.55 * len(table)))
    least = 1e-3
    low = table["p05"].clip(lower=least)
    colour = [VERMILLION if flagged else BLUE for flagged in table["flagged"]]
    ax.hlines(place, low, table["p95"], color=colour, linewidth=3)
    ax.scatter(
        table["p50"].clip(lower=least), place, color=colour, s=42, zorder=3, label=tr("prior: median, 90 %")
    )
    if "observed" in table:
        ax.scatter(
            table["observed"],
            place,
            color="white",
            edgecolor=BLACK,
            marker="D",
            s=44,
            zorder=4,
            label=tr("observed"),
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_yticks(place, [tr(each) for each in table["quantity"]])
    ax.set_ylim(-1.3, len(table) - 0.4)
    ax.set_xlabel(tr("value, logarithmic"))
    legend(ax, location="lower right")
    reading = tr("200 customers over a year for each draw of the prior; red: flagged as implausible")
    return dress(ax, title=tr("What the priors say about customers"), subtitle=reading, grid="x")


def plot_psense(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw sensitivity to priors and to data by parameter.

    Parameters
    ----------
    table : DataFrame
        From ``psense``.
    ax : Axes, optional
    """
    place = np.arange(len(table))[::-1]
    ax = new_axes(ax, size=(7.2, 1.7 + 0.4 * len(table)))
    ax.axvspan(0, SENSITIVE, color=FAINT, linewidth=0)
    ax.hlines(place, table["prior"], table["likelihood"], color=GREY, linewidth=1)
    ax.scatter(table["likelihood"], place, color=BLUE, s=42, zorder=3, label=tr("to the data"))
    ax.scatter(table["prior"], place, color=ORANGE, marker="s", s=42, zorder=3, label=tr("to the priors"))
    rows_axis(ax, place, list(table["parameter"]))
    ax.set_xlim(left=0)
    ax.set_xlabel(tr("change of the posterior as the power changes"))
    legend(ax, location="upper right")
    reading = tr("Priors should stay in the grey stretch (below {limit:g}), data beyond it", limit=SENSITIVE)
    return dress(ax, title=tr("Who decides, prior or data?"), subtitle=reading, grid="x")


def _draw_replicas(table: pd.DataFrame, place: np.ndarray[tuple[int], np.dtype[np.int64]], ax: Axes) -> None:
    ax.vlines(
        place, table["p05"], table["p95"], color=BLUE, alpha=0.35, linewidth=11, label=tr("90 % of replicas")
    )
    ax.scatter(place, table["predicted"], color=BLUE, s=16, label=tr("mean of replicas"))
    ax.scatter(
        place, table["observed"], color="white", edgecolor=BLACK, linewidth=1.3, marker="D", s=38, zorder=3,
        label=tr("observed"),
    )  # fmt: skip
