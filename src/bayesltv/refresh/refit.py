"""``refit``: an earlier fit and a newer log become a newer fit, and what has changed between the two."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.base.meeting import Meeting
from bayesltv.base.placed_base import match_summary
from bayesltv.base.population import Posterior, read_posterior
from bayesltv.base.seal import stamped
from bayesltv.checks.run import stored_report
from bayesltv.data.log.reading import LaterLog, LogReading, Summarizing
from bayesltv.data.log.refunds import Refunds
from bayesltv.data.summary.validate import required_end, resolve_observation_end
from bayesltv.dates import Date
from bayesltv.decisions.customers.refresh import compare_refresh
from bayesltv.errors import DataError, FitError
from bayesltv.evaluation.result import Evaluation
from bayesltv.fitting.sampling import Method, Sampling
from bayesltv.names import AMOUNT, CUSTOMER_ID, DATE, MONETARY_VALUE
from bayesltv.pipeline import fit_as
from bayesltv.prediction.scores.score import ScoreTable
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.questions import CustomerBase
from bayesltv.refresh.changes import TOLERANCE, changed_rows
from bayesltv.refresh.customers import as_summary_given, currency_of, end_of, summarized
from bayesltv.refresh.drift import drift_of, moved_parameters
from bayesltv.refresh.result import Refit
from bayesltv.specs.catalogue import DecisionLike, decision_of
from bayesltv.specs.decision.decision_spec import DecisionSpec

REFIT_OF = "refit_of"
"""Attribute of a fit that was started from an earlier one: its digest."""


def refit(
    fit: xr.DataTree,
    log: object,
    *,
    seed: int,
    decision: DecisionLike | None = None,
    previous: pd.DataFrame | None = None,
    observation_end: Date | None = None,
    method: Method | None = None,
    sampler: Mapping[str, Any] | None = None,
    draws: int | None = DRAWS,
    tolerance: float = TOLERANCE,
    accept_failed: tuple[str, ...] = (),
    customer_id_col: str = CUSTOMER_ID,
    datetime_col: str = DATE,
    monetary_value_col: str | None = AMOUNT,
    refunds: Refunds = "net",
    timezone: str | None = None,
    datetime_format: str | None = None,
    acquired_from: Date | None = None,
    cores: int | None = None,
    threads: int | None = None,
    progress: bool = True,
) -> Refit:
    """Return an earlier fit brought up to date, and what has changed since.

    The spec is the one that the earlier fit holds. Sampling starts where the earlier posterior was, which
    changes how long it takes and not what comes out. What the earlier fit said of the days since is held
    against what came, and score tables of both are compared row by row.

    Parameters
    ----------
    fit : DataTree
        The earlier fit.
    log : path, frame or summary
        The whole log, from its beginning, now longer; read as it was for the earlier fit. Or a summary of it
        (a frame, or a Parquet file): then forecasts are not held against what came, and without `previous`
        nothing is compared with earlier scores.
    seed : int
    decision : DecisionSpec, str or Path, optional
        Makes score tables; without one there are no rows that have changed.
    previous : DataFrame, optional
        The score table that is in use, to compare with. By default what the earlier fit says of the customers
        as they were when its observation ended.
    observation_end : date, optional
        Last day observed now; default the latest day in the log.
    method : "nuts" or "laplace", optional
        By default as the earlier fit was made.
    sampler : mapping, optional
        Overrides of the earlier fit's settings, for instance ``{"draws": 500}``.
    draws : int, optional
        Posterior draws of scores and of the forecast; None for all.
    tolerance : float
        Share by which a value may differ and count as the same; see ``Refit.changed``.
    accept_failed : sequence of str
        Failed checks, of the earlier fit or the new one, that are accepted.
    customer_id_col, datetime_col, monetary_value_col, refunds, timezone, datetime_format, acquired_from
        As for ``summarize``.
    cores, threads : int, optional
        Change speed, never a number.
    progress : bool
        Show a progress bar where somebody watches.

    Returns
    -------
    Refit
        ``scores`` is None where the new fit failed its checks.

    Raises
    ------
    StoreError
        Where the earlier fit is none, or not as it was made.
    DataError
        Where the log ends before the earlier fit's data, counts in another unit, or lacks a column that the
        fit has.
    FitError
        Where the earlier fit was taken over from another package, or sampling cannot be done.

    Examples
    --------
    >>> done = refit(fit, log, seed=1, decision="retention")  # doctest: +SKIP
    >>> done.drift.verdict, len(done.changed)  # doctest: +SKIP
    """
    reading = LogReading(
        customer_id_col, datetime_col, monetary_value_col, refunds, timezone, datetime_format
    )
    asked = RefitAsked(
        Summarizing(reading, observation_end=observation_end, acquired_from=acquired_from),
        None if decision is None else decision_of(decision), previous, draws, tolerance, accept_failed,
        threads,
    )  # fmt: skip
    known = renewing(fit, log, asked)
    sampling = Sampling(seed, "nuts", sampler or {}, cores, progress)
    return renew(known, asked, sampling_like(fit, sampling, method))


@dataclass(frozen=True)
class RefitAsked:
    """What `refit` is asked beside fit and log; the fields mean what they mean there."""

    summarizing: Summarizing
    decision: DecisionSpec | None = None
    previous: pd.DataFrame | None = None
    draws: int | None = DRAWS
    tolerance: float = TOLERANCE
    accept_failed: tuple[str, ...] = ()
    threads: int | None = None


@dataclass(frozen=True)
class Renewing:
    """An earlier fit, and the customers of a newer log before they are fitted.

    Attributes
    ----------
    fit : DataTree
    posterior : Posterior
    summary : DataFrame
        Validated; up to the new end.
    past : DataFrame, optional
        Customers of the log as they were at the earlier fit's end; None where a summary was given.
    later : LaterLog, optional
        The log; None likewise.
    """

    fit: xr.DataTree
    posterior: Posterior
    summary: pd.DataFrame
    past: pd.DataFrame | None = field(default=None, repr=False)
    later: LaterLog | None = field(default=None, repr=False)

    @property
    def until(self) -> pd.Timestamp:
        """The new end of observation."""
        return required_end(resolve_observation_end(self.summary))

    @property
    def days(self) -> int:
        """Days between the two ends of observation."""
        return int((self.until - end_of(self.fit)).days)


def sampling_like(fit: xr.DataTree, asked: Sampling, method: Method | None) -> Sampling:
    """Return how to sample: by the method and settings of an earlier fit, where nothing else is asked."""
    own = str(fit.attrs.get("method"))
    like: Method = "laplace" if own == "laplace" else "nuts"
    stored = json.loads(fit.attrs.get("sampler", "{}"))
    return replace(
        asked, method=method or like, overrides={**stored, **asked.overrides},
        earlier=fit["posterior"].to_dataset(),
    )  # fmt: skip


def renewing(fit: xr.DataTree, log: object, asked: RefitAsked) -> Renewing:
    """Return the customers of a newer log, as the earlier fit has customers.

    Raises
    ------
    DataError, FitError, StoreError
        See `refit`.
    """
    posterior = read_posterior(fit)
    if "pymc_marketing" in fit.attrs:
        raise FitError(
            "the earlier fit was taken over from pymc-marketing, whose priors are not of this package: fit "
            "its model again there, or call ltv.fit(summary)"
        )
    given, wanted = as_summary_given(log), asked.summarizing
    if wanted.currency is None:
        wanted = replace(wanted, currency=currency_of(fit))
    made = given
    if made is None:
        made = summarized(posterior, log, wanted, observation_end=wanted.observation_end)
    if posterior.spec.spend is not None and MONETARY_VALUE not in made:
        raise DataError(
            "the earlier fit has spend, and these customers have no amounts: name their column "
            "(monetary_value_col=, --monetary-value-col), or fit purchases alone anew"
        )
    end = wanted.observation_end
    summary = match_summary(posterior, made, time_unit=None, observation_end=end)
    known = Renewing(fit, posterior, summary)
    if known.days < 0:
        raise DataError(
            f"the log ends on {known.until.date()}, before the earlier fit's data on {end_of(fit).date()}: "
            "pass a newer log, or observation_end= if nobody bought since"
        )
    if given is not None:
        return known
    past = summarized(posterior, log, wanted, observation_end=end_of(fit))
    later = LaterLog(log, wanted.reading, known.until.date())
    return replace(known, past=match_summary(posterior, past, time_unit=None), later=later)


def renew(known: Renewing, asked: RefitAsked, sampling: Sampling) -> Refit:
    """Return the newer fit and what has changed; see `refit`."""
    seed, meeting = sampling.seed, Meeting(sampling.seed, asked.draws, accept_failed=asked.accept_failed)
    evaluation = _evaluated(known, meeting, asked)
    previous = asked.previous
    if asked.decision is not None and previous is None and known.past is not None:
        previous = CustomerBase.met(known.fit, known.past, meeting).score(
            asked.decision, threads=asked.threads
        )
    made = fit_as(known.summary, known.posterior.spec, sampling)
    made.attrs = {**made.attrs, REFIT_OF: known.fit.attrs.get("digest", "")}
    made = stamped(made)
    done = Refit(
        fit=made, summary=known.summary, evaluation=evaluation,
        parameters=moved_parameters(
            known.fit["posterior"].to_dataset(), made["posterior"].to_dataset(), known.posterior.spec
        ),
        facts={
            "from": end_of(known.fit).date().isoformat(),
            "until": known.until.date().isoformat(),
            "seed": seed, "method": sampling.method, "tolerance": asked.tolerance,
        },
    )  # fmt: skip
    if asked.decision is not None and _is_usable(made, asked.accept_failed):
        scores = CustomerBase.met(made, known.summary, meeting).score(asked.decision, threads=asked.threads)
        done = replace(done, scores=scores, **_compared(scores, previous, asked.decision, asked.tolerance))
    drift = drift_of(known.fit, done.parameters, past=known.past, evaluation=evaluation, refresh=done.refresh)
    return replace(done, drift=drift)


def _evaluated(known: Renewing, meeting: Meeting, asked: RefitAsked) -> Evaluation | None:
    """Return how the earlier fit's forecast of the days since compares with them."""
    if known.past is None or known.later is None or known.days < 1:
        return None
    base = CustomerBase.met(known.fit, known.past, replace(meeting, accept_failed=()))
    return base.evaluate(
        known.later.log, horizon=f"{known.days} days", log_end=known.later.log_end, tracking=False,
        threads=asked.threads, **known.later.reading.keywords,
    )  # fmt: skip


def _is_usable(fit: xr.DataTree, accepted: tuple[str, ...]) -> bool:
    """Return whether scores may be made: no check failed but those that are accepted."""
    return {each.name for each in stored_report(fit).failed} <= set(accepted)


def _compared(
    scores: ScoreTable, previous: pd.DataFrame | None, decision: DecisionSpec, tolerance: float
) -> dict[str, Any]:
    """Return what has changed since earlier scores, as fields of `Refit`."""
    if previous is None:
        return {}
    changed, gone = changed_rows(previous, scores, tolerance=tolerance)
    tiers = decision.tiers if {"tier", "ltv_mean"} <= set(scores.columns) else None
    refresh = None if tiers is None else compare_refresh(previous, scores, tiers)
    return {"changed": changed, "gone": gone, "refresh": refresh}
