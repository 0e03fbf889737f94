"""Pointwise log likelihood under the posterior: one value per cell or repeater, never n times it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.clock import Clock
from bayesltv.base.customers import make_customers
from bayesltv.base.meeting import Meeting
from bayesltv.base.placed_base import PlacedBase, place_base
from bayesltv.base.population import Population
from bayesltv.data.summary.cells import SpendRows, number_rows, purchase_cells, spend_rows
from bayesltv.data.summary.days import history_days, log_waits, repeats_of
from bayesltv.data.summary.groups import check_group_columns, codes_of
from bayesltv.errors import DataError
from bayesltv.names import CHAIN, CUSTOMER_ID, DRAW, REPEAT_DAYS
from bayesltv.numerics.arrays import Codes, Floats, Integers
from bayesltv.prediction.draws import GIGABYTES_ALLOWED

_BLOCK = 2_000_000
"""Values computed at once."""


@dataclass(frozen=True)
class Units:
    """What one part of the model scores: cells of customers, or single spenders.

    Attributes
    ----------
    part : "purchase" or "spend"
    weight : ndarray of int64, shape (unit,)
        Customers that share the value.
    group : ndarray of int32, shape (unit,)
    data : tuple of ndarray, each of shape (unit,)
    form : str
        "purchase", or the form of the spend likelihood, "full" or "mean".
    of_customer : ndarray of int64, shape (customer,)
        Unit of each customer of the summary; -1 for a customer who has none.
    bought : ndarray of float64, shape (unit, segment), optional
        Repeat purchases in each segment of a clock; then recency and T in `data` are places of days.
    fixed : ndarray of float64, shape (unit,), optional
        What no parameter changes: of single waits, in families whose waits are regular.
    """

    part: str
    weight: Integers
    group: Codes
    data: tuple[Floats, ...]
    form: str
    of_customer: Integers
    bought: Floats | None = None
    fixed: Floats | None = None


def log_likelihood(fit: xr.DataTree, summary: pd.DataFrame, *, time_unit: str | None = None) -> xr.DataTree:
    """Return the log likelihood of each distinct history and of each spender's amounts, at each draw.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame
        The summary that was fitted, or another one with its groups.
    time_unit : str, optional
        For a summary that has lost its attributes.

    Returns
    -------
    xarray.DataTree
        Nodes ``purchase`` and, with a spend model, ``spend``: ``log_likelihood`` with dims (chain, draw,
        unit) for one customer, and ``customers`` with dim (unit), the number of customers that share it.

    Raises
    ------
    DataError
        Where the answer would be larger than 4 GB: ``loo`` works in blocks and has no such bound.
    """
    return log_likelihood_base(place_base(fit, summary, Meeting(0, time_unit=time_unit)))


def log_likelihood_base(base: PlacedBase) -> xr.DataTree:
    """Return the log likelihood of the customers of a base; see `log_likelihood`."""
    population, parts = likelihood_units(base)
    size = sum(part.weight.size for part in parts) * population.draws.size * 8 / 1e9
    if size > GIGABYTES_ALLOWED:
        raise DataError(
            f"the pointwise log likelihood would be {size:,.1f} GB (at most {GIGABYTES_ALLOWED:g}): "
            "use loo(), which works in blocks"
        )
    return xr.DataTree.from_dict({part.part: _labelled(population, part) for part in parts})


def likelihood_units(base: PlacedBase, *, is_whole: bool = True) -> tuple[Population, list[Units]]:
    """Return all draws of a fit, or the base's number, and the units of each part of its model.

    Parameters
    ----------
    base : PlacedBase
    is_whole : bool
        Whether what no parameter changes is counted, so that families can be compared.

    Raises
    ------
    DataError
        Where there are no customers, or some in groups that were not fitted; where single waits matter and
        the summary does not tell them.
    """
    base.require_customers()
    checked, posterior = base.summary, base.posterior
    check_group_columns(checked, posterior.columns)
    strange = codes_of(checked, posterior.columns, posterior.combinations) < 0
    if strange.any():
        raise DataError(
            f"{int(strange.sum()):,} of {len(checked):,} customers ({{ids}}) are in groups that were not "
            "fitted: their likelihood has no draws",
            ids=checked.loc[strange, CUSTOMER_ID],
        )
    _, population, people = base.placed(None)
    waits = _log_waits(population, checked) if is_whole and population.family.is_regular else None
    parts = [_purchase_units(population, checked, people.group, waits)]
    with_first = population.uses_first_amounts
    rows = spend_rows(checked, people.group, with_first=with_first) if population.has_spend else None
    return population, parts if rows is None else [*parts, _spend_units(rows, len(checked))]


def value_blocks(population: Population, units: Units) -> Iterator[tuple[slice, Floats]]:
    """Yield slices of units with their log likelihoods, shape (unit, draw)."""
    step = max(1, _BLOCK // population.draws.size)
    for start in range(0, units.weight.size, step):
        chosen = slice(start, start + step)
        yield chosen, _values(population, units, chosen)


def _values(population: Population, units: Units, chosen: slice) -> Floats:
    group = units.group[chosen]
    data = [column[chosen, None] for column in units.data]
    if units.form == "purchase":
        if isinstance(population.clock, Clock):
            return _clocked_values(population, population.clock, units, chosen)
        values = population.family.formula("log_likelihood")(*data, *population.purchase[:, group])
        return values if units.fixed is None else values + units.fixed[chosen, None]
    spend = population.spend[:, group]
    name = "log_likelihood_of_amounts" if units.form == "full" else "log_likelihood_of_mean"
    return population.spend_family.formula(name)(*data[:-1], *spend, first=data[-1])


def total_log_likelihood(population: Population, parts: Iterable[Units]) -> Floats:
    """Return the log likelihood of all customers, shape (chain, draw): each value times its count."""
    total = np.zeros(population.draws.size)
    for part in parts:
        for chosen, values in value_blocks(population, part):
            total += part.weight[chosen] @ values
    return total.reshape(population.chains, -1)


def _log_waits(population: Population, checked: pd.DataFrame) -> Floats:
    if REPEAT_DAYS not in checked.columns:
        raise DataError(
            f"the log likelihood of {population.family.title} needs the day of every repeat purchase, and "
            f"the summary has no column {REPEAT_DAYS!r}: make it with summarize(log)"
        )
    return log_waits(checked)


def _purchase_units(
    population: Population, checked: pd.DataFrame, codes: Codes, waits: Floats | None
) -> Units:
    """Return distinct histories; under a clock those that also bought in the same segments."""
    clock = population.clock
    if waits is not None:
        people = make_customers(checked, codes, population.family, with_spend=False)
        unit, at = number_rows(codes, *people.histories[:4], waits)
        count, fixed = (
            np.bincount(unit).astype(np.int64),
            population.family.formula("log_of_waits")(waits[at]),
        )
        data = tuple(people.histories[:4, at])
        return Units("purchase", count, codes[at].astype(np.int32), data, "purchase", unit, fixed=fixed)
    if not isinstance(clock, Clock):
        cells = purchase_cells(checked, codes)
        k = np.asarray(population.family.coins(cells.frequency), dtype=np.float64)
        data = (cells.frequency.astype(np.float64), k, cells.recency, cells.T)
        return Units("purchase", cells.count, cells.group, data, "purchase", cells.cell_of_customer)
    people = make_customers(checked, codes, population.family, with_spend=False, with_days=True)
    repeats = repeats_of(checked, history_days(checked))
    bought = np.zeros((len(people), clock.timeline.block.size))
    np.add.at(bought, (repeats.customer, clock.timeline.segment_of(repeats.day)), 1.0)
    touched = bought.any(axis=0)
    unit, at = number_rows(codes, people.histories[0], *people.days, *bought[:, touched].T)
    some = people.rows(at)
    return Units(
        "purchase",
        np.bincount(unit).astype(np.int64),
        some.group,
        (*some.histories[:2], *clock.places(some.days)),
        "purchase",
        unit,
        bought[at],
    )


def _clocked_values(population: Population, clock: Clock, units: Units, chosen: slice) -> Floats:
    """Return the log likelihood in operational time, plus s over the repeat purchases."""
    assert units.bought is not None
    group = units.group[chosen]
    x, k, *places = (column[chosen] for column in units.data)
    first, last, end = (clock.times_at(place, group) for place in places)
    values = population.family.formula("log_likelihood")(
        x[:, None], k[:, None], last - first, end - first, *population.purchase[:, group]
    )
    for c in range(clock.times.shape[0]):
        own = clock.of_group[group] == c
        values[own] += units.bought[chosen][own] @ clock.intensity[c].T
    return values


def _spend_units(rows: SpendRows, customers: int) -> Units:
    count = rows.count.astype(np.float64)
    mean = rows.total / np.maximum(count, 1.0)
    data = (count, rows.total, rows.log_total) if rows.form == "full" else (count, mean)
    place = np.full(customers, -1, dtype=np.int64)
    place[rows.customer] = np.arange(rows.count.size)
    return Units(
        "spend", np.ones(rows.count.size, dtype=np.int64), rows.group, (*data, rows.first), rows.form, place
    )


def _labelled(population: Population, units: Units) -> xr.Dataset:
    values = np.concatenate([block for _, block in value_blocks(population, units)])
    shaped = values.reshape(values.shape[0], population.chains, -1)
    return xr.Dataset(
        {
            "log_likelihood": ((CHAIN, DRAW, "unit"), np.moveaxis(shaped, 0, 2)),
            "customers": ("unit", units.weight),
        }
    )
