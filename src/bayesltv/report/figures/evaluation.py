"""A forecast against what happened, as pictures."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesltv.evaluation.result import ALL, TABLES, Evaluation
from bayesltv.evaluation.rules import pit_curve
from bayesltv.languages.language import label, mark, tr
from bayesltv.languages.written import day
from bayesltv.report.figures.calibration import plot_purchase_calibration
from bayesltv.report.figures.tracking import plot_tracking_cumulative, plot_tracking_weekly
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
    percent_axis,
)

BAND = 0.95
_POINTS, _SIMULATIONS, _SEED = 100, 1000, 214
_UNITS = {"purchases": "purchases", "spend": "spend", "returners": mark("share who came back")}


def plot_pit(evaluation: Evaluation, *, quantity: str = "purchases", ax: Axes | None = None) -> Axes:
    """Draw how far the distribution of PIT values is from uniform, with the band that chance allows.

    Parameters
    ----------
    evaluation : Evaluation
    quantity : "purchases" or "spend"
    ax : Axes, optional

    Notes
    -----
    Simultaneous band of Säilynoja, Bürkner & Vehtari (2022), simulated by arviz-stats.
    """
    from arviz_stats.ecdf_utils import get_pointwise_confidence_band, simulate_confidence_bands

    judged = evaluation.customers
    at = np.arange(1, _POINTS) / _POINTS
    n = len(judged)
    rng = np.random.default_rng(_SEED)
    pointwise = simulate_confidence_bands(n, 1, at, BAND, _SIMULATIONS, rng)
    low, high = (np.asarray(edge) - at for edge in get_pointwise_confidence_band(pointwise, n, at))
    below, upto = (judged[f"{quantity}_pit_{end}"].to_numpy() for end in ("below", "upto"))
    ordered = np.sort(judged[f"{quantity}_pit"].to_numpy())
    ax = new_axes(ax, size=(7.2, 4.2))
    label = tr("{share:.0%} of calibrated forecasts stay inside", share=BAND)
    ax.fill_between(at, low, high, color=BLUE, alpha=0.18, linewidth=0, label=label)
    ax.axhline(0, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    empirical = np.searchsorted(ordered, at, side="right") / n - at
    ax.plot(at, empirical, color=ORANGE, linewidth=1.4, label=tr("randomised"))
    ax.plot(at, pit_curve(below, upto, at) - at, color=BLACK, linewidth=1.8, label=tr("non-randomised"))
    reach = 1.5 * max(float(np.abs([low, high]).max()), float(np.abs(empirical).max()), 0.01)
    ax.set(xlim=(0, 1), ylim=(-reach, reach))
    ax.set_xlabel(tr("probability integral transform of {quantity}", quantity=tr(quantity)))
    ax.set_ylabel(tr("distribution − uniform"))
    legend(ax, location="upper right")
    reading = tr("Below 0: more happened than was forecast; an S: forecasts too narrow or too wide")
    return dress(
        ax, title=tr("Is the forecast of {quantity} calibrated?", quantity=tr(quantity)), subtitle=reading
    )


def plot_coverage(evaluation: Evaluation, *, ax: Axes | None = None) -> Axes:
    """Draw the share of customers inside intervals against the level that the intervals promise.

    Parameters
    ----------
    evaluation : Evaluation
    ax : Axes, optional
    """
    table = evaluation.coverage[evaluation.coverage["group"] == ALL]
    ax = new_axes(ax, size=(5.6, 5.0))
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    customers = len(evaluation.customers)
    lines = [("purchases", "predictive", BLUE, "o", tr("purchases, predictive"))]
    lines += [("spend", "predictive", ORANGE, "s", tr("spend, predictive"))]
    lines += [("purchases", "expectation", VERMILLION, "X", tr("purchases, interval of the expectation"))]
    for quantity, column, colour, marker, name in lines:
        rows = table[table["quantity"] == quantity]
        if len(rows):
            share = rows[column].to_numpy()
            error = 2 * np.sqrt(share * (1 - share) / customers)
            ax.errorbar(
                rows["level"], share, yerr=error, color=colour, marker=marker, linewidth=1.4, label=name
            )
    ax.set(xlim=(0.4, 1.02), ylim=(-0.03, 1.03))
    ax.set_xlabel(tr("level of the interval"))
    ax.set_ylabel(tr("share of customers inside"))
    percent_axis(ax.xaxis, ax.yaxis)
    ax.legend(loc="center right", frameon=False, fontsize=9, labelcolor=BLACK)
    reading = tr("Intervals of whole numbers hold more than they promise.\nBars: two standard errors")
    return dress(ax, title=tr("Do intervals hold what they promise?"), subtitle=reading, grid="both")


def plot_by_frequency(evaluation: Evaluation, *, quantity: str = "purchases", ax: Axes | None = None) -> Axes:
    """Draw actual and predicted means by the number of repeat purchases in the calibration period.

    Parameters
    ----------
    evaluation : Evaluation
    quantity : "purchases", "spend" or "returners"
    ax : Axes, optional
    """
    table = evaluation.by_frequency[evaluation.by_frequency["quantity"] == quantity]
    place = np.arange(len(table))
    ax = new_axes(ax, size=(7.2, 4.2))
    predicted = table["predicted"].to_numpy()
    reach = [predicted - table["predicted_p05"], table["predicted_p95"] - predicted]
    ax.errorbar(
        place, predicted, yerr=reach, color=BLUE, marker="o", markersize=5, linewidth=1.6,
        label=tr("predicted, 90 %"),
    )  # fmt: skip
    ax.plot(
        place, table["actual"], color=BLACK, marker="D", linestyle="none", markersize=6,
        markerfacecolor="white", label=tr("actual"),
    )  # fmt: skip
    ticks = [f"{k}\n({n:,})" for k, n in zip(table["frequency"], table["customers"], strict=True)]
    ax.set_xticks(place, ticks)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(tr("repeat purchases before (customers)"))
    ax.set_ylabel(tr("{quantity}, mean per customer", quantity=tr(_UNITS[quantity])))
    legend(ax, location="upper left")
    reading = tr(
        "{after} to {until}, by what was known before",
        after=day(evaluation.facts["after"]),
        until=day(evaluation.facts["until"]),
    )
    return dress(ax, title=tr("Expected and actual {quantity}", quantity=tr(quantity)), subtitle=reading)


def plot_reliability(evaluation: Evaluation, *, event: str = "purchase", ax: Axes | None = None) -> Axes:
    """Draw the share of customers to whom an event happened against its predicted probability.

    Parameters
    ----------
    evaluation : Evaluation
    event : str
        An event of ``evaluation.events``: "purchase", "tier high", ...
    ax : Axes, optional
    """
    table = evaluation.reliability
    chosen = table[table["event"] == event].rename(columns={"happened": "came_back"})
    ax = plot_purchase_calibration(chosen, horizon=str(evaluation.facts["horizon"]), ax=ax)
    if event != "purchase":
        ax.set_xlabel(tr("predicted probability of: {event}", event=label(event)))
        ax.set_ylabel(tr("share of customers who were in it"))
    return ax


def plot_lift(evaluation: Evaluation, *, quantity: str = "purchases", ax: Axes | None = None) -> Axes:
    """Draw predicted and actual means by tenth of the forecast, the best first.

    Parameters
    ----------
    evaluation : Evaluation
    quantity : "purchases" or "spend"
    ax : Axes, optional
    """
    table = evaluation.lift[evaluation.lift["quantity"] == quantity]
    ax = new_axes(ax, size=(7.2, 4.2))
    ax.bar(table["tenth"], table["actual"], width=0.72, color=BLUE, alpha=0.35, label=tr("actual"))
    ax.plot(table["tenth"], table["predicted"], color=BLACK, marker="o", markersize=4, label=tr("predicted"))
    for x, y, share in zip(table["tenth"], table["actual"], table["cumulative_share"], strict=True):
        ax.annotate(
            f"{share:.0%}", xy=(x, y), xytext=(0, 3), textcoords="offset points", ha="center", fontsize=8,
            color=GREY, bbox={"facecolor": "white", "edgecolor": FAINT, "pad": 0.8, "linewidth": 0.5},
        )  # fmt: skip
    ax.set_xticks(table["tenth"])
    ax.set_xlabel(tr("tenth of customers by forecast, the best first"))
    ax.set_ylabel(tr("{quantity}, mean per customer", quantity=tr(quantity)))
    legend(ax, location="upper right")
    gini = evaluation.score("gini", quantity)
    reading = tr(
        "Numbers: share of all {quantity} up to this tenth. Normalised Gini {gini:.2f}",
        quantity=tr(quantity),
        gini=gini,
    )
    return dress(
        ax,
        title=tr("Does the forecast find the best customers, by {quantity}?", quantity=tr(quantity)),
        subtitle=reading,
    )


def evaluation_figures(evaluation: Evaluation) -> dict[str, Callable[[], Axes]]:
    """Return a way to draw each picture of an evaluation, by the name of its file."""
    found: dict[str, Callable[[], Axes]] = {"coverage": partial(plot_coverage, evaluation)}
    for quantity in evaluation.quantities:
        for plot in (plot_pit, plot_by_frequency, plot_lift):
            name = plot.__name__.removeprefix("plot_")
            found[f"{name}_{quantity}"] = partial(plot, evaluation, quantity=quantity)
    for event in evaluation.events["event"]:
        if event == "purchase" or event.startswith("tier "):
            name = "reliability_" + event.replace(" ", "_")
            found[name] = partial(plot_reliability, evaluation, event=event)
    track, actual = evaluation.tracking, evaluation.tracking_actual
    if track is not None:
        found["tracking_weekly"] = partial(plot_tracking_weekly, track, actual)
        found["tracking_cumulative"] = partial(plot_tracking_cumulative, track, actual)
    if track is not None and "spend" in track:
        found["tracking_weekly_spend"] = partial(plot_tracking_weekly, track, actual, quantity="spend")
        found["tracking_cumulative_spend"] = partial(
            plot_tracking_cumulative, track, actual, quantity="spend"
        )
    return found


def evaluation_tables(evaluation: Evaluation) -> dict[str, pd.DataFrame]:
    """Return the tables of an evaluation that a report writes, by the name of their file."""
    return {name: getattr(evaluation, name) for name in (*TABLES, "customers")}
