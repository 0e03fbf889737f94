"""Whether who bought once comes back as often as the family says: under BG/NBD none of them can leave."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr
from scipy.optimize import minimize

from bayesltv.checks.course import Course, first_waits, follow, reason
from bayesltv.checks.result import CheckResult, not_applicable, warning_where
from bayesltv.data.summary.cells import PurchaseCells, purchase_cells
from bayesltv.errors import DataError
from bayesltv.families.family import Family
from bayesltv.families.registry import PURCHASE
from bayesltv.kernels.calendar import Running
from bayesltv.languages.language import as_kept, mark
from bayesltv.names import FREQUENCY, RECENCY, T
from bayesltv.numerics.arrays import Floats
from bayesltv.prediction.packed import clock_of

LETS_GO: Mapping[str, str] = {"bg_nbd": "mbg_nbd", "bg_cnbd": "mbg_cnbd"}
"""Families in which nobody leaves after the first purchase, and the one like it in which some do."""
HIGHER = 2.0
"""Difference of log likelihoods, odds of seven to one, from which the other family is to be preferred."""
FEWER = 0.8
"""Share of the expected returns below which they are too few, where no other family is to be had."""
CLEAR = 4.0
"""Standard deviations from which that is none of chance."""
BANDS = 4
"""Tenure is cut into quarters of the customers."""
FREE = 3.0
"""Sd of the logarithms by which parameters may differ from the fit's: next to nothing is held fast."""


def one_time_buyers(
    fit: xr.DataTree, summary: pd.DataFrame | None, *, course: Course | str | None = None
) -> CheckResult:
    """Warn where customers who bought once come back less than the family can say.

    Who had bought once halfway through their tenure, and came back in its second half? Expected of each is
    1 − S(T)/S(T/2), S(t) = P(no purchase within t of the first) under the fit. Where the summary does not
    tell the day of each second purchase, tenure is taken whole: 1 − S(T). BG/NBD makes up for those who left
    at once by slow buyers, whose returns it then waits for: too many, too late. Whether MBG/NBD says it
    better is told by the log likelihoods of both at their modes, parameters of all groups moved together.
    """
    name = "one_time_buyers"
    course = follow(fit, summary) if course is None else course
    if isinstance(course, str):
        return not_applicable(name, as_kept("could not look: {why}", why=course))
    try:
        table = returns(course)
    except DataError as error:
        return not_applicable(name, as_kept("could not look: {why}", why=reason(error)))
    bought_once, came, expected, variance = (
        float(table[column].sum()) for column in ("bought_once", "came_back", "expected", "variance")
    )
    if expected <= 0:
        return not_applicable(name, mark("nobody could have come back yet"))
    family = course.population.family
    text = (
        mark(
            "of {once} customers who had bought once in the first half of their time here, {came} came back "
            "in the second, {expected} expected"
        )
        if course.knows_days
        else mark("of {once} customers who had bought once, {came} came back, {expected} expected")
    )
    numbers = {"once": bought_once, "came": came, "expected": expected}
    found = as_kept(text, **{name: f"{number:,.0f}" for name, number in numbers.items()})
    other = PURCHASE.get(LETS_GO.get(family.name, ""))
    other = None if other is None else other.of(*family.settings)
    if other is None:
        few = came < FEWER * expected and expected - came > CLEAR * np.sqrt(variance)
        value, limit, cure = came / expected, FEWER, mark("split them by a group column")
    else:
        value, limit = higher(course, other), HIGHER
        few, cure = value > limit and came < expected, as_kept("use {model}", model=other.title)
        found = as_kept(
            "{found}; log likelihood of {other} less that of {own} {value}",
            found=found, other=other.title, own=family.title, value=f"{value:+.1f}",
        )  # fmt: skip
    less = as_kept(
        "one-time buyers come back less than {model} can say: {cure} ({found})",
        model=family.title, cure=cure, found=found,
    )  # fmt: skip
    shown = table.drop(columns="variance")
    return warning_where(few, name, (value, limit), less if few else found, _advice(other), table=shown)


