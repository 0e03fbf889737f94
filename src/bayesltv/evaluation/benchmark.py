"""What several methods forecast for the same customers, beside what came."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bayesltv.evaluation.result import records, rich_table
from bayesltv.languages.language import mark, retold, tr, word
from bayesltv.languages.written import percent

_NAMES = {"mae": "MAE", "rmse": "RMSE", "crps": "CRPS", "gini": "Gini"}


@dataclass(frozen=True)
class Benchmark:
    """Forecasts of several methods for the same customers, and what came.

    Attributes
    ----------
    table : DataFrame
        One row per quantity ("purchases", "spend") and method, ours first: ``is_ours``, ``mae``,
        ``mae_of_median``, ``rmse``, ``crps``, ``gini``, ``total`` (forecast / actual − 1), ``pit``,
        ``inside_50`` to ``inside_95`` (share of customers), ``total_p05``, ``total_p95``, ``actual`` (sum),
        ``seconds``; and differences from the first of ours, ``crps_diff`` and ``rmse_diff``, with their 95 %
        intervals ``..._low`` and ``..._high`` by a paired bootstrap over customers. Above 0 is worse than
        ours, below 0 is better. Missing where a method has no distribution.
    verdict : tuple of str
        By quantity and measure, the best of ours beside the best of the others: wins and losses alike.
    skipped : mapping
        Method that was not run -> why.
    facts : mapping
        Cut, horizon in days, customers forecast and in the log, seed.
    """

    table: pd.DataFrame
    verdict: tuple[str, ...]
    skipped: Mapping[str, str]
    facts: Mapping[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in JSON's types."""
        told = {"facts": dict(self.facts), "verdict": list(self.verdict), "skipped": dict(self.skipped)}
        return {**told, "table": records(self.table)}

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def __rich__(self) -> Any:  # noqa: ANN401
        """Return the tables and the verdict for the terminal."""
        from rich.console import Group
        from rich.text import Text

        facts = self.facts
        head = tr(
            "{customers:,} customers at {cut}, {days} days ahead",
            customers=facts["customers"],
            cut=facts["cut"],
            days=facts["days"],
        )
        shown = ["method", "mae", "rmse", "crps", "gini", "total", "inside_90"]
        parts = []
        for quantity, rows in self.table.groupby("quantity", sort=False):
            shares = {"total": [percent(each, sign="+") for each in rows["total"]],
                      "inside_90": ["" if pd.isna(each) else percent(each) for each in rows["inside_90"]],
                      mark("CRPS − ours [95 %]"): [_interval(row) for row in records(rows)]}  # fmt: skip
            table = rows[shown].assign(**shares).rename(columns=_NAMES)
            parts.append(rich_table(table, word(quantity)))
        notes = [
            *map(retold, self.verdict),
            *(tr("not run: {name}: {why}", name=name, why=why) for name, why in self.skipped.items()),
        ]
        return Group(head, *parts, *map(Text, notes))  # brackets are no markup


def _interval(row: Mapping[str, Any]) -> str:
    if row.get("crps_diff") is None:
        return ""
    return f"{row['crps_diff']:+.4g} [{row['crps_low']:+.4g}, {row['crps_high']:+.4g}]"
