"""Histories: one customer's day by day, all that could be, and the waits between purchases."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesltv.base.placed_base import PlacedBase
from bayesltv.data.summary.days import wait_table
from bayesltv.languages.language import tr, trn, word
from bayesltv.languages.written import percent, span
from bayesltv.names import CUSTOMER_ID, FREQUENCY, RECENCY, TIME_UNIT, T
from bayesltv.report import style

MOST_NUMBERS = 9
"""Frequencies, and recencies, at which a matrix writes its numbers."""


def plot_history(path: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw one customer's purchases and what was, and will be, said of P(alive), with its 90 % band.

    Parameters
    ----------
    path : DataFrame
        From ``base.alive_path(customer)``.
    ax : Axes, optional
    """
    ax = style.new_axes(ax, size=(8.4, 3.8))
    for rows, colour, dash, name in _stretches(path):
        day = rows["day"].to_numpy()
        ax.fill_between(day, rows["p_alive_p05"], rows["p_alive_p95"], color=colour, alpha=0.22, linewidth=0)
        ax.plot(day, rows["p_alive"], color=colour, linewidth=1.8, linestyle=dash, label=name)
    bought = path.loc[path["is_purchase"], "day"].to_numpy()
    ax.plot(
        bought, np.full(len(bought), -0.07), linestyle="none", marker="|", markersize=11, markeredgewidth=1.6,
        color=style.BLACK, label=tr("purchases"),
    )  # fmt: skip
    today = path.loc[~path["is_forecast"]].iloc[-1]
    ax.axvline(style.date_number(today["day"]), color=style.GREY, linewidth=1, linestyle=(0, (4, 3)))
    ax.set_ylim(-0.14, 1.05)
    ax.margins(x=0.01)
    ax.set_yticks(np.linspace(0, 1, 6))
    style.percent_axis(ax.yaxis)
    style.date_axis(ax.xaxis)
    ax.set_ylabel(tr("P(alive)"))
    ax.set_xlabel(tr("day"))
    style.legend_beside(ax)
    reading = trn(
        "Now {now} ({low} to {high}), after {n} repeat purchase. Band: 90 % of draws",
        "Now {now} ({low} to {high}), after {n} repeat purchases. Band: 90 % of draws",
        int(today["purchases"]), now=percent(today["p_alive"]), low=f"{100 * today['p_alive_p05']:.0f}",
        high=percent(today["p_alive_p95"]),
    )  # fmt: skip
    who = style.shortened([str(path.attrs.get(CUSTOMER_ID, ""))])[0]
    return style.dress(ax, title=tr("Is customer {who} still there?", who=who), subtitle=reading)


