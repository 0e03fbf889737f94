"""Totals per draw, which cannot be rebuilt from customers' quantiles: exact, whatever the order of rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.data.summary.groups import labels_of
from bayesltv.names import COMMON_SHOCKS, DRAW, GROUP
from bayesltv.numerics.arrays import Codes, Floats, Integers
from bayesltv.numerics.levels import ENDS, quantiles_of
from bayesltv.numerics.reductions import add_customers

QUANTITIES = ("purchases", "spend", "value")
MEANS = {"purchases": "expected_purchases", "value": "ltv_mean"}
"""Quantities whose expectation stands in each customer's score: exact given the parameters, so it adds up."""
_STEPS = 2.0**30
"""Sums count steps of the typical amount / 2**30 as integers: associative, good for 8e9 typical amounts."""


@dataclass(frozen=True)
class Totals:
    """Exact sums over customers.

    Attributes
    ----------
    sums : ndarray of int64, shape (3, group, tier, draw)
        Purchases, spend and value; the latter two in steps of `step` money.
    customers : ndarray of int64, shape (group, tier)
    step : float
        Money.
    """

    sums: Integers
    customers: Integers
    step: float

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(self.sums + other.sums, self.customers + other.customers, self.step)


def step_of(typical: float) -> float:
    """Return the money of one step, for a typical amount: a power of two, so that conversion rounds once."""
    return float(2.0 ** np.round(np.log2(typical)) / _STEPS)


def add_up(
    purchases: Codes,
    spend: Floats,
    value: Floats,
    group: Codes,
    tier: Integers,
    *,
    shape: tuple[int, int],
    step: float,
) -> Totals:
    """Return the totals of a block.

    Parameters
    ----------
    purchases, spend, value : ndarray, shape (customer, draw)
    group, tier : ndarray of int, shape (customer,)
    shape : tuple of int
        Number of groups and of tiers.
    step : float
    """
    sums = np.zeros((3, *shape, purchases.shape[1]), dtype=np.int64)
    customers = np.zeros(shape, dtype=np.int64)
    add_customers(purchases, spend, value, group, tier, step, sums, customers)
    return Totals(sums, customers, step)


def merged(
    parts: Sequence[tuple[Sequence[str], Totals]], *, fitted: Sequence[str]
) -> tuple[tuple[str, ...], Totals]:
    """Return the groups of all parts, the fitted ones first, and the sum of their totals.

    Parameters
    ----------
    parts : sequence of (groups, Totals)
        Parts of one summary may differ in the groups that they add to the fitted ones.
    fitted : sequence of str
    """
    strangers = sorted({group for groups, _ in parts for group in groups} - set(fitted))
    groups = (*fitted, *strangers)
    first = parts[0][1]
    sums = np.zeros((3, len(groups), *first.sums.shape[2:]), dtype=np.int64)
    customers = np.zeros((len(groups), first.customers.shape[1]), dtype=np.int64)
    for labels, part in parts:
        at = [groups.index(label) for label in labels]
        sums[:, at] += part.sums
        customers[at] += part.customers
    return groups, Totals(sums, customers, first.step)


def labelled(
    totals: Totals, groups: Sequence[str], tiers: Sequence[str], *, with_money: bool, told: str
) -> xr.Dataset:
    """Return the totals by group, tier and draw as a dataset; sums over group and tier are sums of the table.

    Returns
    -------
    xarray.Dataset
        ``purchases``, ``spend``, ``value`` with dims (group, tier, draw), ``customers`` with dims (group,
        tier); tier is the customers' label, not the tier of the draw. The attribute ``common_shocks`` says
        whether totals are too sure, in the words of the fit's check (`told`).
    """
    dims = (GROUP, "tier", DRAW)
    variables: dict[str, tuple[tuple[str, ...], NDArray[np.generic]]] = {"purchases": (dims, totals.sums[0])}
    if with_money:
        variables["spend"] = (dims, totals.sums[1] * totals.step)
        variables["value"] = (dims, totals.sums[2] * totals.step)
    variables["customers"] = ((GROUP, "tier"), totals.customers)
    return xr.Dataset(
        variables, coords={GROUP: list(groups), "tier": list(tiers)}, attrs={COMMON_SHOCKS: told}
    )


def summarise_totals(
    totals: xr.Dataset, *, by: str = "tier", means: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return mean, 5 and 95 % quantiles over draws of the totals by group or tier, and of the whole.

    Parameters
    ----------
    totals : Dataset
        ``scores.totals``.
    by : "tier" or "group"
    means : DataFrame, optional
        From ``sums_of_means`` by the same label: customers' own expectations added up. By default, and for
        spend, means are those of the draws, which have an error of their own.

    Returns
    -------
    DataFrame
        One row per label and a last one, "total"; ``customers``, then ``<quantity>_mean``, ``_p05``, ``_p95``
        for purchases, spend and value, where there are any. Means add up over rows; quantiles do not, since
        sums are taken inside each draw.
    """
    other = GROUP if by == "tier" else "tier"
    part = totals.sum(other)
    whole = part.sum(by).expand_dims({by: ["total"]})
    table = xr.concat([part, whole], by, join="outer")
    labels = [str(label) for label in table[by].values]
    columns: dict[str, Any] = {by: labels, "customers": table["customers"].values}
    for name in (name for name in QUANTITIES if name in table):
        draws = table[name].transpose(by, DRAW).values
        columns |= {f"{name}_mean": draws.mean(axis=1), **quantiles_of(draws, f"{name}_", levels=ENDS)}
    if means is not None:
        columns |= _exact_means(means, labels, columns["customers"])
    return pd.DataFrame(columns)


def _exact_means(means: pd.DataFrame, labels: Sequence[str], customers: Integers) -> dict[str, list[float]]:
    """Return the sums of means of these labels, the last of all; of nobody 0."""
    found: dict[str, list[float]] = {}
    for name in means.columns:
        known = {str(key): float(mean) for key, mean in means[name].items()}
        known[labels[-1]] = float(means[name].sum(skipna=False))
        found[f"{name}_mean"] = [
            known.get(label, np.nan) if number else 0.0
            for label, number in zip(labels, customers, strict=True)
        ]
    return found


def sums_of_means(
    tables: Iterable[pd.DataFrame], *, by: str = "tier", columns: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the sums of customers' expected purchases and value, by tier or group.

    Parameters
    ----------
    tables : iterable of DataFrame
        A score table, or its parts.
    by : "tier" or "group"
    columns : sequence of str
        Group columns.

    Returns
    -------
    DataFrame
        Index: labels; ``purchases``, and ``value`` in money where there is any: missing where that of a
        customer is, since it is infinite.
    """
    parts = []
    for table in tables:
        there = {name: table[column].to_numpy() for name, column in MEANS.items() if column in table}
        tier = table["tier"].astype(object) if "tier" in table else np.full(len(table), "all", dtype=object)
        label = np.asarray(tier if by == "tier" else labels_of(table, columns))
        parts.append(pd.DataFrame(there).groupby(label).sum(skipna=False))
    whole = pd.concat(parts)
    return whole.groupby(whole.index).sum(skipna=False)
