"""Which column of a log is what."""

from dataclasses import dataclass

from bayesltv import names


@dataclass(frozen=True)
class Columns:
    """Which column of the log is what."""

    customer_id: str = names.CUSTOMER_ID
    date: str = names.DATE
    amount: str | None = names.AMOUNT
    order_id: str | None = None
    groups: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """Columns the log must have."""
        optional = [c for c in (self.amount, self.order_id) if c is not None]
        return tuple(dict.fromkeys([self.customer_id, self.date, *optional, *self.groups, *self.covariates]))
