"""The decision file: what a customer's value means, and into which tiers it falls."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bayesltv import units
from bayesltv.errors import SpecError
from bayesltv.spec import checked
from bayesltv.spec.frozen import Plain, digest
from bayesltv.spec.tiers import TierSpec
from bayesltv.spec.toml_file import Table

SECTIONS = ("decision", "value", "tiers")
BASES = ("margin", "revenue")


@dataclass(frozen=True, kw_only=True)
class ValueSpec:
    """Value = margin x discounted spend within the horizon - service cost.

    Attributes
    ----------
    horizon : str
        Text with a unit, "12 months".
    annual_discount_rate : float
        Effective rate per year, above -1: 0.10 makes money in a year worth 1/1.10 of money now.
    margin : float, optional
        Contribution margin, a share in (0, 1]. Required unless `basis` is "revenue", and refused there.
    basis : "margin" or "revenue"
    currency : str, optional
        For labels; amounts are never converted.
    service_cost : float
        Money that a customer who is alive costs per `service_cost_per`.
    service_cost_per : str
        Time unit of the service cost.

    Raises
    ------
    SpecError
        Where the margin is missing, or a value is impossible.
    """

    horizon: str
    annual_discount_rate: float
    margin: float | None = None
    basis: str = "margin"
    currency: str | None = None
    service_cost: float = 0.0
    service_cost_per: str = "year"

    def __post_init__(self) -> None:
        checked.text("horizon", self.horizon)
        units.horizon_in(self.horizon, "day")
        rate = checked.number("annual_discount_rate", self.annual_discount_rate, above=-1.0)
        object.__setattr__(self, "annual_discount_rate", rate)
        checked.known("basis", self.basis, BASES)
        object.__setattr__(self, "margin", self._checked_margin())
        if self.currency is not None:
            checked.text("currency", self.currency)
        cost = checked.number("service_cost", self.service_cost, at_least=0.0)
        object.__setattr__(self, "service_cost", cost)
        object.__setattr__(self, "service_cost_per", checked.unit("service_cost_per", self.service_cost_per))

    @property
    def margin_share(self) -> float:
        """Return the factor from spend to value: the margin, or 1 on a revenue basis."""
        return 1.0 if self.margin is None else self.margin

    def horizon_in(self, time_unit: str) -> float:
        """Return the horizon in `time_unit`."""
        return units.horizon_in(self.horizon, time_unit)

    def service_cost_in(self, time_unit: str) -> float:
        """Return the service cost per `time_unit`, in money."""
        return self.service_cost / units.convert(1.0, self.service_cost_per, time_unit)

    def to_dict(self) -> dict[str, Plain]:
        """Return the section as a decision file would state it."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    def _checked_margin(self) -> float | None:
        if self.basis == "revenue":
            if self.margin is not None:
                raise SpecError('margin and basis = "revenue" exclude each other: drop one of them')
            return None
        if self.margin is None:
            raise SpecError(
                "margin is missing: state the contribution margin as a share (margin = 0.30), "
                'or ask for revenue (basis = "revenue")'
            )
        if isinstance(self.margin, int | float) and 1 < self.margin <= 100:
            raise SpecError(
                f"margin = {self.margin:g} must be a share: {self.margin:g} % is {self.margin / 100:g}"
            )
        return checked.number("margin", self.margin, above=0.0, at_most=1.0)


@dataclass(frozen=True, kw_only=True)
class DecisionSpec:
    """What to make of the predictive draws.

    Attributes
    ----------
    value : ValueSpec
    tiers : TierSpec, optional
        None: no tiers.
    title : str
        For people.

    Examples
    --------
    >>> value = ValueSpec(horizon="12 months", annual_discount_rate=0.10, margin=0.30)
    >>> DecisionSpec(value=value).value.horizon_in("month")
    12.0
    """

    value: ValueSpec
    tiers: TierSpec | None = None
    title: str = ""

    def __post_init__(self) -> None:
        checked.instance("value", self.value, ValueSpec)
        if self.tiers is not None:
            checked.instance("tiers", self.tiers, TierSpec)
        checked.instance("title", self.title, str)

    def to_dict(self) -> dict[str, Plain]:
        """Return the decision as plain JSON types, laid out like a decision file, defaults written out."""
        stated: dict[str, Plain] = {"decision": {"title": self.title}, "value": self.value.to_dict()}
        return stated if self.tiers is None else {**stated, "tiers": self.tiers.to_dict()}

    def hash(self) -> str:
        """Return the SHA-256 of the canonical JSON of `to_dict`, 64 hexadecimal digits."""
        return digest(self.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, source: str = "stored decision") -> "DecisionSpec":
        """Return the decision that `to_dict` gave.

        Raises
        ------
        SpecError
            Where a key is unknown or a value impossible; `source` stands in the message.
        """
        return cls.read(Table(values, source, is_file=False))

    @classmethod
    def read(cls, table: Table) -> "DecisionSpec":
        """Return the decision that the top table of a file states.

        Raises
        ------
        SpecError
            With file and key path.
        """
        sections = table.tables(SECTIONS)
        head = table.table("decision")
        head.only(("title",))
        tiers = TierSpec.read(sections["tiers"]) if "tiers" in sections else None
        value = table.table("value").record(ValueSpec)
        return cls(value=value, tiers=tiers, title=head.text("title", default=""))
