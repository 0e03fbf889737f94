"""What rolling origins over a log's own past said of several specs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bayesltv.evaluation.result import records, rich_table
from bayesltv.languages.language import listed, mark, retold, tr
from bayesltv.languages.written import day, percent
from bayesltv.specs.model.model_spec import ModelSpec


@dataclass(frozen=True)
class Choice:
    """Which spec forecast a log's own past best, and by how much.

    Attributes
    ----------
    recommended : str
        Name of the spec to use.
    spec : ModelSpec
        It, with spend where the log has amounts.
    reason : str
        Why, in a few sentences.
    is_clear : bool
        False where no spec was told apart from the simplest, which is recommended then.
    table : DataFrame
        One row per spec, the simplest first: ``crps`` (mean over cuts and customers, of purchases) and
        ``crps_diff`` from the recommended one (above 0 is worse) with its 95 % interval ``crps_low``,
        ``crps_high`` by a paired bootstrap over customers; of the total of purchases ``interval_score`` (at
        90 %, mean over cuts, as a share of the actual total), ``inside_90`` (cuts whose total lay inside) and
        ``relative_error`` (mean); ``coverage_90`` (customers inside), ``gini``, ``cuts``, ``failed`` (cuts
        whose fit failed its checks) and ``seconds``.
    cuts : DataFrame
        One row per spec and cut, as ``backtest`` has them, with ``method`` and ``seconds``.
    facts : mapping
        Cuts, horizon in days, customers, seed, measured shape of the waits.
    """

    recommended: str
    spec: ModelSpec = field(repr=False)
    reason: str
    is_clear: bool
    table: pd.DataFrame
    cuts: pd.DataFrame = field(repr=False)
    facts: Mapping[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return recommendation, spec and tables in JSON's types."""
        return {
            "recommended": self.recommended,
            "reason": self.reason,
            "is_clear": self.is_clear,
            "spec": self.spec.to_dict(),
            "facts": dict(self.facts),
            "table": records(self.table),
            "cuts": records(self.cuts),
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def __rich__(self) -> Any:  # noqa: ANN401
        """Return the table and the recommendation for the terminal."""
        from rich.console import Group
        from rich.text import Text

        facts = self.facts
        cuts = listed(day(each) for each in facts["cuts"])
        head = tr(
            "{customers:,} customers, {days} days after each of {cuts}",
            customers=facts["customers"],
            days=facts["days"],
            cuts=cuts,
        )
        scale = 100 / float(self.table.loc[self.table["spec"] == self.recommended, "crps"].iloc[0])
        gaps = self.table[["crps_diff", "crps_low", "crps_high"]].to_numpy() * scale
        rows = self.table.to_dict("records")
        shown = pd.DataFrame(
            {
                "spec": self.table["spec"],
                "CRPS": self.table["crps"],
                mark("difference, % [95 %]"): ["{:+.2f} [{:+.2f}, {:+.2f}]".format(*gap) for gap in gaps],
                "Gini": self.table["gini"],
                mark("total: score"): [percent(row["interval_score"]) for row in rows],
                mark("90 % held"): [
                    tr("{inside} of {cuts}", inside=row["inside_90"], cuts=row["cuts"]) for row in rows
                ],
                "failed": self.table["failed"],
                "seconds": self.table["seconds"].round(1),
            }
        )
        return Group(
            head,
            rich_table(shown, mark("Rolling origins")),
            Text(tr("use {recommended}: {reason}", recommended=self.recommended, reason=retold(self.reason))),
        )
