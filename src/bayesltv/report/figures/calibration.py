"""Predicted against observed shares of customers who came back."""

import pandas as pd
from matplotlib.axes import Axes

from bayesltv.languages.language import tr
from bayesltv.languages.written import percent, span
from bayesltv.report.style import BLUE, GREY, VERMILLION, dress, legend, new_axes, note, percent_axis


def plot_purchase_calibration(
    table: pd.DataFrame, *, horizon: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the share of customers who bought against the probability that they got.

    Parameters
    ----------
    table : DataFrame
        From ``purchase_calibration``.
    horizon : str, optional
        Words for the axis: "39 weeks".
    ax : Axes, optional
    """
    ax = new_axes(ax, size=(5.6, 5.2))
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)), label=tr("perfectly calibrated"))
    predicted, observed = table["predicted"].to_numpy(), table["observed"].to_numpy()
    reach = [observed - table["observed_p05"].to_numpy(), table["observed_p95"].to_numpy() - observed]
    ax.errorbar(
        predicted,
        observed,
        yerr=reach,
        fmt="o",
        color=BLUE,
        markersize=5.5,
        elinewidth=1.6,
        capsize=0,
        label=tr("observed share, 90 % interval"),
    )
    for x, y, count in zip(predicted, observed, table["customers"], strict=True):
        ax.annotate(
            f"{count:,}",
            xy=(x, y),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=GREY,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )
    _say_worst(table, ax)
    if horizon is None:
        ax.set_xlabel(tr("predicted probability of a purchase within the horizon"))
    else:
        ax.set_xlabel(tr("predicted probability of a purchase within {horizon}", horizon=span(horizon)))
    ax.set_ylabel(tr("share of customers who did buy"))
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    percent_axis(ax.xaxis, ax.yaxis)
    legend(ax, location="upper left")
    reading = tr(
        "On the line, 30 % means 30 %. Numbers: customers, {customers:,} in all",
        customers=int(table["customers"].sum()),
    )
    return dress(ax, title=tr("Do the probabilities come true?"), subtitle=reading, grid="both")


def _say_worst(table: pd.DataFrame, ax: Axes) -> None:
    """Write beside the point that is farthest from the line, where its interval does not reach it."""
    beyond = (table["predicted"] < table["observed_p05"]) | (table["predicted"] > table["observed_p95"])
    if not beyond.any():
        return
    worst = table[beyond].iloc[int((table["observed"] - table["predicted"])[beyond].abs().argmax())]
    said, came = float(worst["predicted"]), float(worst["observed"])
    words = tr("{said} said, {came} came", said=percent(said), came=percent(came))
    shift, across = (9, 13 if came > said else -13), "left" if said < 0.6 else "right"
    note(ax, words, (said, came), shift, size=8.5, colour=VERMILLION, align=(across, "center"))
