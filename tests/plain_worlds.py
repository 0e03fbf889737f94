"""Worlds drawn by code of the tests' own: MBG or BG customers, and weeks that move all of them."""

import numpy as np
import pandas as pd

import bayesltv as ltv

FIRST_DAY = pd.Timestamp("2021-01-04")


def paces(weeks, *, sd, rng):
    """Pace of each week, mean 1; independent shocks."""
    return np.exp(sd * rng.standard_normal(weeks) - sd**2 / 2)


def plain_world(customers, *, days=273, **world):
    """A summary in weeks of the customers of `plain_log`."""
    last = (FIRST_DAY + pd.Timedelta(days=days - 1)).date().isoformat()
    log = plain_log(customers, days=days, **world)
    return ltv.summarize(log, observation_end=last, time_unit="week", monetary_value_col=None)


def plain_log(customers, *, seed, law, days, gone_at_once=False, shock_sd=0.0, acquisition=140, pace=None):
    """A log of customers (r, alpha, a, b) who first buy over `acquisition` of the `days`.

    Purchases happen in operational time, which passes by the pace of each week; after each repeat purchase,
    and with `gone_at_once` after the first one too, a customer leaves with their own probability.
    """
    rng = np.random.default_rng(seed)
    r, alpha, a, b = law
    weeks = days // 7 + 1
    pace = paces(weeks, sd=shock_sd, rng=rng) if pace is None else pace
    edges, passed = 7.0 * np.arange(weeks + 1), np.concatenate([[0.0], np.cumsum(pace)])
    first = rng.integers(0, acquisition, customers)
    rate, leaving = rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers)
    now, end = np.interp(first + 1, edges, passed), np.interp(days, edges, passed)
    staying = np.flatnonzero(rng.random(customers) >= leaving) if gone_at_once else np.arange(customers)
    who, when = [np.arange(customers)], [first]
    while staying.size:
        now[staying] += rng.exponential(1 / rate[staying])
        staying = staying[now[staying] <= end]
        day = np.ceil(np.interp(now[staying], passed, edges)).astype(int) - 1
        who.append(staying)
        when.append(day)
        staying = staying[rng.random(staying.size) >= leaving[staying]]
    log = pd.DataFrame({"customer_id": np.concatenate(who).astype(str), "day": np.concatenate(when)})
    log["date"] = FIRST_DAY + pd.to_timedelta(log.pop("day"), unit="D")
    return log
