"""Repeat purchases and spend over the calendar: what the model says and what happened."""

from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from bayesltv.errors import DataError
from bayesltv.languages.language import mark, tr
from bayesltv.names import OBSERVATION_END, PERIOD_END
from bayesltv.prediction.tracking import summarise_track
from bayesltv.report import style

Quantity = Literal["purchases", "spend"]
_NAMES: dict[Quantity, str] = {
    "purchases": mark("repeat purchases"),
    "spend": mark("spend on repeat purchases"),
}
BANDS = ((("p05", "p95"), mark("90 % of draws"), 0.18), (("p25", "p75"), mark("50 % of draws"), 0.32))
"""Edges, name and solidity, the wider first."""
HELD_OUT = mark("actual, not seen by the fit")


def plot_tracking_weekly(
    track: xr.Dataset,
    actual: xr.Dataset | None = None,
    *,
    quantity: Quantity = "purchases",
    ax: Axes | None = None,
) -> Axes:
    """Draw purchases or spend per period with the bands in which the model expects them.

    Parameters
    ----------
    track : Dataset
        From ``track``.
    actual : Dataset, optional
        From ``actual_counts``: purchases in the hold-out are drawn hollow, since the fit has not seen them.
    quantity : "purchases" or "spend"
    ax : Axes, optional

    Raises
    ------
    DataError
        Where the track has no spend.

    Notes
    -----
    A last period that the horizon cuts short is left out: its count would look like a drop.
    """
    _require(track, quantity)
    whole = {PERIOD_END: (track["days"] == track.attrs["bin_days"]).values}
    track = track.isel(whole)
    actual = None if actual is None else actual.isel(whole)
    ax = style.new_axes(ax, size=(8.4, 4.4))
    bands, ahead = summarise_track(track)[quantity], track["is_forecast"].values
    _draw_bands(bands.isel({PERIOD_END: ~ahead}), ax, labelled=True)
    _draw_bands(bands.isel({PERIOD_END: ahead}), ax, labelled=False)
    if actual is not None:
        _draw_points(actual, quantity, ax)
    what, per = _NAMES[quantity], _period(track)
    title = tr("{what} per {per}", what=tr(what), per=per)
    ax.set_ylabel(title)
    title = title[:1].upper() + title[1:]
    return _finish(track, actual, quantity, ax, title=title, legend_at="upper right")


def plot_tracking_cumulative(
    track: xr.Dataset,
    actual: xr.Dataset | None = None,
    *,
    quantity: Quantity = "purchases",
    ax: Axes | None = None,
) -> Axes:
    """Draw purchases or spend added up over the calendar, with the bands that the model expects.

    The forecast starts from what had really been bought by the end of observation.

    Parameters
    ----------
    track : Dataset
        From ``track``.
    actual : Dataset, optional
        From ``actual_counts``: the hold-out is dashed, since the fit has not seen it.
    quantity : "purchases" or "spend"
    ax : Axes, optional

    Raises
    ------
    DataError
        Where the track has no spend.
    """
    _require(track, quantity)
    ax = style.new_axes(ax, size=(8.4, 4.4))
    bands, ahead = summarise_track(track)[f"cumulative_{quantity}"], track["is_forecast"].values
    last = int((~ahead).sum()) - 1
    _draw_bands(bands.isel({PERIOD_END: ~ahead}), ax, labelled=True)
    if ahead.any():
        future = bands.isel({PERIOD_END: slice(last, None)}).copy(deep=True)
        future[{PERIOD_END: 0}] = track.attrs[f"{quantity}_observed"]
        _draw_bands(future, ax, labelled=False)
        ax.annotate(
            tr("from what was really bought"),
            xy=(
                style.date_number(np.datetime64(track.attrs[OBSERVATION_END])),
                track.attrs[f"{quantity}_observed"],
            ),
            xytext=(10, -22),
            textcoords="offset points",
            fontsize=8.5,
            color=style.GREY,
            arrowprops={"arrowstyle": "-", "color": style.GREY, "linewidth": 0.8},
        )
    if actual is not None:
        _draw_line(actual, quantity, last, ax)
    what = _NAMES[quantity]
    ax.set_ylabel(tr("{what} since the first customer", what=tr(what)))
    title = tr("{what}, added up", what=tr(what).capitalize())
    return _finish(track, actual, quantity, ax, title=title, legend_at="upper left")


