"""Coordinates in which innovations u ~ N(0, I) are nearly standard normal given counts, and their adjoint.

Were s = C u seen block by block as m with precision n, then u would have precision M = I + C' diag(n) C and
mean M⁻¹ C' diag(n) m. With M = L L', u = L'⁻¹ z + mean. Small matrices, so plain loops: compiling
them takes a second, where a graph of linear algebra and its gradient took minutes.
"""

import math

import numpy as np

from bayesltv.numerics.compile import compiled


@compiled
def _root(loadings, counts):
    """Return L, lower triangular, of M = I + C' diag(n) C."""
    size = loadings.shape[1]
    root = np.eye(size)
    for i in range(size):
        for j in range(i + 1):
            for b in range(counts.size):
                root[i, j] += loadings[b, i] * counts[b] * loadings[b, j]
    for j in range(size):
        for k in range(j):
            for i in range(j, size):
                root[i, j] -= root[i, k] * root[j, k]
        root[j, j] = math.sqrt(root[j, j])
        for i in range(j + 1, size):
            root[i, j] /= root[j, j]
            root[j, i] = 0.0
    return root


@compiled
def _forth(root, right):
    """Return L⁻¹ right."""
    x = right.copy()
    for i in range(x.size):
        for j in range(i):
            x[i] -= root[i, j] * x[j]
        x[i] /= root[i, i]
    return x


@compiled
def _back(root, right):
    """Return L'⁻¹ right."""
    x = right.copy()
    for i in range(x.size - 1, -1, -1):
        for j in range(i + 1, x.size):
            x[i] -= root[j, i] * x[j]
        x[i] /= root[i, i]
    return x


@compiled
def innovations_of(z, loadings, counts, seen):
    """Return u, shape (innovation,), and ln det L.

    Parameters
    ----------
    z : ndarray of float64, shape (innovation,)
    loadings : ndarray of float64, shape (block, innovation)
        C.
    counts : ndarray of float64, shape (block,)
        n.
    seen : ndarray of float64, shape (block,)
        m.
    """
    root = _root(loadings, counts)
    pull = loadings.T.copy() @ (counts * seen)
    u = _back(root, z + _forth(root, pull))
    return u, np.log(np.diag(root)).sum()


@compiled
def pull_back(z, loadings, counts, seen, by_u, by_log_det):
    """Return the derivatives by z, C and m of a function whose derivatives by u and ln det L are given."""
    root = _root(loadings, counts)
    mean = _back(root, _forth(root, loadings.T.copy() @ (counts * seen)))
    y = _back(root, z)
    by_z = _forth(root, by_u)
    by_pull = _back(root, by_z)
    size = z.size
    by_root = np.zeros((size, size))
    for i in range(size):
        by_root[i, i] = by_log_det / root[i, i]
        for j in range(i + 1):
            by_root[i, j] -= y[i] * by_z[j]
    # Cholesky backwards (Murray 2016, eq. 10): M̄ = L'⁻¹ Φ(L' L̄) L⁻¹, made symmetric
    inner = root.T.copy() @ by_root
    half = np.zeros((size, size))
    for i in range(size):
        half[i, i] = 0.5 * inner[i, i]
        for j in range(i):
            half[i, j] = inner[i, j]
    columns = np.empty((size, size))
    for j in range(size):
        columns[:, j] = _back(root, half[:, j].copy())
    by_precision = np.empty((size, size))
    for i in range(size):
        by_precision[i] = _back(root, columns[i].copy())
    by_precision = 0.5 * (by_precision + by_precision.T)
    for i in range(size):
        for j in range(size):
            by_precision[i, j] -= 0.5 * (by_pull[i] * mean[j] + by_pull[j] * mean[i])
    by_loadings = 2.0 * loadings @ by_precision
    for b in range(counts.size):
        for i in range(size):
            by_loadings[b, i] = counts[b] * (by_loadings[b, i] + seen[b] * by_pull[i])
    return by_z, by_loadings, counts * (loadings @ by_pull)
