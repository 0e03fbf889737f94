"""Cohorts by age for a terminal."""

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from bayesltv.cohorts.result import OBSERVED, Cohorts
from bayesltv.languages.language import label, tr, word
from bayesltv.languages.written import percent
from bayesltv.report.style import money

MOST = 30


def show_cohorts(found: Cohorts, console: Console) -> None:
    """Print LTV by age, or the share who have bought again, and when acquisition has paid back."""
    has_money = found.ltv in set(found.table["quantity"])
    quantity = found.ltv if has_money else "repurchase"
    values, status = found.wide(quantity), found.wide(quantity, show="status")
    ages = [name for name in values.columns if name not in (*found.attrs["by"], "kind", "customers")]
    quantity = word(quantity).replace("ltv", "LTV")
    title = tr("{quantity} by day, per customer acquired", quantity=quantity)
    table = Table(
        *map(label, found.attrs["by"]),
        title=title,
        title_justify="left",
        caption=tr("~ predicted, or partly so"),
        caption_justify="left",
    )
    table.add_column(tr("customers"), justify="right")
    for age in ages:
        table.add_column(f"{age:g}", justify="right")
    paid = None if found.payback is None else found.payback.set_index(list(found.attrs["by"]))
    if paid is not None:
        table.add_column(tr("pays back"), justify="right")
    rows = list(zip(values.itertuples(index=False), status.itertuples(index=False), strict=True))
    for value, told in rows[-MOST:]:
        labels, number = list(value[: len(found.attrs["by"])]), value[len(found.attrs["by"]) + 1]
        cells = [
            _cell(each, how == OBSERVED, found, is_money=has_money)
            for each, how in zip(value[-len(ages) :], told[-len(ages) :], strict=True)
        ]
        back = [] if paid is None else [_day(paid.loc[tuple(labels), "payback_p50"], found)]
        table.add_row(*map(label, labels), f"{number:,}", *cells, *back)
    console.print(table)
    if len(rows) > MOST:
        console.print(
            tr("the last {most} of {rows:,} rows; the tables have all", most=MOST, rows=len(rows)),
            highlight=False,
        )


def _cell(value: float, is_known: bool, found: Cohorts, *, is_money: bool) -> str:
    if np.isnan(value):
        return "–"
    text = money(value, found.attrs.get("currency"), decimals=2) if is_money else percent(value, 1)
    return text if is_known else f"~{text}"


def _day(value: "float | pd.Series[float]", found: Cohorts) -> str:
    day = float(np.ravel(value)[0])
    if np.isnan(day):
        return "–"
    return (
        tr("day {day:.0f}", day=day)
        if np.isfinite(day)
        else tr("not by {ages}", ages=max(found.attrs["ages"]))
    )
