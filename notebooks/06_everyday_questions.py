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
# # What does the value of my customers hang on?
#
# One fit, one customer base, and the questions that people ask at the coffee machine.

# %%
import bayesltv as ltv

# %%
log = ltv.simulate_log(
    1500, seed=7, family="mbg_nbd", start="2021-01-01", observation_end="2022-12-31", acquisition_days=360,
    purchase={"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.4}, spend={"p": 5.0, "q": 4.0, "v": 30.0},
)  # fmt: skip
summary = ltv.summarize(log, observation_end="2022-12-31", time_unit="week", cohort="month")
fit = ltv.fit(summary, "mbg_pooled", seed=1, method="laplace")
base = ltv.customer_base(fit, summary, seed=1)

# %% [markdown]
# **What is one per cent more retention worth?** Dropout one per cent lower, beside one per cent of rate,
# spend and margin.

# %%
base.elasticity("retention")[
    ["lever", "change", "elasticity_mean", "one_percent_mean", "one_percent_p05", "one_percent_p95"]
]

# %% [markdown]
# **Who will be among the best fifty?**

# %%
base.top(50, "retention").sort_values("p_top", ascending=False).head()

# %% [markdown]
# **What if nobody buys for another month, or three?**

# %%
base.silent([0, 30, 90], "retention").groupby("days")[["p_alive", "ltv_mean"]].mean()

# %% [markdown]
# **Several horizons in one call**, and how well the expectation itself is known.

# %%
base.horizons(["90 days", "1 year"], "retention").groupby("horizon")["ltv_mean"].sum()

# %%
base.expectation("retention").head()

# %% [markdown]
# **Classes of practice beside tiers and stages.**

# %%
base.rfm("retention").groupby(["rfm_segment", "tier"]).size().unstack(fill_value=0)

# %% [markdown]
# **What have cohorts brought by day N, and what will they?**

# %%
base.cohorts(log, by="month", ages=[30, 90, 365]).wide().head()

# %%
base.kpis(log, days=90)

# %%
ltv.plot.tracking(base.track(horizon="26 weeks"))

# %%
ltv.plot.lorenz(base.predict(horizon="1 year", annual_discount_rate=0.1, margin=0.3, draws=300))

# %%
found = base.cohorts(log, by="month", ages=[30, 90, 180, 365], value=ltv.CohortValue(margin=0.3), cac=8.0)
ltv.plot.cohorts(found, "ltv_margin")

# %%
ltv.plot.cohort_curves(found)

# %%
ltv.plot.payback(found)

# %% [markdown]
# **What does the model say of whom?** By frequency and recency; the waits that customers had; and one
# customer's history with the path of P(alive).

# %%
ltv.plot.matrix(base.matrix(horizon="26 weeks"), "p_alive")

# %%
ltv.plot.waits(base)

# %%
someone = summary.sort_values("frequency")["customer_id"].iloc[-1]
print(base.explain(someone, "retention"))

# %%
ltv.plot.history(base.alive_path(someone, ahead="90 days"))

# %% [markdown]
# **Just one customer, at once**: the row of the score table, without the table.

# %%
{name: base.score_one(someone, "retention")[name] for name in ("ltv_mean", "ltv_p05", "ltv_p95", "tier")}

# %%
scores = base.score("retention")
ltv.plot.tiers(scores)

# %%
best = scores.nlargest(8, "ltv_mean")["customer_id"]
ltv.plot.values(scores, best)

# %%
ltv.plot.tier_probabilities(scores, best)

# %% [markdown]
# **What you may believe.** All answers come from the same draws, so that they agree with each other.
# Elasticities say what a lasting change would do, not how to bring it about.
