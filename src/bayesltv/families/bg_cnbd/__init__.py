"""BG/CNBD-k and MBG/CNBD-k: as BG/NBD and MBG/NBD, but customers buy regularly.

A purchase takes k stages, each passed at the customer's rate, so that waits are Gamma(k, rate λ) (Platzer &
Reutterer 2016; Reutterer, Platzer & Schröder 2021). k = 1 is BG/NBD and MBG/NBD. In the code the number is
called `stages`: `k` are the dropout coins a customer has met.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bayesltv import names
from bayesltv.families import bg_nbd
from bayesltv.families.family import Family

MOST_STAGES = 4


def natural(scales: Mapping[str, Any], stages: int) -> dict[str, Any]:
    """Return r, alpha (of stages), a, b from rate r/(k alpha), shape r, dropout mean and concentration."""
    found = bg_nbd.natural(scales)
    return found | {"alpha": found["alpha"] / stages}


def scaled(parameters: Mapping[str, Any], stages: int) -> dict[str, Any]:
    """Return the scales of r, alpha, a, b."""
    found = bg_nbd.scaled(parameters)
    return found | {names.PURCHASE_RATE: found[names.PURCHASE_RATE] / stages}


def _family(like: Family, name: str, title: str) -> Family:
    return replace(
        like,
        name=name,
        title=title,
        to_natural=natural,
        to_scales=scaled,
        law="bayesltv.families.bg_cnbd.law:BgCnbd",
        settings=(2,),
        needs_every_cell=True,
        has_clock=False,
        is_regular=True,
    )


BG_CNBD = _family(bg_nbd.BG_NBD, "bg_cnbd", "BG/CNBD-k")
MBG_CNBD = _family(bg_nbd.MBG_NBD, "mbg_cnbd", "MBG/CNBD-k")
