"""Draws of cohorts -> tables: quantiles last, and what is known beside them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.cohorts.members import ALL, KNOWN, LEVEL, TableRows
from bayesltv.cohorts.quantities import AGE, COHORT, PERIOD, Known
from bayesltv.cohorts.result import OBSERVED, PARTLY, PREDICTED, SMALLEST
from bayesltv.cohorts.simulated import Reckoning
from bayesltv.dates import COHORTS, cohort_column
from bayesltv.names import DRAW
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.levels import LEVELS, quantiles_of

MEAN_LEVEL = "mean_level_"


def left_columns(reckoning: Reckoning) -> pd.DataFrame:
    """Return what stands at the left of every table: one row per row of sums."""
    rows, members = reckoning.rows, reckoning.members
    customers = rows.of(members.sizes)
    made: dict[str, Any] = {
        name: [labels[at] for labels in rows.labels] for at, name in enumerate(members.columns)
    }
    return pd.DataFrame(made | {"kind": rows.kinds, "customers": customers, "is_small": customers < SMALLEST})


def long_table(
    draws: xr.Dataset, flat: xr.Dataset | None, known: Known, reckoning: Reckoning, *, curve: bool = False
) -> pd.DataFrame:
    """Return one row per cohort, quantity and age; of the curve: one quantity at all ages of the grid."""
    left, asked = left_columns(reckoning), reckoning.asked
    names = [str(name) for name in draws if draws[name].ndim == 3]
    if curve:
        names = [name for name in names if name.startswith("ltv_") and name != "ltv_cac"] or ["purchases"]
    chosen = np.arange(reckoning.grid.size) if curve else np.searchsorted(reckoning.grid, asked.ages)
    floors = dict(_known_values(draws, known, reckoning))
    parts = []
    for name in names:
        by_age = AGE in draws[name].dims
        at = chosen if by_age else np.arange(draws.sizes[PERIOD])
        ages = reckoning.grid[at] if by_age else (at + 1) * asked.width
        passed = (known.share_passed if by_age else known.period_passed[:, 1:])[:, at]
        columns: dict[str, Any] = {**_levels(draws[name].values[:, :, at]), "known": floors[name][:, at]}
        if flat is not None:
            beside = _levels(flat[name].values[:, :, at])
            columns |= {f"{MEAN_LEVEL}{level}": beside[level] for level in LEVELS}
        columns |= {"share_passed": passed, "status": _status(passed)}
        parts.append(_stacked(left, name, ages + asked.first_day, columns))
    return pd.concat(parts, ignore_index=True)


def _stacked(left: pd.DataFrame, name: str, ages: NDArray[Any], columns: dict[str, Any]) -> pd.DataFrame:
    """Return values by (row, age) as one row each."""
    table = left.loc[left.index.repeat(ages.size)].reset_index(drop=True)
    table["quantity"], table["age"] = name, np.tile(ages, len(left))
    return table.assign(
        **{column: np.ascontiguousarray(values).ravel() for column, values in columns.items()}
    )


def _levels(values: Floats) -> dict[str, Floats]:
    """Return quantiles and mean over draws, axis 1; missing draws, of no buyer, are left out."""
    if not np.isnan(values).any():
        return quantiles_of(values, axis=1) | {"mean": values.mean(axis=1)}
    empty = np.asarray(np.isnan(values).all(axis=1))
    filled = np.where(empty[:, None], 0.0, values)
    found = np.where(empty, np.nan, np.nanquantile(filled, list(LEVELS.values()), axis=1))
    return dict(zip(LEVELS, found, strict=True)) | {
        "mean": np.where(empty, np.nan, np.nanmean(filled, axis=1))
    }


def _known_values(draws: xr.Dataset, known: Known, reckoning: Reckoning) -> Iterator[tuple[str, Floats]]:
    """Yield each quantity's known part, shape (row, age or period); NaN where nothing can be said."""
    size = reckoning.rows.of(reckoning.members.sizes)[:, None].astype(np.float64)
    yield "purchases", known.bought / size
    yield "repurchase", known.second / size
    yield "retention", known.active[:, 1:] / size
    if known.money is None:
        return
    margins = reckoning.asked.value.terms(1).margin * known.money
    ends = np.searchsorted(reckoning.grid, np.arange(reckoning.asked.periods + 1) * reckoning.asked.width)
    spent, buyers = np.diff(known.money[:, ends], axis=1), known.active[:, 1:].astype(np.float64)
    yield f"ltv_{reckoning.asked.value.basis}", margins / size
    for name in map(str, draws):
        if name.startswith("arpu"):
            yield name, spent / size
        if name.startswith("arppu"):
            yield name, np.divide(spent, buyers, out=np.full_like(spent, np.nan), where=buyers > 0)
    if reckoning.cost is not None:
        cost = np.where(reckoning.cost > 0, reckoning.cost, np.nan).mean(axis=1, keepdims=True)
        yield "ltv_cac", margins / cost
        yield "roi", margins / cost - 1.0


