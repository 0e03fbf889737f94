"""What comparing found: fits, specs over a log's own past, and several methods beside what came."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.evaluation.result import Evaluation, InJson, records, rich_table
from bayesltv.languages.language import listed, mark, retold, tr, word
from bayesltv.languages.written import day, percent
from bayesltv.specs.model.model_spec import ModelSpec

_NAMES = {"mae": "MAE", "rmse": "RMSE", "crps": "CRPS", "gini": "Gini"}


@dataclass(frozen=True)
class Comparison(InJson):
    """Models of the same customers.

    Attributes
    ----------
    loo : DataFrame
        One row per part ("purchase", "spend") and model, the best first: ``rank``, ``elpd``, ``se``,
        ``elpd_diff`` (this model's elpd − that of the best, so 0 or below), ``dse`` (standard error of the
        difference over customers), ``p_worse``, ``weight`` (stacking), ``p`` (effective parameters),
        ``diag_diff``, ``diag_elpd``, as ``arviz.compare`` has them.
    holdout : DataFrame or None
        One row per model: hold-out scores, coverage and total; ``crps_diff`` and ``log_score_diff`` against
        the best model by leave-one-out, per customer, with standard errors ``..._se``.
    verdict : str
        What follows, in a sentence.
    fits : mapping
        Name -> fit.
    evaluations : mapping
        Name -> Evaluation; empty without a log.
    """

    loo: pd.DataFrame
    holdout: pd.DataFrame | None
    verdict: str
    fits: Mapping[str, xr.DataTree] = field(repr=False)
    evaluations: Mapping[str, Evaluation] = field(repr=False)

    @property
    def best(self) -> str:
        """The model with the largest elpd of purchases."""
        purchase = self.loo[self.loo["part"] == "purchase"]
        return str(purchase["model"].iloc[0])

    def to_dict(self) -> dict[str, Any]:
        """Return verdict and tables in JSON's types."""
        holdout = None if self.holdout is None else records(self.holdout)
        return {"best": self.best, "verdict": self.verdict, "loo": records(self.loo), "holdout": holdout}

    def __rich__(self) -> Any:  # noqa: ANN401
        """Return the tables and the verdict for the terminal."""
        from rich.console import Group
        from rich.text import Text

        shown = [rich_table(self.loo.drop(columns=["p", "diag_elpd"]), mark("Leave one customer out (PSIS)"))]
        if self.holdout is not None:
            turned = self.holdout.set_index("model").T.reset_index(names="")
            shown.append(rich_table(turned, mark("Hold-out")))
        return Group(*shown, Text(retold(self.verdict)))


@dataclass(frozen=True)
class Choice(InJson):
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


@dataclass(frozen=True)
class Benchmark(InJson):
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
