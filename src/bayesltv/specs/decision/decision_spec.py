"""The decision file: what a customer's value means, into which tiers it falls, and what can be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayesltv import units
from bayesltv.errors import SpecError, shown
from bayesltv.specs import checked
from bayesltv.specs.decision.acquisition import AcquisitionSpec
from bayesltv.specs.decision.actions import ActionSpec, read_actions
from bayesltv.specs.decision.budget import BudgetSpec
from bayesltv.specs.decision.stages import StageSpec
from bayesltv.specs.decision.tiers import TierSpec
from bayesltv.specs.frozen import Plain, digest, put, stated
from bayesltv.specs.toml_file import Table

SECTIONS = ("decision", "value", "tiers", "stages", "actions", "budget", "acquisition")
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
        put(self, annual_discount_rate=rate)
        checked.known("basis", self.basis, BASES)
        put(self, margin=self._checked_margin())
        if self.currency is not None:
            checked.text("currency", self.currency)
        put(self, service_cost=checked.money("service_cost", self.service_cost, at_least=0.0))
        put(self, service_cost_per=checked.unit("service_cost_per", self.service_cost_per))

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
        return stated(self)

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
    stages : StageSpec, optional
        None: no stages.
    actions : tuple of ActionSpec
        What can be done, in the file's order.
    budget : BudgetSpec, optional
        None: no limit, nobody held out.
    acquisition : AcquisitionSpec, optional
        None: no costs of acquisition.
    title : str
        For people.

    Raises
    ------
    SpecError
        Where sections contradict each other.

    Examples
    --------
    >>> value = ValueSpec(horizon="12 months", annual_discount_rate=0.10, margin=0.30)
    >>> DecisionSpec(value=value).value.horizon_in("month")
    12.0
    """

    value: ValueSpec
    tiers: TierSpec | None = None
    stages: StageSpec | None = None
    actions: tuple[ActionSpec, ...] = ()
    budget: BudgetSpec | None = None
    acquisition: AcquisitionSpec | None = None
    title: str = ""

    def __post_init__(self) -> None:
        checked.instance("value", self.value, ValueSpec)
        for name, cls in _OPTIONAL.items():
            if getattr(self, name) is not None:
                checked.instance(name, getattr(self, name), cls)
        put(self, actions=tuple(self.actions))
        for i, action in enumerate(self.actions):
            checked.instance(f"actions[{i}]", action, ActionSpec)
        checked.instance("title", self.title, str)
        check_actions(self.actions, self.value)
        check_budget(self.budget, self.actions, self.value)

    def to_dict(self) -> dict[str, Plain]:
        """Return the decision as plain JSON types, laid out like a decision file, defaults written out."""
        told: dict[str, Plain] = {"decision": {"title": self.title}, "value": self.value.to_dict()}
        for name in _OPTIONAL:
            if getattr(self, name) is not None:
                told[name] = getattr(self, name).to_dict()
        if self.actions:
            told["actions"] = {action.name: action.to_dict() for action in self.actions}
        return told

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
        stages = values.get("stages")
        if isinstance(stages, Mapping):
            values = {**values, "stages": StageSpec.as_stored(stages)}
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
        optional = {name: spec.read(sections[name]) for name, spec in _OPTIONAL.items() if name in sections}
        actions = read_actions(sections["actions"]) if "actions" in sections else ()
        value = table.table("value").record(ValueSpec)
        with table.located():
            return cls(value=value, actions=actions, title=head.text("title", default=""), **optional)


def check_actions(actions: tuple[ActionSpec, ...], value: ValueSpec) -> None:
    """Refuse actions that share a name, outlast the horizon, or lose on every sale.

    Raises
    ------
    SpecError
        Naming the action.
    """
    names = [action.name for action in actions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SpecError(f"actions: {', '.join(twice)} stands twice")
    horizon = value.horizon_in("day")
    for action in actions:
        where = f"actions.{action.name}"
        if action.window_in("day", horizon) > horizon * (1 + 1e-9):
            raise SpecError(
                f"{where}.window = {shown(action.window)} is longer than the horizon {shown(value.horizon)}: "
                "shorten it, or leave it out for an effect that lasts"
            )
        margin = value.margin_share
        if action.discount >= margin and not action.loss_leader:
            raise SpecError(
                f"{where}.discount = {action.discount:g} is not below the margin of {margin:g}: every sale "
                "that redeems it loses money. Make it smaller, or say loss_leader = true"
            )
        if margin + action.price - 1 <= 0:
            raise SpecError(
                f"{where}.price = {action.price:g} takes all of the margin of {margin:g}: every sale loses"
            )


def check_budget(budget: BudgetSpec | None, actions: tuple[ActionSpec, ...], value: ValueSpec) -> None:
    """Refuse a budget in another currency, or with limits on no action.

    Raises
    ------
    SpecError
        Saying what contradicts what.
    """
    if budget is None:
        return
    if budget.currency is not None and value.currency is not None and budget.currency != value.currency:
        raise SpecError(
            f"budget.currency = {shown(budget.currency)}, but value.currency = {shown(value.currency)}: "
            "amounts are never converted, state both in one currency"
        )
    if budget.risk_weight > 0 and any(limit.at_least for limit in budget.limits):
        raise SpecError(
            "budget.risk_weight and at_least in budget.limits exclude each other: what must be done "
            "leaves no choice about risk. Drop one of them"
        )
    if budget.max_p_loss is not None and any(limit.at_least for limit in budget.limits):
        raise SpecError(
            "budget.max_p_loss and at_least in budget.limits exclude each other: what must be done may lose. "
            "Drop one of them"
        )
    names = [action.name for action in actions]
    for i, limit in enumerate(budget.limits):
        if limit.action is not None:
            checked.known(f"budget.limits[{i}].action", limit.action, names)


_OPTIONAL: dict[str, Any] = {
    "tiers": TierSpec,
    "stages": StageSpec,
    "budget": BudgetSpec,
    "acquisition": AcquisitionSpec,
}
"""Sections that may be left out, each read by its own class."""
