"""Hierarchical hurdle model of an experiment by cell and arm: log density and gradient by hand.

Compiling the same density from its ``pm.Model`` took 35 to 100 s of processor time for 57 cells and 3 arms;
this takes 7, once; a test holds the two against each other.
"""

import math

import numpy as np

from bayesltv.numerics.compile import compiled


@compiled
def _told(sd, unit, centre, seen):
    """Return what the cells tell about their mean given sd: (precision, pull), derived by ln sd, by ln unit.

    Cell c, seen as y_c with precision λ_c, tells it with precision w_c = λ_c / (1 + sd² λ_c); the pull is the
    sum of w_c (centre − y_c).
    """
    precision, pull = 0.0, 0.0
    by_sd, pull_by_sd, by_unit, pull_by_unit = 0.0, 0.0, 0.0, 0.0
    for c in range(seen.shape[1]):
        known, away = unit * seen[0, c], centre - seen[1, c]
        weight = known / (1.0 + sd * sd * known)
        slope = -2.0 * (sd * weight) ** 2
        precision += weight
        pull += weight * away
        by_sd += slope
        pull_by_sd += slope * away
        by_unit += weight + 0.5 * slope
        pull_by_unit += (weight + 0.5 * slope) * away
    return (precision, pull), (by_sd, pull_by_sd), (by_unit, pull_by_unit)


@compiled
def mean_value(draw, sd, unit, prior, seen):
    """Return the mean of the cells, N(centre, τ²), from the sampler's variable: see `cell_values`."""
    centre, wide = prior
    precision, pull = _told(sd, unit, centre, seen)[0]
    stretch = math.sqrt(1.0 + wide * wide * precision)
    return centre + wide / stretch * (draw - wide * pull / stretch)


@compiled
def cell_values(mean, sd, unit, offset, seen, values):
    """Fill the values of the cells, N(mean, sd²), from the sampler's variables.

    With λ_c and y_c what a cell's data say about its value, S_c² = 1 + sd² λ_c and
    x_c ~ N(sd λ_c (mean − y_c) / S_c, S_c), the value is mean + (sd / S_c) (x_c − E[x_c]). So x_c is about
    N(0, 1) given data, whatever sd and mean: centred where sd² λ_c is large, non-centred where it is small,
    and no funnel opens as sd goes to 0. The mean is seen alike, through what all cells tell about it given
    sd. Any λ and y give the same model.

    Parameters
    ----------
    mean, sd : float
    unit : float
        λ of a cell whose `seen` says 1: one over the variance of ln(amount), or 1.
    offset : ndarray of float64, shape (cell,)
        x.
    seen : ndarray of float64, shape (2, cell)
        λ over unit, and y.
    values : ndarray of float64, shape (cell,)
        Filled.
    """
    for c in range(values.size):
        known = unit * seen[0, c]
        stretch = math.sqrt(1.0 + sd * sd * known)
        off = offset[c] - sd * known / stretch * (mean - seen[1, c])
        values[c] = mean + sd / stretch * off


@compiled
def _cell_prior(mean, sd, unit, offset, seen, slope, offset_slope, by_seen):
    """Return the log prior of offsets, and gradients by mean, ln sd and ln unit, the likelihood's too.

    `slope` is the gradient of the likelihood by the cells' values; `offset_slope`, and `by_seen` for the
    gradient by y, are filled.
    """
    value, by_mean, by_log_sd, by_log_unit = 0.0, 0.0, 0.0, 0.0
    for c in range(offset.size):
        known = unit * seen[0, c]
        square = 1.0 + sd * sd * known
        stretch, phi = math.sqrt(square), 1.0 - 1.0 / square
        outer, inner, away = sd / stretch, sd * known / stretch, mean - seen[1, c]
        off = offset[c] - inner * away
        t, fit = off / square, off * off / square - 1.0
        value -= 0.5 * (off * t + math.log(square))
        offset_slope[c] = slope[c] * outer - t
        by_mean += slope[c] / square + t * inner
        by_seen[c] = slope[c] * phi - t * inner
        by_log_sd += slope[c] * (outer * off - phi * away) / square + t * inner * away / square + phi * fit
        half = 1.0 - 0.5 * phi
        by_log_unit += t * inner * away * half + 0.5 * phi * fit
        by_log_unit -= slope[c] * phi * (0.5 * outer * off + away * half)
    return value, by_mean, by_log_sd, by_log_unit


