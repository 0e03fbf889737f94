"""A prior: one law of the closed list, the unit it speaks of, and the reason for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bayesltv.errors import SpecError, shown
from bayesltv.specs import checked
from bayesltv.specs.elicit import solve
from bayesltv.specs.family import Support, family_of
from bayesltv.specs.frozen import FrozenMapping, Plain
from bayesltv.specs.toml_file import Table
from bayesltv.units import convert

DEFAULT_FAMILY: Mapping[Support, str] = {"positive": "LogNormal", "unit": "LogitNormal"}
"""Family of an elicited prior that names none."""
_OWN_KEYS = ("family", "per", "why")
_ELICITED_KEYS = ("mass", "between")


@dataclass(frozen=True)
class PriorSpec:
    """A prior with numbers for parameters.

    Attributes
    ----------
    family : str
        PyMC's name of the distribution, from the closed list in ``bayesltv.specs.family``.
    parameters : mapping
        PyMC's parameter names to numbers.
    per : str, optional
        Time unit of a rate; None means the customer summary's own unit.
    why : str
        The reason for these numbers; files must state it.

    Raises
    ------
    SpecError
        Where the family or a parameter is unknown, missing or impossible.

    Examples
    --------
    >>> weekly = PriorSpec("Gamma", {"alpha": 2.0, "beta": 40.0}, per="week")
    >>> weekly.in_unit("day").parameters["beta"]
    280.0
    """

    family: str
    parameters: Mapping[str, float]
    per: str | None = None
    why: str = ""

    def __post_init__(self) -> None:
        values = family_of(self.family).checked(self.parameters)
        if self.family == "Uniform" and values["lower"] >= values["upper"]:
            raise SpecError(f"lower = {values['lower']:g} must be below upper = {values['upper']:g}")
        object.__setattr__(self, "parameters", FrozenMapping(values))
        if self.per is not None:
            object.__setattr__(self, "per", checked.unit("per", self.per))

    @property
    def support(self) -> Support:
        """Return "positive" or "unit"."""
        return family_of(self.family).support

    @classmethod
    def elicited(
        cls,
        *,
        mass: float,
        between: Sequence[float],
        family: str = "LogNormal",
        per: str | None = None,
        why: str = "",
    ) -> "PriorSpec":
        """Return the prior with `mass` between two values and equal tails on both sides.

        Raises
        ------
        SpecError
            Where the mass is not in (0, 1), the values do not increase or leave the support, or the family
            cannot meet them.

        Examples
        --------
        >>> prior = PriorSpec.elicited(mass=0.9, between=(0.01, 1.0))
        >>> prior.family, round(prior.parameters["mu"], 3), round(prior.parameters["sigma"], 3)
        ('LogNormal', -2.303, 1.4)
        """
        record = family_of(family)
        low, high = _between(between, record.support)
        share = checked.number("mass", mass, above=0.0, below=1.0)
        return cls(record.name, solve(record, share, low, high), per=per, why=why)

    @classmethod
    def of(cls, value: object, *, per: str | None = None, why: str | None = None) -> "PriorSpec":
        """Return a PriorSpec from one, or from a ``pymc_extras.prior.Prior`` with numeric parameters.

        Parameters
        ----------
        value : PriorSpec or pymc_extras.prior.Prior
            The latter is known by its attributes; nothing of PyMC is imported.
        per, why : str, optional
            Replace those of `value`.

        Raises
        ------
        SpecError
            Where `value` is neither, or its distribution, parameters, dims or transform are not accepted
            here.
        """
        prior = value if isinstance(value, cls) else cls(*_from_pymc_extras(value))
        stated: dict[str, Any] = {key: text for key, text in (("per", per), ("why", why)) if text is not None}
        return replace(prior, **stated)

    def rescaled(self, factor: float) -> "PriorSpec":
        """Return the law of factor * X, for a positive quantity X."""
        return replace(self, parameters=family_of(self.family).rescaled(self.parameters, factor))

    def in_unit(self, time_unit: str) -> "PriorSpec":
        """Return the prior of the same rate per `time_unit`; one without `per` already speaks of it."""
        target = checked.unit("time_unit", time_unit)
        if self.per in (None, target):
            return replace(self, per=target)
        assert self.per is not None
        return replace(self.rescaled(1 / convert(1.0, self.per, target)), per=target)

    def frozen(self) -> Any:  # noqa: ANN401
        """Return the frozen scipy.stats distribution."""
        return family_of(self.family).scipy(**self.parameters)

    def quantile(self, q: float) -> float:
        """Return the value below which the prior puts probability `q`."""
        return float(self.frozen().ppf(q))

    def to_dict(self) -> dict[str, Plain]:
        """Return the prior as a spec file would state it, explicitly."""
        stated: dict[str, Plain] = {"family": self.family, **self.parameters}
        if self.per is not None:
            stated["per"] = self.per
        return {**stated, "why": self.why}

    @classmethod
    def read(cls, table: Table, support: Support) -> "PriorSpec":
        """Return the prior that a table states, explicitly or by mass and between.

        Raises
        ------
        SpecError
            With file and key path, where a key is unknown, something is missing or the prior is impossible.
        """
        why = table.text("why") if table.is_file else table.text("why", default="")
        per = table.text("per") if "per" in table else None
        with table.located("family"):
            record = family_of(table.values.get("family", DEFAULT_FAMILY[support]))
        is_elicited = any(key in table for key in _ELICITED_KEYS)
        table.only((*_OWN_KEYS, *(_ELICITED_KEYS if is_elicited else (*record.domains, *_ELICITED_KEYS))))
        if not (is_elicited or "family" in table):
            raise table.fail(
                "state a family and its parameters, or mass and between (mass = 0.9, between = [low, high])"
            )
        if is_elicited:
            mass, between = table.number("mass"), table.numbers("between")
            with table.located():
                return cls.elicited(mass=mass, between=between, family=record.name, per=per, why=why)
        with table.located():
            return cls(
                record.name,
                {key: table.values[key] for key in record.domains if key in table},
                per=per,
                why=why,
            )


def _between(between: Sequence[float], support: Support) -> tuple[float, float]:
    if isinstance(between, str) or len(between) != 2:
        raise SpecError(f"between = {shown(between)} must be two values, [low, high]")
    top = {"below": 1.0} if support == "unit" else {}
    low, high = (checked.number("a value of between", value, above=0.0, **top) for value in between)
    if low >= high:
        raise SpecError(f"between = [{low:g}, {high:g}] must increase: write [low, high]")
    return low, high


def _from_pymc_extras(value: object) -> tuple[str, Mapping[str, Any]]:
    name, parameters = getattr(value, "distribution", None), getattr(value, "parameters", None)
    if not isinstance(name, str) or not isinstance(parameters, Mapping):
        raise SpecError(
            "a prior must be a PriorSpec or a pymc_extras Prior with numbers for parameters, "
            f"not {type(value).__name__}"
        )
    if getattr(value, "dims", None):
        raise SpecError(
            f"Prior {name} has dims: leave them out, differences between groups belong in pooling="
        )
    if getattr(value, "transform", None) is not None:
        raise SpecError(f"Prior {name} has a transform: state the law of the quantity itself")
    for key, parameter in parameters.items():
        if hasattr(parameter, "distribution"):
            raise SpecError(
                f"{key} of Prior {name} is itself a prior: differences between groups belong in pooling="
            )
    return name, {key: _scalar(parameter) for key, parameter in parameters.items()}


def _scalar(value: Any) -> Any:  # noqa: ANN401
    return value.item() if getattr(value, "shape", None) == () else value
