"""Question: what will the next 13 weeks bring, new customers included?

Simulated shops (their own code below: weekly arrivals with a season, a trend and fading shocks; customers who
buy by MBG/NBD while season and shocks move all rates) and month ends of Online Retail II, a year behind
them. ``interval score`` (90 %, Gneiting & Raftery 2007), ``crps`` and ``width`` are in shares of the revenue
that came; ``inside`` counts 90 % intervals that hold it, and ``gate`` says whether that lies between the .05
and 99.95 % points of a binomial of .9. Coverage can be bought by width: the interval score decides. Rivals:
the same days a year ago, a seasonal naive, exponential smoothing (statsmodels). ``worse by`` is a rival's
interval score less ours, case by case, with its standard error.

What would make it rigged: a spread of the naive forecasts that they never had (theirs comes from their own
errors so far); cuts of one log that overlap, counted as independent (so that Online Retail II's standard
errors say too little, and no gate is asked there); a season in the clock because the simulated shops have one
(it is there from two years of log on, and two years is when ETS gets its own). Customers and arrivals by
Laplace, arrivals by NUTS where that fails its checks; fits that fail their checks even so are refused as a
user's are, and counted. Seeds are 0 to 39.
"""

import os
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom

import bayesltv as ltv
import common

DATA = Path(os.environ.get("BENCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
FOLDER, HORIZON, WEEKS = DATA / "online_retail_2", "13 weeks", 13
RETAIL, SHOPS = "Online Retail II", "simulated shops"
RETAIL_CUTS = [str(day.date()) for day in pd.date_range("2010-12-31", "2011-08-31", freq="ME")]
OWN, RIVALS = "bayesltv", ("last_year", "seasonal_naive", "ets")
SHARES = ("interval_score", "crps", "width")
START, SHOP_WEEKS, TWO_YEARS = pd.Timestamp("2021-01-03"), 130, pd.Timedelta(days=728)
SHORT = {"draws": 500}
COLUMNS = {
    "log": ("log", ""), "forecaster": ("forecaster", ""),
    "interval_score": ("interval score", ".2f"), "worse_by": ("worse by", "+.2f"),
    "standard_error": ("± s.e.", ".2f"), "wins": ("ours is better", ".0f"), "crps": ("CRPS", ".3f"),
    "width": ("width", ".2f"), "inside": ("inside", ".0f"), "number": ("of", ".0f"), "gate": ("gate", ""),
    "bias": ("median / actual − 1", "+.2f"),
    "refused": ("refused", ".0f"), "seconds": ("CPU seconds", ",.0f"),
}  # fmt: skip


def cases(quick):
    """Return each log with each forecaster; ours comes first and measures for all of them."""
    logs = {SHOPS: 1 if quick else 40}
    if FOLDER.is_dir() and not quick:
        logs[RETAIL] = len(RETAIL_CUTS)
    return [
        {"log": log, "forecaster": who, "asked": number, "quick": quick}
        for log, number in logs.items()
        for who in (OWN, *(() if quick else RIVALS))
    ]


def shop(seed, weeks=SHOP_WEEKS):
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
    """Return how one forecaster does on the cases of a log, beside ours on the same cases."""
    warnings.simplefilter("ignore")
    keep = Path(os.environ.get("BENCH_KEEP", ".")) / f"forecast_{case['log'].replace(' ', '_')}.jsonl"
    measure = partial(measured, case["log"], quick=case["quick"])
    kept = None if case["quick"] else keep
    found, spent = common.timed(lambda: common.each_seed(case["asked"], measure, keep=kept))
    told = scored([each for each in found if "refused" not in each], case["forecaster"])
    refused = sum("refused" in each for each in found)
    seconds = sum(each.get("cpu_seconds", 0.0) for each in found) if case["forecaster"] == OWN else None
    gate = None
    if case["log"] == SHOPS and told["number"]:
        low, high = binom.ppf([0.0005, 0.9995], told["number"], 0.9)
        gate = "passes" if low <= told["inside"] <= high else "misses"
    return told | spent | {"refused": refused, "gate": gate, "seconds": seconds}


def measured(log, at, *, quick):
    """Return what each forecaster said at one cut, and what came."""
    if log == SHOPS:
        frame, cut = shop(at), START + pd.Timedelta(days=7 * (SHOP_WEEKS - WEEKS))
    else:
        import bench_cohorts

        frame, cut = bench_cohorts.log_of(log)[0], pd.Timestamp(RETAIL_CUTS[at])
    try:
        table, spent = common.timed(lambda: judged(frame, cut, quick=quick))
    except ltv.CheckFailed as error:
        return {"refused": str(error)[:90]}
    names = ["actual", "p05", "p50", "p95", "interval_score", "crps"]
    return {who: row[names].astype(float).to_dict() for who, row in table.iterrows()} | spent


def judged(log, cut, *, quick):
    """Return what a user is told of the revenue of 13 weeks."""
    log = log[["customer_id", "date", "amount"]]
    summary = ltv.summarize(log, observation_end=cut)
    spec = customers_spec(cut - log["date"].min(), quick=quick)
    fit = ltv.fit(summary, spec, seed=1, method="laplace", progress=False)
    base = ltv.customer_base(fit, summary, seed=1, draws=400)
    asked = {
        "horizon": HORIZON, "rivals": RIVALS, "tracking": False,
        "log_end": cut + pd.Timedelta(days=7 * WEEKS),
    }  # fmt: skip
    try:
        arrivals = ltv.fit_arrivals(summary, seed=1, method="laplace", sampler=SHORT)
        found = base.evaluate(log, arrivals=arrivals, **asked)
    except ltv.CheckFailed:
        found = base.evaluate(log, arrivals=ltv.fit_arrivals(summary, seed=1, progress=False), **asked)
    return found.business.query("quantity == 'revenue'").set_index("forecaster")


def customers_spec(known, *, quick):
    """Return the spec for a log of this length: the default family, a clock, a season from two years on."""
    if quick:
        return ltv.load_spec("mbg_pooled")
    if known >= TWO_YEARS:
        return ltv.load_spec("clock_season")
    return replace(ltv.load_spec("clock"), purchase=ltv.PurchaseSpec("mbg_nbd"))


def scored(found, who):
    """Return the means of one forecaster's scores, in shares of what came, and its differences from ours."""
    table = pd.DataFrame([each[who] for each in found]).dropna()
    if table.empty:
        return {"number": 0}
    actual = table["actual"]
    own = pd.DataFrame([each[OWN] for each in found]).loc[table.index]
    score = table["interval_score"] / actual
    told = {
        "number": len(table), "interval_score": score.mean(), "crps": (table["crps"] / actual).mean(),
        "width": ((table["p95"] - table["p05"]) / actual).mean(),
        "inside": int(((table["p05"] <= actual) & (actual <= table["p95"])).sum()),
        "bias": (table["p50"] / actual - 1).mean(),
    }  # fmt: skip
    if who != OWN:
        worse = score - own["interval_score"] / actual
        told |= {"worse_by": worse.mean(), "wins": int((worse > 0).sum())}
        told["standard_error"] = worse.std() / np.sqrt(len(worse)) if len(worse) > 1 else None
    return told


if __name__ == "__main__":
    common.main(__doc__, __file__, cases=cases, one=one, columns=COLUMNS)
