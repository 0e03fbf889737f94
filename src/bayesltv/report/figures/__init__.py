"""All figures of the toolkit in one place to import from."""

from bayesltv.report.figures.calibration import plot_purchase_calibration
from bayesltv.report.figures.checks import plot_check
from bayesltv.report.figures.clock import plot_clock
from bayesltv.report.figures.cohorts import plot_cohort_curves, plot_cohorts, plot_payback
from bayesltv.report.figures.comparison import plot_choice, plot_choice_totals, plot_comparison
from bayesltv.report.figures.criticism import (
    plot_posterior_predictive,
    plot_prior_predictive,
    plot_psense,
)
from bayesltv.report.figures.customers import plot_lorenz, plot_ltv_intervals, spread_of_customers
from bayesltv.report.figures.evaluation import (
    plot_by_frequency,
    plot_coverage,
    plot_lift,
    plot_pit,
    plot_reliability,
)
from bayesltv.report.figures.forecast import plot_forecast
from bayesltv.report.figures.histories import plot_history, plot_matrix, plot_waits
from bayesltv.report.figures.plan import (
    plot_budget_curve,
    plot_customers,
    plot_policies,
    plot_returns,
    plot_roi,
    plot_waterfall,
)
from bayesltv.report.figures.posterior import plot_posterior, plot_posterior_by_group
from bayesltv.report.figures.sampler import plot_sampler
from bayesltv.report.figures.tiers import plot_migration, plot_tier_probabilities, plot_tiers
from bayesltv.report.figures.tracking import plot_tracking_cumulative, plot_tracking_weekly
from bayesltv.report.style import save_figure

__all__ = [
    "plot_budget_curve",
    "plot_by_frequency",
    "plot_check",
    "plot_choice",
    "plot_choice_totals",
    "plot_clock",
    "plot_cohort_curves",
    "plot_cohorts",
    "plot_comparison",
    "plot_coverage",
    "plot_customers",
    "plot_forecast",
    "plot_history",
    "plot_lift",
    "plot_lorenz",
    "plot_ltv_intervals",
    "plot_matrix",
    "plot_migration",
    "plot_payback",
    "plot_pit",
    "plot_policies",
    "plot_posterior",
    "plot_posterior_by_group",
    "plot_posterior_predictive",
    "plot_prior_predictive",
    "plot_psense",
    "plot_purchase_calibration",
    "plot_reliability",
    "plot_returns",
    "plot_roi",
    "plot_sampler",
    "plot_tier_probabilities",
    "plot_tiers",
    "plot_tracking_cumulative",
    "plot_tracking_weekly",
    "plot_waits",
    "plot_waterfall",
    "save_figure",
    "spread_of_customers",
]
