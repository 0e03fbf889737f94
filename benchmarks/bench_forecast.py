"""Question: what will the next 13 weeks bring, new customers included?

Simulated shops (their own code below: weekly arrivals with a season, a trend and fading shocks; customers who
buy by MBG/NBD while season and shocks move all rates) and month ends of Online Retail II, a year behind
them. ``interval_score`` (90 %, Gneiting & Raftery 2007), ``crps`` and ``width`` are in shares of the revenue
that came; ``inside`` says whether the 90 % interval holds it. Coverage can be bought by width: the interval
score decides. Rivals: the same days a year ago, a seasonal naive, exponential smoothing (statsmodels).

What would make it rigged: a spread of the naive forecasts that they never had (theirs comes from their own
errors so far); cuts of one log that overlap, counted as independent. Fits that fail their checks are refused
as a user's are, and counted. Customers by Laplace, arrivals by the shipped sampler.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import bayesltv as ltv
import common

DATA = Path(os.environ.get("BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
FOLDER, HORIZON, WEEKS = DATA / "online_retail_2", "13 weeks", 13
RETAIL_CUTS = [str(day.date()) for day in pd.date_range("2010-12-31", "2011-08-31", freq="ME")]
RIVALS = ("last_year", "seasonal_naive", "ets")
SHARES = ("interval_score", "crps", "width")
START = pd.Timestamp("2021-01-03")
COLUMNS = {
    "log": ("log", ""), "cut": ("cut", ""), "spec": ("customers", ""),
    **{
        f"{who}_{what}": (f"{who}: {what}", ".2f")
        for who in ("bayesltv", *RIVALS) for what in ("interval_score", "inside")
    },
    "refused": ("refused", ""), "bayesltv_bias": ("median / actual − 1", "+.2f"),
    "seconds": ("seconds", ",.0f"),
}  # fmt: skip


def cases(quick):
    """Return each shop, and each month end of the real log where it is at hand."""
    if quick:
        return [{"log": "shop 0", "cut": "", "spec": "mbg_pooled"}]
    shops = [{"log": f"shop {at}", "cut": "", "spec": "clock"} for at in range(40)]
    real = [{"log": "Online Retail II", "cut": cut, "spec": "clock"} for cut in RETAIL_CUTS]
    return shops + (real if FOLDER.is_dir() else [])


def shop(seed, weeks=130):
    """Return the log of a shop that opens and lives for so many weeks, 13 more than are known."""
    rng, rows = np.random.default_rng(seed), []
    sd, rho = rng.uniform(0.05, 0.2), rng.uniform(0.5, 0.9)
    season = rng.uniform(0.1, 0.5) * np.cos(2 * np.pi * (np.arange(weeks) - rng.integers(52)) / 52.18)
    shock = np.zeros(weeks)
    for week in range(1, weeks):
        shock[week] = rho * shock[week - 1] + sd * np.sqrt(1 - rho**2) * rng.standard_normal()
    trend = rng.normal(0, 0.2) * (np.arange(weeks) - weeks) / 52
    arrivals = rng.poisson(rng.uniform(8, 25) * np.exp(season + trend + shock) * rng.gamma(20, 1 / 20, weeks))
    pace = np.exp(0.6 * season + shock)
    for week, number in enumerate(arrivals):
        for at in range(number):
            rate, dropout, scale = rng.gamma(0.8, 1 / 8), rng.beta(0.8, 2.5), rng.gamma(4.0, 1 / 16)
            bought, alive = [week], rng.random() >= dropout
            for later in range(week + 1, weeks):
                if not alive:
                    break
                if rng.random() < 1 - np.exp(-rate * pace[later]):
                    bought.append(later)
                    alive = rng.random() >= dropout
            rows += [
                (f"{week} {at}", each, int(rng.integers(7)), rng.gamma(6.0, 1 / scale)) for each in bought
            ]
    log = pd.DataFrame(rows, columns=["customer_id", "week", "weekday", "amount"])
    return log.assign(date=START + pd.to_timedelta(7 * log["week"] + log["weekday"] + 1, unit="D"))


def one(case):
    """Return the scores of a forecast and of its rivals, in shares of what came."""
    warnings.simplefilter("ignore")
    if case["log"].startswith("shop"):
        weeks = 130
        log, cut = shop(int(case["log"].split()[1]), weeks), START + pd.Timedelta(days=7 * (weeks - WEEKS))
    else:
        import bench_cohorts

        log, cut = bench_cohorts.log_of(case["log"])[0], pd.Timestamp(case["cut"])
    try:
        table, spent = common.timed(lambda: judged(log, cut, case["spec"]))
    except ltv.CheckFailed as error:
        return {"refused": str(error)[:90]}
    table["width"] = table["p95"] - table["p05"]
    scores = table[list(SHARES)].div(table["actual"], axis=0).assign(inside=table["inside_90"].astype(float))
    told = {f"{who}_{what}": float(row[what]) for who, row in scores.iterrows() for what in scores}
    own = table.loc["bayesltv"]
    return told | {"bayesltv_bias": float(own["p50"] / own["actual"] - 1)} | spent


def judged(log, cut, spec):
    """Return what a user is told of the revenue of 13 weeks: customers by `spec`, and fitted arrivals."""
    log = log[["customer_id", "date", "amount"]]
    summary = ltv.summarize(log, observation_end=cut)
    fit = ltv.fit(summary, spec, seed=1, method="laplace", progress=False)
    arrivals = ltv.fit_arrivals(summary, seed=1, progress=False)
    base = ltv.customer_base(fit, summary, seed=1, draws=400)
    found = base.evaluate(
        log, horizon=HORIZON, arrivals=arrivals, rivals=RIVALS, tracking=False,
        log_end=cut + pd.Timedelta(days=7 * WEEKS),
    )  # fmt: skip
    return found.business.query("quantity == 'revenue'").set_index("forecaster")


if __name__ == "__main__":
    common.main(__doc__, __file__, cases=cases, one=one, columns=COLUMNS)
