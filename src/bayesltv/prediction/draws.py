"""``predict``: each customer's predictive draws, as a labelled dataset."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.customers import Customers, walk
from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.base.placed_base import PlacedBase, place_base
from bayesltv.base.population import Population, Posterior
from bayesltv.errors import DataError
from bayesltv.kernels.futures import Filled, draw_futures
from bayesltv.names import CHAIN, CUSTOMER_ID, DRAW, TIME_UNIT
from bayesltv.numerics.arrays import Codes, Flags, Floats
from bayesltv.prediction.packed import clock_of, laws_of, people_of, streams_of
from bayesltv.prediction.terms import Terms, make_terms

BYTES_PER_DRAW = 1 + 4 + 8 + 8
GIGABYTES_ALLOWED = 4.0
"""What `predict` returns at most; past it there is `score`."""
_BLOCK_BYTES = 8_000_000


@dataclass(frozen=True)
class Futures:
    """Predictive draws of a block; all arrays have shape (customer, draw).

    Attributes
    ----------
    alive : ndarray of bool
        At the end of observation.
    purchases : ndarray of int32
    spend, value : ndarray of float64
        Money; 0 without a spend model, but for service cost.
    """

    alive: Flags
    purchases: Codes
    spend: Floats
    value: Floats


def simulate_futures(population: Population, customers: Customers, terms: Terms, *, seed: int) -> Futures:
    """Return one predictive replicate per posterior draw of each customer."""
    shape = (len(customers), population.draws.size)
    futures = Futures(np.empty(shape, np.bool_), np.empty(shape, np.int32), np.empty(shape), np.empty(shape))
    draw_futures(
        streams_of(population, customers, seed=seed),
        people_of(population, customers, terms.horizon),
        laws_of(population),
        clock_of(population),
        terms.as_tuple(),
        Filled(futures.alive, futures.purchases, futures.spend, futures.value),
    )
    return futures


def predict(
    fit: xr.DataTree,
    summary: pd.DataFrame,
    *,
    horizon: str | float,
    annual_discount_rate: float,
    margin: float,
    seed: int,
    service_cost_per_year: float = 0.0,
    draws: int | None = None,
    customers: Sequence[object] | None = None,
    unknown_groups: UnknownGroups = "error",
    without_first_amounts: bool = False,
    time_unit: str | None = None,
    observation_end: str | None = None,
    threads: int | None = None,
    block: int | None = None,
) -> xr.Dataset:
    """Return predictive draws of what each customer does within the horizon.

    Parameters
    ----------
    fit : DataTree
        From ``fit``, ``load`` or ``from_pymc_marketing``.
    summary : DataFrame
        Customer summary; it may be newer than the fit and hold new customers.
    horizon : str or float
        Text with a unit ("39 weeks"), or a number in the summary's unit.
    annual_discount_rate : float
        Effective per year; 0 for none.
    margin : float
        Contribution margin share in (0, 1]; 1 makes value discounted revenue.
    seed : int
        A customer's draws depend only on the posterior, the seed and the customer's own row.
    service_cost_per_year : float
        Money per year that the customer is alive.
    draws : int, optional
        Thin the posterior evenly over chains to about this many; default all.
    customers : sequence, optional
        Ids to select, in the order wanted.
    unknown_groups : "error" or "population"
        What to do with levels of a group column that the fit has not seen.
    without_first_amounts : bool
        Leave first amounts out of what is known of customers, though the fit uses them: for a summary that
        has none. One-time buyers then all get the same spend.
    time_unit, observation_end : str, optional
        For a summary that has lost its attributes. A fit with a clock needs the end of observation where the
        summary has no dates of first purchases; where it has, the two are compared.
    threads, block : int, optional
        Change speed and memory, never a number.

    Returns
    -------
    xarray.Dataset
        Dims (chain, draw, customer_id): ``alive`` (bool, at the end of observation), ``purchases`` (int32),
        ``spend`` (money) and ``value`` (margin × discounted spend − discounted service cost).

    Raises
    ------
    DataError
        Where the summary does not fit the fit, or the answer would be larger than 4 GB.
    SpecError
        Where horizon, discount or margin is impossible.
    """
    meeting = Meeting(
        seed, unknown_groups=unknown_groups, time_unit=time_unit, observation_end=observation_end,
        without_first_amounts=without_first_amounts,
    )  # fmt: skip
    base = place_base(fit, summary, meeting)
    terms = make_terms(
        base.posterior.time_unit, horizon=horizon, annual_discount_rate=annual_discount_rate, margin=margin,
        service_cost_per_year=service_cost_per_year,
    )  # fmt: skip
    return predict_base(base, terms, draws=draws, customers=customers, threads=threads, block=block)


def predict_base(
    base: PlacedBase,
    terms: Terms,
    *,
    draws: int | None = None,
    customers: Sequence[object] | None = None,
    threads: int | None = None,
    block: int | None = None,
) -> xr.Dataset:
    """Return predictive draws of the customers of a base; see `predict`."""
    base.require_customers()
    chosen = base.of(customers)
    _refuse_too_large(len(chosen), chosen.hyperparameters(draws).draws.size)
    _, population, people = chosen.placed(draws)
    whole = _collect(population, people, terms, seed=base.seed, threads=threads, block=block)
    return _labelled(whole, people, population, base.posterior)


def block_size(draws: int, asked: int | None) -> int:
    """Return customers per block: as asked, or so many that a block's draws stay in the processor's cache."""
    return asked or max(16, _BLOCK_BYTES // (BYTES_PER_DRAW * draws))


def _refuse_too_large(customers: int, draws: int) -> None:
    size = customers * draws * BYTES_PER_DRAW / 1e9
    if size > GIGABYTES_ALLOWED:
        raise DataError(
            f"{customers:,} customers x {draws:,} draws would be {size:,.1f} GB (at most "
            f"{GIGABYTES_ALLOWED:g}): use score(), which keeps no draws, or fewer with draws= or customers="
        )


def _collect(
    population: Population,
    people: Customers,
    terms: Terms,
    *,
    seed: int,
    threads: int | None,
    block: int | None,
) -> Futures:
    def work(some: Customers) -> Futures:
        return simulate_futures(population, some, terms, seed=seed)

    size = block_size(population.draws.size, block)
    parts = list(walk(people, work, block=size, threads=threads))
    return Futures(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Futures.__dataclass_fields__)
    )


def _labelled(
    futures: Futures, people: Customers, population: Population, posterior: Posterior
) -> xr.Dataset:
    per_chain = population.draws.size // population.chains
    number = population.draws[:per_chain].astype(np.int64)
    coords = {
        CHAIN: posterior.dataset[CHAIN].values,
        DRAW: posterior.dataset[DRAW].values[number],
        CUSTOMER_ID: people.ids,
    }
    variables = {
        name: (
            (CHAIN, DRAW, CUSTOMER_ID),
            np.moveaxis(getattr(futures, name).reshape(len(people), population.chains, per_chain), 0, 2),
        )
        for name in Futures.__dataclass_fields__
        if population.has_spend or name in ("alive", "purchases")
    }
    return xr.Dataset(variables, coords=coords, attrs={TIME_UNIT: posterior.time_unit})
