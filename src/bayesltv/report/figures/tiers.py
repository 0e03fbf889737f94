"""P(tier): how sure the tier labels are."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesltv.decisions.customers.refresh import Refresh
from bayesltv.errors import DataError
from bayesltv.languages.language import label, tr
from bayesltv.languages.written import percent
from bayesltv.names import CUSTOMER_ID
from bayesltv.numerics.arrays import Floats
from bayesltv.prediction.scores.score_columns import tier_column, tiers_among
from bayesltv.report.style import (
    contrast,
    dress,
    legend_beside,
    new_axes,
    percent_axis,
    rows_axis,
    shades,
    shortened,
)

_ROOM_FOR_TEXT = 0.055


def plot_tiers(scores: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw, for the customers of each label, the share expected to end up in each tier.

    Parameters
    ----------
    scores : DataFrame
        Score table with tiers.
    ax : Axes, optional

    Raises
    ------
    DataError
        Where the table has no tiers.
    """
    names = tier_names(scores)
    labelled = scores["tier"].astype(str)
    shown = [name for name in reversed(names) if (labelled == name).any()]
    columns = [tier_column(name) for name in names]
    shares = np.array([scores.loc[labelled == name, columns].mean().to_numpy() for name in shown])
    counts = [int((labelled == name).sum()) for name in shown]
    rows = [
        tr("labelled {name}\n{n:,} customers", name=label(name), n=n)
        for name, n in zip(shown, counts, strict=True)
    ]
    ax = new_axes(ax, size=(7.6, 1.6 + 0.72 * len(rows)))
    _stack(shares, rows, names, ax)
    ax.set_xlabel(tr("share of customers expected to end up in each tier"))
    reading = tr("A label is a decision; the bar is what the customers who got it will turn out to be")
    return dress(ax, title=tr("How sure are the tiers?"), subtitle=reading, grid="x")


def plot_tier_probabilities(
    scores: pd.DataFrame, customers: Sequence[object], *, ax: Axes | None = None
) -> Axes:
    """Draw P(tier) of chosen customers, the first at the top.

    Parameters
    ----------
    scores : DataFrame
        Score table with tiers.
    customers : sequence
        Ids.
    ax : Axes, optional

    Raises
    ------
    DataError
        Where the table has no tiers, or not these customers.
    """
    names = tier_names(scores)
    chosen = rows_of(scores, customers)
    shares = chosen[[tier_column(name) for name in names]].to_numpy(dtype=np.float64)
    ax = new_axes(ax, size=(7.6, 1.6 + 0.34 * len(chosen)))
    _stack(shares, shortened(chosen[CUSTOMER_ID].astype(str).tolist()), names, ax)
    ax.set_xlabel(tr("probability"))
    ax.set_ylabel(tr("customer"))
    return dress(
        ax,
        title=tr("Tier probabilities"),
        subtitle=tr("How likely each customer is to end up in each tier"),
        grid="x",
    )


def plot_migration(refresh: Refresh, *, ax: Axes | None = None) -> Axes:
    """Draw who moved between tiers: customers, and the share of their old tier with its 90 % interval.

    Parameters
    ----------
    refresh : Refresh
        From ``compare_refresh``.
    ax : Axes, optional

    Notes
    -----
    Intervals are Jeffreys' of a share: what chance alone leaves open about moves between such tiers.
    """
    from matplotlib.colors import ListedColormap
    from scipy.stats import beta

    wide = refresh.migration.iloc[::-1]
    counts = wide.to_numpy(np.int64)
    of_row = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(of_row, 1)
    low, high = (beta.ppf(at, counts + 0.5, of_row - counts + 0.5) for at in (0.05, 0.95))
    ax = new_axes(ax, size=(2.2 + 1.5 * wide.shape[1], 1.9 + 0.75 * wide.shape[0]))
    ramp = shades(64)
    ax.imshow(share, cmap=ListedColormap(ramp), vmin=0, vmax=1, aspect="auto")
    for (y, x), count in np.ndenumerate(counts):
        words = f"{count:,}"
        if of_row[y, 0]:
            ends = {"low": f"{100 * low[y, x]:.0f}", "high": f"{100 * high[y, x]:.0f}"}
            words += "\n" + tr("{middle} ({low} to {high})", middle=percent(share[y, x]), **ends)
        ink = contrast(ramp[int(63 * share[y, x])])
        ax.text(x, y, words, ha="center", va="center", fontsize=8.5, color=ink)
    ax.set_xticks(range(wide.shape[1]), [label(name) for name in wide.columns])
    ax.set_yticks(range(wide.shape[0]), [label(name) for name in wide.index])
    ax.set_xlabel(tr("tier now"))
    ax.set_ylabel(tr("tier before"))
    reading = tr(
        "Customers, and their share of the old tier with a 90 % interval.\n"
        "{stayed} stayed; stability index {index:.2f}",
        stayed=percent(refresh.stayed), index=refresh.stability_index,
    )  # fmt: skip
    dress(ax, title=tr("Who moved between tiers"), subtitle=reading)
    ax.grid(visible=False)
    return ax


def tier_names(scores: pd.DataFrame) -> list[str]:
    """Return the tiers of a score table, low to high.

    Raises
    ------
    DataError
        Where it has none.
    """
    names = tiers_among(scores.columns)
    if not names:
        raise DataError("the score table has no tiers: add [tiers] to the decision file and score again")
    return names


def rows_of(scores: pd.DataFrame, customers: Sequence[object]) -> pd.DataFrame:
    """Return the rows of these ids in this order, as a plain DataFrame.

    Raises
    ------
    DataError
        Where ids are not in the table.
    """
    wanted = [str(customer) for customer in customers]
    at = pd.Index(scores[CUSTOMER_ID].astype("str")).get_indexer(pd.Index(wanted, dtype="str"))
    absent = [customer for customer, place in zip(wanted, at, strict=True) if place < 0]
    if absent or not wanted:
        raise DataError(
            f"{len(absent):,} of {len(wanted):,} customers to draw are not in the score table ({{ids}})",
            ids=absent,
        )
    return pd.DataFrame(scores).iloc[at].reset_index(drop=True)


def _stack(shares: Floats, rows: Sequence[str], names: Sequence[str], ax: Axes) -> None:
    """Draw one bar of shares per row, the first row at the top."""
    place = np.arange(len(rows))[::-1]
    left = np.zeros(len(rows))
    for k, (name, colour) in enumerate(zip(names, shades(len(names)), strict=True)):
        share = shares[:, k]
        ax.barh(
            place,
            share,
            left=left,
            height=0.68,
            color=colour,
            edgecolor="white",
            linewidth=1.2,
            label=label(name),
        )
        for y, x, width in zip(place, left, share, strict=True):
            if width >= _ROOM_FOR_TEXT:
                words = percent(width)
                ax.text(x + width / 2, y, words, ha="center", va="center", fontsize=9, color=contrast(colour))
        left = left + share
    rows_axis(ax, place, rows)
    ax.set_xlim(0, 1)
    percent_axis(ax.xaxis)
    legend_beside(ax, title=tr("ends up in"))
