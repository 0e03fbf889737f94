"""What would have been said of customers with other histories: one day by day, and all that could be."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from bayesltv.base.customers import Customers
from bayesltv.base.placed_base import PlacedBase
from bayesltv.base.population import Population
from bayesltv.data.summary.days import history_days, repeats_of
from bayesltv.errors import DataError
from bayesltv.names import CUSTOMER_ID, FREQUENCY, GROUP_SEPARATOR, OBSERVATION_END, RECENCY, TIME_UNIT, T
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.levels import ENDS, quantiles_of
from bayesltv.prediction.expected import alive_of, expect
from bayesltv.units import DAYS_PER, convert, horizon_in

DRAWS = 1000
AHEAD = "90 days"
MOST_COLUMNS = 60
"""Recencies of a matrix."""


class _Case(NamedTuple):
    """One customer, with what is needed to give it other histories."""

    population: Population
    people: Customers
    unit: float

    def with_histories(self, frequency: Floats, recency: Floats, observed: Floats) -> Customers:
        """Return copies of the customer with these counts, days of the last purchase and days observed."""
        size = frequency.size
        histories = np.zeros((7, size))
        histories[0], histories[1] = frequency, self.population.family.coins(frequency.astype(np.int64))
        histories[2], histories[3] = recency / self.unit, observed / self.unit
        days = np.zeros((3, 0))
        if self.people.days.shape[1]:
            days = self.people.days[0, 0] + np.array([np.zeros(size), recency, observed])
        return Customers(
            np.repeat(self.people.ids, size), histories, np.repeat(self.people.group, size), days
        )


def alive_path_base(
    base: PlacedBase, customer: object, *, ahead: str | float = AHEAD, draws: int | None = DRAWS
) -> pd.DataFrame:
    """Return what would have been said of a customer's P(alive) at the end of each day.

    A day's figure is that of ``score`` where observation ends on this day: later purchases are not known.
    Days after the end of observation tell what will be said as long as no purchase comes.

    Parameters
    ----------
    base : CustomerBase
        Of a summary with ``repeat_days``.
    customer : object
        Id.
    ahead : str or float
        How far past the end of observation: "90 days", or a number in the summary's unit.
    draws : int, optional
        Posterior draws, where the base has no number of its own; None for all.

    Returns
    -------
    DataFrame
        One row per day from the first purchase on: ``day`` (date), ``purchases`` (repeat purchases so far),
        ``is_purchase``, ``is_forecast``, ``p_alive`` (mean over draws) and ``p_alive_p05``, ``p_alive_p95``
        (quantiles of the draws).

    Raises
    ------
    DataError
        Where the customer is not in the summary, the summary has no days of repeat purchases, or a clock
        does not know the days ahead.
    SpecError
        Where `ahead` is no positive duration.
    """
    chosen = base.of([customer])
    days, case, unit = history_days(chosen.summary), _case(chosen, draws), base.posterior.time_unit
    first, last = int(days.first[0]), int(days.end[0] - days.first[0])
    bought = np.sort(repeats_of(chosen.summary, days).day) - first
    end = last + int(convert(horizon_in(ahead, unit), unit, "day"))
    day = np.arange(end + 1)
    count = np.searchsorted(bought, day[: last + 1], side="right")
    count = np.concatenate([count, np.repeat(count[-1:], end - last)])
    recency = np.concatenate([[0], bought])[count]
    alive = alive_of(case.population, case.with_histories(count.astype(float), recency, day.astype(float)))
    path = pd.DataFrame(
        {
            "day": (first + day).astype("datetime64[D]").astype("datetime64[s]"),
            "purchases": count,
            "is_purchase": np.isin(day, bought) | (day == 0),
            "is_forecast": day > last,
            "p_alive": alive.mean(axis=1),
            **quantiles_of(alive, "p_alive_", levels=ENDS),
        }
    )
    path.attrs = {CUSTOMER_ID: str(chosen.summary[CUSTOMER_ID].iloc[0]), TIME_UNIT: unit}
    if base.end is not None:
        path.attrs[OBSERVATION_END] = str(base.end.date())
    return path


def matrix_base(
    base: PlacedBase,
    *,
    horizon: str | float,
    levels: Mapping[str, str] | None = None,
    most: int | None = None,
    draws: int | None = DRAWS,
) -> pd.DataFrame:
    """Return P(alive) and expected purchases by frequency and recency.

    The customers are all that could be among those observed for as long as the oldest one of the summary:
    the same group, covariates and first day, other purchases.

    Parameters
    ----------
    base : CustomerBase
    horizon : str or float
        Of expected purchases: "26 weeks", or a number in the summary's unit.
    levels : mapping of str to str, optional
        Level of group columns, {"channel": "web"}: needed where the fit has groups.
    most : int, optional
        Largest frequency; by default what 99 % of these customers do not exceed.
    draws : int, optional
        Posterior draws, where the base has no number of its own; None for all.

    Returns
    -------
    DataFrame
        One row per possible pair: ``frequency`` (repeat purchases), ``recency`` (in the time unit), and
        ``p_alive``, ``expected_purchases`` with their ``_p05`` and ``_p95``, quantiles of the draws.
        ``attrs`` hold T, horizon, time unit and group.

    Raises
    ------
    DataError
        Where there are no customers of these levels, or levels of a group column are not named.
    SpecError
        Where `horizon` is no positive duration.
    """
    base.require_customers()
    mine = _of_levels(base, levels or {})
    oldest = mine.of([mine.summary[CUSTOMER_ID].iloc[int(mine.summary[T].argmax())]])
    case, unit = _case(oldest, draws), base.posterior.time_unit
    observed = round(float(oldest.summary[T].iloc[0]) * case.unit)
    top = most or max(1, int(np.ceil(mine.summary[FREQUENCY].quantile(0.99))))
    frequency, recency = _possible(top, observed)
    people = case.with_histories(frequency, recency, np.full(frequency.size, float(observed)))
    length = horizon_in(horizon, unit)
    found = expect(case.population, people, horizon=length, discount=0.0, days_per_unit=case.unit)
    table = pd.DataFrame({FREQUENCY: frequency.astype(int), RECENCY: recency / case.unit})
    told = {
        "p_alive": alive_of(case.population, people),
        "expected_purchases": found.forms.discounted[found.cell],
    }
    for name, values in told.items():
        table = table.assign(**{name: values.mean(axis=1)}, **quantiles_of(values, f"{name}_", levels=ENDS))
    group = GROUP_SEPARATOR.join(str(oldest.summary[each].iloc[0]) for each in base.posterior.columns)
    table.attrs = {T: observed / case.unit, "horizon": horizon, TIME_UNIT: unit, "group": group}
    return table


def _case(base: PlacedBase, draws: int | None) -> _Case:
    """Return the one customer of a base where it stands."""
    _, population, people = base.placed(draws)
    return _Case(population, people, DAYS_PER[base.posterior.time_unit])


def _of_levels(base: PlacedBase, levels: Mapping[str, str]) -> PlacedBase:
    """Return the customers of one group."""
    columns = base.posterior.columns
    if set(levels) != set(columns):
        wanted = ", ".join(columns) or "none: the fit has no groups"
        raise DataError(
            f"levels= must name one level of each group column ({wanted}), as in {_example(base)}"
        )
    mine = np.ones(len(base), dtype=bool)
    for column, level in levels.items():
        mine &= (base.summary[column].astype(str) == str(level)).to_numpy()
    if not mine.any():
        raise DataError(f"no customer has levels={dict(levels)}: the summary has others, as {_example(base)}")
    return replace(base, summary=base.summary[mine].reset_index(drop=True))


def _example(base: PlacedBase) -> str:
    return str({column: str(base.summary[column].iloc[0]) for column in base.posterior.columns} or "{}")


def _possible(top: int, observed: int) -> tuple[Floats, Floats]:
    """Return the pairs of frequency and recency in days that can be: a purchase a day at most."""
    steps = np.unique(np.linspace(0, observed, min(MOST_COLUMNS, observed) + 1).round())
    frequency, recency = (each.ravel() for each in np.meshgrid(np.arange(top + 1.0), steps, indexing="ij"))
    possible = (recency >= frequency) & ((frequency == 0) == (recency == 0))
    return frequency[possible], recency[possible]
