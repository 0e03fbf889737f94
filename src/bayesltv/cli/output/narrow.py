"""Tables that fit the terminal: a number is never cut, and what is too wide goes on below."""

import os
from collections.abc import Sequence
from dataclasses import replace
from textwrap import fill
from typing import Any

from rich.cells import cell_len
from rich.console import Console, Group
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

UNBROKEN = "\N{NO-BREAK SPACE}"
BESIDE = 3
"""Letters that a column takes beside its own: a line and a blank on either side."""


class Screen(Console):
    """A console whose tables are no wider than it is."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401
        """Print, tables fitted."""
        super().print(*(fitted(each, self) for each in objects), **options)


def has_width(console: Console) -> bool:
    """Whether a terminal, or COLUMNS, says how wide lines may be."""
    return console.is_terminal or "COLUMNS" in os.environ


def print_line(console: Console, text: str) -> None:
    """Print a line as it is, broken between words at most: names and paths are no markup, and stay whole."""
    if has_width(console):
        text = fill(text, console.width, break_long_words=False, break_on_hyphens=False)
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def fitted(found: Any, console: Console) -> Any:  # noqa: ANN401
    """Return what is to be printed, with each table no wider than the console."""
    while hasattr(found, "__rich__"):
        found = found.__rich__()
    if isinstance(found, Group):
        return Group(*(fitted(each, console) for each in found.renderables))
    if not isinstance(found, Table):
        return found
    endless = console.options.update(max_width=100_000)
    if Measurement.get(console, endless, found).maximum <= console.width:
        return found
    return _narrowed(found, console.width)


def _narrowed(table: Table, width: int) -> Any:  # noqa: ANN401
    """Return a table whose text columns wrap at words; where that is not enough, parts below each other."""
    columns = [_narrow(column) for column in table.columns]
    least = [_least(column) + BESIDE for column in columns]
    keys = next((at for at, column in enumerate(columns) if column.no_wrap), 1) or 1
    parts: list[list[int]] = [[]]
    for at in range(keys, len(columns)):
        taken = sum(least[:keys]) + sum(least[each] for each in parts[-1]) + 1
        if parts[-1] and taken + least[at] >= width:
            parts.append([])
        parts[-1].append(at)
    made = [_part(table, columns, [*range(keys), *part], width) for part in parts]
    made[0].title, made[-1].caption = table.title, table.caption
    return made[0] if len(made) == 1 else Group(*made)


def _narrow(column: Column) -> Column:
    """Return a column that keeps its numbers whole, its heading one word below the other."""
    is_number = column.justify == "right"
    words = _plain(column.header).replace(" %", UNBROKEN + "%").replace("_", "_ ").split(" ")
    heading = "\n".join(words).replace(UNBROKEN, " ")
    return replace(
        column, header=heading if is_number else column.header, no_wrap=is_number or column.no_wrap
    )


def _least(column: Column) -> int:
    """Return the letters that a column needs: its longest line, or its longest word where it wraps."""
    cells = [_plain(column.header), *(_plain(cell) for cell in column.cells)]
    pieces = [piece for cell in cells for piece in (cell.splitlines() if column.no_wrap else cell.split())]
    return max(map(cell_len, pieces), default=0)


def _widths(columns: Sequence[Column], width: int) -> list[int]:
    """Return the letters of each column: what it needs, and what is left to those that wrap most."""
    widths, wanted = [_least(each) for each in columns], [_most(each) for each in columns]
    for _ in range(width - 1 - sum(widths) - BESIDE * len(columns)):
        short = [most - each for most, each in zip(wanted, widths, strict=True)]
        widths[short.index(max(short))] += max(short) > 0
    return widths


def _most(column: Column) -> int:
    """Return the letters of a column's longest line."""
    lines = [line for cell in (column.header, *column.cells) for line in _plain(cell).splitlines()]
    return max(map(cell_len, lines), default=0)


def _part(table: Table, columns: Sequence[Column], chosen: Sequence[int], width: int) -> Table:
    """Return some columns of a table, no wider than `width` where that is enough for the longest words."""
    part = Table(title_justify=table.title_justify, caption_justify=table.caption_justify, box=table.box)
    shown = [columns[at] for at in chosen]
    cells = [list(each.cells) for each in shown]
    for column, letters in zip(shown, _widths(shown, width), strict=True):
        part.add_column(
            column.header, justify=column.justify, no_wrap=column.no_wrap, style=column.style,
            width=letters, overflow="fold",
        )  # fmt: skip
    for at, row in enumerate(table.rows):
        part.add_row(*(each[at] for each in cells), style=row.style, end_section=row.end_section)
    return part


def _plain(cell: Any) -> str:  # noqa: ANN401
    return cell.plain if isinstance(cell, Text) else Text.from_markup(str(cell)).plain
