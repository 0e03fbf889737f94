"""``bayesltv.plot``: every picture under one short name.

Each takes what a question has answered (a fit, a track, a score table, a plan, ...) and `ax=`, and returns
the axes; ``sampler`` and ``posterior`` have several panels, and return a figure. ``save`` writes either.

Examples
--------
>>> ltv.plot.tracking(base.track(horizon="26 weeks"))  # doctest: +SKIP
>>> ltv.plot.save(ltv.plot.matrix(base.matrix(horizon="26 weeks")), "matrix.png")  # doctest: +SKIP
"""

import xarray as xr
from matplotlib.axes import Axes

from bayesltv.report.figures.calibration import plot_purchase_calibration as calibration
from bayesltv.report.figures.checks import plot_check as check
from bayesltv.report.figures.clock import plot_clock as clock
from bayesltv.report.figures.cohorts import plot_cohort_curves as cohort_curves
from bayesltv.report.figures.cohorts import plot_cohorts as cohorts
from bayesltv.report.figures.cohorts import plot_payback as payback
from bayesltv.report.figures.comparison import plot_choice as choice
from bayesltv.report.figures.comparison import plot_choice_totals as choice_totals
from bayesltv.report.figures.comparison import plot_comparison as comparison
from bayesltv.report.figures.criticism import plot_posterior_predictive as posterior_predictive
from bayesltv.report.figures.criticism import plot_prior_predictive as prior_predictive
from bayesltv.report.figures.criticism import plot_psense as psense
from bayesltv.report.figures.customers import plot_lorenz as lorenz
from bayesltv.report.figures.customers import plot_ltv_intervals as values
from bayesltv.report.figures.evaluation import plot_by_frequency as by_frequency
from bayesltv.report.figures.evaluation import plot_coverage as coverage
from bayesltv.report.figures.evaluation import plot_lift as lift
from bayesltv.report.figures.evaluation import plot_pit as pit
from bayesltv.report.figures.evaluation import plot_reliability as reliability
from bayesltv.report.figures.forecast import plot_forecast as forecast
from bayesltv.report.figures.histories import plot_history as history
from bayesltv.report.figures.histories import plot_matrix as matrix
from bayesltv.report.figures.histories import plot_waits as waits
from bayesltv.report.figures.plan import plot_budget_curve as budget
from bayesltv.report.figures.plan import plot_customers as customers
from bayesltv.report.figures.plan import plot_policies as policies
from bayesltv.report.figures.plan import plot_returns as returns
from bayesltv.report.figures.plan import plot_roi as roi
from bayesltv.report.figures.plan import plot_waterfall as waterfall
from bayesltv.report.figures.posterior import plot_posterior as posterior
from bayesltv.report.figures.posterior import plot_posterior_by_group as posterior_by_group
from bayesltv.report.figures.sampler import plot_sampler as sampler
from bayesltv.report.figures.tiers import plot_migration as migration
from bayesltv.report.figures.tiers import plot_tier_probabilities as tier_probabilities
from bayesltv.report.figures.tiers import plot_tiers as tiers
from bayesltv.report.figures.tracking import Quantity, plot_tracking_cumulative, plot_tracking_weekly
from bayesltv.report.planned_tests import plot_test_value as test_value
from bayesltv.report.style import save_figure as save

__all__ = [
    "budget",
    "by_frequency",
    "calibration",
    "check",
    "choice",
    "choice_totals",
    "clock",
    "cohort_curves",
    "cohorts",
    "comparison",
    "coverage",
    "customers",
    "forecast",
    "history",
    "lift",
    "lorenz",
    "matrix",
    "migration",
    "payback",
    "pit",
    "policies",
    "posterior",
    "posterior_by_group",
    "posterior_predictive",
    "prior_predictive",
    "psense",
    "reliability",
    "returns",
    "roi",
    "sampler",
    "save",
    "test_value",
    "tier_probabilities",
    "tiers",
    "tracking",
    "values",
    "waits",
    "waterfall",
]


def tracking(
    track: xr.Dataset,
    actual: xr.Dataset | None = None,
    *,
    quantity: Quantity = "purchases",
    cumulative: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw purchases or spend over the calendar, by period or added up, and what the model expects.

    Parameters
    ----------
    track : Dataset
        From ``base.track``.
    actual : Dataset, optional
        From ``actual_counts``.
    quantity : "purchases" or "spend"
    cumulative : bool
    ax : Axes, optional

    Raises
    ------
    DataError
        Where the track has no spend.
    """
    draw = plot_tracking_cumulative if cumulative else plot_tracking_weekly
    return draw(track, actual, quantity=quantity, ax=ax)


def __dir__() -> list[str]:
    return __all__
