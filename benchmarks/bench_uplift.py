"""Question: does the effect of a randomised test arrive in a plan as it was?

Shops are simulated event by event: customers with a rate and a dropout coin of their own, half of them
treated for 32 weeks in which their purchases come m times as fast (and their amounts are f times as large,
with another spread). The rest is the shipped way: ``summarize``, ``fit``, ``customer_base``, ``fit_uplift``,
``decide``. What is read is the plan's own table of effects.

What would make it rigged: using the formulas under test in the simulation; fitting on the window; scoring
the estimate on anything but the truth of each world; leaving out worlds whose fit failed a check (they are
accepted, and counted); or showing the calibrated factor without the hazard ratio, which is what a test
without histories says.
"""

import json
import sys
import time
import warnings

import numpy as np
import pandas as pd

import bayesltv as ltv
import common

END, LENGTH, WINDOW = pd.Timestamp("2023-12-31"), 1456, 224
RATE, DROPOUT = (0.8, 192.0), (0.7, 2.3)
"""Shape and rate (per day) of customers' purchase rates; a and b of their dropout coins, one after each
purchase. A window of 32 weeks holds as many purchases as eight weeks of a shop four times as quick: orders of
one day are one purchase, which at this pace is rare, so that the truth is m and not what days make of it."""
AMOUNT = (4.0, 5.0, 80.0)
"""Shape of one customer's amounts; shape and rate of the customers' own rates."""
DECISION = """
[value]
horizon = "104 weeks"
annual_discount_rate = 0.1
margin = 0.3
[actions.letter]
kind = "contact"
window = "32 weeks"
contact = 0.5
test = "spring"
"""
SETTINGS = (
    {"m": 1.5}, {"m": 1.0}, {"m": 0.8},
    {"m": 1.5, "season": 1.3}, {"m": 1.0, "season": 1.3}, {"m": 0.8, "season": 1.3},
    {"m": 1.0, "f": 1.1, "spread": 2.0},
)  # fmt: skip
SHEET = {"purchases": 0.079, "conversions": 0.118}
"""Width of a 90 % interval of ln m with 30,000 customers, as an independent prototype found it."""


