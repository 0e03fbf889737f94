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
# # May I trust this fit?
#
# Before any data: what do the priors say? After: was it sampled well, does it make customers like these, and
# would another prior have said something else?

# %%
import bayesltv as ltv
from bayesltv.checks.result import FunctionCheck

# %% [markdown]
# A made-up shop, whose truth is known: `simulate_world` gives the log and each customer's own rate and day of
# leaving.

# %%
TRUTH = {"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.4}
world = ltv.simulate_world(
    1500, seed=7, family="mbg_nbd", start="2021-01-01", observation_end="2022-12-31", acquisition_days=360,
    purchase=TRUTH, spend={"p": 5.0, "q": 4.0, "v": 30.0},
)  # fmt: skip
summary = ltv.summarize(world.log, observation_end="2022-12-31", time_unit="week")

# %% [markdown]
# **Do the priors say something sane?** Customers as they are made from the priors alone.

# %%
ltv.plot.prior_predictive(ltv.prior_predictive("mbg_pooled", summary, draws=200))

# %% [markdown]
# **Was it sampled well?** The checks of the sampler gate: a fit that failed one scores nobody.

# %%
fit = ltv.fit(summary, "mbg_pooled", seed=1, progress=False)
report = ltv.check(fit, summary)
report

# %%
ltv.plot.sampler(fit, "rhat")
# %% [markdown]
# **Did it find what was put in?** Here one can look.

# %%
told = fit["posterior"].to_dataset()[list(TRUTH)].quantile([0.05, 0.5, 0.95], ("chain", "draw"))
told.to_dataframe().T.assign(truth=TRUTH)

# %% [markdown]
# **Does it make customers like these?** Customers made anew, beside the real ones.

# %%
base = ltv.customer_base(fit, summary, seed=1)
ltv.plot.posterior_predictive(base.posterior_predictive(draws=200))

# %%
ltv.posterior_predictive(fit, summary, draws=200).table

# %% [markdown]
# **Do weeks vary more than independent customers can make them?** Where they do, totals are too sure.

# %%
ltv.plot.check(report["common_shocks"])

# %% [markdown]
# **Does it hang on the priors?** How far the posterior would move with them.

# %%
ltv.plot.psense(ltv.psense(fit, summary))

# %% [markdown]
# **For comparing models**: the log likelihood of each distinct history, and leave-one-out.

# %%
base.log_likelihood()

# %%
ltv.log_likelihood(fit, summary).equals(base.log_likelihood())

# %%
ltv.loo(fit, summary)["purchase"]

# %% [markdown]
# **A check of my own** joins the others, and gates like them.


# %%
def enough_customers(_fit, summary):
    found = len(summary)
    return ltv.CheckResult(
        "enough_customers", "pass" if found >= 500 else "fail", found, 500, f"{found:,} customers"
    )


judged = ltv.with_checks(fit, ltv.check(fit, summary, more=[FunctionCheck(enough_customers)]))
judged.attrs["checks"][-160:]

# %% [markdown]
# **What you may believe.** A fit that passes was sampled well, and describes customers as far as these looks
# go. It need not forecast well: that is what a hold-out is for.
