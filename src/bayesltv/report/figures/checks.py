"""Checks as pictures: each drawn from its own table, by its own name."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes

from bayesltv.checks.assumptions import CONFLICT_TAIL
from bayesltv.checks.result import CheckReport, CheckResult
from bayesltv.errors import DataError
from bayesltv.evaluation.posterior_predictive import PosteriorPredictive
from bayesltv.languages.language import tr
from bayesltv.report.figures.criticism import SUBJECTS, Picture, plot_posterior_predictive, plot_psense
from bayesltv.report.figures.sampler import sampler_pictures
from bayesltv.report.style import (
    BLACK,
    BLUE,
    FAINT,
    GREY,
    ORANGE,
    VERMILLION,
    date_axis,
    dress,
    legend,
    new_axes,
    rows_axis,
)


def plot_check(result: CheckResult, *, ax: Axes | None = None) -> Axes:
    """Draw what a check's figure was made from.

    Parameters
    ----------
    result : CheckResult
        From ``check``: spend_independence, first_purchase_effect, regular_timing, prior_conflict,
        common_shocks, prior_sensitivity, influential_customers, or one of your own with a ``plot``;
        replicated_customers has ``plot_posterior_predictive``, checks of the sampler ``plot_sampler``.
    ax : Axes, optional

    Raises
    ------
    DataError
        Where the check has no picture.
    """
    plot = _plot_of(result)
    if plot is None:
        raise DataError(f"check {result.name!r} has no picture: those with one are {', '.join(_PLOTS)}")
    return plot(result, ax)


def check_figures(report: CheckReport, fit: xr.DataTree | None = None) -> dict[str, Picture]:
    """Return a way to draw the picture of each check that has one, by the name of its file.

    Parameters
    ----------
    report : CheckReport
    fit : DataTree, optional
        The fit that was checked: pictures of the sampler need it.
    """
    found: dict[str, Picture] = {} if fit is None else dict(sampler_pictures(fit))
    for result in report.results:
        if _plot_of(result) is not None:
            found[result.name] = partial(plot_check, result)
        if result.name == "replicated_customers" and result.table is not None:
            replicas = PosteriorPredictive(result.table, dict(result.facts))
            for statistic in SUBJECTS:
                if (result.table["statistic"] == statistic).sum() > 1:
                    name = "replicas_" + statistic.replace(" ", "_")
                    found[name] = partial(plot_posterior_predictive, replicas, statistic=statistic)
    return found


def check_tables(report: CheckReport) -> dict[str, pd.DataFrame]:
    """Return the table of all checks, and each check's own, by the name of their file."""
    own = {result.name: result.table for result in report.results if result.table is not None}
    return {"checks": report.table, **own}


def _plot_timing(result: CheckResult, ax: Axes | None) -> Axes:
    assert result.table is not None
    ax = new_axes(ax, size=(7.2, 4.0))
    ax.bar(result.table["share_from"] + 0.05, result.table["pairs"], width=0.088, color=BLUE, alpha=0.5)
    ax.axhline(result.table["expected"].iloc[0], color=BLACK, linewidth=1.2, linestyle=(0, (4, 3)))
    ax.set_xlabel(tr("share of two successive waits that the first one takes"))
    ax.set_ylabel(tr("pairs of waits"))
    reading = tr(
        "Dashed: exponential waits. Heaped in the middle: regular; at the ends: bursts. {said}",
        said=_said(result),
    )
    return dress(ax, title=tr("Do customers buy regularly?"), subtitle=reading)


def _plot_shocks(result: CheckResult, ax: Axes | None) -> Axes:
    assert result.table is not None
    weeks, residual = result.table["period_end"].to_numpy(), result.table["residual"].to_numpy()
    ax = new_axes(ax, size=(8.0, 4.0))
    ax.axhspan(-2, 2, color=BLUE, alpha=0.15, linewidth=0)
    ax.axhline(0, color=GREY, linewidth=1)
    ax.vlines(weeks, 0, residual, color=BLUE, linewidth=1.4)
    ax.plot(weeks, residual, color=BLACK, marker="o", markersize=4, linestyle="none")
    date_axis(ax.xaxis)
    ax.set_xlabel(tr("last day of each week"))
    ax.set_ylabel(tr("residual, predictive standard deviations"))
    reading = tr("Independent customers stay in the band 19 weeks of 20. {said}", said=_said(result))
    return dress(ax, title=tr("Does something move all customers together?"), subtitle=reading)


def _plot_sensitivity(result: CheckResult, ax: Axes | None) -> Axes:
    assert result.table is not None
    return plot_psense(result.table, ax=ax)


def _plot_spend(result: CheckResult, ax: Axes | None) -> Axes:
    assert result.table is not None
    table = result.table
    place = np.arange(len(table))
    ax = new_axes(ax, size=(7.2, 4.2))
    ax.vlines(
        place, table["p25"], table["p75"], color=BLUE, alpha=0.35, linewidth=11, label=tr("half of them")
    )
    ax.vlines(
        place, table["p50_low"], table["p50_high"], color=BLUE, linewidth=2.4, label=tr("median ± 2 se")
    )
    ax.scatter(place, table["p50"], color="white", edgecolor=BLUE, s=30, zorder=3, label=tr("median"))
    customers = [f"{often}\n({n:,})" for often, n in zip(table["frequency"], table["customers"], strict=True)]
    ax.set_xticks(place, customers)
    ax.set_yscale("log")
    ax.set_ylim(top=1.7 * float(table["p75"].max()))  # room for the legend
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(lambda value, _: f"{value:g}")
    ax.set_xlabel(tr("repeat purchases (customers)"))
    ax.set_ylabel(tr("mean spend of a customer, logarithmic"))
    legend(ax, location="upper right")
    reading = tr("Level medians: unrelated, as the model takes it. Spearman {value:+.2f}", value=result.value)
    return dress(ax, title=tr("Do frequent buyers spend differently?"), subtitle=reading)


