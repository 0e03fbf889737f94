"""Make the pictures and figures of docs/criticism.md from the embedded CDNOW sample: `make criticism`."""

from collections.abc import Callable
from pathlib import Path

import bayesltv as ltv
from bayesltv.report import plot as draw
from bayesltv.report.figures.tracking import plot_tracking_weekly

FOLDER = Path(__file__).parent / "figures"
SETTINGS = {"seed": 1, "method": "laplace", "progress": False}


def main() -> None:
    """Fit two families, judge them, and draw."""
    log = ltv.load_cdnow()
    summary = ltv.summarize(log, observation_end="1997-09-30", time_unit="week")
    specs = {"bg_nbd": ltv.load_spec("pooled"), "mbg_nbd": ltv.load_spec("mbg_pooled")}
    compared = ltv.compare(summary, specs, log=log, horizon="39 weeks", **SETTINGS)
    fit = compared.fits["bg_nbd"]
    judged = ltv.evaluate(fit, summary, log, horizon="39 weeks")
    report = ltv.check(fit, summary, thorough=True)
    replicas = ltv.posterior_predictive(fit, summary)
    priors = ltv.prior_predictive(specs["bg_nbd"], summary)
    pictures: dict[str, Callable[[], object]] = {
        "prior_predictive": lambda: draw.prior_predictive(priors),
        "replicas_frequency": lambda: draw.posterior_predictive(replicas),
        "replicas_spend": lambda: draw.posterior_predictive(replicas, statistic="mean spend"),
        "common_shocks": lambda: draw.check(report["common_shocks"]),
        "prior_sensitivity": lambda: draw.check(report["prior_sensitivity"]),
        "prior_conflict": lambda: draw.check(report["prior_conflict"]),
        "spend_independence": lambda: draw.check(report["spend_independence"]),
        "first_purchase": lambda: draw.check(report["first_purchase_effect"]),
        "influence": lambda: draw.check(report["influential_customers"]),
        "tracking_spend": lambda: plot_tracking_weekly(
            judged.tracking, judged.tracking_actual, quantity="spend"
        ),
        "comparison": lambda: draw.comparison(compared),
        "pit_purchases": lambda: draw.pit(judged),
        "coverage": lambda: draw.coverage(judged),
        "by_frequency": lambda: draw.by_frequency(judged),
        "lift": lambda: draw.lift(judged, quantity="spend"),
        "reliability": lambda: draw.reliability(judged),
    }
    for name, picture in pictures.items():
        draw.save(picture(), FOLDER / f"criticism_{name}.png")  # type: ignore[arg-type]
    for table in (
        judged.scores,
        judged.coverage,
        judged.totals,
        judged.events,
        compared.loo,
        compared.holdout,
    ):
        print(table.round(4).to_string(index=False), end="\n\n")


if __name__ == "__main__":
    main()
