"""What an evaluation found: tables, and the facts it was made with."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.languages.language import label, mark, tr
from bayesltv.languages.notebook import html_of
from bayesltv.languages.written import day

TABLES = ("scores", "coverage", "totals", "events", "reliability", "by_frequency", "ranking", "lift")
ALL = "all"
"""Label of the row about all customers."""


class InJson:
    """A result that tells itself in JSON's types."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result in JSON's types."""
        raise NotImplementedError

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), allow_nan=False)


@dataclass(frozen=True)
class Evaluation(InJson):
    """A forecast against what happened. Quantities are "purchases" and, where there is money, "spend".

    Attributes
    ----------
    scores : DataFrame
        One row per quantity and group ("all" first): ``customers``, ``actual_mean``, ``predicted_mean``,
        ``crps`` (fair), ``log_score`` (purchases only), ``pit_deviation`` (largest deviation of the
        non-randomised PIT), ``mae_of_median``, ``rmse_of_mean``, ``bias`` (predicted − actual mean),
        ``spearman``, ``gini`` (normalised).
    coverage : DataFrame
        One row per quantity, group and level: ``predictive`` (share of customers inside) and
        ``predictive_width``; for purchases also ``expectation``, ``expectation_width``: the posterior
        interval of a customer's *expected* purchases.
    totals : DataFrame
        One row per quantity ("purchases", "spend", "returners") and group: ``actual``, ``mean``, ``sd``,
        the ends of the 50, 80, 90 and 95 % intervals, ``share_below`` (of draws), ``inside_90``.
    events : DataFrame
        One row per event ("purchase", each tier, and P(alive) read as a forecast of a purchase):
        ``predicted`` and ``actual`` share, ``brier``, ``brier_of_share`` (a constant forecast), ``auc``.
    reliability : DataFrame
        Predicted against observed shares by bin of the prediction, one block per event.
    by_frequency : DataFrame
        Means by calibration frequency 0 to 7+, with 90 % intervals of the predicted mean.
    ranking : DataFrame
        Spearman and normalised Gini of the forecast, and of what is known without a model.
    lift : DataFrame
        By tenth of the forecast, the best first.
    customers : DataFrame
        One row per customer: what was predicted, what happened, and each customer's scores.
    tracking, tracking_actual : xarray.Dataset or None
        Purchases and spend by week, predicted and actual, for ``plot_tracking_weekly`` and
        ``plot_tracking_cumulative``.
    facts : mapping
        Horizon, dates, seed, draws, customers, new customers left out, how CRPS was estimated.
    business : DataFrame, optional
        Totals with new customers, beside rivals': see ``evaluation.business.judge_forecast``.
    """

    scores: pd.DataFrame
    coverage: pd.DataFrame
    totals: pd.DataFrame
    events: pd.DataFrame
    reliability: pd.DataFrame
    by_frequency: pd.DataFrame
    ranking: pd.DataFrame
    lift: pd.DataFrame
    customers: pd.DataFrame = field(repr=False)
    tracking: xr.Dataset | None = field(repr=False)
    tracking_actual: xr.Dataset | None = field(repr=False)
    facts: dict[str, Any]
    business: pd.DataFrame | None = None

    @property
    def quantities(self) -> tuple[str, ...]:
        """What was judged: "purchases" and perhaps "spend"."""
        return tuple(dict.fromkeys(self.scores["quantity"]))

    def score(self, name: str, quantity: str = "purchases", group: str = ALL) -> float:
        """Return one figure of the table ``scores``."""
        chosen = (self.scores["quantity"] == quantity) & (self.scores["group"] == group)
        return float(self.scores.loc[chosen, name].iloc[0])

    def total(self, quantity: str = "purchases", group: str = ALL) -> pd.Series[Any]:
        """Return one row of the table ``totals``."""
        chosen = (self.totals["quantity"] == quantity) & (self.totals["group"] == group)
        return self.totals[chosen].iloc[0]

    def to_dict(self) -> dict[str, Any]:
        """Return facts and tables in JSON's types; figures that are not finite are None."""
        return {"facts": dict(self.facts), **{name: records(getattr(self, name)) for name in TABLES}}

    def _repr_html_(self) -> str:
        return html_of(
            "Evaluation", {"totals": self.totals, "scores": self.scores, "coverage": self.coverage}
        )

    def __rich__(self) -> Any:  # noqa: ANN401
        """Return the tables that a person reads first."""
        from rich.console import Group

        facts = self.facts
        text = mark("{customers:,} customers, {after} to {until}")
        if facts["new_customers_left_out"]:
            text = mark(
                "{customers:,} customers, {after} to {until}; "
                "{new_customers_left_out:,} new customers left out"
            )
        head = tr(text, **{**facts, "after": day(facts["after"]), "until": day(facts["until"])})
        overall = self.scores[self.scores["group"] == ALL].drop(columns=["group", "customers"])
        coverage = self.coverage[self.coverage["group"] == ALL].drop(columns=["group"])
        shown = ["quantity", "actual", "mean", "p05", "p95", "inside_90", "share_below"]
        totals = self.totals[self.totals["group"] == ALL][shown]
        return Group(
            head,
            rich_table(overall.set_index("quantity").T.reset_index(names="score"), mark("Scores")),
            rich_table(coverage, mark("Coverage of intervals: predictive, and of the expectation")),
            rich_table(totals, mark("Totals")),
            rich_table(self.events, mark("Events")),
            rich_table(self.ranking, mark("Ranking")),
        )


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table in JSON's types."""
    return [{str(k): plain(v) for k, v in row.items()} for row in table.to_dict("records")]


def plain(value: object) -> Any:  # noqa: ANN401
    """Return a value in JSON's types; None for what is missing or not finite."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def rich_table(table: pd.DataFrame, title: str) -> Any:  # noqa: ANN401
    """Return a table for the terminal; numbers with four digits, what is missing blank."""
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=tr(title), title_justify="left")
    for name in table.columns:
        is_text = table[name].map(lambda value: isinstance(value, str)).all()
        shown.add_column(label(name), justify="left" if is_text else "right")
    for row in table.itertuples(index=False):
        shown.add_row(*(Text(written(value)) for value in row))
    return shown


def written(value: object) -> str:
    """Return a value as people read it: four digits, thousands apart, nothing for what is missing."""
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return tr("yes") if value else tr("no")
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else label(value)
