"""The closed list of prior families: support, parameters (PyMC's names), law of a multiple, scipy twin.

A family is a record, and adding one is adding a record. Nothing in a spec file is ever imported or evaluated.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bayesltv.errors import SpecError, shown
from bayesltv.specs import checked
from bayesltv.specs.frozen import tidy

type Support = Literal["positive", "unit"]
type Domain = Literal["real", "positive", "unit"]
type Scaling = Literal["times", "over", "add_log"]

_BOUNDS: dict[Domain, dict[str, float]] = {
    "real": {},
    "positive": {"above": 0.0},
    "unit": {"at_least": 0.0, "at_most": 1.0},
}
_SCALED: dict[Scaling, Callable[[float, float], float]] = {
    "times": lambda value, factor: value * factor,
    "over": lambda value, factor: value / factor,
    "add_log": lambda value, factor: value + math.log(factor),
}


@dataclass(frozen=True)
class Family:
    """One distribution that a prior may have.

    Attributes
    ----------
    name : str
        PyMC's name of the distribution.
    support : "positive" or "unit"
        (0, inf) or (0, 1).
    domains : mapping
        Parameter name (PyMC's) to where it may lie.
    scaling : mapping
        What a factor does to which parameter; empty on the unit interval, which no unit of measure changes.
    scipy : callable
        ``scipy(**parameters)`` returns the frozen scipy.stats distribution.
    """

    name: str
    support: Support
    domains: Mapping[str, Domain]
    scaling: Mapping[str, Scaling]
    scipy: Callable[..., Any]

    def checked(self, parameters: Mapping[str, object]) -> dict[str, float]:
        """Return `parameters` as floats in the family's order.

        Raises
        ------
        SpecError
            Where one is unknown, missing or impossible.
        """
        takes = f"{self.name} takes {', '.join(self.domains)}"
        for name in parameters:
            if name not in self.domains:
                raise SpecError(f"parameter {name} is unknown: {takes}")
        missing = [name for name in self.domains if name not in parameters]
        if missing:
            raise SpecError(f"{' and '.join(missing)} missing: {takes}")
        return {
            name: checked.number(f"{name} of {self.name}", parameters[name], **_BOUNDS[domain])
            for name, domain in self.domains.items()
        }

    def rescaled(self, parameters: Mapping[str, float], factor: float) -> dict[str, float]:
        """Return the parameters of the law of factor * X.

        Raises
        ------
        SpecError
            On the unit interval, and where the factor is not positive and finite.
        """
        if self.support == "unit":
            raise SpecError(f"{self.name} is a law of a share between 0 and 1, which has no unit to convert")
        by = checked.number("factor", factor, above=0.0)
        return {
            name: tidy(_SCALED[self.scaling[name]](value, by)) if name in self.scaling else value
            for name, value in parameters.items()
        }


def family_of(name: object) -> Family:
    """Return the family of that name.

    Raises
    ------
    SpecError
        Where the name is not in the closed list, with the nearest name and the families by support.
    """
    if isinstance(name, str) and name in FAMILIES:
        return FAMILIES[name]
    raise SpecError(
        f"family {shown(name)} is not in the closed list; {checked.nearest(name, FAMILIES)} "
        f"Positive quantities: {', '.join(of_support('positive'))}; shares: {', '.join(of_support('unit'))}"
    )


def of_support(support: Support) -> list[str]:
    """Return the names of the families with that support."""
    return [record.name for record in FAMILIES.values() if record.support == support]


def _stats() -> Any:  # noqa: ANN401
    from scipy import stats  # late: it takes most of a second to load

    return stats


def _logit_normal(mu: float, sigma: float) -> Any:  # noqa: ANN401
    from bayesltv.specs.distributions import logit_normal

    return logit_normal(mu, sigma)


def _half_student_t(nu: float, sigma: float) -> Any:  # noqa: ANN401
    from bayesltv.specs.distributions import half_student_t

    return half_student_t(nu, scale=sigma)


_ALL = (
    Family("LogNormal", "positive", {"mu": "real", "sigma": "positive"}, {"mu": "add_log"},
           lambda mu, sigma: _stats().lognorm(sigma, scale=math.exp(mu))),
    Family("Gamma", "positive", {"alpha": "positive", "beta": "positive"}, {"beta": "over"},
           lambda alpha, beta: _stats().gamma(alpha, scale=1 / beta)),
    Family("InverseGamma", "positive", {"alpha": "positive", "beta": "positive"}, {"beta": "times"},
           lambda alpha, beta: _stats().invgamma(alpha, scale=beta)),
    Family("Weibull", "positive", {"alpha": "positive", "beta": "positive"}, {"beta": "times"},
           lambda alpha, beta: _stats().weibull_min(alpha, scale=beta)),
    Family("Exponential", "positive", {"lam": "positive"}, {"lam": "over"},
           lambda lam: _stats().expon(scale=1 / lam)),
    Family("HalfNormal", "positive", {"sigma": "positive"}, {"sigma": "times"},
           lambda sigma: _stats().halfnorm(scale=sigma)),
    Family("HalfCauchy", "positive", {"beta": "positive"}, {"beta": "times"},
           lambda beta: _stats().halfcauchy(scale=beta)),
    Family("HalfStudentT", "positive", {"nu": "positive", "sigma": "positive"}, {"sigma": "times"},
           _half_student_t),
    Family("Beta", "unit", {"alpha": "positive", "beta": "positive"}, {},
           lambda alpha, beta: _stats().beta(alpha, beta)),
    Family("LogitNormal", "unit", {"mu": "real", "sigma": "positive"}, {}, _logit_normal),
    Family("Uniform", "unit", {"lower": "unit", "upper": "unit"}, {},
           lambda lower, upper: _stats().uniform(lower, upper - lower)),
)  # fmt: skip
FAMILIES: Mapping[str, Family] = {record.name: record for record in _ALL}
