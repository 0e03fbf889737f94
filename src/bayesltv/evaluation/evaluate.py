"""``evaluate``: the full predictive distribution against what happened."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.base.placed_base import PlacedBase, Placement, place_base
from bayesltv.base.population import Population
from bayesltv.data.log.reading import LaterLog, LogReading
from bayesltv.data.log.refunds import Refunds
from bayesltv.data.log.split import PurchaseDays, purchase_days
from bayesltv.dates import Date
from bayesltv.errors import DataError, SpecError
from bayesltv.evaluation import tables
from bayesltv.evaluation.holdout import Holdout, observe, worded
from bayesltv.evaluation.result import ALL, Evaluation
from bayesltv.evaluation.rules import randomised_pit
from bayesltv.evaluation.score_forecast import Judge, Outcomes, judge_all, uniforms
from bayesltv.names import AMOUNT, CUSTOMER_ID, DATE, FIRST_PURCHASE, FREQUENCY, REPEAT_DAYS
from bayesltv.numerics.arrays import Columns
from bayesltv.prediction.actual import actual_counts
from bayesltv.prediction.scores.engine import Threads
from bayesltv.prediction.scores.scoring import make_scoring
from bayesltv.prediction.scores.thresholds import find_thresholds, thresholds_among
from bayesltv.prediction.scores.tiers import tier_probabilities
from bayesltv.prediction.terms import Terms, make_terms, terms_of
from bayesltv.prediction.totals import Totals, step_of
from bayesltv.prediction.tracking import track_base
from bayesltv.specs.catalogue import DecisionLike, decision_of
from bayesltv.specs.decision.decision_spec import DecisionSpec

CRPS = "fair: E|X − y| − E|X − X'|/2 over pairs of different draws"


def evaluate(
    fit: xr.DataTree,
    summary: pd.DataFrame,
    log: object,
    *,
    horizon: str | float,
    seed: int = 1,
    decision: DecisionLike | None = None,
    draws: int | None = None,
    tracking: bool = True,
    customer_id_col: str = CUSTOMER_ID,
    datetime_col: str = DATE,
    monetary_value_col: str | None = AMOUNT,
    refunds: Refunds = "net",
    timezone: str | None = None,
    datetime_format: str | None = None,
    log_end: Date | None = None,
    unknown_groups: UnknownGroups = "error",
    without_first_amounts: bool = False,
    time_unit: str | None = None,
    observation_end: str | None = None,
    threads: int | None = None,
    block: int | None = None,
) -> Evaluation:
    """Return how the predictive distribution of each customer, group and total compares with what happened.

    The draws are those of ``predict`` and ``score`` under the same seed. A fit that failed its checks is
    judged all the same.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame
        Summary of the calibration period: forecasts start at its end of observation.
    log : path or frame
        Transaction log that reaches the end of the horizon; it may hold the calibration period too.
    horizon : str or float
        Text with a unit ("39 weeks"), or a number in the summary's unit; the hold-out is cut to whole days.
    seed : int
    decision : DecisionSpec, str or Path, optional
        A decision, a file, or the name of a shipped one: "retention". Its tiers are judged as well: discount
        and margin are the decision's, the horizon is this one, and service cost is left out, since it depends
        on a dropout that nobody sees. Tiers that are relative to other customers begin where they do in each
        draw, and among the actual values.
    draws : int, optional
        Posterior draws, spread evenly over chains; default all.
    tracking : bool
        Count purchases and spend by week too, where the summary has ``repeat_days``; on the same draws, so
        that the forecast's weeks add up to the totals.
    customer_id_col, datetime_col, monetary_value_col, refunds, timezone, datetime_format
        As for ``summarize``; ``monetary_value_col=None`` judges purchases alone.
    log_end : date, optional
        Last day that the log covers, where that is later than its last row.
    unknown_groups : "error" or "population"
    without_first_amounts : bool
        As for ``predict``.
    time_unit, observation_end : str, optional
        For a summary that has lost its attributes.
    threads, block : int, optional
        Change speed and memory, never a number.

    Returns
    -------
    Evaluation

    Raises
    ------
    DataError
        Where the log does not reach the end of the horizon or is about other customers, or the summary does
        not fit the fit.

    Notes
    -----
    CRPS: Gneiting & Raftery (2007), fair version of Ferro (2014). Log score: ln P(X = y), exact given the
    parameters, averaged over posterior draws before the logarithm. PIT: Czado, Gneiting & Held (2009).
    Equal-tailed intervals of counts cover more than their level, since counts are discrete.
    """
    decision = None if decision is None else decision_of(decision)
    meeting = Meeting(
        seed, unknown_groups=unknown_groups, time_unit=time_unit, observation_end=observation_end,
        without_first_amounts=without_first_amounts,
    )  # fmt: skip
    base = place_base(fit, summary, meeting)
    reading = LogReading(
        customer_id_col, datetime_col, monetary_value_col, refunds, timezone, datetime_format
    )
    return evaluate_base(
        base, LaterLog(log, reading, log_end), horizon=horizon, decision=decision, draws=draws,
        tracking=tracking, threads=threads, block=block,
    )  # fmt: skip


def evaluate_base(
    base: PlacedBase,
    later: LaterLog,
    *,
    horizon: str | float,
    decision: DecisionSpec | None = None,
    draws: int | None = None,
    tracking: bool = True,
    threads: int | None = None,
    block: int | None = None,
) -> Evaluation:
    """Return how the forecasts of a base compare with what happened; see `evaluate`."""
    base.require_customers()
    end, unit = base.require_end(), base.posterior.time_unit
    drawn = base.hyperparameters(draws)
    if drawn.draws.size < 2:
        raise DataError(f"scores need at least 2 draws, not {drawn.draws.size}: pass a larger draws=")
    terms = _terms(unit, horizon, decision)
    if not drawn.has_spend:
        later = replace(later, reading=later.reading.without_amounts())
    held = observe(
        later,
        base.summary,
        after=end,
        horizon=terms.horizon,
        horizon_text=worded(horizon, unit),
        time_unit=unit,
    )
    placed = base.placed(draws)
    judge = _judge(base, placed, held, terms, decision, draws=draws, threads=threads, block=block)
    found, totals = judge_all(judge, placed.customers, threads=threads, block=block)
    judged = _customers(placed, found, base.seed)
    tiers = _add_actual_tiers(judged, judge, held, unit)
    weeks: tuple[xr.Dataset | None, xr.Dataset | None] = (None, None)
    if tracking and {REPEAT_DAYS, FIRST_PURCHASE} <= set(base.summary.columns):
        tracked = track_base(base, horizon=terms.horizon, draws=draws, threads=threads)
        amounts = _amounts_of(later, base.summary, held, end) if judge.judges_spend else None
        weeks = tracked, actual_counts(tracked, held.as_later(base.summary), amounts=amounts)
    return _evaluation(
        judged, totals, weeks, labels=placed.population.labels, tiers=tiers,
        quantities=("purchases", "spend") if judge.judges_spend else ("purchases",),
        checked=base.summary, facts=_facts(base, placed.population, held, horizon, judged),
    )  # fmt: skip


def _judge(
    base: PlacedBase,
    placed: Placement,
    held: Holdout,
    terms: Terms,
    decision: DecisionSpec | None,
    *,
    draws: int | None,
    threads: int | None,
    block: int | None,
) -> Judge:
    """Return what judges customers; where tiers are relative, with where they begin in each draw."""
    outcomes = Outcomes(pd.Index(base.summary[CUSTOMER_ID]), held.purchases, held.spend)
    tiers = None if decision is None else decision.tiers
    people = placed.population
    judge = Judge(people, terms, outcomes, tiers, base.seed, step_of(people.typical_amount))
    if decision is None or tiers is None or tiers.is_absolute or not judge.judges_spend:
        return judge
    plain = replace(decision, value=replace(decision.value, service_cost=0.0))
    meeting = Meeting(base.seed, draws if base.draws is None else base.draws, base.unknown_groups)
    scoring = make_scoring(base.fit, plain, meeting, base.posterior)
    everyone = Threads(scoring, lambda: [placed], threads)
    return replace(judge, thresholds=find_thresholds(scoring, everyone, customers=len(base), block=block))


def _amounts_of(later: LaterLog, summary: pd.DataFrame, held: Holdout, end: pd.Timestamp) -> PurchaseDays:
    """Return all purchases with their amounts, from the first customer's first one on."""
    start = pd.to_datetime(summary[FIRST_PURCHASE]).min() - pd.Timedelta(days=1)
    return held.with_past(purchase_days(later.log, later.reading, after=start, until=end))


