"""``check``: every check of a fit, in one report."""

import json
from collections.abc import Sequence

import pandas as pd
import xarray as xr

from bayesltv.checks.assumptions import ASSUMPTION_CHECKS
from bayesltv.checks.result import Check, CheckReport, CheckResult, FunctionCheck, report_of
from bayesltv.checks.sampler import SAMPLER_CHECKS
from bayesltv.checks.timing import timing_checks
from bayesltv.prediction.gate import CHECKS

CHECKS_OF_A_FIT: tuple[Check, ...] = tuple(
    FunctionCheck(each) for each in (*SAMPLER_CHECKS, *ASSUMPTION_CHECKS)
)
"""Made of every fit, and the checks of timing; quick, whatever the number of customers."""


def check(
    fit: xr.DataTree,
    summary: pd.DataFrame | None = None,
    *,
    thorough: bool = False,
    more: Sequence[Check] = (),
) -> CheckReport:
    """Return what every check says about a fit.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame, optional
        The summary it was fitted to; checks of the data's assumptions need it.
    thorough : bool
        Also look for shocks common to all customers, make replicated customers, scale priors by powers and
        leave customers out: seconds to minutes.
    more : sequence of Check
        Checks of your own.

    Returns
    -------
    CheckReport
        ``report.passed``, ``report.table``; prints as a table in a terminal with rich.
    """
    checks = [*CHECKS_OF_A_FIT, *timing_checks(summary)]
    if thorough:
        from bayesltv.checks.thorough import THOROUGH_CHECKS

        checks += [FunctionCheck(each) for each in THOROUGH_CHECKS]
    return report_of([each.run(fit, summary) for each in (*checks, *more)])


def with_checks(fit: xr.DataTree, report: CheckReport) -> xr.DataTree:
    """Return the fit with the results of its checks among its attributes, where scoring looks for them."""
    kept = fit.copy()
    kept.attrs = {**fit.attrs, CHECKS: report.to_json()}
    return kept


def stored_report(fit: xr.DataTree) -> CheckReport:
    """Return the results of the checks that a fit carries.

    Raises
    ------
    KeyError
        Where it carries none.
    """
    return report_of([CheckResult(**result) for result in json.loads(fit.attrs[CHECKS])])
