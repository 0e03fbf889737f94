"""BG/NBD and MBG/NBD: a customer buys at a rate, and after a purchase a coin may end it.

The two share every formula once the number of dropout coins a customer has met is known: one after each
repeat purchase in BG/NBD (Fader, Hardie & Lee 2005), one after each purchase, the first included, in MBG/NBD
(Batislam, Denizel & Filiztekin 2007). Kernels take that number, `k`, beside the frequency `x`.
"""

from collections.abc import Mapping
from typing import Any

from bayesltv import names
from bayesltv.families.family import LOG, LOGIT, Family, Scale

SCALES = (
    Scale(
        names.PURCHASE_RATE,
        LOG,
        error=2.9,
        between=(0.003, 1.0),
        per="week",
        is_pooled=True,
        why="from one purchase in six years to one a week; CDNOW has 0.055 a week (Fader, Hardie & Lee 2005)",
    ),
    Scale(
        names.PURCHASE_SHAPE,
        LOG,
        error=2.5,
        between=(0.05, 5.0),
        why="the coefficient of variation of customers' rates is 1/sqrt(r): between 4.5 and 0.45",
    ),
    Scale(
        names.DROPOUT_MEAN,
        LOGIT,
        error=9.9,
        between=(0.02, 0.7),
        prior="LogitNormal",
        is_pooled=True,
        why="average chance of leaving after a purchase: one in fifty to seven in ten; CDNOW has one in four",
    ),
    Scale(
        names.DROPOUT_CONCENTRATION,
        LOG,
        error=74.0,
        between=(0.3, 30.0),
        why="from customers who nearly all stay or leave at once to customers who are all alike; "
        "data say little above 10, so that the prior must end the tail",
    ),
)


def natural(scales: Mapping[str, Any]) -> dict[str, Any]:
    """Return r, alpha (a rate), a, b from rate r/alpha, shape r, dropout mean a/(a+b), concentration a+b."""
    r = scales[names.PURCHASE_SHAPE]
    mean, concentration = scales[names.DROPOUT_MEAN], scales[names.DROPOUT_CONCENTRATION]
    return {
        "r": r,
        "alpha": r / scales[names.PURCHASE_RATE],
        "a": mean * concentration,
        "b": (1 - mean) * concentration,
    }


def scaled(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scales of r, alpha, a, b."""
    r, alpha, a, b = (parameters[name] for name in names.PURCHASE_PARAMETERS)
    return {
        names.PURCHASE_RATE: r / alpha,
        names.PURCHASE_SHAPE: r,
        names.DROPOUT_MEAN: a / (a + b),
        names.DROPOUT_CONCENTRATION: a + b,
    }


def _family(name: str, title: str, first_coins: int) -> Family:
    return Family(
        name,
        title,
        names.PURCHASE_PARAMETERS,
        SCALES,
        natural,
        scaled,
        law="bayesltv.families.bg_nbd.law:BgNbd",
        formulas="bayesltv.families.bg_nbd.formulas",
        summary_columns=(names.FREQUENCY, names.RECENCY, names.T),
        score_columns=(
            "p_alive", "p_purchase_30d", "p_purchase_90d", "p_purchase_horizon", "expected_purchases",
            "next_purchase_days_p50",
        ),
        first_coins=first_coins,
    )  # fmt: skip


BG_NBD = _family("bg_nbd", "BG/NBD", first_coins=0)
MBG_NBD = _family("mbg_nbd", "MBG/NBD", first_coins=1)
