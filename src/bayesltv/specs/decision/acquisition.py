"""Acquisition: what a new customer costs, by group."""

from collections.abc import Mapping
from dataclasses import dataclass

from bayesltv.errors import SpecError, shown
from bayesltv.specs import checked
from bayesltv.specs.frozen import FrozenMapping, Plain, put
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

    def __post_init__(self) -> None:
        if isinstance(self.cac, Mapping):
            if not self.cac:
                raise SpecError("cac names no group: state money per new customer for each")
            by_group = {
                checked.text("cac", label): checked.money(f"cac.{label}", value, above=0.0)
                for label, value in self.cac.items()
            }
            put(self, cac=FrozenMapping(by_group))
        else:
            put(self, cac=checked.money("cac", self.cac, above=0.0))
        put(self, target_ratio=checked.money("target_ratio", self.target_ratio, above=0.0))
        put(self, next_costs=checked.money("next_costs", self.next_costs, at_least=1.0))

    def cac_of(self, label: str) -> float | None:
        """Return what a new customer of a group costs; None where the file does not say."""
        if isinstance(self.cac, Mapping):
            return self.cac.get(label)
        return self.cac

    def require_known(self, labels: tuple[str, ...]) -> None:
        """Refuse a cost for a group that is not among `labels`.

        Raises
        ------
        SpecError
            Naming the nearest group.
        """
        if isinstance(self.cac, Mapping):
            for label in self.cac:
                if label not in labels:
                    near = checked.nearest(label, labels)
                    raise SpecError(f"acquisition.cac: the fit has no group {shown(label)}; {near}")

    def to_dict(self) -> dict[str, Plain]:
        """Return the section as a decision file would state it."""
        cac: Plain = dict(self.cac) if isinstance(self.cac, Mapping) else self.cac
        return {"cac": cac, "target_ratio": self.target_ratio, "next_costs": self.next_costs}

    @classmethod
    def read(cls, table: Table) -> "AcquisitionSpec":
        """Return the costs that a table states: ``cac = 12.0``, or a table ``[acquisition.cac]`` by group."""
        table.only(("cac", "target_ratio", "next_costs"))
        if isinstance(table.values.get("cac"), Mapping):
            by_group = table.table("cac")
            cac: float | dict[str, float] = {label: by_group.number(label) for label in by_group.values}
        else:
            cac = table.number("cac")
        return table.record(cls, cac=cac)
