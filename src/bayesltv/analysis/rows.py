"""Customers by label: the rows of a table that tells of groups, tiers or any column."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from bayesltv.base.placed_base import PlacedBase
from bayesltv.errors import DataError
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.levels import quantiles_of
from bayesltv.prediction.scores.score import score_base
from bayesltv.specs import checked
from bayesltv.specs.decision.decision_spec import DecisionSpec

TIER = "tier"
ALL = "all"


class Labelled(NamedTuple):
    """Customers by label.

    Attributes
    ----------
    labels : DataFrame
        One row per label, the columns asked for.
    code : ndarray of int64, shape (customer,)
        Row of `labels`.
    sizes : ndarray of int64, shape (label,)
    """

    labels: pd.DataFrame
    code: Integers
    sizes: Integers


def labelled(
    base: PlacedBase, by: str | Sequence[str], decision: DecisionSpec, threads: int | None = None
) -> Labelled:
    """Return the customers of a base by some columns of its summary, or by tier; by none, all together.

    Raises
    ------
    DataError
        Where a column is not there, or tiers are asked for without a decision that has some.
    """
    base.require_customers()
    columns = [by] if isinstance(by, str) else list(by)
    summary = base.summary
    if TIER in columns and TIER not in summary.columns:
        if decision.tiers is None:
            raise DataError('by="tier" needs a decision with tiers: add [tiers] to it')
        summary = summary.assign(tier=score_base(base, decision, threads=threads)[TIER].to_numpy())
    for name in columns:
        if name not in summary.columns:
            known = [str(each) for each in summary.columns]
            raise DataError(f"there is no column {name!r}: {checked.nearest(name, [*known, TIER])}")
    if not columns:
        nothing: Integers = np.zeros(len(summary), np.int64)
        everybody: Integers = np.full(1, len(summary), np.int64)
        return Labelled(pd.DataFrame({ALL: [ALL]}), nothing, everybody)
    groups = summary.groupby(columns, sort=True, dropna=False, observed=True)
    code: Integers = np.array(groups.ngroup(), dtype=np.int64)
    sizes = np.zeros(len(groups), np.int64)
    np.add.at(sizes, code, 1)
    first = np.unique(code, return_index=True)[1]
    labels = summary[columns].iloc[first].reset_index(drop=True)
    return Labelled(labels, code, sizes)


def with_levels(name: str, draws: Floats) -> dict[str, Floats]:
    """Return mean, 5, 50 and 95 % of each row of draws, shape (row, draw), as columns."""
    return {f"{name}_mean": draws.mean(axis=1), **quantiles_of(draws, f"{name}_")}
