"""``build_model``: summary and spec to a ``pm.Model``; purchase and spend in one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from bayesltv.data.summary.cells import Cells, has_first_amounts, make_cells
from bayesltv.data.summary.days import median_wait
from bayesltv.data.summary.design import design_of
from bayesltv.data.summary.validate import resolve_time_unit, validate_summary
from bayesltv.errors import DataError, warn
from bayesltv.families.family import Family
from bayesltv.model.clock import ClockStates, clock_variable, clocks_of_rows, repeat_counts, see, states_seen
from bayesltv.model.clock_prior import clock_coords
from bayesltv.model.coefficients import covariate_coords
from bayesltv.model.covariates import of_rows
from bayesltv.model.likelihood import (
    Arrays,
    ClockedPurchaseLikelihood,
    PurchaseLikelihood,
    SpendLikelihood,
    clocked_purchase_data,
    purchase_data,
    spend_data,
    stacked,
)
from bayesltv.model.pooling import scale_variable
from bayesltv.model.prior_draws import group_coords
from bayesltv.names import FINGERPRINT, GROUP, GROUPS, MONETARY_VALUE, PURCHASE_RATE
from bayesltv.specs.catalogue import SpecLike, spec_of
from bayesltv.specs.model.clock import ClockSpec
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.specs.model.timeline import Timeline, make_timeline
from bayesltv.units import DAYS_PER

SHORT_WAIT = 10.0
"""Days of the median wait below which whole days alone make a log look regular."""
LONELY = 0.8
"""Share of cells in customers from which covariates are said to be too fine."""


@dataclass(frozen=True)
class Problem:
    """What a fit works on: cells, and the spec resolved in their units and groups."""

    cells: Cells
    spec: ModelSpec
    timeline: Timeline | None = None
    """Of the clock, where the spec has one."""
    fingerprint: str = ""
    """Of the validated summary, as scoring recomputes it."""

    @cached_property
    def clocked(self) -> Arrays:
        """What the likelihood takes where there is a clock."""
        cells, spec, timeline = self.cells, self.spec, self.timeline
        assert timeline is not None
        clocks = clocks_of_rows(timeline.clock, cells)
        return clocked_purchase_data(
            cells.purchase,
            spec.purchase.card,
            timeline,
            clocks,
            repeat_counts(cells, timeline, clocks),
            DAYS_PER[str(spec.time_unit)],
        )

    @cached_property
    def states(self) -> ClockStates | None:
        """The states of a clock that has processes."""
        timeline = self.timeline
        if timeline is None or not timeline.clock.process:
            return None
        return states_seen(timeline.clock, timeline, see(self.spec.purchase.card, self.clocked, timeline))


def build_model(summary: pd.DataFrame, spec: SpecLike, *, time_unit: str | None = None) -> pm.Model:
    """Return the hierarchical model of purchases, and of spend if there is any, to inspect or sample.

    Parameters
    ----------
    summary : DataFrame
        Customer summary, one row per customer.
    spec : ModelSpec, str or Path
        A spec, a file, or the name of a shipped one: "pooled".
    time_unit : str, optional
        Unit of recency and T, for a summary that has lost its attributes.

    Returns
    -------
    pymc.Model
        Free variables are the scales (and the pooling sds and offsets); r, alpha (a rate), a, b and p, q, v
        (a rate), delta are deterministic, with the dim ``group`` where the spec has groups. The likelihoods
        are the potentials ``purchases`` and ``spend``.

    Raises
    ------
    DataError
        Where the summary is not one, before anything is built.
    """
    problem = make_problem(summary, spec_of(spec), time_unit=time_unit)
    return model_of(problem)


def make_problem(summary: pd.DataFrame, spec: ModelSpec, *, time_unit: str | None = None) -> Problem:
    """Return the validated summary's cells and the spec in its units; see `build_model`."""
    unit = resolve_time_unit(summary, time_unit)
    columns = tuple(summary.attrs.get(GROUPS, ())) if spec.is_open else tuple(spec.groups)
    checked = validate_summary(summary, time_unit=unit, groups=columns)
    spec = _of_what_there_is(spec, checked)
    codings = [each.coding(column).learned(checked) for column, each in spec.covariates.items()]
    design = design_of(checked, codings)
    cells = make_cells(
        checked,
        columns,
        with_spend=spec.spend is not None,
        with_first=spec.spend is not None and spec.spend.first_amounts,
        with_days=spec.has_clock,
        design=design,
    )
    if codings:
        spec = replace(
            spec, covariates={each.column: spec.covariates[each.column].with_coding(each) for each in codings}
        )
        _warn_of_lonely_cells(cells)
    if spec.purchase.card.is_regular:
        _warn_of_short_waits(checked, spec.purchase.card)
    if spec.is_open and not columns:
        raise DataError(
            'the spec pools over "all" group columns but the summary names none: pass groups= to summarize, '
            "or use a pooled spec"
        )
    named = spec.with_groups(columns).with_groups(cells.groups.columns)
    if spec.spend is not None and cells.spend is None:
        if MONETARY_VALUE in checked:  # without the column nobody has asked for money
            warn("no customer has positive repeat spend: the spend part is left out of the model")
        named = named.without_spend()
    spend_unit = None if cells.spend is None else cells.spend.unit
    resolved = named.resolved(time_unit=unit, spend_unit=spend_unit)
    timeline = _timeline(resolved.clock, cells) if resolved.clock else None
    return Problem(cells, resolved, timeline, checked.attrs[FINGERPRINT])


