"""The questions of everyday that are asked of a customer base: one method each."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bayesltv.base.placed_base import PlacedBase
from bayesltv.data.log.reading import LogReading
from bayesltv.numerics.arrays import Floats
from bayesltv.specs.catalogue import DecisionLike, decision_of


class AnalysisQuestions(PlacedBase):
    """What a base looks like, what its value hangs on, and who makes it: methods of ``CustomerBase``."""

    def score_one(
        self, customer_id: object, decision: DecisionLike, *, thresholds: Floats | None = None
    ) -> dict[str, Any]:
        """Return one customer's row of ``score``; see ``score_one``."""
        from bayesltv.prediction.scores.score_one import score_one_base

        return score_one_base(self, decision_of(decision), customer_id, thresholds=thresholds)

    def elasticity(
        self, decision: DecisionLike, *, by: str | Sequence[str] = (), threads: int | None = None
    ) -> pd.DataFrame:
        """Return what one per cent of rate, dropout, spend or margin is worth.

        See ``analysis.levers.elasticity_base``.

        Examples
        --------
        >>> base.elasticity("retention", by="tier")  # doctest: +SKIP
        """
        from bayesltv.analysis.levers import elasticity_base

        return elasticity_base(self, decision_of(decision), by=by, threads=threads)

    def composition(
        self, decision: DecisionLike, *, by: str | Sequence[str], threads: int | None = None
    ) -> pd.DataFrame:
        """Return why some customers are worth more than all: by rate, lifetime and spend.

        See ``analysis.levers.composition_base``.

        Examples
        --------
        >>> base.composition("retention", by="tier")  # doctest: +SKIP
        """
        from bayesltv.analysis.levers import composition_base

        return composition_base(self, decision_of(decision), by=by, threads=threads)

    def top(self, n: int, decision: DecisionLike, *, threads: int | None = None) -> pd.DataFrame:
        """Return each customer's probability of being among the best `n`; see ``analysis.ranking.top_base``.

        Examples
        --------
        >>> base.top(100, "retention").sort_values("p_top")  # doctest: +SKIP
        """
        from bayesltv.analysis.ranking import top_base

        return top_base(self, n, decision_of(decision), threads=threads)

    def horizons(
        self, horizons: Sequence[str], decision: DecisionLike, *, threads: int | None = None
    ) -> pd.DataFrame:
        """Return the scores at several horizons; see ``analysis.expectations.horizons_base``.

        Examples
        --------
        >>> base.horizons(["90 days", "1 year"], "retention")  # doctest: +SKIP
        """
        from bayesltv.analysis.expectations import horizons_base

        return horizons_base(self, horizons, decision_of(decision), threads=threads)

    def silent(
        self, days: Sequence[int], decision: DecisionLike, *, threads: int | None = None
    ) -> pd.DataFrame:
        """Return the scores on later days if nobody buys by then; see ``analysis.expectations.silent_base``.

        Examples
        --------
        >>> base.silent([0, 30, 90], "retention")  # doctest: +SKIP
        """
        from bayesltv.analysis.expectations import silent_base

        return silent_base(self, days, decision_of(decision), threads=threads)

    def expectation(self, decision: DecisionLike, *, threads: int | None = None) -> pd.DataFrame:
        """Return how well each expected value is known: no forecast.

        See ``analysis.expectations.expectation_base``.

        Examples
        --------
        >>> base.expectation("retention")  # doctest: +SKIP
        """
        from bayesltv.analysis.expectations import expectation_base

        return expectation_base(self, decision_of(decision), threads=threads)

    def alive_path(
        self, customer: object, *, ahead: str | float = "90 days", draws: int | None = 1000
    ) -> pd.DataFrame:
        """Return a customer's P(alive) at the end of each day; see ``alive_path.alive_path_base``.

        Examples
        --------
        >>> path = base.alive_path("C0017", ahead="90 days")  # doctest: +SKIP
        >>> ltv.plot.history(path)  # doctest: +SKIP
        """
        from bayesltv.prediction.alive_path import alive_path_base

        return alive_path_base(self, customer, ahead=ahead, draws=draws)

    def matrix(
        self,
        *,
        horizon: str | float,
        levels: Mapping[str, str] | None = None,
        most: int | None = None,
        draws: int | None = 1000,
    ) -> pd.DataFrame:
        """Return P(alive) and expected purchases by frequency and recency; see ``alive_path.matrix_base``.

        Examples
        --------
        >>> table = base.matrix(horizon="26 weeks")  # doctest: +SKIP
        >>> ltv.plot.matrix(table, "p_alive")  # doctest: +SKIP
        """
        from bayesltv.prediction.alive_path import matrix_base

        return matrix_base(self, horizon=horizon, levels=levels, most=most, draws=draws)

    def rfm(
        self, decision: DecisionLike | None = None, *, bins: int = 5, threads: int | None = None
    ) -> pd.DataFrame:
        """Return classes of recency, frequency and money, by tier and stage; see ``analysis.rfm.rfm_base``.

        Examples
        --------
        >>> base.rfm("retention").groupby(["rfm_segment", "tier", "stage"]).size()  # doctest: +SKIP
        """
        from bayesltv.analysis.rfm import rfm_base

        judged = None if decision is None else decision_of(decision)
        return rfm_base(self, judged, bins=bins, threads=threads)

    def profile(self, where: str, decision: DecisionLike, *, threads: int | None = None) -> pd.DataFrame:
        """Return who fulfils a condition, beside all customers; see ``analysis.profile.profile_base``.

        Examples
        --------
        >>> base.profile("tier == 'high' and p_alive < 0.5", "retention")  # doctest: +SKIP
        """
        from bayesltv.analysis.profile import profile_base

        return profile_base(self, where, decision_of(decision), threads=threads)

    def kpis(
        self,
        log: object | None = None,
        *,
        by: str | Sequence[str] = (),
        days: int = 90,
        decision: DecisionLike | None = None,
        reading: LogReading | None = None,
        threads: int | None = None,
    ) -> pd.DataFrame:
        """Return key figures up to now and from now on, by group and tier; see ``cohorts.kpis.kpis_base``."""
        from bayesltv.cohorts.kpis import kpis_base

        judged = None if decision is None else decision_of(decision)
        return kpis_base(self, log, by=by, days=days, decision=judged, reading=reading, threads=threads)

    def newcomers(
        self, decision: DecisionLike, *, levels: pd.DataFrame | None = None, threads: int | None = None
    ) -> pd.DataFrame:
        """Return value and tier of new customers on day 0; see ``cohorts.newcomers.newcomers_base``."""
        from bayesltv.cohorts.newcomers import newcomers_base

        return newcomers_base(self, decision_of(decision), levels=levels, threads=threads)
