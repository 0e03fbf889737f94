"""Hierarchical hurdle model of an experiment by cell and arm: log density and gradient by hand.

Compiling the same density from its ``pm.Model`` took 35 to 100 s of processor time for 57 cells and 3 arms;
this takes 7, once; a test holds the two against each other.
"""

import math

import numpy as np

from bayesltv.kernels.compile import compiled


@compiled
def _told(sd, centre, seen):
    """Return what the cells tell about their mean given sd: precision, pull, and both derived by ln sd.

    Cell c, seen as y_c with precision λ_c, tells it with precision w_c = λ_c / (1 + sd² λ_c); the pull is the
    sum of w_c (centre − y_c).
    """
    precision, pull, precision_slope, pull_slope = 0.0, 0.0, 0.0, 0.0
    for c in range(seen.shape[1]):
        weight = seen[0, c] / (1.0 + sd * sd * seen[0, c])
        slope = -2.0 * (sd * weight) ** 2
        precision += weight
        precision_slope += slope
        pull += weight * (centre - seen[1, c])
        pull_slope += slope * (centre - seen[1, c])
    return precision, pull, precision_slope, pull_slope


@compiled
def cell_values(draw, log_sd, prior, offset, seen, values):
    """Fill the values of the cells, N(mean, sd²), from the sampler's variables; return their mean.

    With λ_c and y_c what a cell's data say about its value, S_c² = 1 + sd² λ_c and
    x_c ~ N(sd λ_c (mean − y_c) / S_c, S_c), the value is mean + (sd / S_c) (x_c − E[x_c]). So x_c is about
    N(0, 1) given data, whatever sd and mean: centred where sd² λ_c is large, non-centred where it is small,
    and no funnel opens as sd goes to 0. The mean, N(centre, τ²), is seen alike, through what all cells tell
    about it given sd. Any λ and y give the same model.

    Parameters
    ----------
    draw : float
        The sampler's variable of the mean.
    log_sd : float
    prior : tuple of float
        Centre and τ.
    offset : ndarray of float64, shape (cell,)
        x.
    seen : ndarray of float64, shape (2, cell)
        λ and y.
    values : ndarray of float64, shape (cell,)
        Filled.
    """
    centre, wide = prior
    sd = math.exp(log_sd)
    precision, pull, _, _ = _told(sd, centre, seen)
    stretch = math.sqrt(1.0 + wide * wide * precision)
    mean = centre + wide / stretch * (draw - wide * pull / stretch)
    for c in range(values.size):
        stretch = math.sqrt(1.0 + sd * sd * seen[0, c])
        off = offset[c] - sd * seen[0, c] / stretch * (mean - seen[1, c])
        values[c] = mean + sd / stretch * off
    return mean


@compiled
def _cell_prior(mean, log_sd, scale, offset, seen, slope, offset_slope):
    """Return the log prior of offsets and ln sd, and the gradients by mean and ln sd, the likelihood's too.

    `slope` is the gradient of the likelihood by the cells' values; `offset_slope` is filled.
    """
    sd = math.exp(log_sd)
    value = log_sd - 0.5 * (sd / scale) ** 2
    by_mean, by_log_sd = 0.0, 1.0 - (sd / scale) ** 2
    for c in range(offset.size):
        square = 1.0 + sd * sd * seen[0, c]
        stretch, phi = math.sqrt(square), 1.0 - 1.0 / square
        outer, inner, away = sd / stretch, sd * seen[0, c] / stretch, mean - seen[1, c]
        off = offset[c] - inner * away
        value -= 0.5 * (off * off / square + math.log(square))
        offset_slope[c] = slope[c] * outer - off / square
        by_mean += slope[c] / square + off * inner / square
        by_log_sd += slope[c] * (outer * off - phi * away) / square
        by_log_sd += off * inner * away / square**2 + phi * (off * off / square - 1.0)
    return value, by_mean, by_log_sd


