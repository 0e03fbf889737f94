"""Question: do 94 % intervals hold 94 % of what customers then do?

Two kinds of interval, from the same posterior draws on the CDNOW sample, 39 weeks of observation and 39 of
hold-out:

predictive
    of the number of purchases a customer makes (``ltv.predict``)
expectation
    of the customer's expected number of purchases: its closed form at each posterior draw. This is what one
    gets where a posterior is carried through a formula for the mean.

What would make it rigged: fitting on the hold-out; leaving out customers who never came back, who are the
most and the easiest; calling coverage above 94 % better, since intervals of counts cover too much of
necessity; or reading it as a comparison of models, which it is not: the posterior is one and the same.
"""

import numpy as np
from scipy.special import expit

import bayesltv as ltv
import common
from bayesltv.families.bg_nbd.expectations import expected_over_span
from bayesltv.families.bg_nbd.formulas import log_odds_dead
from bayesltv.numerics.quadrature import work_space

WEEKS = 39
LEVELS = [0.03, 0.97]
QUICK = {"chains": 2, "tune": 500, "draws": 100}
COLUMNS = {
    "interval": ("94 % interval of", ""),
    "inside": ("inside", ".1%"),
    "inside_of_those_who_came_back": ("of those who came back", ".1%"),
    "mean_width": ("mean width", ".2f"),
}


def expected_purchases(summary, posterior):
    """Return E[purchases in the horizon | parameters], shape (customer, draw): no coin is tossed."""
    work = work_space()
    theta = [posterior[name].values.ravel() for name in ("r", "alpha", "a", "b")]
    expected = np.empty((len(summary), theta[0].size))
    for i, (x, t_x, T) in enumerate(summary[["frequency", "recency", "T"]].to_numpy(float)):
        alive = expit(-log_odds_dead(x, x, t_x, T, *theta))
        for d, (r, alpha, a, b) in enumerate(zip(*theta, strict=True)):
            ahead = expected_over_span(0.0, WEEKS, 0.0, r + x, alpha + T, a, b + x, work)
            expected[i, d] = alive[d] * ahead[0]
    return expected


def describe(values, actual):
    """Return what intervals of draws, shape (customer, draw), hold, and how wide they are."""
    low, high = np.quantile(values, LEVELS, axis=1)
    inside = (low <= actual) & (actual <= high)
    return {
        "inside": float(inside.mean()),
        "inside_of_those_who_came_back": float(inside[actual > 0].mean()),
        "mean_width": float((high - low).mean()),
    }


def measure(seed=1, sampler=None):
    log = ltv.load_cdnow()
    summary = ltv.summarize(log, observation_end="1997-09-30", time_unit="week")
    later = ltv.summarize(log, observation_end="1998-06-30", time_unit="week")
    actual = later["frequency"].to_numpy() - summary["frequency"].to_numpy()  # both sorted by customer_id
    fit = ltv.fit(summary, ltv.load_spec("pooled"), seed=seed, sampler=sampler, progress=False)
    terms = {"horizon": f"{WEEKS} weeks", "annual_discount_rate": 0.0, "margin": 1.0}
    draws = ltv.predict(fit, summary, seed=seed, **terms)["purchases"]
    predictive = draws.stack(sample=("chain", "draw")).transpose("customer_id", "sample").values
    return {
        "customers": len(summary),
        "came_back": int((actual > 0).sum()),
        "predictive": describe(predictive, actual),
        "expectation": describe(expected_purchases(summary, fit["posterior"]), actual),
    }


def main():
    asked = common.parser(__doc__).parse_args()
    result = measure(sampler=QUICK if asked.quick else None)
    kinds = ("predictive", "expectation")
    if asked.json:
        rows = [{"interval": kind, **result[kind]} for kind in kinds]
        made = common.envelope("bench_coverage", rows, columns=COLUMNS, question=__doc__.split("\n")[0])
        common.write_json(asked.json, made)
        return
    print(f"{result['customers']:,} customers, {result['came_back']:,} came back within {WEEKS} weeks")
    print(f"{'94 % interval of':<18}{'inside':>9}{'of those who came back':>25}{'mean width':>13}")
    for kind in kinds:
        inside, back, width = result[kind].values()
        print(f"{kind:<18}{inside:>9.1%}{back:>25.1%}{width:>13.2f}")


if __name__ == "__main__":
    main()
