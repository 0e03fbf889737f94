"""Paths of a job, looked at before the work begins."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bayesltv.errors import StoreError
from bayesltv.files import require_writable
from bayesltv.names import OBSERVATION_END, TIME_UNIT

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def prepare(*outputs: str | Path, inputs: Sequence[str | Path]) -> None:
    """Raise StoreError where an output cannot be written, or would replace what is to be read."""
    read = {Path(path).resolve() for path in inputs}
    for path in outputs:
        if Path(path).resolve() in read:
            raise StoreError(f"{path} is read by this very command: write to another file")
    require_writable(*outputs)


def load_held(path: str | Path) -> "tuple[xr.DataTree, str]":
    """Return a fit on disk and the SHA-256 of the bytes that it was read from.

    Raises
    ------
    StoreError
        Where it cannot be read, or another has taken its place meanwhile.
    """
    from bayesltv.data.store import file_digest
    from bayesltv.fitting.store import load

    before = file_digest(path) if Path(path).is_file() else ""
    tree = load(path)
    if file_digest(path) != before:
        raise StoreError(f"{path} was replaced while it was read, so that nothing was made of it: run again")
    return tree, before


def customers_of(
    tree: "xr.DataTree",
    path: str | Path,
    *,
    time_unit: str | None = None,
    observation_end: str | None = None,
) -> "pd.DataFrame":
    """Return the summary of a file; a CSV is in the fit's unit and up to the fit's end where nobody says.

    A Parquet file says so itself: one that does not has lost it, and with it what would show a damage.
    """
    from bayesltv.data.sources import PARQUET_SUFFIXES
    from bayesltv.data.store import read_summary
    from bayesltv.data.validate import resolve_observation_end, resolve_time_unit

    frame = read_summary(path)
    if not str(path).lower().endswith(PARQUET_SUFFIXES):
        time_unit = time_unit or str(tree.attrs[TIME_UNIT])
        observation_end = observation_end or tree.attrs.get(OBSERVATION_END) or None
    end = resolve_observation_end(frame, observation_end)
    frame.attrs = {
        **frame.attrs,
        TIME_UNIT: resolve_time_unit(frame, time_unit),
        OBSERVATION_END: None if end is None else end.date().isoformat(),
    }
    return frame


def has_passed(path: str | Path) -> bool:
    """Return whether a fit lies at the path whose checks have passed: one that is not to be overwritten."""
    from bayesltv.checks.run import stored_report
    from bayesltv.fitting.store import load

    try:
        return stored_report(load(path)).passed
    except (StoreError, KeyError):
        return False
