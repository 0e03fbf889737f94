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
# # How do I write my own model and my own decision?
#
# What ships are examples. Both are TOML files (`bayesltv models copy retention`), or objects with the same
# keys, as here.

# %%
import numpy as np

import bayesltv as ltv

# %% [markdown]
# A shop with two channels, where customers who gave their age to the shop are known by it.

# %%
log = ltv.simulate_log(
    {"web": 300, "store": 200}, seed=5, family="mbg_nbd", start="2021-01-01", observation_end="2022-06-30",
    acquisition_days=300, group_col="channel", purchase={"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.4},
    spend={"p": 5.0, "q": 4.0, "v": 30.0},
)  # fmt: skip
ages = np.random.default_rng(1).integers(18, 80, 500)
log["age"] = ages[log["customer_id"].astype("category").cat.codes]
summary = ltv.summarize(
    log,
    observation_end="2022-06-30",
    time_unit="week",
    groups=["channel"],
    covariates=["age"],
    currency="EUR",
)

# %% [markdown]
# ## The model
#
# MBG/NBD, channels that lean on each other, age as a covariate, and a prior with its reason. Priors that are
# left out are those that ship; `gates` and `sampler` as well.

# %%
spec = ltv.ModelSpec(
    title="Two channels and age",
    groups=("channel",),
    purchase=ltv.PurchaseSpec(family="mbg_nbd"),
    priors={
        "purchase_rate": ltv.PriorSpec.elicited(
            mass=0.9,
            between=(0.01, 0.5),
            per="week",
            why="one in two years to one in two weeks",
        )
    },
    pooling={
        "purchase_rate": ltv.Pooling(
            ltv.PriorSpec("HalfNormal", {"sigma": 0.3}, why="channels seldom differ by more than a third")
        )
    },
    covariates={"age": ltv.Covariate(kind="numeric", round_to=10.0, sigma=0.3, why="a third at most")},
    sampler=ltv.SamplerSpec(draws=500),
    gates=ltv.GateSpec(ess_min=300.0),
)
spec

# %%
fit = ltv.fit(summary, spec, seed=1, method="laplace")
ltv.check(fit, summary).verdict

# %% [markdown]
# A shared calendar is one key more, and a model of PyMC that was sampled by hand is taken as well:

# %%
ltv.ModelSpec(clock=ltv.ClockSpec(process=("ar1", "seasonal"))).clock.process

# %% [markdown]
# ## The decision
#
# What value is, where tiers begin, what stages mean, what can be done at what cost and with what believed
# effect, and how much money there is. One line may hold for a part of the customers only.

# %%
letter = ltv.ActionSpec(
    name="letter", kind="contact", label="Letter", window="6 weeks", contact=0.8,
    eligible="p_purchase_horizon >= 0.05",
    effects={"rate": ltv.PriorSpec.elicited(mass=0.9, between=(0.95, 1.4), why="our last three mailings")},
)  # fmt: skip
decision = ltv.DecisionSpec(
    title="Letters of autumn",
    value=ltv.ValueSpec(horizon="12 months", annual_discount_rate=0.08, margin=0.35, currency="EUR"),
    tiers=ltv.TierSpec((ltv.Tier("low"), ltv.Tier("gold", "Gold", at_least=40.0))),
    stages=ltv.StageSpec(new_within="90 days"),
    actions=(letter,),
    budget=ltv.BudgetSpec(
        amount=150.0, hold_out=0.1, limits=(ltv.LimitSpec(where="channel == 'store'", at_least=20),)
    ),
    acquisition=ltv.AcquisitionSpec(cac={"web": 9.0, "store": 14.0}),
)
base = ltv.customer_base(fit, summary, seed=1)
plan = base.decide(decision, draws=400)
plan.actions[["action", "customers", "cost", "net", "net_p05", "net_p95"]]

# %%
plan.acquisition

# %% [markdown]
# Whom does the plan treat in which channel?

# %%
ltv.suggest_cells(base.score(decision), window="6 weeks", by=["tier"])

# %% [markdown]
# **What you may believe.** A spec states its reasons, so that somebody else can doubt them. A plan is as good
# as the effects that it was told: `test` beside one means that a test of yours has measured it.
