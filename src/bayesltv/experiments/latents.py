"""A test through the latents of a fit: what each arm did against what was to be expected of its customers.

Under a factor m on the purchase rate all of a window of length W is what it would be at length mW without it.
In a cell the control is at u = c and an arm at u = c·m: c is what both share, the season and what the fit
misses. Some posterior draws of the fit have tables of the log likelihood by ln u; every draw takes those of
the one whose level is next to its own, and draws of m made from them pair with it. The test tells the fit
nothing (its posterior is *cut*). Orders of an arm have their own gamma shape.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array
from scipy.special import logsumexp, ndtri

from bayesltv.base.placed_base import PlacedBase
from bayesltv.errors import DataError
from bayesltv.experiments.likelihoods import CELL, RATE, SPEND, Part
from bayesltv.experiments.posed import PosedUplift
from bayesltv.experiments.window import Window, distinct, expected, levels_of, mean_orders, meet, over_draws
from bayesltv.kernels.block import People
from bayesltv.kernels.window import log_window_amounts, log_window_counts
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.slices import tabulated
from bayesltv.prediction.packed import clock_of, laws_of, people_of

BASE = {RATE: (1.0, 0.25), SPEND: (0.5, 0.15)}
"""Prior sd of the mean over cells of ln c, and scale of the half-normal of its sd. Where the level of a small
test is far from that of the histories, a narrow one would pull the control's level, and so the effect."""
REACH, STEP = 2.0, {RATE: 0.1, SPEND: 0.0625}
"""Factors are looked at from e^-2 to e^2."""
TOLD, TOLD_DRAWS = np.linspace(-REACH, REACH, 9), 8
"""Where purchases and conversion are told, and over how many draws they are averaged: for tables of money."""
FAR = 50.0
"""A log likelihood ratio against the end of the grid at which test and history cannot belong together."""


@dataclass(frozen=True)
class Calibrated:
    """A test that met a fit.

    Attributes
    ----------
    parts : dict of str to Part
    told : dict
        What was met, in JSON's types.
    bought, paid : ndarray, shape (cell, point)
        By ln u, at `TOLD`: P(bought in the window), and its expected money at usual amounts.
    unit : float
        Money of who converted, where amounts are all the same.
    """

    parts: dict[str, Part]
    told: dict[str, Any]
    bought: Floats
    paid: Floats
    unit: float

    def money(self, posterior: xr.Dataset) -> xr.Dataset:
        """Return the posterior with conversion, spend of who converted and outcome per customer, in money."""
        logs = posterior["log_rate"]
        share, paid = (_along_cells(values, logs) for values in (self.bought, self.paid))
        outcome = paid * np.exp(posterior["log_spend"]) if "log_spend" in posterior else self.unit * share
        return posterior.assign(conversion=share, spend_if_converted=outcome / share, outcome=outcome)


def calibrate(posed: PosedUplift, base: PlacedBase) -> Calibrated:
    """Return the likelihoods of a test given the histories of its customers.

    Raises
    ------
    CheckFailed
        Where a check of the fit failed.
    DataError
        Where customers of the test are not in the base, purchases of the test's window are in its histories,
        the fit has no spend model but the test has amounts, or what was bought is far from any history.
    """
    counts, window = posed.counts, meet(posed, base)
    if counts.has_amounts and not window.population.has_spend:
        raise DataError(
            f"the fit has no spend model, but {counts.outcome!r} has amounts: fit a spec with [spend], or "
            "pass an outcome of 0 and 1"
        )
    logs, levels = _rate_logs(window), levels_of(window, base)
    _require_near(logs, counts.arms)
    parts = {RATE: _part(RATE, logs, levels[RATE])}
    if counts.has_amounts:
        parts[SPEND] = _spend_part(window, logs, levels[SPEND])
    told = {
        "fit_digest": str(base.fit.attrs.get("digest", "")),
        "histories_end": base.require_end().date().isoformat(),
        "statistic": "conversions" if window.assigned.purchases is None else "purchases",
    }
    return Calibrated(parts, told, *_money(window), counts.unit)


# ------------------------------------------------------------------------------------------------- the rate


def _rate_logs(window: Window) -> Floats:
    """Return the log likelihood of purchases by ln u, shape (set, arm, cell, point)."""
    assigned = window.assigned
    counts = (
        assigned.purchases if assigned.purchases is not None else -(assigned.outcome > 0).astype(np.int64)
    )
    people, number = distinct(window, counts)
    rows = csr_array(
        (np.ones(number.size), (window.code, number)), shape=(np.prod(window.shape), len(people))
    )
    first = np.zeros(len(people), np.int64)
    first[number] = counts
    packed, clock = people_of(window.population, people, window.length), clock_of(window.population)
    factors, purchase = np.exp(_grid(RATE)), laws_of(window.population).purchase

    def of_draw(draw: int) -> Floats:
        out = np.empty((len(people), factors.size))
        log_window_counts(packed, first, purchase, clock, window.length, factors, draw, out)
        return window.summed(out, rows)

    return over_draws(of_draw, window.population.draws.size)


