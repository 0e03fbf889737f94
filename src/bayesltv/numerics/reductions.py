"""From a customer's draws to a few numbers: quantiles, shares above thresholds, exact sums over customers.

One customer at a time and in the order of draws, so that neither blocks nor threads change a byte. Most
draws of value are exactly zero: only the others are gathered and searched.
"""

from typing import NamedTuple

import numpy as np

from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.compile import compiled


@compiled
def _select(values, size, rank):
    """Return the number of this rank, from 0, among the first `size`, which are reordered (Hoare 1961)."""
    low, high = 0, size - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    return values[rank]


@compiled
def _neighbours(values, size, rank):
    """Return the numbers of this rank and of the next, or of the last twice, among the first `size`."""
    lower = _select(values, size, rank)
    if rank + 1 == size:
        return lower, lower
    upper = values[rank + 1]
    for i in range(rank + 2, size):
        upper = min(upper, values[i])
    return lower, upper


@compiled
def _around(rank, below, n_below, zeros, above, n_above):
    """Return the numbers of this rank and of the next among negative ones, zeros and positive ones."""
    if rank + 1 < n_below:
        return _neighbours(below, n_below, rank)
    if rank >= n_below + zeros:
        return _neighbours(above, n_above, rank - n_below - zeros)
    lower = 0.0 if rank >= n_below else _select(below, n_below, rank)
    if rank + 1 < n_below + zeros:
        return lower, 0.0
    return lower, lower if n_above == 0 else _select(above, n_above, 0)


@compiled
def quantiles(values, shares, levels):
    """Fill the quantiles of each customer's draws, interpolated linearly as ``numpy.quantile`` does.

    Parameters
    ----------
    values : ndarray of float64, shape (customer, draw)
        Not missing.
    shares : ndarray of float64, shape (level,)
        In [0, 1].
    levels : ndarray of float64, shape (level, customer)
        Filled here.
    """
    n = values.shape[1]
    below, above = np.empty(n), np.empty(n)
    for i in range(values.shape[0]):
        n_below, n_above = 0, 0
        for d in range(n):
            value = values[i, d]
            above[n_above] = value  # kept only if it counts: no branch to guess wrong
            below[n_below] = value
            n_above += value > 0.0
            n_below += value < 0.0
        zeros = n - n_below - n_above
        for at in range(shares.size):
            place = (n - 1) * shares[at]
            rank = int(place)
            part = place - rank
            lower, upper = _around(rank, below, n_below, zeros, above, n_above)
            step = upper - lower
            levels[at, i] = lower + step * part if part < 0.5 else upper - step * (1.0 - part)


@compiled
def shares_reaching(values, thresholds, shares):
    """Fill the share of each customer's draws that reach the thresholds of the draw.

    Parameters
    ----------
    values : ndarray of float64, shape (customer, draw)
    thresholds : ndarray of float64, shape (threshold, draw)
    shares : ndarray of float64, shape (threshold, customer)
        Filled here.
    """
    n = values.shape[1]
    for i in range(values.shape[0]):
        for k in range(thresholds.shape[0]):
            reached = 0
            for d in range(n):
                reached += values[i, d] >= thresholds[k, d]
            shares[k, i] = reached / n


@compiled
def add_customers(purchases, spend, value, group, tier, step, sums, customers):
    """Add a block of customers to sums by group, tier and draw, in whole numbers.

    Parameters
    ----------
    purchases, spend, value : ndarray, shape (customer, draw)
    group, tier : ndarray of int, shape (customer,)
    step : float
        Money of one unit of the sums.
    sums : ndarray of int64, shape (3, group, tier, draw)
        Purchases, spend, value: added to here.
    customers : ndarray of int64, shape (group, tier)
        Added to here.
    """
    for i in range(group.size):
        g, k = group[i], tier[i]
        customers[g, k] += 1
        for d in range(purchases.shape[1]):
            if purchases[i, d] > 0:
                sums[0, g, k, d] += purchases[i, d]
                sums[1, g, k, d] += np.int64(np.rint(spend[i, d] / step))
            sums[2, g, k, d] += np.int64(np.rint(value[i, d] / step))


class Sums(NamedTuple):
    """Weights around a bracket, each of shape (draw,).

    Attributes
    ----------
    above, at_high, at_low, total : ndarray of int64
        Above the bracket, at its ends (at the low one alone where they are one), and of all.
    squares : ndarray of float64
        Of all, squared.
    """

    above: Integers
    at_high: Integers
    at_low: Integers
    total: Integers
    squares: Floats


@compiled
def gather_between(value, low, high, step, sums, found, found_in):
    """Weigh draws of value against a bracket per draw, and gather those strictly inside it.

    Parameters
    ----------
    value : ndarray of float64, shape (customer, draw)
    low, high : ndarray of float64, shape (draw,)
    step : float
        A draw weighs 1 where it is 0, else its positive value in whole steps.
    sums : Sums
        Added to here.
    found : ndarray of float64
        Filled with the values inside; as long as `value` has elements.
    found_in : ndarray of int32
        Filled with their draws.

    Returns
    -------
    int
        How many are inside.
    """
    above, at_high, at_low, total, squares = sums
    size = 0
    for i in range(value.shape[0]):
        for d in range(value.shape[1]):
            v = value[i, d]
            weight = np.int64(1)
            if step > 0.0:
                weight = np.int64(np.rint(v / step)) if v > 0.0 else np.int64(0)
            total[d] += weight
            squares[d] += np.float64(weight) * np.float64(weight)
            if v > high[d]:
                above[d] += weight
            elif v == low[d]:
                at_low[d] += weight
            elif v == high[d]:
                at_high[d] += weight
            elif v > low[d]:
                found[size], found_in[size] = v, d
                size += 1
    return size
