"""Cohorts in pictures: heat map by age, curves with bands, retention triangle, pay-back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from bayesltv.cohorts.members import ALL
from bayesltv.cohorts.result import OBSERVED, Cohorts
from bayesltv.errors import DataError
from bayesltv.languages.language import mark, tr
from bayesltv.languages.written import day, percent
from bayesltv.names import GROUP_SEPARATOR
from bayesltv.report import style

MOST_ROWS, MOST_CURVES = 36, 5
NARROWEST = 9.0
"""Inches in which the line below a title has room beside long labels."""
_PERCENT = ("retention", "repurchase", "roi")
_TITLES = {"retention": mark("Retention"), "repurchase": mark("Share who have bought again"), "roi": "ROI"}
_DASHED = (0, (3, 1.6))


def plot_cohorts(
    found: Cohorts, quantity: str | None = None, *, intervals: bool = False, ax: Axes | None = None
) -> Axes:
    """Draw a quantity of each cohort by age: observed plain, predicted hatched.

    Parameters
    ----------
    found : Cohorts
    quantity : str, optional
        Default: LTV. "retention" makes the triangle.
    intervals : bool
        Write the 5 and 95 % quantiles below the median where not all is observed.
    ax : Axes, optional

    Notes
    -----
    At most 36 cohorts are drawn, the last ones; the table has all of them.
    """
    from matplotlib.patches import Rectangle

    name = quantity or (found.ltv if found.ltv in set(found.table["quantity"]) else "repurchase")
    chosen = _rows(found, name)
    labels, ages = list(dict.fromkeys(chosen["label"])), sorted(set(chosen["age"]))
    wide, tall = (1.0, 0.42) if intervals else (0.62, 0.28)
    ax = style.new_axes(ax, size=(max(NARROWEST, 1.4 + wide * len(ages)), 1.5 + tall * len(labels)))
    ramp, write = style.shades(64), _writer(name, found)
    low, high = chosen["p50"].min(), chosen["p50"].max()
    for each in chosen.to_dict("records"):
        x, y = ages.index(each["age"]), labels.index(each["label"])
        if np.isnan(each["p50"]):
            continue
        colour = ramp[round(63 * 0.8 * (each["p50"] - low) / (high - low or 1.0))]
        is_known = each["status"] == OBSERVED
        ax.add_patch(
            Rectangle(
                (x, y), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.2,
                hatch=None if is_known else "//",
            )
        )  # fmt: skip
        text = write(each["p50"])
        if intervals and not is_known:
            text += "\n" + tr("{low} to {high}", low=write(each["p05"]), high=write(each["p95"]))
        ink = style.contrast(colour)
        box = None if is_known else {"facecolor": colour, "edgecolor": "none", "pad": 1.2}
        ax.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=7.8, color=ink, bbox=box)
    ax.set_xlim(0, len(ages))
    ax.set_ylim(len(labels), 0)
    ax.set_xticks(np.arange(len(ages)) + 0.5, [f"{age:g}" for age in ages])
    ax.set_yticks(np.arange(len(labels)) + 0.5, style.shortened(labels))
    ax.set_xlabel(
        tr("days since the first purchase") if name != "retention" else tr("last day of the period")
    )
    style.dress(ax, title=_title(name), subtitle=_subtitle(found), grid="x")
    ax.grid(visible=False)
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax


def plot_cohort_curves(
    found: Cohorts, cohorts: Sequence[str] | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw LTV by age of some cohorts: what is observed as a line, the rest dashed in its 90 % band.

    Parameters
    ----------
    found : Cohorts
    cohorts : sequence of str, optional
        Labels; default: the five largest levels of a column that is no date, or five cohorts spread over all.
    ax : Axes, optional

    Raises
    ------
    DataError
        Where a label is not there.
    """
    table = found.curves.assign(label=_labels(found, found.curves))
    wanted = list(cohorts) if cohorts is not None else _spread(found)
    absent = [label for label in wanted if label not in set(table["label"])]
    if absent:
        raise DataError(f"no cohort is called {absent[0]!r}: see found.curves")
    ax = style.new_axes(ax, size=(8.4, 4.6))
    for label, colour in zip(wanted, style.shades(len(wanted) + 1)[1:], strict=True):
        rows = table[table["label"] == label]
        ax.fill_between(rows["age"], rows["p05"], rows["p95"], color=colour, alpha=0.16, linewidth=0)
        seen = rows[rows["status"] == OBSERVED]
        ahead = rows.iloc[max(len(seen) - 1, 0) :]
        ax.plot(seen["age"], seen["p50"], color=colour, linewidth=1.9, label=label)
        ax.plot(ahead["age"], ahead["p50"], color=colour, linewidth=1.5, linestyle=_DASHED)
    name = str(table["quantity"].iloc[0])
    ax.set_ylabel(tr("per customer acquired"))
    ax.set_xlabel(tr("days since the first purchase"))
    ax.set_ylim(bottom=min(0.0, float(table["p05"].min())))
    ax.margins(x=0.01)
    if name.startswith("ltv"):
        style.money_axis(ax.yaxis, found.attrs.get("currency"))
    style.legend(ax, location="upper left")
    shown = tr("observed: solid; predicted or partly so: dashed, with the band of 90 % of draws")
    return style.dress(ax, title=_title(name), subtitle=shown)


