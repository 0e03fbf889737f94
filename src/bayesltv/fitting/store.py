"""A fit on disk: one netCDF file, written beside its place and renamed."""

import io
import os
from pathlib import Path

import xarray as xr

from bayesltv.base.seal import CHECKS, DIGEST, require_sound
from bayesltv.errors import StoreError, warn
from bayesltv.files import replacing, require_ending

NETCDF_SUFFIXES = (".nc", ".nc4", ".netcdf", ".h5", ".hdf5")


def require_netcdf(path: str | Path) -> Path:
    """Return the path of a fit to be written.

    Raises
    ------
    StoreError
        Where its name promises another format.
    """
    return require_ending(path, NETCDF_SUFFIXES, what="a fit is written as netCDF")


def save(fit: xr.DataTree, path: str | Path) -> Path:
    """Write a fit as netCDF and return its path; an earlier file stays until the new one is whole.

    Raises
    ------
    StoreError
        Where the fit is not as it was made, which `as_fit` cures, the folder does not exist or cannot be
        written to, or the name promises another format.
    """
    require_sound(fit)
    require_netcdf(path)
    content = content_of(fit)
    with replacing(path) as (part,):
        part.write_bytes(content)
    return Path(path)


def content_of(fit: xr.DataTree) -> bytes:
    """Return the bytes of a fit's file, made in memory: HDF5 dies with a full disk."""
    content = io.BytesIO()
    fit.to_netcdf(content, engine="h5netcdf")
    return content.getvalue()


def load(path: str | Path) -> xr.DataTree:
    """Read a fit that `save` wrote, into memory, and verify it.

    A fit that an earlier version wrote, before there were digests, is read with a warning.

    Raises
    ------
    StoreError
        Where the file does not exist, is no netCDF file, is not a fit of this toolkit, or is not what was
        written: damaged, edited or incomplete.
    """
    source = Path(path)
    if not os.path.isfile(source):
        raise StoreError(f"fit file {source} does not exist: make it with `bayesltv fit` or save(fit, path)")
    fit = _read(source)
    require_sound(fit, str(source))
    if CHECKS not in fit.attrs:
        raise StoreError(f"{source} is damaged or incomplete: it lacks {CHECKS}. Fit again")
    if DIGEST not in fit.attrs:
        warn(
            f"{source} was made before digests: it cannot be verified. Fit again, or take it over with "
            "ltv.as_fit(fit, summary, spec)"
        )
    return fit


def _read(source: Path) -> xr.DataTree:
    try:
        with xr.open_datatree(source, engine="h5netcdf") as tree:
            return tree.load()
    except Exception as error:  # whatever a damaged file makes HDF5 and those who read it raise
        raise StoreError(
            f"{source} is not a readable netCDF file ({{quoted}}): is it cut short, or another format?",
            quoted=str(error),
        ) from error