def simulate(rng, customers, *, m=1.0, season=1.0, f=1.0, spread=None):
    """Return a log until the window ends, and the arm of each customer: nothing of bayesltv is used."""
    lam = rng.gamma(RATE[0], 1 / RATE[1], customers)
    coin = rng.beta(*DROPOUT, customers)
    nu = rng.gamma(AMOUNT[1], 1 / AMOUNT[2], customers)
    born = rng.integers(0, LENGTH // 2, customers).astype(float)
    treated = rng.permutation(customers) % 2 == 1
    fast = season * np.where(treated, m, 1.0)
    who, when = [np.arange(customers)], [born.copy()]
    time_now = born.copy()
    alive = np.flatnonzero(rng.random(customers) >= coin)
    while alive.size:
        waits, now = rng.standard_exponential(alive.size) / lam[alive], time_now[alive]
        left = np.maximum(LENGTH - now, 0.0)  # until the window begins time passes as it does
        then = np.where(waits <= left, now + waits, np.maximum(now, LENGTH) + (waits - left) / fast[alive])
        inside = then <= LENGTH + WINDOW
        alive, then = alive[inside], then[inside]
        time_now[alive] = then
        who.append(alive)
        when.append(then)
        alive = alive[rng.random(alive.size) >= coin[alive]]
    who, when = np.concatenate(who), np.concatenate(when)
    in_window = when > LENGTH
    changed = in_window & treated[who]
    shape = np.where(changed & (spread is not None), spread or 1.0, AMOUNT[0])
    amounts = rng.gamma(shape) / shape * AMOUNT[0] / nu[who] * np.where(changed, f, 1.0)
    days = END + pd.to_timedelta(np.ceil(when) - LENGTH, unit="D")
    log = pd.DataFrame({"customer_id": np.char.add("k", who.astype(str)), "date": days, "amount": amounts})
    return log, np.where(treated, "letter", "control")


def table_of(log, arms, *, with_purchases):
    """Return the test as a file would have it: what each customer spent in the window, on how many days."""
    later = log[log["date"] > END]
    by = later.groupby("customer_id")
    frame = pd.DataFrame({"customer_id": np.char.add("k", np.arange(arms.size).astype(str)), "arm": arms})
    frame["spend"] = frame["customer_id"].map(by["amount"].sum()).fillna(0.0)
    frame["orders"] = frame["customer_id"].map(by["date"].nunique()).fillna(0).astype(int)
    return frame if with_purchases else frame.drop(columns="orders")


def measure(seed, setting, customers, *, with_purchases=True, also_without=True):
    """Return what the shipped way says of one world."""
    rng = np.random.default_rng([seed, 9])
    log, arms = simulate(rng, customers, **setting)
    summary = ltv.summarize(log[log["date"] <= END], observation_end=END, time_unit="week")
    fit = ltv.fit(summary, "mbg_pooled", seed=seed, method="laplace", progress=False)
    failed = [each.name for each in ltv.check(fit).failed]
    base = ltv.customer_base(fit, summary, seed=seed, accept_failed=failed)
    test = table_of(log, arms, with_purchases=with_purchases)
    asked = {"cells": [], "outcome": "spend", "randomised": True, "seed": seed, "progress": False}
    more = {"base": base, "window": "32 weeks", "assigned_on": END}
    uplift = ltv.fit_uplift(test, purchases="orders" if with_purchases else None, **asked, **more)
    decision = _decision()
    few = summary.iloc[:200].copy()
    few.attrs = dict(summary.attrs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plan = ltv.decide(fit, few, decision, seed=seed, tests={"spring": uplift}, accept_failed=failed)
    effects = plan.effects.set_index("parameter")
    drawn = ltv.effect_draws(uplift, "letter", draws=4000, seed=seed)
    row = {"failed": failed}
    for name in ("rate", "spend"):
        logs = np.log(drawn[name].values[0])
        row |= {
            f"{name}": float(np.exp(np.median(logs))), f"ln_{name}": float(logs.mean()),
            f"{name}_p05": float(effects.loc[name, "p05"]), f"{name}_p95": float(effects.loc[name, "p95"]),
        }  # fmt: skip
    if also_without:
        alone = ltv.fit_uplift(test, **asked)
        row["hazard_ratio"] = float(np.exp(np.median(alone["posterior"]["rate_effect"].values)))
    return row


def _decision():
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.toml"
        path.write_text(DECISION)
        return ltv.load_decision(path)


def summarise(setting, rows, customers, statistic):
    """Return one row: medians, coverage and its gate, bias in standard errors, width."""
    found = {"setting": ", ".join(f"{k} {v:g}" for k, v in setting.items()), "statistic": statistic}
    found |= {"worlds": len(rows), "customers": customers}
    for name, truth in (("rate", setting.get("m", 1.0)), ("spend", setting.get("f", 1.0))):
        logs = np.array([row[f"ln_{name}"] for row in rows])
        inside = [row[f"{name}_p05"] <= truth <= row[f"{name}_p95"] for row in rows]
        off = logs - np.log(truth)
        found |= {
            f"{name}_median": float(np.exp(np.median(logs))),
            f"{name}_inside": float(np.mean(inside)),
            f"{name}_gate": bool(gate(sum(inside), len(rows))),
            f"{name}_off_se": float(off.mean() / (off.std(ddof=1) / np.sqrt(off.size))),
            f"{name}_width": float(
                np.mean([np.log(row[f"{name}_p95"] / row[f"{name}_p05"]) for row in rows])
            ),
        }
    found["sheet_width"] = SHEET[statistic] * np.sqrt(30_000 / customers)
    if "hazard_ratio" in rows[0]:
        found["hazard_ratio"] = float(np.median([row["hazard_ratio"] for row in rows]))
    return found


def gate(inside, worlds, level=0.9):
    """Return whether so many intervals that hold the truth are neither too few nor too many, at p .001."""
    from scipy.stats import binomtest

    return binomtest(inside, worlds, level).pvalue > 0.001


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--worlds", type=int, default=100, help="of each setting")
    parser.add_argument("--customers", type=int, default=30_000, help="of each world, half of them treated")
    parser.add_argument("--conversions", action="store_true", help="read conversions alone")
    asked = parser.parse_args()
    worlds, customers = (2, 3_000) if asked.quick else (asked.worlds, asked.customers)
    statistic = "conversions" if asked.conversions else "purchases"
    rows = []
    for setting in SETTINGS:
        if asked.only and asked.only not in json.dumps(setting):
            continue
        began, found = time.process_time(), []
        for seed in range(worlds):
            found.append(measure(seed, setting, customers, with_purchases=not asked.conversions))
            print(json.dumps({"seed": seed, **setting, **found[-1]}), file=sys.stderr, flush=True)
        rows.append(summarise(setting, found, customers, statistic))
        rows[-1]["cpu_seconds"] = time.process_time() - began
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    made = common.envelope("bench_uplift", rows, columns=COLUMNS, question=__doc__.split("\n")[0], title="")
    if asked.json:
        common.write_json(asked.json, made)
    else:
        print(common.markdown(made))


COLUMNS = {
    "setting": ("true", ""),
    "statistic": ("read", ""),
    "worlds": ("worlds", ","),
    "customers": ("customers", ","),
    "rate_median": ("m", ".3f"),
    "rate_inside": ("in 90 %", ".2f"),
    "rate_gate": ("gate", ""),
    "rate_off_se": ("ln m off, s.e.", "+.1f"),
    "rate_width": ("width", ".3f"),
    "sheet_width": ("prototype's", ".3f"),
    "hazard_ratio": ("hazard ratio", ".3f"),
    "spend_median": ("f", ".3f"),
    "spend_inside": ("in 90 %", ".2f"),
    "spend_gate": ("gate", ""),
    "spend_off_se": ("ln f off, s.e.", "+.1f"),
    "spend_width": ("width", ".3f"),
}


if __name__ == "__main__":
    main()
