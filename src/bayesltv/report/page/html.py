"""``write_report``: everything known about a fit in one HTML file that needs nothing else."""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pandas as pd
import xarray as xr
from markupsafe import Markup, escape

from bayesltv.arrivals.result import Forecast
from bayesltv.checks.result import CheckReport
from bayesltv.cohorts.result import Cohorts
from bayesltv.decisions.plan import Plan
from bayesltv.evaluation.result import Evaluation
from bayesltv.files import replacing, require_ending
from bayesltv.languages.language import in_language, spoken, tr, trn
from bayesltv.languages.written import day, percent
from bayesltv.names import OBSERVATION_END
from bayesltv.prediction.scores.score import ScoreTable
from bayesltv.redaction import Redaction, redaction_of
from bayesltv.report.files.stored import StoredPlan, groups_of
from bayesltv.report.page.about_cohorts import acquired
from bayesltv.report.page.about_data import data
from bayesltv.report.page.about_fit import learnt, origin, verdict
from bayesltv.report.page.about_plan import planned
from bayesltv.report.page.about_scores import held_out, scored
from bayesltv.report.page.first_screen import FirstScreen, first_screen
from bayesltv.report.page.parts import Section
from bayesltv.report.page.people import People, people_of

TEMPLATE, SCRIPT, STYLE = "report.html.j2", "people.js", "style.css"
SMALLEST_COUNT = 10
"""Counts of people that a report with groups shows, unless it is told otherwise."""
MOST_PEOPLE = 100
"""Customers of each ranking that the table of people shows, unless it is told otherwise."""


@dataclass(frozen=True)
class Parts:
    """The sections of a report, those that everybody reads apart from those of the statistician."""

    business: list[Section]
    statistics: list[Section]


@in_language
def write_report(
    fit: xr.DataTree,
    path: str | Path,
    *,
    summary: pd.DataFrame | None = None,
    checks: CheckReport | None = None,
    scores: ScoreTable | None = None,
    evaluation: Evaluation | None = None,
    plan: Plan | StoredPlan | None = None,
    cohorts: Cohorts | None = None,
    forecast: Forecast | None = None,
    title: str | None = None,
    redact_ids: bool | Redaction = False,
    people: int = MOST_PEOPLE,
    suppress_below: int | None = None,
    language: str | None = None,  # noqa: ARG001  `in_language` speaks it
) -> Path:
    """Write one HTML file with all results that are given; an earlier file stays until the new one is whole.

    It answers first: what customers are worth, who slips away, what to do, and whether that can be trusted.
    Then come people, what the answers rest on, and last, folded, what a statistician asks for. Pictures,
    style and a small script are inside the file and it asks nothing of the network. Every text that comes
    from data is escaped. Customer ids stand in the table of people and in the picture of their value.

    Parameters
    ----------
    fit : DataTree
    path : path
        .html
    summary : DataFrame, optional
        The summary that was fitted: what it holds, and customers made anew by the model beside it.
    checks : CheckReport, optional
        From ``check``, whose pictures are drawn with the data. Default: the checks are made with the summary
        where there is one, else those that the fit carries are shown.
    scores : ScoreTable, optional
        From ``score``.
    evaluation : Evaluation, optional
        From ``evaluate``.
    plan : Plan, optional
        From ``decide``.
    cohorts : Cohorts, optional
        From ``CustomerBase.cohorts``.
    forecast : Forecast, optional
        From ``CustomerBase.forecast``: the first screen says what the business brings with new customers.
    title : str, optional
        Default: "Customer lifetime value" in the language of the page.
    redact_ids : bool or Redaction
        Show hashes in place of customer ids. True takes the key of the environment variable
        ``BAYESLTV_REDACT_KEY``, else a random one; the page says which.
    people : int
        Customers of each ranking in the table of people: by value at risk, and by what the plan does; without
        a plan by value. 0: no such table.
    suppress_below : int, optional
        Counts of fewer people, and what is said of them, are not shown. Default: 10 where the fit has groups
        or cohorts are given, else 0: all are shown.
    language : "en" or "zh", optional
        Of texts, figures and numbers. Default: the one that ``ltv.language`` says, else English.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    StoreError
        Where the file cannot be written, or its name promises another format.
    SpecError
        Where there is no such language.
    """
    require_html(path)
    redaction = redaction_of() if redact_ids is True else redact_ids or None
    found = checks if checks is not None else judge(fit, summary)
    grouped = bool(groups_of(fit)) or cohorts is not None
    least = suppress_below if suppress_below is not None else SMALLEST_COUNT if grouped else 0
    business = [] if plan is None else [planned(plan, suppress_below=least)]
    if scores is not None:
        business.append(
            scored(scores, groups=groups_of(fit), redaction=redaction, people=people, suppress_below=least)
        )
    if cohorts is not None:
        business.append(acquired(cohorts, suppress_below=least))
    statistics = [verdict(found)]
    if evaluation is not None:
        statistics.append(held_out(evaluation, suppress_below=least))
    statistics.append(learnt(fit, suppress_below=least))
    if summary is not None:
        statistics.append(data(summary, found))
    statistics.append(origin(fit, redaction))
    first = first_screen(
        fit, found, scores=scores, evaluation=evaluation, plan=plan, forecast=forecast, suppress_below=least
    )
    who = people_of(scores, plan, most=people, redaction=redaction)
    text = render(title or tr("Customer lifetime value"), first, who, Parts(business, statistics), fit=fit)
    with replacing(path) as (part,):
        part.write_text(text, encoding="utf-8")
    return Path(path)


