"""Stages of a customer's life: when somebody counts as new, overdue or at risk."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayesltv import units
from bayesltv.specs import checked
from bayesltv.specs.frozen import Plain, put, stated
from bayesltv.specs.toml_file import Table

MOST_PROBABLE = 0.5
"""The `at_risk_from` of a label that is the most probable stage."""
STAGES = ("new", "lapsed", "at_risk", "active")
"""In the order of precedence: the first that holds is the stage."""


@dataclass(frozen=True, kw_only=True)
class StageSpec:
    """Limits between new, lapsed, at risk and active.

    Attributes
    ----------
    new_within : str
        Duration: a customer whose first purchase is no longer ago and who has not come back is new.
    overdue_quantile : float
        q in (0, 1): silent for longer than the q-quantile of the customer's own gaps, −ln(1 − q)/λ, is at
        risk.
    warning_within : str
        Duration h that the early warnings look ahead: dropout within h, no purchase within h, and the value
        that would be lost by dropping out within h.
    dropout_limit : float
        In (0, 1]: a customer more likely than this to drop out within h is at risk; 1 for none.
    at_risk_from : float
        In (0, 0.5]: who has lapsed, or drops out within h, with a probability above this and below 1 − this
        is labelled at risk. That label costs least where calling an active customer lapsed, or the other way
        round, costs 1 and a needless warning costs this (Chow, 1970). With 0.5 the label is the most probable
        stage, which is seldom "at risk": long silence speaks for having lapsed.

    Raises
    ------
    SpecError
        Where a value is impossible.

    Examples
    --------
    >>> StageSpec(new_within="6 weeks").limits_in("week")
    (6.0, 13.044642857142858)
    """

    new_within: str = "60 days"
    overdue_quantile: float = 0.95
    warning_within: str = "3 months"
    dropout_limit: float = 0.5
    at_risk_from: float = 0.45

    def __post_init__(self) -> None:
        for name in ("new_within", "warning_within"):
            checked.text(name, getattr(self, name))
            units.horizon_in(getattr(self, name), "day")
        put(
            self,
            overdue_quantile=checked.number("overdue_quantile", self.overdue_quantile, above=0.0, below=1.0),
            dropout_limit=checked.number("dropout_limit", self.dropout_limit, above=0.0, at_most=1.0),
            at_risk_from=checked.number("at_risk_from", self.at_risk_from, above=0.0, at_most=0.5),
        )

    def limits_in(self, time_unit: str) -> tuple[float, float]:
        """Return `new_within` and `warning_within` in `time_unit`."""
        return units.horizon_in(self.new_within, time_unit), units.horizon_in(self.warning_within, time_unit)

    def to_dict(self) -> dict[str, Plain]:
        """Return the section as it is stored: without `at_risk_from` where it means what no such key does."""
        told = stated(self)
        return {key: told[key] for key in told if key != "at_risk_from" or told[key] != MOST_PROBABLE}

    @staticmethod
    def as_stored(section: Mapping[str, Any]) -> dict[str, Any]:
        """Return a stored section in full: without the key the label is the most probable stage."""
        return {"at_risk_from": MOST_PROBABLE, **section}

    @classmethod
    def read(cls, table: Table) -> "StageSpec":
        """Return the stages that a table states, defaults for the rest."""
        return table.record(cls)
