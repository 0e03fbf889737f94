"""Values of cells that lean on each other, by slice sampling (Neal 2003) over tables of log likelihoods.

Row 0 is a base, each further row a difference to it: the table of row 0 is looked up at the base of a cell,
that of row k at base + difference. Values of a row are N(mean, sd²) over cells, mean N(centre, wide²), sd
half-normal. A sweep moves each value, base against differences, and mean and sd of a row both with its values
left as they are and with its values carried along: it mixes whether cells know much or little (Yu & Meng
2011). Where there are several differences, `wide` of their means may be unknown, too, and is moved likewise.
"""

import math
from typing import NamedTuple

import numpy as np

from bayesltv.numerics.arrays import Floats
from bayesltv.numerics.compile import compiled, inlined, verb, way
from bayesltv.numerics.random_numbers import exponential, normal, uniform

WIDTH = 0.3
"""First guess at the width of a slice, on the log scale; it steps out and shrinks to what it is."""
_STEPS, _CLOSE = 40, 1e-13


class Tables(NamedTuple):
    """Log likelihoods as cubic pieces.

    Attributes
    ----------
    pieces : ndarray of float64, shape (set, row, cell, piece, 4)
        Coefficients of 1, s, s², s³, s the distance from the left end of a piece.
    start, step : float
        Left end of the first piece, and their width; beyond both ends the slope goes on.
    """

    pieces: Floats
    start: float
    step: float


class RowPriors(NamedTuple):
    """Of each row, shape (row,): N(centre, wide²) of its mean, scale of the half-normal of its sd.

    Where `differ` is above 0, differences are N(0, wide²) with one `wide` for all of them, half-normal with
    that scale.
    """

    centre: Floats
    wide: Floats
    spread: Floats
    differ: float = 0.0


class Chain(NamedTuple):
    """Draws: values, shape (draw, row, cell); mean and sd, shape (draw, row); the sd of means, (draw,)."""

    values: Floats
    mean: Floats
    sd: Floats
    wide: Floats


def tabulated(start: float, step: float, logs: Floats) -> Tables:
    """Return tables of log likelihoods, shape (set, row, cell, point), at points `step` apart."""
    from scipy.interpolate import CubicSpline

    points = start + step * np.arange(logs.shape[-1])
    spline = CubicSpline(points, logs - logs.max(axis=-1, keepdims=True), axis=-1)
    pieces = np.moveaxis(spline.c[::-1], (0, 1), (-1, -2))
    return Tables(np.ascontiguousarray(pieces), start, step)


@inlined
def _look_up(pieces, start, step, x):
    last = pieces.shape[0] - 1
    j = min(max(int((x - start) / step), 0), last)
    inside = min(max(x, start), start + (last + 1) * step)
    s, c = inside - start - j * step, pieces[j]
    value = c[0] + s * (c[1] + s * (c[2] + s * c[3]))
    return value + (x - inside) * (c[1] + s * (2.0 * c[2] + s * 3.0 * c[3]))


@verb
def log_density(known, t):
    """Return the log density of a state moved by t in the way that `known` is for."""


@compiled
def slice_step(known, width, state):
    """Return a step t from 0 that leaves the density exp(log_density(known, t)) as it is."""
    level = log_density(known, 0.0) - exponential(state)
    low = -width * uniform(state)
    high = low + width
    for _ in range(_STEPS):
        if not log_density(known, low) > level:
            break
        low -= width
    for _ in range(_STEPS):
        if not log_density(known, high) > level:
            break
        high += width
    while high - low > _CLOSE:
        t = low + (high - low) * uniform(state)
        if log_density(known, t) > level:
            return t
        if t < 0.0:
            low = t
        else:
            high = t
    return 0.0


class Moved(NamedTuple):
    """The values of one cell, shape (row,), with mean and sd of each row, moved along a direction."""

    tables: Tables
    cell: int
    values: Floats
    along: Floats
    mean: Floats
    sd: Floats


class Shifted(NamedTuple):
    """A row whose mean and values are shifted together."""

    tables: Tables
    values: Floats
    row: int
    mean: float
    centre: float
    wide: float


class Stretched(NamedTuple):
    """A row whose sd and values about the mean are stretched together, by exp(t)."""

    tables: Tables
    values: Floats
    row: int
    mean: float
    sd: float
    spread: float


class Spread(NamedTuple):
    """The log sd of a row given its values: how many, and their squares about the mean."""

    size: int
    squares: float
    sd: float
    spread: float


class Widened(NamedTuple):
    """The differences' means and the sd between them, stretched together by exp(t); deviations stay."""

    tables: Tables
    values: Floats
    mean: Floats
    wide: float
    differ: float


@way(log_density, Moved)
def _moved(known, t):
    tables, cell, values, along, mean, sd = known
    pieces, start, step = tables
    base, total = values[0, cell] + t * along[0], 0.0
    for row in range(values.shape[0]):
        value = values[row, cell] + t * along[row]
        total += _look_up(pieces[row, cell], start, step, value if row == 0 else base + value)
        total -= 0.5 * ((value - mean[row]) / sd[row]) ** 2
    return total


