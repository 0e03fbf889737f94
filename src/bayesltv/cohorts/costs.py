"""What was spent to acquire cohorts: one number, one per cohort, or draws of either."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesltv.cohorts.asked import Cac
from bayesltv.cohorts.members import Members, TableRows
from bayesltv.errors import DataError, warn
from bayesltv.names import GROUP_SEPARATOR
from bayesltv.numerics.arrays import Floats

COST, PER_CUSTOMER = "cost", "cac"


def cost_of(cac: Cac | None, members: Members, rows: TableRows, draws: int) -> Floats | None:
    """Return the money spent on the members of each row, shape (row, 1 or draw); NaN where it is not known.

    Parameters
    ----------
    cac : number, mapping or DataFrame, optional
        Money per customer: for all; by label of the cohort or of one column, each a number or an array of
        draws; or a table with some of the cohorts' columns and ``cac``, or ``cost`` for the whole of the
        row's customers. Draws of a media-mix posterior go by draw index, the first to the first.
    members : Members
    rows : TableRows
    draws : int

    Raises
    ------
    DataError
        Where a cost is negative or of an unknown cohort, or has fewer draws than the base.
    """
    if cac is None:
        return None
    if isinstance(cac, pd.DataFrame):
        found = _of_table(cac, members)
    elif isinstance(cac, Mapping):
        found = _of_mapping(cac, members, draws)
    else:
        found = np.full((len(members.labels), 1), float(cac))
    if (found < 0).any() or np.isinf(found).any():
        raise DataError("a cost of acquisition is negative or infinite: give money of 0 or more per customer")
    _warn_of(found, members)
    return rows.of(found * members.sizes[:, None])


def _of_mapping(cac: Mapping[str, Any], members: Members, draws: int) -> Floats:
    """Return the cost per customer by cohort: of its own label, else of one of its levels."""
    given = {str(label): np.atleast_1d(np.asarray(value, dtype=np.float64)) for label, value in cac.items()}
    keys = [(name, *levels) for name, levels in zip(members.names, members.labels, strict=True)]
    unknown = given.keys() - {key for each in keys for key in each}
    if unknown:
        raise DataError(f"cac: no cohort is called {', '.join(map(repr, sorted(unknown)[:5]))}")
    short = [label for label, value in given.items() if 1 < value.size < draws]
    if short:
        raise DataError(
            f"cac of {short[0]!r} has {given[short[0]].size:,} draws, the base {draws:,}: give as many"
        )
    width = draws if any(value.size > 1 for value in given.values()) else 1
    found = np.full((len(keys), width), np.nan)
    for at, each in enumerate(keys):
        value = next((given[key] for key in each if key in given), None)
        if value is not None:
            found[at] = value if value.size == 1 else value[:draws]
    return found


def _of_table(table: pd.DataFrame, members: Members) -> Floats:
    """Return the cost per customer by cohort from a table with some of the cohorts' columns."""
    columns = [name for name in members.columns if name in table.columns]
    money = [name for name in (PER_CUSTOMER, COST) if name in table.columns]
    if not columns or len(money) != 1:
        raise DataError(
            f"cac: a table needs some of the columns {', '.join(members.columns)}, and one of "
            f'"{PER_CUSTOMER}" (per customer) and "{COST}" (of all of them)'
        )
    keys = [tuple(map(str, row)) for row in table[columns].itertuples(index=False, name=None)]
    if len(set(keys)) < len(keys):
        raise DataError(f"cac: a cohort stands twice among {', '.join(columns)}: give each one row")
    places = [members.columns.index(name) for name in columns]
    of_cohort = [tuple(levels[at] for at in places) for levels in members.labels]
    unknown = sorted(set(keys) - set(of_cohort))
    if unknown:
        warn(
            f"cac: {len(unknown):,} of {len(keys):,} rows are of no cohort and are left out: "
            f"{'; '.join(GROUP_SEPARATOR.join(each) for each in unknown[:5])}"
        )
    amounts = pd.to_numeric(table[money[0]], errors="coerce")
    if (amounts.isna() & table[money[0]].notna()).any():
        raise DataError(f"cac: {money[0]!r} holds what is no number: write 12.5, or leave it empty")
    known = dict(zip(keys, amounts.astype(float), strict=True))
    per = np.array([known.get(key, np.nan) for key in of_cohort])
    if money[0] == COST:
        customers: dict[tuple[str, ...], int] = {}
        for key, size in zip(of_cohort, members.sizes, strict=True):
            customers[key] = customers.get(key, 0) + int(size)
        per /= np.array([customers[key] for key in of_cohort])
    return per[:, None]


def _warn_of(found: Floats, members: Members) -> None:
    unknown, free = (np.asarray(which.any(axis=1)) for which in (np.isnan(found), found == 0))
    for which, what in (
        (unknown, "have no cost of acquisition: their LTV:CAC, ROI and pay-back are missing"),
        (free, "cost nothing: their LTV:CAC and ROI are missing"),
    ):
        if which.any():
            named = [name for name, chosen in zip(members.names, which, strict=True) if chosen]
            warn(f"{len(named):,} of {which.size:,} cohorts {what} ({', '.join(named[:5])})")
