"""The closed-form columns of a score table, averaged over posterior draws, once per distinct history."""

import math

import numpy as np

from bayesltv.kernels.compile import compiled, inlined
from bayesltv.kernels.expectations import expected_over_horizon, work_space
from bayesltv.kernels.latents import inverse_p_alive

COLUMNS = ("p_alive", "p_purchase_30d", "p_purchase_90d", "p_purchase_horizon", "expected_purchases")
_STEPS, _LAST_STEP = 60, 1e-4


@inlined
def p_alive(x, k, t_x, T, r, alpha, a, b):
    """Return P(alive at T) of one customer at one draw; exactly 1 where no coin was met."""
    return 1.0 / inverse_p_alive(x, k, t_x, T, r, alpha, a, b)


@compiled
def _fill_given_alive(x, k, T, g, purchase, horizon, discount, spans, given, work):
    """Fill the rows of `given`: what is true of a future given alive; it depends on x, k, T and the group."""
    for d in range(purchase.shape[2]):
        shape, rate = x + purchase[0, g, d], T + purchase[1, g, d]
        bought, worth, years = expected_over_horizon(
            horizon, discount, shape, rate, purchase[2, g, d], purchase[3, g, d] + k, work
        )
        given[0, d], given[1, d] = shape, rate
        given[2, d] = -math.expm1(-shape * math.log1p(spans[0] / rate))
        given[3, d] = -math.expm1(-shape * math.log1p(spans[1] / rate))
        given[4, d] = -math.expm1(-shape * math.log1p(horizon / rate))
        given[5, d], given[6, d], given[7, d] = bought, worth, years


@compiled
def closed_forms(cells, group, purchase, horizon, discount, spans, means, discounted, time_alive, waits):
    """Fill the closed forms of each cell.

    Neighbours that differ in recency alone share what is true given alive: order cells by group, x, T, t_x.

    Parameters
    ----------
    cells : ndarray of float64, shape (4, cell)
        x, k, t_x, T.
    group : ndarray of int32, shape (cell,)
    purchase : ndarray of float64, shape (4, group, draw)
        r, alpha (a rate), a, b.
    horizon, discount : float
        H and the continuous rate δ.
    spans : tuple of three floats
        30 and 90 days and a century in the time unit.
    means : ndarray of float64, shape (5, cell)
        Filled with the averages over draws of ``COLUMNS``.
    discounted, time_alive : ndarray of float64, shape (cell, draw)
        Filled with expected discounted purchases and discounted time alive per draw.
    waits : ndarray of float64, shape (cell,)
        Filled with the median time to the next purchase, NaN where P(buys again within a century) <= 0.5.
    """
    n_draws = purchase.shape[2]
    work, given, alive = work_space(), np.empty((8, n_draws)), np.empty(n_draws)
    for i in range(group.size):
        x, k, t_x, T = cells[0, i], cells[1, i], cells[2, i], cells[3, i]
        g = group[i]
        if i == 0 or not _same_future(cells, group, i, i - 1):
            _fill_given_alive(x, k, T, g, purchase, horizon, discount, spans, given, work)
        sums = np.zeros(5)
        for d in range(n_draws):
            share = p_alive(
                x, k, t_x, T, purchase[0, g, d], purchase[1, g, d], purchase[2, g, d], purchase[3, g, d]
            )
            alive[d] = share
            sums[0] += share
            for row in range(1, 5):
                sums[row] += share * given[row + 1, d]
            discounted[i, d], time_alive[i, d] = share * given[6, d], share * given[7, d]
        means[:, i] = sums / n_draws
        waits[i] = median_wait(alive, given[0], given[1], spans[2])


@compiled
def _same_future(cells, group, i, j):
    """Whether two cells differ in recency alone, which matters no more to those who are alive."""
    same = cells[0, i] == cells[0, j] and cells[1, i] == cells[1, j] and cells[3, i] == cells[3, j]
    return same and group[i] == group[j]


@compiled
def _bought_by(wait, alive, shape, rate):
    """Return P(next purchase within `wait`) and two derivatives by ln wait, averaged over draws."""
    total, slope, bend = 0.0, 0.0, 0.0
    for d in range(alive.size):
        left = rate[d] / (rate[d] + wait)
        silent = alive[d] * math.exp(shape[d] * math.log(left))
        steep = shape[d] * (1.0 - left)
        total += alive[d] - silent
        slope += silent * steep
        bend += silent * steep * (left - steep)
    return total / alive.size, slope / alive.size, bend / alive.size


@compiled
def median_wait(alive, shape, rate, farthest):
    """Return the median time to the next purchase: the root of mean A(1 − (α'/(α'+s))^{r'}) = 1/2.

    Parameters
    ----------
    alive, shape, rate : ndarray of float64, shape (draw,)
        A, r', α'.
    farthest : float
        A longer wait is none that could be named: with r' near 0 it has millions of years, or no end.

    Returns
    -------
    float
        NaN where the customer more likely than not does not buy within `farthest`. Halley's steps in ln s,
        from the closed form at the averages of the parameters; an error of the last step's size is cubed by
        it.
    """
    ever = alive.mean()
    if ever <= 0.5:
        return np.nan
    wait = rate.mean() * math.expm1(-math.log1p(-0.5 / ever) / shape.mean())
    if wait > farthest:
        if _bought_by(farthest, alive, shape, rate)[0] <= 0.5:
            return np.nan
        wait = farthest
        while (
            _bought_by(0.5 * wait, alive, shape, rate)[0] > 0.5
        ):  # the curve is flat out there: no slope leads back
            wait *= 0.5
    for _ in range(_STEPS):
        bought, slope, bend = _bought_by(wait, alive, shape, rate)
        short = 0.5 - bought
        step = max(-1.0, min(1.0, 2.0 * short * slope / (2.0 * slope * slope + short * bend)))
        wait *= math.exp(step)
        if abs(step) <= _LAST_STEP:
            break
    return wait if wait <= farthest else np.nan


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
