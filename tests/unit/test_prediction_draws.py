"""Choosing customers to predict: an id is a label, whatever type it comes in."""

import numpy as np
import pytest

import bayesltv as ltv
from helpers import point_fit

POINT = {"r": 0.5, "alpha": 5.0, "a": 0.8, "b": 2.5}
TERMS = {"horizon": "39 weeks", "annual_discount_rate": 0.1, "margin": 1.0, "seed": 1}


@pytest.fixture(scope="module")
def some(cdnow):
    numbered = cdnow[:5].assign(customer_id=["5", "7", "007", "x", "5.5"])
    numbered.attrs = cdnow.attrs
    return numbered


@pytest.mark.parametrize("asked", [[5.0, 7], [5, 7.0], ["5", np.int64(7)], np.array([5.0, 7.0])], ids=str)
def test_ids_are_read_as_in_a_summary(some, asked):
    found = ltv.predict(point_fit(POINT, draws=3), some, customers=asked, **TERMS)
    assert found["customer_id"].values.tolist() == ["5", "7"]


def test_ids_that_stand_twice_among_those_asked_for_are_named(some):
    with pytest.raises(ltv.DataError, match=r"1 of 2 customers asked for .* more than once \(id 5\)"):
        ltv.predict(point_fit(POINT, draws=3), some, customers=["5", "x", 5.0], **TERMS)


def test_ids_that_are_not_there_are_named(some):
    with pytest.raises(ltv.DataError, match=r"1 of 2 customers asked for are not in the summary \(id 8\)"):
        ltv.predict(point_fit(POINT, draws=3), some, customers=[8.0, "x"], **TERMS)
