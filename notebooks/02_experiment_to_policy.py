# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From an experiment to a policy
#
# A test was run: some customers got a coupon, some a letter, some nothing, at random. Who should get what
# from now on? This notebook fits the effects by cell, shows what shrinkage does to them, and then asks the
# question that decides: what is a policy made on one half of the customers worth on the other half?
#
# It simulates a test, unless the environment variable `BAYESLTV_EXPERIMENT` names a file: `coupon_test.csv`
# (a coupon test of teaching data, 5,000 customers) or `charity_mailing.csv.gz` (Karlan & List 2007, 50,083
# donors, in the R package experimentdatar).

# %%
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesltv as ltv

# %% [markdown]
# Sampler settings that differ from those shipped (4 chains, 200 sweeps of tuning, 1,500 draws).

# %%
SAMPLER = {}

# %%
PATH = os.environ.get("BAYESLTV_EXPERIMENT")
SPLITS = int(os.environ.get("BAYESLTV_SPLITS", "1"))

# %% [markdown]
# ## 1. The test
#
# One row per customer who was assigned, those who bought nothing included; what they spent in the test's
# window; and what was known about them *before*: the cells by which effects may differ.


# %%
def simulated(customers=24_000, seed=11):
    """A test with a letter that helps whoever bought often, and a coupon that does nothing but move spend."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(customers).astype(str),
            "arm": rng.choice(["control", "coupon", "letter"], customers),
            "tier": rng.choice(["low", "medium", "high"], customers, p=[0.5, 0.3, 0.2]),
            "channel": rng.choice(["web", "shop", "fair", "partner"], customers),
        }
    )
    rate = 0.04 * frame["tier"].map({"low": 1.0, "medium": 2.0, "high": 4.0})
    better = frame["tier"].map({"low": 0.9, "medium": 1.1, "high": 1.4})
    lift = np.where(frame["arm"] == "letter", better, np.where(frame["arm"] == "coupon", 1.1, 1.0))
    less = np.where(frame["arm"] == "coupon", -0.12, 0.0)
    bought = rng.poisson(rate * lift) > 0
    frame["spend"] = np.where(bought, rng.lognormal(3.4 + less, 0.8), 0.0)
    return frame, ["tier", "channel"], {"control": 1, "coupon": 1, "letter": 1}


def coupon_test(path):
    """Revenue after a coupon; cells by past purchases and weeks since the last visit."""
    frame = pd.read_csv(path).rename(columns={"id": "customer_id", "revenue_after": "spend"})
    frame["arm"] = np.where(frame["test_coupon"] == 1, "coupon", "control")
    frame["bought"] = pd.cut(frame["num_past_purch"], [-1, 0, 2, np.inf], labels=["never", "1-2", "3+"])
    frame["seen"] = pd.cut(frame["weeks_since_visit"], [-1, 1, 4, np.inf], labels=["0-1", "2-4", "5+"])
    frame["cart"] = frame["shopping_cart"].map({0: "empty", 1: "filled"})
    return frame, ["bought", "seen", "cart"], {"control": 1, "coupon": 1}


def charity_mailing(path):
    """Gifts after letters that offer to match each dollar by one, two or three; cells by past gifts."""
    frame = pd.read_csv(path).dropna(subset=["out_amountgive"]).rename(columns={"out_amountgive": "spend"})
    frame = frame[frame["mrm2"] >= 0]  # -999: not known
    frame["customer_id"] = np.arange(len(frame)).astype(str)
    kinds = [frame["treatment"] == 0, frame["treat_ratio3"] == 1, frame["treat_ratio2"] == 1]
    frame["arm"] = np.select(kinds, ["control", "match 3:1", "match 2:1"], "match 1:1")
    frame["gifts"] = pd.cut(frame["freq"], [-1, 1, 4, 9, np.inf], labels=["1", "2-4", "5-9", "10+"])
    frame["last"] = pd.cut(frame["mrm2"], [-np.inf, 4, 8, 13, np.inf], labels=["0-4", "5-8", "9-13", "14+"])
    return frame, ["gifts", "last"], {"control": 3, "match 1:1": 2, "match 2:1": 2, "match 3:1": 2}


if PATH is None:
    frame, cells, shares = simulated()
elif "coupon" in Path(PATH).name:
    frame, cells, shares = coupon_test(PATH)
else:
    frame, cells, shares = charity_mailing(PATH)
frame = frame.assign(**{name: frame[name].astype(str) for name in cells})
frame.groupby("arm")["spend"].agg(["size", "mean", "std", lambda spend: (spend > 0).mean()])

# %% [markdown]
# ## 2. The effects
#
# Conversion is binomial, spend of those who converted gamma with a shape of each arm's own, and the effects
# of each arm are pooled over cells, as strongly as the data ask for. Nothing in a table can say whether arms
# were assigned at random, so that it must be said; whether they *look* so is tested. There are no histories
# of these customers here: the rate is a hazard ratio of conversions (`uplift.attrs["rate_is"]`).


# %%
def fitted(part, seed=1):
    return ltv.fit_uplift(
        part, cells=cells, outcome="spend", randomised=True, shares=shares, seed=seed, sampler=SAMPLER,
        progress=False,
    )  # fmt: skip


uplift = fitted(frame)
table = ltv.uplift_table(uplift)
table[table["cell"] == "all"].round(3)

# %% [markdown]
# Raw effects of small cells lie far out, and most of that is noise. The shrunk ones are pulled to the arm's
# mean: the smaller the cell, the more.

# %%
parts = table[table["cell"] != "all"]
arms = list(dict.fromkeys(parts["arm"]))
figure, axes = plt.subplots(
    1, len(arms), figsize=(4.2 * len(arms), 4.2), squeeze=False, sharey=True, layout="constrained"
)
for ax, arm in zip(axes[0], arms, strict=True):
    mine = parts[parts["arm"] == arm].sort_values("effect_raw").reset_index()
    ax.axhline(0, color="#6B6B6B", linewidth=0.8)
    ax.errorbar(
        mine.index, mine["effect_raw"], yerr=1.645 * mine["effect_raw_se"],
        fmt="o", color="#BBBBBB", markersize=4, label="raw, 90 %",
    )  # fmt: skip
    ends = [mine["effect_mean"] - mine["effect_p05"], mine["effect_p95"] - mine["effect_mean"]]
    ax.errorbar(
        mine.index + 0.25, mine["effect_mean"], yerr=ends,
        fmt="o", color="#0072B2", markersize=4, label="shrunk, 90 %",
    )  # fmt: skip
    ax.set(title=arm, xlabel="cells, by raw effect")
axes[0][0].set_ylabel("effect on spend per customer")
axes[0][0].legend(frameon=False, loc="upper left")
plt.show()

# %% [markdown]
# ## 3. What a policy is worth on customers it has not seen
#
# The customers are split in half, cell by cell and arm by arm. Effects are learnt on one half; each policy
# claims a gain over treating nobody; the other half says what it earns (inverse propensity, so that no
# model is asked). `raw` picks each cell's best arm by raw means, `shrunk` by the posterior mean, `one arm`
# gives the arm that is best overall to everybody.

# %%
share = pd.Series(shares) / sum(shares.values())


def best_arms(effects):
    """Each cell's best arm, the control where none is better than nothing; and the gain that it claims."""
    wide = effects.fillna(0.0).assign(control=0.0)
    return wide.idxmax(axis=1), wide.max(axis=1)


