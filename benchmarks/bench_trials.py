"""Question: does a policy that is learnt on half of a public test earn on the other half what it claims?

Customers are halved by lot, arm by arm and cell by cell; effects are learnt on one half, each policy claims
what it will gain over treating nobody, and the other half says what it gains, by inverse propensity: no
model is asked. Then the halves change places. Tests: coupons (5,000 customers, teaching data) and letters
that offer to match gifts (Karlan & List 2007; 50,083 donors, in the R package experimentdatar), from the
folder that ``BENCH_TRIALS`` names; without it, a simulated one.

raw, shrunk
    the best arm of each cell, by differences of means, and by the posterior means of ``fit_uplift``
one arm
    the arm that is best overall, to everybody, or nobody where none is
T-learner
    gradient boosting (scikit-learn) in each arm by all that was known of a customer before; the best arm by
    the difference of its predictions
causal forest, X-learner
    EconML's and CausalML's, on the same columns (`trial_rivals.py`). They need other versions than bayesltv:
    ``--rivals PYTHON`` names an interpreter that has them (``python -m venv there; there/bin/pip install
    econml causalml``). EconML 0.17.0 and CausalML 0.18.0 install so under Python 3.12.

What would make it rigged: learning and earning on the same customers; leaving out what a test does not show
(the standard error of what one half earns stands beside); cells picked for their effects; columns measured
after the assignment; rivals with fewer columns than we have (they have more: ours are cut into cells).
"""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import bayesltv as ltv
import common
from bayesltv.experiments.policy import policy_value

LEAF = 50
"""Fewest customers in a leaf of boosted trees; effects are small beside what customers spend by chance."""


def coupons(folder):
    """Return revenue after a coupon; cells by past purchases, weeks since the last visit, and the cart."""
    frame = pd.read_csv(folder / "coupon_test/coupon_test.csv").rename(columns={"revenue_after": "spend"})
    frame["arm"] = np.where(frame["test_coupon"] == 1, "coupon", "control")
    frame["bought"] = pd.cut(frame["num_past_purch"], [-1, 0, 2, np.inf], labels=["never", "1-2", "3+"])
    frame["seen"] = pd.cut(frame["weeks_since_visit"], [-1, 1, 4, np.inf], labels=["0-1", "2-4", "5+"])
    frame["cart"] = frame["shopping_cart"].map({0: "empty", 1: "filled"})
    known = [
        "channel_acq", "num_past_purch", "spent_last_purchase", "weeks_since_visit", "browsing_minutes",
        "shopping_cart",
    ]  # fmt: skip
    return frame, ["bought", "seen", "cart"], known, {"control": 1, "coupon": 1}


def letters(folder):
    """Return gifts after letters that offer to match each dollar by one to three; cells by past gifts."""
    frame = pd.read_csv(folder / "charity_mailing/charity_mailing.csv.gz").dropna(subset=["out_amountgive"])
    frame = frame[frame["mrm2"] >= 0].rename(columns={"out_amountgive": "spend"})  # -999: not known
    kinds = [frame["treatment"] == 0, frame["treat_ratio3"] == 1, frame["treat_ratio2"] == 1]
    frame["arm"] = np.select(kinds, ["control", "match 3:1", "match 2:1"], "match 1:1")
    frame["gifts"] = pd.cut(frame["freq"], [-1, 1, 4, 9, np.inf], labels=["1", "2-4", "5-9", "10+"])
    frame["last"] = pd.cut(frame["mrm2"], [-np.inf, 4, 8, 13, np.inf], labels=["0-4", "5-8", "9-13", "14+"])
    known = ["hpa", "ltmedmra", "freq", "years", "mrm2", "female", "couple", "state50one", "redcty"]
    shares = {"control": 3, "match 1:1": 2, "match 2:1": 2, "match 3:1": 2}
    return frame, ["gifts", "last"], known, shares


def simulated(_):
    """Return a test with a letter that helps who bought often, and a coupon that moves spend alone."""
    rng, customers = np.random.default_rng(11), 8_000
    often = rng.choice(3, customers, p=[0.5, 0.3, 0.2])
    frame = pd.DataFrame({"arm": rng.choice(["control", "coupon", "letter"], customers), "often": often})
    lift = np.where(frame["arm"] == "letter", np.array([0.9, 1.1, 1.4])[often], 1.0)
    bought = rng.poisson(0.06 * 2.0**often * lift) > 0
    less = np.where(frame["arm"] == "coupon", -0.12, 0.0)
    frame["spend"] = np.where(bought, rng.lognormal(3.4 + less, 0.8), 0.0)
    return frame.assign(tier=often), ["tier"], ["often"], {"control": 1, "coupon": 1, "letter": 1}


TRIALS = {"coupon test": coupons, "charity mailing": letters, "simulated": simulated}


def trial(name):
    """Return one row per customer, the columns of cells, what else was known, and the arms' shares."""
    frame, cells, known, shares = TRIALS[name](Path(os.environ.get("BENCH_TRIALS", "")))
    frame = frame.assign(**{each: frame[each].astype(str) for each in cells}).reset_index(drop=True)
    frame["customer_id"] = np.arange(len(frame)).astype(str)
    frame[known] = frame[known].astype(float).where(frame[known] != -999)
    return frame, cells, known, shares


