"""``score_one``: one customer from a loaded fit, for a service that cannot wait."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.meeting import Meeting, UnknownGroups
from bayesltv.base.placed_base import PlacedBase, place_base
from bayesltv.errors import DataError, SpecError
from bayesltv.names import CUSTOMER_ID
from bayesltv.numerics.arrays import Floats
from bayesltv.prediction.scores.score import score_base
from bayesltv.prediction.scores.scoring import DRAWS
from bayesltv.specs.catalogue import DecisionLike, decision_of
from bayesltv.specs.decision.decision_spec import DecisionSpec


def score_one(
    fit: xr.DataTree,
    customer: pd.DataFrame | Mapping[str, Any],
    decision: DecisionLike,
    *,
    seed: int,
    draws: int | None = DRAWS,
    thresholds: Floats | None = None,
    unknown_groups: UnknownGroups = "error",
    accept_failed: Sequence[str] = (),
    time_unit: str | None = None,
    observation_end: str | None = None,
) -> dict[str, Any]:
    """Return the scores of one customer: the row that `score` gives the same customer among all others.

    Parameters
    ----------
    fit : DataTree
    customer : DataFrame or mapping
        One row of a summary, or its columns by name.
    decision : DecisionSpec, str or Path
        Load it once where time counts.
    seed : int
        That of `score`.
    draws, unknown_groups, accept_failed
        As in `score`.
    thresholds : ndarray of float64, shape (tier - 1, draw), optional
        ``attrs["thresholds"]`` of a score table; needed where tiers are relative to other customers.
    time_unit, observation_end : str, optional
        Needed where `customer` is no frame with a summary's attributes; the fit's own, by default.

    Returns
    -------
    dict
        Column of the score table -> value.

    Raises
    ------
    CheckFailed, DataError, SpecError
        As `score`; also where there is not one customer, or thresholds are lacking.

    Examples
    --------
    >>> row = summary[summary["customer_id"] == "00123"]  # doctest: +SKIP
    >>> score_one(fit, row, load_decision("retention"), seed=1)["p_alive"]  # doctest: +SKIP
    """
    row = customer if isinstance(customer, pd.DataFrame) else pd.DataFrame([dict(customer)])
    told = {
        name: row.attrs.get(name) or fit.attrs.get(name) or None for name in ("time_unit", "observation_end")
    }
    meeting = Meeting(
        seed, None, unknown_groups, accept_failed, None, time_unit or told["time_unit"],
        observation_end or told["observation_end"],
    )  # fmt: skip
    return score_one_base(
        place_base(fit, row, meeting), decision_of(decision), draws=draws, thresholds=thresholds
    )


def score_one_base(
    base: PlacedBase,
    decision: DecisionSpec,
    customer_id: object | None = None,
    *,
    draws: int | None = DRAWS,
    thresholds: Floats | None = None,
) -> dict[str, Any]:
    """Return the scores of one customer of a base, of its only one where no id is given; see `score_one`."""
    one = base if customer_id is None else replace(base, summary=base.row_of(customer_id))
    if len(one) != 1:
        raise DataError(f"{len(one):,} customers where one was to be scored: give one row of a summary")
    tiers = decision.tiers
    is_relative = tiers is not None and not tiers.is_absolute
    if is_relative and thresholds is None and len(base) == 1:
        raise SpecError(
            "tiers are relative to other customers: pass thresholds=, which stand in "
            'scores.attrs["thresholds"] of a table that score made of all of them'
        )
    if is_relative and thresholds is None:
        thresholds = np.array(score_base(base, decision, draws=draws).attrs["thresholds"])
    table = score_base(one, decision, draws=draws, thresholds=thresholds, threads=1)
    return {str(name): table[name].iloc[0] for name in table.columns}


def stored_thresholds(path: str, decision: DecisionSpec) -> Floats:
    """Return where relative tiers begin, as a score table on disk says.

    Raises
    ------
    SpecError
        Where it is of another decision, or says nothing of it.
    """
    told = pd.read_parquet(path, columns=[CUSTOMER_ID]).attrs
    if told.get("decision_hash") != decision.hash() or "thresholds" not in told:
        raise SpecError(
            f"{path} holds no thresholds of this decision: name a table that `score` made with it"
        )
    return np.array(told["thresholds"], dtype=np.float64)
