"""A fit meets a summary: matched, validated and placed once, for every question that is then asked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Self

import pandas as pd
import xarray as xr

from bayesltv.base.customers import Customers, make_customers
from bayesltv.base.gate import require_passed, require_recent
from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.base.new_groups import place
from bayesltv.base.own_time import OwnTime
from bayesltv.base.population import (
    Hyperparameters,
    Population,
    Posterior,
    hyperparameters_of,
    read_posterior,
)
from bayesltv.data.ids import plain_text
from bayesltv.data.summary.validate import (
    canonical,
    required_end,
    resolve_observation_end,
    resolve_time_unit,
    validate_summary,
)
from bayesltv.dates import Date
from bayesltv.errors import DataError, warn
from bayesltv.names import CUSTOMER_ID, FIRST_AMOUNT, TIME_UNIT


class Placement(NamedTuple):
    """Some customers, and the population in which they stand.

    Attributes
    ----------
    summary : DataFrame
        Validated; one row per customer.
    population : Population
    customers : Customers
        In the summary's order.
    """

    summary: pd.DataFrame
    population: Population
    customers: Customers


@dataclass(frozen=True)
class PlacedBase:
    """The posterior draws of a fit placed onto the customers of a validated summary.

    Attributes
    ----------
    fit : DataTree
    posterior : Posterior
    summary : DataFrame
        Validated: nothing below looks at it again.
    end : Timestamp, optional
        Last day observed; None where neither summary nor caller says.
    seed : int
        A customer's draws depend only on the posterior, the seed and the customer's own row.
    draws : int, optional
        Posterior draws of every question, spread evenly over chains; None for each question's own number.
    unknown_groups : "error" or "population"
    accept_failed : tuple of str
        Failed checks of the fit that are accepted.
    max_fit_age_days : float, optional
    own_time : OwnTime, optional
        Stretches of the past in which some customers' time ran by a factor.
    """

    fit: xr.DataTree
    posterior: Posterior
    summary: pd.DataFrame
    end: pd.Timestamp | None
    seed: int
    draws: int | None = None
    unknown_groups: UnknownGroups = "error"
    accept_failed: tuple[str, ...] = ()
    max_fit_age_days: float | None = None
    own_time: OwnTime | None = None
    _placements: dict[int | None, Placement] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __len__(self) -> int:
        return len(self.summary)

    def hyperparameters(self, draws: int | None) -> Hyperparameters:
        """Return the draws of the fitted groups: the base's number, or else `draws`."""
        return hyperparameters_of(self.posterior).thinned(self.draws if self.draws is not None else draws)

    def placed(self, draws: int | None) -> Placement:
        """Return all customers where they stand, with the base's number of draws, or else `draws`.

        Raises
        ------
        DataError
            Where a group column is missing, or a level is unknown and not allowed to be.
        """
        wanted = self.draws if self.draws is not None else draws
        if wanted not in self._placements:
            placed = place_customers(
                self.posterior, self.hyperparameters(wanted), self.summary,
                unknown_groups=self.unknown_groups, seed=self.seed,
            )  # fmt: skip
            if self.own_time is not None:
                placed = Placement(placed.summary, *self.own_time.placed(placed.population, placed.customers))
            self._placements[wanted] = placed
        return self._placements[wanted]

    def of(self, customers: Sequence[object] | None) -> Self:
        """Return the base of these customers alone, in this order; all of them where None.

        Raises
        ------
        DataError
            Where ids are not in the summary, or stand in `customers` more than once.
        """
        if customers is None:
            return self
        return replace(self, summary=select_customers(self.summary, customers))

    def row_of(self, customer_id: object) -> pd.DataFrame:
        """Return one customer's row of the summary; found at once, however many there are.

        Raises
        ------
        DataError
            Where there is no such customer.
        """
        text = plain_text(customer_id)
        if text not in self._places:
            raise DataError(
                f"no customer of {len(self):,} has this id ({{ids}}): ids are text, leading zeros count",
                ids=[text],
            )
        return self.summary.iloc[[self._places[text]]]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {str(text): place for place, text in enumerate(self.summary[CUSTOMER_ID])}

    def require_customers(self) -> None:
        """Raise DataError where there are none."""
        if self.summary.empty:
            raise DataError("the summary has no customers: there is nothing to ask")

    def require_end(self) -> pd.Timestamp:
        """Return the last day observed.

        Raises
        ------
        DataError
            Where nobody says.
        """
        return required_end(self.end)

    def require_usable(self) -> list[str]:
        """Return the failed checks that were accepted.

        Raises
        ------
        CheckFailed
            Where the fit failed another one, or its data are too old.
        """
        accepted = require_passed(self.fit, self.accept_failed)
        require_recent(self.fit, self.end, self.max_fit_age_days)
        return accepted


