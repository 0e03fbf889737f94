"""One table of people: who holds the value at risk, and for whom the plan does something."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from bayesltv.allocation.hold_out import HOLD_OUT
from bayesltv.decisions.plan import Plan
from bayesltv.languages.language import mark, tr
from bayesltv.languages.written import percent
from bayesltv.names import CURRENCY, CUSTOMER_ID
from bayesltv.prediction.scores.score import ScoreTable
from bayesltv.redaction import Redaction
from bayesltv.report.files.stored import StoredPlan
from bayesltv.report.style import money
from bayesltv.specs.decision.actions import NO_ACTION

Write = Callable[[float], str]
_CENTS_BELOW = 1000
"""Money of people is written with cents where nobody is worth more than this."""
_HEADS = {
    CUSTOMER_ID: mark("customer"),
    "value_at_risk": mark("value at risk"),
    "ltv_mean": mark("expected value"),
    "expected_purchases": mark("purchases expected"),
    "p_alive": mark("still a customer"),
    "tier": mark("tier"),
    "stage": mark("stage"),
    "assignment": mark("what is done"),
    "action_net_mean": mark("what it should bring"),
    "p_action_pays": mark("pays with"),
}
_ENDS = {"ltv_mean": ("ltv_p05", "ltv_p95"), "action_net_mean": ("action_net_p05", "action_net_p95")}
_SHARES, _TEXTS = ("p_alive", "p_action_pays"), (CUSTOMER_ID, "tier", "stage", "assignment")
_WORDS = {HOLD_OUT: mark("held out"), NO_ACTION: mark("nothing")}
PRINTED = 25
"""Rows that paper shows."""


@dataclass(frozen=True)
class Bar:
    """An interval inside a cell, its ends, middle and zero in per cent of the column's range."""

    low: float
    middle: float
    high: float
    zero: float


@dataclass(frozen=True)
class Cell:
    """A figure or text of one person; `key` is what it is sorted by."""

    text: str
    key: str
    more: str = ""
    bar: Bar | None = None


@dataclass(frozen=True)
class Column:
    """A column of the table; `choices` are its labels where it can be filtered by them."""

    name: str
    head: str
    is_text: bool
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class People:
    """Some customers, those first who matter most.

    Attributes
    ----------
    columns : tuple of Column
    rows : tuple of tuple of Cell
    customers : int
        Of whom these are the first.
    ranked_by : str
        "value_at_risk", "ltv_mean" or "expected_purchases".
    printed : int
        Rows that paper shows.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    customers: int
    ranked_by: str
    printed: int = PRINTED


def people_of(
    scores: ScoreTable | None,
    plan: Plan | StoredPlan | None,
    *,
    most: int,
    redaction: Redaction | None = None,
) -> People | None:
    """Return the people of a plan, else of scores; None where there are none.

    Parameters
    ----------
    scores : ScoreTable, optional
    plan : Plan or StoredPlan, optional
    most : int
        Customers of each ranking: by value at risk, and by what the plan does; else by value.
    redaction : Redaction, optional
        Of their ids.
    """
    found = plan.customers if plan is not None else scores
    if found is None or most == 0:
        return None
    table, told = pd.DataFrame(found), plan.attrs if plan is not None else found.attrs
    by = next((each for each in ("value_at_risk", "ltv_mean", "expected_purchases") if each in table), None)
    if by is None or table.empty:
        return None
    chosen = _chosen(table, by, most).dropna(axis=1, how="all")  # a plan without tiers has a column of them
    chosen[CUSTOMER_ID] = chosen[CUSTOMER_ID].astype(str)
    if redaction is not None:
        chosen[CUSTOMER_ID] = [redaction.hashed(each) for each in chosen[CUSTOMER_ID]]
    for name in [each for each in ("tier", "stage", "assignment") if each in chosen]:
        chosen[name] = [tr(_WORDS.get(each, each.replace("_", " "))) for each in chosen[name].astype(str)]
    columns = _columns(chosen)
    cells = _cells(chosen, [each.name for each in columns], told.get(CURRENCY))
    return People(tuple(columns), tuple(zip(*cells, strict=True)), len(table), by)


def _chosen(table: pd.DataFrame, by: str, most: int) -> pd.DataFrame:
    """Return the first of each ranking, each customer once, in the order of the first ranking."""
    ranked = table.sort_values(by, ascending=False, kind="stable", na_position="last")
    picked = set(ranked.index[:most])
    if "action_net_mean" in table:
        acted = table["action_net_mean"].dropna().sort_values(ascending=False, kind="stable")
        picked |= set(acted.index[:most])
    return ranked[ranked.index.isin(picked)]


def _columns(chosen: pd.DataFrame) -> list[Column]:
    names = [name for name in _HEADS if name in chosen and chosen[name].notna().any()]
    if "ltv_mean" in names:
        names = [name for name in names if name != "expected_purchases"]
    return [
        Column(
            name,
            _HEADS[name],
            name in _TEXTS,
            tuple(dict.fromkeys(chosen[name])) if name in _TEXTS[1:] else (),
        )
        for name in names
    ]


def _cells(chosen: pd.DataFrame, names: list[str], currency: object) -> list[list[Cell]]:
    """Return the cells of each column."""
    highest = chosen["ltv_mean"].max() if "ltv_mean" in chosen else 0.0
    cents: Write = partial(money, currency=currency, decimals=2 if highest < _CENTS_BELOW else 0)
    ways: Mapping[str, Write] = dict.fromkeys(_SHARES, percent) | {
        "expected_purchases": lambda number: f"{number:.2f}"
    }
    return [
        [Cell(text, text) for text in chosen[name]]
        if name in _TEXTS
        else _figures(chosen, name, ways.get(name, cents))
        for name in names
    ]


def _figures(chosen: pd.DataFrame, name: str, write: Write) -> list[Cell]:
    """Return figures, with a bar where the table has their intervals."""
    middles = chosen[name].to_numpy(float)
    if name not in _ENDS or not set(_ENDS[name]) <= set(chosen):
        return [_figure(middle, write) for middle in middles]
    lows, highs = (chosen[end].to_numpy(float) for end in _ENDS[name])
    least, most = min(0.0, pd.Series(lows).min()), max(pd.Series(highs).max(), 1e-12)

    def place(value: float) -> float:
        return float(round(100 * (value - least) / (most - least), 1))

    return [
        _figure(middle, write)
        if math.isnan(middle)
        else Cell(
            write(middle),
            f"{middle:.6g}",
            tr("{low} to {high}", low=write(low), high=write(high)),
            Bar(place(low), place(middle), place(high), place(0.0)),
        )
        for low, middle, high in zip(lows, middles, highs, strict=True)
    ]


def _figure(value: Any, write: Write) -> Cell:  # noqa: ANN401
    return Cell("", "") if math.isnan(value) else Cell(write(value), f"{value:.6g}")
