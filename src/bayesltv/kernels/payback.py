"""When a new customer has paid for being acquired."""

import math

import numpy as np

from bayesltv.kernels.compile import compiled
from bayesltv.kernels.expectations import expected_over_horizon, work_space

_STEPS = 60
_GRID = 40


@compiled
def _earned_by(time, unit, alive, r, alpha, a, b, discount, service, work):
    """Return expected value from a new customer's purchases in [0, time], the first included."""
    if time <= 0.0:
        return unit
    _, purchases, present = expected_over_horizon(time, discount, r, alpha, a, b, work)
    return unit * (1.0 + alive * purchases) - service * alive * present


@compiled
def payback_times(purchase, unit, costs, coins, terms, times):
    """Fill the first time at which expected value covers the cost of acquisition, given hyperparameters.

    Parameters
    ----------
    purchase : ndarray of float64, shape (4, group, draw)
        r, alpha (a rate), a, b.
    unit : ndarray of float64, shape (group, draw)
        Margin times mean amount; NaN where that is infinite.
    costs : ndarray of float64, shape (group,)
        Money per new customer; NaN where it is not known.
    coins : float
        Dropout coins of a new customer: 0 in BG/NBD, 1 in MBG/NBD.
    terms : tuple of float
        Horizon H, continuous discount rate, margin (not used), service cost per unit of time alive.
    times : ndarray of float64, shape (group, draw)
        Filled; infinity where it is not covered within H, NaN where it cannot be said.
    """
    horizon, discount, _, service = terms
    work = work_space()
    for g in range(costs.size):
        for d in range(times.shape[1]):
            value, cost = unit[g, d], costs[g]
            if math.isnan(value) or math.isnan(cost):
                times[g, d] = np.nan
                continue
            if value >= cost:
                times[g, d] = 0.0
                continue
            r, alpha, a = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d]
            b = purchase[3, g, d]
            alive = 1.0 if coins == 0.0 else (b + coins - 1.0) / (a + b + coins - 1.0)
            after = b + coins
            # value may fall again by service cost: find the first step of a grid that covers, then halve
            low, high, found = 0.0, 0.0, False
            for step in range(1, _GRID + 1):
                low, high = high, horizon * step / _GRID
                if _earned_by(high, value, alive, r, alpha, a, after, discount, service, work) >= cost:
                    found = True
                    break
            if not found:
                times[g, d] = np.inf
                continue
            for _ in range(_STEPS):
                middle = 0.5 * (low + high)
                if _earned_by(middle, value, alive, r, alpha, a, after, discount, service, work) >= cost:
                    high = middle
                else:
                    low = middle
                if high - low <= 1e-9 * horizon:
                    break
            times[g, d] = high
