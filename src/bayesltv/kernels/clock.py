"""The collapsed purchase likelihood in operational time, with its gradient by the clock.

Where all customers buy at λ·exp(s(t)), purchases are a Poisson process of rate λ in the time U(d) = Σ_{u<=d}
exp(s(u)), and dropout comes at purchases: BG/NBD and MBG/NBD hold with recency U(last) − U(first) and T =
U(end) − U(first), plus Σ s(day) over repeat purchases. A purchase on day d sits at the end of d.
"""

from typing import NamedTuple

import numpy as np

from bayesltv.families.cells import Cells
from bayesltv.families.verbs import value_and_slopes
from bayesltv.numerics.arrays import Floats, Integers
from bayesltv.numerics.compile import compiled


@compiled
def operational_days(pace, length, segment, elapsed):
    """Return U at days, in time units.

    Parameters
    ----------
    pace : ndarray of float64, shape (segment,)
        exp(s) in time units per day.
    length : ndarray of float64, shape (segment,)
        Days of each segment.
    segment : ndarray of int64, shape (day,)
        Segment in which each day lies.
    elapsed : ndarray of float64, shape (day,)
        Days of that segment up to and with the day.
    """
    until = np.zeros(pace.size + 1)
    for j in range(pace.size):
        until[j + 1] = until[j] + pace[j] * length[j]
    times = np.empty(segment.size)
    for i in range(segment.size):
        times[i] = until[segment[i]] + pace[segment[i]] * elapsed[i]
    return times


class ClockedCells(NamedTuple):
    """Distinct histories by their days.

    Attributes
    ----------
    weight, ..., x_weight, T_group, T_weight, T_purchases, t_group
        As in ``cells.Cells``.
    T_first, T_end, t_first, t_last : ndarray of int64
        Where the days that end and begin each distinct T and recency stand among the distinct days.
    clock : ndarray of int64, shape (group,)
        The clock that each group goes by.
    segment, elapsed : ndarray, shape (day,)
        Of each distinct day: see `operational_days`.
    length : ndarray of float64, shape (segment,)
        Days of each segment.
    unit : ndarray of float64, shape (1,)
        Days per time unit.
    repeats : ndarray of float64, shape (clock, segment)
        Repeat purchases.
    """

    weight: Floats
    frequency: Floats
    x_code: Integers
    T_code: Integers
    t_code: Integers
    x: Floats
    k: Floats
    x_group: Integers
    x_weight: Floats
    T_first: Integers
    T_end: Integers
    T_group: Integers
    T_weight: Floats
    T_purchases: Floats
    t_first: Integers
    t_last: Integers
    t_group: Integers
    clock: Integers
    segment: Integers
    elapsed: Floats
    length: Floats
    unit: Floats
    repeats: Floats


@compiled
def clocked_value_and_gradient(kind, packed, *data):
    """Return the log likelihood of all customers and its gradient by the parameters and the clock.

    Parameters
    ----------
    kind : law of a family
        See ``cells.purchase_value_and_gradient``.
    packed : ndarray of float64, shape (1, parameter × group + clock × segment)
        Each parameter of each group, then s of each clock's segments.
    *data : ndarray
        The fields of `ClockedCells`.

    Returns
    -------
    float, ndarray of float64, shape (1, parameter × group + clock × segment)
    """
    cells = ClockedCells(*data)
    T_first, T_end, T_group = cells.T_first, cells.T_end, cells.T_group
    t_first, t_last, t_group = cells.t_first, cells.t_last, cells.t_group
    clock, segment, elapsed, length, unit, repeats = data[17:]
    n_groups, n_clocks, n_segments = clock.size, repeats.shape[0], repeats.shape[1]
    split = packed.size - n_clocks * n_segments
    parameters = packed[0, :split].copy().reshape(split // n_groups, n_groups)
    s = packed[0, split:].copy().reshape(n_clocks, n_segments)
    pace = np.exp(s) / unit[0]
    if not np.all((pace > 0.0) & (pace < np.inf)):
        return -np.inf, np.zeros_like(packed)
    times = np.empty((n_clocks, segment.size))
    for c in range(n_clocks):
        times[c] = operational_days(pace[c], length, segment, elapsed)
    T, t = np.empty(T_end.size), np.empty(t_last.size)
    for j in range(T.size):
        c = clock[T_group[j]]
        T[j] = times[c, T_end[j]] - times[c, T_first[j]]
    for j in range(t.size):
        c = clock[t_group[j]]
        t[j] = times[c, t_last[j]] - times[c, t_first[j]]
    dated = Cells(*data[:9], T, *data[11:14], t, t_group)  # type: ignore[call-arg]
    value, by_parameter, slope_T, slope_t = value_and_slopes(kind, parameters, dated)
    by_day = np.zeros((n_clocks, segment.size))
    for j in range(T.size):
        c = clock[T_group[j]]
        by_day[c, T_end[j]] += slope_T[j]
        by_day[c, T_first[j]] -= slope_T[j]
    for j in range(t.size):
        c = clock[t_group[j]]
        by_day[c, t_last[j]] += slope_t[j]
        by_day[c, t_first[j]] -= slope_t[j]
    gradient = np.empty_like(packed)
    gradient[0, :split] = by_parameter.ravel()
    for c in range(n_clocks):
        own, whole = np.zeros(n_segments), np.zeros(n_segments)
        for i in range(segment.size):
            own[segment[i]] += by_day[c, i] * elapsed[i]
            whole[segment[i]] += by_day[c, i]
        later = 0.0
        for j in range(n_segments - 1, -1, -1):
            at = split + c * n_segments + j
            gradient[0, at] = pace[c, j] * (own[j] + length[j] * later) + repeats[c, j]
            later += whole[j]
            value += repeats[c, j] * s[c, j]
    return value, gradient
