"""Question: does the effect of a randomised test arrive in a plan as it was?

Shops are simulated event by event: customers with a rate and a dropout coin of their own, half of them
treated for 32 weeks in which their purchases come m times as fast (and their amounts are f times as large,
with another spread). Each shop has one past and a window for each setting. The rest is the shipped way:
``summarize``, ``fit``, ``customer_base``, ``fit_uplift``, ``decide``. What is read is the plan's own table of
effects.

What would make it rigged: using the formulas under test in the simulation; fitting on the window; scoring
the estimate on anything but the truth of each world; leaving out worlds whose fit failed a check (they are
accepted, and counted); or showing the calibrated factor without the hazard ratio, which is what a test
without histories says.
"""

import json
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


def past(rng, customers):
    """Return customers as they are where the test begins, and their log: nothing of bayesltv is used."""
    lam = rng.gamma(RATE[0], 1 / RATE[1], customers)
    coin = rng.beta(*DROPOUT, customers)
    nu = rng.gamma(AMOUNT[1], 1 / AMOUNT[2], customers)
    born = rng.integers(0, LENGTH // 2, customers).astype(float)
    treated = rng.permutation(customers) % 2 == 1
    alive = np.flatnonzero(rng.random(customers) >= coin)
    who, when, alive = _lived(rng, alive, born, lam, coin, LENGTH)
    who, when = np.append(np.arange(customers), who), np.append(born, when)
    log = _log(who, when, rng.gamma(AMOUNT[0], size=who.size) / nu[who])
    return {"log": log, "lam": lam, "coin": coin, "nu": nu, "treated": treated, "alive": alive}


def window(rng, shop, *, m=1.0, season=1.0, f=1.0, spread=None):
    """Return the log of the test's window: waits have no memory, so that all who are alive begin anew."""
    fast = shop["lam"] * season * np.where(shop["treated"], m, 1.0)
    began = np.full(fast.size, float(LENGTH))
    who, when, _ = _lived(rng, shop["alive"], began, fast, shop["coin"], LENGTH + WINDOW)
    treated = shop["treated"][who]
    shape = np.where(treated & (spread is not None), spread or 1.0, AMOUNT[0])
    amounts = rng.gamma(shape) / shape * AMOUNT[0] / shop["nu"][who] * np.where(treated, f, 1.0)
    return _log(who, when, amounts)


def _lived(rng, alive, since, lam, coin, until):
    """Return who bought and when, and who is alive at the end: wait, buy, drop out or not, wait again."""
    now, who, when, stay = since.copy(), [], [], []
    while alive.size:
        then = now[alive] + rng.standard_exponential(alive.size) / lam[alive]
        inside = then <= until
        stay.append(alive[~inside])
        alive = alive[inside]
        now[alive] = then[inside]
        who.append(alive)
        when.append(now[alive])
        alive = alive[rng.random(alive.size) >= coin[alive]]
    return np.concatenate(who), np.concatenate(when), np.concatenate(stay)


def _log(who, when, amounts):
    days = END + pd.to_timedelta(np.ceil(when) - LENGTH, unit="D")
    return pd.DataFrame({"customer_id": np.char.add("k", who.astype(str)), "date": days, "amount": amounts})


def table_of(log, treated, *, with_purchases):
    """Return the test as a file would have it: what each customer spent in the window, on how many days."""
    by = log.groupby("customer_id")
    arms = np.where(treated, "letter", "control")
    frame = pd.DataFrame({"customer_id": np.char.add("k", np.arange(arms.size).astype(str)), "arm": arms})
    frame["spend"] = frame["customer_id"].map(by["amount"].sum()).fillna(0.0)
    frame["orders"] = frame["customer_id"].map(by["date"].nunique()).fillna(0).astype(int)
    return frame if with_purchases else frame.drop(columns="orders")


def measure(seed, settings, customers, *, with_purchases=True):
    """Return what the shipped way says of the tests of one shop: one past, a window for each setting."""
    shop = past(np.random.default_rng([seed, 9]), customers)
    summary = ltv.summarize(shop["log"], observation_end=END, time_unit="week")
    fit = ltv.fit(summary, "mbg_pooled", seed=seed, method="laplace", progress=False)
    failed = [each.name for each in ltv.check(fit).failed]
    base = ltv.customer_base(fit, summary, seed=seed, accept_failed=failed)
    few = summary.iloc[:200].copy()
    few.attrs = dict(summary.attrs)
    rows = []
    for setting in settings:
        stream = SETTINGS.index(setting) or len(SETTINGS)  # numpy takes [seed, 9, 0] for [seed, 9]
        log = window(np.random.default_rng([seed, 9, stream]), shop, **setting)
        test = table_of(log, shop["treated"], with_purchases=with_purchases)
        asked = {"cells": [], "outcome": "spend", "randomised": True, "seed": seed, "progress": False}
        uplift = ltv.fit_uplift(
            test, base=base, window="32 weeks", assigned_on=END,
            purchases="orders" if with_purchases else None, **asked,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plan = ltv.decide(
                fit, few, _decision(), seed=seed, tests={"spring": uplift}, accept_failed=failed
            )
        alone = ltv.fit_uplift(test, **asked)
        row = {"seed": seed, "setting": setting, "failed": failed, **_told(plan, uplift, seed)}
        row |= at_truth(shop, log, setting) | {"luck": luck(shop, log, setting)}
        row["hazard_ratio"] = float(np.exp(np.median(alone["posterior"]["rate_effect"].values)))
        rows.append(row)
    return rows


def at_truth(shop, log, setting):
    """Return mean and sd of ln f by the exact likelihood, were the population known: what nobody can beat."""
    grid, n = np.linspace(-0.5, 0.5, 1001), shop["nu"].size
    (before, past_orders), (spent, orders) = (
        (np.bincount(who, weights=each["amount"], minlength=n), np.bincount(who, minlength=n))
        for each in (shop["log"], log)
        for who in [each["customer_id"].str[1:].astype(int)]
    )
    moments = []
    for is_treated in (False, True):
        mine = (orders > 0) & (shop["treated"] == is_treated)
        shape = setting.get("spread", AMOUNT[0]) if is_treated else AMOUNT[0]
        rate = shape / AMOUNT[0] * np.exp(-grid)[:, None]
        q, v, given = AMOUNT[1] + AMOUNT[0] * past_orders, AMOUNT[2] + before, shape * orders
        logs = given[mine] * np.log(rate) - (q + given)[mine] * np.log(v[mine] + rate * spent[mine])
        weight = np.exp(logs.sum(axis=1) - logs.sum(axis=1).max())
        mean = np.average(grid, weights=weight)
        moments.append((mean, np.average((grid - mean) ** 2, weights=weight)))
    (usual, variance), (acted, more) = moments
    return {"known_ln_spend": acted - usual, "known_sd": float(np.sqrt(variance + more))}


def luck(shop, log, setting):
    """Return ln of the purchases of the treated for each of the control's, against what true latents say.

    Its mean over worlds is 0: no estimate can tell it from an effect, and what a mean over few worlds owes
    to it is not the estimate's.
    """
    lam, coin, treated = shop["lam"], shop["coin"], shop["treated"]
    pace = lam * setting.get("season", 1.0) * np.where(treated, setting.get("m", 1.0), 1.0)
    mean = np.zeros(lam.size)
    mean[shop["alive"]] = (-np.expm1(-pace * coin * WINDOW) / coin)[shop["alive"]]
    bought = np.bincount(log["customer_id"].str[1:].astype(int), minlength=lam.size)
    acted, usual = (np.log(bought[arm].sum() / mean[arm].sum()) for arm in (treated, ~treated))
    return float(acted - usual)


def without(luck, off):
    """Return the mean of `off` with its regression on `luck` taken out, and its standard error."""
    lucky = luck - luck.mean()
    slope = (lucky @ off) / (lucky @ lucky)
    left = off - slope * luck
    spread = (left - left.mean()) @ (left - left.mean()) / max(off.size - 2, 1)
    return left.mean(), np.sqrt(spread * (1 / off.size + luck.mean() ** 2 / (lucky @ lucky)))


def _told(plan, uplift, seed):
    """Return what the plan's table of effects says, and the mean of the logs of what it draws."""
    effects = plan.effects.set_index("parameter")
    drawn, told = ltv.effect_draws(uplift, "letter", draws=4000, seed=seed), {}
    for name in ("rate", "spend"):
        logs = np.log(drawn[name].values[0])
        told |= {
            name: float(np.exp(np.median(logs))), f"ln_{name}": float(logs.mean()),
            f"{name}_p05": float(effects.loc[name, "p05"]), f"{name}_p95": float(effects.loc[name, "p95"]),
        }  # fmt: skip
    return told


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
    for name, factor, known in (("rate", "m", "luck"), ("spend", "f", "known_ln_spend")):
        true = np.log(setting.get(factor, 1.0))
        lucky = np.array([row[known] for row in rows]) - (true if name == "spend" else 0.0)
        left, error = without(lucky, np.array([row[f"ln_{name}"] for row in rows]) - true)
        found |= {f"{name}_luck": f"{lucky.mean():+.4f}", f"{name}_left": f"{left:+.4f} ± {error:.4f}"}
    found["sheet_width"] = SHEET[statistic] * np.sqrt(30_000 / customers)
    z = [(row["known_ln_spend"] - np.log(setting.get("f", 1.0))) / row["known_sd"] for row in rows]
    found["known_inside"] = float(np.mean(np.abs(z) < 1.645))
    found["hazard_ratio"] = float(np.median([row["hazard_ratio"] for row in rows]))
    found["failed_fits"] = sum(bool(row["failed"]) for row in rows)
    return found


def gate(inside, worlds, level=0.9):
    """Return whether so many intervals that hold the truth are neither too few nor too many, at p .001."""
    from scipy.stats import binomtest

    return binomtest(inside, worlds, level).pvalue > 0.001


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--worlds", type=int, default=100, help="of each setting")
    parser.add_argument("--customers", type=int, default=30_000, help="of each world, half of them treated")
    parser.add_argument("--keep", metavar="FILE", help="lines of seeds done: they are not run again")
    parser.add_argument("--conversions", action="store_true", help="read conversions alone")
    asked = parser.parse_args()
    worlds, customers = (2, 3_000) if asked.quick else (asked.worlds, asked.customers)
    statistic = "conversions" if asked.conversions else "purchases"
    settings = [each for each in SETTINGS if not asked.only or asked.only in json.dumps(each)]

    def of_seed(seed):
        return measure(seed, settings, customers, with_purchases=not asked.conversions)

    terms = {"settings": settings, "customers": customers, "statistic": statistic}
    found = [row for each in common.each_seed(worlds, of_seed, keep=asked.keep, **terms) for row in each]
    rows = [
        summarise(setting, [row for row in found if row["setting"] == setting], customers, statistic)
        for setting in settings
    ]
    made = common.envelope("bench_uplift", rows, columns=COLUMNS, question=__doc__.split("\n")[0], title="")
    if asked.json:
        common.write_json(asked.json, made)
    else:
        print(common.markdown(made))


COLUMNS = {
    "setting": ("true", ""),
    "statistic": ("read", ""),
    "worlds": ("worlds", ","),
    "failed_fits": ("failed checks", ","),
    "customers": ("customers", ","),
    "rate_median": ("m", ".3f"),
    "rate_inside": ("in 90 %", ".2f"),
    "rate_gate": ("gate", ""),
    "rate_off_se": ("ln m off, s.e.", "+.1f"),
    "rate_luck": ("luck", ""),
    "rate_left": ("ln m off, luck taken out", ""),
    "rate_width": ("width", ".3f"),
    "sheet_width": ("prototype's", ".3f"),
    "hazard_ratio": ("hazard ratio", ".3f"),
    "spend_median": ("f", ".3f"),
    "spend_inside": ("in 90 %", ".2f"),
    "known_inside": ("were all known", ".2f"),
    "spend_gate": ("gate", ""),
    "spend_off_se": ("ln f off, s.e.", "+.1f"),
    "spend_luck": ("luck", ""),
    "spend_left": ("ln f off, luck taken out", ""),
    "spend_width": ("width", ".3f"),
}


if __name__ == "__main__":
    main()
