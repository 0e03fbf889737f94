"""``write_report``: everything known about a fit in one HTML file that needs nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from bayesltv.evaluation.result import Evaluation
from bayesltv.files import replacing, require_ending
from bayesltv.languages.language import in_language, spoken, tr, trn
from bayesltv.names import CURRENCY, OBSERVATION_END
from bayesltv.prediction.scores.score import ScoreTable
from bayesltv.prediction.totals import summarise_totals, sums_of_means
from bayesltv.redaction import Redaction, redaction_of
from bayesltv.report.files.stored import groups_of
from bayesltv.report.page.about_cohorts import acquired
from bayesltv.report.page.about_data import data
from bayesltv.report.page.about_fit import learnt, origin, verdict
from bayesltv.report.page.about_plan import planned
from bayesltv.report.page.about_scores import held_out, scored
from bayesltv.report.page.parts import Headline, Section, interval
from bayesltv.report.style import money

if TYPE_CHECKING:
    from bayesltv.checks.result import CheckReport
    from bayesltv.cohorts.result import Cohorts
    from bayesltv.decisions.plan import Plan
    from bayesltv.report.files.stored import StoredPlan

TEMPLATE = "report.html.j2"


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
    title: str | None = None,
    redact_ids: bool | Redaction = False,
    language: str | None = None,  # noqa: ARG001  `in_language` speaks it
) -> Path:
    """Write one HTML file with all results that are given; an earlier file stays until the new one is whole.

    Pictures and style are inside the file and it asks nothing of the network. Every text that comes from
    data is escaped. The only customer ids are those of the picture of single customers' value.

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
        From ``CustomerBase.cohorts``; those of fewer than ten customers are not shown.
    title : str, optional
        Default: "Customer lifetime value" in the language of the page.
    redact_ids : bool or Redaction
        Show hashes in place of customer ids. True takes the key of the environment variable
        ``BAYESLTV_REDACT_KEY``, else a random one; the page says which.
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
    parts = [verdict(found), learnt(fit)]
    if summary is not None:
        parts.append(data(summary, found))
    if scores is not None:
        parts.append(scored(scores, groups=groups_of(fit), redaction=redaction))
    if evaluation is not None:
        parts.append(held_out(evaluation))
    if plan is not None:
        parts.append(planned(plan))
    if cohorts is not None:
        parts.append(acquired(cohorts))
    parts.append(origin(fit, redaction))
    head = title or tr("Customer lifetime value")
    text = render(head, parts, headlines=headlines(fit, scores, evaluation, plan), checks=found)
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


def headlines(
    fit: xr.DataTree,
    scores: ScoreTable | None,
    evaluation: Evaluation | None,
    plan: Plan | StoredPlan | None,
) -> list[Headline]:
    """Return the figures that stand at the head of the page."""
    told, found = fit.attrs, []
    if "customers" in told:
        until = f"observed until {told[OBSERVATION_END]}" if told.get(OBSERVATION_END) else ""
        found.append(Headline("customers fitted", f"{int(told['customers']):,}", until))
    if scores is not None:
        name = "value" if "value" in scores.totals else "purchases"
        currency = scores.attrs.get(CURRENCY) if name == "value" else None
        whole = summarise_totals(scores.totals, means=sums_of_means([scores])).iloc[-1]
        mean, low, high = (money(whole[f"{name}_{part}"], currency) for part in ("mean", "p05", "p95"))
        more = f"{low} to {high} at 90 %, over {scores.attrs['horizon']}"
        found.append(Headline(f"expected {name} in all", mean, more))
    if evaluation is not None:
        total = evaluation.total()
        more = f"forecast {interval(total[['mean', 'p05', 'p95']].tolist(), money)}"
        found.append(Headline("purchases in the hold-out", f"{total['actual']:,.0f}", more))
    if plan is not None and plan.attrs.get("net_mean") is not None:
        of, currency = plan.attrs, plan.attrs.get(CURRENCY)
        more = f"{money(of['net_p05'], currency)} to {money(of['net_p95'], currency)} at 90 %"
        found.append(Headline("net value of the plan", money(of["net_mean"], currency), more))
    return found


def render(title: str, parts: list[Section], *, headlines: list[Headline], checks: CheckReport) -> str:
    """Return the page as HTML; everything that is put into the template is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bayesltv.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"tr": tr, "trn": trn, "language": spoken()}
    status = "fail" if checks.failed else "warn" if checks.warnings else "pass"
    failed = f"{len(checks.failed)} of {len(checks.results)} checks failed"
    words = failed if checks.failed else f"checks {checks.verdict}"
    return environment.get_template(TEMPLATE).render(
        title=title, sections=parts, headlines=headlines, status=status, verdict=words
    )