def best_of(effects):
    """Return the best column of each row, -1 where none is above nothing, and what that gains on average."""
    effects = np.nan_to_num(np.asarray(effects, dtype=float))
    best = effects.argmax(axis=1)
    gain = effects[np.arange(len(best)), best]
    return np.where(gain > 0, best, -1), float(np.maximum(gain, 0.0).mean())


def by_cells(mine, other, cells, shares, seed):
    """Return effects of the other half's customers, (customer, arm), by the rules that know cells alone."""
    uplift = ltv.fit_uplift(
        mine, cells=cells, outcome="spend", randomised=True, shares=shares, seed=seed, progress=False
    )
    table, arms = ltv.uplift_table(uplift), list(shares)[1:]
    parts, whole = table[table["cell"] != "all"], table[table["cell"] == "all"].set_index("arm")
    label = other[cells].agg(" | ".join, axis=1)

    def of_cells(column):
        return parts.pivot(index="cell", columns="arm", values=column).reindex(label)[arms].to_numpy()

    one = np.tile(whole.loc[arms, "effect_mean"], (len(other), 1))
    return {"raw": of_cells("effect_raw"), "shrunk": of_cells("effect_mean"), "one arm": one}


def by_columns(mine, other, known, arms, rivals):
    """Return effects of the other half's customers, (customer, arm), by rules that know all columns."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    def told(arm):
        of = mine[mine["arm"] == arm]
        model = HistGradientBoostingRegressor(min_samples_leaf=LEAF, random_state=0)
        return model.fit(of[known], of["spend"]).predict(other[known])

    usual = told("control")
    found = {"T-learner": np.column_stack([told(arm) - usual for arm in arms])}
    if rivals:
        with tempfile.TemporaryDirectory() as folder:
            given, out = Path(folder) / "in.npz", Path(folder) / "out.npz"
            middle = mine[known].median()  # forests take no missing values
            code = mine["arm"].map({name: at for at, name in enumerate(["control", *arms])})
            x, x_new = (half[known].fillna(middle).to_numpy() for half in (mine, other))
            np.savez(given, x=x, arm=code.to_numpy(), y=mine["spend"].to_numpy(), x_new=x_new)
            script = Path(__file__).with_name("trial_rivals.py")
            clean = {name: at for name, at in os.environ.items() if name != "PYTHONPATH"}
            subprocess.run([rivals, str(script), str(given), str(out)], check=True, env=clean)
            found |= dict(np.load(out))
    return found


def measure(name, seed, rivals):
    """Return what each policy claims and earns in both halves of one split."""
    frame, cells, known, shares = trial(name)
    arms, rng = list(shares)[1:], np.random.default_rng([seed, 4])
    lot = rng.random(len(frame))
    rank = pd.Series(lot).groupby([frame[each] for each in (*cells, "arm")]).rank()
    rows = []
    for half in (0, 1):
        mine, other = (frame[(rank % 2 == which)].reset_index(drop=True) for which in (half, 1 - half))
        effects = by_cells(mine, other, cells, shares, seed)
        effects |= by_columns(mine, other, known, arms, rivals)
        chosen = {policy: best_of(each) for policy, each in effects.items()}
        given = {policy: np.array([*arms, "control"])[best] for policy, (best, _) in chosen.items()}
        earned = policy_value(
            other, {"nobody": np.repeat("control", len(other)), **given}, outcome="spend", arm="arm",
            propensity={arm: share / sum(shares.values()) for arm, share in shares.items()}, bootstraps=500,
            seed=seed,
        )  # fmt: skip
        earned = earned[earned["method"] == "ipw"].set_index("policy")
        for policy, (best, claimed) in chosen.items():
            of = earned.loc[policy]
            error = (of["above_first_p95"] - of["above_first_p05"]) / (2 * 1.645)
            told = {"claimed": claimed, "earned": float(of["above_first"]), "error": float(error)}
            rows.append({"policy": policy, "treated": float((best >= 0).mean()), **told})
    return rows


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--splits", type=int, default=8, help="of each test")
    parser.add_argument("--rivals", metavar="PYTHON", help="an interpreter with EconML and CausalML")
    parser.add_argument("--keep", metavar="FOLDER", help="for lines of splits done: they are not run again")
    asked = parser.parse_args()
    names = ["simulated"] if asked.quick or "BENCH_TRIALS" not in os.environ else list(TRIALS)[:2]
    rows = []
    for name in (each for each in names if asked.only in {None, each}):
        keep = asked.keep and str(Path(asked.keep) / f"{name.replace(' ', '_')}.jsonl")
        found = common.each_seed(
            1 if asked.quick else asked.splits, lambda seed, name=name: measure(name, seed, asked.rivals),
            keep=keep, trial=name,
        )  # fmt: skip
        table = pd.DataFrame([row for each in found for row in each]).groupby("policy", sort=False).mean()
        table = table.assign(trial=name, splits=len(found), broken=table["claimed"] - table["earned"])
        rows += table.reset_index().to_dict("records")
    made = common.envelope("bench_trials", rows, columns=COLUMNS, question=__doc__.split("\n")[0])
    if asked.json:
        common.write_json(asked.json, made)
    else:
        print(common.markdown(made))


COLUMNS = {
    "trial": ("test", ""),
    "policy": ("policy", ""),
    "splits": ("splits", ",d"),
    "treated": ("treated", ".0%"),
    "claimed": ("claims", ".3f"),
    "earned": ("earns", "+.3f"),
    "error": ("s.e. of one half", ".3f"),
    "broken": ("claims − earns", "+.3f"),
}


if __name__ == "__main__":
    main()