def require_html(path: str | Path) -> Path:
    """Return the path of a report to be written.

    Raises
    ------
    StoreError
        Where its name promises another format.
    """
    return require_ending(path, (".html", ".htm"), what="a report is written as HTML")


def judge(fit: xr.DataTree, summary: pd.DataFrame | None) -> CheckReport:
    """Return what the checks say: made anew, with replicas, of a summary; else as the fit carries it."""
    from bayesltv.base.seal import CHECKS
    from bayesltv.checks.result import FunctionCheck
    from bayesltv.checks.run import check, stored_report
    from bayesltv.checks.thorough import replicated_customers

    if summary is None:
        return stored_report(fit) if CHECKS in fit.attrs else check(fit)
    return check(fit, summary, more=[FunctionCheck(replicated_customers)])


def render(title: str, first: FirstScreen, people: People | None, parts: Parts, *, fit: xr.DataTree) -> str:
    """Return the page as HTML; everything that is put into the template is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bayesltv.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"tr": _said, "trn": _counted, "bold": Markup("<b>{}</b>").format}
    environment.globals |= {"percent": percent, "language": spoken()}
    script, style = (environment.get_template(name).render() for name in (SCRIPT, STYLE))
    until = fit.attrs.get(OBSERVATION_END)
    page = environment.get_template(TEMPLATE).render(
        title=title,
        about={"customers": int(fit.attrs.get("customers") or 0), "until": until and day(until)},
        first=first,
        people=people,
        business=parts.business,
        statistics=parts.statistics,
        style=style,
        script=script,
        script_hash="sha256-" + b64encode(sha256(script.encode()).digest()).decode(),
    )
    return page.lstrip()


def _said(text: str, **places: object) -> Markup:
    """Return a text of the catalogue, with what is put into it escaped."""
    escaped = {name: escape(value) for name, value in places.items()}
    return Markup(tr(text, **escaped))  # noqa: S704  a text of ours


def _counted(one: str, many: str, count: int, **places: object) -> Markup:
    """Return a text of the catalogue that depends on a number, with what is put into it escaped."""
    escaped = {name: escape(value) for name, value in places.items()}
    return Markup(trn(one, many, count, **escaped))  # noqa: S704  a text of ours
