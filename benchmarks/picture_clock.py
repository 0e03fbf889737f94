"""Draw what ``bench_clock.py`` measures: purchases added up, with and without a clock, and the clock itself.

``python benchmarks/picture_clock.py [FOLDER]`` writes ``clock_cumulative.png`` and ``clock_path.png``, by
default into ``docs/figures``.
"""

import sys
from pathlib import Path

import bayesltv as ltv
from bayesltv.prediction.tracking import actual_counts, track
from bayesltv.report.clock import plot_clock
from bayesltv.report.style import new_figure, save_figure
from bayesltv.report.tracking import plot_tracking_cumulative

END, LATER, HORIZON = "1997-09-30", "1998-06-30", "39 weeks"
TITLES = {"pooled": "Without a clock", "clock": "With a clock"}


def main(folder):
    log = ltv.load_cdnow()
    summary = ltv.summarize(log, observation_end=END, time_unit="week")
    later = ltv.summarize(log, observation_end=LATER, time_unit="week")
    figure = new_figure((11.0, 4.2))
    for ax, (name, title) in zip(figure.subplots(1, 2, sharey=True), TITLES.items(), strict=True):
        fit = ltv.fit(summary, ltv.load_spec(name).without_spend(), seed=1, progress=False)
        assert ltv.check(fit, summary).passed
        tracked = track(fit, summary, seed=1, horizon=HORIZON, draws=1000)
        plot_tracking_cumulative(tracked, actual_counts(tracked, later), ax=ax)
        ax.set_title(title, loc="left", fontsize=11.5, fontweight="bold")
    save_figure(figure, folder / "clock_cumulative.png")
    path = ltv.trace_clock(fit, seed=1, horizon=HORIZON)
    save_figure(plot_clock(path), folder / "clock_path.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "docs" / "figures"))
