"""Sums of cohorts -> LTV, retention, pay-back and the rest, draw by draw: money divides after summing."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayesltv.cohorts.known import KnownSums
from bayesltv.cohorts.simulated import Reckoning, Sums
from bayesltv.names import DRAW
from bayesltv.numerics.arrays import Floats, Integers

COHORT, AGE, PERIOD = "cohort", "age", "period"


@dataclass(frozen=True)
class Known:
    """What is known so far of each row, a floor of what will be; shapes (row, age) and (row, period)."""

    bought: Integers
    second: Integers
    active: Integers
    money: Floats | None
    share_passed: Floats
    period_passed: Floats


def known_of(known: KnownSums, reckoning: Reckoning) -> Known:
    """Return what is known at the ages of the grid and by period; money is discounted by age."""
    rows, grid, asked = reckoning.rows, reckoning.grid, reckoning.asked
    bought, second = (np.cumsum(rows.of(each), axis=1)[:, grid] for each in (known.bought, known.second))
    passed = rows.of(known.passed) / rows.of(reckoning.members.sizes)[:, None]
    money = None
    if known.money is not None:
        money = np.cumsum(rows.of(known.money[0]) * reckoning.worth, axis=1)[:, grid]
    ends = np.arange(asked.periods + 1) * asked.width
    return Known(bought, second, rows.of(known.active), money, passed[:, grid], passed[:, ends])


def quantities(sums: Sums, known: Known, reckoning: Reckoning) -> xr.Dataset:
    """Return quantities by row, draw and age of the grid or period.

    Returns
    -------
    Dataset
        Dims (cohort, draw, age): ``purchases`` per member, the first included; ``repurchase``, share of the
        members who have bought again; with money ``ltv_<basis>`` and, with costs, ``ltv_cac`` and ``roi``.
        Dims (cohort, draw, period): ``retention``, share of the members who bought in the period; with money
        ``arpu_revenue`` per member and ``arppu_revenue`` per buyer of the period, missing where a draw has
        none. Dims (cohort, draw): with costs ``payback`` and ``payback_day``.
    """
    size = reckoning.rows.of(reckoning.members.sizes)[:, None, None].astype(np.float64)
    ages, periods = (COHORT, DRAW, AGE), (COHORT, DRAW, PERIOD)
    active = known.active[:, None, 1:] + sums.active[:, :, 1:]
    made: dict[str, tuple[tuple[str, ...], Floats]] = {
        "purchases": (ages, (known.bought[:, None] + sums.bought) / size),
        "repurchase": (ages, (known.second[:, None] + sums.second) / size),
        "retention": (periods, active / size),
    }
    coords = {AGE: reckoning.grid, PERIOD: np.arange(1, reckoning.asked.periods + 1)}
    if known.money is None:
        return xr.Dataset(made, coords=coords)
    money = known.money[:, None] + sums.money
    ends = np.searchsorted(reckoning.grid, np.arange(reckoning.asked.periods + 1) * reckoning.asked.width)
    spent = np.diff(money[:, :, ends], axis=2)
    margins = reckoning.asked.value.terms(1).margin * money - sums.service
    made[f"ltv_{reckoning.asked.value.basis}"] = (ages, margins / size)
    of_buyers = np.divide(spent, active, out=np.full_like(spent, np.nan), where=active > 0)
    suffix = "_discounted" if reckoning.asked.value.annual_discount_rate else ""
    made[f"arpu_revenue{suffix}"] = (periods, spent / size)
    made[f"arppu_revenue{suffix}"] = (periods, of_buyers)
    if reckoning.cost is not None:
        cost = np.where(reckoning.cost > 0, reckoning.cost, np.nan)[:, :, None]
        made |= {"ltv_cac": (ages, margins / cost), "roi": (ages, margins / cost - 1.0)}
        made |= {name: ((COHORT, DRAW), getattr(sums, name)) for name in ("payback", "payback_day")}
    return xr.Dataset(made, coords=coords)
