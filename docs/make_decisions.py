"""Make the pictures and figures of docs/decisions.md from what `bayesltv demo` leaves: `make decisions`."""

import sys
from pathlib import Path

import bayesltv as ltv
from bayesltv.data.summary.store import read_summary
from bayesltv.report.figures.plan import plan_figures
from bayesltv.report.planned_tests import plot_test_value
from bayesltv.report.style import save_figure

FOLDER = Path(__file__).parent / "figures"
SHOWN = ("waterfall", "roi", "budget_curve", "policies", "customers")
LARGE = 200_000
"""Customers of a shop in which a test of the bundle pays: in the demo's it does not."""
TABLES = ("actions", "policies", "segments", "simple_ltv", "test_plans")


def main(demo: Path) -> None:
    """Decide about the demo's customers, and draw."""
    fit, summary = ltv.load(demo / "fit.nc"), read_summary(demo / "summary.parquet")
    plan = ltv.decide(fit, summary, ltv.load_decision("retention"), seed=1, plan_test=True, test_cost=20.0)
    pictures = plan_figures(plan)
    for name in SHOWN:
        save_figure(pictures[f"plan_{name}"](), FOLDER / f"decisions_{name}.png")
    known = plan.tests["bundle"]
    larger = ltv.plan_test(
        effect_mean=known.effect_mean,
        effect_sd=known.effect_sd,
        outcome_sd=known.outcome_sd,
        customers=LARGE,
        cost=500.0,
    )
    title = f"a bundle for {LARGE:,} customers"
    save_figure(plot_test_value(larger, currency="USD", name=title), FOLDER / "decisions_test_value.png")
    for name in TABLES:
        print(plan.tables[name].round(3).to_string(index=False), end="\n\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "bayesltv-demo"))