def _require(track: xr.Dataset, quantity: Quantity) -> None:
    if quantity not in track:
        raise DataError(f"the track has no {quantity}: make it with a fit that has a spend model")


def _draw_bands(summary: xr.DataArray, ax: Axes, *, labelled: bool) -> None:
    """Draw one stretch of the calendar; past and forecast are different questions, so they are not joined."""
    days = summary[PERIOD_END].values
    if not days.size:
        return
    for edges, name, alpha in BANDS:
        low, high = (summary.sel(statistic=edge).values for edge in edges)
        ax.fill_between(
            days, low, high, color=style.BLUE, alpha=alpha, linewidth=0, label=tr(name) if labelled else None
        )
    mean = summary.sel(statistic="mean").values
    ax.plot(days, mean, color=style.BLUE, linewidth=1.8, label=tr("model, mean") if labelled else None)


def _draw_points(actual: xr.Dataset, quantity: Quantity, ax: Axes) -> None:
    if quantity not in actual:
        return
    ahead, days, counts = actual["is_forecast"].values, actual[PERIOD_END].values, actual[quantity].values
    ax.plot(days, counts, color=style.BLACK, linewidth=0.8, alpha=0.45)
    look: dict[str, Any] = {"color": style.BLACK, "linestyle": "none", "marker": "o", "markersize": 3.8}
    ax.plot(days[~ahead], counts[~ahead], label=tr("actual"), **look)
    if _has_holdout(actual, quantity):
        ax.plot(days[ahead], counts[ahead], markerfacecolor="white", label=tr(HELD_OUT), **look)


def _draw_line(actual: xr.Dataset, quantity: Quantity, last: int, ax: Axes) -> None:
    if quantity not in actual:
        return
    days, counts = actual[PERIOD_END].values, actual[f"cumulative_{quantity}"].values
    look: dict[str, Any] = {"color": style.BLACK, "linewidth": 1.8}
    ax.plot(days[: last + 1], counts[: last + 1], label=tr("actual"), **look)
    if _has_holdout(actual, quantity):
        ax.plot(days[last:], counts[last:], linestyle=(0, (3, 1.6)), label=tr(HELD_OUT), **look)


def _has_holdout(actual: xr.Dataset | None, quantity: Quantity) -> bool:
    if actual is None or quantity not in actual:
        return False
    return bool(np.isfinite(actual[quantity].values[actual["is_forecast"].values]).any())


def _period(track: xr.Dataset) -> str:
    days = int(track.attrs["bin_days"])
    return {1: tr("day"), 7: tr("week")}.get(days, tr("{days} days", days=days))


def _finish(
    track: xr.Dataset,
    actual: xr.Dataset | None,
    quantity: Quantity,
    ax: Axes,
    *,
    title: str,
    legend_at: style.Corner,
) -> Axes:
    ax.set_ylim(bottom=0)
    ax.margins(x=0.01)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.set_xlabel(tr("last day of each {period}", period=_period(track)))
    style.date_axis(ax.xaxis)
    text = mark("{customers:,} customers: the past as the model would replay it")
    if track["is_forecast"].values.any():
        _mark_end(np.datetime64(track.attrs[OBSERVATION_END]), ax)
        text = mark("{customers:,} customers: left, the past replayed by the model; right, its forecast")
        if _has_holdout(actual, quantity):
            text = mark(
                "{customers:,} customers: left, the past replayed by the model; right, its forecast, "
                "set against what happened"
            )
    style.legend(ax, location=legend_at)
    return style.dress(ax, title=title, subtitle=tr(text, customers=int(track.attrs["customers"])))


def _mark_end(end: np.datetime64, ax: Axes) -> None:
    """Draw the line at which observation ends."""
    at = style.date_number(end)
    ax.axvline(at, color=style.GREY, linewidth=1, linestyle=(0, (4, 3)))
    for words, side, shift in ((tr("observed"), "right", -6), (tr("forecast"), "left", 6)):
        where = ("data", "axes fraction")
        style.note(ax, words, (at, 1), (shift, -2), colour=style.GREY, measured=where, align=(side, "top"))
