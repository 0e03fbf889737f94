"""One currency: amounts are never converted, so that all that is put together must be in the same."""

from collections.abc import Mapping
from typing import Any

from bayesltv.errors import SpecError
from bayesltv.names import CURRENCY
from bayesltv.specs.decision.decision_spec import DecisionSpec


def require_one_currency(
    decision: DecisionSpec, fit: Mapping[Any, Any], summary: Mapping[Any, Any] | None = None
) -> str | None:
    """Return the currency that decision, fit and summary are in; None where none of them says.

    Parameters
    ----------
    decision : DecisionSpec
    fit, summary : mapping
        Their attributes.

    Raises
    ------
    SpecError
        Where they differ.
    """
    budget = decision.budget.currency if decision.budget else None
    stated = {
        "the decision": decision.value.currency or budget,
        "the fit": fit.get(CURRENCY) or None,
        "the summary": (summary or {}).get(CURRENCY) or None,
    }
    known = {where: currency for where, currency in stated.items() if currency}
    if len(set(known.values())) > 1:
        said = ", ".join(f"{where} says {currency}" for where, currency in known.items())
        raise SpecError(f"currencies differ ({said}): amounts are never converted, state all in one currency")
    return next(iter(known.values()), None)
