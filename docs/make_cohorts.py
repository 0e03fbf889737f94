"""Make the pictures and figures of docs/cohorts.md: `make cohorts`.

A shop that is made up: three channels, customers over twelve months, MBG/NBD near CDNOW's estimates;
partners' customers buy twice as often, the shop's leave sooner.
"""

from pathlib import Path

import pandas as pd

import bayesltv as ltv

FOLDER = Path(__file__).parent / "figures"
END, BEGIN = "2024-06-30", "2023-07-01"
CHANNELS = {
    "web": {"n": 1500, "r": 0.53, "alpha": 5.2, "a": 0.89, "b": 1.61},
    "shop": {"n": 900, "r": 0.53, "alpha": 5.2, "a": 1.3, "b": 1.3},
    "partner": {"n": 500, "r": 0.53, "alpha": 2.6, "a": 0.89, "b": 1.61},
}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}
CAC = {"web": 18.0, "shop": 15.0, "partner": 26.0}


def shop() -> pd.DataFrame:
    """Return the log of the shop."""
    design = pd.DataFrame([{"channel": name, **found, **SPEND} for name, found in CHANNELS.items()])
    return ltv.simulate_log(
        design, seed=4, family="mbg_nbd", start=BEGIN, observation_end=END, acquisition_days=365,
        group_col="channel",
    )  # fmt: skip


def main() -> None:
    """Fit the shop, ask for its cohorts, and draw."""
    log = shop()
    summary = ltv.summarize(log, observation_end=END, groups=["channel"], currency="EUR")
    fit = ltv.fit(summary, "mbg_by_group", seed=1, method="laplace", progress=False)
    base = ltv.customer_base(fit, summary, seed=1, draws=1000)
    value = ltv.CohortValue(margin=0.4)
    by_month = base.cohorts(log, by="month", ages=[30, 90, 180, 365], period="60 days")
    by_channel = base.cohorts(log, by=["month", "channel"], value=value, cac=CAC)
    pictures = {
        "value": ltv.plot.cohorts(by_month, intervals=True),
        "retention": ltv.plot.cohorts(by_month, "retention"),
        "curves": ltv.plot.cohort_curves(by_channel),
        "payback": ltv.plot.payback(by_channel),
    }
    for name, picture in pictures.items():
        ltv.plot.save(picture, FOLDER / f"cohorts_{name}.png")
    table = by_month.table
    chosen = table[(table["quantity"] == "ltv_revenue") & (table["age"] == 180)]
    pd.set_option("display.width", 200, "display.max_columns", 20)
    print(
        chosen[["cohort_month", "customers", "share_passed", "known", "p05", "p50", "p95", "status"]].round(2)
    )
    levels = by_channel.payback[by_channel.payback["kind"] == "level"]
    paid = levels[levels["channel"] != "all"]
    print(paid[["channel", "customers", "cac", *paid.filter(like="payback_p").columns]].round(2).T)
    print(by_channel.best[by_channel.best["age"].isin([30, 90, 365])].round(3))
    print(base.kpis(log, by="channel").round(3).to_string(index=False))
    new = pd.DataFrame({"channel": ["partner", "podcast"], "customers": [100, 100]})
    free = ltv.customer_base(fit, summary, seed=1, draws=1000, unknown_groups="population")
    planned = free.cohorts(log, by="channel", ages=[90, 365], new=new.iloc[1:]).table
    rows = planned[(planned["quantity"] == "ltv_revenue") & planned["channel"].isin(["partner", "podcast"])]
    print(rows[["channel", "kind", "customers", "age", "p05", "p50", "p95", "status"]].round(2))
    print(base.newcomers("retention").round(3).T)


if __name__ == "__main__":
    main()
