"""``customer_base``: a fit meets a summary once, and every question is then asked of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from bayesltv.analysis.asked import AnalysisQuestions
from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.base.placed_base import place_base
from bayesltv.cohorts.asked import AGES, PERIOD, Cac, CohortValue, ask
from bayesltv.data.log.reading import LaterLog, LogReading
from bayesltv.dates import Date
from bayesltv.names import AMOUNT, CUSTOMER_ID, DATE
from bayesltv.numerics.arrays import Floats
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.specs.catalogue import DecisionLike, decision_of

if TYPE_CHECKING:
    from bayesltv.arrivals.business import ArrivalsLike
    from bayesltv.arrivals.result import Forecast
    from bayesltv.cohorts.result import Cohorts
    from bayesltv.data.log.refunds import Refunds
    from bayesltv.decisions.plan import Plan
    from bayesltv.evaluation.posterior_predictive import PosteriorPredictive
    from bayesltv.evaluation.result import Evaluation
    from bayesltv.experiments.effects import Effects
    from bayesltv.prediction.scores.score import ScoreTable
    from bayesltv.report.explanation import Explanation


def customer_base(
    fit: xr.DataTree,
    summary: pd.DataFrame,
    *,
    seed: int,
    draws: int | None = None,
    unknown_groups: UnknownGroups = "error",
    without_first_amounts: bool = False,
    accept_failed: Sequence[str] = (),
    max_fit_age_days: float | None = None,
    time_unit: str | None = None,
    observation_end: Date | None = None,
) -> "CustomerBase":
    """Return the posterior draws of a fit placed onto the customers of a summary.

    The summary is matched and validated here, once; questions are methods of what comes back. They give the
    same numbers as the functions of the same names. The base itself refuses no fit: `score` and `decide` do
    where a check failed or the fit is too old.

    Parameters
    ----------
    fit : DataTree
        From ``fit``, ``load``, ``as_fit`` or ``from_pymc_marketing``.
    summary : DataFrame
        Customer summary; it may be newer than the fit and hold new customers.
    seed : int
        A customer's draws depend only on the posterior, the seed and the customer's own row.
    draws : int, optional
        Posterior draws of every question, spread evenly over chains. By default each question has its own
        number: all for ``predict``, ``evaluate`` and ``log_likelihood``, 1,000 for ``score`` and ``decide``,
        500 for ``track`` and ``posterior_predictive``.
    unknown_groups : "error" or "population"
        What to do with levels of a group column that the fit has not seen.
    without_first_amounts : bool
        Leave first amounts out of what is known of customers, though the fit uses them: for a summary that
        has none. One-time buyers then all get the same spend.
    accept_failed : sequence of str
        Failed checks of the fit that ``score`` and ``decide`` accept.
    max_fit_age_days : float, optional
        ``score`` and ``decide`` refuse a fit whose data end more days than this before the summary's.
    time_unit, observation_end : optional
        For a summary that has lost its attributes.

    Returns
    -------
    CustomerBase

    Raises
    ------
    StoreError
        Where `fit` is no fit.
    DataError
        Where `summary` is no summary, or does not fit the fit.

    Examples
    --------
    >>> base = customer_base(fit, summary, seed=1)  # doctest: +SKIP
    >>> base.predict(horizon="39 weeks", annual_discount_rate=0.1, margin=0.3)  # doctest: +SKIP
    >>> base.score(load_decision("retention"))  # doctest: +SKIP
    """
    meeting = Meeting(
        seed, draws, unknown_groups, accept_failed, max_fit_age_days, time_unit, observation_end,
        without_first_amounts,
    )  # fmt: skip
    return CustomerBase.met(fit, summary, meeting)


@dataclass(frozen=True)
class CustomerBase(AnalysisQuestions):
    """A fit's draws placed onto the customers of a summary, as `customer_base` returns them.

    Each method is a question, with the arguments and the answer of the function of its name; what the base
    knows already (seed, draws, unknown groups, accepted checks, the fit's age) is not asked again.
    """

    @classmethod
    def met(cls, fit: xr.DataTree, summary: pd.DataFrame, meeting: Meeting) -> "CustomerBase":
        """Return a fit placed onto a summary; see `customer_base`."""
        placed = place_base(fit, summary, meeting)
        return cls(**{name: value for name, value in vars(placed).items() if not name.startswith("_")})

    def predict(
        self,
        *,
        horizon: str | float,
        annual_discount_rate: float,
        margin: float,
        service_cost_per_year: float = 0.0,
        draws: int | None = None,
        customers: Sequence[object] | None = None,
        threads: int | None = None,
        block: int | None = None,
    ) -> xr.Dataset:
        """Return each customer's predictive draws within the horizon; see ``predict``."""
        from bayesltv.prediction.draws import predict_base
        from bayesltv.prediction.terms import make_terms

        terms = make_terms(
            self.posterior.time_unit, horizon=horizon, annual_discount_rate=annual_discount_rate,
            margin=margin, service_cost_per_year=service_cost_per_year,
        )  # fmt: skip
        return predict_base(self, terms, draws=draws, customers=customers, threads=threads, block=block)

    def score(
        self,
        decision: DecisionLike,
        *,
        draws: int | None = DRAWS,
        thresholds: Floats | None = None,
        threads: int | None = None,
        block: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> "ScoreTable":
        """Return one row per customer, and totals per draw beside it; see ``score``."""
        from bayesltv.prediction.scores.score import score_base

        return score_base(
            self, decision_of(decision), draws=draws, thresholds=thresholds, threads=threads, block=block,
            progress=progress,
        )  # fmt: skip

    def decide(
        self,
        decision: DecisionLike,
        *,
        draws: int | None = DRAWS,
        effects: "Mapping[str, Effects | xr.Dataset] | None" = None,
        tests: Mapping[str, xr.DataTree] | None = None,
        current: Mapping[str, str] | None = None,
        previous: pd.DataFrame | Mapping[str, str] | None = None,
        plan_test: bool = False,
        test_cost: float = 0.0,
        customers_per_week: float | None = None,
        threads: int | None = None,
        block: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> "Plan":
        """Return who gets which action, and what that should bring; see ``decide``."""
        from bayesltv.decisions.decide import PlanRequest, decide_base
        from bayesltv.decisions.offer.offer import Walking

        asked = PlanRequest(
            draws, effects or {}, tests or {}, current, previous, plan_test, test_cost, customers_per_week
        )
        return decide_base(self, decision_of(decision), asked, walking=Walking(threads, block, progress))

    def evaluate(
        self,
        log: object,
        *,
        horizon: str | float,
        decision: DecisionLike | None = None,
        draws: int | None = None,
        tracking: bool = True,
        customer_id_col: str = CUSTOMER_ID,
        datetime_col: str = DATE,
        monetary_value_col: str | None = AMOUNT,
        refunds: "Refunds" = "net",
        timezone: str | None = None,
        datetime_format: str | None = None,
        log_end: Date | None = None,
        arrivals: "ArrivalsLike | None" = None,
        rivals: Sequence[str] = ("last_year", "seasonal_naive"),
        threads: int | None = None,
        block: int | None = None,
    ) -> "Evaluation":
        """Return how the forecasts compare with what happened later in a log; see ``evaluate``.

        With `arrivals` the business with new customers is judged as well, beside `rivals`: see
        ``evaluation.business.judge_forecast``.
        """
        from bayesltv.evaluation.evaluate import evaluate_base

        reading = LogReading(
            customer_id_col, datetime_col, monetary_value_col, refunds, timezone, datetime_format
        )
        judged = None if decision is None else decision_of(decision)
        later = LaterLog(log, reading, log_end)
        found = evaluate_base(
            self, later, horizon=horizon, decision=judged, draws=draws,
            tracking=tracking, threads=threads, block=block,
        )  # fmt: skip
        if arrivals is None:
            return found
        from bayesltv.evaluation.business import judge_forecast

        words = horizon if isinstance(horizon, str) else f"{horizon:g} {self.posterior.time_unit}s"
        ahead = self.forecast(arrivals, horizon=words, log=log, reading=reading, threads=threads)
        return replace(found, business=judge_forecast(ahead, later, rivals=rivals, seed=self.seed))

    def track(
        self,
        *,
        horizon: str | float | None = None,
        draws: int | None = 500,
        bin: str = "week",
        threads: int | None = None,
    ) -> xr.Dataset:
        """Return repeat purchases and spend of all customers by week, past and to come.

        See ``bayesltv.prediction.tracking.track``.
        """
        from bayesltv.prediction.tracking import track_base

        return track_base(self, horizon=horizon, draws=draws, bin=bin, threads=threads)

    def cohorts(
        self,
        log: object | None = None,
        *,
        by: str | Sequence[str] = "month",
        ages: Sequence[int | str] = AGES,
        period: int | str = PERIOD,
        value: CohortValue | None = None,
        cac: Cac | None = None,
        new: pd.DataFrame | None = None,
        first_day: int = 0,
        reading: LogReading | None = None,
        threads: int | None = None,
    ) -> "Cohorts":
        """Return what cohorts of customers have brought by day N, the known part and the rest of it.

        Past purchases and the draws of ``predict`` join customer by customer: what has passed is one exact
        number, what is to come has 5, 50 and 95 % bands. A cohort is all who were acquired, back or not.
        `log` is the one that the summary was made of; without it counts alone are told, from ``repeat_days``.
        What can be asked stands at ``cohorts.asked.ask``. The draws are the base's, or 1,000.

        Examples
        --------
        >>> found = base.cohorts(log, by="month", ages=[30, 90, 365])  # doctest: +SKIP
        >>> found.wide()  # doctest: +SKIP
        """
        asked = ask(
            by=by, ages=ages, period=period, value=value, cac=cac, new=new, first_day=first_day,
            reading=reading,
        )  # fmt: skip
        from bayesltv.cohorts.desk import cohorts_base

        return cohorts_base(self, log, asked, threads=threads)

    def forecast(
        self,
        arrivals: "ArrivalsLike",
        *,
        horizon: str | int = "13 weeks",
        by: str = "month",
        margin: float | None = None,
        cac: float | Mapping[str, float] | None = None,
        plan: pd.DataFrame | str | Path | None = None,
        target: float | None = None,
        log: object | None = None,
        reading: LogReading | None = None,
        threads: int | None = None,
    ) -> "Forecast":
        """Return what the business will bring by week, month or quarter, new customers included.

        Existing customers' orders are the draws of ``predict``; first orders and repeats of new customers
        follow from how many come, in the same draws. `arrivals` is from ``fit_arrivals``, up to the same day,
        or a plan: a table or CSV with ``week`` (its first day), ``channel``, ``customers``, ``cac`` and
        perhaps ``sd``. What else can be asked stands at ``arrivals.business.ForecastAsked``. `log` is needed
        where the fit has no level of first amounts. Money is not discounted.

        Examples
        --------
        >>> found = base.forecast(arrivals, by="month", margin=0.3, cac=12)  # doctest: +SKIP
        >>> found.table  # doctest: +SKIP
        """
        from bayesltv.arrivals.business import ForecastAsked, forecast_base

        asked = ForecastAsked(horizon, by, margin, cac, plan, target, reading or LogReading())
        return forecast_base(self, arrivals, asked, log=log, threads=threads)

    def explain(self, customer: object, decision: DecisionLike, plan: "Plan | None" = None) -> "Explanation":
        """Return what is said of one customer, and why: in words, as a table and a picture.

        See ``report.explanation.explain_base``.

        Examples
        --------
        >>> print(base.explain("C0017", "retention", plan))  # doctest: +SKIP
        """
        from bayesltv.report.explanation import explain_base

        return explain_base(self, customer, decision_of(decision), plan)

    def posterior_predictive(
        self, *, draws: int | None = 500, threads: int | None = None
    ) -> "PosteriorPredictive":
        """Return how customers made anew compare with the real ones; see ``posterior_predictive``."""
        from bayesltv.evaluation.posterior_predictive import posterior_predictive_base

        return posterior_predictive_base(self, draws=draws, threads=threads)

    def log_likelihood(self) -> xr.DataTree:
        """Return the log likelihood of each distinct history at each draw; see ``log_likelihood``."""
        from bayesltv.prediction.log_likelihood import log_likelihood_base

        return log_likelihood_base(self)

    def __repr__(self) -> str:
        end = "an unknown day" if self.end is None else str(self.end.date())
        groups = ", ".join(self.posterior.columns) or "none"
        return f"<CustomerBase: {len(self):,} customers up to {end}, groups: {groups}, seed {self.seed}>"
