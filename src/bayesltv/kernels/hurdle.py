"""Hierarchical hurdle model of an experiment by cell and arm: log density and gradient by hand.

Compiling the same density from its ``pm.Model`` took 35 to 100 s of processor time for 57 cells and 3 arms;
this takes 7, once; a test holds the two against each other.
"""

import math

import numpy as np

from bayesltv.kernels.compile import compiled


@compiled
def cell_values(mean, log_sd, offset, centred, values):
    """Fill the values of the cells, mean + sd^(1 − φ) (x − φ mean), from the sampler's x ~ N(φ mean, sd^φ).

    Parameters
    ----------
    mean, log_sd : float
    offset, centred : ndarray of float64, shape (cell,)
        x and φ: 1 is a centred, 0 a non-centred parametrisation (Gorinova, Moore & Hoffman 2020).
    values : ndarray of float64, shape (cell,)
        Filled.
    """
    for c in range(values.size):
        phi = centred[c]
        values[c] = mean + math.exp((1.0 - phi) * log_sd) * (offset[c] - phi * mean)


@compiled
def _cell_prior(mean, log_sd, scale, offset, centred, slope, offset_slope):
    """Return the log prior of offsets and ln sd, and the gradients by mean and ln sd, the likelihood's too.

    `slope` is the gradient of the likelihood by the cells' values; `offset_slope` is filled.
    """
    sd = math.exp(log_sd)
    value = log_sd - 0.5 * (sd / scale) ** 2
    by_mean, by_log_sd = 0.0, 1.0 - (sd / scale) ** 2
    for c in range(offset.size):
        phi = centred[c]
        outer, inner = math.exp((1.0 - phi) * log_sd), math.exp(-phi * log_sd)
        off = offset[c] - phi * mean
        t = off * inner
        value -= 0.5 * t * t + phi * log_sd
        offset_slope[c] = slope[c] * outer - t * inner
        by_mean += slope[c] * (1.0 - phi * outer) + phi * t * inner
        by_log_sd += slope[c] * (1.0 - phi) * outer * off + phi * (t * t - 1.0)
    return value, by_mean, by_log_sd


@compiled
def hurdle_likelihood(log_rate, log_spend, log_sigma, counts, rate_slope, spend_slope):
    """Return the log likelihood of the counts and its derivative by ln σ; fill the slopes by η and μ.

    A customer converts with probability 1 − exp(−e^η), so that differences of η are logs of rate
    multipliers of a Poisson process seen through a window; ln(amount) of one who converted is N(μ, σ²). With
    n customers, k of them converted, k' amounts, their logs' mean m and sum of squares around it S:
    k ln(1 − exp(−e^η)) − (n − k) e^η − k' ln σ − (S + k' (m − μ)²)/(2σ²), up to a constant.

    Parameters
    ----------
    log_rate, log_spend : ndarray of float64, shape (cell, arm)
        η and μ.
    log_sigma : float
    counts : ndarray of float64, shape (5, cell, arm)
        n, k, k' (0 where there are no amounts to model), m, S.
    rate_slope, spend_slope : ndarray of float64, shape (cell, arm)
        Filled.
    """
    value, by_sigma, precision = 0.0, 0.0, math.exp(-2.0 * log_sigma)
    for c in range(log_rate.shape[0]):
        for k in range(log_rate.shape[1]):
            customers, bought, amounts = counts[0, c, k], counts[1, c, k], counts[2, c, k]
            hazard = math.exp(log_rate[c, k])
            value -= (customers - bought) * hazard
            rate_slope[c, k] = -(customers - bought) * hazard
            if bought > 0.0:
                # below 1e-300 the hazard is 0 in effect, and ln(1 − exp(−e^η)) = η
                value += bought * (math.log(-math.expm1(-hazard)) if hazard > 1e-300 else log_rate[c, k])
                rate_slope[c, k] += bought * (hazard / math.expm1(hazard) if hazard > 1e-300 else 1.0)
            off = counts[3, c, k] - log_spend[c, k]
            squares = counts[4, c, k] + amounts * off * off if amounts > 0.0 else 0.0
            value -= amounts * log_sigma + 0.5 * precision * squares
            spend_slope[c, k] = precision * amounts * off
            by_sigma += precision * squares - amounts
    return value, by_sigma


