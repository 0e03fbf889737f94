"""Labels of tiers that stay put until moving pays, and what each label may cost."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.errors import DataError, SpecError, counted
from bayesltv.names import CUSTOMER_ID
from bayesltv.numerics.arrays import Columns, Floats, Integers
from bayesltv.prediction.scores.score_columns import tier_column
from bayesltv.prediction.scores.tiers import tier_labels
from bayesltv.specs.decision.tiers import TierSpec

NONE = -1
"""Code of a customer who had no tier before."""


def refreshed_labels(probabilities: Floats, tiers: TierSpec, previous: Integers | None = None) -> Integers:
    """Return the tier of each customer: the Bayes act, but the old one where moving saves too little.

    The act is k* = argmin_k Σ_j P_j cost[j][k]; a label moves only where Σ_j P_j (cost[j][old] − cost[j][k*])
    exceeds the switching cost, so that customers near a border do not change tier at each refresh.

    Parameters
    ----------
    probabilities : ndarray, shape (customer, tier)
        From low to high; rows sum to 1.
    tiers : TierSpec
    previous : ndarray of int64, shape (customer,), optional
        Positions of the old labels, -1 for none.

    Returns
    -------
    ndarray of int64, shape (customer,)
    """
    acts = tier_labels(probabilities, tiers)
    if previous is None:
        return acts
    costs = expected_costs(probabilities, tiers)
    rows = np.arange(acts.size)
    saved = costs[rows, previous] - costs[rows, acts]
    # savings below the resolution of the draws are none
    stays = (previous != NONE) & (np.round(saved - tiers.switching_cost, 9) <= 0)
    return np.where(stays, previous, acts)


def expected_costs(probabilities: Floats, tiers: TierSpec) -> Floats:
    """Return Σ_j P_j cost[j][k] of each label k, shape (customer, tier), in the unit of the cost matrix."""
    return probabilities @ np.asarray(tiers.cost, dtype=np.float64)


def tier_columns(
    probabilities: Floats,
    tiers: TierSpec,
    *,
    previous: Integers | None = None,
    median_value: Floats | None = None,
    floors: Floats | None = None,
) -> Columns:
    """Return the columns that say how a customer stands in the tiers.

    Parameters
    ----------
    probabilities : ndarray, shape (customer, tier)
        From low to high; rows sum to 1.
    tiers : TierSpec
    previous : ndarray of int64, shape (customer,), optional
        From `previous_codes`.
    median_value : ndarray, shape (customer,), optional
        ``ltv_p50``, in money; headroom needs it.
    floors : ndarray, shape (tier - 1,), optional
        Lower ends in money of all tiers but the lowest; by default those of `tiers`. For relative tiers: the
        means over draws of their thresholds.

    Returns
    -------
    dict of str to ndarray, shape (customer,)
        ``tier``; ``tier_error_cost``, the expected cost of the label being wrong, in the unit of the cost
        matrix; ``p_moves_up``, P(value falls into a higher tier than the label); ``headroom``, money between
        the median value and the next tier's lower end (missing in the highest tier; negative where the cost
        matrix keeps a label low); with `previous`, ``tier_previous`` (None where there was none).
    """
    labels = refreshed_labels(probabilities, tiers, previous)
    rows, names = np.arange(labels.size), np.asarray(tiers.names, dtype=object)
    above = np.arange(len(tiers.names))[None, :] > labels[:, None]
    columns: Columns = {
        "tier": names[labels],
        "tier_error_cost": expected_costs(probabilities, tiers)[rows, labels],
        "p_moves_up": np.clip((probabilities * above).sum(axis=1), 0.0, 1.0),
    }
    ends = np.asarray(tiers.thresholds if floors is None else floors, dtype=np.float64)
    if median_value is not None and ends.size == names.size - 1:
        columns["headroom"] = np.append(ends, np.nan)[labels] - median_value
    if previous is not None:
        columns["tier_previous"] = np.array([*tiers.names, None], dtype=object)[previous]
    return columns


def previous_codes(
    previous: pd.DataFrame | Mapping[str, str], customer_ids: pd.Series | NDArray[Any], tiers: TierSpec
) -> Integers:
    """Return the position of each customer's old tier, -1 for customers who had none.

    Parameters
    ----------
    previous : DataFrame or mapping
        An earlier score table or export with ``customer_id`` and ``tier``; or customer id -> tier.
    customer_ids : sequence of str
        Customers scored now. Customers of `previous` who are not among them are left out.
    tiers : TierSpec

    Raises
    ------
    DataError
        Where `previous` lacks a column, names a customer twice, or has a tier that is none now.
    """
    if isinstance(previous, pd.DataFrame):
        absent = [name for name in (CUSTOMER_ID, "tier") if name not in previous]
        if absent:
            raise DataError(f"the previous tiers lack the column {absent[0]}: pass an earlier score table")
        old = pd.Series(previous["tier"].to_numpy(object), index=previous[CUSTOMER_ID].astype(str))
    else:
        old = pd.Series({str(key): tier for key, tier in previous.items()}, dtype=object)
    twice = old.index[old.index.duplicated()].unique()
    if len(twice):
        raise DataError(
            f"{counted(len(twice), 'customer stands', 'customers stand')} twice among the previous tiers "
            "({ids})",
            ids=twice,
        )
    code = {name: at for at, name in enumerate(tiers.names)}
    strange = ~(old.isin(list(code)) | old.isna())
    if strange.any():
        raise DataError(
            f"{int(strange.sum()):,} of {len(old):,} previous tiers are none of {', '.join(tiers.names)}, "
            f"like {old[strange].iloc[0]!r} ({{ids}}): map them to the new names, or leave the previous "
            "labels out",
            ids=old.index[strange],
        )
    wanted = pd.Index(np.asarray(customer_ids, dtype=object).astype(str), dtype=object)
    found = old.reindex(wanted)
    return found.map(code).fillna(NONE).to_numpy(np.int64).astype(np.int64)


def with_tier_columns(
    scores: pd.DataFrame,
    tiers: TierSpec,
    *,
    previous: pd.DataFrame | Mapping[str, str] | None = None,
    floors: Floats | None = None,
) -> pd.DataFrame:
    """Return a score table with the columns of `tier_columns`; `previous` keeps labels that need not move.

    Parameters
    ----------
    scores : DataFrame
        From ``score``, with ``p_tier_<name>``.
    tiers : TierSpec
        Of the decision that it was scored with.
    previous, floors
        See `previous_codes` and `tier_columns`.

    Raises
    ------
    DataError
        Where the previous tiers cannot be used.
    SpecError
        Where the table has not these tiers.
    """
    names = [tier_column(name) for name in tiers.names]
    absent = [name for name in names if name not in scores]
    if absent:
        raise SpecError(f"the score table has no column {absent[0]}: score with these tiers first")
    columns = tier_columns(
        np.ascontiguousarray(scores[names].to_numpy(np.float64)),
        tiers,
        previous=None if previous is None else previous_codes(previous, scores[CUSTOMER_ID], tiers),
        median_value=scores["ltv_p50"].to_numpy(np.float64) if "ltv_p50" in scores else None,
        floors=floors,
    )
    return scores.assign(**columns)
