"""A table of the terminal, with its headings in the language that is spoken."""

from collections.abc import Collection, Sequence

from rich.table import Table

from bayesltv.languages.language import tr


def headed(heads: Sequence[str], *, names: Collection[str] = (), title: str | None = None) -> Table:
    """Return a table with these headings: columns of `names` on the left, numbers on the right.

    >>> [column.justify for column in headed(("tier", "customers"), names=("tier",)).columns]
    ['left', 'right']
    """
    table = Table(title=title, title_justify="left")
    for head in heads:
        table.add_column(tr(head), justify="left" if head in names else "right")
    return table
