"""The posterior of each group: a forest."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bayesltv.base.group_scales import CUSTOMERS, group_scales
from bayesltv.errors import DataError
from bayesltv.languages.language import mark, tr
from bayesltv.names import (
    CURRENCY,
    DROPOUT_HAZARD,
    DROPOUT_MEAN,
    GROUP,
    PURCHASE_RATE,
    SPEND_TYPICAL,
    TIME_UNIT,
)
from bayesltv.report.style import BLUE, GREY, dress, money_axis, new_axes, new_figure, percent_axis, shortened

BANDS = (0.5, 0.9)
MOST_GROUPS = 40
"""A forest shows at most this many groups unless they are chosen: the largest ones."""
READING = mark("dot: median · thick line: 50 % · thin line: 90 % of the posterior")
_TITLES = {
    PURCHASE_RATE: mark("How often they buy"),
    DROPOUT_MEAN: mark("How easily they leave"),
    DROPOUT_HAZARD: mark("How easily they leave"),
    SPEND_TYPICAL: mark("What a purchase is worth"),
}


def plot_posterior_by_group(
    fit: xr.DataTree,
    *,
    scale: str = PURCHASE_RATE,
    groups: Sequence[str] | None = None,
    currency: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the posterior of one scale for every group, or for the whole population where there are no groups.

    Parameters
    ----------
    fit : DataTree
    scale : "purchase_rate", "dropout_mean" ("dropout_hazard" in Pareto/NBD) or "spend_typical"
        Purchases per time unit while active, chance of leaving after a purchase, typical spend per purchase.
    groups : sequence of str, optional
        Labels; default all, or the 40 with most customers.
    currency : str, optional
        Default: the fit's.
    ax : Axes, optional

    Returns
    -------
    Axes
        Drawn by arviz-plots: medians with 50 and 90 % intervals, the first group at the top.

    Raises
    ------
    DataError
        Where the fit has no such scale or group.
    """
    scales = chosen_groups(group_scales(fit), groups)
    if scale not in _TITLES or scale not in scales:
        known = ", ".join(name for name in _TITLES if name in scales)
        raise DataError(f"scale {scale!r} cannot be drawn for this fit: use {known}")
    ax = new_axes(ax, size=(6.4, _height(scales)))
    _draw_scale(scales, scale, currency or fit.attrs.get(CURRENCY), ax)
    return dress(ax, title=tr(_TITLES[scale]), subtitle=tr(READING), grid="x")


def plot_posterior(
    fit: xr.DataTree, *, groups: Sequence[str] | None = None, currency: str | None = None
) -> Figure:
    """Draw the posterior by group of purchase rate, dropout and typical spend, side by side.

    Parameters
    ----------
    fit : DataTree
    groups : sequence of str, optional
        Labels; default all, or the 40 with most customers.
    currency : str, optional
        Default: the fit's.

    Raises
    ------
    DataError
        Where the fit has no such group.
    """
    scales = chosen_groups(group_scales(fit), groups)
    drawn = [scale for scale in _TITLES if scale in scales]
    figure = new_figure((1.2 + 3.4 * len(drawn), _height(scales)))
    panels = np.atleast_1d(figure.subplots(1, len(drawn), sharey=True))
    for at, (scale, ax) in enumerate(zip(drawn, panels, strict=True)):
        _draw_scale(scales, scale, currency or fit.attrs.get(CURRENCY), ax)
        dress(ax, title=tr(_TITLES[scale]), grid="x")
        ax.tick_params(axis="y", length=0, labelleft=at == 0)
    figure.supxlabel(tr(READING), fontsize=9, color=GREY)
    return figure


def chosen_groups(scales: xr.Dataset, groups: Sequence[str] | None) -> xr.Dataset:
    """Return the scales of some groups: those asked for in that order, else all, else the largest 40."""
    if GROUP not in scales.dims:
        return scales
    labels = [str(label) for label in scales[GROUP].values]
    if groups is not None:
        absent = [str(group) for group in groups if str(group) not in labels]
        if absent or not groups:
            raise DataError(f"groups {absent!r} are not in the fit, which has {', '.join(labels[:5])}, ...")
        return scales.isel({GROUP: [labels.index(str(group)) for group in groups]})
    if len(labels) <= MOST_GROUPS or CUSTOMERS not in scales.coords:
        return scales
    largest = np.argsort(-scales[CUSTOMERS].values, kind="stable")[:MOST_GROUPS]
    return scales.isel({GROUP: np.sort(largest)})


def group_labels(scales: xr.Dataset) -> list[str]:
    """Return the label of each group with its number of customers, in the posterior's order."""
    if GROUP not in scales.dims:
        return [tr("all customers")]
    labels = shortened([str(label) for label in scales[GROUP].values])
    if CUSTOMERS not in scales.coords:
        return labels
    return [f"{label}  (n = {n:,})" for label, n in zip(labels, scales[CUSTOMERS].values, strict=True)]


def _draw_scale(scales: xr.Dataset, scale: str, currency: object, ax: Axes) -> None:
    labels = group_labels(scales)
    _forest(scales[[scale]], ax)
    ax.set_yticks(range(len(labels))[::-1], labels)
    ax.set_ylim(-0.7, len(labels) - 0.3)
    ax.locator_params(axis="x", nbins=5)
    ax.set_xlabel(_axis_label(scale, scales.attrs[TIME_UNIT]))
    if scale == DROPOUT_MEAN:
        percent_axis(ax.xaxis)
    if scale == SPEND_TYPICAL:
        money_axis(ax.xaxis, currency)


def _forest(scale: xr.Dataset, ax: Axes) -> None:
    import arviz_plots as azp

    rows = scale.drop_vars(CUSTOMERS, errors="ignore")
    if GROUP not in rows.dims:
        rows = rows.expand_dims({GROUP: [tr("all customers")]})
    # axes that exist already, instead of a new pyplot figure
    boxed = {"figure": np.array(ax.figure, dtype=object), "plot": np.array(ax, dtype=object)}
    drawing = xr.DataTree(xr.Dataset({name: ((), item) for name, item in boxed.items()}))
    collection = azp.PlotCollection(
        rows, drawing, aes={"y": [GROUP]}, y=np.arange(rows.sizes[GROUP])[::-1], backend="matplotlib"
    )
    colour: dict[str, Any] = {"color": BLUE}
    azp.plot_forest(
        xr.DataTree.from_dict({"posterior": rows}),
        combined=True,
        labels=[],
        ci_kind="eti",
        ci_probs=BANDS,
        point_estimate="median",
        plot_collection=collection,
        visuals={
            "trunk": {**colour, "width": 3.2},
            "twig": {**colour, "width": 1.2},
            "point_estimate": {**colour, "facecolor": "white", "width": 1.4, "size": 28},
            "ticklabels": False,
            "remove_axis": False,
        },
    )


def _axis_label(scale: str, time_unit: str) -> str:
    return {
        PURCHASE_RATE: tr("purchases per {time_unit} while active", time_unit=tr(time_unit)),
        DROPOUT_MEAN: tr("chance of leaving after a purchase"),
        DROPOUT_HAZARD: tr("hazard of leaving per {time_unit}, of new customers", time_unit=tr(time_unit)),
        SPEND_TYPICAL: tr("typical spend per purchase"),
    }[scale]


def _height(scales: xr.Dataset) -> float:
    return 1.9 + 0.26 * (scales.sizes[GROUP] if GROUP in scales.dims else 1)
