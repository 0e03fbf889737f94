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
    700, seed=3, family="mbg_cnbd", k=3, start="2021-01-01", observation_end="2022-12-31",
    acquisition_days=200,
    purchase={"r": 2.0, "alpha": 3.0, "a": 0.8, "b": 4.0}, spend={"p": 5.0, "q": 4.0, "v": 30.0},
)  # fmt: skip
found = ltv.choose(log, specs=["mbg_pooled", "mbg_cnbd"], horizon="26 weeks", seed=1)
found.table

# %% [markdown]
# The recommendation in one sentence, and the specification to fit:

# %%
print(found)

# %%
ltv.plot.choice(found)

# %%
ltv.plot.choice_totals(found)

# %% [markdown]
# **How do two specifications of mine differ?** `compare` fits both and sets them side by side: by
# leave-one-out on what was fitted, and with a log by what came after it.

# %%
summary = ltv.summarize(log, observation_end="2022-06-30", time_unit="week")
pair = ltv.compare(
    summary, ["mbg_pooled", "mbg_cnbd"], log=log, horizon="26 weeks", method="laplace", progress=False
)
print(pair.verdict)
pair.loo

# %%
ltv.plot.comparison(pair)

# %% [markdown]
# **Is it better than a rule of thumb?** Losses are told like wins.

# %%
beside = ltv.benchmark(
    log, models=["mbg_cnbd"], rivals=["gradient boosting", "past spend"], cut="2022-06-30",
    horizon="26 weeks",
)  # fmt: skip
print(*beside.verdict, sep="\n")
beside.table

# %% [markdown]
# **What you may believe.** The difference in scores comes with its standard error over cuts and customers.
# Where it is within its error, the simpler model is as good, and the package says so. A model that wins
# here wins on this log; try it again when the shop has changed.
