"""When a customer of Pareto/NBD left: an exact draw by rejection (Devroye 1984, log-concave densities)."""

import math

from bayesltv.numerics.compile import compiled, inlined
from bayesltv.numerics.random_numbers import uniform

_MOST = 10_000


@inlined
def _log_density(past, t_x, alpha, beta, shape, s):
    """Return ln of (α+τ)^{-R} (β+τ)^{-s-1} (κ+τ), κ = min(α, β), relative to the rates at t_x."""
    fall = shape * math.log1p(past / (alpha + t_x)) + s * math.log1p(past / (beta + t_x))
    return math.log((min(alpha, beta) + t_x + past) / (beta + t_x + past)) - fall


@compiled
def draw_end(state, t_x, T, alpha, beta, shape, s, total):
    """Return τ in (t_x, T), density prop. to (α+τ)^{-R} (β+τ)^{-(s+1)}.

    In v = ln(min(α, β) + τ) the density is log-concave, and its integral is known: `total` of
    ``integral.silent_odds``. Two tries on average, four where the mode lies inside.
    """
    start = min(alpha, beta) + t_x
    end, mode = math.log1p((T - t_x) / start), 0.0
    if alpha < beta and shape < 1.0:
        theta = (1.0 - shape) / (s + 1.0)
        top = min(max((theta * beta - alpha) / (1.0 - theta), t_x), T)
        mode = math.log1p((top - t_x) / start)
    height = math.exp(_log_density(start * math.expm1(mode), t_x, alpha, beta, shape, s)) / total
    for _ in range(_MOST):
        far, accepted = uniform(state) < 0.5, uniform(state)
        step, log_ratio = uniform(state), 0.0
        if far:
            log_ratio = math.log(step)
            step = 1.0 - log_ratio
        step /= height
        if mode > 0.0 and uniform(state) < 0.5:
            step = -step
        v = mode + step
        if 0.0 <= v <= end:
            past = start * math.expm1(v)
            log_g = _log_density(past, t_x, alpha, beta, shape, s) - math.log(total * height)
            if math.log(accepted) + log_ratio <= log_g:
                return t_x + past
    return math.nan
