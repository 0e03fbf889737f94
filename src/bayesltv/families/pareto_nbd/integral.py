"""The one integral of Pareto/NBD: of positive terms, so that nothing cancels.

F(t₀, t₁) = s ∫ ((α+t₁)/(α+y))^R ((β+t₁)/(β+y))^s dy/(β+y) over (t₀, t₁) are the odds of having left since t₀
without a purchase. In v = ln(min(α, β) + y) the integrand is analytic in a strip of half-width π, and falls
from the left: panels of 16 Gauss-Legendre nodes, at most 2.5 wide and 20 powers of e high, leave an error of
1e-13 of F; past 42 powers of e nothing is left.

Where α and β are not far apart, ``series`` is quicker. Scores ask for the integral alone, by the hundred
thousand, and some 1e-10 of it will do: one panel then has as many nodes as its width and its height want.
"""

import math

from bayesltv.families.pareto_nbd.series import odds_by_series, total_by_series
from bayesltv.numerics.compile import compiled, inlined
from bayesltv.numerics.quadrature import NODES, WEIGHTS

_NODES, _WIDEST, _HIGHEST, _NOTHING = 16, 2.5, 20.0, 42.0
_ONE_PANEL, _MOST = 6.0, 28
_WORTH = 0.04
"""Largest z, by nodes, at which the series is quicker."""


@inlined
def _falls(low, high, alpha, beta, shape, s):
    """Return by how many powers of e the integrand falls between two times."""
    by_rate = shape * math.log1p((high - low) / (alpha + low))
    return by_rate + s * math.log1p((high - low) / (beta + low))


@compiled
def silent_odds(t_0, t_1, alpha, beta, shape, s):
    """Return ln(F/s) less what it falls from t₀ to t₁, that fall, and four means over the integrand.

    Parameters
    ----------
    t_0, t_1 : float
    alpha, beta, shape, s : float
        Rates α and β, shapes R = r + x and s.

    Returns
    -------
    total : float
        F = s · total · e^fall; 0 where t₁ = t₀.
    fall : float
    log_alpha, per_alpha, log_beta, per_beta : float
        Means of ln(α+y), 1/(α+y), ln(β+y), 1/(β+y).
    """
    fall = _falls(t_0, t_1, alpha, beta, shape, s)
    total, log_a, per_a, log_b, per_b = odds_by_series(t_0, t_1, alpha, beta, shape, s)
    if not total > 0.0:
        total, log_a, per_a, log_b, per_b = _odds_by_panels(t_0, t_1, alpha, beta, shape, s)
    return total, fall, log_a, per_a, log_b, per_b


@compiled
def _odds_by_panels(t_0, t_1, alpha, beta, shape, s):
    """Return `total` and the four means of `silent_odds`."""
    start = min(alpha, beta) + t_0
    end, done, lost, total = math.log1p((t_1 - t_0) / start), 0.0, 0.0, 0.0
    log_a, per_a, log_b, per_b = 0.0, 0.0, 0.0, 0.0
    while done < end and lost < _NOTHING:
        width, low = min(_WIDEST, end - done), t_0 + start * math.expm1(done)
        loss = _falls(low, t_0 + start * math.expm1(done + width), alpha, beta, shape, s)
        while loss > 4.0 * _HIGHEST:
            width *= 0.5
            loss = _falls(low, t_0 + start * math.expm1(done + width), alpha, beta, shape, s)
        if loss > _HIGHEST:
            width *= _HIGHEST / loss
        for i in range(_NODES):
            past = start * math.expm1(done + 0.5 * width * (1.0 + NODES[_NODES, i]))
            in_a, in_b = math.log1p(past / (alpha + t_0)), math.log1p(past / (beta + t_0))
            later_a, later_b = alpha + t_0 + past, beta + t_0 + past
            term = 0.5 * width * WEIGHTS[_NODES, i] * math.exp(-shape * in_a - s * in_b)
            term *= (start + past) / later_b
            total += term
            log_a += term * in_a
            per_a += term / later_a
            log_b += term * in_b
            per_b += term / later_b
        lost += _falls(low, t_0 + start * math.expm1(done + width), alpha, beta, shape, s)
        done = end if width >= end - done else done + width
        if not width > 0.0:
            return math.nan, math.nan, math.nan, math.nan, math.nan
    if not total > 0.0:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    log_a, log_b = math.log(alpha + t_0) + log_a / total, math.log(beta + t_0) + log_b / total
    return total, log_a, per_a / total, log_b, per_b / total


@inlined
def nodes_for(length, fall):
    """Return how many Gauss-Legendre nodes leave about 1e-10 of an integral over v, `fall` powers of e high.

    Measured: 2.2e-10 at worst in 28,000 cases with R to 150, s to 7, α/β within e^±9 and v to 6 wide.
    """
    y = 2.0 * math.pi / length
    wanted = 11.2 / math.log(y + math.sqrt(1.0 + y * y)) + 2.0 * math.sqrt(fall) + 1.4
    return 1 + int(wanted) if wanted < _MOST else _MOST + 1


@compiled
def _by_one_panel(t_0, t_1, alpha, beta, shape, s, nodes):
    """Return what `silent_odds` calls total; no number where one panel is too few."""
    rates = (alpha, beta) if alpha <= beta else (beta, alpha)
    powers = (shape, s) if alpha <= beta else (s, shape)
    start, later = rates[0] + t_0, rates[1] + t_0
    length = math.log1p((t_1 - t_0) / start)
    if not 0.0 < length <= _ONE_PANEL or nodes > _MOST:
        return math.nan
    total = 0.0
    for i in range(nodes):
        v = 0.5 * length * (1.0 + NODES[nodes, i])
        past = start * math.expm1(v)
        term = WEIGHTS[nodes, i] * math.exp(-powers[0] * v - powers[1] * math.log1p(past / later))
        total += term * (start + past) / (beta + t_0 + past)
    return 0.5 * length * total


@inlined
def silence_odds(t_0, t_1, alpha, beta, shape, s):
    """Return the first two of `silent_odds`, within 1e-9: what is wanted where no slopes are."""
    fall = _falls(t_0, t_1, alpha, beta, shape, s)
    nodes = nodes_for(math.log1p((t_1 - t_0) / (min(alpha, beta) + t_0)), fall)
    total = math.nan
    if abs(alpha - beta) < _WORTH * nodes * (max(alpha, beta) + t_0):
        total = total_by_series(t_0, t_1, alpha, beta, shape, s)
    if not total > 0.0:
        total = _by_one_panel(t_0, t_1, alpha, beta, shape, s, nodes)
    if not total > 0.0:
        total = _odds_by_panels(t_0, t_1, alpha, beta, shape, s)[0]
    return total, fall


@inlined
def odds_dead(t_0, t_1, alpha, beta, shape, s):
    """Return F, infinity where that overflows."""
    total, fall = silence_odds(t_0, t_1, alpha, beta, shape, s)
    return s * total * math.exp(fall) if total > 0.0 else total


@compiled
def p_silent(time, alpha, beta, shape, s):
    """Return P(no purchase within `time`) of who is alive at 0: neither bought nor left, or left first."""
    total, fall = silence_odds(0.0, time, alpha, beta, shape, s)
    return math.exp(-fall) + s * total
