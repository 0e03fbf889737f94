"""Stages of customers' lives with their probabilities, and warnings of who slips away."""

import math
from dataclasses import dataclass

import numpy as np

from bayesltv.base.customers import LATENTS, Customers
from bayesltv.base.population import Population
from bayesltv.errors import SpecError, shown, warn
from bayesltv.kernels.block import Streams
from bayesltv.kernels.stages import DROPS_OUT, NO_PURCHASE, VALUE_AT_RISK, Found, draw_stages
from bayesltv.names import FREQUENCY
from bayesltv.numerics.arrays import Columns, Integers
from bayesltv.prediction.packed import clock_of, laws_of, people_of
from bayesltv.prediction.terms import Terms
from bayesltv.specs.decision.stages import STAGES, StageSpec

Limits = tuple[float, float, float, float]
NEW, LAPSED, AT_RISK = (STAGES.index(name) for name in ("new", "lapsed", "at_risk"))


@dataclass(frozen=True)
class StageBlock:
    """Stages of a block of customers.

    Attributes
    ----------
    columns : dict of str to ndarray, shape (customer,)
        ``stage`` (the most probable one, or at risk where that is in doubt: see ``StageSpec``),
        ``p_stage_<name>`` (they sum to 1), ``p_drops_out`` (is alive and drops out within `warning_within`),
        ``p_no_purchase`` (within it), and ``value_at_risk`` in money where there is a spend model.
    counts : ndarray of int64, shape (stage, draw)
        Customers in each stage, draw by draw: add blocks up, then take quantiles.
    """

    columns: Columns
    counts: Integers


def stage_limits(stages: StageSpec, terms: Terms, time_unit: str) -> Limits:
    """Return the limits of stages as the kernel takes them, in `time_unit`.

    Raises
    ------
    SpecError
        Where the warnings look further ahead than the horizon of value.
    """
    new_within, ahead = stages.limits_in(time_unit)
    if ahead > terms.horizon:
        raise SpecError(
            f"stages.warning_within = {shown(stages.warning_within)} lies beyond the horizon of value "
            f"({terms.horizon:g} {time_unit}s): what is lost after it is not counted; shorten it"
        )
    return new_within, -math.log1p(-stages.overdue_quantile), ahead, stages.dropout_limit


def stage_block(
    population: Population,
    customers: Customers,
    terms: Terms,
    limits: Limits,
    *,
    at_risk_from: float = 0.5,
    seed: int,
) -> StageBlock:
    """Return the stages of a block, from the same draws of the latents as ``predict`` and ``score``.

    Each draw of a customer is in exactly one stage, by precedence: new (bought once, lately), lapsed (not
    alive), at risk (silent longer than the overdue quantile −ln(1 − q)/λ of the own gaps, or dropout within h
    likelier than the limit), active.

    Parameters
    ----------
    population : Population
    customers : Customers
        A block: what is returned depends on each row alone.
    terms : Terms
        Horizon, discount and margin.
    limits : tuple of float
        From `stage_limits`.
    at_risk_from : float
        As in ``StageSpec``.
    seed : int

    Returns
    -------
    StageBlock
    """
    shares = np.empty((len(STAGES), len(customers)))
    warned = np.empty((3, len(customers)))
    counts = np.empty((len(STAGES), population.draws.size), np.int64)
    keys = customers.keys(seed, LATENTS)
    draw_stages(
        Streams(keys, keys, keys, population.draws),
        people_of(population, customers, terms.horizon),
        laws_of(population),
        clock_of(population),
        terms.as_tuple(),
        limits,
        Found(shares, warned, counts),
    )
    stage = np.argmax(shares, axis=0)
    lost = shares[LAPSED] + warned[DROPS_OUT]
    is_unsure = (lost > at_risk_from) & (lost < 1 - at_risk_from) & (stage != NEW)
    stage = np.where(is_unsure, AT_RISK, stage)
    columns: Columns = {"stage": np.asarray(STAGES, dtype=object)[stage]}
    columns |= {f"p_stage_{name}": shares[at] for at, name in enumerate(STAGES)}
    columns |= {"p_drops_out": warned[DROPS_OUT], "p_no_purchase": warned[NO_PURCHASE]}
    if population.has_spend:
        columns["value_at_risk"] = warned[VALUE_AT_RISK]
    return StageBlock(columns, counts)


def warn_of_immortals(population: Population, customers: Customers, new_within: float = 0.0) -> None:
    """Warn where one-time buyers cannot lapse: without a first coin P(alive) = 1 for however long.

    Parameters
    ----------
    population : Population
    customers : Customers
        All of them; call once, before walking blocks.
    new_within : float
        How long a customer is new, in the time unit.
    """
    frequency, coins, observed = customers.histories[0], customers.histories[1], customers.histories[3]
    immortal = int(((coins == 0) & (observed > new_within)).sum())
    if immortal and population.family.has_coins:
        warn(
            f"{immortal:,} of {len(customers):,} customers bought once and are no longer new "
            f"({FREQUENCY} 0, {int((frequency == 0).sum()):,} in all): {population.family.title} gives them "
            'P(alive) = 1, so they are never "lapsed" and never won back. Fit MBG/NBD (mbg_pooled, '
            "mbg_by_group) for stages and win-back"
        )
