"""What kernels see of a posterior: arrays of parameters by group and draw."""

import json
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayesltv.base.clock import Clock, StillClock
from bayesltv.base.seal import has_spec, is_uplift, require_sound
from bayesltv.data.arguments import require_fit
from bayesltv.errors import DataError, StoreError
from bayesltv.families.family import Family
from bayesltv.families.gamma_gamma import GAMMA_GAMMA
from bayesltv.kernels.calendar import NO_FACTORS
from bayesltv.names import CHAIN, CLOCK_END, CLOCK_START, DRAW, GROUP, SPEND_TYPICAL, TIME_UNIT, level_name
from bayesltv.numerics.arrays import Codes, Floats, Integers
from bayesltv.specs.model.model_spec import ModelSpec


@dataclass(frozen=True)
class Posterior:
    """A fit's posterior with what is needed to read it; made from any DataTree with the right names.

    Attributes
    ----------
    dataset : xarray.Dataset
        Dims (chain, draw, ...).
    spec : ModelSpec
        The resolved spec of the fit.
    combinations : tuple of tuple of str
        Levels of the group columns of each group, in the posterior's order.
    time_unit : str
    calendar : tuple of int, optional
        First and last day of the fit in days since 1970-01-01, where the spec has a clock.
    without_first_amounts : bool
        Leave first amounts out of what is known of customers, though the fit uses them.
    """

    dataset: xr.Dataset
    spec: ModelSpec
    combinations: tuple[tuple[str, ...], ...]
    time_unit: str
    calendar: tuple[int, int] | None = None
    without_first_amounts: bool = False

    @property
    def uses_first_amounts(self) -> bool:
        """Whether what is known of a customer's spend includes the first amount."""
        spend = self.spec.spend
        return spend is not None and spend.first_amounts and not self.without_first_amounts

    @property
    def columns(self) -> tuple[str, ...]:
        """Group columns, in spec order."""
        return tuple(self.spec.groups)

    @property
    def chains(self) -> int:
        """Number of chains."""
        return int(self.dataset.sizes[CHAIN])

    @property
    def draws_per_chain(self) -> int:
        """Number of draws of each chain."""
        return int(self.dataset.sizes[DRAW])

    @property
    def purchase_family(self) -> Family:
        """Family of purchases."""
        return self.spec.purchase.card

    @property
    def spend_family(self) -> Family:
        """Family of spend; Gamma-Gamma where there is no spend model."""
        return GAMMA_GAMMA if self.spec.spend is None else self.spec.spend.card

    @cached_property
    def purchase(self) -> Floats:
        """Parameters of the family of purchases; shape (parameter, group, chain × draw)."""
        return np.stack([self.stacked(name) for name in self.purchase_family.parameters])

    @cached_property
    def spend(self) -> Floats:
        """Parameters of the family of spend; shape (parameter, group, chain × draw), or empty."""
        if self.spec.spend is None:
            return np.zeros((len(self.spend_family.parameters), 0, 0))
        return np.stack([self.stacked(name) for name in self.spend_family.parameters])

    def stacked(self, name: str) -> Floats:
        """Return a variable as (group or level, chain × draw), chains one after the other."""
        array = self.dataset[name]
        last = [dim for dim in array.dims if dim not in (CHAIN, DRAW)]
        values = array.transpose(*last, CHAIN, DRAW).values.astype(np.float64)
        return np.ascontiguousarray(values.reshape(values.shape[0] if last else 1, -1))


@dataclass(frozen=True)
class Hyperparameters:
    """Draws of the parameters of the groups that were fitted, before customers stand in them.

    Attributes
    ----------
    family : Family
    purchase : ndarray of float64, shape (parameter, group, draw)
        In the order of ``family.parameters``.
    spend : ndarray of float64, shape (parameter, group, draw), or (parameter, 0, 0) without a spend model
        In the order of ``spend_family.parameters``.
    draws : ndarray of uint64, shape (draw,)
        Number of each draw among all of the posterior: its part in every customer's random stream.
    chains : int
        Draws come chain after chain, equally many of each.
    labels : tuple of str
        Of the groups.
    spend_family : Family
    uses_first_amounts : bool
        Whether what is known of a customer's spend includes the first amount.
    """

    family: Family
    purchase: Floats
    spend: Floats
    draws: NDArray[np.uint64]
    chains: int
    labels: tuple[str, ...]
    spend_family: Family = GAMMA_GAMMA
    uses_first_amounts: bool = False

    @property
    def has_spend(self) -> bool:
        """Whether there is a spend model."""
        return bool(self.spend.shape[2] > 0)  # with covariates, nobody has no rows

    def require_spend(self) -> None:
        """Raise DataError where there is no spend model, and value is asked for."""
        if not self.has_spend:
            raise DataError("the fit has no spend model: value is money, fit a spec with [spend]")

    @property
    def typical_amount(self) -> float:
        """Median over groups and draws of what a purchase typically costs; 1 without a spend model."""
        if not self.has_spend:
            return 1.0
        return float(np.median(self.spend_family.scales_of(self.spend)[SPEND_TYPICAL]))

    def thinned(self, draws: int | None) -> "Hyperparameters":
        """Return about `draws` draws, evenly spread over each chain; all where None or more than there are.

        The number is rounded down to a multiple of the number of chains, but to no less than one of each.
        """
        if draws is not None and draws < 1:
            raise DataError(f"draws={draws} must be at least 1")
        total = self.draws.size
        if draws is None or draws >= total:
            return self
        length, wanted = total // self.chains, max(1, draws // self.chains)
        within = (np.arange(wanted) * length) // wanted
        kept = (np.arange(self.chains)[:, None] * length + within[None, :]).ravel()
        spend = self.spend[:, :, kept] if self.has_spend else self.spend
        return replace(
            self,
            purchase=np.ascontiguousarray(self.purchase[:, :, kept]),
            spend=np.ascontiguousarray(spend),
            draws=self.draws[kept],
        )

    def as_population(self) -> "Population":
        """Return a population of the fitted groups alone, in which customers stand by their groups."""
        return Population(**vars(self))


