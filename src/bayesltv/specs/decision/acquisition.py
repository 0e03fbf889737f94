"""Acquisition: what a new customer costs, by group."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from bayesltv.errors import SpecError, shown
from bayesltv.specs import checked
from bayesltv.specs.frozen import FrozenMapping, Plain, put, stated
from bayesltv.specs.toml_file import Table


@dataclass(frozen=True, kw_only=True)
class AcquisitionSpec:
    """Cost of acquiring a customer (CAC), and what lifetime value should be to it.

    Attributes
    ----------
    cac : float or mapping of str to float
        Money per new customer, above 0: one number for all groups, or group label -> number ("web | north"
        where the fit has two group columns).
    target_ratio : float
        LTV/CAC that is asked for; the table says how likely it is.
    next_costs : float
        What the next customer costs, relative to `cac`, at least 1: the mean hides that each further one is
        harder to find. Used where money is moved between acquisition and retention.
    capacity : float or mapping of str to float, optional
        How many new customers of a group can be won at that cost: one number for every group, or group
        label -> number, none of other groups. With it acquisition and actions share
        ``budget.amount``; without it the two are shown side by side.

    Raises
    ------
    SpecError
        Where a number is impossible.

    Examples
    --------
    >>> AcquisitionSpec(cac={"web": 12.0}).cac_of("web")
    12.0
    """

    cac: float | Mapping[str, float]
    target_ratio: float = 3.0
    next_costs: float = 1.0
    capacity: float | Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        put(self, cac=_by_group("cac", self.cac, above=0.0))
        put(self, target_ratio=checked.money("target_ratio", self.target_ratio, above=0.0))
        put(self, next_costs=checked.money("next_costs", self.next_costs, at_least=1.0))
        if self.capacity is not None:
            put(self, capacity=_by_group("capacity", self.capacity, at_least=0.0))

    def cac_of(self, label: str) -> float | None:
        """Return what a new customer of a group costs; None where the file does not say."""
        return self.cac.get(label) if isinstance(self.cac, Mapping) else self.cac

    def capacity_of(self, label: str) -> float:
        """Return how many new customers of a group can be won; infinity where no capacity is stated."""
        if self.capacity is None:
            return inf
        return self.capacity.get(label, 0.0) if isinstance(self.capacity, Mapping) else self.capacity

    def require_known(self, labels: tuple[str, ...]) -> None:
        """Refuse a cost for a group that is not among `labels`.

        Raises
        ------
        SpecError
            Naming the nearest group.
        """
        for name, value in (("cac", self.cac), ("capacity", self.capacity)):
            for label in value if isinstance(value, Mapping) else ():
                if label not in labels:
                    near = checked.nearest(label, labels)
                    raise SpecError(f"acquisition.{name}: the fit has no group {shown(label)}; {near}")

    def to_dict(self) -> dict[str, Plain]:
        """Return the section as a decision file would state it."""
        return {
            name: dict(value) if isinstance(value, Mapping) else value for name, value in stated(self).items()
        }

    @classmethod
    def read(cls, table: Table) -> "AcquisitionSpec":
        """Return the costs that a table states: ``cac = 12.0``, or a table ``[acquisition.cac]`` by group."""
        table.only(("cac", "target_ratio", "next_costs", "capacity"))
        found = {"cac": _read(table, "cac")}
        if "capacity" in table:
            found["capacity"] = _read(table, "capacity")
        return table.record(cls, **found)


def _by_group(name: str, value: object, **bounds: float) -> float | FrozenMapping[float]:
    """Return a number for all groups, or one for each."""
    if not isinstance(value, Mapping):
        return checked.money(name, value, **bounds)
    if not value:
        raise SpecError(f"{name} names no group: state a number for each")
    return FrozenMapping(
        {
            checked.text(name, label): checked.money(f"{name}.{label}", each, **bounds)
            for label, each in value.items()
        }
    )


def _read(table: Table, name: str) -> float | dict[str, float]:
    if isinstance(table.values.get(name), Mapping):
        inner = table.table(name)
        return {label: inner.number(label) for label in inner.values}
    return table.number(name)
