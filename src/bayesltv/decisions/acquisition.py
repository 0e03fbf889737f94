"""What a new customer is worth by group, against what it costs to find one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.base.customers import Customers
from bayesltv.base.population import Population
from bayesltv.errors import DataError, warn
from bayesltv.kernels.payback import payback_times
from bayesltv.names import DRAW, GROUP
from bayesltv.numerics.arrays import Codes, Floats, Integers
from bayesltv.numerics.levels import ENDS, quantiles_of
from bayesltv.prediction.expected import expect
from bayesltv.prediction.packed import clock_of, laws_of, people_of
from bayesltv.prediction.terms import Terms
from bayesltv.specs.decision.acquisition import AcquisitionSpec

STAND_INS = 100
"""With covariates so many of a group's customers at most lend theirs to its new customers."""
TOGETHER = "the group's new customers together"
"""Whom ratios and pay-back are of."""


@dataclass(frozen=True)
class Acquisition:
    """New customers by group.

    Attributes
    ----------
    table : DataFrame
        One row per group: group; ``ltv_new`` with ``_p05`` and ``_p95``; ``cac``; ``ratio``, E[LTV]/CAC, with
        ``_p05`` and ``_p95``; ``p_ratio_above_target``; ``payback`` (median, time unit of the fit; infinite
        where it does not pay back within the horizon) with ``_p05`` and ``_p95``, and
        ``p_pays_back``; ``holds_for``: the group's new customers together, not each of them;
        ``max_cac``, the highest CAC at which a new customer is worth it, and ``max_cac_at_target``;
        ``next_unit``, value of one more unit of money in acquisition, net of that unit.
    ltv_new : DataArray
        Dims (group, draw): the expected LTV of a new customer given each draw of the hyperparameters, money.
    """

    table: pd.DataFrame
    ltv_new: xr.DataArray


def acquisition(
    population: Population,
    terms: Terms,
    spec: AcquisitionSpec,
    *,
    today: float | None = None,
    customers: Codes | None = None,
) -> Acquisition:
    """Return what new customers of each group are worth, against their cost.

    LTV_new = margin ζ (δ + n(H)) − service cost, given hyperparameters: the first purchase counts, at once
    and undiscounted, and the rest is the future of the history (0, 0, 0); under MBG/NBD a new customer may
    already be gone after the first purchase. ζ = p v/(q − 1), the mean amount, and δ the level of first
    orders against later ones, 1 where the fit does not tell. The interval is that of the expectation (what
    a channel is worth on average), not of one customer: cost and value of a group's new customers are added
    up before they are compared.

    With covariates a group's new customers are a mixture: they have the covariates of the group's customers
    in the base, in the same shares, and what they earn is averaged over these. (A customer at the mean of the
    covariates would earn less than the mean of customers, since effects multiply.) Of a group with more than
    a hundred different rows a hundred customers, evenly spread over the sorted covariates, stand for all.

    Parameters
    ----------
    population : Population
    terms : Terms
        Horizon, discount, margin and service cost.
    spec : AcquisitionSpec
    today : float, optional
        Day on which they are new, since 1970-01-01: under a clock it matters; default the fit's last day.
    customers : ndarray of int32, shape (customer,), optional
        Rows of the population in which customers stand who lend new ones their covariates.

    Returns
    -------
    Acquisition
        Money and ratios are missing where q <= 1 in some draw: mean spend is infinite then.

    Raises
    ------
    DataError
        Where there is no spend model.
    SpecError
        Where a cost is for a group that was not fitted.
    """
    if not population.has_spend:
        raise DataError(
            "the fit has no spend model: a new customer's value needs one. Fit a summary with amounts"
        )
    labels = tuple(label or "all" for label in population.labels)
    spec.require_known(labels)
    mixture = mixture_of(population, customers)
    newcomers = _newcomers(population, mixture.rows, today)
    found = expect(population, newcomers, horizon=terms.horizon, discount=terms.discount)
    discounted, alive = found.forms.discounted[found.cell], found.forms.time_alive[found.cell]
    spend = mean_spend(population)[mixture.rows]
    first = population.spend_family.formula("level_of_first")(*population.spend[:, mixture.rows])
    worth = mixture.mean(terms.margin * spend * (first + discounted) - terms.service_cost * alive)
    costs = np.array([np.nan if (cac := spec.cac_of(label)) is None else cac for label in labels])
    times = np.empty((len(labels), population.draws.size))
    people = people_of(population, newcomers, terms.horizon)
    payback_times(
        people, laws_of(population).purchase, clock_of(population),
        (terms.margin * spend, np.ascontiguousarray(first)), (mixture.share, mixture.ends),
        costs, terms.as_tuple(), times,
    )  # fmt: skip
    columns: dict[str, object] = {"group": list(labels)}
    columns |= _interval("ltv_new", worth) | {"cac": costs}
    ratio = worth / costs[:, None]
    columns |= _interval("ratio", ratio)
    columns["p_ratio_above_target"] = _share(ratio, spec.target_ratio)
    middle, low, high = (np.quantile(times, q, axis=1, method="lower") for q in (0.5, 0.05, 0.95))
    columns |= {"payback": middle, "payback_p05": low, "payback_p95": high}
    columns["p_pays_back"] = np.where(
        np.isnan(times).any(axis=1), np.nan, (times <= terms.horizon).mean(axis=1)
    )
    mean = worth.mean(axis=1)
    columns |= {"max_cac": mean, "max_cac_at_target": mean / spec.target_ratio}
    columns["next_unit"] = mean / (costs * spec.next_costs) - 1.0
    columns["holds_for"] = TOGETHER
    array = xr.DataArray(worth, dims=(GROUP, DRAW), coords={GROUP: list(labels)}, name="ltv_new")
    return Acquisition(pd.DataFrame(columns), array)


