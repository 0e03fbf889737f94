"""How results show themselves in a notebook: a heading and tables, as HTML that escapes what data bring."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ROWS = 20
"""Of a table that a notebook shows; what is cut says so."""


def html_of(heading: str, tables: Mapping[str, pd.DataFrame]) -> str:
    """Return a heading and tables, each below its name."""
    parts = [f"<p><b>{escape(heading)}</b></p>"]
    for name, table in tables.items():
        shown = table.to_html(index=False, max_rows=ROWS, border=0, float_format="{:,.4g}".format)
        parts.append(f"<p>{escape(name)}</p>{shown}")
    return "".join(parts)


def html_of_text(heading: str, text: str) -> str:
    """Return a heading and a text as it is written."""
    return f"<p><b>{escape(heading)}</b></p><pre>{escape(text)}</pre>"