def plot_payback(found: Cohorts, *, ax: Axes | None = None) -> Axes:
    """Draw when each level of the cohorts' columns, or each cohort, has paid back its acquisition.

    Raises
    ------
    DataError
        Where no costs were given.
    """
    if found.payback is None:
        raise DataError("pay-back needs costs of acquisition: pass cac= to cohorts()")
    rows = _payback_rows(found)
    ax = style.new_axes(ax, size=(8.0, 1.8 + 0.4 * len(rows)))
    oldest, latest = max(found.attrs["ages"]), float(rows["payback_p95"].max())
    right = min(oldest, 1.2 * latest) if latest > 0 else oldest
    for y, each in enumerate(rows.to_dict("records")):
        if np.isnan(each["payback_p50"]):
            ax.text(0, y, " no cost known", va="center", fontsize=8.5, color=style.GREY)
            continue
        low, middle, high = (
            min(x, oldest) for x in (each["payback_p05"], each["payback_p50"], each["payback_p95"])
        )
        ax.plot([low, high], [y, y], color=style.BLUE, linewidth=5, alpha=0.35, solid_capstyle="butt")
        if np.isinf(each["payback_p95"]):
            ax.plot(oldest, y, marker=">", color=style.BLUE, alpha=0.6, markersize=8)
        if np.isfinite(each["payback_p50"]):
            ax.plot(middle, y, marker="o", color=style.BLUE, markersize=6.5)
        said = tr("by day {oldest}: {share}", oldest=oldest, share=percent(each["by_oldest"]))
        ax.text(
            1.02, y, said, transform=ax.get_yaxis_transform(), va="center", fontsize=8.5, color=style.BLACK
        )
    ax.set_yticks(range(len(rows)), style.shortened(list(rows["label"])))
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_xlim(-0.01 * right, 1.03 * right)
    ax.set_xlabel(tr("days since the first purchase"))
    how = tr("median and 90 % of draws; an arrow: later than the oldest age, or never")
    return style.dress(ax, title=tr("When margins have paid for acquisition"), subtitle=how, grid="x")


def cohort_figures(found: Cohorts) -> dict[str, Callable[[], Axes]]:
    """Return what draws the pictures of cohorts, by the name of their file."""
    made: dict[str, Callable[[], Axes]] = {"cohorts_curves": lambda: plot_cohort_curves(found)}
    names = dict.fromkeys(found.table["quantity"])
    made["cohorts_value"] = lambda: plot_cohorts(found)
    if "retention" in names:
        made["cohorts_retention"] = lambda: plot_cohorts(found, "retention")
    if found.payback is not None:
        made["cohorts_payback"] = lambda: plot_payback(found)
    return made


