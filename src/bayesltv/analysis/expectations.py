"""What is expected of customers: over several horizons, after more silence, and how well it is known."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bayesltv.base.customers import Customers, walk
from bayesltv.base.placed_base import PlacedBase
from bayesltv.errors import SpecError, shown
from bayesltv.kernels.closed_forms import expected_values
from bayesltv.names import CUSTOMER_ID, OBSERVATION_END, T
from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.levels import LEVELS
from bayesltv.numerics.reductions import quantiles
from bayesltv.prediction.draws import block_size
from bayesltv.prediction.expected import expect
from bayesltv.prediction.packed import laws_of, people_of
from bayesltv.prediction.scores.score import score_base
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.prediction.terms import terms_of
from bayesltv.specs import checked
from bayesltv.specs.decision.decision_spec import DecisionSpec
from bayesltv.units import DAYS_PER

_OF_HORIZON = ("p_purchase_horizon", "expected_purchases", "ltv_mean", "ltv_p05", "ltv_p50", "ltv_p95")
_OF_SILENCE = ("p_alive", "p_purchase_horizon", "expected_purchases", "ltv_mean")


def horizons_base(
    base: PlacedBase, horizons: Sequence[str], decision: DecisionSpec, *, threads: int | None = None
) -> pd.DataFrame:
    """Return what `score` says of each customer at several horizons, all else as the decision has it.

    Returns
    -------
    DataFrame
        One row per horizon and customer: ``horizon``, ``customer_id``, ``p_purchase_horizon``,
        ``expected_purchases`` and, with a spend model, ``ltv_mean``, ``ltv_p05``, ``ltv_p50``, ``ltv_p95``.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed.
    SpecError
        Where a horizon is no duration, or there is none.
    """
    if isinstance(horizons, str) or not len(horizons):
        raise SpecError(f"horizons={shown(str(horizons))} must be a list of durations: ['90 days', '1 year']")
    found = []
    for horizon in horizons:
        asked = DecisionSpec(value=replace(decision.value, horizon=horizon))
        found.append(_columns(score_base(base, asked, threads=threads), _OF_HORIZON, horizon=horizon))
    return pd.concat(found, ignore_index=True)


def silent_base(
    base: PlacedBase, days: Sequence[int], decision: DecisionSpec, *, threads: int | None = None
) -> pd.DataFrame:
    """Return what will be said of each customer on later days if none of them has bought by then.

    It is the score of the same histories with so many more days of silence.

    Parameters
    ----------
    base : PlacedBase
    days : sequence of int
        After the last day observed; 0 is today.
    decision : DecisionSpec
    threads : int, optional
        Changes speed, never a number.

    Returns
    -------
    DataFrame
        One row per day and customer: ``days``, ``customer_id``, ``p_alive``, ``p_purchase_horizon``,
        ``expected_purchases`` and, with a spend model, ``ltv_mean``, all as of that day.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed.
    DataError
        Where a clock does not know the days asked for.
    """
    asked = DecisionSpec(value=decision.value)
    found = []
    for number in days:
        checked.count("days", number)
        later = _later(base, int(number))
        found.append(_columns(score_base(later, asked, threads=threads), _OF_SILENCE, days=number))
    if not found:
        raise SpecError("days=[] asks for nothing: give days after the last day observed, [30, 60, 90]")
    return pd.concat(found, ignore_index=True)


def expectation_base(base: PlacedBase, decision: DecisionSpec, *, threads: int | None = None) -> pd.DataFrame:
    """Return the posterior of each customer's expected value: how well the expectation is known.

    It is no forecast: what a customer will bring spreads far wider (``ltv_p05`` to ``ltv_p95`` of `score`).

    Returns
    -------
    DataFrame
        ``customer_id``, ``expectation_mean`` (the score's ``ltv_mean``), ``expectation_p05``, ``_p50``,
        ``_p95`` over posterior draws of the parameters, in money.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed.
    DataError
        Where the fit has no spend model.
    """
    base.require_usable()
    _, population, people = base.placed(DRAWS)
    population.require_spend()
    horizon, discount, margin, service = terms_of(decision.value, base.posterior.time_unit).as_tuple()

    def work(some: Customers) -> Floats:
        found = expect(population, some, horizon=horizon, discount=discount)
        value, rows = np.empty((len(some), population.draws.size)), np.empty((1 + len(LEVELS), len(some)))
        standing = people_of(population, some, horizon)
        expected_values(
            found.cell, standing, laws_of(population).spend, found.forms, (margin, service), value
        )
        rows[0] = value.mean(axis=1)
        quantiles(value, np.array(list(LEVELS.values())), rows[1:])
        return rows

    size = block_size(population.draws.size, None)
    parts = list(walk(people, work, block=size, threads=threads)) or [np.empty((1 + len(LEVELS), 0))]
    names = ["expectation_mean", *(f"expectation_{level}" for level in LEVELS)]
    columns = dict(zip(names, np.concatenate(parts, axis=1), strict=True))
    return pd.DataFrame({CUSTOMER_ID: base.summary[CUSTOMER_ID].to_numpy(), **columns})


def _columns(scores: pd.DataFrame, wanted: Sequence[str], **said: object) -> pd.DataFrame:
    kept = [name for name in wanted if name in scores]
    table = pd.DataFrame(scores)[[CUSTOMER_ID, *kept]]
    table.attrs = {}
    for name, value in said.items():
        table.insert(0, name, [value] * len(table))
    return table


def _later(base: PlacedBase, days: int) -> PlacedBase:
    """Return the base after so many more days in which nobody has bought."""
    if days == 0:
        return base
    summary = base.summary.assign(**{T: base.summary[T] + days / DAYS_PER[base.posterior.time_unit]})
    end = None if base.end is None else base.end + pd.Timedelta(days=days)
    summary.attrs = dict(base.summary.attrs)
    if end is not None and OBSERVATION_END in summary.attrs:
        summary.attrs[OBSERVATION_END] = str(end.date())
    return replace(base, summary=summary, end=end)