@compiled
def _mean_prior(draw, log_sd, prior, seen, by_mean):
    """Return the log prior of the mean's variable, and the gradients by it and by ln sd through the mean.

    `by_mean` is the gradient by the mean of all else.
    """
    centre, wide = prior
    precision, pull, precision_slope, pull_slope = _told(math.exp(log_sd), centre, seen)
    square = 1.0 + wide * wide * precision
    stretch, growth = math.sqrt(square), 0.5 * wide * wide * precision_slope / square
    off = draw - wide * pull / stretch
    off_slope = -wide * (pull_slope - pull * growth) / stretch
    value = -0.5 * (off * off / square + math.log(square))
    by_draw = by_mean * wide / stretch - off / square
    by_log_sd = by_mean * wide / stretch * (off_slope - growth * off)
    by_log_sd += growth * (off * off / square - 1.0) - off * off_slope / square
    return value, by_draw, by_log_sd


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
def expand_part(part, scales, centre, base_seen, effect_seen, values, means):
    """Fill the (cell, arm) values of one part, conversion or spend, from its piece of the point.

    The piece is: base, effects (treated), themselves with one cell, else as the sampler sees them; where
    there are two cells or more then ln sd of base, offsets of base (cell), ln sd of effects (treated),
    offsets of effects (treated, cell). `means`, shape (arm,), is filled with base and effects.
    """
    cells, treated = values.shape[0], values.shape[1] - 1
    if cells == 1:
        means[:] = part[: 1 + treated]
        values[0, 0] = part[0]
        for k in range(treated):
            values[0, k + 1] = part[0] + part[k + 1]
        return
    at = 1 + treated
    column = np.empty(cells)
    prior = (centre, scales[0])
    means[0] = cell_values(part[0], part[at], prior, part[at + 1 : at + 1 + cells], base_seen, column)
    for k in range(treated + 1):
        values[:, k] = column
    sds = at + 1 + cells
    prior = (0.0, scales[1])
    for k in range(treated):
        start = sds + treated + k * cells
        offset = part[start : start + cells]
        means[1 + k] = cell_values(part[1 + k], part[sds + k], prior, offset, effect_seen[k], column)
        values[:, k + 1] += column


@compiled
def _part_density(part, means, scales, centre, base_seen, effect_seen, slope, gradient):
    """Return the log prior of one part; fill its gradient, `slope` (cell, arm) being the likelihood's."""
    cells, treated = slope.shape[0], slope.shape[1] - 1
    by_base = np.zeros(cells)
    for k in range(treated + 1):
        by_base += slope[:, k]
    value = 0.0
    if cells == 1:
        for k in range(treated + 1):
            off, wide = (part[0] - centre, scales[0]) if k == 0 else (part[k], scales[1])
            value -= 0.5 * (off / wide) ** 2
            gradient[k] = (by_base[0] if k == 0 else slope[0, k]) - off / wide**2
        return value
    base_sd, effect_sd, spread_sd = scales
    at = 1 + treated
    sds = at + 1 + cells
    for k in range(treated + 1):
        mine = at if k == 0 else sds + k - 1
        start = at + 1 if k == 0 else sds + treated + (k - 1) * cells
        here = slice(start, start + cells)
        seen = base_seen if k == 0 else effect_seen[k - 1]
        toward = by_base if k == 0 else np.ascontiguousarray(slope[:, k])
        prior = (centre, base_sd) if k == 0 else (0.0, effect_sd)
        scale = base_sd if k == 0 else spread_sd
        more, by_mean, by_log_sd = _cell_prior(
            means[k], part[mine], scale, part[here], seen, toward, gradient[here]
        )
        again, gradient[k], through = _mean_prior(part[k], part[mine], prior, seen, by_mean)
        value += more + again
        gradient[mine] = by_log_sd + through
    return value


@compiled
def part_size(cells, treated):
    """Return the length of one part of the point."""
    return 1 + treated if cells == 1 else 2 + 2 * treated + cells * (1 + treated)


@compiled
def hurdle_density(point, counts, centres, scales, base_seen, effect_seen, sigma_scale):
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
    base_seen : ndarray of float64, shape (2, 2, cell)
        By part, λ and y of each cell's base: see `cell_values`.
    effect_seen : ndarray of float64, shape (2, treated, 2, cell)
    sigma_scale : float
        Of the half-normal prior of σ.
    """
    cells, arms = counts.shape[1], counts.shape[2]
    size = part_size(cells, arms - 1)
    parts = 2 if point.size > size else 1
    values, slopes = np.zeros((2, cells, arms)), np.empty((2, cells, arms))
    means = np.empty((2, arms))
    gradient = np.zeros_like(point)
    log_sigma = point[2 * size] if parts == 2 else 0.0
    for p in range(parts):
        part = point[p * size : (p + 1) * size]
        expand_part(part, scales[p], centres[p], base_seen[p], effect_seen[p], values[p], means[p])
    value, by_sigma = hurdle_likelihood(values[0], values[1], log_sigma, counts, slopes[0], slopes[1])
    for p in range(parts):
        here = slice(p * size, (p + 1) * size)
        value += _part_density(
            point[here], means[p], scales[p], centres[p], base_seen[p], effect_seen[p], slopes[p],
            gradient[here],
        )  # fmt: skip
    if parts == 2:
        sigma = math.exp(log_sigma)
        value += log_sigma - 0.5 * (sigma / sigma_scale) ** 2
        gradient[2 * size] = by_sigma + 1.0 - (sigma / sigma_scale) ** 2
    return value, gradient