def _labels(found: Cohorts, table: pd.DataFrame) -> pd.Series[str]:
    """Return what rows are called: their levels, without those that add a column up."""
    parts = table[list(found.attrs["by"])].astype(str).itertuples(index=False, name=None)
    names = [GROUP_SEPARATOR.join(part for part in each if part != ALL) or ALL for each in parts]
    return pd.Series(names, index=table.index, dtype="str")


def _rows(found: Cohorts, quantity: str) -> pd.DataFrame:
    """Return the rows of a picture: one quantity of known and new cohorts, the last ones where many."""
    table = found.table
    chosen = table[(table["quantity"] == quantity) & table["kind"].isin(["cohort", "new"])]
    if chosen.empty:
        raise DataError(f"quantity={quantity!r} is not in the table")
    chosen = chosen.assign(label=_labels(found, chosen))
    kept = list(dict.fromkeys(chosen["label"]))[-MOST_ROWS:]
    return chosen[chosen["label"].isin(kept)]


def _spread(found: Cohorts) -> list[str]:
    """Return the labels of the largest levels of a column that is no date, or of cohorts spread over all."""
    table = found.curves.assign(label=_labels(found, found.curves))
    levels = table[(table["kind"] == "level") & ~_is_dated(found, table)]
    if not levels.empty:
        return list(levels.groupby("label", sort=False)["customers"].first().nlargest(MOST_CURVES).index)
    labels = list(dict.fromkeys(table.loc[table["kind"].isin(["cohort", "new"]), "label"]))
    at = np.unique(np.linspace(0, len(labels) - 1, min(MOST_CURVES, len(labels))).round().astype(int))
    return [labels[i] for i in at]


def _is_dated(found: Cohorts, table: pd.DataFrame) -> pd.Series[bool]:
    """Whether a row is a level of a column of months or weeks."""
    dated = [name for name in found.attrs["by"] if name.startswith("cohort_")]
    return (table[dated] != ALL).any(axis=1) if dated else pd.Series(data=False, index=table.index)


def _payback_rows(found: Cohorts) -> pd.DataFrame:
    assert found.payback is not None
    table = found.payback.assign(label=_labels(found, found.payback))
    table = table.assign(by_oldest=table[f"p_payback_by_{max(found.attrs['ages'])}"])
    levels = table[(table["kind"] == "level") & ~_is_dated(found, table)]
    chosen = levels if not levels.empty else table[table["kind"].isin(["cohort", "new"])]
    return chosen.tail(MOST_ROWS)


def _writer(quantity: str, found: Cohorts) -> Callable[[float], str]:
    if quantity in _PERCENT:
        return lambda share: percent(share)
    if quantity.startswith(("ltv_", "arp")) and quantity != "ltv_cac":
        return lambda amount: style.money(
            amount, found.attrs.get("currency"), decimals=0 if abs(amount) >= 100 else 1
        )
    return lambda number: f"{number:.2f}"


def _title(quantity: str) -> str:
    if quantity in _TITLES:
        return tr(_TITLES[quantity])
    words = {"ltv_cac": "LTV : CAC", "purchases": mark("Purchases per customer acquired")}
    if quantity in words:
        return tr(words[quantity])
    return tr("{name} by age ({basis})", name=quantity.split("_")[0].upper(), basis=_basis(quantity))


def _basis(quantity: str) -> str:
    return ", ".join(map(tr, quantity.split("_")[1:]))


def _subtitle(found: Cohorts) -> str:
    until = found.attrs.get("observation_end")
    text = mark("{customers:,} customers; observed: plain; predicted or partly so: hatched")
    if until:
        text = mark("{customers:,} customers; observed until {until}: plain; predicted or partly so: hatched")
    return tr(text, customers=found.attrs["customers"], until=day(until))
