"""A fit that failed a check does not score customers, unless somebody says so by name."""

import json
from collections.abc import Sequence

import xarray as xr

from bayesltv.errors import CheckFailed

CHECKS = "checks"
"""Attribute of a fit that holds the results of its checks."""


def require_passed(fit: xr.DataTree, accept_failed: Sequence[str] = ()) -> list[str]:
    """Return the names of failed checks that were accepted.

    Raises
    ------
    CheckFailed
        Where the fit has not been checked, a check failed that is not in `accept_failed`, or a name in it is
        unknown.
    """
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