def plot_matrix(
    table: pd.DataFrame,
    quantity: Literal["expected_purchases", "p_alive"] = "expected_purchases",
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw P(alive) or expected purchases by frequency and recency, with 90 % intervals in some places.

    Parameters
    ----------
    table : DataFrame
        From ``base.matrix(horizon=...)``.
    quantity : "expected_purchases" or "p_alive"
    ax : Axes, optional
    """
    from matplotlib.ticker import MaxNLocator

    wide = table.pivot(index=FREQUENCY, columns=RECENCY, values=quantity)
    told, unit = table.attrs, str(table.attrs[TIME_UNIT])
    ax = style.new_axes(ax, size=(8.4, 5.0))
    colours = _ramp()
    mesh = ax.pcolormesh(
        wide.columns.to_numpy(float), wide.index.to_numpy(float), wide.to_numpy(float), cmap=colours,
        shading="nearest", vmin=0, vmax=1 if quantity == "p_alive" else None,
    )  # fmt: skip
    write = percent if quantity == "p_alive" else _number
    for row in table[_some(table)].to_dict("records"):
        shade = colours(mesh.norm(row[quantity]))
        low, high = write(row[f"{quantity}_p05"]), write(row[f"{quantity}_p95"])
        ends = tr("{low} to {high}", low=low.removesuffix("%").rstrip(), high=high)
        words = f"{write(row[quantity])}\n{ends}"
        ax.text(
            row[RECENCY], row[FREQUENCY], words, ha="center", va="center", fontsize=6.5,
            color=style.contrast(_hex(shade)),
        )  # fmt: skip
    ax.set_xlabel(
        tr(
            "recency: {unit} from the first to the last purchase, of {observed} observed",
            unit=word(f"{unit}s"),
            observed=f"{told[T]:.0f}",
        )
    )
    ax.set_ylabel(tr("frequency: repeat purchases"))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    title = tr("P(alive), by what was bought")
    if quantity != "p_alive":
        ahead = span(_horizon(told["horizon"], unit))
        title = tr("Expected purchases within {horizon}, by what was bought", horizon=ahead)
    reading = tr("numbers: mean, and 90 % of draws. White: no such history can be")
    of = f"{told['group']}: " if told.get("group") else ""
    style.dress(ax, title=title, subtitle=of + reading)
    ax.grid(visible=False)
    return ax


def plot_waits(of: PlacedBase | pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw how long customers waited from one purchase to the next, with two standard errors.

    Parameters
    ----------
    of : CustomerBase or DataFrame
        A base, or a summary with ``repeat_days``.
    ax : Axes, optional

    Raises
    ------
    DataError
        Where there are no repeat purchases, or the summary does not tell their days.
    """
    table = wait_table(of.summary if isinstance(of, PlacedBase) else of)
    ax = style.new_axes(ax, size=(7.6, 4.0))
    place = np.arange(len(table))
    share, error = table["share"].to_numpy(), 2 * table["standard_error"].to_numpy()
    ax.bar(place, share, width=0.86, color=style.BLUE, alpha=0.45)
    ax.errorbar(
        place,
        share,
        yerr=[np.minimum(error, share), error],
        fmt="none",
        ecolor=style.BLACK,
        elinewidth=1.2,
        capsize=3,
    )
    ax.set_xticks(place, [f"{low}" if low == high else f"{low}–\n{high}" for low, high in _ends(table)])
    ax.set_xlabel(tr("days between two purchases"))
    ax.set_ylabel(tr("share of waits"))
    style.percent_axis(ax.yaxis)
    told = table.attrs
    reading = tr(
        "{waits:,} waits of {customers:,} customers, median {median:.0f} days; bars: two standard errors.\n"
        "Waits that still last are not among them, so long ones are too few",
        waits=told["waits"], customers=told["customers"], median=told["median"],
    )  # fmt: skip
    return style.dress(ax, title=tr("How long between two purchases?"), subtitle=reading)


def _stretches(path: pd.DataFrame) -> list[tuple[pd.DataFrame, str, Any, str]]:
    """Return the past, and the future joined to its last day."""
    ahead = path["is_forecast"].to_numpy()
    future = path[ahead | np.append(ahead[1:], False)]
    past = (path[~ahead], style.BLUE, "-", tr("said at the time"))
    return (
        [past, (future, style.ORANGE, (0, (3, 1.6)), tr("as long as no\npurchase comes"))]
        if ahead.any()
        else [past]
    )


def _ramp() -> Any:  # noqa: ANN401
    from matplotlib.colors import ListedColormap

    return ListedColormap(style.shades(64))


def _hex(colour: Any) -> str:  # noqa: ANN401
    from matplotlib.colors import to_hex

    return to_hex(colour)


def _some(table: pd.DataFrame) -> pd.Series[bool]:
    """Return which pairs get numbers: a few of each, evenly spread."""
    chosen = pd.Series(data=True, index=table.index)
    for name in (FREQUENCY, RECENCY):
        values = np.sort(table[name].unique())
        at = np.linspace(0, len(values) - 1, 2 * min(MOST_NUMBERS, len(values)) + 1)[1::2]
        chosen &= table[name].isin(values[np.round(at).astype(int)])
    return chosen


def _ends(table: pd.DataFrame) -> list[tuple[int, int]]:
    return list(zip(table["wait_from"], table["wait_to"], strict=True))


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _horizon(horizon: object, unit: str) -> str:
    return horizon if isinstance(horizon, str) else f"{horizon:g} {unit}s"
