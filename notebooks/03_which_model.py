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
# # Which model should I use?
#
# Models are chosen by what they forecast, not by how well they fit: each is tried at days of the log's own
# past, and held against what came next.

# %%
import bayesltv as ltv

# %% [markdown]
# A shop whose customers buy regularly: a wait takes three stages. Nobody tells the package.

# %%
log = ltv.simulate_log(
    1200, seed=3, family="mbg_cnbd", k=3, start="2021-01-01", observation_end="2022-12-31",
    acquisition_days=200,
    purchase={"r": 2.0, "alpha": 3.0, "a": 0.8, "b": 4.0}, spend={"p": 5.0, "q": 4.0, "v": 30.0},
)  # fmt: skip
found = ltv.choose(log, specs=["mbg_pooled", "mbg_cnbd"], horizon="26 weeks", seed=1)
found.table

# %% [markdown]
# The recommendation in one sentence, and the specification to fit:

# %%
print(found)

# %% [markdown]
# **What you may believe.** The difference in scores comes with its standard error over cuts and customers.
# Where it is within its error, the simpler model is as good, and the package says so. A model that wins
# here wins on this log; try it again when the shop has changed.
