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
# # How do I run this every night?
#
# Last month's fit scores tonight's customers; what changed is told; what cannot be used is refused before
# anything is written.

# %%
import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import xarray as xr

import bayesltv as ltv

# %%
folder = Path(mkdtemp())
log = ltv.simulate_log(
    900, seed=7, family="mbg_nbd", start="2021-01-01", observation_end="2022-12-31", acquisition_days=360,
    purchase={"r": 0.6, "alpha": 6.0, "a": 0.8, "b": 2.4}, spend={"p": 5.0, "q": 4.0, "v": 30.0},
)  # fmt: skip
month = ltv.summarize(log, observation_end="2022-11-30", time_unit="week", currency="EUR")
ltv.save(ltv.fit(month, seed=1, method="laplace"), folder / "fit.nc")

# %% [markdown]
# ## Tonight
#
# A newer summary, the same fit; a fit that is too old is refused (`max_fit_age_days`).

# %%
fit = ltv.load(folder / "fit.nc")
shipped = ltv.load_decision("retention")
decision = replace(shipped, value=replace(shipped.value, currency="EUR"))
tonight = ltv.summarize(log, observation_end="2022-12-31", time_unit="week", currency="EUR")
before = ltv.score(fit, month, decision, seed=1)
scores = ltv.score(fit, tonight, decision, seed=1, max_fit_age_days=45)
scores["fit_age_days"].iloc[0]

# %% [markdown]
# **Who moved between tiers, and why?**

# %%
moved = ltv.compare_refresh(before, scores, decision.tiers)
moved.movers.head()

# %%
ltv.plot.migration(moved)

# %% [markdown]
# **One customer on the shop's page**, with the fit and one row of the summary:

# %%
ltv.score_one(fit, tonight.iloc[[0]], decision, seed=1)["ltv_mean"]

# %% [markdown]
# **What comes in the next weeks, of all together?** And the report of it all, in the reader's language.

# %%
ahead = ltv.track(fit, tonight, seed=1, horizon="8 weeks")
picture = ltv.plot.tracking(ahead)
ltv.plot.save(picture, folder / "tracking.png").name

# %%
with ltv.language("zh"):
    written = ltv.write_report(fit, folder / "report.html", summary=tonight, scores=scores)
written.name, f"{written.stat().st_size / 1000:.0f} kB"

# %% [markdown]
# ## What is refused
#
# Every error is a `BayesltvError` and says what, where, how many, and the cure. Each kind has an exit code on
# the command line.

# %%
refused = {
    "a log with a gap": lambda: ltv.summarize(log.assign(amount="a lot"), observation_end="2022-12-31"),
    "a spec that is none": lambda: ltv.load_spec("mbg_poled"),
    "a file that is no fit": lambda: ltv.load(folder / "tracking.png"),
}
for what, call in refused.items():
    try:
        call()
    except (ltv.DataError, ltv.SpecError, ltv.StoreError) as error:
        print(f"{what}: {type(error).__name__}, exit code {error.exit_code}\n  {error}\n")

# %% [markdown]
# A fit that failed a check is kept, to be looked at, and scores nobody. Ten draws are too few:

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    hasty = ltv.fit(month, seed=1, sampler={"tune": 50, "draws": 50}, progress=False)
try:
    ltv.score(hasty, month, decision, seed=1)
except ltv.CheckFailed as error:
    print(error)

# %% [markdown]
# Draws that were taken elsewhere are checked like the package's: those of `pm.sample` with the model that
# `ltv.build_model(month, "mbg_pooled")` returns, of another sampler, or here every second of the fit's own.

# %%
drawn = xr.DataTree.from_dict({"posterior": fit["posterior"].to_dataset().isel(draw=slice(0, None, 2))})
own = ltv.as_fit(drawn, month, "mbg_pooled", seed=1)
ltv.check(own).verdict

# %% [markdown]
# A warning is a `BayesltvWarning`; a job that wants none turns them into errors. Sampling that cannot be
# finished is a `FitError`, a worker or a driver that fails an `EngineError`:

# %%
[kind.exit_code for kind in (ltv.BayesltvError, ltv.FitError, ltv.EngineError)]

# %%
with warnings.catch_warnings():
    warnings.simplefilter("error", ltv.BayesltvWarning)
    ltv.score(fit, tonight, decision, seed=1)

# %% [markdown]
# **Columns with other names**, here of a shop's export, are said once:

# %%
theirs = log.rename(columns={"customer_id": "Kunde", "date": "Datum", "amount": "Betrag"})
reading = ltv.LogReading("Kunde", "Datum", "Betrag")
base = ltv.customer_base(fit, tonight, seed=1)
base.cohorts(theirs, by="month", ages=[30, 90], reading=reading).wide().head(3)

# %% [markdown]
# **What you may believe.** The same fit, seed and versions give the same bytes, whatever the order of rows. A
# refused run leaves the last good output where it is.
