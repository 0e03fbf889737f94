"""Customers simulated event by event in plain NumPy, apart from the package, and their futures, anew.

A wait is `stages` exponential ones in operational time, which runs faster and slower with a log intensity
that all customers share; after a purchase a coin decides who leaves. Purchases of one day are one purchase.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

START = pd.Timestamp("2021-01-04")
WEEKS, ACQUIRED, AHEAD, BLOCK = 78, 65, 13, 28
"""Weeks of the log, of acquisition and of the horizon; days for which the shared intensity holds still."""
END = START + pd.Timedelta(weeks=WEEKS) - pd.Timedelta(days=1)


@dataclass(frozen=True)
class World:
    """Customers as they are, and where each stands at the end of the log.

    Attributes
    ----------
    rate, coin : ndarray, shape (customer,)
        Purchases per day while alive, and the chance to leave after a purchase.
    stages : int
    shock_sd, shock_rho : float
        Of the shared log intensity, block by block.
    shock : float
        Its value in the last block.
    log : DataFrame
    alive, stage : ndarray, shape (customer,)
        At the end of the log; stages of the running wait that are over.
    """

    rate: np.ndarray
    coin: np.ndarray
    stages: int = 1
    shock_sd: float = 0.0
    shock_rho: float = 0.0
    shock: float = 0.0
    log: pd.DataFrame | None = None
    alive: np.ndarray | None = None
    stage: np.ndarray | None = None


def lived(world, rng, *, leaves_at_once):
    """Return the world with its log of WEEKS weeks, and where customers stand at its end."""
    n, days = world.rate.size, WEEKS * 7
    shocks = _shocks(world, rng, blocks=-(-days // BLOCK), before=None)
    clock = _clock(shocks, days)
    first = rng.integers(0, ACQUIRED * 7, n)
    time = clock[first] + rng.uniform(size=n) * (clock[first + 1] - clock[first])
    alive = rng.uniform(size=n) >= world.coin if leaves_at_once else np.ones(n, bool)
    seen, days_of = [np.arange(n)], [first]
    stage, who = np.zeros(n, int), np.flatnonzero(alive)
    while who.size:
        ends = time[who, None] + _waits(world, rng, who)
        came = ends[:, -1] < clock[-1]
        stage[who[~came]] = (ends[~came] < clock[-1]).sum(axis=1)
        time[who] = ends[:, -1]
        who = who[came]
        seen.append(who)
        days_of.append(np.searchsorted(clock, time[who], side="right") - 1)
        leaves = rng.uniform(size=who.size) < world.coin[who]
        alive[who[leaves]] = False
        who = who[~leaves]
    rows = pd.DataFrame({"customer_id": np.concatenate(seen), "day": np.concatenate(days_of)})
    rows = rows.drop_duplicates().sort_values(["day", "customer_id"], ignore_index=True)
    log = pd.DataFrame(
        {
            "customer_id": rows["customer_id"].map("c{:05d}".format),
            "date": START + pd.to_timedelta(rows["day"], unit="D"),
        }
    )
    return replace(world, log=log, alive=alive, stage=stage, shock=float(shocks[-1]))


def future(world, rng):
    """Return purchase days of each customer within AHEAD weeks, from where they stand."""
    n, days = world.rate.size, AHEAD * 7
    clock = _clock(_shocks(world, rng, blocks=-(-days // BLOCK), before=world.shock), days)
    bought, time, last = np.zeros(n, int), np.zeros(n), np.full(n, -1)
    who = np.flatnonzero(world.alive)
    left = world.stages - world.stage[who]
    ends = rng.gamma(left, 1 / (world.stages * world.rate[who]))
    while who.size:
        came = ends < clock[-1]
        who = who[came]
        time[who] = ends[came]
        day = np.searchsorted(clock, time[who], side="right") - 1
        bought[who] += day > last[who]
        last[who] = day
        who = who[rng.uniform(size=who.size) >= world.coin[who]]
        ends = time[who] + rng.gamma(world.stages, 1 / (world.stages * world.rate[who]))
    return bought


def crps_of(draws, futures):
    """Return each customer's CRPS, averaged over futures: sum over k of (F(k) − 1{y <= k})².

    Parameters
    ----------
    draws : ndarray, shape (customer, draw)
    futures : ndarray, shape (future, customer)
    """
    found = np.zeros(draws.shape[0])
    for k in range(int(max(draws.max(), futures.max()))):
        below, happened = (draws <= k).mean(axis=1), (futures <= k).mean(axis=0)
        found += below**2 - 2 * below * happened + happened
    return found


def _waits(world, rng, who):
    """Return where the stages of a wait end, shape (customer, stage)."""
    scale = 1 / (world.stages * world.rate[who])
    return np.cumsum(rng.exponential(size=(who.size, world.stages)) * scale[:, None], axis=1)


def _shocks(world, rng, *, blocks, before):
    """Return the shared log intensity of each block; it goes on from `before`."""
    found, noise = [], rng.normal(size=blocks)
    for each in noise:
        if before is None:
            before = world.shock_sd * each
        else:
            before = world.shock_rho * before + world.shock_sd * np.sqrt(1 - world.shock_rho**2) * each
        found.append(before)
    return np.array(found)


def _clock(shocks, days):
    """Return operational time at the beginning of each day, and at the end of the last."""
    pace = np.exp(shocks)[np.arange(days) // BLOCK]
    return np.concatenate([[0.0], np.cumsum(pace)])
