"""A folder of pictures and tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesltv.errors import StoreError
from bayesltv.files import refilling
from bayesltv.report.files.export import write_csv
from bayesltv.report.files.sealed import FORMAT, digests_of, read_sealed, sealed
from bayesltv.report.files.verified import checksums
from bayesltv.report.style import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURES = "figures"
"""Name of the folder of pictures inside a folder of results."""


def write_folder(
    folder: str | Path | None,
    name: str,
    *,
    figures: Mapping[str, Callable[[], Axes | Figure]],
    tables: Mapping[str, pd.DataFrame],
) -> list[Path]:
    """Write pictures (PNG), tables (CSV) and a manifest that comes last; return their paths.

    Several such sets may share a folder: each has a manifest of its own, and takes away what the earlier run
    of its own wrote and this one does not.

    Parameters
    ----------
    folder : path, optional
        Made where it is not there; default: nothing is written.
    name : str
        Of the set: its manifest is NAME.manifest.json.
    figures : mapping
        Name of the file without suffix -> what draws it.
    tables : mapping
        Name of the file without suffix -> DataFrame.

    Raises
    ------
    StoreError
        Where the folder or a file cannot be written.
    """
    if folder is None:
        return []
    marker = f"{name}.manifest.json"
    earlier = _listed(Path(folder) / marker)
    with refilling(folder, marker=marker, known=lambda place: place.as_posix() in earlier) as part:
        for each, table in tables.items():
            write_csv(table, part / f"{each}.csv")
        for each, draw in figures.items():
            save_figure(draw(), part / f"{each}.png", kind="png")
        (part / marker).write_text(sealed({"format": FORMAT, "sha256": digests_of(part)}), encoding="utf-8")
    names = [*(f"{each}.csv" for each in tables), *(f"{each}.png" for each in figures), marker]
    return [Path(folder) / each for each in names]


def _listed(manifest: Path) -> Collection[str]:
    """Return the files that a manifest tells of; none where it is not there, or damaged."""
    try:
        return checksums(read_sealed(manifest, cure=""), manifest, cure="").keys()
    except StoreError:
        return ()


def is_ours(place: Path, *, files: Collection[str], pictures: str | tuple[str, ...]) -> bool:
    """Whether a place inside a folder is one of these files, or a picture whose name begins like this."""
    if place.parent == Path(FIGURES):
        return place.suffix == ".png" and place.stem.startswith(pictures)
    return str(place) in files


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
        if pictures:
            (part / FIGURES).mkdir()
        for draw, picture in zip(figures.values(), pictures, strict=True):
            save_figure(draw(), part / picture)
        said = {"format": FORMAT, **told, "sha256": digests_of(part)}
        (part / marker).write_text(sealed(said), encoding="utf-8")
    return [Path(folder) / name for name in (*(f"{name}.csv" for name in tables), *others, *pictures, marker)]
