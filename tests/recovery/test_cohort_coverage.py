"""Bands of cohorts over worlds whose customers share shocks: one vote a world."""

import numpy as np
import pandas as pd
import pytest

import bayesltv as ltv
from helpers import clock_fit, point_fit

PURCHASE = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 3.0}
SPEND = {"p": 4.0, "q": 4.0, "v": 30.0}
SD, RHO, BLOCK = 0.5, 0.6, 28
START, END, LATER = np.datetime64("2023-01-01"), np.datetime64("2023-10-08"), np.datetime64("2024-05-19")
PAST, AHEAD, BORN = 10, 8, 84
CUSTOMERS, WORLDS, AGE, FEWEST = 400, 40, 365, 31
"""Of 40 votes with 90 %, fewer than 31 come in 1 of 400 runs."""


def world(seed):
    """The log of customers who share an AR(1) of 4-week blocks, event by event, and the blocks' values."""
    rng = np.random.default_rng(seed)
    s = np.empty(PAST + AHEAD)
    s[0] = SD * rng.standard_normal()
    for i in range(1, s.size):
        s[i] = RHO * s[i - 1] + SD * np.sqrt(1 - RHO**2) * rng.standard_normal()
    passed = np.concatenate([[0.0], np.cumsum(np.repeat(np.exp(s), BLOCK) / 7)])  # weeks by day
    rows = []
    for i in range(CUSTOMERS):
        born = rng.integers(0, BORN)
        rate, leaves = rng.gamma(PURCHASE["r"]) / PURCHASE["alpha"], rng.beta(PURCHASE["a"], PURCHASE["b"])
        scale = rng.gamma(SPEND["q"]) / SPEND["v"]
        rows.append((i, born, rng.gamma(SPEND["p"]) / scale))
        time = passed[born]
        while rng.random() >= leaves:
            time += rng.standard_exponential() / rate
            if time >= passed[-1]:
                break
            rows.append((i, int(np.searchsorted(passed, time)), rng.gamma(SPEND["p"]) / scale))
    log = pd.DataFrame(rows, columns=["customer_id", "day", "amount"])
    return log.assign(date=START + log["day"].to_numpy(), amount=log["amount"].round(2) + 0.01), s


def bands(fit, log):
    """5 and 95 % of what all customers have brought by day 365, as foreseen at the end of observation."""
    summary = ltv.summarize(log, observation_end=str(END), time_unit="week")
    found = ltv.customer_base(fit, summary, seed=1, draws=200).cohorts(log, ages=[AGE])
    return found.table.query("quantity == 'ltv_revenue' and kind == 'all'").iloc[0]


def votes(worlds):
    """Whether the actual value lies within the bands: with the clock that made the world, and without."""
    inside = np.zeros((len(worlds), 2), bool)
    for at, seed in enumerate(worlds):
        log, s = world(seed)
        later = ltv.summarize(log, observation_end=str(LATER), time_unit="week")
        plain = point_fit(PURCHASE | SPEND, draws=200, family="mbg_nbd")
        row = ltv.customer_base(plain, later, seed=1).cohorts(log, ages=[AGE]).table
        row = row.query("quantity == 'ltv_revenue' and kind == 'all'").iloc[0]
        assert row["status"] == "observed"
        clocked = clock_fit(
            PURCHASE | SPEND, np.tile(s[:PAST], (200, 1)), clock=ltv.ClockSpec(), start=str(START),
            end=str(END), variables={"clock_sd": SD, "clock_rho": RHO}, family="mbg_nbd",
        )  # fmt: skip
        for which, fit in enumerate((clocked, plain)):
            seen = bands(fit, log)
            inside[at, which] = seen["p05"] <= row["known"] <= seen["p95"]
    return inside.sum(axis=0)


@pytest.mark.slow
def test_bands_of_cohorts_hold_nine_times_in_ten_where_customers_share_shocks():
    with_clock, without = votes(range(WORLDS))
    assert with_clock >= FEWEST
    assert without < with_clock
