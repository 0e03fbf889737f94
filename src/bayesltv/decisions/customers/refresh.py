"""What a refresh changed: who moved between tiers and why, and how stable the tiers are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayesltv.errors import DataError, counted
from bayesltv.names import CUSTOMER_ID, FREQUENCY
from bayesltv.specs.decision.tiers import TierSpec

BOUGHT, BUYS_LESS, SPENDS_MORE, SPENDS_LESS, OTHER = (
    "bought again",
    "buys less or not at all",
    "spends more a purchase",
    "spends less a purchase",
    "new fit or new tiers",
)
"""Reasons of a move, in words."""
_NEEDED = ("expected_purchases", "ltv_mean")


@dataclass(frozen=True)
class Refresh:
    """Two score tables compared.

    Attributes
    ----------
    migration : DataFrame
        Customers by old tier (rows, from low to high, "(none)" last: those who are new) and new tier
        (columns, "(gone)" last: those who are no longer scored).
    movers : DataFrame
        One row per customer with another tier than before: customer_id, tier_previous, tier, ltv_before,
        ltv_now, and the `reason`: which factor of value moved most in the direction of the move.
    stayed : float
        Share of the customers scored both times who kept their tier.
    stability_index : float
        Population stability index Σ (new − old) ln(new / old) over the tiers' shares of customers, half a
        customer added to each: below 0.1 is commonly called stable, above 0.25 a shift.
    """

    migration: pd.DataFrame
    movers: pd.DataFrame
    stayed: float
    stability_index: float


def compare_refresh(previous: pd.DataFrame, scores: pd.DataFrame, tiers: TierSpec) -> Refresh:
    """Return what changed between two score tables.

    Parameters
    ----------
    previous, scores : DataFrame
        An earlier and the present score table, with customer_id, tier, expected_purchases and
        ltv_mean; with frequency, "bought again" is told from a new fit.
    tiers : TierSpec
        Names of the tiers, from low to high, of both.

    Raises
    ------
    DataError
        Where a column is missing, a customer stands twice, or the tables share no customer.
    """
    old, new = (_by_customer(table, tiers) for table in (previous, scores))
    both = new.index.intersection(old.index, sort=False)
    if not len(both):
        raise DataError("the previous and the present scores share no customer: are the ids the same?")
    before, after = old.loc[both], new.loc[both]
    moved = (before["tier"] != after["tier"]).to_numpy()
    return Refresh(
        migration=migration(old["tier"], new["tier"], tiers),
        movers=_movers(before[moved], after[moved], tiers),
        stayed=float(1 - moved.mean()),
        stability_index=stability_index(old["tier"], new["tier"], tiers),
    )


def has_values(previous: pd.DataFrame) -> bool:
    """Whether an earlier table says enough to compare with: tiers alone do not say why somebody moved."""
    return all(name in previous for name in (CUSTOMER_ID, "tier", *_NEEDED))


def migration(old: pd.Series, new: pd.Series, tiers: TierSpec) -> pd.DataFrame:
    """Return customers by old and new tier, see `Refresh`; both are indexed by customer id."""
    everybody = old.index.union(new.index, sort=False)
    labels = pd.DataFrame(
        {
            "tier_previous": old.reindex(everybody).fillna("(none)"),
            "tier": new.reindex(everybody).fillna("(gone)"),
        }
    )
    names = list(tiers.names)
    counts = labels.value_counts().unstack(fill_value=0)
    return counts.reindex(index=[*names, "(none)"], columns=[*names, "(gone)"], fill_value=0)


def stability_index(old: pd.Series, new: pd.Series, tiers: TierSpec) -> float:
    """Return Σ_k (n_k − o_k) ln(n_k / o_k) over the tiers' shares, half a customer added to each count."""
    shares = []
    for labels in (old, new):
        counts = labels.value_counts().reindex(list(tiers.names), fill_value=0).to_numpy(np.float64) + 0.5
        shares.append(counts / counts.sum())
    before, after = shares
    return float(np.sum((after - before) * np.log(after / before)))


def _by_customer(table: pd.DataFrame, tiers: TierSpec) -> pd.DataFrame:
    absent = [name for name in (CUSTOMER_ID, "tier", *_NEEDED) if name not in table]
    if absent:
        raise DataError(f"a table to compare lacks {', '.join(absent)}: pass two score tables")
    strange = ~table["tier"].isin(tiers.names)
    if strange.any():
        raise DataError(
            f"{counted(int(strange.sum()), 'customer has', 'customers have')} a tier that is none of "
            f"{', '.join(tiers.names)} ({{ids}})",
            ids=table.loc[strange, CUSTOMER_ID],
        )
    return one_row_each(table, title="a score table")


def one_row_each(table: pd.DataFrame, *, title: str) -> pd.DataFrame:
    """Return a table under the texts of its customer ids.

    Raises
    ------
    DataError
        Where a customer stands in it twice.
    """
    twice = table[CUSTOMER_ID][table[CUSTOMER_ID].duplicated()].unique()
    if len(twice):
        raise DataError(
            f"{counted(len(twice), 'customer stands', 'customers stand')} twice in {title} ({{ids}})",
            ids=twice,
        )
    return pd.DataFrame(table).set_index(table[CUSTOMER_ID].astype(str).to_numpy(object))


def _movers(before: pd.DataFrame, after: pd.DataFrame, tiers: TierSpec) -> pd.DataFrame:
    rank = {name: at for at, name in enumerate(tiers.names)}
    up = after["tier"].map(rank).to_numpy(np.int64) > before["tier"].map(rank).to_numpy(np.int64)
    table = pd.DataFrame(
        {
            CUSTOMER_ID: after.index.to_numpy(object),
            "tier_previous": before["tier"].to_numpy(object),
            "tier": after["tier"].to_numpy(object),
            "ltv_before": before["ltv_mean"].to_numpy(np.float64),
            "ltv_now": after["ltv_mean"].to_numpy(np.float64),
            "reason": _reasons(before, after, up),
        }
    )
    return table.reset_index(drop=True)


def _reasons(before: pd.DataFrame, after: pd.DataFrame, up: NDArray[Any]) -> NDArray[Any]:
    """Return the factor of value, purchases x spend a purchase, that moved most in the move's direction."""
    sign = np.where(up, 1.0, -1.0)
    purchases = sign * _log_ratio(before["expected_purchases"], after["expected_purchases"])
    value = sign * _log_ratio(before["ltv_mean"], after["ltv_mean"])
    spend = value - purchases
    by_purchases = (purchases > 0) & ((purchases >= spend) | ~np.isfinite(spend))
    by_spend = ~by_purchases & (spend > 0)
    bought = np.ones(len(after), dtype=bool)
    if FREQUENCY in before and FREQUENCY in after:
        bought = (after[FREQUENCY].to_numpy() > before[FREQUENCY].to_numpy()).astype(bool)
    reasons = np.full(len(after), OTHER, dtype=object)
    reasons[by_purchases & up & bought] = BOUGHT
    reasons[by_purchases & ~up] = BUYS_LESS
    reasons[by_spend & up] = SPENDS_MORE
    reasons[by_spend & ~up] = SPENDS_LESS
    return reasons


def _log_ratio(before: pd.Series, after: pd.Series) -> NDArray[Any]:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: NDArray[Any] = np.log(after.to_numpy(np.float64) / before.to_numpy(np.float64))
    return ratio