def _advice(other: Family | None) -> str:
    if other is None:
        return mark(
            "Something tells those who never come back from the others: first product, channel, offer"
        )
    specs = 'load_spec("mbg_cnbd")' if other.is_regular else 'load_spec("mbg_pooled") or "mbg_by_group"'
    return as_kept("Forecasts of those who bought once are too high: {specs}", specs=specs)


def returns(course: Course) -> pd.DataFrame:
    """Return who came back of those who had bought once, and how many should have, by quarters of tenure.

    Raises
    ------
    DataError
        Where the days of a clock are missing, or repeat days contradict the rest.
    """
    summary, rows = course.summary, course.customers.group
    tenure = summary[T].to_numpy(float)
    came = summary[FREQUENCY].to_numpy() > 0
    half = 0.5 * tenure if course.knows_days else np.zeros_like(tenure)
    if course.knows_days:
        at_risk = first_waits(course) > half * course.unit
    else:
        at_risk = np.ones(tenure.size, dtype=bool)
    silent = [course.silence(rows, _operational(course, time)) for time in (half, tenure)]
    chance = 1.0 - silent[1] / silent[0]
    band = pd.qcut(tenure, BANDS, labels=False, duplicates="drop")
    rated = pd.DataFrame(
        {
            "tenure_up_to": tenure,
            "bought_once": at_risk,
            "came_back": at_risk & came,
            "expected": at_risk * chance,
            "variance": at_risk * chance * (1.0 - chance),
        }
    )
    by_band = rated.groupby(np.nan_to_num(band).astype(int))
    return by_band.agg({"tenure_up_to": "max"} | dict.fromkeys(rated.columns[1:], "sum")).reset_index(
        drop=True
    )


def _operational(course: Course, time: Floats) -> Floats:
    """Return times since the first purchase as the clock counts them."""
    if not isinstance(clock_of(course.population), Running):
        return time
    first = course.days.first.astype(np.float64)
    return course.passed(course.customers.group, first, first + time * course.unit)


def higher(course: Course, other: Family) -> float:
    """Return the log likelihood of another family at its mode, less that of the fit's family at its own.

    A clock is taken as the fit has it: its factors of single purchases are the same for both.
    """
    known = course.summary[[FREQUENCY, RECENCY, T]]
    known = known.assign(**{name: _operational(course, known[name].to_numpy(float)) for name in (RECENCY, T)})
    cells = purchase_cells(known, course.customers.group)
    start = course.population.purchase[:, :, 0]
    return log_likelihood_at_mode(cells, other, start) - log_likelihood_at_mode(
        cells, course.population.family, start
    )


def log_likelihood_at_mode(cells: PurchaseCells, family: Family, start: Floats) -> float:
    """Return the log likelihood at the best parameters θ·exp(η), one η for all rows, near the start θ.

    Parameters
    ----------
    cells : PurchaseCells
    family : Family
        Its parameters are those of the start: positive ones.
    start : ndarray of float64, shape (parameter, row)
    """
    from bayesltv.families.cells import purchase_value_and_gradient
    from bayesltv.model.likelihood import purchase_data

    data = tuple(purchase_data(cells, family).values())

    def parameters(move: Floats) -> Floats:
        return start * np.exp(move)[:, None]

    def downhill(move: Floats) -> tuple[float, Floats]:
        value, gradient = purchase_value_and_gradient(family.kind, parameters(move), *data)
        if not np.isfinite(value):
            return 1e100, np.zeros_like(move)
        slope = (gradient * parameters(move)).sum(axis=1)
        return float((move**2).sum() / (2 * FREE**2) - value), move / FREE**2 - slope

    best = minimize(downhill, np.zeros(len(start)), jac=True, method="L-BFGS-B").x
    return float(purchase_value_and_gradient(family.kind, parameters(best), *data)[0])
