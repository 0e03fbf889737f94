"""Gamma-Gamma: each customer has a mean amount of one's own, and amounts vary around it."""

from collections.abc import Mapping
from typing import Any

from bayesltv import names
from bayesltv.families.family import LOG, Family, Scale

SCALES = (
    Scale(
        names.SPEND_TYPICAL,
        LOG,
        error=0.5,
        between=(0.2, 5.0),
        is_pooled=True,
        why="relative to the geometric mean of the amounts; skewness within and between customers can move "
        "it from there by a factor of a few",
    ),
    Scale(
        names.SPEND_WITHIN,
        LOG,
        error=1.0,
        between=(0.5, 50.0),
        why="one customer's amounts vary by 1/sqrt(p): between 141 % and 14 % of their mean",
    ),
    Scale(
        names.SPEND_BETWEEN,
        LOG,
        error=4.4,
        between=(0.5, 50.0),
        why="customers' means vary by about 1/sqrt(q): 14 % at 50; a power-law tail, without a mean "
        "at q <= 1",
    ),
)


def natural(scales: Mapping[str, Any]) -> dict[str, Any]:
    """Return p, q, v (a rate) from typical spend p v / q, within shape p, between shape q."""
    p, q = scales[names.SPEND_WITHIN], scales[names.SPEND_BETWEEN]
    return {"p": p, "q": q, "v": scales[names.SPEND_TYPICAL] * q / p}


def scaled(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scales of p, q, v."""
    p, q, v = (parameters[name] for name in names.SPEND_PARAMETERS)
    return {names.SPEND_TYPICAL: p * v / q, names.SPEND_WITHIN: p, names.SPEND_BETWEEN: q}


GAMMA_GAMMA = Family(
    "gamma_gamma",
    "Gamma-Gamma",
    names.SPEND_PARAMETERS,
    SCALES,
    natural,
    scaled,
    law="bayesltv.families.gamma_gamma.law:GammaGamma",
    summary_columns=(names.MONETARY_VALUE, *names.SPEND_STATISTICS),
    formulas="bayesltv.families.gamma_gamma.formulas",
    score_columns=("ltv_mean", "expected_spend_per_purchase"),
)
