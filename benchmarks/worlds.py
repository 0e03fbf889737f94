"""Simulated customers by the million, and a posterior to score them with, made without sampling.

Purchases and spend are drawn at CDNOW's maximum likelihood (Fader, Hardie & Lee 2005), with first purchases
over 180 days and observation for a year, at daily resolution: a million customers are about 190,000 cells.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import bayesltv as ltv
from bayesltv.base.seal import FORMAT, SAMPLER_CHECKS, stamped

PURCHASE = {"r": 0.2425945, "alpha": 4.413602 * 7, "a": 0.792922, "b": 2.425907}
SPEND = {"p": 6.24957, "q": 3.74422, "v": 15.44352}
ERRORS = {"r": 0.0518, "alpha": 0.0857, "a": 0.2342, "b": 0.2908, "p": 0.05, "q": 0.05, "v": 0.05}
"""Standard errors of the logs on the CDNOW sample; of spend, about."""
END = "1997-12-31"
_NOTHING = {"status": "not applicable", "value": None, "threshold": None, "summary": "", "advice": ""}
UNCHECKED = json.dumps([{"name": name, **_NOTHING} for name in SAMPLER_CHECKS])


def write_summary(customers, path, *, time_unit="day"):
    """Write the summary of simulated customers, where it is not there yet; return its path."""
    from bayesltv.data.summary.store import write_summary as write

    path = Path(path)
    if not path.exists():
        per = {"day": 1.0, "week": 7.0}[time_unit]
        log = ltv.simulate_log(
            customers,
            purchase=PURCHASE | {"alpha": PURCHASE["alpha"] / per},
            spend=SPEND,
            seed=1,
            time_unit=time_unit,
            observation_end=END,
            acquisition_days=180,
        )
        write(ltv.summarize(log, observation_end=END, time_unit=time_unit), path)
    return path


def posterior(draws, *, time_unit="day", seed=1):
    """Return a pooled fit (BG/NBD, Gamma-Gamma): draws are log-normal about CDNOW's maximum likelihood."""
    spec = ltv.ModelSpec(spend=ltv.SpendSpec(first_amounts=False)).resolved(
        time_unit=time_unit, spend_unit=1.0
    )
    rng, per = np.random.default_rng(seed), {"day": 1.0, "week": 7.0}[time_unit]
    centre = PURCHASE | {"alpha": PURCHASE["alpha"] / per} | SPEND
    drawn = {
        name: (("chain", "draw"), value * np.exp(ERRORS[name] * rng.standard_normal((4, draws // 4))))
        for name, value in centre.items()
    }
    coords = {"chain": np.arange(4), "draw": np.arange(draws // 4)}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(drawn, coords=coords)})
    told = {"time_unit": time_unit, "checks": UNCHECKED, "observation_end": "", "versions": "{}"}
    tree.attrs = {"format": FORMAT, "spec": json.dumps(spec.to_dict()), "spec_hash": spec.hash(), **told}
    return stamped(tree)


def clocked_log(customers, *, days, sd=0.2, rho=0.6, season=0.0, seed=1):
    """Return a log of BG/NBD customers on a calendar with AR(1) shocks in blocks of four weeks, and its end.

    First purchases are spread over all but the last quarter of a year. Independent of the package's
    simulator, which knows no calendar.

    Parameters
    ----------
    customers, days : int
    sd, rho : float
        Of the shocks, on the log scale.
    season : float
        Amplitude of a yearly wave beside them.
    seed : int
    """
    rng, blocks = np.random.default_rng(seed), -(-days // 28)
    s = sd * rng.standard_normal(blocks)
    for k in range(1, blocks):
        s[k] = rho * s[k - 1] + np.sqrt(1 - rho**2) * s[k]
    day = np.arange(1, days + 1)
    pace = np.exp(s[blocks - 1 + -(-(day - days) // 28)] + season * np.cos(2 * np.pi * day / 365.25))
    until = np.concatenate([[0.0], np.cumsum(pace / 7.0)])
    first = rng.integers(0, days - 90, customers)
    rate, leaving = rng.gamma(0.5, size=customers) / 8.0, rng.beta(0.8, 2.4, customers)
    bought, time, alive = [(np.arange(customers), first)], until[first], np.arange(customers)
    while alive.size:
        time[alive] += rng.exponential(size=alive.size) / rate[alive]
        alive = alive[time[alive] < until[-1]]
        bought.append((alive, np.ceil(np.interp(time[alive], until, np.arange(until.size)) - 1e-9)))
        alive = alive[rng.uniform(size=alive.size) >= leaving[alive]]
    who, when = (np.concatenate(each).astype(int) for each in zip(*bought, strict=True))
    start = pd.Timestamp("2015-01-05")
    log = pd.DataFrame({"customer_id": who, "date": start + pd.to_timedelta(when, unit="D")})
    return log.drop_duplicates(), (start + pd.Timedelta(days=days)).date().isoformat()