@compiled
def _through_mean(off, square, wide, pull, by_mean, told_slope):
    """Return the derivative, through the mean and its prior, by what changes (precision, pull) so."""
    growth, stretch = 0.5 * wide * wide * told_slope[0] / square, math.sqrt(square)
    off_slope = -wide * (told_slope[1] - pull * growth) / stretch
    value = by_mean * wide / stretch * (off_slope - growth * off)
    return value + growth * (off * off / square - 1.0) - off * off_slope / square


@compiled
def _mean_prior(draw, sd, unit, prior, seen, by_mean, by_seen):
    """Return the log prior of the mean's variable, and gradients by it, ln sd and ln unit through the mean.

    `by_mean` is the gradient by the mean of all else; that by y is added to `by_seen`.
    """
    centre, wide = prior
    (precision, pull), by_sd, by_unit = _told(sd, unit, centre, seen)
    square = 1.0 + wide * wide * precision
    stretch = math.sqrt(square)
    off = draw - wide * pull / stretch
    value = -0.5 * (off * off / square + math.log(square))
    by_draw = by_mean * wide / stretch - off / square
    for c in range(by_seen.size):
        known = unit * seen[0, c]
        by_seen[c] += by_draw * wide / stretch * known / (1.0 + sd * sd * known)
    by_log_sd = _through_mean(off, square, wide, pull, by_mean, by_sd)
    return value, by_draw, by_log_sd, _through_mean(off, square, wide, pull, by_mean, by_unit)


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
def _places(k, cells, treated):
    """Return where the piece of a part has ln sd and the first offset of the base (k = 0) or an arm."""
    at = 1 + treated
    sds = at + 1 + cells
    return (at, at + 1) if k == 0 else (sds + k - 1, sds + treated + (k - 1) * cells)


@compiled
def _base_seen(seen, values, given):
    """Fill `given`, (2, cell), with what data say of the base, given effects in `values` (control 0)."""
    cells, arms = values.shape
    for c in range(cells):
        given[:, c] = 0.0
        for k in range(arms):
            given[0, c] += seen[0, c, k]
            given[1, c] += seen[0, c, k] * (seen[1, c, k] - values[c, k])
        given[1, c] /= max(given[0, c], 1e-12)


@compiled
def expand_part(part, unit, scales, centre, seen, effect_seen, values, means, base_seen):
    """Fill the (cell, arm) values of one part, conversion or spend, from its piece of the point.

    The piece is, as the sampler sees them: base, effects (treated); where there are two cells or more then
    ln sd of base, offsets of base (cell), ln sd of effects (treated), offsets of effects (treated, cell).
    `means`, shape (arm,), is filled with base and effects; `base_seen`, shape (2, cell), with λ over unit and
    y of the bases, which take the effects off what was seen.
    """
    cells, treated = values.shape[0], values.shape[1] - 1
    column = np.empty(cells)
    values[:, 0] = 0.0
    for k in range(treated, -1, -1):
        if k == 0:
            _base_seen(seen, values, base_seen)
        mine = base_seen if k == 0 else effect_seen[k - 1]
        prior = (centre, scales[0]) if k == 0 else (0.0, scales[1])
        here, start = _places(k, cells, treated)
        sd = math.exp(part[here]) if cells > 1 else 0.0
        means[k] = mean_value(part[k], sd, unit, prior, mine)
        if cells > 1:
            cell_values(means[k], sd, unit, part[start : start + cells], mine, column)
        else:
            column[0] = means[k]
        values[:, k] = column
    for k in range(treated):
        values[:, k + 1] += values[:, 0]


