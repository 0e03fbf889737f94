"""The integral of Pareto/NBD as a series of positive terms: quick where α and β are not far apart.

With κ the larger of α and β, η the other, z = (κ − η) / (κ + t₀) and u = (κ + t₀) / (κ + y), the power of
η + y = (κ + y)(1 − z u) is a binomial series in z u, c its power. Each term integrates in closed form, to
z^n (c)_n / n! (1 − q^(b+n)) / (b + n), b = R + s and q = (κ + t₀) / (κ + t₁). A factor 1/(κ + y) or 1/(η + y)
adds one to b, or to b and c; a factor ln(1 − z u) is a derivative by c, ln(κ + y) one by b.
"""

import math

from bayesltv.numerics.compile import compiled, inlined

MOST_TERMS = 40
_SLIVER, _WIDEST = 1e-3, 0.5
_ENOUGH, _ENOUGH_FOR_SLOPES = 1e-12, 1e-16


@inlined
def _set_up(t_0, t_1, alpha, beta, shape, s):
    """Return κ + t₀, z, c, the power of 1 − z beside the sum, and ln 1/q."""
    far, near = (alpha, beta) if alpha >= beta else (beta, alpha)
    power, other = (s + 1.0, s) if alpha >= beta else (shape, shape)
    return far + t_0, (far - near) / (far + t_0), power, other, math.log1p((t_1 - t_0) / (far + t_0))


@inlined
def _is_quick(z, power, both, length):
    """Return whether few terms do, and t₁ − t₀ is no sliver, where 1 − qⁿ would cancel."""
    return both * length > _SLIVER and z * (power + MOST_TERMS) < _WIDEST * (MOST_TERMS + 1.0)


@compiled
def total_by_series(t_0, t_1, alpha, beta, shape, s):
    """Return the first of ``integral.silent_odds``, within 1e-12; no number where this is not the way."""
    _, z, power, other, length = _set_up(t_0, t_1, alpha, beta, shape, s)
    both = shape + s
    if not _is_quick(z, power, both, length):
        return math.nan
    q, left = math.exp(-length), math.exp(-both * length)
    term, total = 1.0, 0.0
    for n in range(MOST_TERMS):
        total += term * (1.0 - left) / (both + n)
        ratio = z * (power + n) / (n + 1.0)
        term *= ratio
        left *= q
        if ratio < 0.9 and term <= _ENOUGH * total * (both + n) * (1.0 - ratio):
            return total * math.exp(other * math.log1p(-z))
    return math.nan


@compiled
def odds_by_series(t_0, t_1, alpha, beta, shape, s):
    """Return `total` and the four means of ``integral.silent_odds``; no numbers where this is not the way."""
    start, z, power, other, length = _set_up(t_0, t_1, alpha, beta, shape, s)
    both = shape + s
    if not _is_quick(z, power, both, length):
        return math.nan, math.nan, math.nan, math.nan, math.nan
    q, left = math.exp(-length), math.exp(-both * length)
    term, total, harmonic, part = 1.0, 0.0, 0.0, (1.0 - left) / both
    log_far, log_rest, per_far, per_near = 0.0, 0.0, 0.0, 0.0
    for n in range(MOST_TERMS):
        at = both + n
        total += term * part
        log_far += term * (part - left * length) / at
        log_rest += term * harmonic * part
        left *= q
        part = (1.0 - left) / (at + 1.0)
        per_far += term * part
        per_near += term * part * (power + n) / power
        harmonic += 1.0 / (power + n)
        ratio = z * (power + n) / (n + 1.0)
        term *= ratio
        if ratio < 0.9 and term * (1.0 + harmonic) <= _ENOUGH_FOR_SLOPES * total * at * (1.0 - ratio):
            break
    else:
        return math.nan, math.nan, math.nan, math.nan, math.nan
    log_far = math.log(start) + log_far / total
    log_near = log_far - log_rest / total
    per_far, per_near = per_far / (start * total), per_near / (start * total)
    total *= math.exp(other * math.log1p(-z))
    if alpha >= beta:
        return total, log_far, per_far, log_near, per_near
    return total, log_near, per_near, log_far, per_far
