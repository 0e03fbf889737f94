"""Several models side by side, as pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesltv.report.style import BLUE, GREY, dress, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bayesltv.evaluation.comparison import Comparison


def plot_comparison(comparison: Comparison, *, part: str = "purchase", ax: Axes | None = None) -> Axes:
    """Draw how far each model is behind the best by leave-one-out, with two standard errors.

    Parameters
    ----------
    comparison : Comparison
    part : "purchase" or "spend"
    ax : Axes, optional
    """
    table = comparison.loo[comparison.loo["part"] == part]
    place = np.arange(len(table))[::-1]
    ax = new_axes(ax, size=(7.2, 1.6 + 0.45 * len(table)))
    ax.axvline(0, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    ax.errorbar(
        table["elpd_diff"], place, xerr=2 * table["dse"], fmt="o", color=BLUE, markersize=6, elinewidth=1.8
    )
    ax.set_yticks(place, list(table["model"]))
    ax.set_ylim(-0.6, len(table) - 0.4)
    ax.set_xlabel(f"expected log predictive density of {part}, difference from the best")
    reading = "Bars: two standard errors over customers; a bar that reaches 0 says nothing either way"
    return dress(ax, title="Which model predicts a customer left out?", subtitle=reading, grid="x")


def comparison_figures(comparison: Comparison) -> dict[str, Callable[[], Axes]]:
    """Return a way to draw each picture of a comparison, by the name of its file."""
    parts = dict.fromkeys(comparison.loo["part"])
    return {f"comparison_{part}": partial(plot_comparison, comparison, part=part) for part in parts}


def comparison_tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """Return the tables of a comparison, by the name of their file."""
    holdout = {} if comparison.holdout is None else {"holdout": comparison.holdout}
    return {"loo": comparison.loo, **holdout}
