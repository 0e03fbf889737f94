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
# # Was it right?
#
# Fit on the first year, look at the second: purchases of each customer, of all together, and whether
# intervals hold what they promise.

# %%
import bayesltv as ltv
from bayesltv.evaluation.calibration import purchase_calibration

# %%
log = ltv.simulate_log(
    1500, seed=7, family="mbg_nbd", start="2021-01-01", observation_end="2022-12-31", acquisition_days=360,
    purchase={"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.4}, spend={"p": 5.0, "q": 4.0, "v": 30.0},
)  # fmt: skip
halves = ltv.split(log, "2021-12-31")
summary = ltv.summarize(halves.calibration, observation_end="2021-12-31", time_unit="week")
fit = ltv.fit(summary, seed=1, method="laplace")
base = ltv.customer_base(fit, summary, seed=1)
holdout = base.evaluate(log, horizon="39 weeks", draws=400)
holdout.totals

# %%
holdout.coverage

# %%
ltv.plot.coverage(holdout)

# %%
ltv.plot.tracking(holdout.tracking, holdout.tracking_actual, cumulative=True)

# %% [markdown]
# The same at several days of the past, each fit anew:

# %%
past = ltv.backtest(
    log, "mbg_pooled", cuts=["2021-09-30", "2022-03-31"], horizon="26 weeks", seed=1, method="laplace",
    draws=200, progress=False,
)  # fmt: skip
past.table[["cut", "quantity", "actual", "mean", "p05", "p95", "inside_90", "common_shocks"]]

# %% [markdown]
# **Where does it miss?** Forecasts by number of past purchases; whether the actual numbers lie anywhere in
# their predictive distributions (a flat histogram is right); whether 30 % came back of those who got 30 %.

# %%
ltv.plot.by_frequency(holdout)

# %%
ltv.plot.pit(holdout)

# %%
ltv.plot.reliability(holdout)

# %%
came = holdout.customers["purchases_actual"] > 0
ltv.plot.calibration(purchase_calibration(holdout.customers["p_purchase"], came), horizon="39 weeks")

# %% [markdown]
# **Are the best the best?** The share of purchases that the customers who were ranked first made.

# %%
ltv.plot.lift(holdout)

# %% [markdown]
# **What you may believe.** Coverage of single customers is what intervals are for. A total that misses at
# one cut is one vote: shocks that all customers share need a clock (`common_shocks` says so). Nothing may
# be tuned on the hold-out.