def policies_of(learnt, other):
    """Arm of each customer of the other half, and the gain per customer that is claimed, by policy."""
    label = other[cells].agg(" | ".join, axis=1)
    by_cell, overall = learnt[learnt["cell"] != "all"], learnt[learnt["cell"] == "all"].set_index("arm")
    found, claims = {"nobody": np.repeat("control", len(other))}, {"nobody": 0.0}
    for name, column in (("raw", "effect_raw"), ("shrunk", "effect_mean")):
        arm, gain = best_arms(by_cell.pivot(index="cell", columns="arm", values=column))
        found[name] = label.map(arm).fillna("control").to_numpy()
        claims[name] = float(label.map(gain).fillna(0.0).mean())
    one, gain = best_arms(overall[["effect_mean"]].T)
    found["one arm"], claims["one arm"] = np.repeat(one.iloc[0], len(other)), float(gain.iloc[0])
    return found, claims


rows = []
for split in range(SPLITS):
    rank = frame.groupby([*cells, "arm"])["spend"].transform(
        lambda spend, split=split: np.random.default_rng([split, len(spend)]).permutation(len(spend))
    )
    for half in (0, 1):
        mine, other = frame[rank % 2 == half], frame[rank % 2 != half].reset_index(drop=True)
        found, claims = policies_of(ltv.uplift_table(fitted(mine, seed=split)), other)
        earned = ltv.policy_value(
            other, found, outcome="spend", arm="arm", propensity=share.to_dict(), bootstraps=200, seed=split
        )
        earned = earned[earned["method"] == "ipw"].set_index("policy")
        rows += [
            {"policy": name, "claimed": claims[name], "earned": earned.loc[name, "above_first"]}
            for name in found
        ]
gains = pd.DataFrame(rows).groupby("policy", sort=False)[["claimed", "earned"]].mean()
gains.assign(broken_promise=gains["claimed"] - gains["earned"]).round(3)

# %% [markdown]
# What `raw` promises it does not keep: the best of many noisy numbers is too good to be true (the winner's
# curse). Whether choosing by cell beats one arm for all is an open question in each test; here is the answer
# for this one, and with few cells that truly differ it is often no.

# %% [markdown]
# ## 4. Would another test pay?
#
# What is left unknown about the best arm is the prior of the next test. Suppose that it costs money to treat
# somebody and that a hundred thousand customers wait for a decision.

# %%
best = table[table["cell"] == "all"].set_index("arm")["effect_mean"].idxmax()
posterior = uplift["posterior"].to_dataset()
weights = uplift["constant_data"]["customers"].sum("arm")
effect = posterior["effect"].sel(treated=best).weighted(weights).mean("cell")
plan = ltv.plan_test(
    effect_mean=float(effect.mean()),
    effect_sd=float(effect.std()),
    outcome_sd=float(frame["spend"].std()),
    customers=100_000,
    cost=1_000.0,
    customers_per_week=5_000.0,
    window_weeks=4.0,
)
print(f"{best}: {plan.advice}")

# %% [markdown]
# A test's effects go into `decide` as draws, which pair with those of the customers:

# %%
effects = ltv.effect_draws(uplift, best, draws=4000, seed=1)
effects

# %% [markdown]
# as in `ltv.decide(fit, summary, decision, seed=1, draws=4000, effects={"letter": effects})`. What a short
# test cannot say, an effect on dropout or what happens after its window, stays a prior that is labelled
# `assumed`.
