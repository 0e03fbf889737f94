"""Results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr
from rich.markup import escape

from bayesltv.names import (
    CURRENCY,
    CUSTOMER_ID,
    FIRST_PURCHASE,
    FREQUENCY,
    GROUPS,
    MONETARY_VALUE,
    OBSERVATION_END,
    SET_ASIDE,
    TIME_UNIT,
)
from bayesltv.prediction.scores.score_columns import label_of, tier_column
from bayesltv.prediction.totals import summarise_totals
from bayesltv.report.style import money, value_label

if TYPE_CHECKING:
    from rich.table import Table

ROWS = 8


def summary_table(summary: pd.DataFrame) -> Table:
    """Return the facts of a customer summary: who, how often, when, and what was set aside."""
    table = _table("Customer summary", "", "")
    repeaters = int((summary[FREQUENCY] > 0).sum())
    facts = {
        "customers": f"{len(summary):,}",
        "of them repeat buyers": f"{repeaters:,} ({repeaters / max(len(summary), 1):.0%})",
        "repeat purchases": f"{int(summary[FREQUENCY].sum()):,}",
    }
    if FIRST_PURCHASE in summary and len(summary):
        first = summary[FIRST_PURCHASE]
        facts["first purchases"] = f"{first.min().date()} to {first.max().date()}"
    facts["observed until"] = str(summary.attrs.get(OBSERVATION_END, "not known"))
    facts["time unit"] = str(summary.attrs.get(TIME_UNIT, "not known"))
    if repeaters and MONETARY_VALUE in summary:
        facts["mean repeat spend"] = money(
            summary[MONETARY_VALUE].mean(), summary.attrs.get(CURRENCY), decimals=2
        )
    for column in summary.attrs.get(GROUPS) or ():
        if column in summary:
            facts[f"levels of {escape(column)}"] = f"{summary[column].nunique():,}"
    for reason, count in (summary.attrs.get(SET_ASIDE) or {}).items():
        facts[f"set aside: {str(reason).replace('_', ' ')}"] = f"{count:,}"
    for name, fact in facts.items():
        table.add_row(name, fact)
    return table


def scores_table(
    scores: pd.DataFrame, *, customers: Sequence[object] | None = None, rows: int = ROWS
) -> Table:
    """Return chosen customers of a score table, or the first by expected value.

    Parameters
    ----------
    scores : DataFrame
    customers : sequence, optional
        Ids.
    rows : int
        How many where none are chosen.
    """
    shown = _shown(scores, customers, rows)
    has_value, has_tier = "ltv_mean" in shown, "tier" in shown
    told = (CUSTOMER_ID, FREQUENCY, "p_alive", "p_purchase_90d", "expected_purchases")
    heads = [label_of(name) for name in told]
    heads += [label_of("ltv_mean"), "90 % interval"] if has_value else []
    heads += [label_of("tier")] if has_tier else []
    table = _table(value_label(scores.attrs) if has_value else "Scores", *heads)
    currency = scores.attrs.get(CURRENCY)
    for row in shown.to_dict("records"):
        cells = [
            escape(str(row[CUSTOMER_ID])),
            f"{row[FREQUENCY]:,}" if FREQUENCY in row else "",
            f"{row['p_alive']:.2f}",
            f"{row['p_purchase_90d']:.2f}",
            f"{row['expected_purchases']:.2f}",
        ]
        if has_value:
            cells += [
                money(row["ltv_mean"], currency, decimals=2),
                f"{money(row['ltv_p05'], currency)} to {money(row['ltv_p95'], currency)}",
            ]
        if has_tier:
            cells.append(f"{row['tier']} ({row[tier_column(str(row['tier']))]:.0%})")
        table.add_row(*cells)
    return table


def totals_table(totals: xr.Dataset, *, by: str = "tier", currency: str | None = None) -> Table:
    """Return expected totals with 90 % intervals, by tier label or group and overall.

    Parameters
    ----------
    totals : Dataset
        ``scores.totals``.
    by : "tier" or "group"
    currency : str, optional
    """
    summed = summarise_totals(totals, by=by)
    quantities = [name for name in ("purchases", "spend", "value") if f"{name}_mean" in summed]
    table = _table("Totals over the horizon, with 90 % intervals", by, "customers", *quantities)
    for row in summed.to_dict("records"):
        amounts = [_interval(row, name, currency if name != "purchases" else None) for name in quantities]
        is_total = row[by] == "total"
        table.add_row(
            escape(str(row[by])), f"{int(row['customers']):,}", *amounts, style="bold" if is_total else None
        )
    return table


def _table(title: str, *heads: str) -> Table:
    from rich import box
    from rich.table import Table

    named = any(heads)
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD if named else box.SIMPLE
    )
    table.show_header = named
    for at, head in enumerate(heads):
        table.add_column(head, justify="left" if at == 0 else "right")
    return table


def _shown(scores: pd.DataFrame, customers: Sequence[object] | None, rows: int) -> pd.DataFrame:
    from bayesltv.report.figures.tiers import rows_of

    if customers is not None:
        return rows_of(scores, customers)
    ranking = "ltv_mean" if "ltv_mean" in scores else "expected_purchases"
    return pd.DataFrame(scores).nlargest(rows, ranking)


def _interval(row: Mapping[Hashable, Any], name: str, currency: str | None) -> str:
    mean, low, high = (money(row[f"{name}_{part}"], currency) for part in ("mean", "p05", "p95"))
    return f"{mean} ({low} to {high})"
