"""``check``: every check of a fit, in one report."""

import json
from collections.abc import Sequence
from functools import partial, update_wrapper

import pandas as pd
import xarray as xr

from bayesltv.base.gate import NOT_LOOKED
from bayesltv.base.seal import CHECKS, DIGEST, has_spec, require_sound, stamped
from bayesltv.checks.assumptions import ASSUMPTION_CHECKS
from bayesltv.checks.course import follow
from bayesltv.checks.one_time import one_time_buyers
from bayesltv.checks.result import Check, CheckReport, CheckResult, FunctionCheck, not_applicable, report_of
from bayesltv.checks.sampler import SAMPLER_CHECKS
from bayesltv.checks.shocks import calendar_and_tenure, common_shocks
from bayesltv.checks.timing import timing_checks
from bayesltv.data.arguments import require_fit, require_summary
from bayesltv.data.summary.validate import resolve_observation_end, resolve_time_unit
from bayesltv.errors import DataError
from bayesltv.names import COMMON_SHOCKS, OBSERVATION_END, TIME_UNIT

CHECKS_OF_A_FIT: tuple[Check, ...] = tuple(
    FunctionCheck(each) for each in (*SAMPLER_CHECKS, *ASSUMPTION_CHECKS, calendar_and_tenure)
)
"""Made of every fit, with the checks of timing and of the customers' course."""


def check(
    fit: xr.DataTree,
    summary: pd.DataFrame | None = None,
    *,
    thorough: bool = False,
    more: Sequence[Check] = (),
    time_unit: str | None = None,
    observation_end: str | None = None,
) -> CheckReport:
    """Return what every check says about a fit.

    Parameters
    ----------
    fit : DataTree
        Of arrivals or of a test: the sampler's checks alone.
    summary : DataFrame, optional
        The summary it was fitted to; checks of the data's assumptions need it.
    thorough : bool
        Also make replicated customers, by week for common shocks too, scale priors by powers and leave
        customers out: seconds to minutes.
    more : sequence of Check
        Checks of your own.
    time_unit, observation_end : str, optional
        For a summary that has lost its attributes; default: the fit's own.

    Returns
    -------
    CheckReport
        ``report.passed``, ``report.table``; prints as a table in a terminal with rich.

    Raises
    ------
    DataError
        Where unit or end are not those that the summary's attributes say, or the unit is not the fit's.
    """
    require_fit(fit)
    if not has_spec(fit):
        return report_of([each(fit, None) for each in SAMPLER_CHECKS])
    if summary is not None:
        require_summary(summary)
        summary = _told(fit, summary, time_unit, observation_end)
    checks = [*CHECKS_OF_A_FIT, *timing_checks(summary), *course_checks(fit, summary)]
    if thorough:
        from bayesltv.checks.thorough import THOROUGH_CHECKS

        checks += [FunctionCheck(each) for each in THOROUGH_CHECKS]
    own = {each.name: each for each in checks}  # a thorough one takes the place of the plain one
    return report_of([each.run(fit, summary) for each in (*own.values(), *more)])


def course_checks(fit: xr.DataTree, summary: pd.DataFrame | None) -> tuple[Check, ...]:
    """Return the checks of what customers do after the first purchase; they are placed once."""
    course = follow(fit, summary)
    return tuple(
        FunctionCheck(update_wrapper(partial(each, course=course), each))
        for each in (one_time_buyers, common_shocks)
    )


def _told(
    fit: xr.DataTree, summary: pd.DataFrame, time_unit: str | None, observation_end: str | None
) -> pd.DataFrame:
    """Return the summary with its time unit and end of observation: what it says itself, or the fit's."""
    own = str(fit.attrs[TIME_UNIT])
    lost = summary.attrs.get(TIME_UNIT) is None and time_unit is None
    unit = own if lost else resolve_time_unit(summary, time_unit)
    if unit != own:
        raise DataError(
            f'the summary counts in {unit}s but the fit in {own}s: summarize with time_unit="{own}"'
        )
    end = resolve_observation_end(summary, observation_end)
    told = summary.copy(deep=False)
    told.attrs = {
        **summary.attrs,
        TIME_UNIT: unit,
        OBSERVATION_END: fit.attrs.get(OBSERVATION_END) or None if end is None else end.date().isoformat(),
    }
    return told


def with_checks(fit: xr.DataTree, report: CheckReport) -> xr.DataTree:
    """Return the fit with the results of its checks among its attributes, where scoring looks for them.

    Parameters
    ----------
    fit : DataTree
    report : CheckReport
        From ``check``, also with checks of your own among them.

    Returns
    -------
    xarray.DataTree
        A copy; the fit that was passed is left as it is.

    Raises
    ------
    StoreError
        Where the fit is not as it was made, or the report lacks the sampler's checks.
    """
    require_sound(fit)
    kept = fit.copy()
    kept.attrs = {**fit.attrs, CHECKS: report.to_json()}
    if DIGEST in fit.attrs:
        kept = stamped(kept)
    require_sound(kept, "the fit with this report")
    return kept


def stored_report(fit: xr.DataTree) -> CheckReport:
    """Return the results of the checks that a fit carries; of an older fit, that shocks were not looked for.

    Raises
    ------
    StoreError
        Where the fit is not as it was made.
    KeyError
        Where it carries none.
    """
    require_sound(fit)
    results = [CheckResult(**result) for result in json.loads(fit.attrs[CHECKS])]
    if has_spec(fit) and all(each.name != COMMON_SHOCKS for each in results):
        results.append(not_applicable(COMMON_SHOCKS, NOT_LOOKED))
    return report_of(results)