def _of_what_there_is(spec: ModelSpec, checked: pd.DataFrame) -> ModelSpec:
    """Return the spec without first amounts where the summary tells none, and say so."""
    if spec.spend is None or not spec.spend.first_amounts or has_first_amounts(checked):
        return spec
    if MONETARY_VALUE in checked and checked[MONETARY_VALUE].notna().any():
        warn(
            "the summary has no first amounts: spend is learned from repeat amounts alone, and all one-time "
            "buyers get the same. Make it by summarize(log), or set first_amounts = false in [spend]"
        )
    return spec.without_first_amounts()


def _timeline(clock: ClockSpec, cells: Cells) -> Timeline:
    days = cells.purchase.days
    assert days is not None
    start, end = int(days.first.min()), int(days.end.max())
    clock.check_calendar(end - start)
    if clock.events is not None:
        clock.events.require(start + 1, end, "the summary")
    return make_timeline(clock, start=start, end=end)


def _warn_of_short_waits(summary: pd.DataFrame, family: Family) -> None:
    """Warn where waits are so short that the width of a day looks like regular buying."""
    wait = median_wait(summary)
    if wait is not None and wait < SHORT_WAIT:
        warn(
            f"half of all repeat purchases come within {wait:g} days: a log that is kept by the day then "
            f"looks regular though it may not be, and the likelihood prefers {family.title} wrongly. Compare "
            "with k = 1 by a hold-out (ltv.evaluate or ltv.backtest), not by likelihood or LOO"
        )


def _warn_of_lonely_cells(cells: Cells) -> None:
    """Warn where covariates leave hardly any customers alike: each fit then costs as many cells."""
    count, customers = cells.purchase.count.size, int(cells.purchase.count.sum())
    if count > LONELY * customers and customers > 1000:
        warn(
            f"{count:,} cells for {customers:,} customers ({count / customers:.0%}): covariates leave hardly "
            "any two alike, so that the fit costs as much as with single customers; round them (round_to)"
        )


def model_of(problem: Problem) -> pm.Model:
    """Return the model of a problem."""
    cells, spec = problem.cells, problem.spec
    groups = cells.groups
    coords = group_coords(groups) | covariate_coords(spec)
    if problem.timeline is not None:
        coords |= clock_coords(problem.timeline.clock, problem.timeline)
    with pm.Model(coords=coords or None) as model:
        family = spec.purchase.card
        purchase = _parameters(family, spec, cells)
        pm.Potential("purchases", _purchase_likelihood(problem, stacked(purchase, family.parameters)))
        if cells.spend is not None and spec.spend is not None:
            family = spec.spend.card
            spend = _parameters(family, spec, cells)
            data = _shared("spend", spend_data(cells.spend, cells.rows.group.size))
            pm.Potential("spend", SpendLikelihood()(stacked(spend, family.parameters), *data)[0])
    return model


def _purchase_likelihood(problem: Problem, parameters: Any) -> Any:  # noqa: ANN401
    cells, spec, timeline = problem.cells, problem.spec, problem.timeline
    family = spec.purchase.card
    if timeline is None:
        data = _shared("purchase", purchase_data(cells.purchase, family))
        return PurchaseLikelihood(family)(parameters, *data)[0]
    rate = pm.modelcontext(None)[PURCHASE_RATE]
    s = clock_variable(timeline.clock, cells, timeline, rate, problem.states)
    packed = pt.concatenate([parameters.ravel(), s.ravel()])[None]
    return ClockedPurchaseLikelihood(family)(packed, *_shared("purchase", problem.clocked))[0]


def _parameters(family: Family, spec: ModelSpec, cells: Cells) -> dict[str, Any]:
    """Add the natural parameters of each group, and return those of each row: of its group and covariates."""
    values = {scale: scale_variable(scale, spec, cells) for scale in family.scale_names}
    dims = GROUP if cells.groups.columns else None
    of_groups = family.natural(values)
    named = {name: pm.Deterministic(name, of_groups[name], dims=dims) for name in family.parameters}
    if not spec.covariates:
        return named
    return family.natural({scale: of_rows(scale, value, spec, cells) for scale, value in values.items()})


def _shared(prefix: str, arrays: Mapping[str, Any]) -> list[Any]:
    from pytensor import shared

    return [shared(value, name=f"{prefix}_{name}") for name, value in arrays.items()]
