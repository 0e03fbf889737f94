"""The priors of a spec that states none; ``models/pooled.toml`` states the same ones, and a test compares.

Each is elicited as 90 % of the mass between two values that a person can judge. They are a hundredfold wide
or nearly so: on CDNOW's 2,357 customers they move no posterior mean by more than a fraction of its sd, and
with a few dozen customers they still rule out the absurd (buyers of once a minute, a dropout chance of
0.9999).
"""

from bayesltv import names
from bayesltv.spec.family import Support
from bayesltv.spec.prior import PriorSpec

SUPPORT: dict[str, Support] = {
    names.PURCHASE_RATE: "positive",
    names.PURCHASE_SHAPE: "positive",
    names.DROPOUT_MEAN: "unit",
    names.DROPOUT_CONCENTRATION: "positive",
    names.SPEND_TYPICAL: "positive",
    names.SPEND_WITHIN: "positive",
    names.SPEND_BETWEEN: "positive",
}
"""Where the quantity of each scale lies."""

POOLED = (names.PURCHASE_RATE, names.DROPOUT_MEAN, names.SPEND_TYPICAL)
"""Scales whose level differs by group unless the spec says otherwise; few data speak of the others."""

PURCHASE_PRIORS = {
    names.PURCHASE_RATE: PriorSpec.elicited(
        mass=0.9,
        between=(0.003, 1.0),
        per="week",
        why="from one purchase in six years to one a week; CDNOW has 0.055 a week (Fader, Hardie & Lee 2005)",
    ),
    names.PURCHASE_SHAPE: PriorSpec.elicited(
        mass=0.9,
        between=(0.05, 5.0),
        why="the coefficient of variation of customers' rates is 1/sqrt(r): between 4.5 and 0.45",
    ),
    names.DROPOUT_MEAN: PriorSpec.elicited(
        mass=0.9,
        between=(0.02, 0.7),
        family="LogitNormal",
        why="average chance of leaving after a purchase: one in fifty to seven in ten; CDNOW has one in four",
    ),
    names.DROPOUT_CONCENTRATION: PriorSpec.elicited(
        mass=0.9,
        between=(0.3, 30.0),
        why="from customers who nearly all stay or leave at once to customers who are all alike; "
        "data say little above 10, so that the prior must end the tail",
    ),
}
SPEND_PRIORS = {
    names.SPEND_TYPICAL: PriorSpec.elicited(
        mass=0.9,
        between=(0.2, 5.0),
        why="relative to the geometric mean of the amounts; skewness within and between customers can move "
        "it from there by a factor of a few",
    ),
    names.SPEND_WITHIN: PriorSpec.elicited(
        mass=0.9,
        between=(0.5, 50.0),
        why="one customer's amounts vary by 1/sqrt(p): between 141 % and 14 % of their mean",
    ),
    names.SPEND_BETWEEN: PriorSpec.elicited(
        mass=0.9,
        between=(0.5, 50.0),
        why="customers' means vary by about 1/sqrt(q): 14 % at 50; a power-law tail, without a mean "
        "at q <= 1",
    ),
}
