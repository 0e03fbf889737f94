"""Kernels end on what is no number, infinite, negative or 0: nothing waits for a draw that cannot come.

Every loop of the kernels that goes on until something is reached is asked with parameters for which it never
would be; all in one process of its own, which must be done in time.
"""

import subprocess
import sys

import pytest

PROGRAM = """
import itertools, sys
import numpy as np
import bayesltv as ltv
from beta_geometric import expected_over_horizon
from bayesltv.families.bg_nbd import counts, expectations
from bayesltv.families.bg_nbd.law import Latents
from bayesltv.families.gamma_gamma.law import Buyer
from bayesltv.kernels import actions, stretches
from bayesltv.numerics import random_numbers, special
from bayesltv.numerics.compile import compiled
from bayesltv.numerics.quadrature import MAX_NODES, work_space
from bayesltv.families.pareto_nbd.expectations import time_alive

NASTY = (np.nan, np.inf, -np.inf, -1.0, -1e300, 0.0)
what = sys.argv[1]

@compiled
def gammas(state, shape):
    return random_numbers.gamma_above_one(state, shape), random_numbers.gamma(state, shape)

def state():
    return np.arange(1, 5, dtype=np.uint64)

def spoiled(good):
    for at, bad in itertools.product(range(len(good)), NASTY):
        yield good[:at] + (bad,) + good[at + 1:]

if what == "gamma":
    for bad in NASTY:
        for seed in range(20):
            gammas(state() + np.uint64(seed), bad)
            random_numbers.beta(state(), bad, 2.0), random_numbers.beta(state(), 2.0, bad)
            random_numbers.beta(state(), bad, 0.01)
elif what == "digamma":
    assert all(np.isnan(special.digamma(bad)) for bad in NASTY if bad != np.inf)
    special.digamma(np.inf)
elif what == "counts":
    for horizon, alive, *rest in spoiled((39.0, 0.7, 2.2, 40.0, 0.8, 2.4)):
        counts.purchase_probability(3, horizon, alive, *rest)
elif what == "expectations":
    for horizon, discount, *rest in spoiled((39.0, 0.002, 2.2, 40.0, 0.8, 2.4)):
        expected_over_horizon(horizon, discount, *rest, work_space())
    for bad in NASTY:
        assert 0 < expectations.node_count(2.0, 39.0, bad, 2.2, 0.8, 2.4) <= MAX_NODES
    for good in ((39.0, 0.002, 0.6, 12.0), (39.0, 1e9, 0.6, 12.0)):
        for horizon, discount, s, beta in spoiled(good):
            time_alive(horizon, discount, s, beta)
    for good in ((39.0, 2.2, 40.0, 0.8, 2.4), (3900.0, 900.0, 40.0, 0.8, 2.4)):
        for each in spoiled(good):
            expectations._sums_at(*each)
elif what == "calendar":
    edges = np.array([0.0, 7.0, 14.0, 21.0])
    for bad in NASTY:
        for at in range(4):
            table = np.array([0.0, 1.0, 2.0, 3.0])
            table[at] = bad
            road = (table, edges, 0, 3.0)
            stretches.live(road, 0.0, 18.0, Latents(0.1, 0.2), 0.01)
            stretches.passed_within(road, 9.0)
            stretches.time_after(road, 1.5)
            stretches.time_after((np.arange(4.0), edges, 0, 3.0), bad)
        for rate, coin, discount in spoiled((0.1, 0.2, 0.01)):
            stretches.live((np.arange(4.0), edges, 0, 3.0), 0.0, 18.0, Latents(rate, coin), discount)
elif what == "redemptions":
    road, offer = (np.array([0.0, 40.0]), np.array([0.0, 40.0]), 0, 0.0), np.zeros(32)
    offer[actions.CAP], offer[actions.WINDOW], offer[actions.DEPTH] = 100.0, 8.0, 0.1
    for lam, coin, shape, nu, lift, redeems in spoiled((0.4, 0.0, 6.0, 0.2, 1.0, 0.5)):
        latents, buyer = Latents(lam, coin), Buyer(shape, nu)
        actions.capped_redemptions(state(), road, latents, buyer, lift, redeems, offer, 0.01)
elif what in ("futures", "tracking", "replicas"):
    from bayesltv.prediction.tracking import track
    from helpers import point_fit
    import bayesltv.base.seal as seal
    point = {"r": 0.24, "alpha": 4.4, "a": 0.79, "b": 2.4, "p": 6.2, "q": 3.7, "v": 15.4}
    log = ltv.simulate_log(
        30, purchase={k: point[k] for k in ("r", "alpha", "a", "b")},
        spend={k: point[k] for k in ("p", "q", "v")}, seed=1,
    )
    summary = ltv.summarize(log, observation_end="1997-09-30", time_unit="week")
    from bayesltv.base import population, gate
    population.require_sound = gate.require_sound = lambda *_: None  # the kernels alone
    for name, bad in itertools.product(point, NASTY):
        fit = point_fit(point | {name: bad}, draws=4)
        try:
            if what == "futures":
                ltv.predict(fit, summary, horizon="26 weeks", annual_discount_rate=0.1, margin=0.3, seed=1)
            elif what == "tracking":
                track(fit, summary, seed=1, horizon="26 weeks")
            else:
                ltv.posterior_predictive(fit, summary, seed=1)
        except (ValueError, OverflowError, ZeroDivisionError, ltv.BayesltvError) as error:
            print(name, bad, type(error).__name__)
print("done")
"""


@pytest.mark.parametrize(
    "what",
    [
        "gamma",
        "digamma",
        "counts",
        "expectations",
        "calendar",
        "redemptions",
        "futures",
        "tracking",
        "replicas",
    ],
)
def test_kernels_end(what):
    from pathlib import Path

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, what], capture_output=True, text=True, timeout=400, check=False,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().endswith("done")
