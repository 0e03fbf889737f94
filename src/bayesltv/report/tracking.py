"""Repeat purchases over the calendar: what the model says and what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from bayesltv.names import OBSERVATION_END, PERIOD_END
from bayesltv.predict.tracking import summarise_track
from bayesltv.report.style import BLACK, BLUE, GREY, date_axis, dress, legend, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = (0.5, 0.9)
_ALPHAS = {0.9: 0.18, 0.5: 0.32}


def plot_tracking_weekly(
    track: xr.Dataset, actual: xr.Dataset | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw repeat purchases per period with the bands in which the model expects them.

    Parameters
    ----------
    track : Dataset
        From ``track``.
    actual : Dataset, optional
        From ``actual_counts``: purchases in the hold-out are drawn hollow, since the fit has not seen them.
    ax : Axes, optional

    Notes
    -----
    A last period that the horizon cuts short is left out: its count would look like a drop.
    """
    whole = (track["days"] == track.attrs["bin_days"]).values
    track = track.isel({PERIOD_END: whole})
    period = _period(track)
    ax = new_axes(ax, size=(8.4, 4.4))
    _draw_bands(track, "purchases", ax)
    if actual is not None:
        _draw_actual_points(actual.isel({PERIOD_END: whole}), ax)
    ax.set_ylabel(f"repeat purchases per {period}")
    ax.set_ylim(bottom=0)
    return _finish(track, ax, f"Repeat purchases per {period}", "upper right", actual)


def plot_tracking_cumulative(
    track: xr.Dataset, actual: xr.Dataset | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw repeat purchases added up over the calendar with the bands in which the model expects them.

    The forecast part starts from what had really been bought by the end of observation.

    Parameters
    ----------
    track : Dataset
        From ``track``.
    actual : Dataset, optional
        From ``actual_counts``.
    ax : Axes, optional
    """
    ax = new_axes(ax, size=(8.4, 4.4))
    _draw_bands(track, "cumulative_purchases", ax)
    if actual is not None:
        ahead = actual["is_forecast"].values
        days, counts = actual[PERIOD_END].values, actual["cumulative_purchases"].values
        ax.plot(days[~ahead], counts[~ahead], color=BLACK, linewidth=1.8, label="actual")
        joined = ahead | np.roll(ahead, -1) if ahead.any() else ahead
        ax.plot(
            days[joined],
            counts[joined],
            color=BLACK,
            linewidth=1.8,
            linestyle=(0, (3, 1.6)),
            label=_held_out(actual),
        )
    ax.set_ylabel("repeat purchases since the first customer")
    ax.set_ylim(bottom=0)
    return _finish(track, ax, "Repeat purchases, added up", "upper left", actual)


def _draw_bands(track: xr.Dataset, name: str, ax: Axes) -> None:
    """Draw replay and forecast apart: they are different questions, and only the second knows the customers."""
    bands = summarise_track(track, levels=LEVELS)[name]
    ahead, days = track["is_forecast"].values, track[PERIOD_END].values
    for part, label in ((~ahead, True), (ahead, False)):
        if not part.any():
            continue
        for level in sorted(LEVELS, reverse=True):
            low, high = (
                bands.sel(quantile=q, method="nearest").values for q in ((1 - level) / 2, (1 + level) / 2)
            )
            ax.fill_between(
                days[part],
                low[part],
                high[part],
                color=BLUE,
                alpha=_ALPHAS[level],
                linewidth=0,
                label=f"{100 * level:.0f} % of draws" if label else None,
            )
        middle = bands.sel(quantile=0.5, method="nearest").values
        ax.plot(days[part], middle[part], color=BLUE, linewidth=1.8, label="model, median" if label else None)


def _draw_actual_points(actual: xr.Dataset, ax: Axes) -> None:
    ahead, days, counts = actual["is_forecast"].values, actual[PERIOD_END].values, actual["purchases"].values
    ax.plot(days, counts, color=BLACK, linewidth=0.8, alpha=0.45)
    style = {"color": BLACK, "linestyle": "none", "marker": "o", "markersize": 3.8}
    ax.plot(days[~ahead], counts[~ahead], label="actual", **style)
    if ahead.any() and np.isfinite(counts[ahead]).any():
        ax.plot(days[ahead], counts[ahead], markerfacecolor="white", label=_held_out(actual), **style)


def _held_out(actual: xr.Dataset | None) -> str | None:
    if actual is None:
        return None
    seen = np.isfinite(actual["purchases"].values[actual["is_forecast"].values]).any()
    return "actual, not seen by the fit" if seen else None


def _period(track: xr.Dataset) -> str:
    days = int(track.attrs["bin_days"])
    return {1: "day", 7: "week"}.get(days, f"{days} days")


def _finish(track: xr.Dataset, ax: Axes, title: str, location: str, actual: xr.Dataset | None) -> Axes:
    reading = "the model replays the log that it was fitted to"
    if track["is_forecast"].values.any():
        end = np.datetime64(track.attrs[OBSERVATION_END])
        ax.axvline(end, color=GREY, linewidth=1, linestyle=(0, (4, 3)))  # type: ignore[arg-type]
        top = ax.get_ylim()[1]
        for words, side, shift in (("fitted", "right", -6), ("forecast", "left", 6)):
            ax.annotate(
                words,
                xy=(end, top),  # type: ignore[arg-type]
                xytext=(shift, -2),
                textcoords="offset points",
                ha=side,
                va="top",
                fontsize=9,
                color=GREY,
            )
        judged = "" if _held_out(actual) is None else ", set against what happened"
        reading = f"left, the fitted log replayed; right, a forecast{judged}"
    date_axis(ax.xaxis)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.margins(x=0.01)
    ax.set_xlabel(f"date (last day of each {_period(track)})")
    legend(ax, location=location)
    return dress(ax, title=title, subtitle=f"{int(track.attrs['customers']):,} customers: {reading}")