@compiled
def _of_row(tables, values, row, shift, factor, mean):
    """Log likelihood with a row's values stretched around their mean by a factor, and shifted."""
    (pieces, start, step), total = tables, 0.0
    for cell in range(values.shape[1]):
        value = mean + (values[row, cell] - mean) * factor + shift
        if row > 0:
            total += _look_up(pieces[row, cell], start, step, values[0, cell] + value)
        else:
            total += _look_up(pieces[0, cell], start, step, value)
            for other in range(1, values.shape[0]):
                total += _look_up(pieces[other, cell], start, step, value + values[other, cell])
    return total


@way(log_density, Shifted)
def _shifted(known, t):
    about = (known.mean + t - known.centre) / known.wide
    return _of_row(known.tables, known.values, known.row, t, 1.0, known.mean) - 0.5 * about * about


@way(log_density, Stretched)
def _stretched(known, t):
    wider = math.exp(t)
    about = known.sd * wider / known.spread
    return _of_row(known.tables, known.values, known.row, 0.0, wider, known.mean) - 0.5 * about * about + t


@way(log_density, Spread)
def _spread(known, t):
    sd = known.sd * math.exp(t)
    return t * (1.0 - known.size) - 0.5 * known.squares / sd**2 - 0.5 * (sd / known.spread) ** 2


@way(log_density, Widened)
def _widened(known, t):
    wider = math.exp(t)
    about = known.wide * wider / known.differ
    total = t - 0.5 * about * about
    for row in range(1, known.mean.size):
        mean = known.mean[row]
        total += _of_row(known.tables, known.values, row, mean * (wider - 1.0), 1.0, mean)
    return total


@compiled
def _move_cell(tables, values, cell, mean, sd, state):
    rows = values.shape[0]
    along = np.empty(rows)
    for row in range(rows + 1):
        along[:] = 0.0 if row < rows else -1.0
        along[row if row < rows else 0] = 1.0
        t = slice_step(Moved(tables, cell, values, along, mean, sd), WIDTH, state)
        for each in range(rows):
            values[each, cell] += t * along[each]


@compiled
def _move_wide(tables, values, mean, wide, differ, state):
    """Move the sd between means of differences: with the means as they are, and with them carried along."""
    squares = (mean[1:] ** 2).sum()
    wide[1:] *= math.exp(slice_step(Spread(mean.size - 1, squares, wide[1], differ), 1.0, state))
    wider = math.exp(slice_step(Widened(tables, values, mean, wide[1], differ), 1.0, state))
    wide[1:] *= wider
    for row in range(1, mean.size):
        values[row] += mean[row] * (wider - 1.0)
        mean[row] *= wider


@compiled
def _move_row(tables, values, row, mean, sd, priors, wide, state):
    cells, centre, wide, spread = values.shape[1], priors.centre[row], wide[row], priors.spread[row]
    known = cells / sd[row] ** 2
    precision = known + 1.0 / wide**2
    told = known * values[row].mean() + centre / wide**2
    mean[row] = told / precision + normal(state) / math.sqrt(precision)
    squares = ((values[row] - mean[row]) ** 2).sum()
    sd[row] *= math.exp(slice_step(Spread(cells, squares, sd[row], spread), 1.0, state))
    t = slice_step(Shifted(tables, values, row, mean[row], centre, wide), WIDTH, state)
    mean[row] += t
    values[row] += t
    t = slice_step(Stretched(tables, values, row, mean[row], sd[row], spread), 1.0, state)
    sd[row] *= math.exp(t)
    values[row] = mean[row] + (values[row] - mean[row]) * math.exp(t)


@compiled
def sample_cells(tables, set_of_draw, priors, sweeps, state, chain):
    """Fill a chain of draws, each under its own set of tables.

    Parameters
    ----------
    tables : Tables
    set_of_draw : ndarray of int64, shape (draw,)
    priors : RowPriors
        Of one cell alone, values are N(centre, wide²) themselves.
    sweeps : tuple of int
        Before the first draw, after each change of tables, and for each draw.
    state : ndarray of uint64, shape (4,)
    chain : Chain
        Filled here.
    """
    rows, cells = chain.values.shape[1:]
    values, mean, wide = np.zeros((rows, cells)), priors.centre.copy(), priors.wide.copy()
    sd = wide.copy()
    first, settle, each = sweeps
    if cells > 1:
        sd[:] = 0.5 * priors.spread
        for row in range(rows):
            values[row] = mean[row] + sd[row] * normal(state)
    for d in range(set_of_draw.size):
        here = Tables(tables.pieces[set_of_draw[d]], tables.start, tables.step)
        more = first if d == 0 else (settle if set_of_draw[d] != set_of_draw[d - 1] else 0)
        for _ in range(each + more):
            for cell in range(cells):
                _move_cell(here, values, cell, mean, sd, state)
            if cells > 1:
                for row in range(rows):
                    _move_row(here, values, row, mean, sd, priors, wide, state)
            if priors.differ > 0.0:
                at = mean if cells > 1 else values[:, 0].copy()
                _move_wide(here, values, at, wide, priors.differ, state)
                if cells == 1:
                    sd[:] = wide
        chain.values[d], chain.mean[d], chain.sd[d], chain.wide[d] = values, mean, sd, wide[rows - 1]
