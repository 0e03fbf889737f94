"""Simulation-based calibration of arrivals: weeks from the prior, the public fit, ranks of all it says.

The simulator is this file's own. Levels come evenly from a wide range where the fit's prior is flat. Seeds
are 1, 2, 3, ... and have not been chosen. With SBC_RANKS=FOLDER, ranks are kept there, and taken from there.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from bayesltv.arrivals.coming import coming_of_fit
from uniformity import p_uniform, ranked

REPLICATIONS, PLANTED, JOINT = 200, 40, 0.001
WEEKS, AHEAD, CHANNELS = 60, 13, ("search", "shop")
END = pd.Timestamp("2023-07-02")
SAMPLER = {"chains": 2, "tune": 300, "draws": 400}
THIN = 4
METHODS = ("nuts", "laplace")
SEEN = {"season": (0, 6), "shock": (-30, -1), "level": (0, 1), "trend": (0, 1), "overdispersion": (0, 1)}
"""Elements that are ranked; weeks count from the last one, since a log begins with its first customer."""


def simulate(seed):
    """Return a truth, by quantity as `SEEN` asks for it, and counts by channel and week, those ahead too."""
    rng, whole = np.random.default_rng([23, seed]), WEEKS + AHEAD
    sd, rho, season_sd = abs(rng.normal(0, 0.5)), rng.beta(2, 2), abs(rng.normal(0, 0.5))
    season, trend = rng.normal(0, season_sd, 13), rng.normal(0, 0.3, 2)
    level, spread = rng.uniform(np.log(4), np.log(60), 2), abs(rng.normal(0, 0.5, 2))
    shock = np.empty(whole)
    shock[0] = rng.normal(0, sd)
    for week in range(1, whole):
        shock[week] = rho * shock[week - 1] + rng.normal(0, sd * np.sqrt(1 - rho**2))
    last = END + pd.to_timedelta(7 * (np.arange(whole) - WEEKS + 1), unit="D")
    years = ((last - END).days / 365.25).to_numpy()
    block = np.minimum(((last - pd.Timedelta(days=3)).day_of_year - 1) // 28, 12)
    eta = level[:, None] + trend[:, None] * years + season[block] + shock
    counts = rng.poisson(np.exp(eta) * rng.gamma(1 / spread[:, None], spread[:, None], (2, whole)))
    truth = {"shock_sd": sd, "shock_rho": rho, "season_sd": season_sd}
    arrays = {
        "season": season,
        "shock": shock[:WEEKS],
        "level": level,
        "trend": trend,
        "overdispersion": spread,
    }
    truth |= {f"{name}[{at}]": arrays[name][at] for name, places in SEEN.items() for at in places}
    return truth, counts


def log_of(counts):
    """Return a log of one purchase per customer: each on a day of the week in which it comes."""
    channel, week = (np.repeat(each.ravel(), counts.ravel()) for each in np.indices(counts.shape))
    start = END - pd.Timedelta(days=7 * WEEKS - 1)
    day = start + pd.to_timedelta(7 * week + np.arange(week.size) % 7, unit="D")
    return pd.DataFrame({
        "customer_id": np.arange(week.size).astype(str), "date": day, "amount": 10.0,
        "channel": np.array(CHANNELS)[channel],
    })  # fmt: skip


def ranks(seed, method, *, plant=False):
    """Return where the truth stands among the draws, by quantity; an error doubles the weeks' own spread."""
    truth, counts = simulate(seed)
    with warnings.catch_warnings(action="ignore"):
        fit = ltv.fit_arrivals(
            log_of(counts[:, :WEEKS]), seed=seed, by="channel", burn=0, observation_end=END, method=method,
            sampler=SAMPLER, cores=1, progress=False,
        )  # fmt: skip
    drawn, rng = fit["posterior"].to_dataset().isel(draw=slice(None, None, THIN)), np.random.default_rng(seed)
    flat = {
        name: drawn[name].values.reshape(drawn.sizes["chain"] * drawn.sizes["draw"], -1) for name in drawn
    }
    draws = {name: flat[name][:, 0] for name in ("shock_sd", "shock_rho", "season_sd")}
    draws |= {f"{name}[{at}]": flat[name][:, at] for name, places in SEEN.items() for at in places}
    failed = [each.name for each in ltv.check(fit).results if each.status == "fail"]
    coming = coming_of_fit(
        fit, end=(END - pd.Timestamp("1970-01-01")).days, days=7 * AHEAD, draws=200, seed=seed,
        accept_failed=failed,
    )  # fmt: skip
    truth["next quarter"], draws["next quarter"] = float(counts[:, WEEKS:].sum()), coming.counts.sum(axis=0)
    if plant:
        draws["overdispersion[0]"] = 2.0 * draws["overdispersion[0]"]
    return {name: float(ranked(np.asarray(draws[name]), np.asarray(truth[name]), rng)) for name in truth}


def calibrated(number, method, *, plant=False):
    """Return the table of ranks, kept where SBC_RANKS says."""
    folder = os.environ.get("SBC_RANKS")
    name = f"arrivals{'' if method == 'nuts' else '-' + method}-{'planted' if plant else 'right'}"
    path = Path(folder or "") / f"{name}.parquet"
    if folder and path.exists():
        return pd.read_parquet(path)
    table = pd.DataFrame([ranks(seed, method, plant=plant) for seed in range(1, number + 1)])
    if folder:
        path.parent.mkdir(parents=True, exist_ok=True)
        table.to_parquet(path)
    return table


def worst(table):
    """Return the smallest probability of a quantity to stray this far where all is right, times how many."""
    return len(table.columns) * min(p_uniform(table[name].to_numpy()) for name in table)


@pytest.mark.calibration
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("method", METHODS)
def test_arrivals_rank_uniformly_among_posterior_draws(method):
    table = calibrated(REPLICATIONS, method)
    assert len(table) == REPLICATIONS
    assert worst(table) > JOINT, table.describe()


@pytest.mark.calibration
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("method", METHODS)
def test_a_planted_error_of_arrivals_is_found(method):
    assert worst(calibrated(PLANTED, method, plant=True)) < JOINT
