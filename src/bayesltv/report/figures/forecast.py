"""The business ahead in a picture: a fan of the total, and the parts it is made of."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from bayesltv.arrivals.result import PARTS, TOTAL, Forecast
from bayesltv.data.summary.weeks import NEW_CUSTOMERS
from bayesltv.errors import DataError, shown
from bayesltv.languages.language import mark, tr
from bayesltv.report.figures.tracking import BANDS
from bayesltv.report.style import BLACK, BLUE, GREY, dress, legend, money_axis, new_axes, shades

_TITLES = {
    ("revenue", "week"): mark("Revenue by week"), ("revenue", "month"): mark("Revenue by month"),
    ("revenue", "quarter"): mark("Revenue by quarter"), ("margin", "week"): mark("Margin by week"),
    ("margin", "month"): mark("Margin by month"), ("margin", "quarter"): mark("Margin by quarter"),
    ("net", "week"): mark("Margin less acquisition by week"),
    ("net", "month"): mark("Margin less acquisition by month"),
    ("net", "quarter"): mark("Margin less acquisition by quarter"),
    ("purchases", "week"): mark("Purchases by week"), ("purchases", "month"): mark("Purchases by month"),
    ("purchases", "quarter"): mark("Purchases by quarter"),
    (NEW_CUSTOMERS, "week"): mark("New customers by week"),
    (NEW_CUSTOMERS, "month"): mark("New customers by month"),
    (NEW_CUSTOMERS, "quarter"): mark("New customers by quarter"),
}  # fmt: skip
_PER = {"week": mark("per week"), "month": mark("per month"), "quarter": mark("per quarter")}
_PARTS = {
    "existing": mark("existing customers"), "first": mark("first orders"),
    "repeat": mark("repeats of new customers"),
}  # fmt: skip
_LEVELS = {"p05": 0.05, "p25": 0.25, "p75": 0.75, "p95": 0.95}


def plot_forecast(found: Forecast, quantity: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw a quantity by period: the total as a fan of 50 and 90 % of draws, parts as bars of their means.

    Parameters
    ----------
    found : Forecast
    quantity : str, optional
        "revenue" (default where there is money), "margin", "net", "purchases", "new_customers".
    ax : Axes, optional

    Raises
    ------
    DataError
        Where the forecast has no such quantity.
    """
    values = found.quantities()
    name = quantity or ("revenue" if (TOTAL, "revenue") in values else "purchases")
    if (TOTAL, name) not in values:
        known = ", ".join(dict.fromkeys(each for part, each in values if part == TOTAL))
        raise DataError(f"quantity={shown(name)} is not among {known}")
    total, labels = values[TOTAL, name], list(found.draws["period"].values)
    ax = new_axes(ax, size=(8.4, 4.6))
    x, below = np.arange(len(labels), dtype=np.float64), np.zeros(len(labels))
    for part, colour in zip(PARTS, shades(5)[:3], strict=True):
        if (part, name) in values:
            mean = values[part, name].mean(axis=0)
            ax.bar(x, mean, width=0.7, bottom=below, color=colour, label=tr(_PARTS[part]), zorder=1)
            below += mean
    levels = {level: np.quantile(total, share, axis=0) for level, share in _LEVELS.items()}
    for (low, high), label, alpha in BANDS:
        ax.fill_between(
            x, levels[low], levels[high], color=BLUE if not below.any() else GREY, alpha=alpha + 0.12,
            linewidth=0, label=tr("total, {band}", band=tr(label)), zorder=2,
        )  # fmt: skip
    middle = np.median(total, axis=0)
    ax.plot(
        x, middle, color=BLACK, linewidth=1.4, marker="o", markersize=3.5, label=tr("total, median"), zorder=3
    )
    every = max(1, len(labels) // 13)
    ax.set_xticks(x[::every], labels[::every], rotation=30 if len(labels) > 6 else 0)
    ax.set_ylim(min(0.0, float(levels["p05"].min())), 1.35 * float(levels["p95"].max()) or 1.0)
    ax.set_ylabel(tr(_PER.get(found.attrs["by"], "")))
    if name not in ("purchases", NEW_CUSTOMERS):
        money_axis(ax.yaxis, found.attrs.get("currency"))
    legend(ax, location="upper left")
    made = mark("new customers from arrivals")
    if found.attrs["source"] == "as planned":
        made = mark("new customers as planned")
    text = mark("{made}; without a shared clock intervals of totals are too narrow")
    reading = tr(made) if found.attrs["has_clock"] else tr(text, made=tr(made))
    return dress(ax, title=tr(_TITLES.get((name, found.attrs["by"]), name)), subtitle=reading)


def forecast_figures(found: Forecast) -> dict[str, Callable[[], Axes]]:
    """Return what draws the pictures of a forecast, by the name of their file."""
    known = [name for part, name in found.quantities() if part == TOTAL and name != "acquisition"]
    return {f"forecast_{name}": lambda name=name: plot_forecast(found, name) for name in known}  # type: ignore[misc]
