"""Several models side by side, as pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesltv.evaluation.comparison import Choice, Comparison
from bayesltv.languages.language import label, tr
from bayesltv.report.style import BLUE, GREY, dress, new_axes, rows_axis


def plot_comparison(comparison: Comparison, *, part: str = "purchase", ax: Axes | None = None) -> Axes:
    """Draw how far each model is behind the best by leave-one-out, with two standard errors.

    Parameters
    ----------
    comparison : Comparison
    part : "purchase" or "spend"
    ax : Axes, optional
    """
    table = comparison.loo[comparison.loo["part"] == part]
    ax = _draw_differences(list(table["model"]), table["elpd_diff"], 2 * table["dse"], ax)
    ax.set_xlabel(tr("expected log predictive density of {part}, difference from the best", part=label(part)))
    reading = tr("Bars: two standard errors over customers; a bar that reaches 0 says nothing either way")
    return dress(ax, title=tr("Which model predicts a customer left out?"), subtitle=reading, grid="x")


def _draw_differences(names: Sequence[str], gap: pd.Series[float], ends: Any, ax: Axes | None) -> Axes:  # noqa: ANN401
    """Draw how far each of these is from the best, with its interval."""
    place = np.arange(len(names))[::-1]
    ax = new_axes(ax, size=(7.2, 1.6 + 0.45 * len(names)))
    ax.axvline(0, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    ax.errorbar(gap, place, xerr=ends, fmt="o", color=BLUE, markersize=6, elinewidth=1.8)
    rows_axis(ax, place, names)
    return ax


def comparison_figures(comparison: Comparison) -> dict[str, Callable[[], Axes]]:
    """Return a way to draw each picture of a comparison, by the name of its file."""
    parts = dict.fromkeys(comparison.loo["part"])
    return {f"comparison_{part}": partial(plot_comparison, comparison, part=part) for part in parts}


def comparison_tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """Return the tables of a comparison, by the name of their file."""
    holdout = {} if comparison.holdout is None else {"holdout": comparison.holdout}
    return {"loo": comparison.loo, **holdout}


def plot_choice(choice: Choice, *, ax: Axes | None = None) -> Axes:
    """Draw how much worse than the recommended spec each one forecast customers, with 95 % intervals.

    Parameters
    ----------
    choice : Choice
    ax : Axes, optional
    """
    table = choice.table
    scale = 100 / float(table.loc[table["spec"] == choice.recommended, "crps"].iloc[0])
    gap = table["crps_diff"] * scale
    ends = np.abs(np.stack([table["crps_low"] * scale - gap, table["crps_high"] * scale - gap]))
    ax = _draw_differences(list(table["spec"]), gap, ends, ax)
    ax.set_xlabel(tr("CRPS of customers, difference from {recommended}, %", recommended=choice.recommended))
    reading = tr(
        "Bars: 95 % over customers; to the right is worse, a bar that reaches 0 says nothing either way"
    )
    return dress(ax, title=tr("Which spec forecasts customers best?"), subtitle=reading, grid="x")


def plot_choice_totals(choice: Choice, *, ax: Axes | None = None) -> Axes:
    """Draw each spec's 90 % interval of the total at each cut, as a share of what happened.

    Parameters
    ----------
    choice : Choice
    ax : Axes, optional
    """
    specs, cuts = list(choice.table["spec"]), sorted(set(choice.cuts["cut"]))
    ax = new_axes(ax, size=(7.2, 1.8 + 0.3 * len(specs) * len(cuts)))
    ax.axvline(0, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    rows = choice.cuts.set_index(["spec", "cut"])
    keys = [(spec, cut) for spec in specs for cut in cuts]
    for place, key in enumerate(reversed(keys)):
        row = rows.loc[key]
        low, mean, high = (100 * (row[name] / max(row["actual"], 1) - 1) for name in ("p05", "mean", "p95"))
        ax.plot([low, high], [place, place], color=BLUE, linewidth=1.8)
        ax.plot(mean, place, "o", color=BLUE, markersize=5)
    ax.set_yticks(range(len(keys)), [f"{spec}, {cut}" for spec, cut in reversed(keys)])
    ax.set_xlabel(tr("total of purchases, forecast against actual, %"))
    reading = tr("Lines: 90 % intervals; those that reach 0 held")
    return dress(ax, title=tr("Whose totals hold?"), subtitle=reading, grid="x")


def choice_figures(choice: Choice) -> dict[str, Callable[[], Axes]]:
    """Return a way to draw each picture of a choice, by the name of its file."""
    return {
        "choice_customers": partial(plot_choice, choice),
        "choice_totals": partial(plot_choice_totals, choice),
    }


def choice_tables(choice: Choice) -> dict[str, pd.DataFrame]:
    """Return the tables of a choice, by the name of their file."""
    return {"choice": choice.table, "choice_cuts": choice.cuts}