def _require_near(logs: Floats, arms: tuple[str, ...]) -> None:
    whole = logs.sum(axis=2).mean(axis=0)
    for arm, each in zip(arms, whole, strict=True):
        best = int(each.argmax())
        if best in (0, each.size - 1) and each[best] - each[each.size // 2] > FAR:
            how = f"more than {np.exp(REACH):.0f} times" if best else f"less than a {np.exp(REACH):.0f}th of"
            raise DataError(
                f"arm {arm!r} bought {how} what its customers' histories let expect: are window, outcome and "
                "summary those of this test?"
            )


def _part(name: str, logs: Floats, sets: Integers, **told: Floats) -> Part:
    return Part(tabulated(-REACH, STEP[name], logs), 0.0, BASE[name], sets, told)


# ------------------------------------------------------------------------------------------------ the spend


class Buyers(NamedTuple):
    """Who bought in an arm: histories, money, orders, what multiplies a mean order, sums by cell."""

    people: People
    spent: Floats
    orders: Floats
    usual: Floats
    by_cell: csr_array

    def logs(self, spend: Any, shape: float, draw: int) -> Floats:  # noqa: ANN401
        """Return the log likelihood by ln f, shape (cell, point), under a shape of one order's amount."""
        factors = np.exp(_grid(SPEND))
        out = np.empty((self.spent.size, factors.size))
        baskets = self.spent, self.orders, self.usual
        log_window_amounts(self.people, spend, baskets, factors, shape, draw, out)
        found: Floats = self.by_cell @ out
        return found


def _spend_part(window: Window, rate_logs: Floats, sets: Integers) -> Part:
    """Return the likelihood of amounts by ln f, under shapes drawn for each arm and set."""
    spend, draws = laws_of(window.population).spend, window.population.draws.size
    arms = _buyers(window, rate_logs)
    shapes = np.stack([_drawn_shapes(each, spend, draws) for each in arms], axis=1)

    def of_draw(draw: int) -> Floats:
        return np.stack([each.logs(spend, p, draw) for each, p in zip(arms, shapes[draw], strict=True)])

    return _part(SPEND, over_draws(of_draw, draws), sets, shape=shapes)


def _buyers(window: Window, rate_logs: Floats) -> list[Buyers]:
    assigned, found = window.assigned, []
    counts = assigned.purchases
    usual = _orders_of_buyers(window, rate_logs) if counts is None else np.ones(len(assigned.ids))
    orders = np.ones(usual.size) if counts is None else counts.astype(np.float64)
    for arm in range(window.shape[1]):
        mine = np.flatnonzero((assigned.outcome > 0) & (assigned.arm == arm))
        people = people_of(window.population, window.placement.customers.rows(mine), window.length)
        by_cell = csr_array(
            (np.ones(mine.size), (assigned.cell[mine], np.arange(mine.size))), (window.shape[0], mine.size)
        )
        found.append(Buyers(people, assigned.outcome[mine], orders[mine], usual[mine], by_cell))
    return found


def _drawn_shapes(buyers: Buyers, spend: Any, draws: int) -> Floats:  # noqa: ANN401
    """Return a shape for each set: quantiles of a normal of ln p around the mode on the middle draw."""

    def surprise(log_shape: float) -> float:
        logs = buyers.logs(spend, float(np.exp(log_shape)), draws // 2)
        return -float(logsumexp(logs, axis=1).sum())

    if not buyers.spent.size:
        return np.ones(draws)
    mode = float(minimize_scalar(surprise, bounds=(-4.0, 7.0), method="bounded", options={"xatol": 1e-3}).x)
    bend = (surprise(mode + 0.1) - 2 * surprise(mode) + surprise(mode - 0.1)) / 0.01
    z = np.random.default_rng(draws).permutation(ndtri((np.arange(draws) + 0.5) / draws))
    shapes: Floats = np.exp(mode + z / np.sqrt(max(bend, 1.0)))
    return shapes


def _orders_of_buyers(window: Window, rate_logs: Floats) -> Floats:
    """Return how many orders each customer makes if any, as expected at the pace of its arm."""
    people, number = distinct(window)
    pace = np.exp(_grid(RATE)[rate_logs.sum(axis=2).mean(axis=0).argmax(axis=1)])
    bought, purchases = expected(window, people, pace, window.population.draws.size // 2)
    return (purchases / np.maximum(bought, 1e-300))[number, window.assigned.arm]


# --------------------------------------------------------------------------------------------- money


def _money(window: Window) -> tuple[Floats, Floats]:
    """Return share who buy and money at usual amounts by ln u, means over the customers of each cell."""
    people, number = distinct(window)
    chosen = np.unique(np.linspace(0, window.population.draws.size - 1, TOLD_DRAWS).astype(int))
    amounts = np.ones(number.size)
    if window.population.has_spend:
        amounts = np.mean([mean_orders(window, draw) for draw in chosen], axis=0)
    cell, size = window.assigned.cell, (window.shape[0], len(people))
    many = np.maximum(np.bincount(cell, minlength=size[0]), 1)[:, None]
    each = csr_array((np.ones(number.size), (cell, number)), shape=size)
    worth = csr_array((amounts, (cell, number)), shape=size)
    found = [expected(window, people, np.exp(TOLD), draw) for draw in chosen]
    bought = np.mean([each @ share / many for share, _ in found], axis=0)
    paid = np.mean([worth @ purchases / many for _, purchases in found], axis=0)
    return bought, paid


def _along_cells(values: Floats, logs: xr.DataArray) -> xr.DataArray:
    """Return what is known by cell at `TOLD`, at logs of factors; kept within its reach."""
    at = logs.transpose(CELL, ...).clip(-REACH, REACH)
    found = [CubicSpline(TOLD, each)(x) for each, x in zip(values, at.values, strict=True)]
    return at.copy(data=np.stack(found)).transpose(*logs.dims)


def _grid(name: str) -> Floats:
    return np.linspace(-REACH, REACH, round(2 * REACH / STEP[name]) + 1)
