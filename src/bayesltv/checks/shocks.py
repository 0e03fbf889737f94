"""Whether something moves all customers together: then totals are less sure than the model says."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.sparse import csr_array
from scipy.stats import gamma

from bayesltv.base.population import read_posterior
from bayesltv.checks.course import Course, follow, reason, require_days
from bayesltv.checks.result import CheckResult, not_applicable, warning_where
from bayesltv.data.day_lists import day_numbers
from bayesltv.data.summary.validate import resolve_observation_end
from bayesltv.errors import DataError
from bayesltv.languages.language import as_kept, mark
from bayesltv.names import COMMON_SHOCKS, FIRST_PURCHASE, PERIOD_END
from bayesltv.numerics.arrays import Flags, Floats, Integers

WEEK = 7
LEAST_EXPECTED, LEAST_WEEKS, LEAST_BLOCKS = 5.0, 8, 4
"""Expected purchases of a week below which it is left out; weeks, or blocks of a clock, that are needed."""
RARE = 0.005
"""Chance of as large a figure where customers are independent, below which it is none of chance."""
QUARTER = 100
"""Days, a quarter and a bit: within them tenure and calendar are hardly two things."""
SHARE = 0.98
"""Of the customers, in the middle: a few early or late ones tell nothing apart."""


@dataclass(frozen=True)
class Weeks:
    """Repeat purchases by week of the calendar.

    Attributes
    ----------
    end : ndarray of datetime64, shape (week,)
        Last day.
    actual, expected : ndarray of float64, shape (week,)
    covariance : ndarray of float64, shape (week, week)
        Of the actual ones, where customers are independent of each other.
    """

    end: NDArray[np.datetime64]
    actual: Floats
    expected: Floats
    covariance: Floats

    def chosen(self, weeks: Flags) -> "Weeks":
        """Return some of the weeks."""
        covariance = self.covariance[np.ix_(weeks, weeks)]
        return Weeks(self.end[weeks], self.actual[weeks], self.expected[weeks], covariance)


def common_shocks(
    fit: xr.DataTree,
    summary: pd.DataFrame | None,
    *,
    course: Course | str | None = None,
) -> CheckResult:
    """Warn where weekly purchases vary more than independent customers can make them.

    Expected are the purchases of customers of the fit from their first one on, whatever they did later, week
    by week, scaled to the total of all weeks: a wrong level is no shock. The figure is the mean square of
    actual less expected, in standard deviations.

    What independent customers can make of it needs no model of them. A week's total is a sum over customers,
    and so its covariance with another week's is the sum of each customer's products of deviations; those are
    observed, and a shock adds next to nothing to them, since it moves a single customer's tenth of a purchase
    by a third, and the total by a third as well. Thus rates that differ, dropout, regular buyers and bursts
    are in the covariance as they are in these customers. Under normal totals the figure is a sum of
    chi-squares weighted by the eigenvalues of the correlations, whose tail is that of a gamma distribution
    with the same mean and variance.

    A clock's blocks take the place of weeks: what moves within them does not move totals over many.
    """
    course = follow(fit, summary) if course is None else course
    if isinstance(course, str):
        return _not_looked(course)
    block = read_posterior(fit).spec.block_days
    width, least = (max(block, WEEK), LEAST_BLOCKS) if block else (WEEK, LEAST_WEEKS)
    what = "weeks" if width == WEEK else as_kept("stretches of {width} days", width=width)
    try:
        weeks = weeks_of(course, width)
    except DataError as error:
        return _not_looked(reason(error))
    weeks = weeks.chosen(weeks.expected >= LEAST_EXPECTED)
    if weeks.actual.size < least:
        return _not_looked(as_kept("only {n} {what} with purchases enough", n=weeks.actual.size, what=what))
    residual, eigenvalues = standardised(weeks)
    figure, mean = float((residual**2).mean()), float(eigenvalues.sum()) / residual.size
    scale = 2 * float((eigenvalues**2).sum()) / residual.size**2 / mean
    limit = float(gamma.ppf(1 - RARE, mean / scale, scale=scale))
    times = figure / mean
    shocked = figure > limit
    table = pd.DataFrame(
        {
            PERIOD_END: weeks.end,
            "actual": weeks.actual,
            "predicted": weeks.expected,
            "residual": residual,
        }
    )
    text = mark("{what} vary {times} times as much as independent customers can make them ({n} {what})")
    if shocked:
        text = mark("{what} vary {times} times as much as independent customers can make them: {so}")
    found = as_kept(text, what=what, times=f"{times:.1f}", n=residual.size, so=too_sure(fit))
    return warning_where(shocked, COMMON_SHOCKS, (times, limit / mean), found, ADVICE, table=table)


ADVICE = mark(
    'Seasons or campaigns move all customers together: try [clock] in the spec, or load_spec("clock")'
)


def too_sure(fit: xr.DataTree) -> str:
    """Return what common shocks mean for the totals of this fit."""
    if read_posterior(fit).spec.block_days:
        return mark("totals of this fit are too sure; look at the process of its clock")
    return mark("totals of this fit are too sure; use a clock")


def _not_looked(why: str) -> CheckResult:
    return not_applicable(COMMON_SHOCKS, as_kept("could not look: {why}", why=why))


def weeks_of(course: Course, width: int = WEEK) -> Weeks:
    """Return actual and expected repeat purchases of each week, or so many days, to the end of observation.

    A purchase of a day belongs to the time that ended with it. Customers who first bought on one day are
    expected to do what they do on average, over groups and covariates.

    Raises
    ------
    DataError
        Where the summary does not tell the days.
    """
    require_days(course)
    last = resolve_observation_end(course.summary)
    if last is None:
        raise DataError("the end of observation is not known: pass observation_end=")
    end = int(last.to_numpy().astype("datetime64[D]").astype(np.int64))
    first, repeats = course.days.first, course.repeats
    edges = np.arange(end, int(first.min()) - width, -width)[::-1].astype(np.float64)
    day, day_of_customer, customers = np.unique(first, return_inverse=True, return_counts=True)
    expected = _expected(course, day, day_of_customer, edges)
    week = np.searchsorted(edges, repeats.day) - 1
    size = edges.size - 1
    each = csr_array((np.ones(week.size), (repeats.customer, week)), shape=(first.size, size))
    by_day = np.zeros_like(expected)
    np.add.at(by_day, (day_of_customer[repeats.customer], week), 1.0)
    mean = expected / customers[:, None]
    crossed = by_day.T @ mean
    covariance = (each.T @ each).toarray() - crossed - crossed.T + expected.T @ mean
    ends = edges[1:].astype(np.int64).astype("datetime64[D]")
    return Weeks(ends, by_day.sum(axis=0), expected.sum(axis=0), covariance)


def _expected(course: Course, day: Integers, day_of_customer: Integers, edges: Floats) -> Floats:
    """Return the purchases expected of all who first bought on a day, shape (day, week)."""
    row = course.customers.group
    key, count = np.unique(np.stack([row, day_of_customer]), axis=1, return_counts=True)
    begin = day[key[1]].astype(np.float64)[:, None]
    ages = course.passed(key[0], begin, np.maximum(edges[None, :], begin))
    if not ages.max() > 0:
        raise DataError("all first purchases are on the last day observed")
    times, bought = course.knots(float(ages.max()))
    expected = np.zeros((day.size, edges.size - 1))
    for own in np.split(np.arange(key.shape[1]), np.flatnonzero(np.diff(key[0])) + 1):
        until = PchipInterpolator(times, bought[key[0, own[0]]])(ages[own])
        expected[key[1, own]] += count[own, None] * np.diff(until, axis=1)
    return expected


def standardised(weeks: Weeks) -> tuple[Floats, Floats]:
    """Return residuals at the actual total in standard deviations, and eigenvalues of their correlations."""
    share = weeks.expected / weeks.expected.sum()
    scaling = np.eye(share.size) - np.outer(share, np.ones(share.size))
    covariance = scaling @ weeks.covariance @ scaling.T
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-9))
    residual = (weeks.actual - weeks.actual.sum() * share) / deviation
    return residual, np.linalg.eigvalsh(covariance / np.outer(deviation, deviation))


def calendar_and_tenure(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckResult:
    """Warn of a clock fitted to customers who all came at once: it may have learnt how customers fade."""
    name = "calendar_and_tenure"
    if not read_posterior(fit).spec.block_days:
        return not_applicable(name, mark("the fit has no clock"))
    if summary is None or summary.empty or FIRST_PURCHASE not in summary.columns:
        return not_applicable(name, mark("needs a summary with first_purchase"))
    first = day_numbers(summary[FIRST_PURCHASE])
    days = float(np.diff(np.nanquantile(first, [(1 - SHARE) / 2, (1 + SHARE) / 2]))[0])
    alike = days <= QUARTER
    found = as_kept(
        "{share} of customers were acquired within {days} days", share=f"{SHARE:.0%}", days=f"{days:.0f}"
    )
    if alike:
        found = as_kept("{found}: calendar and tenure cannot be told apart", found=found)
    advice = mark("Compare with the same spec without [clock]; customers' forecasts may be worse by it")
    return warning_where(alike, name, (days, QUARTER), found, advice)
