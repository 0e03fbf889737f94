"""The section of a report about its data, and about the customers that the model makes of them."""

import numpy as np
import pandas as pd

from bayesltv import names
from bayesltv.checks.result import CheckReport
from bayesltv.data.log.log_warnings import midlife_peak
from bayesltv.languages.language import tr, word
from bayesltv.languages.written import day
from bayesltv.report.figures.checks import check_figures
from bayesltv.report.page.parts import Grid, Section, count, facts_of, picture_of
from bayesltv.report.style import money


def data(summary: pd.DataFrame, report: CheckReport) -> Section:
    """Return the customers who were fitted beside those that the model makes, and what is odd about them."""
    pictures = tuple(picture_of(name, draw()) for name, draw in check_figures(report).items())
    lead = tr("What went in, what was set aside, and what is odd about it.")
    if any(each.name.startswith("replicas_") for each in pictures):
        lead = tr(
            "What went in, what was set aside, and what is odd about it. Beside the real customers: how such "
            "customers look when the model makes them anew. White diamonds should lie within the bars."
        )
    notes = tuple(_oddities(summary)) or (tr("Nothing odd was found in the summary."),)
    return Section(
        "data", tr("The data, and the model's own customers"), lead, notes, (_facts(summary),), pictures
    )


def _facts(summary: pd.DataFrame) -> Grid:
    repeaters = int((summary[names.FREQUENCY] > 0).sum())
    facts: dict[str, object] = {
        "customers": count(len(summary)),
        "of them repeat buyers": f"{repeaters:,} ({repeaters / max(len(summary), 1):.0%})",
        "repeat purchases": count(int(summary[names.FREQUENCY].sum())),
        "observed until": day(summary.attrs[names.OBSERVATION_END])
        if names.OBSERVATION_END in summary.attrs
        else None,
        "fingerprint": summary.attrs.get(names.FINGERPRINT),
    }
    if names.FIRST_PURCHASE in summary and len(summary):
        first = summary[names.FIRST_PURCHASE]
        facts["first purchases"] = tr(
            "{low} to {high}", low=day(first.min().date()), high=day(first.max().date())
        )
    if repeaters and names.MONETARY_VALUE in summary:
        facts["mean repeat spend"] = money(
            summary[names.MONETARY_VALUE].mean(), summary.attrs.get(names.CURRENCY), decimals=2
        )
    for reason, rows in (summary.attrs.get(names.SET_ASIDE) or {}).items():
        facts[tr("set aside: {reason}", reason=word(reason))] = count(rows)
    return facts_of(facts, tr("Customer summary"))


def _oddities(summary: pd.DataFrame) -> list[str]:
    """Return what is odd about a summary, in sentences without ids."""
    found = []
    if len(summary) and not (summary[names.FREQUENCY] > 0).any():
        found.append(
            tr("Nobody repeats: purchase rate and dropout are known from the priors and silence alone.")
        )
    if names.FIRST_PURCHASE in summary and len(summary):
        days = summary[names.FIRST_PURCHASE].to_numpy("datetime64[D]").astype(np.int64)
        peak = midlife_peak(days)
        if peak is not None:
            block, first, typical = peak
            found.append(
                tr(
                    "The log seems to start in the middle of its customers' lives: its first {block} days "
                    "hold {first:,} first purchases, a typical {block} days after that {typical:,.0f}.",
                    block=block,
                    first=first,
                    typical=typical,
                )
            )
    aside = sum((summary.attrs.get(names.SET_ASIDE) or {}).values())
    if aside:
        found.append(tr("{aside:,} rows of the log were set aside; the table says why.", aside=aside))
    return found
