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
# # Fit a model, look at it, score customers
#
# From a log of purchases to a distribution of what each customer will be worth. The data are real: 2,357
# customers of the compact-disc shop CDNOW who first bought in the first twelve weeks of 1997 (Fader & Hardie
# 2001). Nothing here takes longer than a coffee; open the file in Jupyter (jupytext) or run it as it is.

# %%
import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import bayesltv as ltv

# %% [markdown]
# Sampler settings that differ from the spec's. Empty: as shipped, 4 chains of 1,000 draws after 500 steps of
# tuning.

# %%
SAMPLER = {}

# %% [markdown]
# ## 1. From purchases to one row per customer
#
# A log has one row per order. Orders of one customer on one day count as one purchase, with their amounts
# added up.

# %%
log = ltv.load_cdnow()
log.head()

# %%
summary = ltv.summarize(log, observation_end="1997-09-30", time_unit="week", currency="USD")
summary[["customer_id", "frequency", "recency", "T", "monetary_value"]].head()

# %% [markdown]
# - `frequency`: purchases **after** the first;
# - `recency`: weeks from the first to the last purchase (not "since the last", as marketing uses the word);
# - `T`: weeks from the first purchase to the end of observation;
# - `monetary_value`: mean amount of the repeat purchases; missing where there are none, since the first is
#   left out.
#
# Purchases after 30 September 1997 were cut, with a count in `attrs`. We shall need them to see whether we
# were right.

# %%
summary.attrs

# %% [markdown]
# ## 2. The model
#
# While active, customer $i$ buys at random times at a rate $\lambda_i$ of their own, and after each purchase,
# the first one included, leaves for good with a probability $p_i$ of their own; nobody tells us when that has
# happened. Over customers
#
# $$\lambda_i \sim \mathrm{Gamma}(r, \text{rate } \alpha), \qquad p_i \sim \mathrm{Beta}(a, b)$$
#
# (MBG/NBD, Batislam, Denizel & Filiztekin 2007; `ltv.fit(summary, seed=1)` takes it by itself, since in many
# logs customers leave after the first purchase, which BG/NBD does not let them).
#
# Amounts are $z_{ij} \sim \mathrm{Gamma}(p, \nu_i)$ with $\nu_i \sim
# \mathrm{Gamma}(q, \text{rate } v)$ (Gamma-Gamma). Priors are not put on these seven numbers, which nobody
# has an opinion about, but on what they mean: the mean purchase rate $r/\alpha$, the mean chance of leaving
# $a/(a+b)$, the typical amount $p v/q$, and how alike customers are in each. They stand in a file, each with
# its reason:

# %%
spec = ltv.load_spec("mbg_pooled")
for scale, prior in spec.priors.items():
    print(f"{scale:<22} {prior.why}")

# %% [markdown]
# What comes out of `build_model` is a `pm.Model`, yours to inspect or to change. The likelihood needs
# customers only through what they have in common, so that 2,357 of them are 1,016 cells, and each customer's
# own $\lambda_i$, $p_i$ and $\nu_i$ are integrated out: the posterior has seven dimensions.

# %%
model = ltv.build_model(summary, spec)
model.free_RVs

# %%
fit = ltv.fit(summary, spec, seed=1, sampler=SAMPLER)

# %% [markdown]
# ## 3. Can it be trusted?
#
# `fit` has run these checks already; those of the sampler gate: a fit that failed one does not score
# customers.

# %%
report = ltv.check(fit, summary)
report.table[["name", "status", "value", "threshold", "summary"]]

# %% [markdown]
# The fit is an `xarray.DataTree` that ArviZ reads as it is.

# %%
az.summary(fit, var_names=["r", "alpha", "a", "b", "p", "q", "v"])

# %%
az.plot_trace_dist(fit, var_names=["purchase_rate", "dropout_mean", "spend_typical"])
plt.show()

# %% [markdown]
# $a$ and $b$ are strongly correlated in the posterior, their mean and concentration less so: why priors and
# sampler work on the latter.

# %%
posterior = fit["posterior"].to_dataset()
correlation = {
    pair: float(np.corrcoef(*(np.log(posterior[name].values.ravel()) for name in pair))[0, 1])
    for pair in (("a", "b"), ("dropout_mean", "dropout_concentration"))
}
correlation

# %% [markdown]
# ## 4. Score
#
# A decision file says what a purchase is worth (30 % margin), over which time (12 months), at which discount
# (10 % a year), and where the tiers begin. The score table has one row per customer.

# %%
decision = ltv.load_decision("retention")
scores = ltv.score(fit, summary, decision, seed=1)
columns = ["customer_id", "ltv_mean", "ltv_p05", "ltv_p50", "ltv_p95", "p_alive", "p_purchase_90d", "tier"]
scores.sort_values("ltv_mean", ascending=False)[columns].head()

