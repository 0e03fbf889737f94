"""``CustomerBase.cohorts``: what cohorts have brought by day N, the known part and the rest of it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesltv.base.gate import told_of_totals
from bayesltv.base.placed_base import PlacedBase, Placement
from bayesltv.cohorts.asked import CohortsAsked
from bayesltv.cohorts.costs import cost_of
from bayesltv.cohorts.known import KnownSums, known_purchases, known_sums
from bayesltv.cohorts.members import Members, members_of, rows_of
from bayesltv.cohorts.newcomers import Newcomers, first_amounts, make_newcomers
from bayesltv.cohorts.quantities import known_of, quantities
from bayesltv.cohorts.result import Cohorts
from bayesltv.cohorts.simulated import Reckoning, Sums, make_crowd, simulate
from bayesltv.cohorts.tables import best_table, long_table, payback_table, shown_draws
from bayesltv.data.log.reading import LogReading
from bayesltv.data.summary.days import Days, history_days
from bayesltv.dates import COHORTS, cohort_column
from bayesltv.errors import SpecError
from bayesltv.names import COMMON_SHOCKS
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.prediction.totals import step_of
from bayesltv.units import DAYS_PER


def cohorts_base(
    base: PlacedBase, log: object | None, asked: CohortsAsked, *, threads: int | None = None
) -> Cohorts:
    """Return the cohorts of a base's customers by age; see ``CustomerBase.cohorts``.

    Parameters
    ----------
    base : PlacedBase
    log : path or frame, optional
        None: counts alone.
    asked : CohortsAsked
    threads : int, optional
        Changes speed, never a number.

    Raises
    ------
    DataError
        Where the log is not the base's, or a column or a cost cannot be used.
    SpecError
        Where money is asked for without amounts.
    """
    base.require_customers()
    placement, days = base.placed(DRAWS), history_days(base.summary)
    bought = known_purchases(base, log, _reading(base, asked))
    if bought.amount is None and (asked.cac is not None or asked.value.margin is not None):
        raise SpecError(
            "money by age needs amounts: pass log= with them, and a fit with a spend model; or leave value= "
            "and cac= out for counts alone"
        )
    members, new = members_of(base.summary, days, asked.by), None
    if asked.new is not None:
        new = make_newcomers(base, asked.new, members, asked.by, draws=DRAWS)
        members = _with_new(members, new)
    known, rows = known_sums(bought, members, days, asked), rows_of(members)
    population = placement.population
    first = np.zeros((len(members.labels) - members.known, population.draws.size))
    if new is not None and bought.amount is not None:
        first = first_amounts(base, bought, new, population.draws, threads=threads)
    cost = cost_of(asked.cac, members, rows, population.draws.size)
    step = step_of(base.hyperparameters(DRAWS).typical_amount)
    reckoning = Reckoning(asked, members, rows, known, step, first, cost)
    walk = _Walk(base, placement, days, new, reckoning, threads)
    sums = walk.sums(at_mean_level=False)
    flat = walk.sums(at_mean_level=True) if walk.is_clocked else None
    return _answer(sums, flat, known, reckoning, _told(base, asked, population.draws.size))


def _reading(base: PlacedBase, asked: CohortsAsked) -> LogReading:
    """Return how the log is read; without a spend model purchases alone count."""
    return asked.reading if base.posterior.spec.spend is not None else asked.reading.without_amounts()


def _with_new(members: Members, new: Newcomers) -> Members:
    sizes = np.bincount(new.cohort, minlength=len(new.labels))
    return replace(members, labels=members.labels + new.labels, sizes=np.concatenate([members.sizes, sizes]))


@dataclass(frozen=True)
class _Walk:
    """The customers of a base, and new ones, on their way to the oldest age."""

    base: PlacedBase
    placement: Placement
    days: Days
    new: Newcomers | None
    reckoning: Reckoning
    threads: int | None

    @property
    def is_clocked(self) -> bool:
        return self.base.posterior.calendar is not None

    def sums(self, *, at_mean_level: bool) -> Sums:
        members, unit = self.reckoning.members, self.base.posterior.time_unit
        groups = [(self.placement, members.cohort, self.days)]
        if self.new is not None:
            groups.append((self.new.placement, self.new.cohort + members.known, self.new.days))
        start = np.concatenate(
            [members.start, np.full(members.sizes.size - members.known, int(self.days.end.max()))]
        )
        crowds = [
            make_crowd(
                placed.population.at_mean_level() if at_mean_level else placed.population,
                placed.customers, (cohort, days), self.reckoning.asked, start=start, seed=self.base.seed,
                time_unit=unit,
            )
            for placed, cohort, days in groups
        ]  # fmt: skip
        return simulate(crowds, self.reckoning, days_per_unit=DAYS_PER[unit], threads=self.threads)


def _answer(
    sums: Sums, flat: Sums | None, known: KnownSums, reckoning: Reckoning, told: dict[str, Any]
) -> Cohorts:
    floor = known_of(known, reckoning)
    draws = quantities(sums, floor, reckoning)
    level = None if flat is None else quantities(flat, floor, reckoning)
    at = np.searchsorted(reckoning.grid, reckoning.asked.ages)
    return Cohorts(
        long_table(draws, level, floor, reckoning),
        long_table(draws, level, floor, reckoning, curve=True),
        payback_table(draws, reckoning),
        best_table(draws, reckoning),
        shown_draws(draws.isel(age=at), reckoning),
        told,
    )


def _told(base: PlacedBase, asked: CohortsAsked, draws: int) -> dict[str, Any]:
    """Return what the tables say about themselves, in JSON's types."""
    end = base.require_end() if base.end is not None else None
    return {
        "by": [cohort_column(each) if each in COHORTS else each for each in asked.by],
        "basis": asked.value.basis,
        "margin": asked.value.margin,
        "annual_discount_rate": asked.value.annual_discount_rate,
        "service_cost_per_year": asked.value.service_cost_per_year,
        "ages": [age + asked.first_day for age in asked.ages],
        "period_days": asked.width,
        "first_day": asked.first_day,
        "observation_end": None if end is None else end.date().isoformat(),
        "currency": base.fit.attrs.get("currency") or base.summary.attrs.get("currency"),
        "seed": int(base.seed),
        "draws": draws,
        "customers": len(base),
        COMMON_SHOCKS: told_of_totals(base.fit),
    }