@dataclass(frozen=True)
class Mixture:
    """Whose parameters the new customers of each group have.

    Attributes
    ----------
    rows : ndarray of int32, shape (row,)
        Rows of the population, group after group.
    share : ndarray of float64, shape (row,)
        Share of its group's new customers.
    ends : ndarray of int64, shape (group,)
        Where each group's rows end; a group of whose customers nothing is known has none.
    """

    rows: Codes
    share: Floats
    ends: Integers

    def mean(self, values: Floats) -> Floats:
        """Return the mean over each group's new customers, shape (group, draw), of values by row and draw."""
        parts = zip(np.split(self.share, self.ends[:-1]), np.split(values, self.ends[:-1]), strict=True)
        return np.stack(
            [share @ each if share.size else np.full(values.shape[1], np.nan) for share, each in parts]
        )


def mixture_of(population: Population, customers: Codes | None) -> Mixture:
    """Return whose parameters new customers have: their group's, with covariates those of its customers."""
    groups = len(population.labels)
    if population.group_of_row is None:
        return Mixture(np.arange(groups, dtype=np.int32), np.ones(groups), np.arange(1, groups + 1))
    rows = np.zeros(0, np.int32) if customers is None else customers
    group = population.groups(rows)
    found = [_stand_ins(np.sort(rows[group == at])) for at in range(groups)]
    _warn_of_nobody([population.labels[at] or "all" for at in range(groups) if not found[at][0].size])
    ends = np.cumsum([each.size for each, _ in found])
    chosen, share = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Mixture(chosen, share, ends)


def _stand_ins(rows: Codes) -> tuple[Codes, Floats]:
    """Return different rows of a group's customers and their shares, of many an even selection."""
    distinct, count = np.unique(rows, return_counts=True)
    if distinct.size > STAND_INS:
        even = (np.arange(STAND_INS) * 2 + 1) * rows.size // (2 * STAND_INS)
        distinct, count = np.unique(rows[even], return_counts=True)
    return distinct, count / max(1, count.sum())


def _warn_of_nobody(groups: Sequence[str]) -> None:
    if groups:
        warn(
            f"the summary has no customers of {len(groups):,} groups ({', '.join(groups[:5])}), whose "
            "covariates new ones could have: what these are worth is left missing"
        )


def mean_spend(population: Population) -> Floats:
    """Return what new customers spend an order after the first, shape (group, draw); NaN where infinite."""
    mean = population.spend_family.formula("expected_spend")(0.0, 0.0, *population.spend)
    finite = np.isfinite(mean).all(axis=1, keepdims=True)
    return np.where(finite, mean, np.nan)


def infinite_groups(population: Population) -> list[str]:
    """Return the groups in which mean spend is infinite in some draw, so that their money is missing."""
    spend = mean_spend(population)
    rows = np.flatnonzero(np.isnan(spend).any(axis=1)).astype(np.int32)
    return [population.labels[at] or "all" for at in np.unique(population.groups(rows))]


def warn_of_infinite_spend(population: Population) -> None:
    """Warn where mean spend of new customers is infinite, so that what they are worth is left missing."""
    groups = infinite_groups(population)
    if groups:
        warn(
            f"mean spend is infinite in {len(groups):,} of {len(population.labels):,} groups "
            f"({', '.join(groups[:5])}; q <= 1 in some draws): what a new customer there "
            "is worth is left missing"
        )


def next_unit_of_money(found: Acquisition, shadow_price: float | None) -> pd.DataFrame:
    """Return what one more unit of money brings, net of itself, in retention and in each group's acquisition.

    Parameters
    ----------
    found : Acquisition
    shadow_price : float, optional
        Of the retention budget: net value gained per unit of budget added, the cost already taken off; None
        where there are no actions.

    Returns
    -------
    DataFrame
        ``use`` ("retention", "acquisition: <group>") and ``next_unit``, best first; groups without a cost or
        with infinite mean spend last. The prices are marginal: they hold for small shifts of money.
    """
    uses = [f"acquisition: {group}" for group in found.table["group"]]
    table = pd.DataFrame({"use": uses, "next_unit": found.table["next_unit"]})
    if shadow_price is not None:
        table = pd.concat([pd.DataFrame({"use": ["retention"], "next_unit": [shadow_price]}), table])
    return table.sort_values("next_unit", ascending=False, na_position="last", ignore_index=True)


def _newcomers(population: Population, rows: Codes, today: float | None) -> Customers:
    """Return one new customer in each row: the history (0, 0, 0)."""
    histories = np.zeros((7, rows.size))
    histories[1] = population.family.coins(0)
    days = population.clock.days_of_newcomers(rows.size, today)
    return Customers(rows.astype(str).astype(object), histories, rows, days)


def _interval(name: str, values: Floats) -> dict[str, Floats]:
    return {name: values.mean(axis=1), **quantiles_of(values, f"{name}_", levels=ENDS)}


def _share(values: Floats, limit: float) -> Floats:
    return np.where(np.isnan(values).any(axis=1), np.nan, (values > limit).mean(axis=1))
