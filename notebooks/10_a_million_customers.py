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
# # A million customers
#
# The cost of a fit follows distinct histories, not customers, and scores go from file to file in parts.

# %%
import time
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

import bayesltv as ltv

# %%
log = ltv.simulate_log(
    20_000, seed=2, family="mbg_nbd", purchase={"r": 0.25, "alpha": 4.4, "a": 0.8, "b": 2.4},
    spend={"p": 6.0, "q": 4.0, "v": 15.0},
)  # fmt: skip
few = ltv.summarize(log, observation_end="1997-09-30", time_unit="week")
fit = ltv.fit(few, seed=1, method="laplace")

# %% [markdown]
# Fifty copies of these customers, each with an id of its own: a million rows, in parts on the disk.
# Expectations are reckoned once per distinct history; draws are each customer's own.

# %%
folder = Path(mkdtemp())
copies = pd.concat([few.assign(customer_id=few["customer_id"] + f"-{copy}") for copy in range(50)])
copies.attrs = few.attrs
ltv.as_summary(copies, time_unit="week", observation_end="1997-09-30").to_parquet(folder / "summary.parquet")
began = time.perf_counter()
made = ltv.score_to(fit, folder / "summary.parquet", "retention", out=folder / "scores", seed=1, draws=200)
print(f"{len(copies):,} customers in {time.perf_counter() - began:.0f} s")
made

# %% [markdown]
# **What you may believe.** Scores do not depend on parts, blocks or threads: the same fit and seed give the
# same bytes. A run that was stopped finishes what is missing.
