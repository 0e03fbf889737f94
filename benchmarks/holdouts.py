"""Logs with a hold-out: real ones, and simulated ones inside and outside the models' assumptions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

import bayesltv as ltv
from bayesltv.comparison.known import Known, known_at
from bayesltv.comparison.origins import Origins
from bayesltv.comparison.plain_log import read_plain
from bayesltv.data.log.reading import LogReading

START, END, LATER, WEEKS = "1997-01-01", "1997-09-30", "1998-06-30", 39
"""CDNOW's calendar, which the simulated logs share: 39 weeks to learn from and 39 to forecast."""
PURCHASE = {"r": 0.6, "alpha": 8.0, "a": 0.8, "b": 3.2}
SPEND = {"p": 4.0, "q": 4.0, "v": 30.0}
CUSTOMERS = 1500


@dataclass(frozen=True)
class Split:
    """What was known at END, and what each customer then did: quantity -> shape (customer,)."""

    name: str
    known: Known
    actual: dict[str, np.ndarray]


def split(name, log):
    """Return a log cut at END."""
    end = pd.Timestamp(END)
    plain = read_plain(log, LogReading(), Origins(customers=len(log)), until=end)
    return Split(name, *known_at(plain, end, WEEKS * 7, time_unit="week"))


def simulated(*, seed=1, rate=1.0, family="bg_nbd"):
    """Return a simulated log with the truth behind it; `rate` times as many purchases as PURCHASE makes."""
    purchase = {**PURCHASE, "alpha": PURCHASE["alpha"] / rate}
    return ltv.simulate_world(
        CUSTOMERS,
        seed=seed,
        purchase=purchase,
        spend=SPEND,
        family=family,
        start=START,
        observation_end=LATER,
    )


def inside():
    """Return the log of the models' own world."""
    return simulated().log


def at_once():
    """Return a log whose customers may leave after their first purchase: MBG/NBD, not BG/NBD."""
    return simulated(family="mbg_nbd").log


def seasons():
    """Return a log without every second purchase: few are missing at Christmas and most of them in June."""
    log = simulated(rate=2.0).log
    angle = 2 * np.pi * (log["date"].dt.day_of_year.to_numpy() - 358) / 365.25
    kept = np.random.default_rng(2).uniform(size=len(log)) < (1 + 0.8 * np.cos(angle)) / 2
    return log[kept | ~log.duplicated("customer_id").to_numpy()]


def regular():
    """Return every third of three times as many purchases: the spread of intervals is 58 % of exponential."""
    log = simulated(rate=3.0).log
    nth = log.groupby("customer_id").cumcount()
    return log[nth % 3 == 0]


def dependent():
    """Return a log whose amounts grow with the square root of the customer's purchase rate."""
    made = simulated()
    rate = made.customers.set_index("customer_id")["lam"].loc[made.log["customer_id"]].to_numpy()
    factor = np.sqrt(rate / (PURCHASE["r"] / PURCHASE["alpha"]))
    amount = np.maximum(np.round(made.log["amount"] * factor, 2), 0.01)
    return made.log.assign(amount=amount)


WORLDS = {
    "CDNOW sample": lambda: ltv.load_cdnow("sample"),
    "CDNOW master": lambda: ltv.load_cdnow("master"),
    "inside": inside,
    "leave at once": at_once,
    "seasons": seasons,
    "regular timing": regular,
    "dependent spend": dependent,
}
QUICK = ("inside",)


def chosen(asked):
    """Return the splits that a command line asks for."""
    names = QUICK if asked.quick else [name for name in WORLDS if not asked.only or asked.only in name]
    for name in names:
        yield split(name, WORLDS[name]())
