"""A fit on disk: one netCDF file, written beside its place and renamed."""

from pathlib import Path

import xarray as xr

from bayesltv.errors import StoreError
from bayesltv.files import replacing

FORMAT = 1
"""Version of the layout of a fit."""
NEEDED = ("spec", "time_unit", "format")


def save(fit: xr.DataTree, path: str | Path) -> Path:
    """Write a fit as netCDF and return its path; an earlier file stays until the new one is whole.

    Raises
    ------
    StoreError
        Where the folder does not exist or cannot be written to.
    """
    with replacing(path) as (part,):
        _write(fit, part)
    return Path(path)


def load(path: str | Path) -> xr.DataTree:
    """Read a fit that `save` wrote, into memory.

    Raises
    ------
    StoreError
        Where the file does not exist, is no netCDF file, or is not a fit of this toolkit.
    """
    source = Path(path)
    if not source.is_file():
        raise StoreError(f"fit file {source} does not exist: make it with `bayesltv fit` or save(fit, path)")
    try:
        with xr.open_datatree(source, engine="h5netcdf") as tree:
            fit = tree.load()
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise StoreError(f"{source} is not a readable netCDF file ({error}): is it cut short, or another format?") from error
    missing = [name for name in NEEDED if name not in fit.attrs]
    if missing or "posterior" not in fit.children:
        raise StoreError(f"{source} is netCDF but not a fit of bayesltv: it lacks {', '.join(missing) or 'posterior'}")
    if int(fit.attrs["format"]) > FORMAT:
        raise StoreError(f"{source} has layout {fit.attrs['format']}, newer than this version knows: upgrade bayesltv")
    return fit


def _write(fit: xr.DataTree, part: Path) -> None:
    try:
        fit.to_netcdf(part, engine="h5netcdf")
    except RuntimeError as error:  # how HDF5 says that the disk is full when it closes a file
        raise OSError(str(error)) from error