def place_base(fit: xr.DataTree, summary: pd.DataFrame, meeting: Meeting) -> PlacedBase:
    """Return a fit placed onto a summary; see ``bayesltv.customer_base``.

    Raises
    ------
    StoreError
        Where the fit is none.
    DataError
        Where the summary is none, or does not fit the fit.
    """
    posterior = replace(read_posterior(fit), without_first_amounts=meeting.without_first_amounts)
    checked = match_summary(
        posterior, summary, time_unit=meeting.time_unit, observation_end=meeting.observation_end,
        allow_empty=True,
    )  # fmt: skip
    warn_of_first_amounts_left_out(posterior)
    return PlacedBase(
        fit, posterior, checked, resolve_observation_end(checked), meeting.seed, meeting.draws,
        meeting.unknown_groups, tuple(meeting.accept_failed), meeting.max_fit_age_days,
    )  # fmt: skip


def place_customers(
    posterior: Posterior,
    hyperparameters: Hyperparameters,
    checked: pd.DataFrame,
    *,
    unknown_groups: UnknownGroups,
    seed: int,
) -> Placement:
    """Return the customers of a validated summary in the population that its groups make.

    Raises
    ------
    DataError
        Where a group column is missing, or a level is unknown and not allowed to be.
    """
    population, codes = place(posterior, hyperparameters, checked, unknown_groups=unknown_groups, seed=seed)
    customers = make_customers(
        checked, codes, population.family, with_spend=population.has_spend,
        with_first=population.uses_first_amounts, with_days=population.clock.needs_days,
    )  # fmt: skip
    return Placement(checked, population, customers)


def match_summary(
    posterior: Posterior,
    summary: pd.DataFrame,
    *,
    time_unit: str | None,
    observation_end: Date | None = None,
    allow_empty: bool = False,
) -> pd.DataFrame:
    """Return the validated summary.

    Raises
    ------
    DataError
        Where it is no summary, its time unit is not the fit's, its dates contradict `observation_end`, or it
        lacks first amounts that the fit uses.
    """
    unit = resolve_time_unit(summary, time_unit)
    if unit != posterior.time_unit:
        raise DataError(
            f"the summary counts in {unit}s but the fit in {posterior.time_unit}s: summarize with "
            f'time_unit="{posterior.time_unit}"'
        )
    checked = validate_summary(
        summary,
        time_unit=unit,
        observation_end=observation_end,
        groups=posterior.columns,
        allow_empty=allow_empty,
    )
    if posterior.uses_first_amounts and FIRST_AMOUNT not in checked:
        raise DataError(
            "the fit uses first amounts, and the summary has no column first_amount: make it by "
            "summarize(log), or pass without_first_amounts=True (--without-first-amounts), which costs that "
            f"{_COST}"
        )
    return checked


_COST = "all one-time buyers get the same spend per purchase, and what others spend is known less well"


def warn_of_first_amounts_left_out(posterior: Posterior) -> None:
    """Say what it costs where first amounts are left out though the fit uses them."""
    spend = posterior.spec.spend
    if posterior.without_first_amounts and spend is not None and spend.first_amounts:
        warn(f"first amounts are left out: {_COST}")


def match_known(posterior: Posterior, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows that `match_summary` has accepted before, from the same bytes: types alone, no rules."""
    known = canonical(rows, posterior.columns)
    known.attrs = {**rows.attrs, TIME_UNIT: posterior.time_unit}
    return known


def select_customers(summary: pd.DataFrame, customers: Sequence[object]) -> pd.DataFrame:
    """Return the rows of these ids, in this order.

    Raises
    ------
    DataError
        Where ids are not in the summary, or stand in `customers` more than once.
    """
    wanted = [plain_text(customer) for customer in customers]
    twice = [customer for customer, count in Counter(wanted).items() if count > 1]
    if twice:
        raise DataError(
            f"{len(twice):,} of {len(set(wanted)):,} customers asked for stand in customers= more than once "
            "({ids}): name each once",
            ids=twice,
        )
    at = pd.Index(summary[CUSTOMER_ID]).get_indexer(pd.Index(wanted, dtype="str"))
    absent = [customer for customer, place in zip(wanted, at, strict=True) if place < 0]
    if absent:
        raise DataError(
            f"{len(absent):,} of {len(wanted):,} customers asked for are not in the summary ({{ids}})",
            ids=absent,
        )
    chosen: pd.DataFrame = summary.iloc[at].reset_index(drop=True)
    return chosen
