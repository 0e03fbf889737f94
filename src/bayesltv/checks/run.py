"""``check``: every check of a fit, in one report."""

import json

import pandas as pd
import xarray as xr

from bayesltv.checks.assumptions import ASSUMPTION_CHECKS
from bayesltv.checks.result import CheckReport, CheckResult, report_of
from bayesltv.checks.sampler import SAMPLER_CHECKS
from bayesltv.prediction.gate import CHECKS


def check(fit: xr.DataTree, summary: pd.DataFrame | None = None) -> CheckReport:
    """Return what every check says about a fit.

    Parameters
    ----------
    fit : DataTree
    summary : DataFrame, optional
        The summary it was fitted to; checks of the data's assumptions need it.

    Returns
    -------
    CheckReport
        ``report.passed``, ``report.table``; prints as a table in a terminal with rich.
    """
    return report_of([each(fit, summary) for each in (*SAMPLER_CHECKS, *ASSUMPTION_CHECKS)])


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
