"""Pareto/NBD: a customer buys at a rate and leaves at a hazard (Schmittlein, Morrison & Colombo 1987).

λ ~ Gamma(r, rate alpha); the lifetime from the first purchase on is exponential, μ ~ Gamma(s, rate beta).
"""

from collections.abc import Mapping
from typing import Any

from bayesltv import names
from bayesltv.families.bg_nbd import BG_NBD
from bayesltv.families.family import LOG, Family, Scale

SCALES = (
    *BG_NBD.scales[:2],
    Scale(
        names.DROPOUT_HAZARD,
        LOG,
        between=(0.002, 0.5),
        error=60.0,
        per="week",
        is_pooled=True,
        why="of new customers one in five hundred to one in two leaves within a week; CDNOW has one in "
        "twenty (Fader, Hardie & Lee 2005)",
    ),
    Scale(
        names.LIFETIME_SHAPE,
        LOG,
        between=(0.1, 10.0),
        error=90.0,
        why="from customers of whom some leave at once and some never to customers who are nearly alike; "
        "data tell it and the hazard apart badly",
    ),
)


def natural(scales: Mapping[str, Any]) -> dict[str, Any]:
    """Return r, alpha (a rate), s, beta (a rate) from rate r/alpha, shape r, hazard s/beta, shape s."""
    r, s = scales[names.PURCHASE_SHAPE], scales[names.LIFETIME_SHAPE]
    return {
        "r": r,
        "alpha": r / scales[names.PURCHASE_RATE],
        "s": s,
        "beta": s / scales[names.DROPOUT_HAZARD],
    }


def scaled(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scales of r, alpha, s, beta."""
    r, alpha, s, beta = (parameters[name] for name in ("r", "alpha", "s", "beta"))
    return {
        names.PURCHASE_RATE: r / alpha,
        names.PURCHASE_SHAPE: r,
        names.DROPOUT_HAZARD: s / beta,
        names.LIFETIME_SHAPE: s,
    }


PARETO_NBD = Family(
    "pareto_nbd",
    "Pareto/NBD",
    ("r", "alpha", "s", "beta"),
    SCALES,
    natural,
    scaled,
    law="bayesltv.families.pareto_nbd.law:ParetoNbd",
    formulas="bayesltv.families.pareto_nbd.formulas",
    summary_columns=BG_NBD.summary_columns,
    score_columns=BG_NBD.score_columns,
    needs_every_cell=True,
    has_coins=False,
    has_clock=False,
)
