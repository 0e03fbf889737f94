"""From "90 % of the mass lies between these two values" to the parameters of a family, with equal tails.

Closed forms where there are any; elsewhere one-dimensional root finding on a monotone function, which cannot
land on a wrong root.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

from bayesltv.errors import SpecError
from bayesltv.specs.family import Family
from bayesltv.specs.frozen import tidy

_LOG_RANGE = (-25.0, 25.0)
"""Where the log of a shape or concentration, or the logit of a mean, is looked for."""


def solve(family: Family, mass: float, low: float, high: float) -> dict[str, float]:
    """Return the parameters with P(X < low) = P(X > high) = (1 - mass) / 2.

    Parameters
    ----------
    family : Family
        One with two free parameters.
    mass : float
        Probability between `low` and `high`, in (0, 1).
    low, high : float
        Inside the family's support, low < high.

    Raises
    ------
    SpecError
        Where the family has only one parameter to place (a half-normal cannot meet two values) or no member
        of the family meets both.
    """
    solver = _SOLVERS.get(family.name)
    if solver is None:
        raise SpecError(
            f"{family.name} cannot be placed between two values: "
            f"state its parameters ({', '.join(family.domains)}), or use {', '.join(_SOLVERS)}"
        )
    try:
        found = solver((1 - mass) / 2, low, high)
    except (ArithmeticError, ValueError):  # values or mass at the edge of what a float holds
        found = {"": math.nan}
    if not all(math.isfinite(value) for value in found.values()):
        raise SpecError(f"no {family.name} has mass {mass:g} between {low:g} and {high:g}: widen the values")
    return {name: tidy(value) for name, value in found.items()}


def _normal(tail: float, low: float, high: float) -> dict[str, float]:
    z = NormalDist().inv_cdf(1 - tail)
    return {"mu": (low + high) / 2, "sigma": (high - low) / (2 * z)}


def _log_normal(tail: float, low: float, high: float) -> dict[str, float]:
    return _normal(tail, math.log(low), math.log(high))


def _logit_normal(tail: float, low: float, high: float) -> dict[str, float]:
    return _normal(tail, math.log(low / (1 - low)), math.log(high / (1 - high)))


def _uniform(tail: float, low: float, high: float) -> dict[str, float]:
    beyond = (high - low) * tail / (1 - 2 * tail)
    return {"lower": low - beyond, "upper": high + beyond}


def _weibull(tail: float, low: float, high: float) -> dict[str, float]:
    # log(-log(1 - F(x))) = alpha (log x - log beta): a straight line through two points
    at_low, at_high = math.log(-math.log1p(-tail)), math.log(-math.log(tail))
    alpha = (at_high - at_low) / math.log(high / low)
    return {"alpha": alpha, "beta": low * math.exp(-at_low / alpha)}


def _gamma(tail: float, low: float, high: float) -> dict[str, float]:
    # the ratio of two quantiles falls as alpha grows and does not depend on beta
    def excess(log_alpha: float) -> float:
        alpha = math.exp(log_alpha)
        return _log_gamma_quantile(1 - tail, alpha) - _log_gamma_quantile(tail, alpha) - math.log(high / low)

    alpha = math.exp(_root(excess, low=-10.0))
    return {"alpha": alpha, "beta": math.exp(_log_gamma_quantile(1 - tail, alpha)) / high}


def _log_gamma_quantile(q: float, alpha: float) -> float:
    """Return the log of the `q` quantile of Gamma(alpha, 1)."""
    from scipy.special import gammaincinv

    quantile = float(gammaincinv(alpha, q))
    if quantile == 0.0:  # underflow; near zero the distribution function is x^alpha / Gamma(alpha + 1)
        return (math.log(q) + math.lgamma(alpha + 1)) / alpha
    return math.log(quantile)


def _inverse_gamma(tail: float, low: float, high: float) -> dict[str, float]:
    return _gamma(tail, 1 / high, 1 / low)


def _beta(tail: float, low: float, high: float) -> dict[str, float]:
    from scipy.special import betainc, expit

    def shapes(log_total: float, logit_mean: float) -> tuple[float, float]:
        total = math.exp(log_total)
        return total * float(expit(logit_mean)), total * float(expit(-logit_mean))

    def mean_for(log_total: float) -> float:
        # for a fixed total the mass below `low` falls as the mean grows
        return _root(lambda logit: float(betainc(*shapes(log_total, logit), low)) - tail)

    def excess(log_total: float) -> float:
        return float(betainc(*shapes(log_total, mean_for(log_total)), high)) - (1 - tail)

    log_total = _root(excess, low=-8.0, high=20.0)
    if not math.isfinite(log_total):
        return {"alpha": math.nan, "beta": math.nan}
    alpha, beta = shapes(log_total, mean_for(log_total))
    return {"alpha": alpha, "beta": beta}


def _root(f: Callable[[float], float], *, low: float = _LOG_RANGE[0], high: float = _LOG_RANGE[1]) -> float:
    """Return the root of a monotone function, NaN where it has none in range."""
    from scipy.optimize import brentq

    at_low, at_high = f(low), f(high)
    if not (math.isfinite(at_low) and math.isfinite(at_high)) or at_low * at_high > 0:
        return math.nan
    root: Any = brentq(f, low, high, xtol=1e-14, rtol=1e-14)
    return float(root)


_SOLVERS: dict[str, Callable[[float, float, float], dict[str, float]]] = {
    "LogNormal": _log_normal,
    "Gamma": _gamma,
    "InverseGamma": _inverse_gamma,
    "Weibull": _weibull,
    "LogitNormal": _logit_normal,
    "Beta": _beta,
    "Uniform": _uniform,
}
