"""Scores, plans and evaluations of stored fits are those that were recorded, column by column."""

import json

import numpy as np
import pytest

from bayesltv.machine import processor, versions
from golden_values import CASES, GOLDEN

SAME_MACHINE = json.loads((GOLDEN / "made_by.json").read_text())
MOVES = ("bayesltv",)
"""A version of the package itself says nothing about its numbers."""


def is_same_machine() -> bool:
    here = {name: value for name, value in versions().items() if name not in MOVES}
    return {"processor": processor(), "versions": here} == SAME_MACHINE


SLOW = ("decide_grouped", "decide_clock", "score_clock")
"""Cases that compile what others do not; without a clock and groups the same questions are asked."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in CASES]
)
def test_values_are_those_recorded(name):
    found = CASES[name]()
    with np.load(GOLDEN / f"{name}.npz") as recorded:
        assert set(recorded.files) <= set(found), "columns are gone"
        for column in recorded.files:
            was, now = recorded[column], found[column]
            if was.dtype.kind != "f" or is_same_machine():
                np.testing.assert_array_equal(now, was, err_msg=column)
            else:
                np.testing.assert_allclose(now, was, rtol=1e-9, atol=1e-9, err_msg=column)
