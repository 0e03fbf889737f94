"""Pose: a table of a randomised test becomes counts, once its arms look assigned as they are said to be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pandas as pd

from bayesltv import units
from bayesltv.data.experiment import Experiment, make_experiment
from bayesltv.data.log.reading import Assignment, ExperimentReading
from bayesltv.dates import as_day
from bayesltv.errors import DataError
from bayesltv.experiments.balance import balance, sample_ratio
from bayesltv.experiments.likelihoods import effect_sizes

P_MIN = 0.001
"""Below this p a test of balance or of the sample ratio speaks against randomisation."""
BALANCE, RATIO = "balance", "sample_ratio"


@dataclass(frozen=True)
class PosedUplift:
    """A test that is to be fitted.

    Attributes
    ----------
    counts : Experiment
    randomised : bool
        Whether differences are effects, as was said.
    assigned_on : date, optional
    window : str, optional
        How long outcomes were watched.
    effect_sd : mapping of str to float
        Prior sd of an arm's mean log multiplier, of rate and spend.
    told : dict
        What a fit says of its test, in JSON's types.
    """

    counts: Experiment
    randomised: bool
    assigned_on: date | None
    window: str | None
    effect_sd: Mapping[str, float]
    told: dict[str, Any]


def pose_uplift(experiment: pd.DataFrame, reading: ExperimentReading, assignment: Assignment) -> PosedUplift:
    """Return a test to be fitted, once its arms look assigned as they are said to be.

    Raises
    ------
    DataError, SpecError
        As ``pipeline.fit_uplift``.
    """
    _require_declared(assignment.randomised)
    effect_sd = effect_sizes(reading.effect_sd)
    assigned, randomised = as_day(reading.assigned_on, "assigned_on"), bool(assignment.randomised)
    if reading.window is not None:
        units.horizon_in(reading.window, "day")
    counts, rows = make_experiment(experiment, replace(reading, assigned_on=assigned))
    looks = _looks_randomised(
        counts, rows, assignment.shares, refuse=randomised, accepted=assignment.accept_failed
    )
    told = {
        "outcome": reading.outcome,
        "cells": list(counts.groups.columns),
        "arms": list(counts.arms),
        "assigned_on": None if assigned is None else assigned.isoformat(),
        "window": reading.window,
        "purchases": reading.purchases,
        "randomised": randomised,
        "effect_sd": effect_sd,
        **looks,
    }
    return PosedUplift(counts, randomised, assigned, reading.window, effect_sd, told)


def _require_declared(randomised: bool | None) -> None:
    if randomised is None:
        raise DataError(
            "were the arms assigned at random? Nothing in the data can say: pass randomised=True if they "
            "were, or randomised=False to take differences that may have other causes for effects (they stay "
            'labelled "not randomised")'
        )


def _looks_randomised(
    experiment: Experiment,
    told: pd.DataFrame,
    shares: Mapping[Any, float] | None,
    *,
    refuse: bool,
    accepted: Sequence[str],
) -> dict[str, Any]:
    """Return the tests of balance and sample ratio, refusing an experiment that failed one."""
    unknown = [name for name in accepted if name not in (BALANCE, RATIO)]
    if unknown:
        raise DataError(f"accept_failed names {unknown[0]!r}, but what can be accepted is {BALANCE}, {RATIO}")
    planned, chi2, p = sample_ratio(experiment, shares)
    table = balance(told, experiment.arms, experiment.groups.columns)
    if refuse and p < P_MIN and RATIO not in accepted:
        counts = experiment.customers.sum(axis=0).astype(int)
        seen = ", ".join(f"{arm} {n:,}" for arm, n in zip(experiment.arms, counts, strict=True))
        plan = ", ".join(f"{arm} {share:.4g}" for arm, share in planned.items())
        raise DataError(
            f"sample ratio mismatch: {seen}, where shares of {plan} were planned (chi-square {chi2:.1f}, p "
            f"{p:.1e}): customers were lost or assigned otherwise. Pass the true plan as shares=, find the "
            f'loss, or accept it by name: accept_failed=["{RATIO}"]'
        )
    if refuse and len(table) and BALANCE not in accepted:
        _refuse_unlike(*table.nsmallest(1, "p").iloc[0], allowed=P_MIN / len(table))
    return {
        "shares": planned,
        RATIO: {"chi2": chi2, "p": p},
        BALANCE: table.to_dict("records"),
        "accepted_failed": list(accepted),
    }


def _refuse_unlike(column: str, chi2: float, _: int, p: float, *, allowed: float) -> None:
    """Refuse arms that differ in a column by more than chance does."""
    if p < allowed:
        raise DataError(
            f"the arms differ in {column!r} (chi-square {chi2:.1f}, p {p:.1e}): the assignment was "
            "not random, or the cells were measured after it. Use cells known before, or accept it by name: "
            f'accept_failed=["{BALANCE}"]'
        )