def _evaluation(
    judged: pd.DataFrame,
    totals: Totals,
    weeks: tuple[xr.Dataset | None, xr.Dataset | None],
    *,
    labels: tuple[str, ...],
    tiers: tuple[str, ...],
    quantities: tuple[str, ...],
    checked: pd.DataFrame,
    facts: dict[str, Any],
) -> Evaluation:
    """Return the tables of what was judged."""
    events, reliability = tables.event_tables(judged, tiers)
    return Evaluation(
        scores=tables.scores_table(judged, quantities),
        coverage=tables.coverage_table(judged, quantities),
        totals=tables.totals_table(totals, judged, labels),
        events=events,
        reliability=reliability,
        by_frequency=tables.frequency_table(totals, judged),
        ranking=tables.ranking_table(judged, checked, quantities),
        lift=tables.lift_table(judged, quantities),
        customers=judged,
        tracking=weeks[0],
        tracking_actual=weeks[1],
        facts=facts,
    )


def _terms(time_unit: str, horizon: str | float, decision: DecisionSpec | None) -> Terms:
    """Return the terms of a decision over this horizon, or revenue without discount; no service cost."""
    if decision is None:
        return make_terms(time_unit, horizon=horizon, annual_discount_rate=0.0, margin=1.0)
    stated = terms_of(decision.value, time_unit)
    ahead = make_terms(time_unit, horizon=horizon, annual_discount_rate=0.0, margin=1.0).horizon
    if decision.tiers is not None and abs(ahead - stated.horizon) > 1e-9 * stated.horizon:
        raise SpecError(
            f"tiers are thresholds of value over {decision.value.horizon}, not over {horizon}: judge them "
            "over their own horizon, or write a decision with this one"
        )
    return replace(stated, horizon=ahead, service_cost=0.0)


