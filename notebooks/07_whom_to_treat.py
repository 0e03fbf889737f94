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
# # Whom should I treat with what?
#
# A plan under a budget: one action each, what it should bring, and what simpler rules bring with the same
# money.

# %%
import numpy as np

import bayesltv as ltv

# %%
log = ltv.simulate_log(
    800, seed=7, family="mbg_nbd", start="2021-01-01", observation_end="2022-12-31", acquisition_days=360,
    purchase={"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.4}, spend={"p": 5.0, "q": 4.0, "v": 30.0},
)  # fmt: skip
summary = ltv.summarize(log, observation_end="2022-12-31", time_unit="week", currency="USD")
fit = ltv.fit(summary, seed=1, method="laplace")
decision = ltv.load_decision("retention")
plan = ltv.decide(fit, summary, decision, seed=1, draws=200)
plan.actions[["action", "customers", "cost", "net", "net_p05", "net_p95", "return_on_cost"]]

# %% [markdown]
# Beside the plan, rules with the same money, limits and hold-out; `p_plan_better` says how sure the order
# is.

# %%
plan.policies[["policy", "customers", "cost", "net", "p_plan_better"]]

# %% [markdown]
# What is left if actions do less than is believed, and who is slipping away:

# %%
plan.sceptic

# %%
ltv.plot.policies(plan)

# %%
ltv.plot.customers(plan)

# %%
plan.customers[["customer_id", "tier", "stage", "recommended_action", "reason"]].head()

# %%
ltv.plot.waterfall(plan)

# %%
ltv.plot.budget(plan)

# %%
ltv.plot.roi(plan)

# %%
ltv.plot.returns(plan, by="tier")

# %% [markdown]
# **Should I test it first?** What is unknown of an action's effect, in money, against what a test costs.

# %%
tested = ltv.decide(fit, summary, decision, seed=1, draws=200, plan_test=True, test_cost=50.0)
tested.test_plans[["action", "evpi", "n_per_arm", "net_benefit", "advice"]]

# %%
name, test = next(iter(tested.tests.items()))
ltv.plot.test_value(test, currency="USD", name=name)

# %% [markdown]
# **A test of mine has measured an effect.** Draws of it take the place of the belief, and draw d goes with
# posterior draw d, so that there are as many (4,000): here a letter that brings 12 % more orders, give or
# take 4 %. From a table of customers and arms they come as in the notebook on experiments.

# %%
lift = np.random.default_rng(1).lognormal(np.log(1.12), 0.04, 4000)
measured = ltv.Effects({"rate": lift}, source={"rate": "test"})
ltv.decide(fit, summary, decision, seed=1, draws=200, effects={"letter": measured}).effects.query(
    "action == 'letter'"
)

# %% [markdown]
# **What you may believe.** Values of customers are calibrated; effects of actions are beliefs until a test
# of yours has measured them. The hold-out is there to do that: `plan_test=True` says how large a test
# should be.
