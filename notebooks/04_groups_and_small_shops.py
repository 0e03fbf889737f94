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
# # How do I value customers of a small shop?
#
# Four shops, one of them with 40 customers. Alone it can hardly be fitted; as a copy of the others it would
# be wrong. Levels of a group lean on each other the more, the fewer customers they have.

# %%
import pandas as pd

import bayesltv as ltv

# %%
shops = pd.DataFrame(
    {"shop": ["north", "south", "east", "new"], "n": [900, 600, 500, 40], "alpha": [6.0, 9.0, 5.0, 3.0]}
).assign(r=0.6, a=0.8, b=2.4, p=5.0, q=4.0, v=30.0)
log = ltv.simulate_log(
    shops, seed=5, family="mbg_nbd", start="2021-01-01", observation_end="2021-12-31", group_col="shop"
)
summary = ltv.summarize(log, observation_end="2021-12-31", time_unit="week", groups=["shop"])
fit = ltv.fit(summary, "mbg_by_group", seed=1, method="laplace")
ltv.check(fit, summary).table[["name", "status"]]

# %% [markdown]
# What each shop's customers are worth, and why it differs from all: rate, lifetime or spend.

# %%
base = ltv.customer_base(fit, summary, seed=1)
base.composition("retention", by="shop")[
    ["shop", "customers", "value_mean", "rate_mean", "lifetime_mean", "spend_mean"]
]

# %% [markdown]
# New customers of each shop on day 0, and how well each average is known:

# %%
base.newcomers("retention")

# %%
ltv.plot.posterior_by_group(fit, scale="purchase_rate")

# %%
ltv.plot.posterior(fit)

# %% [markdown]
# **What you may believe.** The small shop's figures are wider, and pulled towards the others by as much as
# its data leave open. An unknown shop is refused, or with `unknown_groups="population"` drawn from the
# population of shops.