def _customers(placed: Placement, columns: Columns, seed: int) -> pd.DataFrame:
    """Return one row per customer: id, group, frequency, and the judged columns."""
    summary, population, people = placed
    ids = summary[CUSTOMER_ID].to_numpy(dtype=object)
    labels = np.asarray([label or ALL for label in population.labels], dtype=np.object_)
    group = labels[population.groups(people.group)]
    known = {CUSTOMER_ID: ids, tables.GROUP_LABEL: group, FREQUENCY: summary[FREQUENCY].to_numpy()}
    pits = {
        f"{name}_pit": randomised_pit(
            columns[f"{name}_pit_below"],
            columns[f"{name}_pit_upto"],
            uniforms(ids, seed=seed, stream=f"pit {name}"),
        )
        for name in ("purchases", "spend")
        if f"{name}_pit_below" in columns
    }
    return pd.DataFrame({**known, **columns, **pits})


def _add_actual_tiers(judged: pd.DataFrame, judge: Judge, held: Holdout, time_unit: str) -> tuple[str, ...]:
    """Add the tier that each customer's value really fell in, and return the names of the tiers, if any."""
    if judge.tiers is None or not judge.judges_spend:
        return ()
    value = judge.terms.margin * held.discounted_spend(judge.terms.discount, time_unit)
    limits = None
    if not judge.tiers.is_absolute:
        limits = thresholds_among(value[:, None], judge.tiers, step=judge.step)
    reached = tier_probabilities(value[:, None], judge.tiers, limits).argmax(axis=1)
    judged["tier_actual"] = np.asarray(judge.tiers.names, dtype=np.object_)[reached]
    return tuple(judge.tiers.names)


def _facts(
    base: PlacedBase, population: Population, held: Holdout, horizon: str | float, judged: pd.DataFrame
) -> dict[str, Any]:
    return {
        "horizon": horizon,
        "after": held.after.date().isoformat(),
        "until": held.until.date().isoformat(),
        "customers": len(judged),
        "returned": int((held.purchases > 0).sum()),
        "new_customers_left_out": held.newcomers,
        "purchases_of_new_customers": held.newcomer_purchases,
        "draws": int(population.draws.size),
        "seed": int(base.seed),
        "family": population.family.title,
        "crps": CRPS,
        "spec_hash": base.fit.attrs.get("spec_hash"),
    }
