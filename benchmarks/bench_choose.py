"""Question: does `choose` name the model that forecasts the customers to come best?

Forty simulated worlds of 20,000 customers, ten of each kind: Poisson waits, regular ones (three stages, gaps
of weeks), Poisson waits with gaps of a few days, and Poisson waits under shocks that all customers share.
`choose` sees the log of 78 weeks. Each of its candidates is then fitted to the whole log and held against 200
futures of 13 weeks, simulated anew from where customers stand. Loss is the excess of the recommended one's
mean score over that of the best: the CRPS of customers, and under shocks the interval score of their total.

What would make it rigged: futures from the package's own simulator, or the one future that a log has; worlds
in which all candidates are alike (hence the gap between families, and whether the better one was named where
it is above 3 %); "no difference" counted as right wherever it is said.
"""

import time
from dataclasses import replace

import numpy as np

import bayesltv as ltv
import common
import futures
from bayesltv.comparison.choose import candidates, on_a_clock
from bayesltv.comparison.own import DRAWS, fit_quickly
from bayesltv.evaluation.rules import interval_score

KINDS = ("Poisson", "regular", "daily", "shocks")
COLUMNS = {
    "kind": ("world", ""),
    "seed": ("seed", ""),
    "recommended": ("recommended", ""),
    "no_difference": ("no difference", ""),
    "best": ("best", ""),
    "loss": ("loss", "+.2%"),
    "gap": ("between families", ".1%"),
    "is_named": ("better family named", ""),
    "scores": ("scores", ""),
    "choose_seconds": ("choose, s", ".0f"),
}
FIT_TO = 5000
"""Customers that a candidate is fitted to; the forecast is of all."""


def cases(quick):
    """Return the worlds."""
    if quick:
        return [{"kind": "Poisson", "seed": 1, "customers": 500, "futures": 20}]
    return [
        {"kind": kind, "seed": seed, "customers": 20_000, "futures": 200}
        for seed in range(1, 11)
        for kind in KINDS
    ]


def world_of(kind, seed, customers):
    """Return customers of a kind with their log; every second world lets them leave at once."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    gap = rng.uniform(2.5, 4.0) if kind == "daily" else rng.uniform(21, 42)
    shape, leaving = (
        rng.uniform(0.8, 2.0),
        rng.uniform(0.01, 0.03) if kind == "daily" else rng.uniform(0.1, 0.3),
    )
    rates = rng.gamma(shape, 1 / (shape * gap), customers).clip(1e-6)
    world = futures.World(rates, rng.beta(3 * leaving, 3 * (1 - leaving), customers))
    if kind == "regular":
        world = replace(world, stages=3)
    if kind == "shocks":
        world = replace(world, shock_sd=rng.uniform(0.3, 0.45), shock_rho=0.7)
    return futures.lived(world, rng, leaves_at_once=seed % 2 == 0), rng


def _parts(summary):
    """Return the summary in parts: one is fitted, and all are forecast in the memory that one takes."""
    parts = [
        summary.iloc[start : start + FIT_TO].reset_index(drop=True)
        for start in range(0, len(summary), FIT_TO)
    ]
    for part in parts:
        part.attrs = {key: value for key, value in summary.attrs.items() if key != "fingerprint"}
    return parts


def scores_of(spec, summary, outcomes):
    """Return the mean CRPS of customers and the interval score of their total, over futures."""
    some, *_ = parts = _parts(summary)
    fit = fit_quickly(some, spec.without_spend(), seed=1)
    terms = {"horizon": f"{futures.AHEAD} weeks", "annual_discount_rate": 0.0, "margin": 1.0, "seed": 1}
    made = (ltv.predict(fit, part, draws=DRAWS, **terms)["purchases"] for part in parts)
    stacked = [each.stack(sample=("chain", "draw")).transpose("customer_id", "sample") for each in made]
    draws = np.concatenate([each.to_numpy() for each in stacked])
    low, high = np.quantile(draws.sum(axis=0), [0.05, 0.95])
    totals = outcomes.sum(axis=1)
    return {
        "crps": float(futures.crps_of(draws, outcomes).mean()),
        "interval": float(np.mean([interval_score(low, high, each, 0.9) for each in totals]) / totals.mean()),
    }


def one(case):
    """Measure one world."""
    world, rng = world_of(case["kind"], case["seed"], case["customers"])
    begun = time.perf_counter()
    found = ltv.choose(world.log, columns={"monetary_value_col": None}, log_end=futures.END)
    seconds = time.perf_counter() - begun
    specs = candidates(found.facts["shape_of_waits"])
    (clocked,) = set(found.table["spec"]) - set(specs)
    plain = clocked.removesuffix("_clock")
    specs |= on_a_clock({plain: specs[plain]})
    summary = ltv.summarize(world.log, observation_end=futures.END, time_unit="week", monetary_value_col=None)
    outcomes = np.stack([futures.future(world, rng) for _ in range(case["futures"])])
    scores = {name: scores_of(spec, summary, outcomes) for name, spec in specs.items()}
    measure = "interval" if case["kind"] == "shocks" else "crps"
    best = min(scores, key=lambda name: scores[name][measure])
    families = {name: each["crps"] for name, each in scores.items() if name != clocked}
    better, gap = min(families, key=families.get), max(families.values()) / min(families.values()) - 1
    return {
        "recommended": found.recommended,
        "no_difference": "" if found.is_clear else "yes",
        "best": best,
        "loss": scores[found.recommended][measure] / scores[best][measure] - 1,
        "gap": gap,
        "is_named": str(found.recommended.removesuffix("_clock") == better) if gap > 0.03 else "",
        "scores": ", ".join(f"{name} {each[measure]:.4f}" for name, each in scores.items()),
        "choose_seconds": seconds,
        "told": found.reason,
    }


if __name__ == "__main__":
    common.main(__doc__, __file__, cases=cases, one=one, columns=COLUMNS)