@compiled
def _part_density(part, means, unit, scales, centre, seen, base_seen, effect_seen, slope, gradient):
    """Return the log prior of one part, and its gradient by ln unit; fill that by the piece of the point.

    `slope`, shape (cell, arm), is the likelihood's.
    """
    cells, treated = slope.shape[0], slope.shape[1] - 1
    base_sd, effect_sd, spread_sd = scales
    value, by_log_unit = 0.0, 0.0
    by_base, by_seen = np.zeros(cells), np.zeros(cells)
    for k in range(treated + 1):
        mine = base_seen if k == 0 else effect_seen[k - 1]
        toward = slope.sum(axis=1)
        if k > 0:  # the effect moves what is seen of the base, too
            toward = slope[:, k] - by_base * seen[0, :, k] / np.maximum(base_seen[0], 1e-12)
        prior = (centre, base_sd) if k == 0 else (0.0, effect_sd)
        here, start = _places(k, cells, treated)
        sd, by_mean = 0.0, toward[0]
        by_seen[:] = 0.0
        if cells > 1:
            sd = math.exp(part[here])
            offset = slice(start, start + cells)
            more, by_mean, gradient[here], by_unit = _cell_prior(
                means[k], sd, unit, part[offset], mine, toward, gradient[offset], by_seen
            )
            ratio = (sd / (base_sd if k == 0 else spread_sd)) ** 2
            value += more + part[here] - 0.5 * ratio
            gradient[here] += 1.0 - ratio
            by_log_unit += by_unit
        more, gradient[k], by_log_sd, by_unit = _mean_prior(part[k], sd, unit, prior, mine, by_mean, by_seen)
        value += more
        by_log_unit += by_unit
        if cells > 1:
            gradient[here] += by_log_sd
        if k == 0:
            by_base[:] = by_seen
    return value, by_log_unit


@compiled
def part_size(cells, treated):
    """Return the length of one part of the point."""
    return 1 + treated if cells == 1 else 2 + 2 * treated + cells * (1 + treated)


@compiled
def hurdle_density(point, counts, centres, scales, seen, effect_seen, sigma_scale):
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
    seen : ndarray of float64, shape (2, 2, cell, arm)
        By part, λ over unit and y of each cell and arm: see `cell_values`; the unit of spend is 1/σ².
    effect_seen : ndarray of float64, shape (2, treated, 2, cell)
        And of the effects.
    sigma_scale : float
        Of the half-normal prior of σ.
    """
    cells, arms = counts.shape[1], counts.shape[2]
    size = part_size(cells, arms - 1)
    parts = 2 if point.size > size else 1
    values, slopes = np.zeros((2, cells, arms)), np.empty((2, cells, arms))
    means, base_seen = np.empty((2, arms)), np.empty((2, 2, cells))
    gradient = np.zeros_like(point)
    log_sigma = point[2 * size] if parts == 2 else 0.0
    units = (1.0, math.exp(-2.0 * log_sigma))
    for p in range(parts):
        part = point[p * size : (p + 1) * size]
        expand_part(
            part, units[p], scales[p], centres[p], seen[p], effect_seen[p], values[p], means[p], base_seen[p]
        )
    value, by_sigma = hurdle_likelihood(values[0], values[1], log_sigma, counts, slopes[0], slopes[1])
    for p in range(parts):
        here = slice(p * size, (p + 1) * size)
        more, by_log_unit = _part_density(
            point[here], means[p], units[p], scales[p], centres[p], seen[p], base_seen[p],
            effect_seen[p], slopes[p], gradient[here],
        )  # fmt: skip
        value += more
        if p == 1:
            ratio = (math.exp(log_sigma) / sigma_scale) ** 2
            value += log_sigma - 0.5 * ratio
            gradient[2 * size] = by_sigma - 2.0 * by_log_unit + 1.0 - ratio
    return value, gradient
