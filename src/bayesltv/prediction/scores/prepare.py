"""What is asked before the first row is scored, whoever walks the rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.currency import require_one_currency
from bayesltv.base.gate import require_passed, require_recent, told_of_totals
from bayesltv.base.meeting import Meeting
from bayesltv.base.placed_base import warn_of_first_amounts_left_out
from bayesltv.base.population import Posterior, read_posterior
from bayesltv.errors import warn
from bayesltv.names import COMMON_SHOCKS
from bayesltv.numerics.arrays import Floats
from bayesltv.prediction.scores.scoring import Scoring, make_scoring
from bayesltv.prediction.scores.thresholds import Engine, find_thresholds
from bayesltv.specs.decision.decision_spec import DecisionSpec


@dataclass(frozen=True)
class Prepared:
    """A fit that may score, and what scores with it.

    Attributes
    ----------
    scoring : Scoring
    spec_hash : str, optional
        Of the fit.
    currency : str, optional
        That of decision, fit and summary.
    totals : str
        What the check of common shocks says of the fit's totals.
    """

    scoring: Scoring
    spec_hash: str | None
    currency: str | None
    totals: str

    @property
    def lacks_thresholds(self) -> bool:
        """Whether tiers are relative to other customers, and nobody has said where they begin."""
        return self.scoring.is_relative and self.scoring.thresholds is None

    def found_by(self, engine: Engine, *, customers: int) -> "Prepared":
        """Return it with the thresholds that an engine finds among all customers, where they are lacking."""
        if not self.lacks_thresholds:
            return self
        return self.with_thresholds(find_thresholds(self.scoring, engine, customers=customers))

    def with_thresholds(self, found: object) -> "Prepared":
        """Return it with thresholds that were found before, shape (tier - 1, draw)."""
        return replace(self, scoring=replace(self.scoring, thresholds=np.asarray(found, dtype=np.float64)))

    def attributes(self, end: pd.Timestamp | None) -> dict[str, Any]:
        """Return what a score table says about itself, in JSON's types; `end` is the last day observed."""
        scoring, value = self.scoring, self.scoring.decision.value
        told = {
            "as_of_date": None if end is None else end.date().isoformat(),
            "horizon": value.horizon,
            "value_basis": value.basis,
            "currency": self.currency,
            "spec_hash": self.spec_hash,
            "decision_hash": scoring.decision.hash(),
            "seed": int(scoring.seed),
            "draws": int(scoring.hyperparameters.draws.size),
            "accepted_failed_checks": list(scoring.accepted_failed),
            COMMON_SHOCKS: self.totals,
        }
        if scoring.posterior.without_first_amounts:
            told["without_first_amounts"] = True
        if scoring.is_relative and scoring.thresholds is not None:
            told["thresholds"] = scoring.thresholds.tolist()
        return told


def prepare(
    fit: xr.DataTree,
    decision: DecisionSpec,
    meeting: Meeting,
    *,
    told: Mapping[Any, Any],
    end: pd.Timestamp | None,
    posterior: Posterior | None = None,
    thresholds: Floats | None = None,
) -> Prepared:
    """Return what scores, having asked all that can be asked without a row of the summary.

    Parameters
    ----------
    fit : DataTree
    decision : DecisionSpec
    meeting : Meeting
    told : mapping
        The summary's attributes.
    end : Timestamp, optional
        The last day observed; needed where the fit's age is limited.
    posterior : Posterior, optional
        That of the fit, where it has been read.
    thresholds : ndarray of float64, shape (tier - 1, draw), optional
        Of tiers that are relative to other customers, where they are known.

    Raises
    ------
    CheckFailed
        Where a gating check of the fit failed, or the fit is too old.
    DataError
        Where `draws` is below 1.
    SpecError
        Where decision, fit and summary are not in one currency, or thresholds do not fit.
    """
    accepted = require_passed(fit, meeting.accept_failed)
    require_recent(fit, end, meeting.max_fit_age_days)
    currency = require_one_currency(decision, fit.attrs, told)
    if posterior is None:
        posterior = replace(read_posterior(fit), without_first_amounts=meeting.without_first_amounts)
        warn_of_first_amounts_left_out(posterior)
    scoring = make_scoring(fit, decision, meeting, posterior, thresholds=thresholds, accepted=accepted)
    _warn_of_missing_money(scoring)
    return Prepared(scoring, fit.attrs.get("spec_hash"), currency, told_of_totals(fit))


def warn_of_infinite_means(missing: int, customers: int) -> None:
    """Say for how many of the customers expected value is infinite, where it is for some."""
    if missing:
        warn(
            f"expected spend is infinite for {missing:,} of {customers:,} customers (p·count + q <= 1 in "
            "some draws): their ltv_mean is left missing; use ltv_p50"
        )


def count_infinite_means(table: pd.DataFrame) -> int:
    """Return for how many customers expected value is infinite."""
    return int(table["ltv_mean"].isna().sum()) if "ltv_mean" in table else 0


def _warn_of_missing_money(scoring: Scoring) -> None:
    """Say that there is no money in the scores where the fit has no spend model."""
    if not scoring.hyperparameters.has_spend:
        left_out = "ltv columns" + ("" if scoring.decision.tiers is None else " and tiers")
        warn(f"the fit has no spend model: {left_out} are left out of the score table")
