"""Coordinates in which states x ~ N(0, Q⁻¹) are nearly standard normal given data, and their adjoint.

Were D x seen as m with precisions n, then x would have precision M = Q + D' diag(n) D and mean M⁻¹ p, p = D'
diag(n) m. With M = L L', x = L'⁻¹ (z + L⁻¹ p). A clock's precision is a band with a few full rows: L is zero
left of each row's first number, so that what a state costs does not grow with how many there are. Plain
loops: compiling them takes a second, where a graph of linear algebra and its gradient took minutes.
"""

import math

import numpy as np

from bayesltv.numerics.compile import compiled


@compiled
def root_of(precision):
    """Return L, lower triangular, from the lower half of M, and where each of its rows begins."""
    size = precision.shape[0]
    root, first = np.zeros((size, size)), np.zeros(size, dtype=np.int64)
    for i in range(size):
        while precision[i, first[i]] == 0.0 and first[i] < i:
            first[i] += 1
        for j in range(first[i], i + 1):
            left = precision[i, j]
            for k in range(max(first[i], first[j]), j):
                left -= root[i, k] * root[j, k]
            root[i, j] = math.sqrt(left) if i == j else left / root[j, j]
    return root, first


@compiled
def _forth(root, first, right):
    """Return L⁻¹ right."""
    x = right.copy()
    for i in range(x.size):
        for j in range(first[i], i):
            x[i] -= root[i, j] * x[j]
        x[i] /= root[i, i]
    return x


@compiled
def _back(root, first, right):
    """Return L'⁻¹ right."""
    x = right.copy()
    for i in range(x.size - 1, -1, -1):
        x[i] /= root[i, i]
        for j in range(first[i], i):
            x[j] -= root[i, j] * x[i]
    return x


@compiled
def states_of(z, precision, pull):
    """Return x, shape (state,), and ln det L.

    Parameters
    ----------
    z : ndarray of float64, shape (state,)
    precision : ndarray of float64, shape (state, state)
        M.
    pull : ndarray of float64, shape (state,)
        p.
    """
    root, first = root_of(precision)
    return _back(root, first, z + _forth(root, first, pull)), np.log(np.diag(root)).sum()


@compiled
def coordinates_of(x, precision, pull):
    """Return z and ln det L; the inverse of `states_of`."""
    root, first = root_of(precision)
    z = -_forth(root, first, pull)
    for i in range(x.size):
        for j in range(first[i], i + 1):
            z[j] += root[i, j] * x[i]
    return z, np.log(np.diag(root)).sum()


@compiled
def coordinates_of_each(x, precision, pull):
    """Return z, shape (n, state), and ln det L by row of x and p, and M, shape (n, state, state)."""
    z, log_det = np.empty_like(x), np.empty(len(x))
    for i in range(len(x)):
        z[i], log_det[i] = coordinates_of(x[i], precision[i], pull[i])
    return z, log_det


@compiled
def log_roots(precision):
    """Return ln det L by matrix, of `precision` of shape (n, state, state)."""
    logs = np.empty(len(precision))
    for i in range(len(precision)):
        logs[i] = np.log(np.diag(root_of(precision[i])[0])).sum()
    return logs


@compiled
def pull_back(z, precision, pull, by_x, by_log_det):
    """Return the derivatives by z, M (its lower half) and p of what has these by x and ln det L."""
    root, first = root_of(precision)
    along = _forth(root, first, pull)
    x = _back(root, first, z + along)
    by_z = _forth(root, first, by_x)
    by_pull = _back(root, first, by_z)
    by_root = np.zeros(precision.shape)
    for i in range(z.size):
        for j in range(first[i], i + 1):
            by_root[i, j] = -x[i] * by_z[j] - by_pull[i] * along[j]
        by_root[i, i] += by_log_det / root[i, i]
    return by_z, _by_precision(root, first, by_root), by_pull


@compiled
def _by_precision(root, first, by_root):
    """Return the derivatives by M from those by L, overwritten: `root_of` from its end to its start."""
    by_precision = np.zeros(root.shape)
    for i in range(first.size - 1, -1, -1):
        for j in range(i, first[i] - 1, -1):
            by_left = by_root[i, j] / root[j, j]
            if i == j:
                by_left *= 0.5
            else:
                by_root[j, j] -= by_left * root[i, j]
            by_precision[i, j] = by_left
            for k in range(max(first[i], first[j]), j):
                by_root[i, k] -= by_left * root[j, k]
                by_root[j, k] -= by_left * root[i, k]
    return by_precision
