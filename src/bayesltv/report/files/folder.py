"""A folder of pictures and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bayesltv.files import make_folder, replacing
from bayesltv.report.files.export import safe_for_spreadsheets
from bayesltv.report.style import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def write_folder(
    folder: str | Path,
    *,
    figures: Mapping[str, Callable[[], Axes | Figure]],
    tables: Mapping[str, pd.DataFrame],
) -> list[Path]:
    """Write pictures (PNG) and tables (CSV), all of them or none, and return their paths.

    Parameters
    ----------
    folder : path
        Made where it is not there.
    figures : mapping
        Name of the file without suffix -> what draws it.
    tables : mapping
        Name of the file without suffix -> DataFrame.

    Raises
    ------
    StoreError
        Where the folder or a file cannot be written.
    """
    where = make_folder(folder)
    paths = [where / f"{name}.csv" for name in tables] + [where / f"{name}.png" for name in figures]
    with replacing(*paths) as parts:
        for table, part in zip(tables.values(), parts[: len(tables)], strict=True):
            safe_for_spreadsheets(table).to_csv(part, index=False, encoding="utf-8-sig")
        for draw, part in zip(figures.values(), parts[len(tables) :], strict=True):
            figure = draw()
            save_figure(figure, part, kind="png")
    return paths
