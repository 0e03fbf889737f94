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
# # I come from lifetimes or pymc-marketing
#
# Call by call; where conventions differ, numbers differ, and this page says why.
#
# | lifetimes | pymc-marketing | here |
# |---|---|---|
# | `summary_data_from_transaction_data` | `rfm_summary` | `ltv.summarize` |
# | `BetaGeoFitter().fit` | `BetaGeoModel(data).fit()` | `ltv.fit(summary, "pooled", seed=1)` |
# | `conditional_expected_number_of_purchases_…` | `expected_purchases` | the same of `ltv.score` |
# | `conditional_probability_alive` | `expected_probability_alive` | `p_alive` |
# | `customer_lifetime_value` | `expected_customer_lifetime_value` | `ltv_mean`, and its distribution |

# %%
import bayesltv as ltv

# %% [markdown]
# A summary made for either package is taken as it is. It has no first amounts, and is fitted without.

# %%
log = ltv.load_cdnow()
own = ltv.summarize(log, observation_end="1997-09-30", time_unit="week")
theirs = own[["customer_id", "frequency", "recency", "T", "monetary_value"]].copy()
summary = ltv.as_summary(theirs, time_unit="week", observation_end="1997-09-30")
spec = ltv.ModelSpec(spend=ltv.SpendSpec(first_amounts=False))  # BG/NBD and Gamma-Gamma, one population
fit = ltv.fit(summary, spec, seed=1, method="laplace")
fit["posterior"].to_dataset()[["r", "alpha", "a", "b"]].mean().to_array().to_series()

# %% [markdown]
# lifetimes' estimates of r, alpha, a, b on these customers are .243, 4.414, .793, 2.426 (Fader, Hardie &
# Lee 2005).
#
# A pooled fit is handed back to pymc-marketing:

# %%
purchase_model, spend_model = ltv.to_pymc_marketing(fit, summary)
type(purchase_model).__name__

# %% [markdown]
# and a fit of pymc-marketing is brought along:

# %%
brought = ltv.from_pymc_marketing(purchase_model, spend_model, time_unit="week", observation_end="1997-09-30")
ltv.score(brought, summary, "retention", seed=1, draws=200)[
    ["customer_id", "expected_purchases", "p_alive"]
].head()

# %% [markdown]
# **What you may believe.** Recency and T are counted in days and told in the unit here (39.43 weeks), in
# whole calendar periods there: parameters differ in the second digit for that alone. Values there are
# expectations; here they are distributions of what one customer may do, so that intervals are far wider,
# and hold.
