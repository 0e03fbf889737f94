"""Effects that a test has measured, from its draws as ``decisions.uplift.effect_draws`` gives them."""

import json
from collections.abc import Mapping

import numpy as np
import xarray as xr

from bayesltv.decisions.effects import Effects, Source
from bayesltv.errors import SpecError
from bayesltv.names import DRAW

PARAMETERS = ("rate", "spend")
"""What a test of some weeks identifies: purchases and spend in its window; all else stays assumed."""


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
    columns = tuple(json.loads(drawn.attrs.get("cell_columns", "[]")))
    values = {
        name: np.ascontiguousarray(drawn[name].transpose(DRAW, "cell").values, dtype=np.float64)
        for name in known
    }
    source: Source = "test" if drawn.attrs.get("effect_source", "test") == "test" else "assumed"
    if not columns:  # one effect for all
        return Effects({name: each[:, 0] for name, each in values.items()}, dict.fromkeys(known, source))
    cells = tuple(str(cell) for cell in drawn["cell"].values)
    return Effects(values, dict.fromkeys(known, source), cells, columns)


def all_effects(given: Mapping[str, Effects | xr.Dataset] | None) -> dict[str, Effects]:
    """Return effects by action, those of tests read from their draws."""
    return {
        name: effects_from_draws(each) if isinstance(each, xr.Dataset) else each
        for name, each in (given or {}).items()
    }
