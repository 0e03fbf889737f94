"""A fit that failed a check, or is too old, does not score customers, unless somebody says so."""

import json
from collections.abc import Sequence

import pandas as pd
import xarray as xr

from bayesltv.base.seal import CHECKS, require_sound
from bayesltv.data.arguments import require_fit
from bayesltv.errors import CheckFailed
from bayesltv.languages.language import mark
from bayesltv.names import COMMON_SHOCKS, OBSERVATION_END


def require_passed(fit: xr.DataTree, accept_failed: Sequence[str] = ()) -> list[str]:
    """Return the names of failed checks that were accepted.

    Raises
    ------
    StoreError
        Where the fit is not as it was made.
    CheckFailed
        Where the fit has not been checked, a check failed that is not in `accept_failed`, or a name in it is
        unknown.
    """
    require_fit(fit)
    require_sound(fit)
    if CHECKS not in fit.attrs:
        raise CheckFailed(
            "this fit carries no results of checks: keep them in it, "
            "fit = ltv.with_checks(fit, ltv.check(fit))"
        )
    results = {result["name"]: result for result in json.loads(fit.attrs[CHECKS])}
    unknown = [name for name in accept_failed if name not in results]
    if unknown:
        known = ", ".join(results)
        raise CheckFailed(f"accept_failed names {', '.join(unknown)}, but the checks are {known}")
    failed = [name for name, result in results.items() if result["status"] == "fail"]
    refused = [name for name in failed if name not in accept_failed]
    if refused:
        said = "; ".join(f"{name}: {results[name]['summary']}. {results[name]['advice']}" for name in refused)
        raise CheckFailed(
            f"the fit failed {len(refused)} of {len(results)} checks, so that nothing was scored ({said}). "
            f"Refit, or accept it by name: accept_failed={refused!r}"
        )
    return failed


NOT_LOOKED = mark("could not look: the fit was made before this check")


def told_of_totals(fit: xr.DataTree) -> str:
    """Return what the check of common shocks says: whether intervals of this fit's totals are too narrow."""
    results = {result["name"]: result for result in json.loads(fit.attrs.get(CHECKS, "[]"))}
    return str(results[COMMON_SHOCKS]["summary"]) if COMMON_SHOCKS in results else NOT_LOOKED


def require_recent(fit: xr.DataTree, end: pd.Timestamp | None, max_fit_age_days: float | None) -> None:
    """Raise where the fit's data end too long before the summary's; nothing where no limit is set.

    Parameters
    ----------
    fit : DataTree
    end : Timestamp, optional
        The summary's end of observation.
    max_fit_age_days : float, optional
        In days; 0 where summary and fit must end on the same day, or the fit later.

    Raises
    ------
    CheckFailed
        Where the fit is older, or its age is not known.
    """
    if max_fit_age_days is None:
        return
    until = fit.attrs.get(OBSERVATION_END) or None
    if until is None or end is None:
        who = "the fit does" if until is None else "the summary does"
        raise CheckFailed(
            f"{who} not say when observation ended, so that max_fit_age_days={max_fit_age_days:g} cannot be "
            f"checked: {'fit again' if until is None else 'pass observation_end='}, or leave the limit out"
        )
    age = (end - pd.Timestamp(until)).days
    if not age <= max_fit_age_days:
        raise CheckFailed(
            f"the fit's data end on {until}, {age:,} days before the summary's on {end.date()}, and "
            f"max_fit_age_days={max_fit_age_days:g}, so that nothing was scored: fit again on newer "
            "purchases, or allow more"
        )
