"""What a refit found: the newer fit, and what has changed since the earlier one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.checks.result import CheckReport
from bayesltv.decisions.customers.refresh import Refresh
from bayesltv.evaluation.result import Evaluation
from bayesltv.prediction.scores.score import ScoreTable


@dataclass(frozen=True)
class Refit:
    """An earlier fit brought up to date.

    Attributes
    ----------
    fit : DataTree
        The newer fit, checked.
    summary : DataFrame
        The customers that it was fitted to.
    drift : CheckReport
        What moved since: whether the log's past is as it was, parameters, the forecast against what came,
        tiers. It warns and never gates; ``fit`` carries its own checks.
    parameters : DataFrame
        parameter, before_mean, before_sd, now_mean, now_sd, and ``moved``: the shift in earlier sds; the
        farthest first.
    evaluation : Evaluation, optional
        The earlier fit's forecast of the days since, against what came; None where no log was given, or no
        day has passed.
    scores : ScoreTable, optional
        By the newer fit; None without a decision, or where the newer fit failed its checks.
    refresh : Refresh, optional
        Who moved between tiers and why; None where there are no tiers or no earlier scores.
    changed : DataFrame, optional
        Rows of ``scores`` that are not what they were: ``change`` ("new", "tier", "value"), tier_previous,
        value_previous.
    gone : DataFrame, optional
        Customers who are no longer scored.
    facts : mapping
        Ends of observation ("from", "until"), seed, method, tolerance.
    """

    fit: xr.DataTree = field(repr=False)
    summary: pd.DataFrame = field(repr=False)
    parameters: pd.DataFrame = field(repr=False)
    evaluation: Evaluation | None = field(repr=False)
    facts: Mapping[str, Any]
    drift: CheckReport = field(repr=False, default=CheckReport(()))
    scores: ScoreTable | None = field(default=None, repr=False)
    refresh: Refresh | None = field(default=None, repr=False)
    changed: pd.DataFrame | None = field(default=None, repr=False)
    gone: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def changes(self) -> dict[str, int]:
        """How many rows are new, have another tier or another value, and how many customers are gone."""
        if self.changed is None or self.gone is None:
            return {}
        counts = self.changed["change"].value_counts()
        return {
            **{name: int(counts.get(name, 0)) for name in ("new", "tier", "value")},
            "gone": len(self.gone),
        }
