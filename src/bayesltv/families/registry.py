"""The families there are: a new one is a folder and a line here."""

from collections.abc import Mapping
from typing import Any

from bayesltv.families.bg_cnbd import BG_CNBD, MBG_CNBD
from bayesltv.families.bg_nbd import BG_NBD, MBG_NBD
from bayesltv.families.family import LOG, Family, Scale
from bayesltv.families.gamma_gamma import GAMMA_GAMMA, WITH_FIRST
from bayesltv.families.pareto_nbd import PARETO_NBD

PURCHASE: Mapping[str, Family] = {
    family.name: family for family in (BG_NBD, MBG_NBD, BG_CNBD, MBG_CNBD, PARETO_NBD)
}
SPEND: Mapping[str, Family] = {family.name: family for family in (GAMMA_GAMMA,)}
SPEND_WITH_FIRST: Mapping[str, Family] = {family.name: family for family in (WITH_FIRST,)}
"""The same families where first amounts are used."""
SCALES: Mapping[str, Scale] = {
    scale.name: scale
    for family in (*PURCHASE.values(), *SPEND.values(), *SPEND_WITH_FIRST.values())
    for scale in family.scales
}

PARAMETERS = tuple(
    dict.fromkeys(
        name for each in (*PURCHASE.values(), *SPEND_WITH_FIRST.values()) for name in each.parameters
    )
)


def shifted(scale: str, intercept: Any, factor: Any) -> Any:  # noqa: ANN401
    """Return `intercept` moved by effects whose sum has the exponential `factor`, on the scale's own link."""
    if SCALES[scale].link == LOG:
        return intercept * factor
    odds = intercept / (1 - intercept) * factor
    return odds / (1 + odds)
