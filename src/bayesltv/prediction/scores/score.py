"""``score``: one flat row per customer, and totals per draw beside it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import xarray as xr

from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.base.placed_base import PlacedBase, place_base
from bayesltv.numerics.arrays import Floats
from bayesltv.prediction.scores.engine import Threads
from bayesltv.prediction.scores.prepare import count_infinite_means, prepare, warn_of_infinite_means
from bayesltv.prediction.scores.scoring import DRAWS, score_rows
from bayesltv.prediction.totals import labelled
from bayesltv.specs.catalogue import DecisionLike, decision_of
from bayesltv.specs.decision.decision_spec import DecisionSpec


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
    without_first_amounts: bool = False,
    accept_failed: Sequence[str] = (),
    max_fit_age_days: float | None = None,
    time_unit: str | None = None,
    observation_end: str | None = None,
    thresholds: Floats | None = None,
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
    without_first_amounts : bool
        Leave first amounts out of what is known of customers, though the fit uses them: for a summary that
        has none. One-time buyers then all get the same spend.
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
    meeting = Meeting(
        seed, None, unknown_groups, accept_failed, max_fit_age_days, time_unit, observation_end,
        without_first_amounts,
    )  # fmt: skip
    base = place_base(fit, summary, meeting)
    return score_base(
        base, decision, draws=draws, thresholds=thresholds, threads=threads, block=block, progress=progress
    )


def score_base(
    base: PlacedBase,
    decision: DecisionSpec,
    *,
    draws: int | None = DRAWS,
    thresholds: Floats | None = None,
    threads: int | None = None,
    block: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> ScoreTable:
    """Return the score table of a base; see `score`."""
    used = draws if base.draws is None else base.draws
    meeting = Meeting(base.seed, used, base.unknown_groups, base.accept_failed, base.max_fit_age_days)
    prepared = prepare(
        base.fit, decision, meeting, told=base.summary.attrs, end=base.end, posterior=base.posterior,
        thresholds=thresholds,
    )  # fmt: skip
    everyone = Threads(prepared.scoring, lambda: [base.placed(draws)], threads)
    prepared = prepared.found_by(everyone, customers=len(base))
    work = partial(score_rows, observation_end=base.end, block=block, progress=progress)
    (scored,) = replace(everyone, scoring=prepared.scoring).map(work)
    table = ScoreTable(scored.table)
    warn_of_infinite_means(count_infinite_means(table), len(table))
    with_money = prepared.scoring.hyperparameters.has_spend
    table.totals = labelled(
        scored.totals, scored.groups, scored.tiers, with_money=with_money, told=prepared.totals
    )
    table.attrs |= prepared.attributes(base.end)
    return table
