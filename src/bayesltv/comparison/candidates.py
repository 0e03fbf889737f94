"""The specs that ``choose`` tries where none are named, the simplest first."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
import xarray as xr

from bayesltv.checks.timing import regular_timing
from bayesltv.errors import DataError, SpecError
from bayesltv.specs.catalogue import load_spec
from bayesltv.specs.model.model_spec import ModelSpec
from bayesltv.specs.model.settings import PURCHASE_FAMILIES

REGULAR = "mbg_cnbd"
LARGEST = 4
"""Stages of a wait."""


def candidates(shape: float | None) -> dict[str, ModelSpec]:
    """Return BG/NBD, MBG/NBD and, where waits are regular, MBG/CNBD-k at the k nearest their shape."""
    found = {"bg_nbd": load_spec("pooled"), "mbg_nbd": load_spec("mbg_pooled")}
    k = 1 if shape is None else min(max(round(shape), 1), LARGEST)
    if k > 1 and REGULAR in PURCHASE_FAMILIES:
        told = found["mbg_nbd"].to_dict()
        title = f"MBG/CNBD-{k} and Gamma-Gamma, one population"
        regular: dict[str, Any] = {**told, "model": {"title": title}, "purchase": {"family": REGULAR, "k": k}}
        found[f"{REGULAR}_{k}"] = ModelSpec.from_dict(regular, source="the regular candidate")
    return found


def on_a_clock(specs: Mapping[str, ModelSpec], days: int | None = None) -> dict[str, ModelSpec]:
    """Return the first spec that goes by a calendar clock, on that of the shipped `clock.toml`.

    There is none where `days` of calendar are too few for it.
    """
    clock = load_spec("clock").clock
    for name, spec in specs.items():
        try:
            clocked = replace(spec, clock=clock, title=f"{spec.title}, on a shared calendar clock")
            if days is not None:
                clocked.check_calendar(days)
        except (SpecError, DataError):  # of a family that has none
            continue
        return {f"{name}_clock": clocked}
    return {}


def shape_of_waits(summary: pd.DataFrame) -> float | None:
    """Return the shape of a gamma distribution of waits, 1 being exponential; None of too few."""
    plain = xr.DataTree()
    plain.attrs["spec"] = json.dumps(load_spec("pooled").to_dict())  # the check compares with a fit's family
    return regular_timing(plain, summary).value
