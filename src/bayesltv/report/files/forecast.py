"""A forecast on disk: tables as CSV and Parquet, figures, and a manifest that comes last."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bayesltv.arrivals.result import Forecast
from bayesltv.files import refilling
from bayesltv.report.files.export import write_csv
from bayesltv.report.files.sealed import FORMAT, digests_of, in_json, sealed
from bayesltv.report.style import save_figure

MANIFEST, FIGURES, DRAWS, ARRIVALS = "forecast.manifest.json", "figures", "totals.parquet", "arrivals.nc"
TABLES = ("forecast", "reached")


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
    tables, where = {"forecast": found.table}, Path(folder)
    if found.reached is not None:
        tables["reached"] = found.reached
    names = [f"{name}.csv" for name in tables] + [DRAWS]
    with refilling(folder, marker=MANIFEST, known=_is_ours) as part:
        for name, table in tables.items():
            write_csv(table, part / f"{name}.csv")
        _draws(found).to_parquet(part / DRAWS, index=False)
        (part / FIGURES).mkdir()
        for name, draw in figures.items():
            save_figure(draw(), part / FIGURES / f"{name}.png")
        if arrivals is not None:
            (part / ARRIVALS).write_bytes(arrivals)
            names.append(ARRIVALS)
        told = {"format": FORMAT, **provenance, "forecast": in_json(found.attrs), "sha256": digests_of(part)}
        (part / MANIFEST).write_text(sealed(told), encoding="utf-8")
    return [where / name for name in (*names, *(f"{FIGURES}/{name}.png" for name in figures), MANIFEST)]


def _draws(found: Forecast) -> pd.DataFrame:
    """Return the draws of every part and quantity over the whole horizon: one row per draw."""
    return pd.DataFrame(
        {f"{part}_{name}": values.sum(axis=1) for (part, name), values in found.quantities().items()}
    )


def _is_ours(name: Path) -> bool:
    """Whether a forecast writes a file of this name: others in the folder are left alone."""
    if name.parent == Path(FIGURES):
        return name.suffix == ".png" and name.stem.startswith("forecast_")
    return str(name) in {MANIFEST, DRAWS, ARRIVALS, *(f"{table}.csv" for table in TABLES)}
