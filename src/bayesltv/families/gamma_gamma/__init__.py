"""Gamma-Gamma: each customer has a mean amount of one's own, and amounts vary around it."""

from collections.abc import Mapping
from dataclasses import replace
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
FIRST = Scale(
    names.SPEND_FIRST,
    LOG,
    error=0.35,
    between=(0.5, 2.0),
    why="first orders are on the level delta of later ones: half of it (a trial, a welcome offer) to twice "
    "(what is bought once); alike is likeliest",
)


def natural(scales: Mapping[str, Any]) -> dict[str, Any]:
    """Return p, q, v (a rate) from typical spend p v / q, within shape p, between shape q."""
    p, q = scales[names.SPEND_WITHIN], scales[names.SPEND_BETWEEN]
    return {"p": p, "q": q, "v": scales[names.SPEND_TYPICAL] * q / p}


def scaled(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scales of p, q, v."""
    p, q, v = (parameters[name] for name in names.SPEND_PARAMETERS)
    return {names.SPEND_TYPICAL: p * v / q, names.SPEND_WITHIN: p, names.SPEND_BETWEEN: q}


def _natural_with_first(scales: Mapping[str, Any]) -> dict[str, Any]:
    return {**natural(scales), names.DELTA: scales[names.SPEND_FIRST]}


def _scaled_with_first(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {**scaled(parameters), names.SPEND_FIRST: parameters[names.DELTA]}


GAMMA_GAMMA = Family(
    "gamma_gamma",
    "Gamma-Gamma",
    names.SPEND_PARAMETERS,
    SCALES,
    natural,
    scaled,
    law="bayesltv.families.gamma_gamma.law:of_repeats",
    summary_columns=(names.MONETARY_VALUE, *names.SPEND_STATISTICS),
    formulas="bayesltv.families.gamma_gamma.formulas",
    score_columns=("ltv_mean", "expected_spend_per_purchase"),
)
WITH_FIRST = replace(
    GAMMA_GAMMA,
    title="Gamma-Gamma with first amounts",
    parameters=(*names.SPEND_PARAMETERS, names.DELTA),
    scales=(*SCALES, FIRST),
    to_natural=_natural_with_first,
    to_scales=_scaled_with_first,
    law="bayesltv.families.gamma_gamma.law:GammaGamma",
    summary_columns=(*GAMMA_GAMMA.summary_columns, names.FIRST_AMOUNT),
)
"""The first amount shares the customer's mean, on the level delta of later ones."""
