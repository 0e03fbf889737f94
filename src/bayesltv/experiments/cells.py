"""Cells of a test: by which columns effects may differ, and what each choice costs in certainty."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from bayesltv.errors import DataError, SpecError
from bayesltv.numerics.arrays import Floats
from bayesltv.specs import checked
from bayesltv.units import horizon_in

ENOUGH = 20.0
"""Conversions expected in a cell and arm from which on it says something of its own."""
MONTH = "p_purchase_30d"


def suggest_cells(
    scores: pd.DataFrame, *, window: str, arms: int = 2, by: Sequence[str] = ("tier", "stage")
) -> pd.DataFrame:
    """Return what cells by each choice of columns would cost a test, and which choice is suggested.

    Parameters
    ----------
    scores : DataFrame
        Those who will be assigned, as of that day: from ``score``, or ``plan.customers``, which has stages.
    window : str
        How long outcomes will be watched: "8 weeks".
    arms : int
        Of equal size, the control among them.
    by : sequence of str
        Columns that may make cells; those that the scores have not are left out.

    Returns
    -------
    DataFrame
        One row per choice, coarse ones first: ``columns`` ("" for one cell), ``cells``; of the smallest cell
        ``customers`` and ``conversions`` expected in each arm; ``sd_all``, ``sd_smallest``: about the sd of
        the log effect of an arm, of all cells together and of the smallest by itself, before cells lean on
        each other; ``suggested``: the finest choice whose smallest cell has 20 conversions in each arm.

    Raises
    ------
    DataError
        Where the scores have no customers, or no probability of a purchase.
    SpecError
        Where the window is no duration, or there are fewer than two arms.

    Examples
    --------
    >>> suggest_cells(plan.customers, window="8 weeks")  # doctest: +SKIP
    """
    if checked.count("arms", arms, at_least=2) and MONTH not in scores:
        raise DataError(f"the table has no column {MONTH!r}: pass what score returned, or plan.customers")
    if scores.empty:
        raise DataError("the table has no customers: nobody can be assigned")
    if isinstance(by, str):
        raise SpecError(f"by={by!r} must be a list of columns: by=[{by!r}]")
    bought = 1.0 - (1.0 - scores[MONTH].to_numpy(float)) ** (horizon_in(window, "day") / 30.0)
    known = [column for column in by if column in scores]
    rows = [
        _row(scores, bought, list(choice), arms)
        for size in range(len(known) + 1)
        for choice in combinations(known, size)
    ]
    table = pd.DataFrame(rows)
    enough = table.index[table["conversions"] >= ENOUGH]
    return table.assign(suggested=table.index == (enough[-1] if len(enough) else 0))


def _row(scores: pd.DataFrame, bought: Floats, columns: list[str], arms: int) -> dict[str, object]:
    number = pd.Series(0, index=scores.index)
    if columns:
        number = scores.groupby(columns, dropna=False, observed=True).ngroup()
    cell = number.to_numpy()
    size = np.bincount(cell)
    sums = np.bincount(cell, weights=bought / arms)
    least = int(sums.argmin())
    return {
        "columns": ", ".join(columns),
        "cells": size.size,
        "customers": int(size[least]),
        "conversions": float(sums[least]),
        "sd_all": float(np.sqrt(2.0 / sums.sum())),
        "sd_smallest": float(np.sqrt(2.0 / max(sums[least], 1e-12))),
    }
