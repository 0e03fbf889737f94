"""Draw what ``bench_clock.py`` measures: purchases added up, with and without a clock, and the clock itself.

``python benchmarks/picture_clock.py [FOLDER]`` writes ``clock_cumulative.png`` and ``clock_path.png``, by
default into ``docs/figures``.
"""

import sys
from pathlib import Path

import numpy as np

import bayesltv as ltv
from bayesltv.prediction.actual import actual_counts
from bayesltv.prediction.tracking import summarise_track, track
from bayesltv.report.figures.clock import plot_clock
from bayesltv.report.style import BLACK, BLUE, GREY, ORANGE, date_axis, dress, legend, new_axes, save_figure

END, LATER, HORIZON = "1997-09-30", "1998-06-30", "39 weeks"
SHOWN = {"clock": ("with a clock", BLUE, 0.22), "pooled": ("without", ORANGE, 0.45)}


def main(folder):
    log = ltv.load_cdnow()
    summary = ltv.summarize(log, observation_end=END, time_unit="week")
    later = ltv.summarize(log, observation_end=LATER, time_unit="week")
    ax = new_axes(None, size=(8.4, 4.4))
    for name, (words, colour, solidity) in SHOWN.items():
        fit = ltv.fit(summary, ltv.load_spec(name).without_spend(), seed=1, progress=False)
        assert ltv.check(fit, summary).passed
        if name == "clock":
            path = ltv.trace_clock(fit, seed=1, horizon=HORIZON)
        tracked = track(fit, summary, seed=1, horizon=HORIZON, draws=1000)
        draw(summarise_track(tracked)["cumulative_purchases"], ax, words, colour, solidity)
    actual = actual_counts(tracked, later)["cumulative_purchases"]
    ax.plot(actual["period_end"], actual, color=BLACK, linewidth=1.4, label="actual")
    ax.axvline(np.datetime64(END), color=GREY, linewidth=0.8, linestyle="--")
    date_axis(ax.xaxis)
    ax.set_ylim(0, 5500)
    ax.set_ylabel("repeat purchases since the first customer")
    legend(ax, location="upper left")
    subtitle = "2,357 customers of CDNOW; forecasts from the dashed line on, where the fits end"
    dress(ax, title="The total, with and without a calendar clock", subtitle=subtitle)
    save_figure(ax, folder / "clock_cumulative.png")
    save_figure(plot_clock(path), folder / "clock_path.png")


def draw(bands, ax, words, colour, solidity):
    """Draw the 90 % band and the mean of the forecast."""
    ahead = bands.isel(period_end=bands["is_forecast"].values)
    days = ahead["period_end"].values
    low, high = (ahead.sel(statistic=end) for end in ("p05", "p95"))
    ax.fill_between(
        days, low, high, color=colour, alpha=solidity, linewidth=0, label=f"90 % of draws, {words}"
    )
    ax.plot(days, ahead.sel(statistic="mean"), color=colour, linewidth=1.6)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "figures"))
