"""Model criticism as pictures: checks, replicated customers, priors in customers' terms, sensitivity."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesltv.checks.psense import SENSITIVE
from bayesltv.checks.result import CheckReport, CheckResult
from bayesltv.errors import DataError
from bayesltv.evaluation.posterior_predictive import PosteriorPredictive
from bayesltv.evaluation.prior_predictive import PriorPredictive
from bayesltv.report.style import (
    BLACK,
    BLUE,
    FAINT,
    GREY,
    ORANGE,
    VERMILLION,
    date_axis,
    dress,
    legend,
    new_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SUBJECTS = {
    "frequency": ("How many customers come back how often", "repeat purchases", "customers"),
    "recency given frequency": ("When they were last seen", "repeat purchases", "mean of recency / T"),
    "repeat share": ("How many come back, by group", "group", "share with a repeat purchase"),
    "mean spend": ("What a purchase is worth", "mean repeat amount of a customer", "share of repeaters"),
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
    if table.empty or statistic not in _SUBJECTS:
        known = ", ".join(name for name in _SUBJECTS if (found.table["statistic"] == name).any())
        raise DataError(f"statistic {statistic!r} cannot be drawn: use {known}")
    title, across, up = _SUBJECTS[statistic]
    place = np.arange(len(table))
    ax = new_axes(ax, size=(7.2, 4.2))
    _draw_replicas(table, place, ax)
    labels = list(table["label"])
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
    reading = (
        f"{found.facts['customers']:,} real customers, {found.facts['draws']:,} times made anew by the model"
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
        table["p50"].clip(lower=least), place, color=colour, s=42, zorder=3, label="prior: median, 90 %"
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
            label="observed",
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_yticks(place, list(table["quantity"]))
    ax.set_ylim(-1.3, len(table) - 0.4)
    ax.set_xlabel("value, logarithmic")
    legend(ax, location="lower right")
    reading = "200 customers over a year for each draw of the prior; red: flagged as implausible"
    return dress(ax, title="What the priors say about customers", subtitle=reading, grid="x")


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
    ax.scatter(table["likelihood"], place, color=BLUE, s=42, zorder=3, label="to the data")
    ax.scatter(table["prior"], place, color=ORANGE, marker="s", s=42, zorder=3, label="to the priors")
    ax.set_yticks(place, list(table["parameter"]))
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.set_xlim(left=0)
    ax.set_xlabel("change of the posterior as the power changes")
    legend(ax, location="upper right")
    reading = f"Priors should stay in the grey stretch (below {SENSITIVE:g}), data beyond it"
    return dress(ax, title="Who decides, prior or data?", subtitle=reading, grid="x")


def plot_check(result: CheckResult, *, ax: Axes | None = None) -> Axes:
    """Draw what a check's figure was made from.

    Parameters
    ----------
    result : CheckResult
        With a table, from ``check``: regular_timing, common_shocks or prior_sensitivity; replicated_customers
        has ``plot_posterior_predictive``.
    ax : Axes, optional

    Raises
    ------
    DataError
        Where the check has no picture.
    """
    if result.table is None or result.name not in _PLOTS:
        raise DataError(f"check {result.name!r} has no picture: those with one are {', '.join(_PLOTS)}")
    return _PLOTS[result.name](result, ax)


def check_figures(report: CheckReport) -> dict[str, Callable[[], Axes]]:
    """Return a way to draw the picture of each check that has one, by the name of its file."""
    found: dict[str, Callable[[], Axes]] = {}
    for result in report.results:
        if result.table is None:
            continue
        if result.name in _PLOTS:
            found[result.name] = partial(plot_check, result)
        if result.name == "replicated_customers":
            replicas = PosteriorPredictive(result.table, dict(result.facts))
            for statistic in _SUBJECTS:
                if (result.table["statistic"] == statistic).sum() > 1:
                    name = "replicas_" + statistic.replace(" ", "_")
                    found[name] = partial(plot_posterior_predictive, replicas, statistic=statistic)
    return found


def check_tables(report: CheckReport) -> dict[str, pd.DataFrame]:
    """Return the table of all checks, and each check's own, by the name of their file."""
    own = {result.name: result.table for result in report.results if result.table is not None}
    return {"checks": report.table, **own}


def _draw_replicas(table: pd.DataFrame, place: np.ndarray[tuple[int], np.dtype[np.int64]], ax: Axes) -> None:
    ax.vlines(
        place, table["p05"], table["p95"], color=BLUE, alpha=0.35, linewidth=11, label="90 % of replicas"
    )
    ax.scatter(place, table["predicted"], color=BLUE, s=16, label="mean of replicas")
    ax.scatter(
        place, table["observed"], color="white", edgecolor=BLACK, linewidth=1.3, marker="D", s=38, zorder=3,
        label="observed",
    )  # fmt: skip


def _plot_timing(result: CheckResult, ax: Axes | None) -> Axes:
    assert result.table is not None
    ax = new_axes(ax, size=(7.2, 4.0))
    ax.bar(result.table["share_from"] + 0.05, result.table["pairs"], width=0.088, color=BLUE, alpha=0.5)
    ax.axhline(result.table["expected"].iloc[0], color=BLACK, linewidth=1.2, linestyle=(0, (4, 3)))
    ax.set_xlabel("share of two successive waits that the first one takes")
    ax.set_ylabel("pairs of waits")
    reading = (
        f"Dashed: exponential waits. Heaped in the middle: regular; at the ends: bursts. {_said(result)}"
    )
    return dress(ax, title="Do customers buy regularly?", subtitle=reading)


def _plot_shocks(result: CheckResult, ax: Axes | None) -> Axes:
    assert result.table is not None
    weeks, residual = result.table["period_end"].to_numpy(), result.table["residual"].to_numpy()
    ax = new_axes(ax, size=(8.0, 4.0))
    ax.axhspan(-2, 2, color=BLUE, alpha=0.15, linewidth=0)
    ax.axhline(0, color=GREY, linewidth=1)
    ax.vlines(weeks, 0, residual, color=BLUE, linewidth=1.4)
    ax.plot(weeks, residual, color=BLACK, marker="o", markersize=4, linestyle="none")
    date_axis(ax.xaxis)
    ax.set_xlabel("last day of each week")
    ax.set_ylabel("residual, predictive standard deviations")
    reading = f"Independent customers stay in the band 19 weeks of 20. {_said(result)}"
    return dress(ax, title="Does something move all customers together?", subtitle=reading)


def _plot_sensitivity(result: CheckResult, ax: Axes | None) -> Axes:
    assert result.table is not None
    return plot_psense(result.table, ax=ax)


def _said(result: CheckResult) -> str:
    return f"Figure {result.value:.2f}" if result.value is not None else ""


_PLOTS: dict[str, Callable[[CheckResult, Axes | None], Axes]] = {
    "regular_timing": _plot_timing,
    "common_shocks": _plot_shocks,
    "prior_sensitivity": _plot_sensitivity,
}
