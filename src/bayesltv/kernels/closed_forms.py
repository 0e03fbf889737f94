"""The closed-form columns of a score table, averaged over posterior draws, once per distinct history."""

import math

import numpy as np

from bayesltv.kernels.compile import compiled
from bayesltv.kernels.expectations import expected_over_horizon, work_space

COLUMNS = ("p_alive", "p_purchase_30d", "p_purchase_90d", "p_purchase_horizon", "expected_purchases")
_STEPS = 60


@compiled
def p_alive(x, k, t_x, T, r, alpha, a, b):
    """Return P(alive at T) of one customer at one draw; exactly 1 where no coin was met."""
    if k <= 0.0:
        return 1.0
    return 1.0 / (
        1.0 + math.exp(math.log(a / (b + k - 1.0)) + (r + x) * math.log((alpha + T) / (alpha + t_x)))
    )


@compiled
def closed_forms(
    cells, group, purchase, horizon, discount, month, quarter, means, discounted, time_alive, waits
):
    """Fill the closed forms of each cell.

    Parameters
    ----------
    cells : ndarray of float64, shape (4, cell)
        x, k, t_x, T.
    group : ndarray of int32, shape (cell,)
    purchase : ndarray of float64, shape (4, group, draw)
        r, alpha (a rate), a, b.
    horizon, discount : float
        H and the continuous rate δ.
    month, quarter : float
        30 and 90 days in the time unit.
    means : ndarray of float64, shape (5, cell)
        Filled with the averages over draws of ``COLUMNS``.
    discounted, time_alive : ndarray of float64, shape (cell, draw)
        Filled with expected discounted purchases and discounted time alive per draw.
    waits : ndarray of float64, shape (cell,)
        Filled with the median time to the next purchase, NaN where P(ever buys again) <= 0.5.
    """
    n_draws = purchase.shape[2]
    work = work_space()
    alive, shape, rate = np.empty(n_draws), np.empty(n_draws), np.empty(n_draws)
    for i in range(group.size):
        x, k, t_x, T = cells[0, i], cells[1, i], cells[2, i], cells[3, i]
        g = group[i]
        sums = np.zeros(5)
        for d in range(n_draws):
            r, alpha, a, b = purchase[0, g, d], purchase[1, g, d], purchase[2, g, d], purchase[3, g, d]
            alive[d], shape[d], rate[d] = p_alive(x, k, t_x, T, r, alpha, a, b), r + x, alpha + T
            purchases, worth, years = expected_over_horizon(
                horizon, discount, shape[d], rate[d], a, b + k, work
            )
            sums[0] += alive[d]
            sums[1] -= alive[d] * math.expm1(-shape[d] * math.log1p(month / rate[d]))
            sums[2] -= alive[d] * math.expm1(-shape[d] * math.log1p(quarter / rate[d]))
            sums[3] -= alive[d] * math.expm1(-shape[d] * math.log1p(horizon / rate[d]))
            sums[4] += alive[d] * purchases
            discounted[i, d] = alive[d] * worth
            time_alive[i, d] = alive[d] * years
        means[:, i] = sums / n_draws
        waits[i] = median_wait(alive, shape, rate)


@compiled
def _bought_by(wait, alive, shape, rate):
    """Return P(next purchase within `wait`) and its derivative, averaged over draws."""
    total, slope = 0.0, 0.0
    for d in range(alive.size):
        survival = math.exp(-shape[d] * math.log1p(wait / rate[d]))
        total += alive[d] * (1.0 - survival)
        slope += alive[d] * survival * shape[d] / (rate[d] + wait)
    return total / alive.size, slope / alive.size


@compiled
def median_wait(alive, shape, rate):
    """Return the median time to the next purchase: the root of mean A(1 − (α'/(α'+s))^{r'}) = 1/2.

    Parameters
    ----------
    alive, shape, rate : ndarray of float64, shape (draw,)
        A, r', α'.

    Returns
    -------
    float
        NaN where the customer more likely than not never buys again. Newton's steps in ln s, from the closed
        form at the averages of the parameters.
    """
    ever = alive.mean()
    if ever <= 0.5:
        return np.nan
    wait = rate.mean() * math.expm1(-math.log1p(-0.5 / ever) / shape.mean())
    for _ in range(_STEPS):
        bought, slope = _bought_by(wait, alive, shape, rate)
        step = max(-1.0, min(1.0, (0.5 - bought) / (slope * wait)))
        wait *= math.exp(step)
        if abs(step) <= 1e-10:
            break
    return wait


@compiled
def value_means(
    cell, count, total, group, spend, discounted, time_alive, margin, service, spend_mean, value_mean
):
    """Fill each customer's expected spend per purchase and expected value, averaged over draws last.

    Parameters
    ----------
    cell : ndarray of int64, shape (customer,)
        Where the customer's history stands in `discounted` and `time_alive`.
    count, total : ndarray of float64, shape (customer,)
        Number and sum of the positive repeat amounts.
    group : ndarray of int32, shape (customer,)
    spend : ndarray of float64, shape (3, group, draw)
        p, q, v (a rate).
    discounted, time_alive : ndarray of float64, shape (cell, draw)
    margin, service : float
        Share of spend; money per unit of time alive.
    spend_mean, value_mean : ndarray of float64, shape (customer,)
        Filled; NaN where some draw has p·count + q <= 1, so that spend has no mean.
    """
    n_draws = spend.shape[2]
    for i in range(cell.size):
        g, c = group[i], cell[i]
        spent, worth = 0.0, 0.0
        for d in range(n_draws):
            p = spend[0, g, d]
            excess = p * count[i] + spend[1, g, d] - 1.0
            mean = p * (spend[2, g, d] + total[i]) / excess if excess > 0.0 else np.nan
            spent += mean
            worth += margin * discounted[c, d] * mean - service * time_alive[c, d]
        spend_mean[i], value_mean[i] = spent / n_draws, worth / n_draws
