"""The priors of a spec that states none; ``models/pooled.toml`` states the same ones, and a test compares.

Each is elicited as 90 % of the mass between two values that a person can judge, which the families say. They
are a hundredfold wide or nearly so: on CDNOW's 2,357 customers they move no posterior mean by more than a
fraction of its sd, and with a few dozen customers they still rule out the absurd (buyers of once a minute, a
dropout chance of 0.9999).
"""

from bayesltv.families.family import LOG, Family, Scale
from bayesltv.families.registry import SCALES
from bayesltv.specs.family import Support
from bayesltv.specs.prior import PriorSpec

SUPPORT: dict[str, Support] = {
    name: "positive" if scale.link == LOG else "unit" for name, scale in SCALES.items()
}
"""Where the quantity of each scale lies."""

POOLED = tuple(name for name, scale in SCALES.items() if scale.is_pooled)
"""Scales whose level differs by group unless the spec says otherwise."""


def priors_of(family: Family) -> dict[str, PriorSpec]:
    """Return the default priors of a family's scales."""
    return {scale.name: _prior_of(scale) for scale in family.scales}


def _prior_of(scale: Scale) -> PriorSpec:
    return PriorSpec.elicited(
        mass=0.9, between=scale.between, family=scale.prior, per=scale.per, why=scale.why
    )