def _status(passed: Floats) -> NDArray[np.object_]:
    found = np.full(passed.shape, PARTLY, dtype=object)
    found[passed == 1.0], found[passed == 0.0] = OBSERVED, PREDICTED
    return found


def payback_table(draws: xr.Dataset, reckoning: Reckoning) -> pd.DataFrame | None:
    """Return when rows pay back; see `Cohorts`."""
    if reckoning.cost is None or "payback" not in draws:
        return None
    table, asked, known = left_columns(reckoning), reckoning.asked, reckoning.members.known
    table["cac"] = (reckoning.cost / reckoning.rows.of(reckoning.members.sizes)[:, None]).mean(axis=1)
    back, day = draws["payback"].values, draws["payback_day"].values
    unknown = np.isnan(back).any(axis=1)
    for level, share in LEVELS.items():
        table[f"payback_{level}"] = np.quantile(back, share, axis=1, method="lower") + asked.first_day
    for age in asked.ages:
        table[f"p_payback_by_{age + asked.first_day}"] = np.where(unknown, np.nan, (back <= age).mean(axis=1))
    for level, share in LEVELS.items():
        dates = np.full(len(table), np.datetime64("NaT"), dtype="datetime64[D]")
        found = np.quantile(day[:known], share, axis=1, method="lower")
        seen = np.flatnonzero(np.isfinite(found))
        dates[seen] = (reckoning.members.start[seen] + found[seen].astype(np.int64)).astype("datetime64[D]")
        table[f"payback_date_{level}"] = dates.astype("datetime64[us]")
    return table


def best_table(draws: xr.Dataset, reckoning: Reckoning) -> pd.DataFrame | None:
    """Return P(a level is the best of its column) by age; None where there is nothing to compare."""
    asked = reckoning.asked
    measure = "roi" if "roi" in draws else f"ltv_{asked.value.basis}"
    if measure not in draws:
        return None
    parts = []
    for column in reckoning.members.columns:
        if column in map(cohort_column, COHORTS):
            continue
        rows, levels = _levels_of(column, reckoning)
        at = np.searchsorted(reckoning.grid, asked.ages)
        values = draws[measure].values[rows][:, :, at]
        comparable = ~np.isnan(values).any(axis=(1, 2))
        if comparable.sum() < 2:
            continue
        best = np.where(comparable[:, None, None], values, -np.inf).argmax(axis=0)
        for i, level in enumerate(levels):
            share = (best == i).mean(axis=0) if comparable[i] else np.full(at.size, np.nan)
            ages = np.array(asked.ages) + asked.first_day
            parts.append(
                pd.DataFrame(
                    {"column": column, "level": level, "measure": measure, "age": ages, "p_best": share}
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else None


def _levels_of(column: str, reckoning: Reckoning) -> tuple[list[int], list[str]]:
    """Return the rows of a table that hold the levels of one column, and the levels."""
    columns, rows = reckoning.members.columns, reckoning.rows
    at, kind = columns.index(column), KNOWN if len(columns) == 1 else LEVEL
    found = [
        i for i, labels in enumerate(rows.labels) if rows.kinds[i] == kind and labels[at] != ALL
    ]  # fmt: skip
    return found, [rows.labels[i][at] for i in found]


def shown_draws(draws: xr.Dataset, reckoning: Reckoning) -> xr.Dataset:
    """Return the draws with their labels, and ages as they are asked for."""
    rows: TableRows = reckoning.rows
    labels = [" | ".join(each) for each in rows.labels]
    return draws.assign_coords(
        {
            COHORT: labels, AGE: draws[AGE].values + reckoning.asked.first_day,
            "customers": (COHORT, rows.of(reckoning.members.sizes)), "kind": (COHORT, list(rows.kinds)),
        }
    ).transpose(COHORT, DRAW, ...)  # fmt: skip
