"""The parts of a page: tables as text, pictures as data, sections that hold them."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesltv.evaluation.result import written
from bayesltv.languages.language import label, retold, tr, word
from bayesltv.report.style import DESCRIPTION, readable, words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 120
"""Of pictures in a page: sharp at the width of its text on most screens and on paper."""
WIDEST, COLOURS = 1100, 48
"""Pixels and colours of a picture: lines, bars and bands need no more, and the page stays small."""
MOST_ROWS = 60
"""Rows of a table that a page shows."""


@dataclass(frozen=True)
class Grid:
    """A table as text, which the template escapes.

    Attributes
    ----------
    caption : str
    heads : tuple of str
    rows : tuple of tuple of str
    numeric : tuple of bool
        Whether each column is set to the right.
    status : tuple of str
        Of each row, for its colour: "pass", "warn", "fail", "total" or "".
    left_out : int
        Rows that there was no room for.
    """

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    status: tuple[str, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Picture:
    """A PNG inside the page.

    Attributes
    ----------
    name : str
    words : str
        What it shows, for those who cannot see it.
    source : str
        Its data as a URI.
    """

    name: str
    words: str
    source: str


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Attributes
    ----------
    key : str
        Its anchor.
    title, lead : str
        What it is called, and what it answers.
    notes : tuple of str
        Sentences before the tables.
    grids : tuple of Grid
    pictures : tuple of Picture
    """

    key: str
    title: str
    lead: str
    notes: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    pictures: tuple[Picture, ...] = ()


def grid_of(
    table: pd.DataFrame,
    caption: str,
    *,
    heads: Mapping[str, str] | None = None,
    formats: Mapping[str, Callable[[Any], str]] | None = None,
    status: Sequence[str] | None = None,
    most: int = MOST_ROWS,
) -> Grid:
    """Return a DataFrame as a table of text; columns that are all missing are left out.

    Parameters
    ----------
    table : DataFrame
    caption : str
    heads : mapping, optional
        Column -> heading; default the column's name without underscores.
    formats : mapping, optional
        Column -> how to write a cell; default four digits, and blank where it is missing.
    status : sequence of str, optional
        Of each row.
    most : int
        Rows shown.
    """
    shown = pd.DataFrame(table).dropna(axis=1, how="all") if len(table) else pd.DataFrame(table)
    names = [str(name) for name in shown.columns]
    ways = formats or {}
    columns = [[_cell(value, ways.get(name)) for value in shown[name].iloc[:most]] for name in names]
    return Grid(
        tr(caption),
        tuple(word((heads or {}).get(name, name)) for name in names),
        tuple(zip(*columns, strict=True)),
        tuple(_is_numeric(shown[name]) or name in ways for name in names),
        tuple(status or [""] * len(shown))[:most],
        max(0, len(shown) - most),
    )


def facts_of(facts: Mapping[str, object], caption: str) -> Grid:
    """Return names and values as a table of two columns; what is not known is left out."""
    rows = tuple((word(name), text) for name, value in facts.items() if (text := _cell(value, None)))
    return Grid(tr(caption), ("", ""), rows, (False, False), ("",) * len(rows))


def interval(figures: Sequence[float], write: Callable[[float], str]) -> str:
    """Return "0.055 (0.048 to 0.063)" of the middle and the two ends."""
    middle, low, high = figures
    return tr("{middle} ({low} to {high})", middle=write(middle), low=write(low), high=write(high))


def picture_of(name: str, drawn: Axes | Figure) -> Picture:
    """Return a drawn figure as a picture of the page; what is written on it becomes the words for it."""
    whole = drawn.get_figure(root=True) if hasattr(drawn, "get_figure") else drawn
    assert whole is not None
    readable(whole)
    buffer = BytesIO()
    whole.savefig(buffer, dpi=DPI, format="png")  # type: ignore[union-attr]
    return png_picture(name, buffer.getvalue(), words=words_of(whole))  # type: ignore[arg-type]


def png_picture(name: str, content: bytes, *, words: str = "") -> Picture:
    """Return the bytes of a PNG as a picture of the page; its words are its own where it carries some."""
    from PIL import Image

    with Image.open(BytesIO(content)) as image:
        words = words or str(image.info.get(DESCRIPTION, "")) or name.replace("_", " ")
        image.thumbnail((WIDEST, 4 * WIDEST))
        small = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    buffer = BytesIO()
    small.save(buffer, "PNG", optimize=True)
    source = f"data:image/png;base64,{b64encode(buffer.getvalue()).decode('ascii')}"
    return Picture(name, words, source)


def _is_numeric(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column.dtype)) and column.dtype != bool


def _cell(value: object, write: Callable[[Any], str] | None) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if write is not None:
        return write(value)
    return retold(label(value)) if isinstance(value, str) else written(value)


def count(number: object) -> str | None:
    """Return a whole number as text, where there is one."""
    if number is None or isinstance(number, str):
        return number
    return f"{int(number):,}"  # type: ignore[call-overload]