def _plot_first(result: CheckResult, ax: Axes | None) -> Axes:
    """Draw each figure over what it is where the first is like the others."""
    assert result.table is not None
    table = result.table
    place = np.arange(len(table))[::-1]
    ax = new_axes(ax, size=(7.2, 1.7 + 0.7 * len(table)))
    ratio, error = table["value"] / table["alike"], table["standard_error"] / table["alike"]
    low, high = table["alike_from"] / table["alike"], table["alike_to"] / table["alike"]
    ax.barh(place, high - low, left=low, height=0.5, color=FAINT, label=tr("does little harm"))
    ax.axvline(1, color=GREY, linewidth=1)
    ax.errorbar(ratio, place, xerr=2 * error, fmt="o", color=BLUE, capsize=3, label=tr("found, ± 2 se"))
    ax.set_yticks(place, [tr(each) for each in table["figure"]])
    ax.set_ylim(-1.1, len(table) - 0.4)
    ax.set_xlabel(tr("over what it is if the first is like the others"))
    legend(ax, location="lower right")
    reading = tr("Left of 1: the second purchase comes sooner, the first amount is smaller")
    return dress(ax, title=tr("Is the first purchase like the others?"), subtitle=reading, grid="x")


def _plot_conflict(result: CheckResult, ax: Axes | None) -> Axes:
    assert result.table is not None
    table = result.table
    place = np.arange(len(table))[::-1]
    ax = new_axes(ax, size=(7.2, 1.7 + 0.45 * len(table)))
    least = 1e-4  # what a logit axis can show
    low, middle, high = (table[f"prior_below_{end}"].clip(least, 1 - least) for end in ("p05", "p50", "p95"))
    for tail in ((least / 2, CONFLICT_TAIL), (1 - CONFLICT_TAIL, 1 - least / 2)):
        ax.axvspan(*tail, color=VERMILLION, alpha=0.15, linewidth=0)
    ax.hlines(place, low, high, color=BLUE, linewidth=2.4)
    ax.scatter(middle, place, color="white", edgecolor=BLUE, s=34, zorder=3)
    ax.set_xscale("logit")
    ax.set_xlim(least / 2, 1 - least / 2)
    ticks = [0.0001, 0.005, 0.05, 0.5, 0.95, 0.995, 0.9999]
    ax.set_xticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
    ax.set_xticks([], minor=True)
    rows_axis(ax, place, list(table["scale"]))
    ax.set_xlabel(tr("quantile of the prior"))
    reading = tr("Median and 90 % of each posterior, in its own prior; a median in the red is a conflict")
    return dress(ax, title=tr("Where posteriors lie in their priors"), subtitle=reading, grid="x")


def _plot_influence(result: CheckResult, ax: Axes | None) -> Axes:
    assert result.table is not None
    shapes, limit = result.facts["shapes"], result.table.set_index("part")["good_k"]
    ax = new_axes(ax, size=(7.2, 4.2))
    ends = min(0.0, float(shapes["khat"].min())), max(float(limit.max()) + 0.1, float(shapes["khat"].max()))
    bins = np.linspace(*ends, 41).tolist()
    for (part, rows), colour in zip(shapes.groupby("part", sort=False), (BLUE, ORANGE), strict=False):
        ax.hist(
            rows["khat"], bins=bins, weights=rows["customers"], histtype="step", color=colour,
            linewidth=1.6, label=f"{part}: {result.table.set_index('part')['share'][part]:.2%} beyond",
        )  # fmt: skip
    ax.axvline(float(limit.min()), color=BLACK, linewidth=1.2, linestyle=(0, (4, 3)))
    ax.set_yscale("log")
    ax.set_ylim(0.7, 15 * ax.get_ylim()[1])  # room for the legend
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.set_xlabel(tr("k-hat: how far a customer alone moves the posterior"))
    ax.set_ylabel(tr("customers, logarithmic"))
    legend(ax, location="upper left")
    reading = tr(
        "Beyond the dashed line ({limit:.2f}) leaving a customer out cannot be approximated",
        limit=limit.min(),
    )
    return dress(ax, title=tr("Do single customers decide?"), subtitle=reading)


def _plot_of(result: CheckResult) -> Callable[[CheckResult, Axes | None], Axes] | None:
    """Return what draws a result: its own plot, or the toolkit's for a check of its name with a table."""
    if result.plot is not None:
        return result.plot
    return None if result.table is None else _PLOTS.get(result.name)


def _said(result: CheckResult) -> str:
    return tr("Measured: {value}", value=f"{result.value:.2f}") if result.value is not None else ""


_PLOTS: dict[str, Callable[[CheckResult, Axes | None], Axes]] = {
    "spend_independence": _plot_spend,
    "first_purchase_effect": _plot_first,
    "regular_timing": _plot_timing,
    "prior_conflict": _plot_conflict,
    "common_shocks": _plot_shocks,
    "prior_sensitivity": _plot_sensitivity,
    "influential_customers": _plot_influence,
}
