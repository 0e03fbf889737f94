"""What a comparison found."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.evaluation.result import Evaluation, records, rich_table
from bayesltv.languages.language import mark, retold


@dataclass(frozen=True)
class Comparison:
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

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def __rich__(self) -> Any:  # noqa: ANN401
        """Return the tables and the verdict for the terminal."""
        from rich.console import Group
        from rich.text import Text

        shown = [rich_table(self.loo.drop(columns=["p", "diag_elpd"]), mark("Leave one customer out (PSIS)"))]
        if self.holdout is not None:
            turned = self.holdout.set_index("model").T.reset_index(names="")
            shown.append(rich_table(turned, mark("Hold-out")))
        return Group(*shown, Text(retold(self.verdict)))