# %% [markdown]
# Beside it stand totals per posterior draw. They cannot be had from the customers' quantiles: quantiles do
# not add up, and customers share the parameters of the model. Means do add up: the expected total is the sum
# of the customers' `ltv_mean`.

# %%
total = scores.totals["value"].sum(("group", "tier"))
round(scores["ltv_mean"].sum(), -1), total.quantile([0.05, 0.95]).values.round(-1)

# %% [markdown]
# ## 5. Two customers with the same expected value
#
# A point estimate cannot tell these two apart.

# %%
PAIR = ["03558", "09919"]
rows = pd.DataFrame(scores).set_index("customer_id").loc[PAIR]
rows.join(summary.set_index("customer_id")[["recency", "T"]])[
    ["frequency", "recency", "T", "p_alive", "ltv_mean", "ltv_p50", "ltv_p95", "tier"]
]

# %% [markdown]
# 03558 bought five times but has been silent for fourteen weeks; 09919 bought seven times, the last eight
# days ago. `predict` draws what each may do, one future per posterior draw:

# %%
draws = ltv.predict(
    fit, summary, horizon="12 months", annual_discount_rate=0.10, margin=0.30, seed=1, customers=PAIR
)
draws

# %%
figure, axes = plt.subplots(2, 1, figsize=(7.2, 4.6), sharex=True, sharey=True, layout="constrained")
top = float(np.quantile(draws["value"], 0.99))
for ax, customer in zip(axes, PAIR, strict=True):
    value = draws["value"].sel(customer_id=customer).values.ravel()
    nothing = (value == 0).mean()
    ax.hist(
        value[value > 0],
        bins=np.linspace(0, top, 60),
        weights=np.full((value > 0).sum(), 1 / value.size),
        color="#0072B2",
    )
    ax.axvline(value.mean(), color="#D55E00", label=f"mean ${value.mean():.0f}")
    ax.set_title(f"{customer}: nothing at all with probability {nothing:.0%}", loc="left", fontsize=11)
    ax.set_ylabel("share of draws")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
axes[-1].set_xlabel("value within 12 months, where there is any (margin, discounted, USD)")
plt.show()

# %% [markdown]
# The first is a coin toss for a good customer, the second a fair customer for almost sure. A campaign that
# brings lost customers back is for the first, one that thanks for loyalty for the second. Any question about
# them is a mean over draws:

# %%
pd.DataFrame(
    {
        "P(no purchase)": (draws["purchases"] == 0).mean(("chain", "draw")),
        "P(value > $25)": (draws["value"] > 25).mean(("chain", "draw")),
        "P(value > $100)": (draws["value"] > 100).mean(("chain", "draw")),
    },
    index=PAIR,
)

# %%
first, second = (draws["value"].sel(customer_id=customer) for customer in PAIR)
float((first > second).mean())

# %% [markdown]
# ## 6. Was it right?
#
# Nine months of purchases were held back. The 94 % predictive interval of the number of purchases should hold
# at least 94 % of the customers (more, since counts cannot split hairs):

# %%
later = ltv.summarize(log, observation_end="1998-06-30", time_unit="week")
actual = later["frequency"].to_numpy() - summary["frequency"].to_numpy()  # both are sorted by customer_id
futures = ltv.predict(fit, summary, horizon="39 weeks", annual_discount_rate=0.0, margin=1.0, seed=1)
ahead = futures["purchases"]
low, high = ahead.quantile([0.03, 0.97], ("chain", "draw")).values
covered = float(np.mean((low <= actual) & (actual <= high)))
covered

# %% [markdown]
# The total, though, came out above what the model held possible: customers are independent given the
# parameters, so that nothing in it moves all of them at once. Trust intervals of customers more than those of
# sums.

# %%
together = ahead.sum("customer_id")
{"actual": int(actual.sum()), "5 to 95 %": together.quantile([0.05, 0.95]).values}

# %% [markdown]
# ## Where next
#
# - `groups=["cohort"]` in `summarize`, and `fit` takes `mbg_by_group`: cohorts, channels or regions
#   get levels of their own and borrow strength from one another; `az.plot_forest(fit,
#   var_names=["purchase_rate_effect_cohort"])`.
# - `ltv.load_spec("pooled")`: BG/NBD lets customers leave only after a repeat purchase, so that everyone who
#   bought once is active for certain. The check `one_time_buyers` warns where they come back less than that.
# - `ltv.loo(fit, summary)` to compare the two.
# - Copy `models/mbg_pooled.toml`, change a prior, and load it by its path.
