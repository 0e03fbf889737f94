"""Groups that a summary has and the fit has not seen."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bayesltv.base.clock import make_clock
from bayesltv.base.covariates import with_covariates
from bayesltv.base.meeting import UnknownGroups
from bayesltv.base.population import Hyperparameters, Population, Posterior
from bayesltv.data.summary.groups import check_group_columns, codes_of
from bayesltv.errors import DataError, shown
from bayesltv.families.registry import shifted
from bayesltv.names import CUSTOMER_ID, GROUP_SEPARATOR, effect_name, sd_name
from bayesltv.numerics.arrays import Codes, Flags, Floats
from bayesltv.streams import generator


def place(
    posterior: Posterior,
    fitted: Hyperparameters,
    summary: pd.DataFrame,
    *,
    unknown_groups: UnknownGroups,
    seed: int,
) -> tuple[Population, Codes]:
    """Return the fitted groups with the summary's new ones and its covariates, and each customer's row.

    A new combination of known levels is the sum of their effects. An unknown level is refused, or with
    ``unknown_groups="population"`` gets one new effect per draw, N(0, sd² (1 + 1/levels)), keyed by (seed,
    column, level) and shared by its customers: never the average group.

    Raises
    ------
    DataError
        Where a group column is missing, or a level is unknown and not allowed to be; where a covariate is
        missing, has a level that was not fitted, or too many different values.
    """
    if unknown_groups not in ("error", "population"):
        raise DataError(f'unknown_groups={shown(unknown_groups)} must be "error" or "population"')
    columns = posterior.columns
    check_group_columns(summary, columns)
    codes = codes_of(summary, columns, posterior.combinations)
    strangers = codes < 0
    population, combinations = fitted.as_population(), posterior.combinations
    if strangers.any():
        if unknown_groups == "error":
            _refuse_unknown_levels(posterior, summary, strangers)
        rows = summary.loc[strangers, list(columns)].astype(str)
        added = tuple(sorted(set(map(tuple, rows.to_numpy().tolist()))))
        population, combinations = _extended(posterior, population, added, seed), combinations + added
        codes = codes_of(summary, columns, combinations)
    clocked = _with_clock(posterior, population, combinations, seed)
    return with_covariates(posterior, clocked, summary, codes)


def _extended(
    posterior: Posterior, population: Population, added: tuple[tuple[str, ...], ...], seed: int
) -> Population:
    """Return the population with groups of new combinations of levels after its own."""
    purchase, spend = _parameters_of(posterior, added, seed)
    kept = population.draws.astype(np.int64)
    if population.has_spend:
        spend = np.concatenate([population.spend, spend[:, :, kept]], axis=1)
    else:
        spend = population.spend
    return replace(
        population,
        purchase=np.concatenate([population.purchase, purchase[:, :, kept]], axis=1),
        spend=spend,
        labels=population.labels + tuple(GROUP_SEPARATOR.join(levels) for levels in added),
    )


def _with_clock(
    posterior: Posterior, population: Population, combinations: Sequence[tuple[str, ...]], seed: int
) -> Population:
    """Return the population with the clock by which its groups go, where the fit has one."""
    spec = posterior.spec.clock
    if spec is None or posterior.calendar is None:
        return population
    at = None if spec.by is None else posterior.columns.index(spec.by)
    clock = make_clock(
        posterior.dataset,
        spec,
        calendar=posterior.calendar,
        levels=[None if at is None else levels[at] for levels in combinations],
        time_unit=posterior.time_unit,
        seed=seed,
    )
    return replace(population, clock=clock.taken(population.draws.astype(np.int64)))


def _refuse_unknown_levels(posterior: Posterior, summary: pd.DataFrame, strangers: Flags) -> None:
    for at, column in enumerate(posterior.columns):
        known = {levels[at] for levels in posterior.combinations}
        values = summary[column].astype(str)
        unknown = strangers & ~values.isin(known).to_numpy()
        if unknown.any():
            new = sorted(set(values[unknown]))
            named = ", ".join(map(repr, new[:5])) + (", ..." if len(new) > 5 else "")
            raise DataError(
                f"{column} {named} not in the fit for {int(unknown.sum()):,} of {len(summary):,} customers "
                '({ids}): refit with them, or pass unknown_groups="population" to draw their effect from the '
                "population of levels",
                ids=summary.loc[unknown, CUSTOMER_ID],
            )


def _parameters_of(
    posterior: Posterior, combinations: Sequence[tuple[str, ...]], seed: int
) -> tuple[Floats, Floats]:
    """Return natural parameters of new combinations, shapes (4 or 3, combination, chain × draw)."""
    scales = {
        scale: np.stack([_scale_of(posterior, scale, levels, seed) for levels in combinations])
        for scale in posterior.spec.scales
    }
    stacked = posterior.purchase_family.stacked(scales)
    if posterior.spec.spend is None:
        return stacked, posterior.spend
    return stacked, posterior.spend_family.stacked(scales)


def _scale_of(posterior: Posterior, scale: str, levels: tuple[str, ...], seed: int) -> Floats:
    total = np.zeros(posterior.purchase.shape[2])
    for column in posterior.spec.pooled_columns(scale):
        level = levels[posterior.columns.index(column)]
        total = total + _effect_of(posterior, scale, column, level, seed)
    value: Floats = shifted(scale, posterior.stacked(scale)[0], np.exp(total))
    return value


def _effect_of(posterior: Posterior, scale: str, column: str, level: str, seed: int) -> Floats:
    known = [str(each) for each in posterior.dataset[column].values]
    if level in known:
        effect: Floats = posterior.stacked(effect_name(scale, column))[known.index(level)]
        return effect
    sd: Floats = posterior.stacked(sd_name(scale, column))[0]
    draws = generator(seed, "unknown level", scale, column, level).standard_normal(sd.size)
    drawn: Floats = sd * np.sqrt(1 + 1 / len(known)) * draws
    return drawn