@compiled
def expand_part(part, cells, treated, base_centred, effect_centred, values):
    """Fill the (cell, arm) values of one part, conversion or spend, from its piece of the point.

    The piece is: base, effects (treated); where there are two cells or more then ln sd of base, offsets of
    base (cell), ln sd of effects (treated), offsets of effects (treated, cell).
    """
    if cells == 1:
        values[0, 0] = part[0]
        for k in range(treated):
            values[0, k + 1] = part[0] + part[k + 1]
        return
    at = 1 + treated
    column = np.empty(cells)
    cell_values(part[0], part[at], part[at + 1 : at + 1 + cells], base_centred, column)
    for k in range(treated + 1):
        values[:, k] = column
    sds = at + 1 + cells
    for k in range(treated):
        start = sds + treated + k * cells
        cell_values(part[1 + k], part[sds + k], part[start : start + cells], effect_centred[k], column)
        values[:, k + 1] += column


@compiled
def _part_density(part, scales, centre, base_centred, effect_centred, slope, gradient):
    """Return the log prior of one part; fill its gradient, `slope` (cell, arm) being the likelihood's."""
    cells, treated = slope.shape[0], slope.shape[1] - 1
    base_sd, effect_sd, spread_sd = scales
    off = (part[0] - centre) / base_sd
    value = -0.5 * off * off
    gradient[0] = -off / base_sd
    for k in range(treated):
        value -= 0.5 * (part[1 + k] / effect_sd) ** 2
        gradient[1 + k] = -part[1 + k] / effect_sd**2
    by_base = np.zeros(cells)
    for k in range(treated + 1):
        by_base += slope[:, k]
    if cells == 1:
        gradient[0] += by_base[0]
        for k in range(treated):
            gradient[1 + k] += slope[0, k + 1]
        return value
    at = 1 + treated
    here = slice(at + 1, at + 1 + cells)
    more, by_mean, by_log_sd = _cell_prior(
        part[0], part[at], base_sd, part[here], base_centred, by_base, gradient[here]
    )
    value += more
    gradient[0] += by_mean
    gradient[at] = by_log_sd
    sds = at + 1 + cells
    for k in range(treated):
        start = sds + treated + k * cells
        here = slice(start, start + cells)
        more, by_mean, by_log_sd = _cell_prior(
            part[1 + k], part[sds + k], spread_sd, part[here], effect_centred[k],
            np.ascontiguousarray(slope[:, k + 1]), gradient[here],
        )  # fmt: skip
        value += more
        gradient[1 + k] += by_mean
        gradient[sds + k] = by_log_sd
    return value


@compiled
def part_size(cells, treated):
    """Return the length of one part of the point."""
    return 1 + treated if cells == 1 else 2 + 2 * treated + cells * (1 + treated)


@compiled
def hurdle_density(point, counts, centres, scales, base_centred, effect_centred, sigma_scale):
    """Return the log posterior density of an experiment's model and its gradient, up to a constant.

    Parameters
    ----------
    point : ndarray of float64, shape (size,)
        Conversion's part and, where it is longer, spend's part (see `expand_part`) and ln σ.
    counts : ndarray of float64, shape (5, cell, arm)
        See `hurdle_likelihood`.
    centres : ndarray of float64, shape (2,)
        Prior means of the two bases.
    scales : ndarray of float64, shape (2, 3)
        Prior sd of base (and of its spread over cells), of effects, and scale of the effects' spread.
    base_centred : ndarray of float64, shape (2, cell)
    effect_centred : ndarray of float64, shape (2, treated, cell)
    sigma_scale : float
        Of the half-normal prior of σ.
    """
    cells, arms = counts.shape[1], counts.shape[2]
    size = part_size(cells, arms - 1)
    log_rate, log_spend = np.zeros((cells, arms)), np.zeros((cells, arms))
    rate_slope, spend_slope = np.empty((cells, arms)), np.empty((cells, arms))
    gradient = np.zeros_like(point)
    with_spend = point.size > size
    expand_part(point[:size], cells, arms - 1, base_centred[0], effect_centred[0], log_rate)
    log_sigma = 0.0
    if with_spend:
        log_sigma = point[2 * size]
        expand_part(point[size : 2 * size], cells, arms - 1, base_centred[1], effect_centred[1], log_spend)
    value, by_sigma = hurdle_likelihood(log_rate, log_spend, log_sigma, counts, rate_slope, spend_slope)
    value += _part_density(
        point[:size], scales[0], centres[0], base_centred[0], effect_centred[0], rate_slope, gradient[:size]
    )
    if with_spend:
        value += _part_density(
            point[size : 2 * size], scales[1], centres[1], base_centred[1], effect_centred[1], spend_slope,
            gradient[size : 2 * size],
        )  # fmt: skip
        sigma = math.exp(log_sigma)
        value += log_sigma - 0.5 * (sigma / sigma_scale) ** 2
        gradient[2 * size] = by_sigma + 1.0 - (sigma / sigma_scale) ** 2
    return value, gradient
