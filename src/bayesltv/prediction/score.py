"""``score``: one flat row per customer, and totals per draw beside it."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayesltv.base.currency import require_one_currency
from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.base.placed_base import PlacedBase, place_base
from bayesltv.errors import BayesltvWarning
from bayesltv.names import CURRENCY
from bayesltv.prediction.scoring import DRAWS, Scoring, score_rows, scoring_of
from bayesltv.prediction.thresholds import find_thresholds
from bayesltv.prediction.totals import labelled
from bayesltv.spec.catalogue import DecisionLike, decision_of
from bayesltv.spec.decision_spec import DecisionSpec


class ScoreTable(pd.DataFrame):
    """A DataFrame with the totals per draw beside it, as ``scores.totals`` (an xarray.Dataset)."""

    _metadata = ["totals"]  # noqa: RUF012  (pandas' own protocol)
    totals: xr.Dataset

    @property
    def _constructor(self) -> type["ScoreTable"]:
        return ScoreTable


def score(
    fit: xr.DataTree,
    summary: pd.DataFrame,
    decision: DecisionLike,
    *,
    seed: int,
    draws: int | None = DRAWS,
    unknown_groups: UnknownGroups = "error",
    accept_failed: Sequence[str] = (),
    max_fit_age_days: float | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    thresholds: NDArray[np.float64] | None = None,
    threads: int | None = None,
    block: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> ScoreTable:
    """Return the score table: one row per customer in the summary's order, and ``totals`` per draw beside it.

    Expectations, P(alive), probabilities of purchase and the median wait are closed forms averaged over
    posterior draws; quantiles and tier probabilities come from predictive draws of realised value.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame
        Customer summary; it may be newer than the fit and hold new customers.
    decision : DecisionSpec, str or Path
        A decision, a file, or the name of a shipped one: "retention". It states horizon, discount, margin,
        service cost and tiers.
    seed : int
        A customer's draws depend only on the posterior, the seed and the customer's own row.
    draws : int, optional
        Posterior draws, spread evenly over chains; None for all.
    unknown_groups : "error" or "population"
    accept_failed : sequence of str
        Failed checks of the fit that are accepted; they stand in ``attrs``.
    max_fit_age_days : float, optional
        Refuse a fit whose data end more days than this before the summary's.
    time_unit, observation_end : str, optional
        For a summary that has lost its attributes.
    thresholds : ndarray of float64, shape (tier - 1, draw), optional
        Where tiers that are relative to other customers begin in each draw: ``attrs["thresholds"]`` of an
        earlier table, so that a few customers get the tiers that they have among all. By default they are
        found among the customers of this summary, which takes a second pass.
    threads, block : int, optional
        Change speed and memory, never a byte of the result.
    progress : callable, optional
        Told how many customers have been scored since it was last called.

    Returns
    -------
    ScoreTable
        A DataFrame. Money is in the log's currency, probabilities are shares, ``next_purchase_days_p50`` is
        in days and missing where the customer more likely than not does not buy again within a century.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed, or the fit is too old.
    DataError
        Where the summary does not fit the fit.
    SpecError
        Where decision, fit and summary are not in one currency.
    """
    decision = decision_of(decision)
    meeting = Meeting(seed, None, unknown_groups, accept_failed, max_fit_age_days, time_unit, observation_end)
    base = place_base(fit, summary, meeting)
    return score_base(
        base, decision, draws=draws, thresholds=thresholds, threads=threads, block=block, progress=progress
    )


def score_base(
    base: PlacedBase,
    decision: DecisionSpec,
    *,
    draws: int | None = DRAWS,
    thresholds: NDArray[np.float64] | None = None,
    threads: int | None = None,
    block: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> ScoreTable:
    """Return the score table of a base; see `score`."""
    accepted = base.require_usable()
    require_one_currency(decision, base.fit.attrs, base.summary.attrs)
    given = None if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    scoring = scoring_of(base, decision, draws=draws, thresholds=given, accepted=accepted)
    warn_of_missing_money(scoring)
    if scoring.is_relative and given is None:
        found = find_thresholds(scoring, lambda: [base.summary], customers=len(base), threads=threads)
        scoring = replace(scoring, thresholds=found)
    scored = score_rows(
        scoring, base.placed(draws), observation_end=base.end, threads=threads, block=block, progress=progress
    )
    table = ScoreTable(scored.table)
    warn_of_infinite_means(count_infinite_means(table), len(table))
    with_money = scoring.hyperparameters.has_spend
    table.totals = labelled(scored.totals, scored.groups, scored.tiers, with_money=with_money)
    currency = base.summary.attrs.get(CURRENCY)
    table.attrs |= score_attributes(base.fit, scoring, base.end, accepted, currency=currency)
    return table


def warn_of_missing_money(scoring: Scoring) -> None:
    """Say that there is no money in the scores where the fit has no spend model."""
    if not scoring.hyperparameters.has_spend:
        left_out = "ltv columns" + ("" if scoring.decision.tiers is None else " and tiers")
        warnings.warn(
            f"the fit has no spend model: {left_out} are left out of the score table",
            BayesltvWarning,
            stacklevel=3,
        )


def count_infinite_means(table: pd.DataFrame) -> int:
    """Return for how many customers expected value is infinite."""
    return int(table["ltv_mean"].isna().sum()) if "ltv_mean" in table else 0


def warn_of_infinite_means(missing: int, customers: int) -> None:
    """Say for how many of the customers expected value is infinite, where it is for some."""
    if missing:
        warnings.warn(
            f"expected spend is infinite for {missing:,} of {customers:,} customers (p·count + q <= 1 in "
            "some draws): their ltv_mean is left missing; use ltv_p50",
            BayesltvWarning,
            stacklevel=3,
        )


def score_attributes(
    fit: xr.DataTree,
    scoring: Scoring,
    end: pd.Timestamp | None,
    accepted: Sequence[str],
    *,
    currency: str | None = None,
) -> dict[str, Any]:
    """Return what a score table says about itself, in JSON's types; `currency` is that of the summary."""
    value = scoring.decision.value
    currency = require_one_currency(scoring.decision, fit.attrs, {CURRENCY: currency})
    told = {
        "as_of_date": None if end is None else end.date().isoformat(),
        "horizon": value.horizon,
        "value_basis": value.basis,
        "currency": currency,
        "spec_hash": fit.attrs.get("spec_hash"),
        "decision_hash": scoring.decision.hash(),
        "seed": int(scoring.seed),
        "draws": int(scoring.hyperparameters.draws.size),
        "accepted_failed_checks": list(accepted),
    }
    if scoring.is_relative and scoring.thresholds is not None:
        told["thresholds"] = scoring.thresholds.tolist()
    return told
