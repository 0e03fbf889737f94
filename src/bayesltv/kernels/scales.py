"""From the scales that priors speak of to the natural parameters, and back.

Written with arithmetic only, so that the same lines serve NumPy arrays and PyTensor variables.
"""

from collections.abc import Mapping
from typing import Any

from bayesltv import names

LOG, LOGIT = "log", "logit"
LINKS = {
    names.PURCHASE_RATE: LOG,
    names.PURCHASE_SHAPE: LOG,
    names.DROPOUT_MEAN: LOGIT,
    names.DROPOUT_CONCENTRATION: LOG,
    names.SPEND_TYPICAL: LOG,
    names.SPEND_WITHIN: LOG,
    names.SPEND_BETWEEN: LOG,
}
"""The scale on which effects of groups are added to the intercept."""


def shifted(scale: str, intercept: Any, factor: Any) -> Any:  # noqa: ANN401
    """Return `intercept` moved by effects whose sum has the exponential `factor`, on the scale's own link."""
    if LINKS[scale] == LOG:
        return intercept * factor
    odds = intercept / (1 - intercept) * factor
    return odds / (1 + odds)


def purchase_parameters(scales: Mapping[str, Any]) -> dict[str, Any]:
    """Return r, alpha (a rate), a, b from rate r/alpha, shape r, dropout mean a/(a+b), concentration a+b."""
    r = scales[names.PURCHASE_SHAPE]
    mean, concentration = scales[names.DROPOUT_MEAN], scales[names.DROPOUT_CONCENTRATION]
    return {
        "r": r,
        "alpha": r / scales[names.PURCHASE_RATE],
        "a": mean * concentration,
        "b": (1 - mean) * concentration,
    }


def spend_parameters(scales: Mapping[str, Any]) -> dict[str, Any]:
    """Return p, q, v (a rate) from typical spend p v / q, within shape p, between shape q."""
    p, q = scales[names.SPEND_WITHIN], scales[names.SPEND_BETWEEN]
    return {"p": p, "q": q, "v": scales[names.SPEND_TYPICAL] * q / p}


def purchase_scales(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the purchase scales of r, alpha, a, b."""
    r, alpha, a, b = (parameters[name] for name in names.PURCHASE_PARAMETERS)
    return {
        names.PURCHASE_RATE: r / alpha,
        names.PURCHASE_SHAPE: r,
        names.DROPOUT_MEAN: a / (a + b),
        names.DROPOUT_CONCENTRATION: a + b,
    }


def spend_scales(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the spend scales of p, q, v."""
    p, q, v = (parameters[name] for name in names.SPEND_PARAMETERS)
    return {names.SPEND_TYPICAL: p * v / q, names.SPEND_WITHIN: p, names.SPEND_BETWEEN: q}
