"""A folder of pictures and tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesltv.files import make_folder, refilling, replacing
from bayesltv.report.files.export import safe_for_spreadsheets, write_csv
from bayesltv.report.files.sealed import FORMAT, digests_of, sealed
from bayesltv.report.style import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURES = "figures"
"""Name of the folder of pictures inside a folder of results."""


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


def write_sealed_folder(
    folder: str | Path,
    *,
    marker: str,
    known: Callable[[Path], bool],
    told: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Callable[[], Axes | Figure]],
    more: Mapping[str, Callable[[Path], object]] | None = None,
) -> list[Path]:
    """Write tables, figures and a manifest that comes last, all of them or none; return their paths.

    Parameters
    ----------
    folder : path
        Made where it is not there; what an earlier run wrote there goes.
    marker : str
        Name of the manifest.
    known : callable
        Place inside the folder -> whether such a file is ours, and may be removed.
    told : mapping
        What the manifest says beside format and digests, in JSON's types.
    tables : mapping
        Name of the file without suffix -> DataFrame, written as CSV.
    figures : mapping
        Name of the file without suffix -> what draws it; they stand in a folder of their own.
    more : mapping, optional
        Name of a file -> what writes it to a path.

    Raises
    ------
    StoreError
        Where a file cannot be written.
    """
    others, pictures = more or {}, [f"{FIGURES}/{name}.png" for name in figures]
    with refilling(folder, marker=marker, known=known) as part:
        for name, table in tables.items():
            write_csv(table, part / f"{name}.csv")
        for name, write in others.items():
            write(part / name)
        (part / FIGURES).mkdir()
        for draw, picture in zip(figures.values(), pictures, strict=True):
            save_figure(draw(), part / picture)
        said = {"format": FORMAT, **told, "sha256": digests_of(part)}
        (part / marker).write_text(sealed(said), encoding="utf-8")
    return [Path(folder) / name for name in (*(f"{name}.csv" for name in tables), *others, *pictures, marker)]