@dataclass(frozen=True)
class Population(Hyperparameters):
    """Hyperparameters in which the customers of a summary have been placed, ready for kernels.

    Attributes
    ----------
    labels : tuple of str
        Of the groups; those that a summary adds stand last.
    group_of_row : ndarray of int32, shape (row,), optional
        With covariates the second axis of `purchase` and `spend` holds rows of equal group and covariates,
        and this says the group of each; None where rows are the groups.
    clock : Clock or StillClock
        Operational time.
    factors : ndarray of float64, shape (factor, draw), or (0, 0)
        By which the own time of some customers ran in stretches of the past; see ``base.own_time``.

    Others are those of `Hyperparameters`.
    """

    group_of_row: Codes | None = None
    clock: Clock | StillClock = field(default_factory=StillClock)
    factors: Floats = field(default_factory=lambda: NO_FACTORS)

    def of_draws(self, chosen: slice | Integers) -> "Population":
        """Return the population at some of its draws, whatever chain they are of."""
        return replace(
            self,
            purchase=np.ascontiguousarray(self.purchase[:, :, chosen]),
            spend=np.ascontiguousarray(self.spend[:, :, chosen]) if self.has_spend else self.spend,
            draws=self.draws[chosen],
            chains=1,
            clock=self.clock.taken(np.arange(self.draws.size)[chosen]),
            factors=np.ascontiguousarray(self.factors[:, chosen]) if self.factors.size else self.factors,
        )

    def at_mean_level(self) -> "Population":
        """Return the population with a clock whose future has s = 0, as at its mean level."""
        return replace(self, clock=self.clock.flat_ahead())

    def groups(self, rows: Codes) -> Codes:
        """Return the group of customers who stand in these rows: what totals are summed by."""
        return rows if self.group_of_row is None else self.group_of_row[rows]


def read_posterior(fit: xr.DataTree) -> Posterior:
    """Return the posterior of a fit.

    Raises
    ------
    StoreError
        Where the tree is no fit, or not as it was made; see ``seal.require_sound``.
    """
    require_fit(fit)
    require_sound(fit)
    if not has_spec(fit):
        what = "a test" if is_uplift(fit) else "arrivals"
        raise StoreError(
            f"this is not a fit of customers but of {what}: pass what ltv.fit or ltv.load returned"
        )
    spec = ModelSpec.from_dict(json.loads(fit.attrs["spec"]), source="the fit's stored spec")
    dataset = fit["posterior"].to_dataset()
    columns = tuple(spec.groups)
    with_constants = bool(columns) or spec.has_clock
    constant = fit["constant_data"].to_dataset() if with_constants else xr.Dataset()
    levels = [[str(level) for level in constant[level_name(column)].values] for column in columns]
    combinations = tuple(zip(*levels, strict=True)) if columns else ((),)
    if columns and len(combinations) != dataset.sizes[GROUP]:
        raise StoreError(f"the fit has {dataset.sizes[GROUP]} groups but levels of {len(combinations)}")
    calendar = None
    if spec.has_clock:
        calendar = int(constant[CLOCK_START]), int(constant[CLOCK_END])
    return Posterior(dataset, spec, combinations, str(fit.attrs[TIME_UNIT]), calendar)


def hyperparameters_of(posterior: Posterior) -> Hyperparameters:
    """Return all draws of the groups that were fitted."""
    return Hyperparameters(
        family=posterior.purchase_family,
        spend_family=posterior.spend_family,
        purchase=posterior.purchase,
        spend=posterior.spend,
        draws=np.arange(posterior.purchase.shape[2], dtype=np.uint64),
        chains=posterior.chains,
        labels=tuple(" | ".join(levels) for levels in posterior.combinations),
        uses_first_amounts=posterior.uses_first_amounts,
    )
