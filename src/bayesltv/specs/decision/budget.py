"""The budget: how much may be spent, on whom at least and at most, how much risk, and who is held out."""

from dataclasses import dataclass

from bayesltv.errors import SpecError
from bayesltv.specs import checked
from bayesltv.specs.decision.expression import Condition, parse
from bayesltv.specs.frozen import Plain, put, stated
from bayesltv.specs.toml_file import Table


@dataclass(frozen=True, kw_only=True)
class LimitSpec:
    """At least or at most so many customers of some kind get an action, or any action.

    Attributes
    ----------
    where : str
        Condition on score columns; empty: all customers.
    action : str, optional
        None: any action.
    at_least : int
    at_most : int, optional

    Raises
    ------
    SpecError
        Where the numbers leave nothing to limit, or the condition is none.
    """

    where: str = ""
    action: str | None = None
    at_least: int = 0
    at_most: int | None = None

    def __post_init__(self) -> None:
        checked.instance("where", self.where, str)
        if self.action is not None:
            checked.text("action", self.action)
        checked.count("at_least", self.at_least)
        if self.at_most is not None:
            checked.count("at_most", self.at_most)
            if self.at_most < self.at_least:
                raise SpecError(f"at_most = {self.at_most} must not be below at_least = {self.at_least}")
        if self.at_least == 0 and self.at_most is None:
            raise SpecError("a limit needs at_least or at_most: state how many customers")
        _ = self.condition

    @property
    def condition(self) -> Condition | None:
        """Return whom the limit is about; None: all customers."""
        return parse(self.where) if self.where.strip() else None

    def to_dict(self) -> dict[str, Plain]:
        """Return the limit as a decision file would state it."""
        return stated(self)

    @classmethod
    def read(cls, table: Table) -> "LimitSpec":
        """Return the limit that a table states."""
        return table.record(cls)


@dataclass(frozen=True, kw_only=True)
class BudgetSpec:
    """What limits the actions.

    Attributes
    ----------
    amount : float, optional
        Money for contacts, discounts, running and fixed costs, in expectation; None: no limit.
    currency : str, optional
        Must be that of [value].
    hold_out : float
        Share of those with a recommendation from whom it is withheld at random, so that the next fit can
        learn what actions do.
    risk_weight : float
        From 0 (expected net value counts alone) to 1 (only the tail counts).
    tail : float
        The tail is the worst `tail` of the draws of the whole portfolio (CVaR).
    max_p_loss : float, optional
        In (0, 1): highest probability that the whole plan loses money that is accepted; the weight of the
        tail is raised until it holds, and nobody gets anything where it cannot.
    limits : tuple of LimitSpec

    Raises
    ------
    SpecError
        Where a value is impossible.
    """

    amount: float | None = None
    currency: str | None = None
    hold_out: float = 0.0
    risk_weight: float = 0.0
    tail: float = 0.1
    max_p_loss: float | None = None
    limits: tuple[LimitSpec, ...] = ()

    def __post_init__(self) -> None:
        if self.amount is not None:
            amount = checked.money("amount", self.amount)
            if amount <= 0:
                raise SpecError(
                    f"amount = {amount:g} buys nothing: state a positive budget, or leave amount out for none"
                )
            put(self, amount=amount)
        if self.currency is not None:
            checked.text("currency", self.currency)
        for name, bounds in (
            ("hold_out", {"at_least": 0.0, "below": 1.0}),
            ("risk_weight", {"at_least": 0.0, "at_most": 1.0}),
            ("tail", {"above": 0.0, "below": 1.0}),
        ):
            put(self, **{name: checked.number(name, getattr(self, name), **bounds)})
        if self.max_p_loss is not None:
            put(self, max_p_loss=checked.number("max_p_loss", self.max_p_loss, above=0.0, below=1.0))
        put(self, limits=tuple(self.limits))
        for i, limit in enumerate(self.limits):
            checked.instance(f"limits[{i}]", limit, LimitSpec)

    def to_dict(self) -> dict[str, Plain]:
        """Return the section as a decision file would state it."""
        limits: list[Plain] = [limit.to_dict() for limit in self.limits]
        return {**stated(self, but=("limits",)), **({"limits": limits} if limits else {})}

    @classmethod
    def read(cls, table: Table) -> "BudgetSpec":
        """Return the budget that a table states."""
        rows = table.get("limits", list, "a list of tables, [[budget.limits]]") if "limits" in table else []
        if not all(isinstance(row, dict) for row in rows):
            raise table.fail("must be a list of tables, [[budget.limits]]", "limits")
        limits = tuple(
            LimitSpec.read(Table(row, table.source, (*table.path, f"limits[{i}]"), table.is_file))
            for i, row in enumerate(rows)
        )
        return table.record(cls, limits=limits)
