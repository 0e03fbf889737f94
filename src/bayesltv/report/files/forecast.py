"""A forecast on disk: tables as CSV and Parquet, figures, and a manifest that comes last."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from bayesltv.arrivals.result import Forecast
from bayesltv.report.files.folder import is_ours, write_sealed_folder
from bayesltv.report.files.sealed import in_json

MANIFEST, DRAWS, ARRIVALS = "forecast.manifest.json", "totals.parquet", "arrivals.nc"
TABLES = ("forecast", "reached")
_FILES = {MANIFEST, DRAWS, ARRIVALS, *(f"{name}.csv" for name in TABLES)}
_is_ours = partial(is_ours, files=_FILES, pictures="forecast_")
"""Whether a forecast writes a file of this name: others in the folder are left alone."""


def write_forecast(
    found: Forecast,
    folder: str | Path,
    *,
    provenance: Mapping[str, Any],
    figures: Mapping[str, Callable[[], Any]],
    arrivals: bytes | None = None,
) -> list[Path]:
    """Write tables, draws of totals, figures and a manifest into a folder, all or none; return their paths.

    Parameters
    ----------
    found : Forecast
    folder : path
        Made where it is not there; what an earlier run wrote there goes.
    provenance : mapping
        What the manifest says beside the forecast's own attributes, in JSON's types.
    figures : mapping
        Name -> what draws it.
    arrivals : bytes, optional
        File of the fit of arrivals that was made for this forecast.

    Raises
    ------
    StoreError
        Where a file cannot be written.
    """
    tables = {"forecast": found.table}
    if found.reached is not None:
        tables["reached"] = found.reached
    more: dict[str, Callable[[Path], object]] = {DRAWS: partial(_draws(found).to_parquet, index=False)}
    if arrivals is not None:
        more[ARRIVALS] = lambda path: path.write_bytes(arrivals)
    told = {**provenance, "forecast": in_json(found.attrs)}
    return write_sealed_folder(
        folder, marker=MANIFEST, known=_is_ours, told=told, tables=tables, figures=figures, more=more
    )


def _draws(found: Forecast) -> pd.DataFrame:
    """Return the draws of every part and quantity over the whole horizon: one row per draw."""
    return pd.DataFrame(
        {f"{part}_{name}": values.sum(axis=1) for (part, name), values in found.quantities().items()}
    )
