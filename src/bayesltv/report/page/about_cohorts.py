"""The section of a page about cohorts by age."""

from collections.abc import Callable
from functools import partial
from typing import Any

from bayesltv.cohorts.result import OBSERVED, SMALLEST, Cohorts
from bayesltv.languages.language import retold, tr
from bayesltv.languages.written import percent
from bayesltv.names import COMMON_SHOCKS
from bayesltv.report.figures.cohorts import cohort_figures
from bayesltv.report.page.parts import Grid, Section, grid_of, interval, picture_of
from bayesltv.report.style import money


def acquired(found: Cohorts, *, suppress_below: int = SMALLEST) -> Section:
    """Return what cohorts have brought by day N; those of fewer customers are left out."""
    sizes = found.table.drop_duplicates([*found.attrs["by"], "kind"])["customers"]
    hidden = int((sizes < suppress_below).sum())
    shown = found.suppressed(below=suppress_below)
    notes = (
        tr(
            "A cohort is all who were acquired, whoever came back. What has been observed is one "
            "number; the rest stands with the interval that holds 90 % of the draws."
        ),
        tr("Totals: {shocks}.", shocks=retold(found.attrs[COMMON_SHOCKS])),
        *(
            [
                tr(
                    "{hidden:,} cohorts of fewer than {suppress_below} customers are left out.",
                    hidden=hidden,
                    suppress_below=suppress_below,
                )
            ]
            if hidden
            else []
        ),
    )
    grids = [_ltv(shown)] if found.ltv in set(found.table["quantity"]) else []
    if shown.payback is not None:
        grids.append(_payback(shown))
    if shown.best is not None:
        shares = shown.best.assign(p_best=[percent(share) for share in shown.best["p_best"]])
        grids.append(grid_of(shares, tr("Probability of being the best"), heads={"p_best": "best with"}))
    pictures = tuple(picture_of(name, draw()) for name, draw in cohort_figures(shown).items())
    lead = tr("What have the customers acquired so far brought by day N, and when have they paid back?")
    return Section("cohorts", tr("Cohorts by age"), lead, notes, tuple(grids), pictures)


def _ltv(found: Cohorts) -> Grid:
    """Return LTV wide: one number where all is observed, else the median and its interval."""
    rows = found.table[found.table["quantity"] == found.ltv].dropna(subset=["p50"])
    write = partial(money, currency=found.attrs.get("currency"), decimals=2)
    texts = [
        write(each["p50"])
        if each["status"] == OBSERVED
        else interval([each["p50"], each["p05"], each["p95"]], write)
        for each in rows.to_dict("records")
    ]
    left = [*found.attrs["by"], "customers"]
    wide = rows.assign(text=texts).pivot_table(
        index=left, columns="age", values="text", aggfunc="first", sort=False
    )
    named = (
        wide.rename(columns=lambda age: tr("by day {age:g}", age=age)).reset_index().rename_axis(columns=None)
    )
    return grid_of(named, tr("LTV per customer acquired"), formats={"customers": lambda n: f"{int(n):,}"})


def _payback(found: Cohorts) -> Grid:
    assert found.payback is not None
    rows = found.payback.dropna(subset=["payback_p50"])
    kept = [*found.attrs["by"], "customers", "cac", "payback_p05", "payback_p50", "payback_p95"]
    latest = max(found.attrs["ages"])

    def day(value: float) -> str:
        return f"{value:.0f}" if value < float("inf") else tr("after {latest}", latest=latest)

    formats: dict[str, Callable[[Any], str]] = {name: day for name in kept if name.startswith("payback")}
    formats |= {"cac": lambda x: money(x, found.attrs.get("currency"), decimals=2)}
    heads = {"payback_p05": "5 %", "payback_p50": "pays back on day", "payback_p95": "95 %"}
    caption = tr("Day on which margins have covered the cost of acquisition")
    return grid_of(rows[kept], caption, heads=heads, formats=formats | {"customers": lambda n: f"{int(n):,}"})
