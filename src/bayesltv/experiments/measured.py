"""Effects that a test has measured, from its draws as ``experiments.table.effect_draws`` gives them."""

import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayesltv.errors import SpecError, shown, warn
from bayesltv.experiments.effects import HAZARD_RATIO, Effects, Source
from bayesltv.experiments.table import effect_draws, uplift_table
from bayesltv.names import DRAW
from bayesltv.specs.decision.actions import ActionSpec
from bayesltv.units import horizon_in

PARAMETERS = ("rate", "spend")
"""What a test of some weeks identifies: purchases and spend in its window; all else stays assumed."""
RATIO_OF_MEANS = "ratio of mean amounts"
LONGER = 1.1
"""An action's window may be so much longer than its test's: 2 months are 8.7 weeks."""


def effects_from_draws(drawn: xr.Dataset) -> Effects:
    """Return effects from draws of multipliers by cell.

    Parameters
    ----------
    drawn : Dataset
        ``rate`` and ``spend`` (or one of them), dims (cell, draw); ``attrs`` hold ``cell_columns``, a JSON
        list of score columns, and ``effect_source``.

    Raises
    ------
    SpecError
        Where neither is there, or a draw is impossible.
    """
    known = [name for name in PARAMETERS if name in drawn]
    if not known:
        raise SpecError(f"the test's draws hold neither {' nor '.join(PARAMETERS)}")
    columns = _cell_columns(drawn)
    values = {
        name: np.ascontiguousarray(drawn[name].transpose(DRAW, "cell").values, dtype=np.float64)
        for name in known
    }
    source: Source = "test" if drawn.attrs.get("effect_source", "test") == "test" else "assumed"
    within = f" within {drawn.attrs['window']}" if drawn.attrs.get("window") else ""
    names = {"rate": drawn.attrs.get("rate_is", "rate"), "spend": RATIO_OF_MEANS}
    measured = {name: f"{names[name]}{within}" for name in known}
    if not columns:  # one effect for all
        values = {name: each[:, 0] for name, each in values.items()}
        return Effects(values, dict.fromkeys(known, source), measured=measured)
    cells = tuple(str(cell) for cell in drawn["cell"].values)
    return Effects(values, dict.fromkeys(known, source), cells, columns, measured)


def _cell_columns(drawn: xr.Dataset) -> tuple[str, ...]:
    stated = drawn.attrs.get("cell_columns", "[]")
    try:
        columns = json.loads(stated)
    except (ValueError, TypeError, RecursionError):
        columns = None
    if not isinstance(columns, list) or not all(isinstance(each, str) for each in columns):
        raise SpecError(
            f"cell_columns = {shown(stated)} of the test's draws must be a JSON list of columns: '[\"tier\"]'"
        )
    return tuple(columns)


def effects_of_tests(
    actions: Sequence[ActionSpec], tests: Mapping[str, xr.DataTree], draws: int, *, seed: int
) -> dict[str, xr.Dataset]:
    """Return the draws of each action that names one of the tests.

    Raises
    ------
    SpecError
        Where a test is given that no action names.
    CheckFailed, DataError
        Where a test's fit failed its checks, or has not the arm.
    """
    named = {action.test for action in actions}
    strange = [name for name in tests if name not in named]
    if strange:
        test = shown(strange[0])
        raise SpecError(f"no action takes its effects from the test {test}: name it, test = {test}")
    return {
        action.name: effect_draws(tests[action.test], action.arm or action.name, draws=draws, seed=seed)
        for action in actions
        if action.test is not None and action.test in tests
    }


def compare_with_tests(actions: Sequence[ActionSpec], given: Mapping[str, Effects | xr.Dataset]) -> None:
    """Compare actions with the draws of the tests behind them: how long they work, what the rate is.

    Raises
    ------
    SpecError
        Where an action works for longer than its test watched.
    """
    told = {name: each.attrs for name, each in given.items() if isinstance(each, xr.Dataset)}
    for action in actions:
        if action.name in told:
            _compare_windows(action, told[action.name].get("window", ""))
    small = [name for name, each in told.items() if each.get("rate_is") == HAZARD_RATIO]
    if small:
        warn(
            f"the rate of {', '.join(small)} is a {HAZARD_RATIO}. As a factor on the purchase rate it is too "
            "near to 1: customers of a cell differ in their rates, and some have left. Fit the test with the "
            "customers as they were before it: fit_uplift(..., base=...), bayesltv uplift --fit --summary"
        )


def _compare_windows(action: ActionSpec, watched: str) -> None:
    """Refuse an action that works for longer than its test watched; warn of one that works for less."""
    if not watched:
        return
    seen = horizon_in(watched, "day")
    works = math.inf if action.window is None else horizon_in(action.window, "day")
    if works > LONGER * seen:
        stated = "to the horizon" if action.window is None else f"for {action.window}"
        raise SpecError(
            f"actions.{action.name} works {stated}, but its test watched {watched}: nothing was measured of "
            f'what follows. State window = "{watched}", and effects.rate_after for what you assume of later'
        )
    if works * LONGER < seen:
        warn(
            f"actions.{action.name} works for {action.window}, but its test watched {watched}: the mean "
            "effect of the longer window is taken for the shorter one's"
        )


def uplift_of_tests(tests: Mapping[str, xr.DataTree]) -> pd.DataFrame | None:
    """Return the effects that tests measured by cell and arm, raw and shrunk; None without tests.

    The columns are those of ``uplift_table``, with ``test`` before and ``effect_source`` after them.
    """
    tables = []
    for name, tree in tests.items():
        table = uplift_table(tree).assign(effect_source=tree.attrs["effect_source"])
        table.insert(0, "test", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else None


def all_effects(given: Mapping[str, Effects | xr.Dataset] | None) -> dict[str, Effects]:
    """Return effects by action, those of tests read from their draws."""
    return {
        name: effects_from_draws(each) if isinstance(each, xr.Dataset) else each
        for name, each in (given or {}).items()
    }
