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
# # Spring Festival, 618 and Double 11
#
# Days on which everybody buys, and a holiday that moves. A shared clock carries them, so that the total of
# next autumn knows of November.

# %%
import numpy as np

import bayesltv as ltv

# %% [markdown]
# A shop in which one order of eight is moved into the eleventh of November of its year.

# %%
log = ltv.simulate_log(
    800, seed=11, family="mbg_nbd", start="2021-01-01", observation_end="2023-03-31", acquisition_days=300,
    purchase={"r": 0.8, "alpha": 5.0, "a": 0.6, "b": 3.0}, spend={"p": 5.0, "q": 4.0, "v": 30.0},
)  # fmt: skip
late = (log["date"].dt.month >= 9) & (np.random.default_rng(1).random(len(log)) < 0.35)
first = log.groupby("customer_id")["date"].transform("min")
log.loc[late & (log["date"] > first), "date"] = (
    log["date"].dt.year.astype(str).add("-11-11").astype("datetime64[ns]")
)
log = log[log["date"] >= first]
summary = ltv.summarize(log, observation_end="2023-03-31", time_unit="week")
fit = ltv.fit(summary, ltv.load_spec("clock_events"), seed=1, method="laplace")
{k: float(v) for k, v in fit["posterior"].mean().data_vars.items() if v.ndim == 0}

# %% [markdown]
# The clock's path, with the days to come:

# %%
path = ltv.trace_clock(fit, seed=1, horizon="39 weeks")
path.mean(("chain", "draw")).to_series().tail()

# %%
ltv.plot.clock(path)

# %% [markdown]
# **What you may believe.** An event that the data hold twice is known roughly; one that they hold once or
# never leans on its prior, and the fit says so. The table of dates that ships is an example: replace it by
# your own calendar.
