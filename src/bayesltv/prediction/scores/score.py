"""``score``: one flat row per customer, and totals per draw beside it.

``score_one`` gives one customer from a loaded fit, for a service that cannot wait.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.base.placed_base import PlacedBase, place_base
from bayesltv.errors import DataError, SpecError
from bayesltv.names import CUSTOMER_ID
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


def score_one(
    fit: xr.DataTree,
    customer: pd.DataFrame | Mapping[str, Any],
    decision: DecisionLike,
    *,
    seed: int,
    draws: int | None = DRAWS,
    thresholds: Floats | None = None,
    unknown_groups: UnknownGroups = "error",
    accept_failed: Sequence[str] = (),
    time_unit: str | None = None,
    observation_end: str | None = None,
) -> dict[str, Any]:
    """Return the scores of one customer: the row that `score` gives the same customer among all others.

    Parameters
    ----------
    fit : DataTree
    customer : DataFrame or mapping
        One row of a summary, or its columns by name.
    decision : DecisionSpec, str or Path
        Load it once where time counts.
    seed : int
        That of `score`.
    draws, unknown_groups, accept_failed
        As in `score`.
    thresholds : ndarray of float64, shape (tier - 1, draw), optional
        ``attrs["thresholds"]`` of a score table; needed where tiers are relative to other customers.
    time_unit, observation_end : str, optional
        Needed where `customer` is no frame with a summary's attributes; the fit's own, by default.

    Returns
    -------
    dict
        Column of the score table -> value.

    Raises
    ------
    CheckFailed, DataError, SpecError
        As `score`; also where there is not one customer, or thresholds are lacking.

    Examples
    --------
    >>> row = summary[summary["customer_id"] == "00123"]  # doctest: +SKIP
    >>> score_one(fit, row, load_decision("retention"), seed=1)["p_alive"]  # doctest: +SKIP
    """
    row = customer if isinstance(customer, pd.DataFrame) else pd.DataFrame([dict(customer)])
    told = {
        name: row.attrs.get(name) or fit.attrs.get(name) or None for name in ("time_unit", "observation_end")
    }
    meeting = Meeting(
        seed, None, unknown_groups, accept_failed, None, time_unit or told["time_unit"],
        observation_end or told["observation_end"],
    )  # fmt: skip
    return score_one_base(
        place_base(fit, row, meeting), decision_of(decision), draws=draws, thresholds=thresholds
    )


def score_one_base(
    base: PlacedBase,
    decision: DecisionSpec,
    customer_id: object | None = None,
    *,
    draws: int | None = DRAWS,
    thresholds: Floats | None = None,
) -> dict[str, Any]:
    """Return the scores of one customer of a base, of its only one where no id is given; see `score_one`."""
    one = base if customer_id is None else replace(base, summary=base.row_of(customer_id))
    if len(one) != 1:
        raise DataError(f"{len(one):,} customers where one was to be scored: give one row of a summary")
    tiers = decision.tiers
    is_relative = tiers is not None and not tiers.is_absolute
    if is_relative and thresholds is None and len(base) == 1:
        raise SpecError(
            "tiers are relative to other customers: pass thresholds=, which stand in "
            'scores.attrs["thresholds"] of a table that score made of all of them'
        )
    if is_relative and thresholds is None:
        thresholds = np.array(score_base(base, decision, draws=draws).attrs["thresholds"])
    table = score_base(one, decision, draws=draws, thresholds=thresholds, threads=1)
    return {str(name): table[name].iloc[0] for name in table.columns}


def stored_thresholds(path: str, decision: DecisionSpec) -> Floats:
    """Return where relative tiers begin, as a score table on disk says.

    Raises
    ------
    SpecError
        Where it is of another decision, or says nothing of it.
    """
    told = pd.read_parquet(path, columns=[CUSTOMER_ID]).attrs
    if told.get("decision_hash") != decision.hash() or "thresholds" not in told:
        raise SpecError(
            f"{path} holds no thresholds of this decision: name a table that `score` made with it"
        )
    return np.array(told["thresholds"], dtype=np.float64)
