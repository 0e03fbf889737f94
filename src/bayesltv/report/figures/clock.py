"""The clock itself: how much faster or slower than usual all customers buy, block by block."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from bayesltv.languages.language import mark, tr
from bayesltv.names import CHAIN, CLOCK, CLOCK_BLOCK, DRAW, OBSERVATION_END
from bayesltv.report.style import BLUE, GREY, ORANGE, date_axis, date_number, dress, legend, new_axes

BANDS = (((0.05, 0.95), mark("90 % of draws"), 0.18), ((0.25, 0.75), mark("50 % of draws"), 0.32))


def plot_clock(path: xr.DataArray, *, ax: Axes | None = None) -> Axes:
    """Draw the factor exp(s) on everybody's purchase rate by block, past and forecast.

    Parameters
    ----------
    path : DataArray
        From ``trace_clock``; the first clock is drawn where levels of a group have their own.
    ax : Axes, optional
    """
    ax = new_axes(ax, size=(8.4, 3.8))
    factor = xr.apply_ufunc(np.exp, path.isel({CLOCK: 0}))
    ends = factor[CLOCK_BLOCK].values.astype("datetime64[D]")
    starts = ends - np.timedelta64(int(path.attrs["block_days"]), "D")
    spans = [(date_number(start), date_number(end)) for start, end in zip(starts, ends, strict=True)]
    ahead = path["is_forecast"].values
    for edges, name, solidity in BANDS:
        low, high = factor.quantile(list(edges), dim=(CHAIN, DRAW)).values
        for at, span in enumerate(spans):
            colour = ORANGE if ahead[at] else BLUE
            label = tr(name) if at == 0 else None
            ax.fill_between(span, low[at], high[at], color=colour, alpha=solidity, linewidth=0, label=label)
    for at, (span, value) in enumerate(zip(spans, factor.median((CHAIN, DRAW)).values, strict=True)):
        colour = ORANGE if ahead[at] else BLUE
        ax.plot(span, [value] * 2, color=colour, linewidth=1.6, label=tr("median") if at == 0 else None)
    ax.axhline(1.0, color=GREY, linewidth=0.8)
    seen = date_number(np.datetime64(path.attrs[OBSERVATION_END], "D"))
    ax.axvline(seen, color=GREY, linewidth=0.8, linestyle="--")
    ax.set_yscale("log")
    ticks = [
        each for each in (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0) if ax.get_ylim()[0] <= each <= ax.get_ylim()[1]
    ]
    ax.set_yticks(ticks, [f"× {each:g}" for each in ticks])
    ax.minorticks_off()
    ax.set_ylabel(tr("purchase rate, usual = 1"))
    date_axis(ax.xaxis)
    legend(ax, location="upper right")
    return dress(
        ax,
        title=tr("What moves all customers at once"),
        subtitle=tr(
            "factor on everybody's purchase rate; past the dashed line each draw goes on by the process"
        ),
    )
