"""A fit on disk: one netCDF file, written beside its place and renamed."""

import io
import json
import os
from pathlib import Path

import xarray as xr

from bayesltv.errors import StoreError
from bayesltv.files import replacing

FORMAT = 1
"""Version of the layout of a fit."""
JSON_ATTRIBUTES = ("spec", "experiment", "sampler", "versions", "checks")
NEEDED = ("spec", "time_unit", "format")
UPLIFT = "uplift"
"""``kind`` of a fitted experiment, which has no spec of purchases."""


def save(fit: xr.DataTree, path: str | Path) -> Path:
    """Write a fit as netCDF and return its path; an earlier file stays until the new one is whole.

    Raises
    ------
    StoreError
        Where the folder does not exist or cannot be written to.
    """
    # made in memory: HDF5 brings the whole process down when the disk fills up under it
    content = io.BytesIO()
    fit.to_netcdf(content, engine="h5netcdf")
    with replacing(path) as (part,):
        part.write_bytes(content.getvalue())
    return Path(path)


def load(path: str | Path) -> xr.DataTree:
    """Read a fit that `save` wrote, into memory.

    Raises
    ------
    StoreError
        Where the file does not exist, is no netCDF file, or is not a fit of this toolkit.
    """
    source = Path(path)
    if not os.path.isfile(source):
        raise StoreError(f"fit file {source} does not exist: make it with `bayesltv fit` or save(fit, path)")
    try:
        with xr.open_datatree(source, engine="h5netcdf") as tree:
            fit = tree.load()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise StoreError(
            f"{source} is not a readable netCDF file ({error}): is it cut short, or another format?"
        ) from error
    needed = ("experiment", "format") if fit.attrs.get("kind") == UPLIFT else NEEDED
    missing = [name for name in needed if name not in fit.attrs]
    if missing or "posterior" not in fit.children:
        raise StoreError(
            f"{source} is netCDF but not a fit of bayesltv: it lacks {', '.join(missing) or 'posterior'}"
        )
    _require_sound(fit, source)
    return fit


def _require_sound(fit: xr.DataTree, source: Path) -> None:
    """Raise StoreError where attributes cannot be read, or come from a later version."""
    try:
        layout = int(fit.attrs["format"])
        for name in JSON_ATTRIBUTES:
            json.loads(fit.attrs.get(name, "{}"))
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"{source} is damaged: its attributes cannot be read ({error}). Fit again"
        ) from error
    if layout > FORMAT:
        raise StoreError(f"{source} has layout {layout}, newer than this version knows: upgrade bayesltv")
