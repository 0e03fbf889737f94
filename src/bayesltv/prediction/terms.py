"""What a forecast is about: horizon, discounting, margin and service cost, in the summary's unit."""

import math
from dataclasses import dataclass

from bayesltv.errors import SpecError, shown
from bayesltv.specs.decision.decision_spec import ValueSpec
from bayesltv.units import discount_per, horizon_in


@dataclass(frozen=True)
class Terms:
    """Horizon and money terms.

    Attributes
    ----------
    horizon : float
        In the time unit.
    discount : float
        Continuous rate per time unit.
    margin : float
        Share of spend that counts as value.
    service_cost : float
        Money per time unit that the customer is alive.
    """

    horizon: float
    discount: float
    margin: float
    service_cost: float = 0.0

    def as_tuple(self) -> tuple[float, float, float, float]:
        """Return the terms in the order that kernels take them."""
        return self.horizon, self.discount, self.margin, self.service_cost


def make_terms(
    time_unit: str,
    *,
    horizon: str | float,
    annual_discount_rate: float,
    margin: float,
    service_cost_per_year: float = 0.0,
) -> Terms:
    """Return terms from the words of the public interface.

    Raises
    ------
    SpecError
        Where the horizon is no positive duration, the margin is not in (0, 1] or the cost is negative.
    """
    if not (isinstance(margin, int | float) and 0 < margin <= 1):
        raise SpecError(
            f"margin = {shown(margin)} must be a share in (0, 1]: 0.30 is thirty cents of each unit of money"
        )
    if not (math.isfinite(service_cost_per_year) and service_cost_per_year >= 0):
        raise SpecError(f"service_cost_per_year = {service_cost_per_year} must be finite and not negative")
    return Terms(
        horizon_in(horizon, time_unit),
        discount_per(time_unit, annual_discount_rate),
        float(margin),
        service_cost_per_year / horizon_in("1 year", time_unit),
    )


def terms_of(value: ValueSpec, time_unit: str) -> Terms:
    """Return the terms that a decision file states."""
    return Terms(
        value.horizon_in(time_unit),
        discount_per(time_unit, value.annual_discount_rate),
        value.margin_share,
        value.service_cost_in(time_unit),
    )
